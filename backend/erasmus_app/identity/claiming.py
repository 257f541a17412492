"""A student without a matching ESI says which mobility is theirs, and how that is proved.

By a code that is mailed to the address in the mobility's own papers, or by the word of a
coordinator; never by a name. Nobody is told whether there is such a mobility (guide §1.8, issue 4).
"""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

import msgspec

from erasmus_app.errors import ClaimRefused
from erasmus_app.identity.roles import Standing
from erasmus_app.ids import AccountId, HeiId, OmobilityId, PersonId
from erasmus_app.kit.clock import Clock

CODE_LIFETIME = timedelta(minutes=10)
CODE_DIGITS = 8
MOST_TRIES = 5
"""Of one code."""
WINDOW = timedelta(days=1)
MOST_CLAIMS = 5
"""Of one account within `WINDOW`."""
MOST_MAILS = 3
"""About one mobility within `WINDOW`, whoever claims it: nobody's mailbox is to be filled."""

_HEI = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]*[a-z0-9]")
_ID = re.compile(r"[!-~](?:[ -~]{0,253}[!-~])?")
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]{1,64}@[a-z0-9.-]{1,253}", re.IGNORECASE)


class ClaimState(StrEnum):
    """Where a claim stands."""

    OPEN = "open"  # a code may have been mailed, an office may decide
    GRANTED = "granted"
    REFUSED = "refused"


class ClaimEvidence(StrEnum):
    """What proved a claim."""

    EMAIL = "email"
    DECIDED = "decided"


class MobilityClaim(msgspec.Struct, frozen=True, kw_only=True):
    """A claim, as the student sees it: the same whether there is such a mobility or not. UTC."""

    account_id: AccountId  # whose claim it is
    claim_id: UUID
    sending_hei_id: HeiId
    omobility_id: OmobilityId
    state: ClaimState
    begun_at: datetime
    evidence: ClaimEvidence | None = None
    decided_at: datetime | None = None
    contradicted_at: datetime | None = None  # an ESI says since that it is somebody else's


class OfficeClaim(msgspec.Struct, frozen=True, kw_only=True):
    """A claim, as an office sees it: who says so, and whose the papers are. Personal."""

    claim: MobilityClaim
    claimant_name: str | None
    claimant_email: str | None
    claimant_homes: tuple[HeiId, ...]
    student_name: str | None
    person_id: PersonId  # whose papers they are


class ClaimStore(Protocol):
    """Claims."""

    async def begin(
        self, account: AccountId, sending: HeiId, omobility_id: OmobilityId, now: datetime
    ) -> MobilityClaim | None:
        """Note a claim and the job that mails a code; again for a new code. None: too many."""

    async def confirm(self, account: AccountId, claim: UUID, code: str, now: datetime) -> bool:
        """Grant an open claim whose code this is. Each wrong one counts."""

    async def claims(self, account: AccountId) -> list[MobilityClaim]:
        """Return the account's claims, the latest first."""

    async def of_office(self, hei: HeiId) -> list[OfficeClaim]:
        """Return the claims to this HEI's mobilities that wait, or are contradicted."""

    async def decide(
        self, claim: UUID, heis: tuple[HeiId, ...], by: AccountId, accept: bool, now: datetime
    ) -> MobilityClaim | None:
        """Decide for one of these HEIs; None where there is nothing that they have to decide."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimService:
    """Claiming mobilities, and deciding about it."""

    store: ClaimStore
    clock: Clock

    async def begin(self, standing: Standing, sending: str, omobility_id: str) -> MobilityClaim:
        """Note a claim. The answer says nothing of whether there is such a mobility.

        Raises:
            ClaimRefused: a guest, too many claims within a day, or ids that can be nobody's.
        """
        if standing.is_guest:
            raise ClaimRefused("claim_guest", "A guest claims nothing: log in with the university.")
        hei, name = sending.strip().lower(), omobility_id.strip()
        if len(hei) > 253 or _HEI.fullmatch(hei) is None or _ID.fullmatch(name) is None:
            raise ClaimRefused("claim_invalid", "sendingHei wants a domain, omobilityId an id.")
        found = await self.store.begin(
            standing.account_id, HeiId(hei), OmobilityId(name), self.clock()
        )
        if found is None:
            raise ClaimRefused("claim_limit", "That is enough for today. Ask your office.")
        return found

    async def confirm(self, account: AccountId, claim: UUID, code: str) -> bool:
        """Grant an open claim whose code this is; False for any reason."""
        digits = re.sub(r"[\s-]", "", code[:40])
        return await self.store.confirm(account, claim, digits, self.clock())

    async def decide(self, standing: Standing, claim: UUID, accept: bool) -> MobilityClaim | None:
        """Decide as a coordinator of the HEI whose mobility it is; None where nothing is to be."""
        return await self.store.decide(
            claim, standing.coordinated, standing.account_id, accept, self.clock()
        )


def new_code() -> str:
    """Make a code."""
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"


def is_address(text: str) -> bool:
    """Whether mail can be sent there: one plain address, and nothing that a header could hold."""
    return text.isascii() and _ADDRESS.fullmatch(text) is not None
