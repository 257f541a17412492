"""What an app's first screen shows of a student, read all at once."""

from typing import NamedTuple, Protocol

import msgspec

from erasmus_app.identity.models import Account
from erasmus_app.identity.roles import KnownIdentity
from erasmus_app.ids import AccountId
from erasmus_app.mobilities.ports import StoredMobility
from erasmus_app.notifications.models import InboxEntry


class Wanted(NamedTuple):
    """What a request will ask for beside the account."""

    mobilities: bool = False
    unread: bool = False
    inbox: int = 0  # the newest messages, this many


class Glance(msgspec.Struct, frozen=True, kw_only=True):
    """What was found; None for what was not wanted."""

    account: Account
    identities: list[KnownIdentity]
    mobilities: list[StoredMobility] | None = None
    unread: int | None = None
    inbox: list[InboxEntry] | None = None


class Glances(Protocol):
    """Where all of it is read."""

    async def glance(self, account: AccountId, wanted: Wanted) -> Glance | None:
        """Return it, by one read; None where there is no such account."""
