"""Texts in ICU's message format, the part of it that translators here need.

Arguments (`{name}`), plurals (`{count, plural, =0 {…} one {# course} other {# courses}}`), selects
(`{word, select, this {…} other {…}}`) and ICU's apostrophes (`''` is one; one right before a brace,
or before `#` in a plural, quotes up to the next). No number or date styles: values come written.
Read once, strictly, and filled from there. The grammar is ICU's MessageFormat (`ApostropheMode`
DOUBLE_OPTIONAL); what of it we do not have is refused, never shown.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal

import msgspec

from erasmus_app.kit.cldr import Number, categories

DEEPEST = 4  # choices in choices
CATEGORIES = ("zero", "one", "two", "few", "many", "other")

_NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_SELECTOR = re.compile(r"=(?:0|[1-9][0-9]{0,5})|[a-z][a-z0-9_-]*", re.ASCII)
_SPACES = re.compile(r"[ \t\n]*")
_TWO_STOPS = re.compile(r"(?<!\.)\.\.(?!\.)")


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One of several texts, by an argument's number or word."""

    name: str
    is_plural: bool
    branches: Mapping[str, "Message"]  # by category or word
    exact: Mapping[Decimal, "Message"]  # by "=n"

    def branch(self, value: str) -> "Message":
        """Return the text for a value; `other` for what is no number, or no word of these."""
        if not self.is_plural:
            return self.branches.get(value) or self.branches["other"]
        if not isinstance(value, Number):
            return self.branches["other"]
        return self.exact.get(value.value) or self.branches.get(
            value.category, self.branches["other"]
        )

    def every(self) -> Iterator[tuple[str, "Message"]]:
        """Yield each selector, as the text has it, with its text."""
        yield from self.branches.items()
        yield from ((f"={number}", each) for number, each in self.exact.items())


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A text that was read."""

    parts: tuple[str | Choice, ...]  # a `str` is a pattern of str.format: names in braces alone
    holes: frozenset[str]  # the names of all arguments, in every branch

    def filled(self, values: Mapping[str, str]) -> str:
        """Put values in. Those that a plural goes by are `Number`s, of `kit.cldr.written_number`.

        A value that ends in a full stop ("2027 г.") and one behind it make one, not two.
        """
        return one_stop(self._filled(values))

    def _filled(self, values: Mapping[str, str]) -> str:
        return "".join(
            each.format_map(values)
            if isinstance(each, str)
            else each.branch(values[each.name])._filled(values)  # noqa: SLF001
            for each in self.parts
        )

    def longest(self, values: Mapping[str, str]) -> int:
        """Return how long the text is where each choice takes its longest branch."""
        return sum(
            len(each.format_map(values))
            if isinstance(each, str)
            else max(one.longest(values) for _, one in each.every())
            for each in self.parts
        )

    def choices(self) -> Iterator[Choice]:
        """Yield every choice, those within others too."""
        for each in self.parts:
            if isinstance(each, Choice):
                yield each
                for _, one in each.every():
                    yield from one.choices()


def one_stop(text: str) -> str:
    """Make two full stops one; three are an ellipsis and stay."""
    return _TWO_STOPS.sub(".", text) if ".." in text else text


def message(text: str, language: str, *, fractions: frozenset[str] = frozenset()) -> Message:
    """Read a text.

    Args:
        text: as the translator wrote it.
        language: whose plural categories its plurals have to have, all of them and no other.
        fractions: the arguments that need not be whole numbers.

    Raises:
        ValueError: it cannot be read, or a plural lacks a category or has one that the language
            does not have. The message says where, in one line.
    """
    reader = _Reader(text)
    found = reader.message(())
    for each in found.choices():
        if each.is_plural:
            _check_categories(each, language, fractions=each.name in fractions)
    return found


def _check_categories(choice: Choice, language: str, *, fractions: bool) -> None:
    wanted = categories(language, fractions=fractions)
    for each in CATEGORIES:
        if (each in wanted) is not (each in choice.branches):
            what = "lacks" if each in wanted else "has, and its language has not,"
            raise ValueError(f"{{{choice.name}}}: the plural {what} {each!r}")


class _Reader:
    """Reads one text from its begin to its end."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def message(self, inside: tuple[str | None, ...]) -> Message:
        """Read up to the end, or to the brace that closes a branch.

        `inside` has the choices around: the name of each plural's argument, None for a select.
        """
        parts: list[str | Choice] = []
        plain: list[str] = []
        holes: set[str] = set()
        counted = next((each for each in reversed(inside) if each is not None), None)
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == "}":
                if inside:
                    break
                raise ValueError("a closing brace without an opening one")
            if char == "{":
                self.at += 1
                found = self._argument(inside)
                if isinstance(found, str):
                    plain.append(f"{{{found}}}")
                    holes.add(found)
                else:
                    parts += ["".join(plain), found] if plain else [found]
                    plain = []
                    holes |= {found.name, *(each for _, one in found.every() for each in one.holes)}
            elif char == "#" and counted:
                self.at += 1
                plain.append(f"{{{counted}}}")
            else:
                plain.append(self._literal(in_plural=counted is not None))
        if plain:
            parts.append("".join(plain))
        return Message(parts=tuple(parts), holes=frozenset(holes))

    def _literal(self, *, in_plural: bool) -> str:
        """Read one character, or what apostrophes quote."""
        char, after = self.text[self.at], self.text[self.at + 1 : self.at + 2]
        self.at += 1
        if char != "'":
            return char
        if after == "'":
            self.at += 1
            return "'"
        if after not in {"{", "}"} and not (after == "#" and in_plural):
            return "'"
        quoted: list[str] = []
        while self.at < len(self.text):
            char = self.text[self.at]
            self.at += 1
            if char != "'":
                quoted.append(char)
            elif self.text.startswith("'", self.at):
                quoted.append("'")
                self.at += 1
            else:
                return "".join(quoted).replace("{", "{{").replace("}", "}}")
        raise ValueError("an apostrophe quotes a brace, and no other one ends that")

    def _argument(self, inside: tuple[str | None, ...]) -> str | Choice:
        name = self._token(_NAME, "a name in small letters")
        if self._sign(",}", f"{{{name}}}: ") == "}":
            return name
        kind = self._token(_NAME, "plural or select")
        if kind not in {"plural", "select"}:
            raise ValueError(f"{{{name}}}: {kind!r} is neither plural nor select")
        if self._sign(",") and len(inside) >= DEEPEST:
            raise ValueError(f"{{{name}}}: more than {DEEPEST} choices within each other")
        is_plural = kind == "plural"
        branches: dict[str, Message] = {}
        while not self._ends():
            selector = self._token(_SELECTOR, f"{{{name}}}: a branch")
            if is_plural and selector not in CATEGORIES and not selector.startswith("="):
                raise ValueError(f"{{{name}}}: {selector!r} is no plural category")
            if selector in branches or (selector.startswith("=") and not is_plural):
                raise ValueError(f"{{{name}}}: {selector!r} stands there twice, or in a select")
            self._sign("{")
            branch = self.message((*inside, name if is_plural else None))
            if self.at >= len(self.text):
                raise ValueError(f"{{{name}}}: the branch {selector!r} has no end")
            self.at += 1
            branches[selector] = branch
        if "other" not in branches:
            raise ValueError(f"{{{name}}}: lacks the branch 'other'")
        return Choice(
            name=name,
            is_plural=is_plural,
            branches={key: each for key, each in branches.items() if not key.startswith("=")},
            exact={Decimal(key[1:]): each for key, each in branches.items() if key[0] == "="},
        )

    def _ends(self) -> bool:
        self._space()
        if self.text.startswith("}", self.at):
            self.at += 1
            return True
        return False

    def _sign(self, wanted: str, where: str = "") -> str:
        self._space()
        char = self.text[self.at : self.at + 1]
        if not char or char not in wanted:
            seen = repr(char) if char else "the end"
            raise ValueError(f"{where}{' or '.join(wanted)} is wanted where {seen} stands")
        self.at += 1
        return char

    def _token(self, pattern: re.Pattern[str], wanted: str) -> str:
        self._space()
        match = pattern.match(self.text, self.at)
        if match is None:
            raise ValueError(f"{wanted} is wanted at character {self.at + 1}")
        self.at = match.end()
        return match.group()

    def _space(self) -> None:
        match = _SPACES.match(self.text, self.at)
        assert match is not None
        self.at = match.end()
