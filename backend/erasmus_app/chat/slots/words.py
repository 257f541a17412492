"""The words of each language: months and weekdays from CLDR, the rest from `words/xx.toml`."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from erasmus_app.chat.slots.models import Document, End
from erasmus_app.chat.slots.phrases import Book, Numbers
from erasmus_app.chat.slots.reading import fold
from erasmus_app.institutions.models import Term
from erasmus_app.kit import cldr
from erasmus_app.kit.languages import choose
from erasmus_app.mobilities.steps import StepCode

PLACE = Path(__file__).parent / "words"
EVERY, NAMES = "every", "names"  # what is said in every language; words of universities' names
LANGUAGES = tuple(
    sorted(each.stem for each in PLACE.glob("*.toml") if each.stem not in {EVERY, NAMES})
)
_T = TypeVar("_T")
UNITS = ("day", "week", "month", "year")

_PARTS = re.compile(r"[^\W\d_]+")
_WHEN = re.compile(
    r"(?P<days>[+-]\d+)d|(?P<span>week|weekend|month|year|weekday)(?P<offset>[+-]\d)"
    r"|(?P<end>month|year)-end|(?P<word>ahead|ago|none)",
    re.ASCII,
)


class Strength(IntEnum):
    """How much has to stand beside a word before it is a month or a weekday."""

    STRONG = 0
    WEAK = 1  # a day, a year, a preposition, or a capital within a sentence: "may"
    SHORT = 2  # a day or a year: "sept"
    WEAKEST = 3  # a day and a year: "pro" of Czech, which is also "for"


class Named(msgspec.Struct, frozen=True):
    """A month (1 to 12) or a weekday (0 is Monday)."""

    number: int
    strength: Strength


class When(msgspec.Struct, frozen=True):
    """What a phrase counts from today: `kind` and how many."""

    kind: str  # days, ahead, ago, week, weekend, month, year, weekday, month-end, year-end, none
    count: int = 0


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """A term by its name, or counted from this one."""

    term: Term | None = None
    offset: int = 0
    needs_year: bool = False  # "fall", which is a verb too, in "fall 2027"


class _Names(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    forms: tuple[str, ...] = ()  # besides CLDR's, for each in turn
    short: tuple[str, ...] = ()  # short ones besides CLDR's
    endings: tuple[str, ...] = ()  # that each name may have
    weak: tuple[str, ...] = ()
    weakest: tuple[str, ...] = ()
    after: tuple[str, ...] = ()  # words after which a weak one counts
    not_before: tuple[str, ...] = ()  # stems of words before which a weak one never counts
    without: tuple[str, ...] = ()  # names of CLDR that are left out
    day_follows: bool = False  # "January 15"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a language's file says; `every.toml` leaves most of it out."""

    months: _Names = _Names()
    weekdays: _Names = _Names()
    fillers: tuple[str, ...] = ()  # between the parts of a date
    ordinals: tuple[str, ...] = ()  # glued to a day
    through: tuple[str, ...] = ()  # "15 to 20 January"
    clock: tuple[str, ...] = ()  # beside a time, which may look like a day
    anchors: tuple[str, ...] = ()  # after «in two weeks»: then it is counted from something else
    numbers: tuple[str, ...] = ()  # one to twelve, the forms of each
    small: tuple[str, ...] = ()  # acronyms that students may write in small letters here
    units: dict[str, str] = {}
    when: dict[str, tuple[str, ...]] = {}
    terms: dict[str, tuple[str, ...]] = {}
    years: dict[str, tuple[str, ...]] = {}
    documents: dict[Document, tuple[str, ...]] = {}
    acronyms: dict[Document, tuple[str, ...]] = {}
    steps: dict[StepCode, tuple[str, ...]] = {}
    ends: dict[End, tuple[str, ...]] = {}


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """A language's words, ready to be looked up."""

    language: str
    orders: tuple[str, str]
    months: Book[Named]
    weekdays: Book[Named]
    spelled: frozenset[str]  # every name of a month or weekday, with its marks
    day_follows: bool
    after: Mapping[str, frozenset[str]]  # of months and of weekdays
    not_before: tuple[str, ...]
    fillers: frozenset[str]
    ordinals: frozenset[str]
    through: frozenset[str]
    clock: frozenset[str]
    anchors: frozenset[str]
    units: Book[int]
    when: Book[When]
    terms: Book[Spoken]
    years: Book[int]
    documents: Book[Document]
    acronyms: Mapping[str, Document]
    small: frozenset[str]
    steps: Book[StepCode]
    ends: Book[End]


def words_of(language: str) -> Words:
    """Return the words of the nearest language that we have; English where there is none."""
    return _words(choose(language, LANGUAGES) or "en")


@cache
def _words(language: str) -> Words:
    its, every = _file(language), _file(EVERY)
    english = _file("en") if language != "en" else _File()
    numbers = Numbers(_numbered(its.numbers, 1))
    units = Book(_numbered([its.units.get(each, "") for each in UNITS], 0))
    months = _named(language, "months", its.months)
    weekdays = _named(language, "weekdays", its.weekdays)
    taken = {fold(name) for name, _ in months}
    months += [
        each
        for each in (_named("en", "months", english.months) if language != "en" else ())
        if fold(each[0]) not in taken and each[1].strength is Strength.STRONG
    ]
    plain_weekdays = Book(
        (name, each.number) for name, each in weekdays if each.strength <= Strength.WEAK
    )
    others: dict[str, Book[int]] = {"n": numbers, "unit": units, "weekday": plain_weekdays}
    return Words(
        language=language,
        orders=cldr.order_of_numbers(language),
        months=Book(months),
        weekdays=Book(weekdays),
        spelled=frozenset(
            part for name, _ in (*months, *weekdays) for part in _PARTS.findall(name)
        ),
        day_follows=its.months.day_follows,
        after={
            "months": frozenset(map(fold, its.months.after)),
            "weekdays": frozenset(map(fold, its.weekdays.after)),
        },
        not_before=tuple(map(fold, its.months.not_before)),
        fillers=frozenset(map(fold, its.fillers)),
        ordinals=frozenset(map(fold, its.ordinals)),
        through=frozenset(map(fold, its.through)),
        clock=frozenset(map(fold, its.clock)),
        anchors=frozenset(map(fold, its.anchors)),
        units=units,
        when=Book(((phrase, _when(code)) for code, phrase in _pairs(its.when)), others),
        terms=Book((phrase, _TERMS[code]) for code, phrase in _pairs(its.terms)),
        years=Book((phrase, _OFFSETS[code]) for code, phrase in _pairs(its.years)),
        documents=_meanings(_pairs(its.documents), _pairs(every.documents)),
        acronyms={each: code for code, each in (*_pairs(every.acronyms), *_pairs(its.acronyms))},
        small=frozenset(its.small),
        steps=_meanings(_pairs(its.steps), _pairs(every.steps)),
        ends=_meanings(_pairs(its.ends), _pairs(every.ends)),
    )


_OFFSETS = {"last": -1, "this": 0, "next": 1}
_TERMS = {
    **{each.value: Spoken(term=each) for each in Term},
    **{f"{each.value}-year": Spoken(term=each, needs_year=True) for each in Term},
    **{each: Spoken(offset=offset) for each, offset in _OFFSETS.items()},
}


def _file(name: str) -> _File:
    """Read a file of words.

    Raises:
        ValueError: it says something that is not known here.
    """
    table = tomllib.loads((PLACE / f"{name}.toml").read_text(encoding="utf-8"))
    return msgspec.convert(table, _File)


def _pairs(table: Mapping[_T, tuple[str, ...]]) -> Iterator[tuple[_T, str]]:
    for code, phrases in table.items():
        for each in phrases:
            yield code, each


def _meanings(*pairs: Iterable[tuple[_T, str]]) -> Book[_T]:
    return Book((phrase, code) for each in pairs for code, phrase in each)


def _numbered(forms: Iterable[str], first: int) -> Iterator[tuple[str, int]]:
    for number, line in enumerate(forms, first):
        for each in line.split():
            yield each.replace("_", " "), number


def _named(
    language: str, which: Literal["months", "weekdays"], its: _Names
) -> list[tuple[str, Named]]:
    """Return every name of each month or weekday, the strongest reading of each first."""
    first, of = (1, cldr.month_names) if which == "months" else (0, cldr.weekday_names)
    found, seen = list[tuple[str, Named]](), dict[str, Named]()
    for short in (False, True):
        lines = its.short if short else its.forms
        for number, names in enumerate(of(language, short=short), first):
            ours = lines[number - first].split() if lines else []
            for name in (*sorted(names), *(each.replace("_", " ") for each in ours)):
                whole = name.casefold().rstrip(".")
                named = Named(number, _strength(fold(whole), its, short=short))
                for each in (whole, *(whole + ending for ending in ("" if short else its.endings))):
                    # What a wide name is, a short one of another month is not.
                    if fold(each) not in map(fold, its.without):
                        found.append((each, seen.setdefault(fold(each), named)))
    return found


def _strength(word: str, its: _Names, *, short: bool) -> Strength:
    if word in map(fold, its.weakest):
        return Strength.WEAKEST
    if short:
        return Strength.SHORT
    return Strength.WEAK if word in map(fold, its.weak) else Strength.STRONG


def _when(code: str) -> When:
    """Read what a phrase counts.

    Raises:
        ValueError: it is none of what is known here.
    """
    read = _WHEN.fullmatch(code)
    if read is None:
        raise ValueError(f"«{code}» says no day")
    if read["days"]:
        return When("days", int(read["days"]))
    if read["span"]:
        return When(read["span"], int(read["offset"]))
    return When(f"{read['end']}-end" if read["end"] else read["word"])
