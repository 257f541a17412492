"""What the calendar tells, once: the rows of guide §5.3 that nobody announces."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from factories import (
    TODAY,
    a_factsheet,
    a_mobility,
    a_nomination,
    a_proposal,
    a_transcript,
    a_version,
    an_agreement,
    an_old_nomination,
    later,
    signed,
    sourced,
)
from msgspec.structs import replace

from erasmus_app.ids import AcademicYearId
from erasmus_app.institutions.models import AdditionalRequirement, KnownFactsheet, TermDays
from erasmus_app.mobilities.changes import changes
from erasmus_app.mobilities.dues import Look, day_of, look, moment_of
from erasmus_app.mobilities.events import DETAILS, Row
from erasmus_app.mobilities.models import (
    OF_RECEIVING,
    Mobility,
    Reception,
    ReceptionStatus,
    Requirement,
)
from erasmus_app.mobilities.rules import load_rules
from erasmus_app.mobilities.seen import Seen
from erasmus_app.notifications.catalogue import catalogue_folder, load_catalogue

RULES = load_rules()
LADDERS = load_catalogue(catalogue_folder()).ladders
NEW, OLD = a_nomination, an_old_nomination
FACTSHEET = a_factsheet()
D = date


def looked(
    mobility: Mobility,
    today: date,
    seen: Seen | None = None,
    factsheet: KnownFactsheet | None = FACTSHEET,
) -> Look:
    return look(mobility, factsheet, RULES, LADDERS, OF_RECEIVING, seen or Seen(), today)


def told(mobility: Mobility, *days: date, **more: Any) -> list[list[str]]:
    """What each day's look finds, told or not, by rows."""
    return [[each.step.value for each in looked(mobility, day, **more).events] for day in days]


def fresh(mobility: Mobility, first: date, days: int, **more: Any) -> list[tuple[date, str]]:
    """What is told on which day where a look is taken every day."""
    known, found = set(), []
    for day in (first + timedelta(days=n) for n in range(days)):
        for event in looked(mobility, day, **more).events:
            if event.event_id not in known:
                found.append((day, event.step.value))
            known.add(event.event_id)
    return found


ACCEPTED = a_mobility(NEW("approved"))
STAY = {"planned_start": "2026-09-07", "planned_end": "2027-01-31"}
SIGNED = an_agreement(first=a_version(), **STAY)
OLD_STAY = OLD(planned_arrival=D(2027, 3, 8), planned_departure=D(2027, 7, 31))
VERIFIED = Reception(status=ReceptionStatus.VERIFIED)


def ladder(on: date, row: str, *days_before: int) -> list[tuple[date, str]]:
    return [(on - timedelta(days=n), row) for n in days_before]


def recorded(arrival: date | None = None, departure: date | None = None, **source: Any):
    return sourced(Reception(actual_arrival=arrival, actual_departure=departure), **source)


LIVES = {
    "B11 and B12: an application and an agreement come near": (
        ACCEPTED,
        D(2026, 10, 25),
        [
            *ladder(D(2026, 11, 30), "B11", 30, 14, 7, 2, 0),
            *ladder(D(2027, 2, 1), "B12", 30, 14, 7, 2, 1),
        ],
    ),
    "B12: in the old family by the planned arrival": (
        a_mobility(OLD_STAY, VERIFIED),
        D(2026, 12, 1),
        ladder(D(2027, 3, 8), "B12", 30, 14, 7, 2, 1),
    ),
    "an agreement that waits for the host is not the student's move": (
        a_mobility(an_agreement(proposal=a_proposal())),
        D(2026, 12, 1),
        [],
    ),
    "D4: nobody confirmed an arrival; A7: nor was a transcript issued": (
        a_mobility(NEW("approved"), SIGNED),
        D(2026, 9, 1),
        [
            (D(2026, 9, 17), "D4"),
            *ladder(D(2026, 10, 12), "change-due", 14, 7, 2, 0),
            *ladder(D(2026, 12, 31), "extension-due", 14, 7, 2, 0),
            (D(2027, 3, 15), "A7"),
        ],
    ),
    "D1, then A1: days that were recorded beforehand have come": (
        a_mobility(
            NEW("approved"),
            SIGNED,
            recorded(D(2026, 11, 9), D(2027, 1, 29), fetched_at=later(days=-1)),
        ),
        D(2026, 10, 25),
        [
            (D(2026, 11, 9), "D1"),
            *ladder(D(2026, 12, 14), "change-due", 14, 7, 2, 0),
            *ladder(D(2026, 12, 31), "extension-due", 14, 7, 2, 0),
            (D(2027, 1, 29), "A1"),
            (D(2027, 3, 15), "A7"),
        ],
    ),
    "A3: a last day well before the end has come": (
        a_mobility(NEW("approved"), SIGNED, recorded(None, D(2026, 11, 20))),
        D(2026, 11, 10),
        [(D(2026, 11, 20), "A3"), (D(2027, 3, 15), "A7")],
    ),
    "days that had come when they were read were told at once": (
        a_mobility(SIGNED, recorded(D(2026, 9, 7), D(2026, 11, 2))),
        D(2026, 9, 1),
        [*ladder(D(2026, 10, 12), "change-due", 14, 7, 2, 0), (D(2027, 3, 15), "A7")],
    ),
    "A10: five weeks after the transcript": (
        a_mobility(NEW("approved"), a_transcript()),
        D(2026, 11, 1),
        [(D(2026, 12, 7), "A10")],
    ),
    "A10 is not told where the transcript tells it": (
        a_mobility(NEW("approved"), a_transcript(recognition="Positive")),
        D(2026, 11, 1),
        [],
    ),
    "nothing is due of what was called off": (a_mobility(NEW("cancelled")), D(2026, 10, 1), []),
    "or refused": (a_mobility(NEW("rejected")), D(2026, 10, 1), []),
    "nor of what is ready": (a_mobility(OLD("live")), D(2026, 10, 25), []),
}


@pytest.mark.parametrize(("mobility", "first", "expected"), LIVES.values(), ids=LIVES)
def test_a_daily_look_tells_each_reminder_once_on_its_day(mobility, first, expected):
    assert fresh(mobility, first, 220) == expected


@pytest.mark.parametrize(("mobility", "first", "expected"), LIVES.values(), ids=LIVES)
def test_looking_only_when_the_last_look_said_tells_the_same(mobility, first, expected):
    day, known, found = first, set(), []
    while day < first + timedelta(days=220):
        seen = looked(mobility, day)
        found += [(day, e.step.value) for e in seen.events if e.event_id not in known]
        known |= {each.event_id for each in seen.events}
        if seen.next_day is None:
            break
        assert seen.next_day > day
        day = seen.next_day

    assert found == expected


def test_the_day_on_which_a_stay_begins_is_looked_at_though_nobody_shares_arrivals():
    planned = a_mobility(NEW("approved"), SIGNED)

    found = look(planned, None, RULES, LADDERS, (), Seen(), D(2026, 8, 1))
    assert (found.events, found.next_day) == ((), D(2026, 9, 7))
    assert look(planned, None, RULES, LADDERS, (), Seen(), D(2026, 9, 7)).next_day == D(2026, 9, 28)


def test_a_deadline_for_acting_is_not_reminded_of_when_it_is_over():
    assert told(ACCEPTED, D(2026, 11, 30), D(2026, 12, 1)) == [["B11"], []]
    assert told(ACCEPTED, D(2027, 2, 1), D(2027, 2, 2)) == [["B12"], []]


def test_after_a_month_of_downtime_there_is_one_reminder_of_each():
    assert told(ACCEPTED, D(2026, 11, 27)) == [["B11"]]
    [event] = looked(ACCEPTED, D(2026, 11, 27)).events
    assert event == looked(ACCEPTED, D(2026, 11, 23)).events[0]  # the nearest rung, not the first


def test_what_passed_long_ago_is_not_told():
    overdue = a_mobility(NEW("approved"), SIGNED, recorded(D(2026, 9, 7)))

    days = (D(2027, 3, 14), D(2027, 3, 15), D(2027, 4, 11), D(2027, 4, 12))
    assert told(overdue, *days) == [[], ["A7"], ["A7"], []]
    assert told(ACCEPTED, D(2026, 11, 30), D(2026, 12, 1)) == [["B11"], []]


def test_a_reminder_carries_what_its_text_shows():
    late = a_mobility(NEW("approved"), SIGNED)
    events = [
        *looked(ACCEPTED, D(2026, 11, 29)).events,
        *looked(ACCEPTED, D(2027, 1, 31)).events,
        *looked(late, D(2026, 9, 20)).events,
        *looked(late, D(2027, 3, 20)).events,
        *looked(a_mobility(NEW("approved"), a_transcript()), D(2026, 12, 7)).events,
    ]

    assert [(each.step.value, each.detail) for each in events] == [
        ("B11", {"date": "2026-11-30"}),
        ("B12", {"date": "2027-02-01"}),
        ("D4", {}),
        ("A7", {"date": "2027-03-14"}),
        ("A10", {}),
    ]
    assert all(each.detail.keys() == DETAILS.get(each.kind, set()) for each in events)


def published(spring: str, revision: int, *papers: str) -> KnownFactsheet:
    return a_factsheet(
        revision,
        applications=TermDays(autumn="--05-31", spring=spring),
        requirements=tuple(AdditionalRequirement(name=each) for each in papers),
    )


def moves(
    *factsheets: KnownFactsheet | None, mobility: Mobility = ACCEPTED, today: date = TODAY
) -> list[list[str]]:
    """What is told as one factsheet follows another."""
    known, found, seen = set(), [], Seen()
    for each in factsheets:
        last = looked(mobility, today, seen, each)
        found.append([e.step.value for e in last.events if e.event_id not in known])
        known |= {e.event_id for e in (*last.events, *last.covered)}
        seen = last.seen
    return found


def test_a_deadline_that_moves_is_told_and_reminded_of_anew():
    first, other = published("--11-30", 1), published("--12-05", 2)
    before = looked(ACCEPTED, D(2026, 11, 10), None, first)
    after = looked(ACCEPTED, D(2026, 11, 10), before.seen, other)

    assert [(each.step, each.detail) for each in after.events] == [
        (Row.MOVED, {"date": "2026-12-05"})
    ]
    # Its thirtieth day before has passed: the message that it moved says the date already.
    assert [each.step for each in after.covered] == [Row.B11]
    assert after.next_day == D(2026, 11, 21)
    assert looked(ACCEPTED, D(2026, 11, 10), after.seen, other).events == after.covered


def test_a_deadline_that_comes_back_is_told_each_time():
    a, b = "--11-30", "--12-10"

    assert moves(published(a, 1), published(b, 2), published(a, 3), published(b, 4)) == [
        ["B11"],
        ["moved"],
        ["moved"],
        ["moved"],
    ]


def test_a_factsheet_that_is_away_for_a_while_is_no_news():
    away = KnownFactsheet(value=None, revision=2)

    for without in (None, away):
        assert moves(published("--11-30", 1, "CV"), without, published("--11-30", 3, "CV")) == [
            ["B11"],
            [],
            [],
        ]


def test_a_deadline_that_moves_within_the_past_is_no_news():
    assert moves(published("--09-30", 1), published("--09-15", 2), today=D(2026, 12, 1)) == [[], []]


def test_a_move_does_not_matter_to_who_need_not_apply():
    ready = a_mobility(NEW("approved"), an_agreement(first=a_version()))

    assert moves(published("--11-30", 1), published("--12-10", 2), mobility=ready) == [[], []]


def test_papers_that_the_factsheet_asks_for_anew_are_told_by_name():
    with_cv = a_mobility(NEW("approved"), OLD(requirements=(Requirement(name="CV"),)))
    before = looked(with_cv, D(2026, 10, 1), None, published("--11-30", 1, "Portfolio"))
    after = looked(
        with_cv, D(2026, 10, 1), before.seen, published("--11-30", 2, "Portfolio", "CV", "Motto")
    )

    assert (before.events, [(e.step, e.detail) for e in after.events]) == (
        (),
        [(Row.B10, {"requirements": "Motto"})],
    )


def test_a_first_factsheet_s_papers_are_no_news():
    assert moves(None, published("--11-30", 1, "CV"), today=D(2026, 10, 1)) == [[], []]


def test_ids_are_the_same_for_both_universities_and_looks():
    days = (D(2026, 11, 23), D(2027, 1, 31))

    for day in days:
        assert looked(ACCEPTED, day) == looked(ACCEPTED, day)
    theirs = a_mobility(NEW("approved"), tenant=ACCEPTED.sending_hei_id)
    assert looked(theirs, days[0]).events == looked(ACCEPTED, days[0]).events


def test_the_day_that_came_has_another_id_than_the_day_that_was_recorded():
    """D2 when it was recorded, then D1: neither hides the other."""
    announced = a_mobility(recorded(D(2026, 11, 9)))
    [said] = changes(None, announced, D(2026, 11, 2))
    [came] = looked(announced, D(2026, 11, 9)).events

    assert (said.step, came.step) == (Row.D2, Row.D1)
    assert said.event_id != came.event_id


@pytest.mark.parametrize(
    ("now", "zone", "expected"),
    [
        ("2027-02-28T08:59:00+00:00", "UTC", D(2027, 2, 27)),
        ("2027-02-28T09:00:00+00:00", "UTC", D(2027, 2, 28)),
        ("2028-03-01T08:59:00+00:00", "UTC", D(2028, 2, 29)),
        ("2026-12-31T22:00:00+00:00", "Pacific/Auckland", D(2027, 1, 1)),
        ("2027-01-01T12:00:00+00:00", "America/Los_Angeles", D(2026, 12, 31)),
        ("2027-03-28T07:00:00+00:00", "Europe/Lisbon", D(2027, 3, 27)),  # the clock moves at 1
        ("2027-03-28T08:00:00+00:00", "Europe/Lisbon", D(2027, 3, 28)),
    ],
)
def test_a_student_s_day_begins_in_the_morning_of_their_own_zone(now, zone, expected):
    assert day_of(datetime.fromisoformat(now), zone, 9) == expected


def test_the_moment_of_a_day_is_its_beginning():
    for zone in ("UTC", "Europe/Lisbon", "Pacific/Auckland", "America/Los_Angeles"):
        for day in (D(2027, 3, 28), D(2027, 10, 31), D(2028, 2, 29)):
            moment = moment_of(day, zone, 9).astimezone(UTC)
            assert day_of(moment, zone, 9) == day
            assert day_of(moment - timedelta(minutes=1), zone, 9) == day - timedelta(days=1)


FAR = ("0001-01-01", "9999-12-31", "0001-01", "9999-12", "", "soon")


@pytest.mark.parametrize("far", FAR)
@pytest.mark.parametrize("year", ["0000/0001", "9999/9999", "9998/9999"])
def test_dates_that_nobody_can_mean_neither_break_a_look_nor_are_told(far: str, year: str):
    day = date.max if far.startswith("9") else date.min
    moment = datetime.combine(day, datetime.min.time(), tzinfo=UTC)
    in_year = {"receiving_academic_year_id": AcademicYearId(year)}
    nomination = OLD(planned_arrival=day, planned_departure=day, **in_year)
    stays = {"planned_start": far, "planned_end": far}
    proposal = replace(a_proposal("c-2"), sending_signature=signed(moment))
    agreements = (
        an_agreement(proposal=a_proposal(), **stays, **in_year),
        an_agreement(first=a_version(), **stays),
        an_agreement(first=a_version(), proposal=proposal, **stays),
    )
    for agreement in agreements:
        for stay in (recorded(), recorded(day, day), recorded(D(2026, 10, 1), day)):
            for today in (D(2026, 2, 28), D(2026, 11, 2)):
                found = looked(a_mobility(nomination, agreement, stay), today)
                assert found.events == ()
