"""What changes of a learning agreement tell: for test_changes.py."""

import msgspec
from factories import (
    LINDENTAL,
    a_contact,
    a_course,
    a_proposal,
    a_student,
    a_version,
    an_agreement,
    later,
)

from erasmus_app.mobilities.models import AgreementEnd, ComponentChange, ComponentList

IN, OUT = ComponentChange.INSERTED, ComponentChange.DELETED
LOGIC, SETS = a_course("Logic"), a_course("Sets", "7.5")
FIRST = a_version(LOGIC, SETS)
APPROVED = a_version(
    a_course("Sets", "7.5", change=OUT), a_course("Models", change=IN), at=later(days=9)
)
APPROVED_AGAIN = a_version(a_course("Sets", "7.5", change=OUT), at=later(days=12))
CHANGE = a_proposal("c-2", a_course("Models", change=IN))
SIGNED, CHANGED = an_agreement(first=FIRST), an_agreement(first=FIRST, approved=APPROVED)
MOVED_HOUSE = AgreementEnd(hei_id=LINDENTAL, contact=a_contact("Nora"))


def told(*rows: str) -> list[tuple[str, dict[str, str]]]:
    return [(row, {}) for row in rows]


def moved(added: int, removed: int, *cancelled: str) -> dict[str, str]:
    counts = {"added": str(added), "removed": str(removed)}
    return counts | {"cancelled": "\n".join(cancelled)}


def extended(added: int, removed: int, end: str = "2027-07-31") -> dict[str, str]:
    return moved(added, removed) | {"end": end}


BLENDED = a_version(
    a_course("Week in Lindental", "3", ComponentList.BLENDED),
    a_course("Online", "2", ComponentList.VIRTUAL),
    a_course("At home", "5", ComponentList.RECOGNIZED),
)
SENT, SENT_AGAIN = an_agreement(proposal=a_proposal()), an_agreement(proposal=a_proposal("c-9"))
PROPOSED = an_agreement(first=FIRST, proposal=CHANGE)
HOME = ComponentList.RECOGNIZED
DATA = msgspec.structs.replace(
    a_proposal("c-2"), components=(), student_changes=a_student(family_name="Ferreira Lopes")
)

AGREEMENTS = {
    "sent": (None, SENT, told("B13")),
    "replaced": (SENT, SENT_AGAIN, told("B14")),
    "replaced by one with a later end": (
        SENT,
        an_agreement(proposal=a_proposal("c-9"), planned_end="2027-08-31"),
        [("B14", {}), ("B9", {"start": "2027-03-01", "end": "2027-08-31"})],
    ),
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
    "change proposed": (SIGNED, PROPOSED, [("D5", moved(1, 0))]),
    "change replaced": (
        PROPOSED,
        an_agreement(first=FIRST, proposal=a_proposal("c-3", a_course("Sets", change=OUT))),
        [("D5", moved(0, 1))],
    ),
    "second change proposed": (
        CHANGED,
        an_agreement(first=FIRST, approved=APPROVED, proposal=a_proposal("c-3", LOGIC)),
        [("D5", moved(0, 0))],
    ),
    "courses cancelled": (
        SIGNED,
        an_agreement(
            first=FIRST,
            proposal=a_proposal(
                "c-2",
                a_course("Logic", change=OUT, reason_code="not-available"),
                a_course("Sets", change=OUT, reason_code="timetable-conflict"),
                a_course("Ethics", change=OUT, reason_code="of-no-interest"),
                a_course("At home", change=OUT, reason_code="not-available", table=HOME),
                a_course("Models", change=IN, reason_code="substituting-deleted"),
            ),
        ),
        [("D5", moved(1, 3, "not-available Logic", "timetable-conflict Sets"))],
    ),
    "extension by a course": (
        SIGNED,
        an_agreement(
            first=FIRST,
            proposal=a_proposal(
                "c-2", a_course("Models", change=IN, reason_code="extending-mobility")
            ),
        ),
        [("D9", extended(1, 0))],
    ),
    "extension by a later end": (
        SIGNED,
        an_agreement(first=FIRST, proposal=CHANGE, planned_end="2028-01"),
        [("D9", extended(1, 0, "2028-01"))],
    ),
    "extension of a stay that begins on another day": (
        SIGNED,
        an_agreement(
            first=FIRST, proposal=CHANGE, planned_start="2027-03-08", planned_end="2027-08-31"
        ),
        [
            ("D9", extended(1, 0, "2027-08-31")),
            ("B9", {"start": "2027-03-08", "end": "2027-08-31"}),
        ],
    ),
    "a shorter stay with a change": (
        SIGNED,
        an_agreement(first=FIRST, proposal=CHANGE, planned_end="2027-06-30"),
        [("D5", moved(1, 0)), ("B9", {"start": "2027-03-01", "end": "2027-06-30"})],
    ),
    "the last day of the month that was agreed is no extension": (
        an_agreement(first=FIRST, planned_end="2027-07"),
        an_agreement(first=FIRST, proposal=CHANGE),
        [("D5", moved(1, 0)), ("B9", {"start": "2027-03-01", "end": "2027-07-31"})],
    ),
    "a later end without a proposal": (
        PROPOSED,
        an_agreement(first=FIRST, proposal=CHANGE, planned_end="2027-08-31"),
        [("B9", {"start": "2027-03-01", "end": "2027-08-31"})],
    ),
    "important data": (SIGNED, an_agreement(first=FIRST, proposal=DATA), told("D10")),
    "important data with courses": (
        SIGNED,
        an_agreement(
            first=FIRST, proposal=msgspec.structs.replace(DATA, components=CHANGE.components)
        ),
        [("D5", moved(1, 0)), ("D10", {})],
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
        [("B15", {"courses": "2", "ects": "13.5"}), ("D5", moved(1, 0))],
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
