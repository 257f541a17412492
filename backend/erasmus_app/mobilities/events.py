"""What happened to a mobility, as values; the rows of guide §5.3."""

import hashlib
from collections.abc import Iterable
from enum import StrEnum
from uuid import UUID

import msgspec

from erasmus_app.ids import EventId, HeiId, OmobilityId
from erasmus_app.mobilities.kinds import is_traineeship
from erasmus_app.mobilities.models import Mobility


class Row(StrEnum):
    """The rows of the table of steps. D8 is a detail of D5 and D9: which courses, and why."""

    B1 = "B1"
    B2 = "B2"
    B3 = "B3"
    B4 = "B4"
    B5 = "B5"
    B6 = "B6"
    B7 = "B7"
    B8 = "B8"
    B9 = "B9"
    B10 = "B10"
    B11 = "B11"
    B12 = "B12"
    B13 = "B13"
    B14 = "B14"
    B15 = "B15"
    B16 = "B16"
    B17 = "B17"
    D1 = "D1"
    D2 = "D2"
    D3 = "D3"
    D4 = "D4"
    D5 = "D5"
    D6 = "D6"
    D7 = "D7"
    D9 = "D9"
    D10 = "D10"
    D11 = "D11"
    D12 = "D12"
    A1 = "A1"
    A2 = "A2"
    A3 = "A3"
    A4 = "A4"
    A5 = "A5"
    A6 = "A6"
    A7 = "A7"
    A8 = "A8"
    A9 = "A9"
    A10 = "A10"
    # What the guide has no row for: deadlines that come near or have come, and that moved.
    CERTIFICATE_DUE = "certificate-due"  # of a traineeship
    CHANGE_DUE = "change-due"
    EXTENSION_DUE = "extension-due"
    MOVED = "moved"  # the day for applications did
    MOVED_AGREEMENT = "moved-agreement"
    MOVED_CHANGE = "moved-change"
    MOVED_EXTENSION = "moved-extension"


KINDS = {
    Row.B1: "nominated",
    Row.B2: "nomination_changed",
    Row.B3: "nomination_received",
    Row.B4: "nomination_accepted",
    Row.B5: "nomination_refused",
    Row.B6: "mobility_cancelled",
    Row.B7: "nomination_vanished",
    Row.B8: "personal_data_changed",
    Row.B9: "planned_dates_changed",
    Row.B10: "requirement_added",
    Row.B11: "application_due",
    Row.B12: "agreement_due",
    Row.B13: "agreement_sent",
    Row.B14: "agreement_replaced",
    Row.B15: "agreement_signed",
    Row.B16: "agreement_sent_back",
    Row.B17: "formalities_done",
    Row.D1: "arrival_confirmed",
    Row.D2: "arrival_recorded",
    Row.D3: "arrival_removed",
    Row.D4: "arrival_missing",
    Row.D5: "change_sent",
    Row.D6: "change_agreed",
    Row.D7: "change_sent_back",
    Row.D9: "extension_sent",
    Row.D10: "data_change_sent",
    Row.D11: "contact_changed",
    Row.D12: "mobility_ended",
    Row.A1: "departure_confirmed",
    Row.A2: "departure_recorded",
    Row.A3: "departed_early",
    Row.A4: "transcript_issued",
    Row.A5: "transcript_corrected",
    Row.A6: "transcript_withdrawn",
    Row.A7: "transcript_late",
    Row.A8: "recognised",
    Row.A9: "recognition_reported",
    Row.A10: "recognition_due",
    Row.CERTIFICATE_DUE: "certificate_due",
    Row.CHANGE_DUE: "change_due",
    Row.EXTENSION_DUE: "extension_due",
    Row.MOVED: "deadline_moved",
    Row.MOVED_AGREEMENT: "agreement_deadline_moved",
    Row.MOVED_CHANGE: "change_deadline_moved",
    Row.MOVED_EXTENSION: "extension_deadline_moved",
}


OF_TRAINEESHIPS = {Row.D1: "traineeship_begun", Row.A1: "traineeship_ended"}
"""What the rows are called where there are no courses and no transcript."""
WITHOUT_CREDITS = {Row.B15: "agreement_signed_without_credits"}
ALL_KINDS = frozenset({*KINDS.values(), *OF_TRAINEESHIPS.values(), *WITHOUT_CREDITS.values()})


DETAILS: dict[str, frozenset[str]] = {
    "planned_dates_changed": frozenset({"start", "end"}),
    "requirement_added": frozenset({"requirements"}),
    "application_due": frozenset({"date"}),
    "agreement_due": frozenset({"date"}),
    "agreement_signed": frozenset({"courses", "ects"}),
    "arrival_confirmed": frozenset({"date"}),
    "traineeship_begun": frozenset({"date"}),
    "arrival_recorded": frozenset({"date"}),
    "change_sent": frozenset({"added", "removed", "cancelled"}),
    "extension_sent": frozenset({"end", "added", "removed", "cancelled"}),
    "departure_confirmed": frozenset({"date"}),
    "departure_recorded": frozenset({"date"}),
    "traineeship_ended": frozenset({"date"}),
    "departed_early": frozenset({"date"}),
    "transcript_issued": frozenset({"courses", "ects"}),
    "transcript_late": frozenset({"date"}),
    "recognition_reported": frozenset({"outcome"}),
    "certificate_due": frozenset({"date"}),
    "change_due": frozenset({"date"}),
    "extension_due": frozenset({"date"}),
    "deadline_moved": frozenset({"date"}),
    "agreement_deadline_moved": frozenset({"date"}),
    "change_deadline_moved": frozenset({"date"}),
    "extension_deadline_moved": frozenset({"date"}),
}
"""What events of a kind carry for their texts; the other kinds carry nothing."""

REASONS = ("not-available", "language-mismatch", "timetable-conflict")
"""Why a course cannot be taken, in the words of the XML; `cancelled` names one of each course."""

OUTCOMES = ("positive", "partial", "negative", "other")
"""What `outcome` says: ELMO's Positive, Partially Positive, Negative; any other word is other."""

LONGEST_NAME = 80  # characters of a title or of a paper's name: a message is no place for more
MOST_NAMES = 5


class MobilityEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One real change, or one day that has come.

    `detail` holds dates, counts, codes, and names of courses and papers: nobody's name, no comment
    and no grade. It is for the inbox alone; a push shows nothing of it.
    """

    event_id: EventId
    step: Row
    detail: dict[str, str] = {}
    called: str | None = None  # another kind than the row's, where its words do not fit

    @property
    def kind(self) -> str:
        """The message's kind in `notifications/catalogue.toml`."""
        return self.called or KINDS[self.step]


def event_id(sending: HeiId, omobility_id: OmobilityId, row: Row, discriminator: str) -> EventId:
    """Make the id: the same change, seen again or by another tenant, has the same one.

    The discriminator is a proposal id, a signature's time or a source's revision (guide §6.5),
    never the bare value: a date may go from A to B and back to A.
    """
    text = "\n".join((sending, omobility_id, row, discriminator))
    return EventId(UUID(bytes=hashlib.sha256(text.encode()).digest()[:16], version=5))


def event_about(mobility: Mobility, row: Row, discriminator: str, **detail: str) -> MobilityEvent:
    """Make an event of a mobility; the discriminator as in `event_id`."""
    made = event_id(mobility.sending_hei_id, mobility.omobility_id, row, discriminator)
    called = OF_TRAINEESHIPS.get(row) if is_traineeship(mobility) else None
    return MobilityEvent(event_id=made, step=row, detail=detail, called=called)


def listed(names: Iterable[str]) -> str:
    """Write names for a detail, one a line; long ones are cut, and the rest becomes `…`."""
    known = [" ".join(each.split())[:LONGEST_NAME] for each in names]
    return "\n".join([*known[:MOST_NAMES], *(["…"] if len(known) > MOST_NAMES else [])])
