"""The address that an account's messages may be mailed to: given by the student, and confirmed.

What a login says of an address is nobody's wish to get mail there, so none is taken from it. A code
goes to the one that is given; until it comes back, nothing else does (docs/decisions/0025).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

import msgspec

from erasmus_app.errors import AddressRefused
from erasmus_app.identity.claiming import is_address
from erasmus_app.ids import AccountId
from erasmus_app.kit.clock import Clock

CODE_LIFETIME = timedelta(minutes=30)
"""Servers that do not know us may let a first mail wait for a quarter of an hour."""
MOST_TRIES = 5
"""Of one code."""
WINDOW = timedelta(days=1)
MOST_ASKED = 5
"""Of one account within `WINDOW`."""
MOST_CODES = 3
"""To one address within `WINDOW`, whoever asks: nobody's mailbox is to be filled."""
MOST_REFUSALS = 3
"""Mails in a row that its server does not take, until an address counts as gone."""
LONGEST = 254  # characters, RFC 5321 §4.5.3.1.3 without the brackets


class AddressState(StrEnum):
    """Where an address stands."""

    WAITING = "waiting"  # for its code
    CONFIRMED = "confirmed"
    STOPPED = "stopped"  # confirmed; whoever reads mail there wants no more
    GONE = "gone"  # its server says that there is no such mailbox: it is forgotten


class MailAddress(msgspec.Struct, frozen=True, kw_only=True):
    """An address, as its student sees it. Personal."""

    account_id: AccountId  # whose
    address_id: UUID
    address: str | None  # None where it is gone
    state: AddressState
    asked_at: datetime
    confirmed_at: datetime | None


class MailAddressStore(Protocol):
    """Where addresses are kept."""

    async def ask(self, account: AccountId, address: str, now: datetime) -> MailAddress | None:
        """Let an address wait for its code, in place of another that does; None: too many.

        The one that is confirmed stays until another is. Asked for again it is as it was, and
        mails that were stopped go there again.
        """

    async def confirm(self, account: AccountId, code: str, now: datetime) -> MailAddress | None:
        """Confirm the one that waits, in place of any other; None for a wrong or late code."""

    async def remove(self, account: AccountId, now: datetime) -> bool:
        """Forget the account's addresses; False where there was none."""

    async def addresses(self, account: AccountId, now: datetime) -> Sequence[MailAddress]:
        """Return the one that is, or was, confirmed, and the one that waits."""

    async def stop(self, token: str, now: datetime) -> bool:
        """Mail nothing more to the address of a token in a mail; False where it is none of ours."""

    def is_token(self, token: str) -> bool:
        """Whether we have put it into a mail."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MailAddressService:
    """Gives, confirms and removes addresses."""

    store: MailAddressStore
    clock: Clock
    is_on: bool  # whether there is a mail server

    async def ask(self, account: AccountId, text: str) -> MailAddress:
        """Mail a code to an address. The answer says nothing of who else has asked for it.

        Raises:
            AddressRefused: no mail is sent here, it is no address, or too many were asked for.
        """
        if not self.is_on:
            raise AddressRefused("mail_off", "No mail is sent here.")
        address = plain_address(text)
        if address is None:
            raise AddressRefused(
                "mail_address_invalid", "address: wants one plain address, in ASCII."
            )
        found = await self.store.ask(account, address, self.clock())
        if found is None:
            raise AddressRefused("mail_limit", "That is enough for today.")
        return found

    async def confirm(self, account: AccountId, code: str) -> MailAddress:
        """Confirm the address that waits.

        Raises:
            AddressRefused: the code is wrong or late, or was tried too often.
        """
        digits = re.sub(r"[\s-]", "", code[:40])
        found = await self.store.confirm(account, digits, self.clock())
        if found is None:
            raise AddressRefused("mail_code_wrong", "The code is wrong, or its time is over.")
        return found


def plain_address(text: str) -> str | None:
    """Return an address as it is mailed to, its domain in lower case; None for what is none.

    Only what needs no quotes anywhere: nothing of it can end a line, a header or a command.
    """
    local, _, domain = text.strip().rpartition("@")
    domain = domain.lower()
    found = f"{local}@{domain}"
    if len(found) > LONGEST or not is_address(found):
        return None
    labels = domain.split(".")
    if len(labels) < 2 or not all(re.fullmatch(_LABEL, each) for each in labels):
        return None
    if not re.fullmatch(_LOCAL, local) or labels[-1].isdecimal():
        return None
    return found


_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = rf"{_ATOM}(?:\.{_ATOM})*"
