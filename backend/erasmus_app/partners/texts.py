"""Texts, addresses on the web and telephone numbers of partners, harmless to be shown."""

from collections.abc import Iterable

from erasmus_app.institutions.models import Link
from erasmus_app.kit.plain import plain, shown, web_address
from ewp.messages.common import Phone, Text

MOST_LINKS = 20  # of one entry that are shown


def links(addresses: Iterable[Text]) -> tuple[Link, ...]:
    """Return what may be shown of addresses on the web, each once."""
    found = [
        Link(url=url, language=language(each))
        for each in addresses
        if (url := web_address(each.value)) is not None
    ]
    return tuple(dict.fromkeys(found))[:MOST_LINKS]


def telephone(number: Phone | None) -> str | None:
    """Return a telephone number, international where the partner gives it so."""
    if number is None:
        return None
    if number.e164 and number.ext:
        return plain(f"{number.e164} ext. {number.ext}", 80)
    return shown((number.e164 or number.other_format or "")[:80])


def language(text: Text) -> str | None:
    """Return a text's language in lower case, for nobody tells `EN` from `en`."""
    return plain(text.lang.lower(), 35) or None if text.lang else None
