"""Which exchange a question is about, where a student has several."""

from collections.abc import Iterable, Sequence

from erasmus_app.chat.answers.about import Voice
from erasmus_app.chat.knowledge import Known, KnownMobility
from erasmus_app.chat.models import Choice
from erasmus_app.ids import HeiId, MobilityId
from erasmus_app.mobilities.state import MobilityState
from erasmus_app.mobilities.stays import academic_year, planned_end, planned_start

MOST_CHOICES = 6

_OFF = frozenset({MobilityState.CANCELLED, MobilityState.REJECTED})
ABROAD = frozenset({MobilityState.ARRIVED, MobilityState.PRESUMED_ABROAD})
_BEGUN = ABROAD | frozenset(
    {
        MobilityState.DEPARTED,
        MobilityState.TRANSCRIPT_ISSUED,
        MobilityState.RECOGNISED,
    }
)
_OF_THE_END = frozenset(
    {"tor_wait", "recognition", "attendance_certificate", "grant_balance", "report_survey"}
)
"""What is asked of an exchange that has begun, also long after."""
_OF_REFUSALS = frozenset({"nomination_rejected", "cancel"})


def candidates(known: Known, intent: str) -> list[KnownMobility]:
    """Return which exchanges a question may be about: those under way, or all where none is."""
    those = known.mobilities
    if intent in _OF_THE_END:
        likely = [each for each in those if each.brief.is_past or each.brief.state in _BEGUN]
    elif intent in _OF_REFUSALS:
        likely = [each for each in those if not each.brief.is_past]
    else:
        likely = [each for each in those if is_under_way(each)]
    return likely or list(those)


def is_under_way(known: KnownMobility) -> bool:
    """Whether an exchange is neither over nor called off."""
    return not known.brief.is_past and known.brief.state not in _OFF


def named_by(known: Known, heis: Iterable[HeiId]) -> list[KnownMobility]:
    """Return the exchanges whose host, else whose home, a question names."""
    wanted = set(heis)
    hosts = [each for each in known.mobilities if each.mobility.receiving_hei_id in wanted]
    return hosts or [each for each in known.mobilities if each.mobility.sending_hei_id in wanted]


def abroad_now(known: Known) -> KnownMobility | None:
    """Return the exchange of a student who needs help at once."""
    those = sorted(
        known.mobilities,
        key=lambda each: (each.brief.state not in _BEGUN, not is_under_way(each)),
    )
    under_way = [each for each in those if is_under_way(each)]
    return next(iter(under_way), next(iter(those), None))


def choices_of(those: Sequence[KnownMobility], intent: str, voice: Voice) -> list[Choice]:
    """Return exchanges to tap, told apart by host and days."""
    return [
        Choice(id=choice_id(each.mobility_id, intent), label=label(each, voice))
        for each in those[:MOST_CHOICES]
    ]


def choice_id(mobility: MobilityId, intent: str) -> str:
    """Return the id of a choice; it opens nothing, as it is looked up among the student's own."""
    return f"mobility:{mobility}:{intent}"


def label(known: KnownMobility, voice: Voice) -> str:
    """Name an exchange by its host and its days, else by its year."""
    mobility = known.mobility
    start, end = planned_start(mobility), planned_end(mobility)
    host = voice.name(mobility.receiving_hei_id)
    if start is not None and end is not None:
        days = [
            voice.day(day.isoformat() if exact else day.isoformat()[: len("YYYY-MM")])
            for day, exact in (start, end)
        ]
        return f"{host}, {days[0]} – {days[1]}"
    year = academic_year(mobility)
    return f"{host}, {year}" if year else host
