"""The login doctor: what a login brought, what is missing, and whom to ask (guide §1.8, §8).

It knows the names of claims, never their values.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

import msgspec

from erasmus_app.identity.claims import MYACADEMICID, ClaimNames
from erasmus_app.identity.roles import (
    HeiRole,
    HeiRules,
    KnownIdentity,
    Standing,
    hei_of,
    standing_of,
)
from erasmus_app.ids import AccountId, HeiId
from erasmus_app.kit.clock import Clock

RELEASE_TEST = "https://myacademicid.devtest.eduteams.org/sp/"
"""The public page that shows everybody what their university releases (§1.1)."""


class Condition(StrEnum):
    """What the doctor may find."""

    GUEST = "guest"
    FORMER_ONLY = "former-only"
    SEVERAL_HOMES = "several-homes"
    HOME_UNMATCHED = "home-unmatched"  # the HEI is not in the EWP network
    HOME_MISSING = "home-missing"
    AFFILIATION_MISSING = "affiliation-missing"
    NAME_MISSING = "name-missing"
    EMAIL_MISSING = "email-missing"
    ESI_MISSING = "esi-missing"
    ESI_KEPT = "esi-kept"  # the latest login brought none; an earlier one's still counts
    ESI_CHANGED = "esi-changed"
    ESI_ELSEWHERE = "esi-elsewhere"  # another account has it
    ESI_UNCLEAR = "esi-unclear"  # somebody else's differs from it in letter case alone


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a student should know of a login."""

    condition: Condition
    claim: str | None = None  # the name of the claim that is missing
    hei: HeiId | None = None  # whom it is about: whom to ask, as a rule


class SeenEsi(msgspec.Struct, frozen=True, kw_only=True):
    """An ESI that an identity brought, without the ESI."""

    is_current: bool
    hold: str | None = None  # elsewhere, case


class SeenIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """An identity of an account and its latest login, without anything that it said."""

    account_id: AccountId
    identity_id: UUID
    known: KnownIdentity
    first_login_at: datetime
    received: tuple[str, ...] = ()  # names of claims
    missing: tuple[str, ...] = ()
    esis: tuple[SeenEsi, ...] = ()


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to say of one identity."""

    seen: SeenIdentity
    provider: str  # its name here; the issuer where it is configured no more
    homes: tuple[HeiId, ...]
    findings: tuple[Finding, ...]


class SeenIdentities(Protocol):
    """The identities of accounts."""

    async def seen(self, account: AccountId) -> list[SeenIdentity]:
        """Return an account's identities, the latest login first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoginDoctor:
    """Looks at an account's logins."""

    store: SeenIdentities
    providers: Mapping[str, tuple[str, ClaimNames]]  # by issuer: our name for it, and its claims
    heis: Mapping[HeiId, HeiRules]
    is_known: Callable[[HeiId], bool]  # whether an HEI is in the EWP network, or covered
    clock: Clock

    async def look(self, account: AccountId) -> list[Diagnosis]:
        """Say what there is to say of each identity, the latest login first."""
        return [
            self._diagnosis(each, account, self.clock()) for each in await self.store.seen(account)
        ]

    def _diagnosis(self, seen: SeenIdentity, account: AccountId, now: datetime) -> Diagnosis:
        issuer = seen.known.issuer
        provider, names = self.providers.get(issuer, (issuer, MYACADEMICID))
        homes = homes_of(seen.known, self.heis)
        alone = standing_of(account, [seen.known], self.heis, now, issuer=None)
        found = tuple(diagnose(seen, homes, alone, names, self.is_known))
        return Diagnosis(seen=seen, provider=provider, homes=homes, findings=found)


def homes_of(known: KnownIdentity, heis: Mapping[HeiId, HeiRules]) -> tuple[HeiId, ...]:
    """Return the HEIs that a login names as home, by their ids in the network where known."""
    found = (hei_of(each, heis) or each for each in known.home_hei_ids)
    return tuple(dict.fromkeys(found))


def diagnose(
    seen: SeenIdentity,
    homes: Sequence[HeiId],
    alone: Standing,
    names: ClaimNames,
    is_known: Callable[[HeiId], bool],
) -> Iterable[Finding]:
    """Yield what there is to say, the most important first.

    Args:
        seen: the identity.
        homes: its HEIs.
        alone: what it would be, were it its account's only one.
        names: under which names its provider tells what.
        is_known: whether an HEI is in the EWP network.
    """
    home = next(iter((*homes, *(each.hei for each in alone.roles))), None)
    if alone.is_guest:
        yield Finding(condition=Condition.GUEST)
        yield from _said_too_little(seen, names, home)
        return
    if alone.is_past_only:
        yield Finding(condition=Condition.FORMER_ONLY, hei=home)
    yield from (
        Finding(condition=Condition.HOME_UNMATCHED, hei=each)
        for each in homes
        if not is_known(each)
    )
    yield from _of_esis(seen, names, home, needed=_may_be_student(alone))
    homes_claim = names.homes or names.principal
    if homes_claim in seen.missing:
        yield Finding(condition=Condition.HOME_MISSING, claim=homes_claim)
    if names.affiliations in seen.missing:
        yield Finding(condition=Condition.AFFILIATION_MISSING, claim=names.affiliations, hei=home)
    yield from _said_too_little(seen, names, home)
    if len(homes) > 1:
        yield Finding(condition=Condition.SEVERAL_HOMES)


def _may_be_student(alone: Standing) -> bool:
    """Whether an ESI is to be expected: of staff it says nothing, of alumni nothing any more."""
    return not alone.roles or any(each.role is HeiRole.STUDENT for each in alone.roles)


def _of_esis(
    seen: SeenIdentity, names: ClaimNames, home: HeiId | None, *, needed: bool
) -> Iterable[Finding]:
    current = [each for each in seen.esis if each.is_current]
    if any(each.hold == "elsewhere" for each in current):
        yield Finding(condition=Condition.ESI_ELSEWHERE)
    if any(each.hold == "case" for each in current):
        yield Finding(condition=Condition.ESI_UNCLEAR, hei=home)
    if len(current) < len(seen.esis):
        yield Finding(condition=Condition.ESI_CHANGED, hei=home)
    if not current and needed:
        yield Finding(condition=Condition.ESI_MISSING, claim=names.codes or None, hei=home)
    elif current and names.codes in seen.missing:
        yield Finding(condition=Condition.ESI_KEPT, claim=names.codes, hei=home)


def _said_too_little(
    seen: SeenIdentity, names: ClaimNames, home: HeiId | None
) -> Iterable[Finding]:
    for claim, condition in (
        (names.name, Condition.NAME_MISSING),
        (names.email, Condition.EMAIL_MISSING),
    ):
        if claim in seen.missing:
            yield Finding(condition=condition, claim=claim, hei=home)
