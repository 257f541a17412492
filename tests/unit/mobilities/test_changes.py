"""The rows of guide §5.3 that a partner's answer tells; test_dues.py has the calendar's."""

from datetime import date, timedelta

import msgspec
import pytest
from factories import (
    LINDENTAL,
    RIBEIRA,
    TODAY,
    a_mobility,
    a_nomination,
    a_proposal,
    a_result,
    a_student,
    a_transcript,
    a_version,
    an_agreement,
    an_old_nomination,
    later,
    sourced,
)
from unit.mobilities.agreements_told import (
    AGREEMENTS,
    APPROVED,
    CHANGED,
    FIRST,
    LOGIC,
    SENT,
    SETS,
    SIGNED,
    told,
)

from erasmus_app.ids import HeiId
from erasmus_app.mobilities.changes import changes
from erasmus_app.mobilities.events import DETAILS, KINDS, MobilityEvent, Row
from erasmus_app.mobilities.models import (
    Api,
    Fact,
    Reception,
    ReceptionStatus,
    Requirement,
    ResultStatus,
)

YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)


def received(status: str | None = None, arrival: date | None = None, departure: date | None = None):
    return Reception(
        status=ReceptionStatus(status) if status else None,
        actual_arrival=arrival,
        actual_departure=departure,
    )


def happened(was: Fact | None, now: Fact | None, *others: Fact) -> list[tuple[str, dict[str, str]]]:
    """What is told when one source moves from `was` to `now` while the others stay."""
    after_fact = sourced(now or None, None if now else _api(was), revision=2)
    before = a_mobility(*([was] if was else []), *others) if was or others else None
    events = changes(before, a_mobility(after_fact, *others), TODAY)
    return [(event.step.value, event.detail) for event in events]


def _api(fact: Fact | None) -> Api:
    assert fact is not None
    return sourced(fact).source.api


NEW, OLD, CV = a_nomination, an_old_nomination, Requirement(name="CV")

NOMINATIONS = {
    "new: appears": (None, NEW(), told("B1")),
    "new: appears accepted": (None, NEW("approved"), told("B4")),
    "new: appears refused": (None, NEW("rejected"), told("B5")),
    "new: appears cancelled": (None, NEW("cancelled"), told("B6")),
    "old: appears": (None, OLD(), told("B1")),
    "old: appears live": (None, OLD("live"), told("B17")),
    "old: appears recognised, years later": (None, OLD("recognized"), told("A8")),
    "new: another content": (NEW(), NEW(proposal="p-2"), told("B2")),
    "new: refused, then corrected": (NEW("rejected"), NEW(proposal="p-2"), told("B2")),
    "new: accepted, then changed": (NEW("approved"), NEW(proposal="p-2"), told("B2")),
    "new: changed and accepted between two looks": (
        NEW(),
        NEW("approved", proposal="p-2"),
        told("B4"),
    ),
    "new: accepted anew between two looks": (
        NEW("approved"),
        NEW("approved", proposal="p-2"),
        told("B4"),
    ),
    "old: another term": (OLD(), OLD(sending_term="2026/2027-1/2"), told("B2")),
    "old: another field": (OLD(), OLD(isced_f_code="0541"), told("B2")),
    "old: a paper more": (
        OLD(requirements=(CV,)),
        OLD(requirements=(CV, Requirement(name="Portfolio"), Requirement(name="Portfolio"))),
        [("B10", {"requirements": "Portfolio"})],
    ),
    "old: a paper less": (OLD(requirements=(CV,)), OLD(), []),
    "old: nominated with papers": (None, OLD(requirements=(CV,)), told("B1")),
    "old: cancelled with a paper more": (
        OLD(),
        OLD("cancelled", requirements=(CV,)),
        told("B6"),
    ),
    "new: accepted": (NEW(), NEW("approved"), told("B4")),
    "new: refused": (NEW(), NEW("rejected"), told("B5")),
    "new: cancelled before a decision": (NEW(), NEW("cancelled"), told("B6")),
    "new: called off": (NEW("approved"), NEW("cancelled"), told("D12")),
    "new: cancelled with a last edit": (NEW(), NEW("cancelled", proposal="p-2"), told("B6")),
    "new: on again": (NEW("cancelled"), NEW(), told("B1")),
    "new: on again and accepted": (NEW("cancelled"), NEW("approved", proposal="p-2"), told("B4")),
    "old: cancelled": (OLD(), OLD("cancelled"), told("B6")),
    "old: called off": (OLD("live"), OLD("cancelled"), told("D12")),
    "old: formalities done": (OLD(), OLD("live"), told("B17")),
    "old: recognised": (OLD("live"), OLD("recognized"), told("A8")),
    "old: recognition taken back": (OLD("recognized"), OLD("live"), []),
    "vanished": (NEW(), None, told("B7")),
    "vanished when it was cancelled": (NEW("cancelled"), None, []),
    "vanished when it was over": (OLD("recognized"), None, []),
    "name corrected": (NEW(), NEW(student=a_student(given_names="Ines")), told("B8")),
    "e-mail corrected": (OLD(), OLD(student=a_student(email="i@x.example")), told("B8")),
    "birth date seen for the first time": (NEW(student=a_student(birth_date=None)), NEW(), []),
    "planned dates set": (
        OLD(),
        OLD(planned_arrival=date(2027, 3, 1), planned_departure=date(2027, 7, 31)),
        [("B9", {"start": "2027-03-01", "end": "2027-07-31"})],
    ),
    "one planned date says too little": (OLD(), OLD(planned_arrival=date(2027, 3, 1)), []),
    "the partner moves to the new family": (OLD("live"), NEW("approved"), []),
    "the partner moves to the new family and decides": (OLD(), NEW("approved"), told("B4")),
    "the partner moves to the new family and cancels": (OLD("live"), NEW("cancelled"), told("D12")),
    "the partner moves back": (NEW("approved"), OLD("live", requirements=(CV,)), []),
}


@pytest.mark.parametrize(("was", "now", "expected"), NOMINATIONS.values(), ids=NOMINATIONS)
def test_what_a_nomination_tells(was, now, expected):
    assert happened(was, now) == expected


def test_a_partner_that_moves_to_the_new_family_tells_no_acceptance_twice():
    assert happened(OLD(), NEW("approved"), received("verified")) == []


RECEPTIONS = {
    "received": (None, received("pending"), (OLD(),), told("B3")),
    "accepted": (received("pending"), received("verified"), (OLD(),), told("B4")),
    "accepted at once": (None, received("verified"), (OLD(),), told("B4")),
    "refused": (received("pending"), received("rejected"), (OLD(),), told("B5")),
    "looked at once more": (received("rejected"), received("pending"), (OLD(),), []),
    "refused where no nomination is shared": (None, received("rejected"), (), told("B5")),
    "refused when it no longer counts": (None, received("rejected"), (OLD("live"),), []),
    "accepted, which the new family says itself": (None, received("verified"), (NEW(),), []),
    "arrived": (
        received(),
        received(arrival=TODAY),
        (NEW("approved"),),
        [("D1", {"date": "2026-11-02"})],
    ),
    "arrival announced": (
        received(),
        received(arrival=TOMORROW),
        (),
        [("D2", {"date": "2026-11-03"})],
    ),
    "arrival moved": (
        received(arrival=TODAY),
        received(arrival=YESTERDAY),
        (),
        [("D2", {"date": "2026-11-01"})],
    ),
    "arrival removed": (received(arrival=TODAY), received(), (), told("D3")),
    "arrival no longer shown": (received(arrival=TODAY), None, (), told("D3")),
    "a record put away after the stay": (
        received(arrival=YESTERDAY, departure=TODAY),
        None,
        (),
        [],
    ),
    "departed": (
        received(arrival=YESTERDAY),
        received(arrival=YESTERDAY, departure=TODAY),
        (),
        [("A1", {"date": "2026-11-02"})],
    ),
    "departed well before the end that all have signed": (
        received(arrival=YESTERDAY),
        received(arrival=YESTERDAY, departure=TODAY),
        (an_agreement(first=a_version(), planned_end="2026-11-16"),),
        [("A3", {"date": "2026-11-02"})],
    ),
    "departed some days before the end": (
        received(arrival=YESTERDAY),
        received(arrival=YESTERDAY, departure=TODAY),
        (an_agreement(first=a_version(), planned_end="2026-11-15"),),
        [("A1", {"date": "2026-11-02"})],
    ),
    "departed in the month of the end": (
        received(arrival=YESTERDAY),
        received(arrival=YESTERDAY, departure=TODAY),
        (an_agreement(first=a_version(), planned_end="2026-11"),),
        [("A1", {"date": "2026-11-02"})],
    ),
    "departed before an end that is not agreed": (
        received(arrival=YESTERDAY),
        received(arrival=YESTERDAY, departure=TODAY),
        (an_agreement(proposal=a_proposal()),),
        [("A1", {"date": "2026-11-02"})],
    ),
    "departure planned": (
        received(arrival=TODAY),
        received(arrival=TODAY, departure=TOMORROW),
        (),
        [("A2", {"date": "2026-11-03"})],
    ),
    "departure removed": (received(departure=TOMORROW), received(), (), []),
    "accepted and arrived in one answer": (
        received("pending"),
        received("verified", arrival=TODAY),
        (OLD(),),
        [("B4", {}), ("D1", {"date": "2026-11-02"})],
    ),
}


@pytest.mark.parametrize(("was", "now", "others", "expected"), RECEPTIONS.values(), ids=RECEPTIONS)
def test_what_a_reception_tells(was, now, others, expected):
    assert happened(was, now, *others) == expected


PASSED, FAILED = a_result("Logic"), a_result("Sets", "8", "7.5", status=ResultStatus.FAILED)
MODULE = a_result("Foundations", None, "13.5", parts=(PASSED, FAILED))
ISSUED = a_transcript(PASSED, FAILED)

TRANSCRIPTS = {
    "issued": (None, ISSUED, [("A4", {"courses": "1", "ects": "6"})]),
    "a module counts by its parts": (
        None,
        a_transcript(MODULE),
        [("A4", {"courses": "1", "ects": "6"})],
    ),
    "nothing passed": (None, a_transcript(FAILED), [("A4", {"courses": "0", "ects": "0"})]),
    "a course without a status and with a grade is passed": (
        None,
        a_transcript(a_result(status=None)),
        [("A4", {"courses": "1", "ects": "6"})],
    ),
    "a grade corrected": (ISSUED, a_transcript(a_result("Logic", "18"), FAILED), told("A5")),
    "a course more": (ISSUED, a_transcript(PASSED, FAILED, a_result("Models")), told("A5")),
    "the same printed on another day": (
        ISSUED,
        a_transcript(PASSED, FAILED, issued_at=later(days=3)),
        [],
    ),
    "no longer shown": (ISSUED, None, told("A6")),
    "recognised in the transcript": (
        ISSUED,
        a_transcript(PASSED, FAILED, recognition="Positive"),
        [("A9", {"outcome": "positive"})],
    ),
    "recognised in part, corrected": (
        a_transcript(PASSED, FAILED, recognition="Positive"),
        a_transcript(PASSED, recognition="Partially  positive"),
        [("A5", {}), ("A9", {"outcome": "partial"})],
    ),
    "issued with its recognition": (
        None,
        a_transcript(PASSED, recognition="Negative"),
        [("A4", {"courses": "1", "ects": "6"}), ("A9", {"outcome": "negative"})],
    ),
    "recognised in a word of the HEI's own": (
        ISSUED,
        a_transcript(PASSED, FAILED, recognition="Anerkannt"),
        [("A9", {"outcome": "other"})],
    ),
    "recognition taken back": (
        a_transcript(PASSED, recognition="Positive"),
        a_transcript(PASSED),
        [],
    ),
    "recognition written in another case": (
        a_transcript(PASSED, recognition="Positive"),
        a_transcript(PASSED, recognition="positive"),
        [],
    ),
}


@pytest.mark.parametrize(("was", "now", "expected"), TRANSCRIPTS.values(), ids=TRANSCRIPTS)
def test_what_a_transcript_tells(was, now, expected):
    assert happened(was, now) == expected


@pytest.mark.parametrize(("was", "now", "expected"), AGREEMENTS.values(), ids=AGREEMENTS)
def test_what_an_agreement_tells(was, now, expected):
    assert happened(was, now) == expected


def test_what_one_api_has_told_is_not_told_again_by_the_other():
    student = a_student(given_names="Ines")
    stay = {"planned_arrival": date(2027, 3, 8), "planned_departure": date(2027, 7, 31)}
    nomination = OLD(student=student, **stay)
    agreement = an_agreement(proposal=a_proposal(), student=student, planned_start="2027-03-08")
    both = [("B8", {}), ("B9", {"start": "2027-03-08", "end": "2027-07-31"})]

    assert happened(OLD(), nomination, SENT) == happened(SENT, agreement, OLD()) == both
    assert happened(OLD(), nomination, agreement) == happened(SENT, agreement, nomination) == []


REORDERED = {
    "components": (SIGNED, an_agreement(first=a_version(SETS, LOGIC))),
    "approved changes": (
        CHANGED,
        an_agreement(
            first=FIRST,
            approved=msgspec.structs.replace(APPROVED, components=APPROVED.components[::-1]),
        ),
    ),
    "a proposal": (
        an_agreement(proposal=a_proposal("c-1", LOGIC, SETS)),
        an_agreement(proposal=a_proposal("c-1", SETS, LOGIC)),
    ),
    "requirements": (
        OLD(requirements=(Requirement(name="CV"), Requirement(name="Portfolio"))),
        OLD(requirements=(Requirement(name="Portfolio"), Requirement(name="CV"))),
    ),
}


@pytest.mark.parametrize(("was", "now"), REORDERED.values(), ids=REORDERED)
def test_another_order_is_no_news(was, now):
    assert was != now
    assert happened(was, now) == []


EVERYTHING = [
    *((was, now, ()) for was, now, _ in NOMINATIONS.values()),
    *((was, now, others) for was, now, others, _ in RECEPTIONS.values()),
    *((was, now, ()) for was, now, _ in AGREEMENTS.values()),
]


def seen_by(tenant: HeiId, was, now, others) -> list[MobilityEvent]:
    after = sourced(now, None if now else _api(was), revision=2, asked_as=tenant)
    before = a_mobility(*([was] if was else []), *others, tenant=tenant)
    return list(changes(before, a_mobility(after, *others, tenant=tenant), TODAY))


def test_a_fetch_that_brings_the_same_tells_nothing_whatever_the_day():
    for _, now, others in EVERYTHING:
        facts = [each for each in (now, *others) if each is not None]
        known = a_mobility(*facts)
        confirmed = a_mobility(*(sourced(each, last_confirmed_at=later(days=1)) for each in facts))
        failed = a_mobility(*(sourced(each, last_error="partner_unreachable") for each in facts))
        for after in (known, confirmed, failed):
            assert list(changes(known, after, TODAY)) == []
            assert list(changes(known, after, TODAY + timedelta(days=400))) == []


def test_the_same_change_has_the_same_ids_seen_again_or_by_the_other_university():
    for change in EVERYTHING:
        seen = seen_by(RIBEIRA, *change)
        assert seen == seen_by(RIBEIRA, *change) == seen_by(LINDENTAL, *change)


def test_an_event_carries_what_its_texts_may_show_and_nothing_else():
    for change in EVERYTHING:
        for event in seen_by(LINDENTAL, *change):
            assert event.detail.keys() == DETAILS.get(event.kind, frozenset())


OF_THE_CALENDAR = {
    *("B11", "B12", "D4", "A7", "A10", "change-due", "extension-due", "certificate-due"),
    *("moved", "moved-agreement", "moved-change", "moved-extension"),
}


def test_every_row_is_told_by_some_change_or_by_the_calendar():
    tables = (NOMINATIONS, RECEPTIONS, AGREEMENTS, TRANSCRIPTS)
    expected = [each[-1] for table in tables for each in table.values()]
    told_here = {row for events in expected for row, _ in events}

    assert told_here == {each.value for each in Row} - OF_THE_CALENDAR
    assert KINDS.keys() == set(Row)
