"""Who acts next, and whom to write to."""

from collections.abc import Iterator

from erasmus_app.chat.answers.about import Piece, Stay, quoted
from erasmus_app.chat.answers.origins import of_fact, of_page
from erasmus_app.chat.models import Card, CardKind, Contact, SourceKind
from erasmus_app.ids import HeiId
from erasmus_app.institutions.places import KnownInstitution, Office, in_language
from erasmus_app.kit.plain import mail_address, plain, web_address
from erasmus_app.mobilities import models as record
from erasmus_app.mobilities.agreements import sent_back
from erasmus_app.mobilities.stays import agreement_of
from erasmus_app.mobilities.steps import Party
from erasmus_app.notifications.guidance import waiting_days

HOME, HOST = "home", "host"

_EXCHANGES = ("international", "erasmus", "exchange", "mobility", "incoming", "outgoing")
"""What offices for exchanges have in their names, in English or in loan words."""


def whose_move(stay: Stay, *, nobody: bool = True) -> Iterator[Piece]:
    """Say who acts next, since when, what the student can do meanwhile, and whom to write to."""
    move, voice = stay.of.brief.move, stay.voice
    if move.party is Party.NOBODY:
        if nobody:
            yield stay.say("next.nobody")
        return
    assert move.step is not None
    step = voice.step(move.step)
    if move.hei_id is None:
        yield stay.say("next.student", step=step)
    else:
        yield stay.say(f"next.{move.party}", step=step, hei=stay.name(move.hei_id))
    days = waiting_days(move, stay.today)
    if move.since is not None and days is not None:
        yield stay.say("next.waiting", date=move.since.date(), days=days)
    if (can_do := voice.guidance.can_do(move.step, move.party, voice.language)) is not None:
        yield can_do
    yield step_card(stay)
    # The student's own move is mostly made in home's system, and home knows how.
    yield from contact(stay, HOST if move.party is Party.RECEIVING_HEI else HOME)


def step_card(stay: Stay) -> Card:
    """Show the step that waits."""
    move = stay.of.brief.move
    assert move.step is not None
    return Card(
        kind=CardKind.STEP,
        title=stay.voice.step(move.step),
        step=move.step,
        on=move.since.date() if move.since else None,
        who_must_act=move.party,
        mobility_id=stay.of.mobility_id,
    )


def contacts(stay: Stay) -> Iterator[Piece]:
    """Name the contacts of both universities, or of the one that was asked about."""
    ends = [end for end in (HOME, HOST) if end in stay.asked.ends] or [HOME, HOST]
    for end in ends:
        yield from contact(stay, end)


def contact(stay: Stay, end: str) -> Iterator[Piece]:
    """Name whom to write to at one end; where nobody is known, say so and what to ask for."""
    mobility = stay.mobility
    hei = mobility.sending_hei_id if end == HOME else mobility.receiving_hei_id
    person, of_agreement = _person(mobility, end), True
    if person is None:
        person, of_agreement = _office(stay, hei, end), False
    if person is None or not (person.email or person.phone):
        yield stay.say("next.contact_none", hei=stay.name(hei))
        if person is not None and person.url:
            yield _card(stay, hei, person)
        return
    yield stay.say(f"next.contact_{end}", hei=stay.name(hei), contact=written(person))
    yield _card(stay, hei, person)
    if of_agreement:
        yield from of_fact(stay, mobility.agreement)
    else:
        institution = stay.of.home if end == HOME else stay.of.host
        if institution is not None and institution.value is not None:
            yield of_page(stay, SourceKind.INSTITUTION, hei, institution)


def written(known: Contact) -> str:
    """Write a contact in one line."""
    return ", ".join(each for each in (known.name, known.email, known.phone) if each)


def named(known: record.Contact, hei: HeiId) -> Contact:
    """Return a person whom a learning agreement names."""
    name = quoted(f"{known.given_names} {known.family_name}")
    email = mail_address(known.email)
    phone = quoted(known.phone, 40) if known.phone else None
    return Contact(name=name, email=email, phone=phone or None, hei_id=hei)


def _person(mobility: record.Mobility, end: str) -> Contact | None:
    """Return whom the learning agreement names, or named when it was sent back."""
    agreement, returned = agreement_of(mobility), sent_back(mobility)
    hei = mobility.sending_hei_id if end == HOME else mobility.receiving_hei_id
    found = None
    if agreement is not None:
        found = (agreement.sending if end == HOME else agreement.receiving).contact
    if found is None and returned is not None:
        found = returned.sending_contact if end == HOME else returned.receiving_contact
    return named(found, hei) if found is not None else None


def _office(stay: Stay, hei: HeiId, end: str) -> Contact | None:
    """Return an office that the university names, the one for exchanges first; else its website."""
    page: KnownInstitution | None = stay.of.home if end == HOME else stay.of.host
    value = page.value if page else None
    offices = list(value.contacts) if value else []
    for unit in (value.units or ()) if value else ():
        offices += unit.contacts
    reachable = [each for each in offices if each.emails or each.phones]
    chosen = next((each for each in reachable if _is_for_exchanges(each)), None)
    chosen = chosen or next(iter(reachable), None)
    factsheet = stay.of.factsheet.value if end == HOST and stay.of.factsheet else None
    website = next((web_address(each.url) for each in (value.websites if value else ())), None)
    if chosen is not None:
        name = in_language(chosen.names, stay.voice.language) or stay.name(hei)
        return Contact(
            name=quoted(name),
            email=next(filter(None, map(mail_address, chosen.emails)), None),
            phone=next((quoted(each, 40) for each in chosen.phones), None),
            url=website,
            hei_id=hei,
        )
    asked = factsheet.application if factsheet else None
    if asked is not None and (asked.email or asked.phone):
        return Contact(
            name=stay.name(hei),
            email=mail_address(asked.email),
            phone=quoted(asked.phone, 40) if asked.phone else None,
            url=website,
            hei_id=hei,
        )
    return Contact(name=stay.name(hei), url=website, hei_id=hei) if website else None


def _is_for_exchanges(office: Office) -> bool:
    said = " ".join(each.text for each in (*office.names, *office.roles)).casefold()
    return any(word in said for word in _EXCHANGES)


def _card(stay: Stay, hei: HeiId, known: Contact) -> Card:
    return Card(
        kind=CardKind.CONTACT,
        title=stay.name(hei),
        text=plain(written(known)),
        contact=known,
        url=known.url,
        mobility_id=stay.of.mobility_id,
        is_partner_text=True,
    )
