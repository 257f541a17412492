"""Lives of a phone: what its student chooses, nights, services that fail, workers that are late."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from modelling import runs
from unit.store.samples import HOME, a_nomination, an_answer, log_in, take_in
from unit.worker.test_when_pushes_go_out import MESSAGES, NOON, ZONE, Night, a_phone

from erasmus_app.mobilities.events import Row
from erasmus_app.notifications.models import (
    DEFAULT_QUIET,
    Digest,
    Level,
    Medium,
    QuietHours,
    Urgency,
)
from erasmus_app.notifications.ports import Push, PushResult
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import Database
from erasmus_app.store.deliveries import DELIVER
from erasmus_app.store.records import RecordTable

NUMBERS = count(1)
HOUR = timedelta(hours=1)
ROWS = [Row.B3, Row.B9, Row.D5, Row.D1, Row.B16, Row.A9]  # plain ones, the student's move, urgent


@dataclass
class Life(Night):
    """A phone that holds each push to what its student has chosen by then."""

    quiet: QuietHours | None = DEFAULT_QUIET
    paused_until: datetime | None = None
    off: frozenset[str] = frozenset()

    async def choose(self, **wish: Any) -> None:
        await self.wish(**wish)
        self.quiet = wish.get("quiet", self.quiet)
        self.paused_until = wish.get("paused_until", self.paused_until)
        for _, category, level in wish.get("levels", ()):
            self.off = self.off - {category} if level is Level.ALL else self.off | {category}

    def is_quiet(self) -> bool:
        if self.quiet is None:
            return False
        wall, begin, end = self.now.astimezone(ZONE).time(), self.quiet.begin, self.quiet.end
        return begin <= wall < end if begin < end else not end <= wall < begin

    async def send(self, push: Push) -> PushResult:
        rows = await self.database.fetch(
            """select kind, state from delivery join inbox_entry using (account_id, inbox_entry_id)
               where delivery.account_id = $1 and coalesce(carried_by, delivery_id) = (
                   select coalesce(carried_by, delivery_id) from delivery where inbox_entry_id = $2)
               and state = 'pending'""",
            self.account,
            UUID(push.message_id),
        )
        assert len(rows) == 1 + int(push.data.get("more", 0))
        kinds = [MESSAGES.kinds[row["kind"]] for row in rows]
        assert self.paused_until is None or self.paused_until <= self.now
        assert not self.off & {each.category for each in kinds}
        if self.is_quiet():
            assert any(each.urgency is Urgency.HIGH for each in kinds)
            assert push.urgency is Urgency.NORMAL
        return await Night.send(self, push)


quiet = st.sampled_from(
    [None, DEFAULT_QUIET, *(QuietHours(begin=time(a), end=time(b)) for a, b in ((10, 18), (1, 0)))]
)
categories = st.sampled_from(MESSAGES.categories)
levels = st.tuples(st.just(Medium.PUSH), categories, st.sampled_from([Level.ALL, Level.NONE]))
wishes = st.one_of(
    st.fixed_dictionaries({"quiet": quiet}),
    st.fixed_dictionaries({"digest": st.sampled_from(Digest)}),
    st.fixed_dictionaries({"pause": st.none() | st.integers(1, 300)}),
    st.fixed_dictionaries({"levels": levels.map(lambda each: (each,))}),
)
rows = st.lists(st.sampled_from(ROWS), min_size=1, max_size=3)
acts = st.one_of(
    st.tuples(st.just("happen"), rows),
    st.tuples(st.just("wait for others"), rows),
    st.tuples(st.just("choose"), wishes),
    st.tuples(st.just("time"), st.integers(1, 20)),
    st.tuples(st.just("fail"), st.integers(1, 20)),
    st.tuples(st.just("no worker"), st.integers(1, 20)),
)


@settings(
    max_examples=runs(40, 8),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(acts, min_size=2, max_size=14))
@example(
    [
        ("choose", {"pause": 200}),
        ("happen", [Row.B16, Row.B9, Row.D1]),
        ("choose", {"digest": Digest.WEEKLY}),
        ("choose", {"pause": None}),
        ("time", 20),
        ("choose", {"digest": Digest.OFF}),
    ]
)
async def test_nothing_is_lost_doubled_or_sent_against_the_student_s_will(
    database: Database, acts: list[tuple[str, Any]]
):
    name = f"life-{next(NUMBERS)}"
    esi = f"urn:schac:personalUniqueCode:int:esi:{HOME}:{name}"
    await take_in(RecordTable(database), an_answer(a_nomination(esi), omobility_id=name))
    account = await log_in(AccountTable(database), name, (esi,), sleeps=True)
    await a_phone(database, account, name)
    life = Life(database, account, NOON, omobility_id=name)
    happened = 0
    for act, what in acts:
        match act:
            case "happen" | "wait for others":
                merge_for = timedelta(minutes=5 if act == "wait for others" else 0)
                await life.happen(*what, merge_for=merge_for)
                happened += len(what)
            case "choose" if "pause" in what:
                hours = what["pause"]
                await life.choose(paused_until=life.now + hours * HOUR if hours else None)
            case "choose":
                await life.choose(**what)
            case "no worker":
                life.now += what * HOUR
            case _:
                life.failing = act == "fail"
                await life.pass_by(what * HOUR)
                life.failing = False
    await life.choose(quiet=None, digest=Digest.OFF, paused_until=None)
    await life.pass_by(3 * HOUR)

    ledger = await database.fetch(
        "select state, count(*) as n from delivery where account_id = $1 group by 1", account
    )
    states = {row["state"]: row["n"] for row in ledger}
    assert set(states) <= {"accepted", "superseded", "unwanted"}
    assert sum(states.values()) == happened
    told = [1 + int(each.data.get("more", 0)) for each in life.seen]
    assert sum(told) == states.get("accepted", 0)
    # A job of what was dropped finds nothing when its time comes; none is left of anything else.
    assert not await database.fetchval(
        """select count(*) from job join delivery on delivery_id::text = payload ->> 'delivery_id'
           where job.kind = $1 and state in ('pending', 'accepted')""",
        DELIVER,
    )
