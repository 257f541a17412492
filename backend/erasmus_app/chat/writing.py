"""Writing what answers a wish: one subject, choices, a menu, or a person."""

from collections.abc import Iterator, Sequence

import msgspec

from erasmus_app.chat.answers.about import NEW_LINE, NEW_STAY, About, Piece, Stay, offered
from erasmus_app.chat.answers.overview import next_own
from erasmus_app.chat.answers.people import HOME, contact
from erasmus_app.chat.answers.subjects import FIRST, OF_ANYBODY, OF_STAY, WITHOUT_A_STAY
from erasmus_app.chat.knowledge import KnownMobility
from erasmus_app.chat.models import AnswerKind, Card, CardKind, Choice
from erasmus_app.chat.reading import NONE_OF_THESE
from erasmus_app.chat.stays import ABROAD, abroad_now, candidates, choices_of, is_under_way, label
from erasmus_app.identity.roles import HeiRole
from erasmus_app.mobilities.state import MobilityState
from erasmus_app.mobilities.steps import Phase

MOST_AT_ONCE = 3  # exchanges that one answer tells of
OF_SEVERAL = frozenset({"status_overview", "deadlines_all"})
"""What is told of all exchanges under way where none is named."""

_TOPICS = {
    Phase.BEFORE: ("nomination_status", "application_deadline", "la_status"),
    Phase.DURING: ("la_change_deadline", "arrival_confirm", "extension"),
    Phase.AFTER: ("tor_wait", "recognition", "grant_balance"),
}
_ALWAYS = ("status_overview", "deadlines_all", "contact")
_WITHOUT_A_STAY = ("login", "privacy", "grant_first", "traineeship")


def stay_of(about: About, known: KnownMobility) -> Stay:
    """Return what an answer about one exchange is written from."""
    return Stay(
        known=about.known,
        standing=about.standing,
        asked=about.asked,
        voice=about.voice,
        now=about.now,
        of=known,
    )


def of_one(about: About, intent: str, known: KnownMobility, *, told: bool) -> Iterator[Piece]:
    """Answer about one exchange; it is named where there are others, and these can be tapped."""
    stay = stay_of(about, known)
    if len(about.known.mobilities) > 1:
        yield about.say("talk.stay", hei=stay.host)
        yield NEW_LINE
    if known.brief.state is MobilityState.CANCELLED:
        yield about.say("overview.cancelled")
    yield from OF_STAY[intent](stay)
    if not told:
        others = [each for each in about.known.mobilities if each is not known]
        yield from choices_of(others, intent, about.voice)


def of_several(about: About, intent: str, those: Sequence[KnownMobility]) -> Iterator[Piece]:
    """Answer about some exchanges, one after the other."""
    for each in those[:MOST_AT_ONCE]:
        stay = stay_of(about, each)
        yield NEW_STAY
        yield about.say("talk.stay", hei=stay.host)
        yield from (piece for piece in OF_STAY[intent](stay) if not isinstance(piece, Choice))
    yield from choices_of(those, intent, about.voice)


def of_anybody(about: About, intent: str) -> Iterator[Piece]:
    """Answer what is the same for everybody; an exchange under way lends its contacts."""
    known = about.chosen
    if known is None and intent == FIRST:
        known = abroad_now(about.known)
    elif known is None:
        likely = candidates(about.known, intent)
        homes = {each.mobility.sending_hei_id for each in likely}
        known = likely[0] if len(homes) == 1 else None
    yield from OF_ANYBODY[intent](stay_of(about, known) if known is not None else about)


def which_stay(about: About, intent: str, those: Sequence[KnownMobility]) -> Iterator[Piece]:
    """Ask back which exchange is meant."""
    yield AnswerKind.CHOICES
    yield about.say("talk.which_stay")
    for each in those:
        yield Card(
            kind=CardKind.MOBILITY,
            title=label(each, about.voice),
            mobility_id=each.mobility_id,
        )
    yield from choices_of(those, intent, about.voice)


def without_a_stay(about: About, intent: str) -> Iterator[Piece]:
    """Say the rules alone, and how an exchange comes to be known."""
    if intent in WITHOUT_A_STAY:
        yield from WITHOUT_A_STAY[intent](about)
        yield NEW_LINE
    yield from no_stay(about)
    yield from (offered(about, each) for each in _WITHOUT_A_STAY)


def no_stay(about: About) -> Iterator[Piece]:
    """Say why no exchange is known of whoever asks."""
    roles = {each.role for each in about.standing.roles}
    if about.standing.is_past_only:
        yield about.say("talk.no_past_stay")
    elif about.standing.is_guest:
        yield about.say("talk.no_stay_guest")
    elif roles & {HeiRole.STAFF, HeiRole.COORDINATOR} and HeiRole.STUDENT not in roles:
        yield about.say("talk.no_stay_staff")
    else:
        yield about.say("talk.no_stay")
        yield about.say("talk.no_stay_how")


def open_question(about: About, first: Sequence[str]) -> Iterator[Piece]:
    """Answer «how long do I have left?» by the next day of the student's own, if there is one."""
    those = [about.chosen] if about.chosen else [*filter(is_under_way, about.known.mobilities)]
    dated = [
        (each.on, index, stay)
        for index, stay in enumerate(those)
        for each in stay.deadlines
        if each.on is not None and each.on >= about.today and each.counts_first
    ]
    found = list[Piece]()
    stay = None
    if dated:
        stay = stay_of(about, min(dated, key=lambda each: each[:2])[2])
        found = list(next_own(stay))
    if found:
        if stay is not None and len(about.known.mobilities) > 1:
            yield about.say("talk.stay", hei=stay.host)
            yield NEW_LINE
        yield from found
    else:
        yield AnswerKind.CHOICES
        yield about.say("talk.ambiguous_open")
    yield from (offered(about, each) for each in first)
    yield from topics(about)


def offer(about: About, intents: Sequence[str]) -> Iterator[Piece]:
    """Ask back what is meant."""
    yield AnswerKind.CHOICES
    yield about.say("talk.offer")
    yield from (offered(about, each) for each in intents)
    yield none_of_these(about)


def menu(about: About, opening: str, first: Sequence[str] = ()) -> Iterator[Piece]:
    """Say what can be asked, and whom to write to with all else."""
    yield AnswerKind.MENU
    yield about.say(opening)
    those = [*(offered(about, each) for each in first), *topics(about)]
    found = list(dict.fromkeys(those))
    yield ", ".join(each.label for each in found) + "."
    yield from found
    yield NEW_LINE
    if not about.known.mobilities:
        yield from no_stay(about)
        return
    known = about.chosen or abroad_now(about.known)
    if known is not None:
        yield from contact(stay_of(about, known), HOME)


def unknown_stay(about: About) -> Iterator[Piece]:
    """Answer about an exchange that is not the student's: it is as if there were none."""
    yield AnswerKind.MENU
    yield about.say("talk.unknown_stay")
    yield from choices_of(about.known.mobilities, "status_overview", about.voice)


def topics(about: About) -> Iterator[Choice]:
    """Return what a student is likely to ask where they stand."""
    if not about.known.mobilities:
        yield from (offered(about, each) for each in _WITHOUT_A_STAY)
        return
    known = about.chosen or abroad_now(about.known)
    phase = Phase.BEFORE
    if known is not None and known.brief.is_past:
        phase = Phase.AFTER
    elif known is not None and known.brief.state in ABROAD:
        phase = Phase.DURING
    yield from (offered(about, each) for each in (*_ALWAYS[:2], *_TOPICS[phase], _ALWAYS[2]))


def none_of_these(about: About) -> Choice:
    """Return the choice for whoever meant something else."""
    return Choice(id=NONE_OF_THESE, label=about.say("talk.none_of_these"))


def chosen(about: About, known: KnownMobility | None) -> About:
    """Return the same about an exchange that is settled."""
    return msgspec.structs.replace(about, chosen=known)
