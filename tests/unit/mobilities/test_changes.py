"""The rows of guide §5.3 that omobilities, imobilities and omobility-las can tell."""

from datetime import date, timedelta

import msgspec
import pytest
from factories import (
    LINDENTAL,
    RIBEIRA,
    TODAY,
    a_contact,
    a_course,
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

from erasmus_app.ids import HeiId
from erasmus_app.mobilities.changes import changes
from erasmus_app.mobilities.events import DETAILS, KINDS, MobilityEvent, Row
from erasmus_app.mobilities.models import (
    AgreementEnd,
    Api,
    ComponentChange,
    ComponentList,
    Fact,
    Reception,
    ReceptionStatus,
    Requirement,
    ResultStatus,
)

IN, OUT = ComponentChange.INSERTED, ComponentChange.DELETED
YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)
LOGIC, SETS = a_course("Logic"), a_course("Sets", "7.5")
FIRST = a_version(LOGIC, SETS)
APPROVED = a_version(
    a_course("Sets", "7.5", change=OUT), a_course("Models", change=IN), at=later(days=9)
)
APPROVED_AGAIN = a_version(a_course("Sets", "7.5", change=OUT), at=later(days=12))
CHANGE = a_proposal("c-2", a_course("Models", change=IN))
SIGNED, CHANGED = an_agreement(first=FIRST), an_agreement(first=FIRST, approved=APPROVED)
MOVED_HOUSE = AgreementEnd(hei_id=LINDENTAL, contact=a_contact("Nora"))


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


def told(*rows: str) -> list[tuple[str, dict[str, str]]]:
    return [(row, {}) for row in rows]


NEW, OLD = a_nomination, an_old_nomination

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
    "old: a paper more": (OLD(), OLD(requirements=(Requirement(name="CV"),)), []),
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
    "the partner moves back": (NEW("approved"), OLD("live"), []),
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
}


@pytest.mark.parametrize(("was", "now", "expected"), TRANSCRIPTS.values(), ids=TRANSCRIPTS)
def test_what_a_transcript_tells(was, now, expected):
    assert happened(was, now) == expected


BLENDED = a_version(
    a_course("Week in Lindental", "3", ComponentList.BLENDED),
    a_course("Online", "2", ComponentList.VIRTUAL),
    a_course("At home", "5", ComponentList.RECOGNIZED),
)
SENT, SENT_AGAIN = an_agreement(proposal=a_proposal()), an_agreement(proposal=a_proposal("c-9"))
PROPOSED = an_agreement(first=FIRST, proposal=CHANGE)

AGREEMENTS = {
    "sent": (None, SENT, told("B13")),
    "replaced": (SENT, SENT_AGAIN, told("B14")),
    "signed": (SENT, SIGNED, [("B15", {"courses": "2", "ects": "13.5"})]),
    "signed, blended": (
        None,
        an_agreement(first=BLENDED),
        [("B15", {"courses": "2", "ects": "5"})],
    ),
    "signed by all but one is not signed": (
        None,
        an_agreement(first=a_version(LOGIC, at=None)),
        [],
    ),
    "sent back": (SENT, None, told("B16")),
    "sent back, with an empty agreement left": (SENT, an_agreement(), told("B16")),
    "signed, and no longer shown": (SIGNED, None, []),
    "signed and being changed, and no longer shown": (PROPOSED, None, []),
    "no longer shown before it was sent": (an_agreement(), None, []),
    "change proposed": (SIGNED, PROPOSED, [("D5", {"added": "1", "removed": "0"})]),
    "change replaced": (
        PROPOSED,
        an_agreement(first=FIRST, proposal=a_proposal("c-3", a_course("Sets", change=OUT))),
        [("D5", {"added": "0", "removed": "1"})],
    ),
    "second change proposed": (
        CHANGED,
        an_agreement(first=FIRST, approved=APPROVED, proposal=a_proposal("c-3", LOGIC)),
        [("D5", {"added": "0", "removed": "0"})],
    ),
    "change agreed": (PROPOSED, CHANGED, told("D6")),
    "second change agreed": (
        CHANGED,
        an_agreement(first=FIRST, approved=APPROVED_AGAIN),
        told("D6"),
    ),
    "seen first when it is changed": (None, CHANGED, told("D6")),
    "change sent back": (PROPOSED, SIGNED, told("D7")),
    "second change sent back": (
        an_agreement(first=FIRST, approved=APPROVED, proposal=CHANGE),
        CHANGED,
        told("D7"),
    ),
    "signed, and a change proposed between two looks": (
        SENT,
        PROPOSED,
        [("B15", {"courses": "2", "ects": "13.5"}), ("D5", {"added": "1", "removed": "0"})],
    ),
    "contact changed": (
        SENT,
        an_agreement(proposal=a_proposal(), receiving=MOVED_HOUSE),
        told("D11"),
    ),
    "dates moved": (
        SENT,
        an_agreement(proposal=a_proposal(), planned_start="2027-03", planned_end="2027-08"),
        [("B9", {"start": "2027-03", "end": "2027-08"})],
    ),
    "name corrected": (
        SENT,
        an_agreement(proposal=a_proposal(), student=a_student(family_name="Ferreira Lopes")),
        told("B8"),
    ),
    "another language level": (SENT, an_agreement(proposal=a_proposal(), cefr_level="C1"), []),
}


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


def test_every_row_is_told_by_some_change():
    tables = (NOMINATIONS, RECEPTIONS, AGREEMENTS, TRANSCRIPTS)
    expected = [each[-1] for table in tables for each in table.values()]

    assert {row for events in expected for row, _ in events} == {each.value for each in Row}
    assert KINDS.keys() == set(Row)
