"""When reminders are told: on the student's morning, whatever clocks, zones and workers do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from factories import a_mobility, a_nomination
from hypothesis import example, given
from hypothesis import strategies as st
from unit.mobilities.local import a_rule

from erasmus_app.mobilities.basis import Absolute
from erasmus_app.mobilities.dues import Look, day_of, day_of_all, look, moment_of, moment_of_all
from erasmus_app.mobilities.events import Row, event_id
from erasmus_app.mobilities.local_rules import RuleBook
from erasmus_app.mobilities.models import OF_RECEIVING
from erasmus_app.mobilities.rules import DeadlineKind, load_rules
from erasmus_app.mobilities.seen import Seen
from erasmus_app.notifications.catalogue import catalogue_folder, load_catalogue

RULES = load_rules()
HOUR = RULES.ours.hour
LADDERS = load_catalogue(catalogue_folder()).ladders
LADDER = LADDERS[DeadlineKind.APPLICATION]
ACCEPTED = a_mobility(a_nomination("approved"))
DAY = timedelta(days=1)
D = date

ZONES = sorted(each for each in available_timezones() if "/" in each)
zones = st.sampled_from(ZONES)
days = st.dates(D(2026, 3, 1), D(2040, 12, 31))
LEAP, SPRING, AUTUMN = D(2028, 2, 29), D(2027, 3, 28), D(2027, 10, 31)  # in Europe


def rung_of(on: date) -> dict[object, int]:
    """The rung that each event's id is of."""
    of = (ACCEPTED.sending_hei_id, ACCEPTED.omobility_id, Row.B11)
    return {event_id(*of, f"application {on} {rung}"): rung for rung in LADDER}


@dataclass
class Worker:
    """What a worker does about one deadline, but for the database: when it looks, what it tells.

    `down` are times at which no worker runs; what was due then is due when they are over.
    """

    on: date
    zone: str
    at: time | None = None
    of: str | None = None  # whose time `at` is
    down: Sequence[tuple[datetime, datetime]] = ()
    version: int = 1
    seen: Seen = field(default_factory=Seen)
    next_look: datetime | None = None
    told: list[tuple[datetime, int]] = field(default_factory=list)
    known: set[object] = field(default_factory=set)

    def look(self, now: datetime) -> Look:
        today, zone = day_of_all(now, {self.zone}, HOUR)
        content = {"basis": Absolute(self.on), "at": self.at, "zone": self.of}
        book = RuleBook.of([a_rule(version=self.version, **content)], self.version)
        found = look(ACCEPTED, None, RULES, LADDERS, OF_RECEIVING, self.seen, today, book, zone)
        rungs = rung_of(self.on)
        for event in found.events:
            if event.event_id not in self.known and event.step is Row.B11:
                self.told.append((now, rungs[event.event_id]))
        self.known |= {each.event_id for each in (*found.events, *found.covered)}
        self.seen = found.seen
        again = found.next_day
        self.next_look = moment_of_all(again, {self.zone}, HOUR) if again else None
        return found

    def up(self, moment: datetime) -> datetime:
        """The first moment from then on at which a worker runs."""
        for begin, end in sorted(self.down):
            if begin <= moment < end:
                moment = end
        return moment

    def live(self, begin: datetime, moves: Iterable[tuple[datetime, str]] = ()) -> None:
        """Live until nothing is left to look for; `moves` say from when another zone is meant."""
        to_come = sorted(moves)
        self.look(self.up(begin))
        while self.next_look is not None or to_come:
            if to_come and (self.next_look is None or to_come[0][0] <= self.next_look):
                moment, self.zone = to_come.pop(0)
                self.look(self.up(max(moment, begin)))
            elif self.next_look is not None:
                self.look(self.up(self.next_look))


def long_before(on: date) -> datetime:
    return datetime.combine(on - 40 * DAY, time(12), tzinfo=UTC)


@given(days, zones)
@example(LEAP, "Europe/Lisbon")
@example(SPRING, "Europe/Brussels")
@example(AUTUMN, "Atlantic/Azores")
@example(D(2027, 4, 4), "Australia/Lord_Howe")  # the clock moves by half an hour
def test_a_day_begins_at_nine_by_the_student_s_clock_and_not_a_moment_before(day: date, zone: str):
    begins = moment_of(day, zone, HOUR)

    assert begins.astimezone(ZoneInfo(zone)).time() == time(HOUR)
    assert day_of(begins.astimezone(UTC), zone, HOUR) == day
    before = begins.astimezone(UTC) - timedelta(microseconds=1)
    assert day_of(before, zone, HOUR) == day - DAY


@given(days, zones)
@example(LEAP, "Europe/Lisbon")
@example(LEAP + DAY, "Pacific/Auckland")
@example(LEAP + 14 * DAY, "America/Los_Angeles")
@example(SPRING, "Europe/Brussels")
@example(AUTUMN + 2 * DAY, "Europe/Brussels")
@example(D(2028, 1, 1), "Pacific/Kiritimati")
def test_each_rung_is_told_in_the_minute_in_which_its_day_begins(on: date, zone: str):
    worker = Worker(on, zone)
    worker.live(long_before(on))

    assert worker.told == [(moment_of(on - n * DAY, zone, HOUR), n) for n in LADDER]


hours = st.integers(0, 24 * 45)


@st.composite
def lives(draw: st.DrawFn) -> tuple[date, str, list[tuple[int, int]], list[tuple[int, str]]]:
    """A deadline, a zone, outages as (hour, hours), and moves to zones as (hour, zone)."""
    outages = draw(st.lists(st.tuples(hours, st.integers(1, 24 * 12)), max_size=4))
    moves = draw(st.lists(st.tuples(hours, zones), max_size=4))
    return draw(days), draw(zones), outages, moves


@given(lives())
@example((LEAP, "Pacific/Auckland", [(400, 48)], [(700, "America/Los_Angeles")]))
@example((LEAP, "America/Los_Angeles", [], [(700, "Pacific/Auckland"), (701, "Pacific/Niue")]))
def test_nothing_is_lost_doubled_or_early_over_restarts_and_journeys(
    life: tuple[date, str, list[tuple[int, int]], list[tuple[int, str]]],
):
    on, zone, outages, moves = life
    begin = long_before(on)
    hour = timedelta(hours=1)
    worker = Worker(on, zone, down=[(begin + a * hour, begin + (a + n) * hour) for a, n in outages])
    travels = [(begin + after * hour, to) for after, to in moves]
    seen: list[tuple[datetime, str]] = []  # each look, and the zone that it was taken in
    plain = worker.look

    def look_and_note(now: datetime) -> Look:
        seen.append((now, worker.zone))
        found = plain(now)
        rungs = [n for n in LADDER if day_of(now, worker.zone, HOUR) >= on - n * DAY]
        over = day_of(now, worker.zone, HOUR) > on
        if rungs and not over:  # the nearest has been told by now: never lost
            assert min(rungs) in [n for _, n in worker.told] or min(rungs) > min(
                n for _, n in worker.told
            )
        return found

    worker.look = look_and_note  # type: ignore[method-assign]
    worker.live(begin, travels)

    told = [n for _, n in worker.told]
    assert len(set(told)) == len(told)  # never doubled
    assert told == sorted(told, reverse=True)  # nor out of order
    zone_at = dict(seen)
    for moment, rung in worker.told:  # nor early, nor when it is over
        assert on - rung * DAY <= day_of(moment, zone_at[moment], HOUR) <= on
    if not outages:
        assert 0 in told


@given(days, days, zones)
@example(LEAP, LEAP + DAY, "Europe/Lisbon")
@example(SPRING, AUTUMN, "Europe/Brussels")
def test_of_a_day_that_moved_only_the_new_one_is_reminded_of(on: date, other: date, zone: str):
    worker = Worker(on, zone)
    moved_at = moment_of(on - 10 * DAY, zone, HOUR)
    worker.look(long_before(on))
    while worker.next_look is not None and worker.next_look < moved_at:
        worker.look(worker.next_look)
    assert [n for _, n in worker.told] == [30, 14]

    worker.on, worker.version, worker.told = other, 2, []
    worker.look(moved_at)
    while worker.next_look is not None:
        worker.look(worker.next_look)

    # What the message of the move says already is not told beside it.
    left = [n for n in LADDER if other - n * DAY > on - 10 * DAY]
    expected = left if on != other else [7, 2, 0]
    assert worker.told == [(moment_of(other - n * DAY, zone, HOUR), n) for n in expected]


@pytest.mark.parametrize(
    ("at", "of", "zone", "last"),
    [
        (time(23, 59), "Europe/Lisbon", "Europe/Lisbon", D(2027, 3, 28)),
        (time(9, 0), "Europe/Lisbon", "Europe/Lisbon", D(2027, 3, 28)),
        (time(8, 0), "Europe/Lisbon", "Europe/Lisbon", D(2027, 3, 27)),  # over before the morning
        (time(1, 30), "Europe/Lisbon", "Europe/Lisbon", D(2027, 3, 27)),  # a time that is left out
        (time(15, 0), "Europe/Lisbon", "Pacific/Auckland", D(2027, 3, 28)),  # there it is the 29th
        (time(23, 59), "Europe/Lisbon", "Pacific/Auckland", D(2027, 3, 29)),
        (time(12, 0), "Pacific/Auckland", "America/Los_Angeles", D(2027, 3, 27)),
    ],
)
def test_a_time_of_another_zone_is_reminded_of_while_there_is_time(at, of, zone, last: date):
    worker = Worker(SPRING, zone, at=at, of=of)
    worker.live(long_before(SPRING))

    assert worker.told == [(moment_of(last - n * DAY, zone, HOUR), n) for n in LADDER]
    ends = datetime.combine(SPRING, at, tzinfo=ZoneInfo(of))
    assert worker.told[-1][0] <= ends


@given(days, zones, zones)
def test_readers_in_two_zones_are_told_once_when_it_is_morning_for_both(
    on: date, one: str, two: str
):
    moment = moment_of_all(on, {one, two}, HOUR)

    assert day_of_all(moment, {one, two}, HOUR)[0] == on
    assert day_of_all(moment - timedelta(microseconds=1), {one, two}, HOUR)[0] == on - DAY


@given(days, zones, st.integers(-72, 72))
def test_a_clock_that_jumps_and_comes_back_doubles_nothing(on: date, zone: str, by: int):
    worker = Worker(on, zone)
    worker.look(long_before(on))
    while worker.next_look is not None:
        now = worker.next_look
        worker.look(now + timedelta(hours=by))
        worker.look(now)  # the clock is right again
    told = [n for _, n in worker.told]

    assert len(set(told)) == len(told)
    assert 0 in told
