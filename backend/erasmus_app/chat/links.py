"""Linking a chat account with a student: by a code from the app, and by nothing else.

A phone number or an address proves nothing: numbers change hands, and messengers let themselves be
told names. Whoever has the app open sees the code, and sends it from where they want to ask.
"""

import re
import secrets
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol
from uuid import UUID

import msgspec

from erasmus_app.chat.messengers import Messenger
from erasmus_app.ids import AccountId
from erasmus_app.kit.clock import Clock
from erasmus_app.kit.plain import plain

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # without those that are read as another: 0 O 1 I L
DIGITS = frozenset("23456789")
CODE_LENGTH = 10  # 49 bits
CODE_LIFETIME = timedelta(minutes=10)
MOST_CODES = 10  # an hour, of an account
CODE_WINDOW = timedelta(hours=1)
MOST_LINKS = 10  # of an account; the one unused for longest makes room
_SEPARATORS = re.compile(r"[\s\-\u2010-\u2015]+")
_START = re.compile(r"^/start(?:@\w+)?\s+", re.IGNORECASE)  # Telegram's, behind a link with a code


class ChatLink(msgspec.Struct, frozen=True, kw_only=True):
    """A chat account that an account has linked. Its id there is shown to nobody."""

    account_id: AccountId
    link_id: UUID
    messenger: Messenger
    linked_at: datetime  # UTC
    used_on: date | None  # UTC; None: not asked from yet


class LinkCode(msgspec.Struct, frozen=True, kw_only=True):
    """A code, as it is shown once."""

    code: str
    expires_at: datetime


class TooManyCodes(msgspec.Struct, frozen=True, kw_only=True):
    """No code: the account has had enough of them for now."""

    again_at: datetime


class ChatLinkStore(Protocol):
    """Links and codes."""

    async def links(self, account: AccountId) -> list[ChatLink]:
        """Return an account's, the newest first."""

    async def keep_code(
        self, account: AccountId, code: str, now: datetime, expires_at: datetime
    ) -> datetime | None:
        """Keep a code in place of the one before; or say since when there are too many."""

    async def drop_code(self, account: AccountId) -> bool:
        """Forget an account's code; False where there is none that is good."""

    async def redeem(
        self, messenger: Messenger, sender: str, code: str, now: datetime
    ) -> ChatLink | None:
        """Link a sender with the account whose code it is, and forget the code; None: it is none.

        A sender has one account: the link before ends.
        """

    async def link_of(self, messenger: Messenger, sender: str) -> ChatLink | None:
        """Return a sender's link."""

    async def used(self, link: ChatLink, on: date) -> None:
        """Note the day."""

    async def remove(self, account: AccountId, link: UUID) -> bool:
        """Forget a link; False where it is not the account's."""

    async def part(self, messenger: Messenger, sender: str) -> None:
        """Forget a sender's link, if there is one."""


def new_code() -> str:
    """Return a code as it is kept, with a digit, so that no word of a question looks like one."""
    while True:
        code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
        if DIGITS & set(code):
            return code


def code_in(text: str) -> str | None:
    """Return the code that a message is, as it is kept; None where it is something else."""
    bare = _SEPARATORS.sub("", _START.sub("", plain(text[:200]))).upper()
    looks = len(bare) == CODE_LENGTH and set(bare) <= set(ALPHABET) and DIGITS & set(bare)
    return bare if looks else None


def shown_code(code: str) -> str:
    """Return a code as it is read: in two halves."""
    return f"{code[: CODE_LENGTH // 2]}-{code[CODE_LENGTH // 2 :]}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatLinkService:
    """What the app does about links."""

    store: ChatLinkStore
    clock: Clock

    async def links(self, account: AccountId) -> list[ChatLink]:
        """Return an account's links, the newest first."""
        return await self.store.links(account)

    async def create_code(self, account: AccountId) -> LinkCode | TooManyCodes:
        """Make a code, which ends the one before."""
        now, code = self.clock(), new_code()
        until = now + CODE_LIFETIME
        since = await self.store.keep_code(account, code, now, until)
        if since is not None:
            return TooManyCodes(again_at=since + CODE_WINDOW)
        return LinkCode(code=shown_code(code), expires_at=until)

    async def revoke_code(self, account: AccountId) -> bool:
        """Let an account's code open nothing any more."""
        return await self.store.drop_code(account)

    async def remove(self, account: AccountId, link: UUID) -> bool:
        """End a link."""
        return await self.store.remove(account, link)
