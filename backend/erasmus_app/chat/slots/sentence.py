"""A question that is being read: its tokens, its language's words, and today."""

from collections.abc import Sequence
from datetime import date

import msgspec

from erasmus_app.chat.slots.models import FoundDate
from erasmus_app.chat.slots.reading import Token
from erasmus_app.chat.slots.words import Words
from erasmus_app.kit.plain import plain

LONGEST_TEXT = 100  # characters of what is said back
_MONEY = frozenset({"€", "$", "£", "%", "kr", "zl"})


class Found(msgspec.Struct, frozen=True):
    """What was read, and where the tokens go on; nothing is what only looked like a day."""

    end: int
    dates: tuple[FoundDate, ...] = ()


class Sentence(msgspec.Struct, frozen=True, kw_only=True):
    """A question's tokens and what they are read with."""

    question: str
    read: Sequence[Token]
    words: Words
    today: date

    def said(self, start: int, end: int) -> str:
        """Return the tokens from one to another as they were written, fit to be shown."""
        return plain(self.question[self.read[start].start : self.read[end - 1].end], LONGEST_TEXT)

    def text(self, at: int) -> str:
        """Return a token, empty beyond the end."""
        return self.read[at].text if 0 <= at < len(self.read) else ""

    def number(self, at: int) -> int | None:
        """Return the number at a token."""
        return self.read[at].number if 0 <= at < len(self.read) else None

    def glued(self, at: int) -> bool:
        """Whether a token touches the one before."""
        return at < len(self.read) and self.read[at].glued

    def day(self, at: int) -> int | None:
        """Return a number of one or two digits that may be a day."""
        number = self.number(at)
        return number if number and number <= 31 and len(self.text(at)) <= 2 else None

    def year(self, at: int) -> int | None:
        """Return a year of four digits that is no sum of money."""
        number = self.number(at)
        if number is None or number < 1900 or self.is_money(at + 1):
            return None
        return number

    def is_money(self, at: int) -> bool:
        """Whether a token is a currency, or a percent sign."""
        return self.text(at) in _MONEY or self.text(at).startswith("eur")

    def after_fillers(self, at: int, most: int = 4) -> int:
        """Return the first token that is more than «of» or a full stop."""
        end = at + most
        while at < end and (
            self.text(at) in self.words.fillers or self.text(at) in {".", ",", "'"}
        ):
            at += 1
        return at

    def is_capital(self, at: int) -> bool:
        """Whether a word has a capital though it begins no sentence, and is not all of capitals."""
        before = self.text(at - 1)
        if at == 0 or before in {".", "!", "?", ":", "¿", "¡", '"'}:
            return False
        word = self.question[self.read[at].start : self.read[at].end]
        return word[:1].isupper() and word[1:].islower()
