"""Phrases of a language, looked up at a place in a question without ever going back.

A phrase is written as words: `learning agreement*`, where a star stands for any ending, and with
`{n}`, `{unit}` and `{weekday}` for what other books know. "a/b" is two ways to write one word.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, TypeVar

import msgspec

from erasmus_app.chat.slots.reading import Token, tokens

SHORTEST_STEM = 3  # letters before a star
LONGEST_ENDING = 12  # Heimat-hochschule

T = TypeVar("T")


class Match(msgspec.Struct, Generic[T], frozen=True):
    """What was found, and where the tokens go on."""

    value: T
    end: int
    captured: Mapping[str, int] = msgspec.field(default_factory=dict[str, int])


class _Piece(msgspec.Struct, frozen=True):
    text: str
    kind: str = "="  # or "*" for a stem, "{" for what another book knows


def _pieces(phrase: str) -> tuple[_Piece, ...]:
    found = list[_Piece]()
    for part in phrase.split():
        if part.startswith("{"):
            found.append(_Piece(part.strip("{}"), "{"))
            continue
        read = [each.text for each in tokens(part.removesuffix("*"))]
        found += [_Piece(each) for each in read[:-1]]
        found.append(_Piece(read[-1], "*" if part.endswith("*") else "="))
    return tuple(found)


class Book(Generic[T]):
    """Phrases with what each means; `others` are the books that a phrase may refer to."""

    def __init__(
        self,
        phrases: Iterable[tuple[str, T]],
        others: Mapping[str, "Book[int]"] | None = None,
    ) -> None:
        """Read the phrases.

        Raises:
            ValueError: a stem is too short to tell words apart.
        """
        self._others = others or {}
        self._by_first: dict[tuple[str, str], list[tuple[tuple[_Piece, ...], T]]] = {}
        for phrase, value in phrases:
            pieces = _pieces(phrase)
            for each in pieces:
                if each.kind == "*" and len(each.text) < SHORTEST_STEM:
                    raise ValueError(f"«{phrase}» has a stem of under {SHORTEST_STEM} letters")
            first = pieces[0]
            text = first.text[:SHORTEST_STEM] if first.kind == "*" else first.text
            self._by_first.setdefault((first.kind, text), []).append((pieces, value))

    def match(self, read: Sequence[Token], at: int) -> Match[T] | None:
        """Return the longest phrase that begins at a token, in words, then in letters."""
        best, letters = None, 0
        word = read[at].text
        keys = [("=", word), ("*", word[:SHORTEST_STEM]), *(("{", each) for each in self._others)]
        for key in keys:
            for pieces, value in self._by_first.get(key, ()):
                found = self._follow(pieces, value, read, at)
                if found is None:
                    continue
                its_letters = sum(len(each.text) for each in pieces)
                if best is None or (found.end, its_letters) > (best.end, letters):
                    best, letters = found, its_letters
        return best

    def _follow(
        self, pieces: Sequence[_Piece], value: T, read: Sequence[Token], at: int
    ) -> Match[T] | None:
        captured = dict[str, int]()
        for piece in pieces:
            if 0 < at < len(read) - 1 and _is_joined(read, at, piece):
                at += 1  # Learning-Agreement
            if at >= len(read):
                return None
            if piece.kind == "{":
                inner = self._others[piece.text].match(read, at)
                if inner is None:
                    return None
                captured[piece.text] = inner.value
                at = inner.end
            elif _fits(piece, read[at].text):
                at += 1
            else:
                return None
        return Match(value, at, captured)


class Numbers(Book[int]):
    """Numbers of three digits at most, and the words for the small ones."""

    def match(self, read: Sequence[Token], at: int) -> Match[int] | None:
        """Return the number that begins at a token."""
        number = read[at].number
        if number is None:
            return super().match(read, at)
        return Match(number, at + 1) if number < 1000 and not in_decimal(read, at) else None


def in_decimal(read: Sequence[Token], at: int) -> bool:
    """Whether digits at a token are the end of «7.5», «7,5» or «10:30»."""
    return (
        at >= 2
        and read[at].glued
        and read[at - 1].glued
        and read[at - 1].text in {".", ",", ":"}
        and read[at - 2].text[0].isdecimal()
    )


def _is_joined(read: Sequence[Token], at: int, piece: _Piece) -> bool:
    hyphen = read[at]
    return hyphen.text == "-" and hyphen.glued and read[at + 1].glued and piece.text != "-"


def _fits(piece: _Piece, word: str) -> bool:
    if piece.kind == "=":
        return word == piece.text
    return word.startswith(piece.text) and len(word) <= len(piece.text) + LONGEST_ENDING
