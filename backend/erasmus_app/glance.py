"""What an app's first screen shows of a student, read all at once."""

from datetime import date
from typing import NamedTuple, Protocol

import msgspec

from erasmus_app.identity.models import Account
from erasmus_app.identity.roles import KnownIdentity
from erasmus_app.ids import AccountId
from erasmus_app.mobilities.brief import Brief
from erasmus_app.mobilities.ports import StoredMobility
from erasmus_app.notifications.models import InboxEntry


class Wanted(NamedTuple):
    """What a request will ask for beside the account."""

    mobilities: bool = False
    records: bool = False  # of the mobilities more than a brief has
    unread: bool = False
    inbox: int = 0  # the newest messages, this many


class Glance(msgspec.Struct, frozen=True, kw_only=True):
    """What was found; None for what was not read. There may be more than was wanted."""

    account: Account
    identities: list[KnownIdentity]
    mobilities: list[StoredMobility] | None = None
    briefs: list[Brief] | None = None  # of the mobilities, where their records are not wanted
    unread: int | None = None
    inbox: list[InboxEntry] | None = None


class Glances(Protocol):
    """Where all of it is read."""

    async def glance(self, account: AccountId, wanted: Wanted, today: date) -> Glance | None:
        """Return it as it stands today (UTC), by one read; None where there is no such account."""
