"""What is due, until when, who must act and where it is written (guide §4.7 and §5.4)."""

from datetime import date, timedelta
from typing import Any, NamedTuple

import pytest
from factories import (
    AT,
    LINDENTAL,
    TODAY,
    a_course,
    a_factsheet,
    a_mobility,
    a_nomination,
    a_proposal,
    a_transcript,
    a_version,
    an_agreement,
    an_old_nomination,
    sourced,
)

from erasmus_app.errors import SettingsInvalid
from erasmus_app.ids import AcademicYearId
from erasmus_app.institutions.models import KnownFactsheet, Term, TermDays
from erasmus_app.mobilities.days import resolve
from erasmus_app.mobilities.deadlines import (
    Confidence,
    Deadline,
    DeadlineSource,
    Note,
    Origin,
    deadlines,
    foreseen,
)
from erasmus_app.mobilities.models import OF_RECEIVING, Api, Reception, ReceptionStatus
from erasmus_app.mobilities.rules import FILE, load_rules
from erasmus_app.mobilities.rules import DeadlineKind as K
from erasmus_app.mobilities.steps import Party

RULES = load_rules()
PROGRAMME = RULES.programme[0].source


@pytest.mark.parametrize(
    ("month_day", "year", "term", "expected"),
    [
        ("--05-15", "2026/2027", Term.AUTUMN, date(2026, 5, 15)),
        ("--09-30", "2026/2027", Term.AUTUMN, date(2026, 9, 30)),
        ("--10-01", "2026/2027", Term.AUTUMN, date(2025, 10, 1)),
        ("--10-31", "2026/2027", Term.SPRING, date(2026, 10, 31)),
        ("--01-15", "2026/2027", Term.SPRING, date(2027, 1, 15)),
        ("--03-01", "2026/2027", Term.SPRING, date(2026, 3, 1)),
        ("--02-29", "2026/2027", Term.SPRING, date(2027, 2, 28)),
        ("--02-29", "2027/2028", Term.SPRING, date(2028, 2, 29)),
        ("--02-29", "2026/2027", Term.AUTUMN, date(2026, 2, 28)),
        ("--05-15", "2026/2026", Term.AUTUMN, None),
        ("--05-15", "2026/2028", Term.AUTUMN, None),
        ("--05-15", "", Term.AUTUMN, None),
        ("--13-15", "2026/2027", Term.AUTUMN, None),
        ("15 May", "2026/2027", Term.AUTUMN, None),
    ],
)
def test_a_day_without_a_year_gets_the_one_before_its_term(month_day, year, term, expected):
    assert resolve(month_day, year, term) == expected


PUBLISHED = DeadlineSource(
    origin=Origin.FACTSHEET, hei_id=LINDENTAL, last_confirmed_at=AT, version="1"
)
RULED = DeadlineSource(origin=Origin.PROGRAMME, name=PROGRAMME, version="2021-2027")
OURS = DeadlineSource(origin=Origin.APP)
SAID, GUIDANCE = Confidence.PUBLISHED, Confidence.GUIDANCE
ESTIMATE = Confidence.ESTIMATE
HOME, HOST, STUDENT = Party.SENDING_HEI, Party.RECEIVING_HEI, Party.STUDENT


class Due(NamedTuple):
    """What a deadline says first of all."""

    kind: K
    who_must_act: Party
    on: date | None
    source: DeadlineSource
    confidence: Confidence
    month_day: str | None = None
    term: Term | None = None
    notes: tuple[Note, ...] = ()


def due(
    kind: K,
    who_must_act: Party,
    on: date | None,
    source: DeadlineSource,
    confidence: Confidence | None = None,
) -> Due:
    usual = SAID if source is PUBLISHED else GUIDANCE
    return Due(kind, who_must_act, on, source, confidence or usual)


def said(deadline: Deadline) -> Due:
    return Due(*(getattr(deadline, each) for each in Due._fields))


def found(
    *facts: Any,
    factsheet: KnownFactsheet | None = None,
    heard: frozenset[Api] = OF_RECEIVING,
    today: date = TODAY,
) -> list[Due]:
    """What counts, or has no day at all."""
    return [
        said(each)
        for each in deadlines(a_mobility(*facts), factsheet, RULES, heard, today)
        if each.superseded_by is None
    ]


NEW, OLD = a_nomination, an_old_nomination
TO_NOMINATE = due(K.NOMINATION, HOME, date(2026, 10, 31), PUBLISHED)
TO_APPLY = due(K.APPLICATION, STUDENT, date(2026, 11, 30), PUBLISHED)
TO_DECIDE = due(K.DECISION, HOST, date(2026, 11, 30), PUBLISHED, ESTIMATE)
STAY = {"planned_arrival": date(2027, 3, 8), "planned_departure": date(2027, 7, 31)}
VERIFIED = Reception(status=ReceptionStatus.VERIFIED)
SIGNED = an_agreement(first=a_version())
HERE = an_agreement(first=a_version(), planned_start="2026-09-07", planned_end="2027-01-31")


def to_sign(who: Party, on: date | None, confidence: Confidence = GUIDANCE) -> Due:
    return due(K.AGREEMENT_SIGNED, who, on, RULED, confidence)


def came(arrival: date | None = None, departure: date | None = None) -> Reception:
    return Reception(actual_arrival=arrival, actual_departure=departure)


TO_EXTEND = due(K.EXTENSION_REQUEST, STUDENT, date(2026, 12, 31), RULED)
TO_GRADE = due(K.TRANSCRIPT, HOST, date(2027, 3, 14), PUBLISHED, ESTIMATE)
CASES = {
    "nominated": ([NEW()], [TO_NOMINATE, TO_APPLY, TO_DECIDE]),
    "accepted, the term is all that is known": (
        [NEW("approved")],
        [TO_APPLY, to_sign(STUDENT, date(2027, 2, 1), ESTIMATE)],
    ),
    "accepted in the old family, with planned dates": (
        [OLD(**STAY), VERIFIED],
        [TO_APPLY, to_sign(STUDENT, date(2027, 3, 8))],
    ),
    "the agreement waits for the host": (
        [NEW("approved"), an_agreement(proposal=a_proposal())],
        [TO_APPLY, to_sign(HOST, date(2027, 3, 1))],
    ),
    "the agreement names a month": (
        [NEW("approved"), an_agreement(proposal=a_proposal(), planned_start="2027-03")],
        [TO_APPLY, to_sign(HOST, date(2027, 3, 1), ESTIMATE)],
    ),
    "refused": ([NEW("rejected")], [TO_NOMINATE]),
    "cancelled": ([NEW("cancelled")], []),
    "ready": (
        [NEW("approved"), SIGNED],
        [
            due(K.ARRIVAL_CONFIRMED, HOST, date(2027, 3, 11), OURS, ESTIMATE),
            due(K.TRANSCRIPT, HOST, date(2027, 9, 11), PUBLISHED, ESTIMATE),
        ],
    ),
    "presumed abroad": (
        [NEW("approved"), HERE],
        [
            due(K.ARRIVAL_CONFIRMED, HOST, date(2026, 9, 17), OURS, ESTIMATE),
            due(K.CHANGE_REQUEST, STUDENT, date(2026, 10, 12), RULED, ESTIMATE),
            TO_EXTEND,
            TO_GRADE,
        ],
    ),
    "arrived, which counts before the plan": (
        [NEW("approved"), HERE, came(date(2026, 9, 14))],
        [
            due(K.CHANGE_REQUEST, STUDENT, date(2026, 10, 19), RULED, ESTIMATE),
            TO_EXTEND,
            TO_GRADE,
        ],
    ),
    "a change waits for the host": (
        [
            an_agreement(
                first=a_version(),
                proposal=a_proposal("c-2", a_course()),
                planned_start="2026-09-07",
                planned_end="2027-01-31",
            ),
            came(date(2026, 9, 14)),
        ],
        [due(K.CHANGE_AGREED, HOST, date(2026, 11, 16), RULED), TO_EXTEND, TO_GRADE],
    ),
    "departed early: the later known date counts": (
        [NEW("approved"), HERE, came(date(2026, 9, 14), TODAY)],
        [TO_GRADE],
    ),
    "departed late": (
        [
            an_agreement(first=a_version(), planned_start="2026-02", planned_end="2026-09"),
            came(None, date(2026, 10, 20)),
        ],
        [due(K.TRANSCRIPT, HOST, date(2026, 12, 1), PUBLISHED, ESTIMATE)],
    ),
    "the transcript is there": (
        [NEW("approved"), a_transcript()],
        [due(K.RECOGNITION, HOME, date(2026, 12, 7), RULED, ESTIMATE)],
    ),
    "the transcript says what was recognised": (
        [NEW("approved"), a_transcript(recognition="Positive")],
        [],
    ),
    "recognised": ([OLD("recognized"), a_transcript()], []),
    "nothing is visible": ([sourced(None, Api.OMOBILITIES)], []),
}


@pytest.mark.parametrize(("facts", "expected"), CASES.values(), ids=CASES)
def test_what_is_due_where_a_mobility_stands(facts, expected):
    assert found(*facts, factsheet=a_factsheet()) == expected


YEARS = {
    "trimesters": NEW("approved", sending_term="2026/2027-2/3"),
    "a non-standard period, and no dates": NEW("approved", sending_term=None),
    "the southern hemisphere": NEW(
        "approved", receiving_academic_year_id=AcademicYearId("2026/2026")
    ),
}


@pytest.mark.parametrize("nomination", YEARS.values(), ids=YEARS)
def test_a_day_whose_year_cannot_be_told_is_shown_without_one(nomination):
    applications = [
        each for each in found(nomination, factsheet=a_factsheet()) if each.kind is K.APPLICATION
    ]

    without_year = due(K.APPLICATION, STUDENT, None, PUBLISHED, ESTIMATE)
    assert applications == [
        without_year._replace(month_day="--05-31", term=Term.AUTUMN),
        without_year._replace(month_day="--11-30", term=Term.SPRING),
    ]


@pytest.mark.parametrize(
    ("arrival", "expected"),
    [(date(2026, 9, 7), date(2026, 5, 31)), (date(2027, 3, 8), date(2026, 11, 30))],
)
def test_a_term_that_nobody_named_is_guessed_from_the_planned_start(arrival, expected):
    nomination = OLD(sending_term=None, planned_arrival=arrival)

    first = next(e for e in found(nomination, factsheet=a_factsheet()) if e.kind is K.APPLICATION)

    assert (first.on, first.confidence) == (expected, ESTIMATE)


def test_a_host_without_a_factsheet_leaves_the_programme_s_rules():
    for factsheet in (None, KnownFactsheet(value=None, last_error="partner_unreachable")):
        assert found(NEW(), factsheet=factsheet) == []
        assert found(HERE, came(None, TODAY), factsheet=factsheet) == [
            due(K.TRANSCRIPT, HOST, date(2027, 3, 7), RULED, ESTIMATE)
        ]


def test_nothing_is_missing_of_what_the_host_does_not_share():
    nobody: frozenset[Api] = frozenset()

    assert [each.kind for each in found(NEW("approved"), SIGNED, heard=nobody)] == []
    assert found(came(None, TODAY), HERE, heard=nobody) == []


def test_a_year_of_another_programme_has_none_of_its_rules():
    later_year = AcademicYearId("2029/2030")
    known = found(
        NEW("approved", receiving_academic_year_id=later_year),
        a_transcript(),
        an_agreement(receiving_academic_year_id=later_year),
    )

    assert known == []


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("2027-03-31", date(2027, 2, 28)),
        ("2028-03-31", date(2028, 2, 29)),
        ("2027-01-15", date(2026, 12, 15)),
        ("2027-02", date(2027, 1, 28)),
    ],
)
def test_a_month_before_the_end_may_be_its_last_day(end: str, expected: date):
    agreement = an_agreement(first=a_version(), planned_start="2026-09-07", planned_end=end)

    asked = next(e for e in found(agreement, came(TODAY)) if e.kind is K.EXTENSION_REQUEST)

    assert asked.on == expected


def test_a_deadline_that_passed_stays_while_its_step_is_not_done():
    after = date(2026, 12, 24)

    assert TO_APPLY in found(NEW(), factsheet=a_factsheet(), today=after)


def test_applications_may_close_before_nominations_as_published():
    strange = a_factsheet(applications=TermDays(autumn="--03-01", spring="--09-15"))

    kinds = [(each.kind, each.on) for each in found(NEW(), factsheet=strange)]

    assert kinds[:2] == [(K.APPLICATION, date(2026, 9, 15)), (K.NOMINATION, date(2026, 10, 31))]


BROKEN = {
    "another word": ("hour = 9", "hours = 9", "hours"),
    "an hour that is none": ("hour = 9", "hour = 24", "hour"),
    "a year that is none": ('from = "2021/2022"', 'from = "2021"', "from"),
    "a term that is none": ("spring =", "summer =", "summer"),
    "no TOML": ("[ours]", "[ours", "programme.toml"),
}


@pytest.mark.parametrize(("old", "new", "named"), BROKEN.values(), ids=BROKEN)
def test_rules_that_cannot_be_right_stop_the_start(tmp_path, old, new, named):
    path = tmp_path / FILE.name
    content = FILE.read_text()
    assert old in content
    path.write_text(content.replace(old, new))

    with pytest.raises(SettingsInvalid, match=named) as refused:
        load_rules(path)

    assert str(path) in str(refused.value)


def test_the_rules_that_come_along_are_what_the_guide_says():
    rules = RULES.of("2026/2027")

    assert rules is not None
    assert (
        rules.change_request_weeks,
        rules.change_agreed_weeks,
        rules.extension_months,
        rules.recognition_weeks,
    ) == (5, 2, 1, 5)
    assert (RULES.of("2020/2021"), RULES.of("2029/2030"), RULES.of(None)) == (None, None, None)
    assert timedelta(days=RULES.ours.arrival_days) == timedelta(days=10)


def seen_ahead(*facts: Any) -> dict[K, date | None]:
    """What is set for each step, by what counts first or has no day."""
    known = foreseen(a_mobility(*facts), a_factsheet(), RULES, TODAY)
    return {each.kind: each.on for each in known if each.superseded_by is None}


def test_what_is_set_for_a_step_can_be_asked_for_before_and_after_it():
    assert seen_ahead(NEW("approved", **STAY), SIGNED) == {
        K.NOMINATION: date(2026, 10, 31),
        K.APPLICATION: date(2026, 11, 30),
        K.DECISION: date(2026, 11, 30),
        K.AGREEMENT_SIGNED: date(2027, 3, 1),
        K.CHANGE_REQUEST: date(2027, 4, 5),
        K.EXTENSION_REQUEST: date(2027, 6, 30),
        K.TRANSCRIPT: date(2027, 9, 11),
        K.CHANGE_AGREED: None,
        K.RECOGNITION: None,
    }


@pytest.mark.parametrize("status", ["cancelled", "rejected"])
def test_nothing_is_set_for_a_mobility_that_is_called_off(status: str):
    assert seen_ahead(NEW(status, **STAY)) == {}


def test_a_traineeship_has_a_certificate_and_no_agreement_that_we_see():
    trainee = OLD("live", activity_type="student-traineeships", **STAY)

    assert set(seen_ahead(trainee)) == {
        *(K.NOMINATION, K.APPLICATION, K.DECISION, K.EXTENSION_REQUEST),
        *(K.RECOGNITION, K.CERTIFICATE),
    }
