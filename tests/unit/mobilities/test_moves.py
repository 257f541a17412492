"""A day that moves is told, whatever moved it; one that is only better known is not."""

from datetime import date
from typing import Any

import msgspec
import pytest
from factories import (
    a_factsheet,
    a_mobility,
    a_nomination,
    a_proposal,
    a_version,
    an_agreement,
    sourced,
)
from unit.mobilities.local import a_rule, after

from erasmus_app.institutions.models import KnownFactsheet, TermDays
from erasmus_app.mobilities.basis import Absolute, Annual, Event, Surety
from erasmus_app.mobilities.days import Unit
from erasmus_app.mobilities.dues import Look, look
from erasmus_app.mobilities.events import MobilityEvent, Row
from erasmus_app.mobilities.local_rules import LocalRule, Role, RuleBook
from erasmus_app.mobilities.models import OF_RECEIVING, Mobility, Reception
from erasmus_app.mobilities.rules import DeadlineKind as K
from erasmus_app.mobilities.rules import load_rules
from erasmus_app.mobilities.seen import Moved, Seen, SeenDay
from erasmus_app.notifications.catalogue import catalogue_folder, load_catalogue

RULES = load_rules()
LADDERS = load_catalogue(catalogue_folder()).ladders
D = date
DAY = D(2026, 10, 1)
NOMINATED = a_mobility(a_nomination())
ACCEPTED = a_mobility(a_nomination("approved"))


def abroad(end: str = "2027-01-31", revision: int = 1, arrival: date | None = None) -> Mobility:
    agreement = an_agreement(first=a_version(), planned_start="2026-09-07", planned_end=end)
    nomination = a_nomination("approved", sending_term="2026/2027-1/2")
    came = (Reception(actual_arrival=arrival),) if arrival else ()
    return a_mobility(nomination, sourced(agreement, revision=revision), *came)


def looked(
    mobility: Mobility,
    *rules: LocalRule,
    seen: Seen | None = None,
    today: date = DAY,
    factsheet: KnownFactsheet | None = None,
) -> Look:
    book = RuleBook.of(rules, len(rules))
    return look(mobility, factsheet, RULES, LADDERS, OF_RECEIVING, seen or Seen(), today, book)


def moves(look: Look) -> list[MobilityEvent]:
    return [each for each in look.events if each.step.startswith("moved")]


def told(look: Look) -> list[tuple[Row, str | None]]:
    return [(each.step, each.detail.get("date")) for each in moves(look)]


def change_by(day: str, version: int = 1, **more: Any) -> LocalRule:
    basis = Annual(day)
    return a_rule(kind=K.CHANGE_REQUEST, basis=basis, role=Role.INCOMING, version=version, **more)


def test_a_rule_that_is_set_moves_the_day_of_a_change():
    before = looked(abroad())
    after_it = looked(abroad(), change_by("--10-31"), seen=before.seen)

    assert (told(before), told(after_it)) == ([], [(Row.MOVED_CHANGE, "2026-10-31")])
    assert after_it.seen.moved == {
        K.CHANGE_REQUEST: Moved(was=D(2026, 10, 12), now=D(2026, 10, 31), at=DAY)
    }
    assert told(looked(abroad(), change_by("--10-31"), seen=after_it.seen)) == []


def test_a_rule_that_is_set_back_again_is_told_each_time():
    versions = [change_by("--10-31", 1), change_by("--11-15", 2), change_by("--10-31", 3)]
    ended = change_by("--10-31", 4, ended=True)
    known, seen = set(), looked(abroad()).seen
    for rule in [*versions, ended, change_by("--10-31", 5)]:
        found = looked(abroad(), rule, seen=seen)
        [event] = moves(found)
        assert event.event_id not in known
        known.add(event.event_id)
        seen = found.seen


def test_an_agreement_with_another_end_moves_the_day_to_ask_for_more():
    before = looked(abroad())
    found = looked(abroad("2027-03-31", 2), seen=before.seen)

    assert told(found) == [(Row.MOVED_EXTENSION, "2027-02-28")]


def test_a_rule_moves_the_day_by_which_all_have_signed():
    rule = a_rule(kind=K.AGREEMENT_SIGNED, basis=Absolute(D(2026, 12, 1)))
    found = looked(ACCEPTED, rule, seen=looked(ACCEPTED).seen)

    assert told(found) == [(Row.MOVED_AGREEMENT, "2026-12-01")]
    waits = a_mobility(a_nomination("approved"), an_agreement(proposal=a_proposal()))
    assert told(looked(waits, rule, seen=looked(waits).seen)) == []  # not the student's move


def test_a_day_that_becomes_known_is_no_move():
    proposed = an_agreement(proposal=a_proposal(), planned_start="2027-03-08")
    planned = a_mobility(proposed, a_nomination("approved"))
    guessed = looked(ACCEPTED)
    known = looked(planned, seen=guessed.seen)

    assert guessed.seen.days[K.AGREEMENT_SIGNED] == SeenDay(
        D(2027, 2, 1), Surety.GUESSED, D(2027, 2, 1)
    )
    assert (told(known), known.seen.moved) == ([], {})
    assert told(looked(ACCEPTED, seen=looked(planned).seen)) == []  # nor one that is lost

    here = looked(abroad())
    arrived = looked(abroad(arrival=D(2026, 9, 14)), seen=here.seen)
    assert (told(arrived), arrived.seen.days[K.CHANGE_REQUEST]) == (
        [],
        SeenDay(D(2026, 10, 19), Surety.PLANNED, D(2026, 9, 14)),
    )


def test_a_day_that_the_host_records_has_a_message_of_its_own():
    first = looked(abroad(arrival=D(2026, 9, 14)))
    later = looked(abroad(arrival=D(2026, 9, 21)), seen=first.seen)
    assert (told(later), later.seen.days[K.CHANGE_REQUEST].on) == ([], D(2026, 10, 26))

    fewer = a_rule(kind=K.CHANGE_REQUEST, basis=after(Event.ARRIVAL, 2), role=Role.INCOMING)
    assert told(looked(abroad(arrival=D(2026, 9, 21)), fewer, seen=later.seen)) == [
        (Row.MOVED_CHANGE, "2026-10-05")
    ]


def test_what_is_seen_for_the_first_time_is_silent():
    assert told(looked(abroad(), change_by("--10-31"))) == []
    assert told(looked(abroad(), change_by("--10-31"), seen=Seen(application=D(2026, 5, 1)))) == []


def test_a_move_within_the_past_is_no_news_but_is_seen():
    today = D(2026, 12, 1)
    before = looked(abroad(), today=today)
    found = looked(abroad(), change_by("--11-15"), seen=before.seen, today=today)

    assert told(found) == []
    assert found.seen.moved[K.CHANGE_REQUEST].now == D(2026, 11, 15)


def test_reminders_follow_the_earliest_of_several_days():
    early = a_rule(basis=Absolute(D(2026, 11, 15)))
    late = a_rule(basis=Absolute(D(2026, 12, 15)))
    factsheet = a_factsheet()  # 30 November

    def on(day: date, rule: LocalRule) -> list[str | None]:
        return [
            each.detail.get("date")
            for each in looked(NOMINATED, rule, today=day, factsheet=factsheet).events
        ]

    assert on(D(2026, 11, 14), early) == ["2026-11-15"]
    assert on(D(2026, 11, 29), early) == []
    assert on(D(2026, 11, 29), late) == ["2026-11-30"]


def test_a_move_of_the_day_for_applications_has_the_id_that_it_always_had():
    """An event that was told before the rules came must not be told anew by them."""

    def published(spring: str, revision: int) -> KnownFactsheet:
        return a_factsheet(revision, applications=TermDays(autumn="--05-31", spring=spring))

    of_old = msgspec.convert({"application": "2026-11-30", "requirements": []}, Seen, strict=False)
    found = looked(NOMINATED, seen=of_old, factsheet=published("--12-05", 2))

    assert [str(each.event_id) for each in found.events] == [MOVED_BEFORE]
    assert found.seen.application == D(2026, 12, 5)
    assert found.seen.moved[K.APPLICATION].was == D(2026, 11, 30)

    later = looked(NOMINATED, factsheet=published("--12-05", 2), today=D(2026, 11, 28))
    assert [str(each.event_id) for each in later.events] == [REMINDED_BEFORE]


# As the look of issue 3 made them of the same facts.
MOVED_BEFORE = "892a4fe1-4d2f-503b-a92e-7ffafeaf65ae"
REMINDED_BEFORE = "40454471-8a61-56cd-8548-9ad70de61d7a"


@pytest.mark.parametrize("today", [D(2026, 9, 1), D(2027, 6, 30)])
def test_what_was_seen_goes_through_json(today: date):
    rule = a_rule(kind=K.CHANGE_REQUEST, basis=after(Event.ARRIVAL, 30, Unit.DAYS))
    seen = looked(abroad(), rule, seen=looked(abroad()).seen, today=today).seen

    assert msgspec.json.decode(msgspec.json.encode(seen), type=Seen) == seen
