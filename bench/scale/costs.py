"""What one piece of work costs in a database of some size: time, processor, bytes of WAL."""

import asyncio
import hashlib
import os
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import msgspec
import psutil
from home_students import ABROAD, MESSAGES, account_of
from scale.filling import home_of

from erasmus_app.glance import Wanted
from erasmus_app.ids import AccountId, OmobilityId
from erasmus_app.kit.clock import utc_now
from erasmus_app.mobilities.consolidate import AbsenceRules
from erasmus_app.mobilities.models import Api, NominationStatus
from erasmus_app.mobilities.ports import Answer, Document, Reading
from erasmus_app.mobilities.taking import TakingIn
from erasmus_app.notifications.catalogue import catalogue_folder, load_catalogue
from erasmus_app.store.database import Database
from erasmus_app.store.glances import GlanceTable
from erasmus_app.store.outbox import Outbox, Verdict
from erasmus_app.store.records import RecordTable
from erasmus_app.store.telling import Teller

SCREEN = Wanted(mobilities=True, unread=True, inbox=MESSAGES)
SIDE_BY_SIDE = 8
WARM = 10  # one of so many does not count
CLAIM = 100
LEASE = timedelta(seconds=30)
XML_BYTES = 4_000


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of work, on the average of many."""

    name: str
    times: int
    p50: float  # seconds, of `SIDE_BY_SIDE` under way
    p99: float
    ours: float  # seconds of our processor's time
    postgres: float  # of PostgreSQL's
    wal: float  # bytes

    @property
    def cpu(self) -> float:
        """Both together."""
        return self.ours + self.postgres


@dataclass(frozen=True, slots=True)
class Desk:
    """A filled database, and who in it has a stay."""

    database: Database
    active: int
    heis: int
    chosen: random.Random

    def some(self, count: int) -> list[int]:
        """Return students at random, each once."""
        return self.chosen.sample(range(self.active), count)


async def costs(desk: Desk, times: int) -> list[Cost]:
    """Measure each piece of work, over students who are chosen at random: rows are cold."""
    glances, today = GlanceTable(desk.database), datetime.now(UTC).date()
    taking = TakingIn(
        absences=AbsenceRules(),
        tell=Teller(load_catalogue(catalogue_folder()), timedelta(0)),
        clock=utc_now,
    )
    records, outbox, worker = RecordTable(desk.database), Outbox(desk.database), uuid4()

    async def start(number: int) -> None:
        found = await glances.glance(AccountId(account_of(number)), SCREEN, today)
        assert found is not None
        assert found.briefs, number

    async def whole(number: int) -> None:
        assert await records.mobilities_of(AccountId(account_of(number)))

    async def change(number: int) -> None:
        await _take_in(desk, records, taking, number)

    async def send(_: int) -> None:
        claimed = await outbox.claim({"fcm": CLAIM}, LEASE, worker, 5)
        assert len(claimed) == CLAIM
        await outbox.write(
            [
                Verdict(job=each.job, delivery_id=each.delivery_id, state="accepted", attempts=1)
                for each in claimed
            ],
            worker,
        )

    found = [
        await _measured("app start, screen as kept", start, desk, desk.some(times)),
        await _measured("all records of a student", whole, desk, desk.some(times)),
    ]
    changed = desk.some(times)
    found.append(await _measured("change: merge, diff, tell, commit", change, desk, changed))
    found.append(await _measured("app start after a change", start, desk, changed))
    waiting = await desk.database.fetchval("select count(*) from job where kind = 'deliver'")
    rounds = await _measured(
        "push: claim and verdict", send, desk, range(waiting // CLAIM), at_once=1
    )
    each = 1 / CLAIM
    found.append(
        msgspec.structs.replace(
            rounds,
            times=rounds.times * CLAIM,
            ours=rounds.ours * each,
            postgres=rounds.postgres * each,
            wal=rounds.wal * each,
        )
    )
    return found


async def _take_in(desk: Desk, records: RecordTable, taking: TakingIn, number: int) -> None:
    home, name = home_of(number, desk.heis), OmobilityId(f"om-{number}-0")
    async with records.change(home, home, name) as change:
        assert change.before is not None, number
        nomination = change.before.mobility.nomination
        assert nomination is not None
        assert nomination.value is not None
        accepted = nomination.value.status is NominationStatus.APPROVED
        value = msgspec.structs.replace(
            nomination.value,
            status=NominationStatus.CANCELLED if accepted else NominationStatus.APPROVED,
        )
        xml = os.urandom(XML_BYTES)
        reading = Reading(
            tenant=home,
            api=Api.OMOBILITIES,
            major=3,
            hei_id=home,
            asked_as=home,
            sending_hei_id=home,
            receiving_hei_id=ABROAD,
            omobility_id=name,
            at=utc_now(),
            value=value,
        )
        document = Document(xml=xml, sha256=hashlib.sha256(xml).digest(), signed_by="a" * 64)
        taken = await taking(change, Answer(reading=reading, document=document), silent=False)
        assert taken is not None
        assert taken.happened, number


async def _measured(
    name: str,
    work: Callable[[int], Awaitable[None]],
    desk: Desk,
    of: Sequence[int],
    *,
    at_once: int = SIDE_BY_SIDE,
) -> Cost:
    """Do the work for each, some side by side, after the first tenth, which does not count."""
    waiting, took = iter(of), list[float]()

    async def hand() -> None:
        for number in waiting:
            began = time.perf_counter()
            await work(number)
            took.append(time.perf_counter() - began)

    for _ in range(len(of) // WARM):
        await work(next(waiting))
    before = await _used(desk.database)
    await asyncio.gather(*(hand() for _ in range(at_once)))
    after = await _used(desk.database)
    took.sort()
    ours, postgres, wal = (b - a for a, b in zip(before, after, strict=True))
    return Cost(
        name=name,
        times=len(took),
        p50=took[len(took) // 2],
        p99=took[int(len(took) * 0.99)],
        ours=ours / len(took),
        postgres=postgres / len(took),
        wal=wal / len(took),
    )


async def _used(database: Database) -> tuple[float, float, float]:
    """Return our processor's time, that of the server's processes, and how much WAL there is."""
    wal = await database.fetchval("select pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
    pid = await database.fetchval("select pg_backend_pid()")
    server = psutil.Process(pid).parent()
    assert server is not None
    theirs = 0.0
    for each in server.children():
        times = each.cpu_times()
        theirs += times.user + times.system
    mine = time.process_time()
    return mine, theirs, float(wal)
