"""Calendar feeds: a secret address each, where a calendar reads what is due and when the stay is.

The address is all that a calendar has, so it is a secret of 256 bits, shown once, kept as its hash,
and revocable. It opens the calendar and nothing else.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from erasmus_app.ids import AccountId, HeiId, MobilityId
from erasmus_app.institutions.models import CoveredHei
from erasmus_app.institutions.ports import FactsheetStore
from erasmus_app.kit.clock import Clock
from erasmus_app.mobilities.deadlines import Deadline, deadlines
from erasmus_app.mobilities.ports import LocalRules, MobilitySource, RecordStore, StoredMobility
from erasmus_app.mobilities.refreshes import heard
from erasmus_app.mobilities.rules import Rules
from erasmus_app.notifications.agenda import Published, entries_of, published, uid_of

MOST_FEEDS = 10  # of an account; the one not read for longest makes room
SECRET_BYTES = 32


class CalendarFeed(msgspec.Struct, frozen=True, kw_only=True):
    """A feed; its secret is known to the calendar alone."""

    account_id: AccountId
    feed_id: UUID
    created_at: datetime
    fetched_at: datetime | None  # to the hour


class Subscriber(msgspec.Struct, frozen=True, kw_only=True):
    """Whose calendar a secret opens."""

    account_id: AccountId
    feed_id: UUID
    language: str
    zone: str


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """An entry, with the deadline that it is made from where it has one still."""

    published: Published
    deadline: Deadline | None


class CalendarStore(Protocol):
    """Where feeds are kept, and what calendars have seen."""

    async def feeds(self, account: AccountId) -> list[CalendarFeed]:
        """Return an account's, the newest first."""

    async def create(
        self, account: AccountId, secret_sha256: bytes, at: datetime, most: int
    ) -> CalendarFeed:
        """Keep a new one; of more than `most` the one not read for longest makes room."""

    async def revoke(self, account: AccountId, feed: UUID) -> bool:
        """Forget one; False where it is not the account's."""

    async def subscriber(self, secret_sha256: bytes, now: datetime) -> Subscriber | None:
        """Return whose it is, and note the hour; None of a secret that opens nothing."""

    async def replace(
        self,
        account: AccountId,
        now_shown: Callable[[Mapping[str, Published]], Mapping[str, Published]],
    ) -> Mapping[str, Published]:
        """Put what is shown now in the place of what was, by `now_shown`; one after the other."""


def digest_of(secret: str) -> bytes:
    """Return what is kept of a secret."""
    return hashlib.sha256(secret.encode()).digest()


@dataclass(frozen=True, kw_only=True, slots=True)
class CalendarService:
    """Feeds and what they show."""

    store: CalendarStore
    records: RecordStore
    factsheets: FactsheetStore
    rules: Rules
    local_rules: LocalRules
    source: MobilitySource
    heis: Mapping[HeiId, CoveredHei]
    clock: Clock

    async def feeds(self, account: AccountId) -> list[CalendarFeed]:
        """Return an account's feeds, the newest first."""
        return await self.store.feeds(account)

    async def create(self, account: AccountId) -> tuple[CalendarFeed, str]:
        """Make a feed; return it with its secret, which nobody can be told again."""
        secret = secrets.token_urlsafe(SECRET_BYTES)
        made = await self.store.create(account, digest_of(secret), self.clock(), MOST_FEEDS)
        return made, secret

    async def revoke(self, account: AccountId, feed: UUID) -> bool:
        """Let a feed's address open nothing any more; False where it is not the account's."""
        return await self.store.revoke(account, feed)

    async def subscriber(self, secret: str) -> Subscriber | None:
        """Return whose calendar a secret opens; None of one that opens nothing."""
        return await self.store.subscriber(digest_of(secret), self.clock())

    async def shown(self, account: AccountId, zone: str) -> list[Shown]:
        """Return what an account's calendars are to show now, by id."""
        now = self.clock()
        today = now.astimezone(ZoneInfo(zone)).date()
        due = {
            entry.uid: (entry, deadline)
            for stored, found in await self._due(account, today)
            for entry, deadline in entries_of(stored, found, today)
        }
        entries = [entry for entry, _ in due.values()]
        seen = await self.store.replace(
            account, lambda before: published(before, entries, today, now)
        )
        return [
            Shown(published=each, deadline=due[uid][1] if uid in due else None)
            for uid, each in sorted(seen.items())
        ]

    async def one(self, account: AccountId, zone: str, mobility: MobilityId) -> list[Shown]:
        """Return what is shown of one mobility; nothing of one that is not the account's."""
        shown = [(each, each.published.entry) for each in await self.shown(account, zone)]
        return [each for each, entry in shown if entry.uid == uid_of(mobility, entry.what)]

    async def _due(
        self, account: AccountId, today: date
    ) -> list[tuple[StoredMobility, Sequence[Deadline]]]:
        stored = await self.records.mobilities_of(account)
        hosts = list(dict.fromkeys(each.mobility.receiving_hei_id for each in stored))
        pages = dict(zip(hosts, await self.factsheets.pages(hosts), strict=True))
        book = self.local_rules.book
        return [
            (
                each,
                deadlines(
                    each.mobility,
                    pages[each.mobility.receiving_hei_id],
                    self.rules,
                    heard(each.mobility, self.heis.get(each.mobility.tenant), self.source),
                    today,
                    book.about(each.mobility),
                ),
            )
            for each in stored
        ]
