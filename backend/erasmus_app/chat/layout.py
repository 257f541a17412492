"""An answer in the form of a messenger: plain text within its limits, and its buttons.

What a partner wrote stays data: nothing in it becomes a heading, a link of another name, a mention
or a button.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence

import msgspec

from erasmus_app.chat.messengers import Said
from erasmus_app.chat.models import Answer, Card, Choice, Source
from erasmus_app.kit.plain import paragraphs, plain, web_address

MOST_PARTS = 4  # messages that one answer may become
MOST_CARDS, MOST_SOURCES = 8, 4
LONGEST_ANSWER = 12_000  # characters
_CARD, _SOURCE = "• ", "– "  # what their lines begin with
_WORD_JOINER = "\u2060"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a messenger takes. Lengths are in UTF-16 units, as the strictest of them counts."""

    text: int
    text_with_buttons: int
    buttons: int  # at most; 0: it has none
    label: int
    choice: int  # bytes of what a button gives back


class Button(msgspec.Struct, frozen=True, kw_only=True):
    """A button as it is shown."""

    id: str
    label: str


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One message to send."""

    text: str
    buttons: tuple[Button, ...] = ()


def said_of(answer: Answer, choose: str = "") -> Said:
    """Return an answer as text, with what its cards and sources say beyond it."""
    text = paragraphs(answer.text, LONGEST_ANSWER)
    more: list[str] = []
    for card in answer.cards[:MOST_CARDS]:
        more += [each for each in _card(card) if _is_new(each, text, more)]
    for source in answer.sources[:MOST_SOURCES]:
        more += [each for each in _source(source) if _is_new(each, text, more)]
    whole = "\n".join([text, "", *more]) if more else text
    choices = tuple(
        Choice(id=each.id, label=plain(each.label, 200)) for each in answer.choices if each.label
    )
    return Said(text=paragraphs(whole, LONGEST_ANSWER), choices=choices, choose=choose)


def _is_new(line: str, text: str, more: Sequence[str]) -> bool:
    return line not in more and line.removeprefix(_CARD).removeprefix(_SOURCE) not in text


def _card(card: Card) -> Iterator[str]:
    if title := plain(card.title, 300):
        yield f"{_CARD}{title}"
    if card.text and (text := plain(card.text, 600)):
        yield text
    if card.contact is not None:
        contact = card.contact
        told = (contact.name, contact.email, contact.phone)
        if line := ", ".join(plain(each, 200) for each in told if each):
            yield line
    for url in (card.url, card.contact.url if card.contact else None):
        if url and (safe := web_address(url)):
            yield safe


def _source(source: Source) -> Iterator[str]:
    if text := plain(source.text, 300):
        yield f"{_SOURCE}{text}"
    if source.url and (safe := web_address(source.url)):
        yield safe


def laid_out(
    said: Said, limits: Limits, written: Callable[[str], str] = lambda text: text
) -> list[Part]:
    """Return the messages that say it, as they are `written`; the last one has the buttons.

    Choices that do not fit into buttons stand in the text with a number, which can be sent back.
    """
    buttons, listed = _buttons(said.choices, limits)
    text = written("\n\n".join(each for each in (said.text, listed) if each))
    longest = limits.text_with_buttons if buttons else limits.text
    parts = list(_parts(text, longest))
    if len(parts) > MOST_PARTS:
        parts = [*parts[: MOST_PARTS - 1], _cut("\n".join(parts[MOST_PARTS - 1 :]), longest)]
    return [
        Part(text=each, buttons=buttons if number == len(parts) else ())
        for number, each in enumerate(parts, 1)
    ]


def _buttons(choices: tuple[Choice, ...], limits: Limits) -> tuple[tuple[Button, ...], str]:
    """Return the buttons, and the list of choices that stands in the text; either may be empty."""
    if not choices:
        return (), ""
    numbered = "\n".join(f"{number}. {each.label}" for number, each in enumerate(choices, 1))
    if len(choices) > limits.buttons:
        return (), numbered
    labels = [each.label for each in choices]
    if all(units(each) <= limits.label for each in labels) and len({*labels}) == len(labels):
        return (
            tuple(Button(id=given_back(each.id, limits), label=each.label) for each in choices),
            "",
        )
    shown = (_cut(f"{number}. {each}", limits.label) for number, each in enumerate(labels, 1))
    return (
        tuple(
            Button(id=given_back(each.id, limits), label=label)
            for each, label in zip(choices, shown, strict=True)
        ),
        numbered,
    )


def given_back(choice: str, limits: Limits) -> str:
    """Return what a button gives back: the choice, or its name where that does not fit."""
    return choice if len(choice.encode()) <= limits.choice else name_of(choice)


def name_of(choice: str) -> str:
    """Return a name for a choice that is long; what was offered last is known by it."""
    return f"~{hashlib.sha256(choice.encode()).hexdigest()[:24]}"


def units(text: str) -> int:
    """Return how long a text is in UTF-16 units."""
    return len(text) + sum(each > "\uffff" for each in text)


def _cut(text: str, longest: int) -> str:
    if units(text) <= longest:
        return text
    return f"{_head(text, longest - 1).rstrip()}…"


def _head(text: str, longest: int) -> str:
    """Return as much of the beginning as fits, with no sign taken apart."""
    size = 0
    for number, each in enumerate(text):
        size += 2 if each > "\uffff" else 1
        if size > longest:
            return text[:number]
    return text


def _parts(text: str, longest: int) -> Iterator[str]:
    """Yield a text in pieces, broken where a paragraph, a line or a word ends."""
    rest = text.strip()
    while rest:
        head = _head(rest, longest)
        if len(head) < len(rest):
            for mark in ("\n\n", "\n", " "):
                at = head.rfind(mark)
                if at > len(head) // 3:
                    head = head[:at]
                    break
        yield head.rstrip()
        rest = rest[len(head) :].lstrip()


_ADDRESS = re.compile(r"\S*(?:://|@)\S*")


def unmarked(text: str, marks: str) -> str:
    """Return a text in which `marks` mean nothing: a sign without width parts them from words.

    Addresses stay as they are, so that they still lead where they say.
    """
    table = str.maketrans({each: f"{_WORD_JOINER}{each}{_WORD_JOINER}" for each in marks})
    found, end = [], 0
    for address in _ADDRESS.finditer(text):
        found += [text[end : address.start()].translate(table), address.group()]
        end = address.end()
    return "".join([*found, text[end:].translate(table)])
