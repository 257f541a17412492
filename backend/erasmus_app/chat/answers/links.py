"""Pages of others, as cards: their addresses stand in no sentence."""

from collections.abc import Iterable, Iterator

from erasmus_app.chat.answers.about import Stay, quoted
from erasmus_app.chat.models import Card, CardKind, Contact
from erasmus_app.institutions.models import Information, Link
from erasmus_app.kit.plain import mail_address, web_address

MOST = 3  # addresses of one subject


def pages(stay: Stay, title: str, links: Iterable[Link]) -> Iterator[Card]:
    """Yield links, those in the reader's language first."""
    known = [each for each in links if web_address(each.url)]
    known.sort(key=lambda each: not _is_read(each, stay.voice.language))
    for each in known[:MOST]:
        yield Card(
            kind=CardKind.LINK,
            title=title,
            url=web_address(each.url),
            mobility_id=stay.of.mobility_id,
        )


def information(stay: Stay, heading: str, known: Information | None) -> Iterator[Card]:
    """Yield the pages of a subject, and whom to ask about it."""
    if known is None:
        return
    title = stay.say(heading)
    yield from pages(stay, title, known.links)
    email = mail_address(known.email)
    phone = quoted(known.phone, 40) if known.phone else None
    if email or phone:
        yield Card(
            kind=CardKind.CONTACT,
            title=title,
            text=", ".join(filter(None, (email, phone))),
            contact=Contact(
                name=stay.host, email=email, phone=phone, hei_id=stay.mobility.receiving_hei_id
            ),
            mobility_id=stay.of.mobility_id,
            is_partner_text=True,
        )


def _is_read(link: Link, language: str) -> bool:
    return (link.language or "").lower().split("-")[0] == language.split("-", maxsplit=1)[0]
