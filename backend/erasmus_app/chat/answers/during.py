"""The stay itself: its first and last day, longer ones and shorter ones, and other kinds."""

from collections.abc import Iterator
from datetime import date

from erasmus_app.chat.answers.about import NEW_LINE, Piece, Stay
from erasmus_app.chat.answers.dates import of_kind, until_when
from erasmus_app.chat.answers.origins import of_fact, of_programme
from erasmus_app.chat.answers.overview import planned
from erasmus_app.chat.answers.people import HOME, contact, contacts
from erasmus_app.mobilities.kinds import ActivityAttributes, kind_of
from erasmus_app.mobilities.models import Api
from erasmus_app.mobilities.rules import DeadlineKind
from erasmus_app.mobilities.stays import plausible


def arrival_confirm(stay: Stay) -> Iterator[Piece]:
    """Say whether the arrival is recorded, and what paper it takes."""
    yield from _arrival(stay)
    yield stay.say("stay.arrival_paper")
    if of_kind(stay, DeadlineKind.ARRIVAL_CONFIRMED):
        yield from until_when(stay, DeadlineKind.ARRIVAL_CONFIRMED)
    elif _day_of_arrival(stay) is None:
        what = stay.voice.what(DeadlineKind.ARRIVAL_CONFIRMED, stay.mobility)
        yield stay.say("dates.not_set", what=what)
    yield of_programme(stay)
    yield NEW_LINE
    yield from contacts(stay)


def attendance_certificate(stay: Stay) -> Iterator[Piece]:
    """Say who signs the certificate, and which last day is known."""
    yield stay.say("stay.certificate")
    yield stay.say("stay.certificate_early")
    departure = _departure(stay)
    if departure is not None:
        yield departure
    else:
        yield from planned(stay)
    yield of_programme(stay)
    yield from of_fact(stay, stay.mobility.reception)
    yield from of_fact(stay, stay.mobility.agreement or stay.mobility.nomination)
    yield NEW_LINE
    yield from contacts(stay)


def extension(stay: Stay) -> Iterator[Piece]:
    """Say until when to ask for a longer stay, and who must agree."""
    yield from until_when(stay, DeadlineKind.EXTENSION_REQUEST)
    yield NEW_LINE
    yield stay.say("stay.extension_rule")
    yield stay.say("stay.length")
    yield from planned(stay)
    yield of_programme(stay)
    yield from contacts(stay)


def early_return(stay: Stay) -> Iterator[Piece]:
    """Say whom to speak with before leaving."""
    yield stay.say("stay.early")
    yield stay.say("grant.recalc")
    yield from planned(stay)
    yield from of_fact(stay, stay.mobility.agreement or stay.mobility.nomination)
    yield of_programme(stay)
    yield NEW_LINE
    yield from contacts(stay)


def cancel(stay: Stay) -> Iterator[Piece]:
    """Say whom to tell; nothing is cancelled here."""
    yield stay.say("stay.cancel")
    said = stay.voice.guidance.nomination(stay.mobility, stay.voice.language)
    if said is not None:
        yield said
    yield from of_fact(stay, stay.mobility.nomination)
    yield NEW_LINE
    yield from contacts(stay)


def bip(stay: Stay) -> Iterator[Piece]:
    """Explain blended intensive programmes, and say whether this exchange is one."""
    yield stay.say("stay.bip")
    yield of_programme(stay)
    yield from _kind(stay)
    yield NEW_LINE
    if kind_of(stay.mobility).attributes is ActivityAttributes.SHORT_TERM_BLENDED:
        yield from planned(stay)
    yield stay.say("stay.bip_changes")
    yield from contacts(stay)


def traineeship(stay: Stay) -> Iterator[Piece]:
    """Explain what is other about a traineeship."""
    yield stay.say("stay.traineeship")
    yield stay.say("stay.traineeship_end")
    yield of_programme(stay)
    yield from _kind(stay)
    if of_kind(stay, DeadlineKind.CERTIFICATE):
        yield from until_when(stay, DeadlineKind.CERTIFICATE)
    yield NEW_LINE
    yield from contact(stay, HOME)


def _kind(stay: Stay) -> Iterator[Piece]:
    kind = kind_of(stay.mobility)
    if kind.activity is not None:
        name = stay.voice.guidance.stay(kind, stay.voice.language)
        yield stay.say("stay.kind", what=name)
        yield from of_fact(stay, stay.mobility.nomination or stay.mobility.agreement)


def _arrival(stay: Stay) -> Iterator[Piece]:
    arrival = _day_of_arrival(stay)
    if arrival is not None:
        word = "arrived" if arrival <= stay.today else "arrives"
        yield stay.say(f"stay.{word}", date=arrival)
    elif Api.IMOBILITIES in stay.of.heard:
        yield stay.say("stay.arrival_open")
    else:
        yield stay.voice.guidance.digital(
            Api.IMOBILITIES, stay.mobility.receiving_hei_id, stay.voice.language, served=False
        )
    yield from of_fact(stay, stay.mobility.reception)
    yield from planned(stay)
    yield from of_fact(stay, stay.mobility.agreement or stay.mobility.nomination)


def _day_of_arrival(stay: Stay) -> date | None:
    reception = stay.mobility.reception.value if stay.mobility.reception else None
    return plausible(reception.actual_arrival) if reception else None


def _departure(stay: Stay) -> str | None:
    reception = stay.mobility.reception.value if stay.mobility.reception else None
    departure = plausible(reception.actual_departure) if reception else None
    return stay.say("stay.departed", date=departure) if departure is not None else None
