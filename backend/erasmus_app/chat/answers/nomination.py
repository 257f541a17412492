"""From the nomination to the host's answer: what was sent, what is wanted, and by when."""

from collections.abc import Iterator

from erasmus_app.chat.answers.about import LONGEST_WORDS, NEW_LINE, Piece, Stay, quoted
from erasmus_app.chat.answers.dates import factsheet_state, until_when, your_turn
from erasmus_app.chat.answers.links import information
from erasmus_app.chat.answers.origins import of_fact, of_factsheet
from erasmus_app.chat.answers.people import HOME, HOST, contact, whose_move
from erasmus_app.chat.models import Card, CardKind
from erasmus_app.institutions.models import AdditionalRequirement, DocumentKind
from erasmus_app.kit.cldr import language_name
from erasmus_app.kit.plain import web_address
from erasmus_app.mobilities.rules import DeadlineKind
from erasmus_app.mobilities.state import Decision, MobilityState, decision
from erasmus_app.mobilities.stays import agreement_of, nomination_of
from erasmus_app.mobilities.steps import Party

MOST_PAPERS = 12
_DECIDED = frozenset({Decision.ACCEPTED, Decision.REJECTED})


def nomination_status(stay: Stay) -> Iterator[Piece]:
    """Say whether the host has the nomination and has decided."""
    yield from _stands(stay)
    undecided = nomination_of(stay.mobility) is not None and decision(stay.mobility) not in _DECIDED
    if undecided and stay.of.brief.state is not MobilityState.CANCELLED:
        yield stay.say("nomination.usual_wait")
        yield from until_when(stay, DeadlineKind.DECISION)
    yield NEW_LINE
    yield from _next(stay)


def nomination_rejected(stay: Stay) -> Iterator[Piece]:
    """Say whether the nomination was refused, and who knows what is possible now."""
    if stay.of.brief.state is not MobilityState.REJECTED:
        yield stay.say("nomination.not_refused")
    yield from _stands(stay)
    yield stay.say("nomination.other_place")
    yield NEW_LINE
    yield from contact(stay, HOME)


def nomination_deadline(stay: Stay) -> Iterator[Piece]:
    """Say until when the home university may nominate."""
    yield from until_when(stay, DeadlineKind.NOMINATION)
    yield NEW_LINE
    yield from _stands(stay)
    yield from contact(stay, HOME)


def application_deadline(stay: Stay) -> Iterator[Piece]:
    """Say until when the student's own application must be there, and where it goes."""
    yield from until_when(stay, DeadlineKind.APPLICATION)
    yield NEW_LINE
    yield from your_turn(stay, DeadlineKind.APPLICATION)
    yield stay.say("nomination.apply_yourself")
    yield stay.say("nomination.applied_unseen")
    yield from _application_page(stay)
    yield from contact(stay, HOST)


def decision_wait(stay: Stay) -> Iterator[Piece]:
    """Say when the host decides, and how its word comes."""
    yield from _stands(stay)
    if decision(stay.mobility) not in _DECIDED:
        yield from until_when(stay, DeadlineKind.DECISION)
    yield NEW_LINE
    yield stay.say("nomination.letter")
    yield from _next(stay)


def requirements_docs(stay: Stay) -> Iterator[Piece]:
    """List the papers that the host wants with the application."""
    papers = list(_papers(stay))
    if papers:
        names = dict.fromkeys(_paper(stay, each.name) for each in papers[:MOST_PAPERS])
        yield stay.say("requirements.list", hei=stay.host, documents=", ".join(names))
        if any(each.details for each in papers):
            yield stay.say("requirements.own_words")
        for each in papers[:MOST_PAPERS]:
            yield _paper_card(stay, each)
        if stay.of.factsheet is not None and stay.of.factsheet.value is not None:
            yield of_factsheet(stay)
    else:
        if stay.of.factsheet is not None and stay.of.factsheet.value is not None:
            yield stay.say("requirements.none", hei=stay.host)
        yield from factsheet_state(stay)
    nomination = nomination_of(stay.mobility)
    if nomination is not None and nomination.requirements:
        yield from of_fact(stay, stay.mobility.nomination)
    yield from until_when(stay, DeadlineKind.APPLICATION)
    yield NEW_LINE
    yield from _application_page(stay)
    yield from contact(stay, HOST)


def language_requirement(stay: Stay) -> Iterator[Piece]:
    """Say what is known of the language level; EWP has no field for what a host asks for."""
    wanted = [each for each in _papers(stay) if each.kind is DocumentKind.LANGUAGE_CERTIFICATE]
    if wanted:
        yield stay.say("requirements.certificate", hei=stay.host)
        if any(each.details for each in wanted):
            yield stay.say("requirements.own_words")
        for each in wanted[:1]:
            yield _paper_card(stay, each)
        if stay.of.factsheet is not None and stay.of.factsheet.value is not None:
            yield of_factsheet(stay)
    agreement = agreement_of(stay.mobility)
    if agreement is not None and agreement.language and agreement.cefr_level:
        called = language_name(agreement.language, stay.voice.language)
        if called is not None:
            level = quoted(agreement.cefr_level, 10)
            yield stay.say("requirements.agreement", language=called, level=level)
            yield from of_fact(stay, stay.mobility.agreement)
    if not wanted:
        yield stay.say("requirements.level_unknown")
        yield from factsheet_state(stay)
    yield NEW_LINE
    yield from _application_page(stay)
    yield from contact(stay, HOST)


def _stands(stay: Stay) -> Iterator[Piece]:
    said = stay.voice.guidance.nomination(stay.mobility, stay.voice.language)
    yield said or stay.say("nomination.none", hei=stay.host)
    yield from of_fact(stay, stay.mobility.nomination)
    if said is not None:
        yield from of_fact(stay, stay.mobility.reception)


def _next(stay: Stay) -> Iterator[Piece]:
    if stay.of.brief.move.party is Party.NOBODY or nomination_of(stay.mobility) is None:
        yield from contact(stay, HOME)
    else:
        yield from whose_move(stay)


def _papers(stay: Stay) -> Iterator[AdditionalRequirement]:
    factsheet = stay.of.factsheet.value if stay.of.factsheet else None
    yield from factsheet.requirements if factsheet else ()
    nomination = nomination_of(stay.mobility)
    known = {each.name for each in factsheet.requirements} if factsheet else set()
    for each in nomination.requirements if nomination else ():
        if each.name not in known:
            yield AdditionalRequirement(name=each.name)


def _paper(stay: Stay, name: str) -> str:
    """Name a paper in the reader's language, with the English name behind it."""
    kind = next((each for each in DocumentKind if each == name), DocumentKind.OTHER)
    if kind is DocumentKind.OTHER:
        return quoted(name)
    ours = stay.say("documents." + kind.value.lower().replace(" ", "_"))
    return ours if ours.casefold() == name.casefold() else f"{ours} ({name})"


def _paper_card(stay: Stay, paper: AdditionalRequirement) -> Card:
    url = next(filter(None, (web_address(each.url) for each in paper.links)), None)
    ours = stay.say("links.paper") if url else None
    return Card(
        kind=CardKind.LINK,
        title=_paper(stay, paper.name),
        text=quoted(paper.details, LONGEST_WORDS) if paper.details else ours,
        url=url,
        mobility_id=stay.of.mobility_id,
        is_partner_text=bool(paper.details) or paper.kind is DocumentKind.OTHER,
    )


def _application_page(stay: Stay) -> Iterator[Piece]:
    factsheet = stay.of.factsheet.value if stay.of.factsheet else None
    yield from information(stay, "links.application", factsheet.application if factsheet else None)
