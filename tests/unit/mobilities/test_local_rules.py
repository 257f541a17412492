"""Deadlines that home and host set themselves, beside what is published and what is usual."""

from datetime import date, time
from typing import Any

import pytest
from factories import (
    AT,
    RIBEIRA,
    TODAY,
    a_factsheet,
    a_mobility,
    a_nomination,
    a_version,
    an_agreement,
    an_old_nomination,
)
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from unit.mobilities.local import CALL, a_rule, after, saying

from erasmus_app.ids import AcademicYearId, HeiId
from erasmus_app.institutions.models import Term, TermDays
from erasmus_app.mobilities.basis import Absolute, Annual, Event, Surety
from erasmus_app.mobilities.days import Unit
from erasmus_app.mobilities.deadlines import (
    Confidence,
    Deadline,
    DeadlineSource,
    Note,
    Origin,
    Owner,
    deadlines,
)
from erasmus_app.mobilities.local_rules import LocalRule, Role, RuleBook, overlap
from erasmus_app.mobilities.models import OF_RECEIVING, Mobility, Reception
from erasmus_app.mobilities.rules import DeadlineKind as K
from erasmus_app.mobilities.rules import load_rules
from erasmus_app.mobilities.steps import Party

RULES = load_rules()
D = date
NOMINATED = a_mobility(a_nomination())  # 2026/2027, second term
ACCEPTED = a_mobility(a_nomination("approved"))
HERE = an_agreement(first=a_version(), planned_start="2026-09-07", planned_end="2027-01-31")
AUTUMN = a_nomination("approved", sending_term="2026/2027-1/2")
ABROAD = a_mobility(AUTUMN, HERE, Reception(actual_arrival=D(2026, 9, 14)))
IN = Role.INCOMING


def due(mobility: Mobility, *rules: LocalRule, kind: K = K.APPLICATION, **more: Any):
    """All deadlines of a kind, in their order."""
    book = RuleBook.of(rules, len(rules))
    found = deadlines(
        mobility,
        more.get("factsheet"),
        RULES,
        OF_RECEIVING,
        more.get("today", TODAY),
        book.about(mobility),
    )
    return [each for each in found if each.kind is kind]


def days(found: list[Deadline]) -> list[tuple[date | None, str, bool]]:
    return [(each.on, each.owner.value, each.counts_first) for each in found]


def test_a_home_rule_is_a_deadline_with_all_that_it_says():
    rule = a_rule(
        basis=Annual("--02-15"),
        url="https://ribeira.example/call",
        at=time(15),
        zone="Europe/Lisbon",
        activity_type="student-studies",
        version=3,
    )

    assert due(NOMINATED, rule) == [
        Deadline(
            kind=K.APPLICATION,
            who_must_act=Party.STUDENT,
            owner=Owner.HOME,
            confidence=Confidence.LOCAL_RULE,
            source=DeadlineSource(
                origin=Origin.LOCAL_RULE,
                hei_id=RIBEIRA,
                last_confirmed_at=AT,
                name=CALL,
                url="https://ribeira.example/call",
                version="3",
            ),
            basis=Annual("--02-15"),
            on=D(2027, 2, 15),
            at=time(15),
            zone="Europe/Lisbon",
            scope=rule.content.scope,
            academic_year="2026/2027",
            counts_first=True,
        )
    ]
    [found] = due(NOMINATED, rule)
    assert found.ends_at is not None
    assert found.ends_at.isoformat() == "2027-02-15T15:00:00+00:00"


def test_two_that_disagree_are_both_shown_and_the_earlier_counts():
    home = a_rule(1, basis=Annual("--11-15"))
    found = due(NOMINATED, home, factsheet=a_factsheet())

    assert days(found) == [(D(2026, 11, 15), "home", True), (D(2026, 11, 30), "host", False)]
    assert [each.notes for each in found] == [(Note.DISAGREES,)] * 2


def test_two_that_agree_do_not_disagree():
    home = a_rule(1, basis=Annual("--11-30"))
    found = due(NOMINATED, home, factsheet=a_factsheet())

    assert days(found) == [(D(2026, 11, 30), "home", True), (D(2026, 11, 30), "host", False)]
    assert [each.notes for each in found] == [(), ()]


def test_of_one_day_the_time_that_is_named_comes_before_its_end():
    early = a_rule(1, basis=Annual("--11-30"), at=time(12), zone="Europe/Lisbon")
    found = due(NOMINATED, early, factsheet=a_factsheet())

    assert [each.counts_first for each in found] == [True, False]
    assert [each.notes for each in found] == [(Note.DISAGREES,)] * 2


def test_an_hei_s_own_day_stands_in_place_of_the_programme_s_about_when():
    host = a_rule(1, kind=K.CHANGE_REQUEST, basis=Annual("--10-31"), role=IN)
    programme, local = due(ABROAD, host, kind=K.CHANGE_REQUEST)

    assert (programme.on, programme.owner, programme.counts_first) == (
        D(2026, 10, 19),
        Owner.PROGRAMME,
        False,
    )
    assert programme.superseded_by == local.source
    assert (local.on, local.owner, local.counts_first) == (D(2026, 10, 31), Owner.HOST, True)
    assert (programme.notes, local.notes) == ((), ())


def test_what_the_programme_asks_of_everybody_is_superseded_by_nobody():
    late = a_rule(1, kind=K.EXTENSION_REQUEST, basis=Annual("--01-15"))
    found = due(ABROAD, late, kind=K.EXTENSION_REQUEST)

    assert days(found) == [(D(2026, 12, 31), "programme", True), (D(2027, 1, 15), "home", False)]


def test_home_and_host_that_disagree_both_stand_in_the_programme_s_place():
    home = a_rule(1, kind=K.CHANGE_REQUEST, basis=after(Event.ARRIVAL, 30, Unit.DAYS))
    host = a_rule(2, kind=K.CHANGE_REQUEST, basis=Annual("--10-31"), role=IN)
    found = due(ABROAD, home, host, kind=K.CHANGE_REQUEST)

    assert days(found) == [
        (D(2026, 10, 14), "home", True),
        (D(2026, 10, 19), "programme", False),
        (D(2026, 10, 31), "host", False),
    ]
    assert [each.superseded_by is None for each in found] == [True, False, True]


def test_a_rule_for_the_case_stands_in_place_of_the_general_one():
    general = a_rule(1, basis=Annual("--11-01"))
    spring = a_rule(2, basis=Annual("--12-01"), term=Term.SPRING)
    found = due(NOMINATED, general, spring)

    assert days(found) == [(D(2026, 11, 1), "home", False), (D(2026, 12, 1), "home", True)]
    assert found[0].superseded_by == found[1].source


def test_a_rule_counts_only_for_what_it_is_for():
    fitting = {
        "all": {},
        "term": {"term": Term.SPRING},
        "activity": {"activity_type": "student-studies"},
        "years": {"first_year": "2026/2027", "last_year": "2026/2027"},
        "days": {"first_day": D(2027, 2, 15), "last_day": D(2027, 2, 15)},
    }
    others = {
        "role": {"role": IN, "kind": K.NOMINATION},
        "term": {"term": Term.AUTUMN},
        "activity": {"activity_type": "student-traineeships"},
        "years that are over": {"last_year": "2025/2026"},
        "years to come": {"first_year": "2027/2028"},
        "days that are over": {"last_day": D(2027, 2, 14)},
        "days to come": {"first_day": D(2027, 2, 16)},
        "ended": {"ended": True},
    }

    assert [name for name, each in fitting.items() if not due(NOMINATED, a_rule(**each))] == []
    assert [name for name, each in others.items() if due(NOMINATED, a_rule(**each))] == []


def test_a_rule_that_ends_in_the_middle_of_a_year_leaves_the_rest_to_its_successor():
    until = a_rule(
        1,
        kind=K.CHANGE_REQUEST,
        basis=after(Event.ARRIVAL, 30, Unit.DAYS),
        last_day=D(2026, 10, 13),
    )
    since = a_rule(
        2,
        kind=K.CHANGE_REQUEST,
        basis=after(Event.ARRIVAL, 14, Unit.DAYS),
        first_day=D(2026, 10, 14),
    )
    arrivals = (D(2026, 9, 13), D(2026, 9, 14), D(2026, 10, 1))
    counted = []
    for day in arrivals:
        mobility = a_mobility(AUTUMN, HERE, Reception(actual_arrival=day))
        found = due(mobility, until, since, kind=K.CHANGE_REQUEST)
        counted.append([each.on for each in found if each.counts_first])

    # Within: 30 days. On 14 October neither has a day, and the programme's counts.
    assert counted == [[D(2026, 10, 13)], [D(2026, 10, 19)], [D(2026, 10, 15)]]


def test_a_rule_whose_event_nobody_tells_is_shown_without_a_day():
    nominated = a_mobility(a_nomination(sending_term=None))
    [found] = due(nominated, a_rule(basis=after(Event.STAY_BEGINS, -8)))

    assert (found.on, found.since, found.event_known, found.counts_first, found.confidence) == (
        None,
        None,
        False,
        False,
        Confidence.ESTIMATE,
    )


@pytest.mark.parametrize(
    ("mobility", "expected"),
    [
        (ACCEPTED, (D(2027, 1, 4), Surety.GUESSED, Confidence.ESTIMATE)),
        (
            a_mobility(an_agreement(planned_start="2027-03"), a_nomination("approved")),
            (D(2027, 2, 1), Surety.PLANNED, Confidence.ESTIMATE),
        ),
        (
            a_mobility(an_agreement(planned_start="2027-03-08"), a_nomination("approved")),
            (D(2027, 2, 8), Surety.KNOWN, Confidence.LOCAL_RULE),
        ),
    ],
    ids=["by its term", "by a month", "by a day"],
)
def test_how_sure_a_day_is_follows_from_what_it_is_counted_from(mobility, expected):
    rule = a_rule(kind=K.AGREEMENT_SIGNED, basis=after(Event.STAY_BEGINS, -4))
    found = next(e for e in due(mobility, rule, kind=K.AGREEMENT_SIGNED) if e.owner is Owner.HOME)

    assert (found.on, found.surety, found.confidence) == expected


def test_a_day_of_each_year_falls_into_the_year_of_the_stay():
    autumn, spring = a_mobility(AUTUMN, HERE), ABROAD
    changes = {"kind": K.CHANGE_REQUEST, "role": IN}
    rules = (
        a_rule(1, basis=Annual("--10-31"), term=Term.AUTUMN, **changes),
        a_rule(2, basis=Annual("--03-31"), term=Term.SPRING, **changes),
    )
    in_spring = a_mobility(
        a_nomination("approved"),
        an_agreement(first=a_version(), planned_start="2027-02-15", planned_end="2027-07-31"),
    )

    def host(mobility: Mobility, today: date) -> list[date | None]:
        found = due(mobility, *rules, kind=K.CHANGE_REQUEST, today=today)
        return [each.on for each in found if each.owner is Owner.HOST]

    assert host(autumn, TODAY) == host(spring, TODAY) == [D(2026, 10, 31)]
    assert host(in_spring, D(2027, 3, 1)) == [D(2027, 3, 31)]


def test_a_day_whose_year_cannot_be_told_is_shown_as_it_is_set():
    south = a_mobility(a_nomination(receiving_academic_year_id=AcademicYearId("2026/2026")))
    [found] = due(south, a_rule(basis=Annual("--02-15")))

    assert (found.on, found.month_day, found.counts_first) == (None, "--02-15", False)


def test_a_day_that_is_set_once_needs_neither_term_nor_year():
    south = a_mobility(a_nomination(receiving_academic_year_id=AcademicYearId("2026/2026")))

    assert days(due(south, a_rule(basis=Absolute(D(2028, 2, 29))))) == [
        (D(2028, 2, 29), "home", True)
    ]


def test_a_term_that_was_guessed_is_said():
    planned = an_old_nomination(sending_term=None, planned_arrival=D(2027, 3, 8))
    [found] = due(a_mobility(planned), a_rule(basis=Annual("--11-15")))

    assert (found.on, found.confidence, found.notes) == (
        D(2026, 11, 15),
        Confidence.ESTIMATE,
        (Note.TERM_GUESSED,),
    )


def test_applications_before_nominations_are_shown_as_published_and_flagged():
    strange = a_factsheet(applications=TermDays(autumn="--03-01", spring="--09-15"))
    [found] = due(NOMINATED, factsheet=strange)

    assert (found.on, found.notes) == (D(2026, 9, 15), (Note.BEFORE_NOMINATIONS,))
    assert due(NOMINATED, factsheet=a_factsheet())[0].notes == ()


def test_rules_are_of_their_hei_and_its_part():
    away = replace(NOMINATED, sending_hei_id=HeiId("clairval.example"))
    home, host = a_rule(1), a_rule(2, role=IN)
    book = RuleBook.of([home, host], 2)

    assert book.about(NOMINATED) == (home, host)
    assert book.about(away) == (host,)
    assert RuleBook().about(NOMINATED) == ()


CONTENTS = st.builds(
    lambda kind, basis, scope: {"kind": kind, "basis": basis, **scope},
    st.sampled_from([K.APPLICATION, K.AGREEMENT_SIGNED, K.CHANGE_REQUEST, K.TRANSCRIPT]),
    st.one_of(
        st.dates(D(2026, 1, 1), D(2028, 12, 31)).map(Absolute),
        st.dates(D(2024, 1, 1), D(2024, 12, 31)).map(lambda day: Annual(f"{day:--%m-%d}")),
        st.builds(
            after,
            st.sampled_from([Event.STAY_BEGINS, Event.ARRIVAL, Event.STAY_ENDS, Event.DEPARTURE]),
            st.integers(-24, 24),
            st.sampled_from(Unit),
        ),
    ),
    st.fixed_dictionaries(
        {"role": st.sampled_from(Role)},
        optional={
            "term": st.sampled_from(Term),
            "activity_type": st.just("student-studies"),
            "first_day": st.dates(D(2026, 1, 1), D(2027, 6, 30)),
            "at": st.just(time(12)),
            "zone": st.just("Europe/Lisbon"),
        },
    ),
)
MOBILITIES = (NOMINATED, ACCEPTED, ABROAD, a_mobility(a_nomination(sending_term=None)))


@given(st.lists(CONTENTS, max_size=8), st.sampled_from(MOBILITIES))
def test_whatever_is_set_one_day_counts_first_and_each_says_why_it_does_not(contents, mobility):
    rules = [a_rule(n, name=str(n), **each) for n, each in enumerate(contents, 1)]
    found = deadlines(mobility, a_factsheet(), RULES, OF_RECEIVING, TODAY, rules)

    assert [each.on or date.max for each in found] == sorted(each.on or date.max for each in found)
    for kind in {each.kind for each in found}:
        those = [each for each in found if each.kind is kind]
        living = [each for each in those if each.on and each.superseded_by is None]
        firsts = [each for each in those if each.counts_first]
        assert len(firsts) == bool(living)
        assert all(each.on == min(other.on for other in living) for each in firsts)
        sources = [each.source for each in living]
        assert all(each.superseded_by in [None, *sources] for each in those)
        disagree = len({(each.on, each.ends_at) for each in living}) > 1
        assert all((Note.DISAGREES in each.notes) is disagree for each in living)


OVERLAPS = {
    "alike": ({}, {}, True),
    "another kind": ({}, {"kind": K.NOMINATION}, False),
    "the other part": ({}, {"role": IN}, False),
    "one is for a term": ({}, {"term": Term.AUTUMN}, False),
    "two terms": ({"term": Term.SPRING}, {"term": Term.AUTUMN}, False),
    "years in a row": ({"last_year": "2026/2027"}, {"first_year": "2027/2028"}, False),
    "a year of both": ({"last_year": "2026/2027"}, {"first_year": "2026/2027"}, True),
    "days in a row": ({"last_day": D(2027, 1, 31)}, {"first_day": D(2027, 2, 1)}, False),
    "a day of both": ({"last_day": D(2027, 2, 1)}, {"first_day": D(2027, 2, 1)}, True),
    "years and days": ({"last_year": "2026/2027"}, {"first_day": D(2030, 2, 1)}, True),
    "for ever and days": ({}, {"last_day": D(2027, 2, 1)}, True),
}


@pytest.mark.parametrize(("one", "other", "expected"), OVERLAPS.values(), ids=OVERLAPS)
def test_two_rules_overlap_where_both_would_be_for_the_same(one, other, expected):
    assert overlap(saying(**one), saying(**other)) is expected
    assert overlap(saying(**other), saying(**one)) is expected
