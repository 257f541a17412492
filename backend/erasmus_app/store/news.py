"""Who waits for news of an account hears of it, whichever process made it."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

import structlog

from erasmus_app.ids import AccountId, HeiId
from erasmus_app.notifications.ports import Topic
from erasmus_app.store.database import AWAY, Database

RECORD, FACTSHEET, INBOX = "record_changed", "factsheet_changed", "inbox_written"
TOPICS = {RECORD: Topic.RECORD, INBOX: Topic.INBOX}
AT_ONCE = 4  # reads of who waits: requests find connections free, also when all look again
AGAIN_SECONDS = 0.5

T = TypeVar("T")

log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class AccountNews:
    """What `notifications.ports.News` asks for, kept up to date by `keep`.

    One connection listens for the whole process. A notification wakes those who wait for that
    account and nobody else. Where some may have been missed, because the database was away or a
    connection to it broke, everybody is woken to look again: what is true is in the rows.
    """

    database: Database
    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    _waiting: dict[tuple[Topic, AccountId], set[asyncio.Event]] = field(
        default_factory=lambda: defaultdict(set)
    )
    _hosts: set[HeiId] = field(default_factory=set)  # with a new factsheet
    _new_hosts: asyncio.Event = field(default_factory=asyncio.Event)
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    @contextmanager
    def heard(self, topic: Topic, account: AccountId) -> Iterator[asyncio.Event]:
        """Yield an event that is set at each piece of news, and when some may have been missed."""
        event, key = asyncio.Event(), (topic, account)
        self._waiting[key].add(event)
        try:
            yield event
        finally:
            self._waiting[key].discard(event)
            if not self._waiting[key]:
                del self._waiting[key]

    async def look(self, read: Callable[[], Awaitable[T]]) -> T:
        """Read, a few at a time; where the database is away, again until it is back."""
        while True:
            try:
                async with self._turns:
                    return await read()
            except AWAY as error:
                log.info("news.unreadable", error=type(error).__name__)
            await asyncio.sleep(AGAIN_SECONDS)

    async def keep(self) -> None:
        """Listen, until cancelled."""
        async with self.database.hearing((RECORD, FACTSHEET, INBOX), self._told):
            while True:
                await self._new_hosts.wait()
                self._new_hosts.clear()
                hosts, self._hosts = self._hosts, set()
                await self._wake_guests(hosts)

    def _told(self, channel: str, payload: str | None) -> None:
        if payload is None:
            self._wake_all()
        elif channel == FACTSHEET:
            self._hosts.add(HeiId(payload))
            self._new_hosts.set()
        else:
            for event in self._waiting.get((TOPICS[channel], AccountId(UUID(payload))), ()):
                event.set()

    def _wake_all(self) -> None:
        for events in self._waiting.values():
            for event in events:
                event.set()

    async def _wake_guests(self, hosts: set[HeiId]) -> None:
        """Wake those who wait for the record of a guest of these hosts."""
        waiting = [account for topic, account in self._waiting if topic is Topic.RECORD]
        if not waiting:
            return
        rows = await self.look(
            lambda: self.database.fetch(
                """select distinct account_id
                   from account_person join mobility using (tenant, person_id)
                   where account_id = any($1) and receiving_hei_id = any($2)""",
                waiting,
                list(hosts),
            )
        )
        for row in rows:
            self._told(RECORD, str(row["account_id"]))
