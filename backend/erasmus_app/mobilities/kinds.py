"""What kind of stay a mobility is, in EWP's words (guide §4.2.2, §4.2.3, §4.5.2).

Traineeships are nominated through the old family alone. Their agreements and certificates do not
travel through EWP, whose learning agreements and transcripts are for studies: of these steps
nothing is missing when nothing is there.
"""

from enum import StrEnum

import msgspec

from erasmus_app.mobilities.agreements import AgreementKind, agreement_kind
from erasmus_app.mobilities.models import Mobility
from erasmus_app.mobilities.stays import agreement_of, nomination_of


class ActivityType(StrEnum):
    """What the student goes for."""

    STUDENT_STUDIES = "student-studies"
    STUDENT_TRAINEESHIPS = "student-traineeships"


class ActivityAttributes(StrEnum):
    """How long, and with what: the short ones last days or weeks."""

    LONG_TERM = "long-term"
    SHORT_TERM_BLENDED = "short-term-blended"  # with a virtual part
    SHORT_TERM_DOCTORAL = "short-term-doctoral"


class StayKind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of stay; None of what nobody says, or says in a word that EWP does not have."""

    activity: ActivityType | None = None
    attributes: ActivityAttributes | None = None


_OF_AGREEMENTS = {
    AgreementKind.SEMESTER: ActivityAttributes.LONG_TERM,
    AgreementKind.BLENDED: ActivityAttributes.SHORT_TERM_BLENDED,
    AgreementKind.DOCTORAL: ActivityAttributes.SHORT_TERM_DOCTORAL,
}


def kind_of(mobility: Mobility) -> StayKind:
    """Return the kind: the nomination says it, else the tables of the learning agreement do."""
    nomination, agreement = nomination_of(mobility), agreement_of(mobility)
    if nomination is not None:
        activity = next((a for a in ActivityType if a == nomination.activity_type), None)
    else:
        activity = ActivityType.STUDENT_STUDIES if agreement is not None else None
    said = nomination.activity_attributes if nomination else None
    if said is not None:
        attributes = next((a for a in ActivityAttributes if a == said), None)
    else:
        attributes = _OF_AGREEMENTS[agreement_kind(agreement)] if agreement is not None else None
    return StayKind(activity=activity, attributes=attributes)


def has_agreement(mobility: Mobility) -> bool:
    """Whether there is, was, or will be a learning agreement in EWP."""
    return mobility.agreement is not None or not is_traineeship(mobility)


def has_transcript(mobility: Mobility) -> bool:
    """Whether there is, was, or will be a transcript of records in EWP."""
    return mobility.transcript is not None or not is_traineeship(mobility)


def is_traineeship(mobility: Mobility) -> bool:
    """Whether the student goes for a traineeship."""
    nomination = nomination_of(mobility)
    return nomination is not None and nomination.activity_type == ActivityType.STUDENT_TRAINEESHIPS
