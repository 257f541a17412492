"""What a university may be called: its names' own words, its initials, its domain."""

import re
import tomllib
from collections.abc import Collection
from functools import cache, lru_cache

import msgspec

from erasmus_app.chat.slots.reading import fold, tokens
from erasmus_app.chat.slots.words import NAMES, PLACE

LONGEST_NAME = 200  # characters of what a partner calls itself
SHORTEST_WORD, SHORTEST_INITIALS = 3, 3

_KINDS = frozenset({"tu", "fh"})  # words for universities, which say which kind as well
_WORDS = re.compile(r"[^\W\d_]+")
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})
_NO_LABELS = frozenset({"ac", "co", "com", "edu", "example", "org", "test", "www"})


class Called(msgspec.Struct, frozen=True, kw_only=True):
    """How one university may be named, folded."""

    whole: frozenset[tuple[str, ...]]  # names as tokens
    words: frozenset[str]  # that tell it apart
    spelled: frozenset[str]  # the same with their marks
    others: frozenset[str]  # that do not, but among universities of one city
    initials: frozenset[str]  # made from its names
    acronyms: frozenset[str]  # that stand in its names or its domain
    mixed: frozenset[str]  # acronyms as written, of small letters too: "UiO"
    domain: str


class _Common(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    universities: tuple[str, ...]
    generic: tuple[str, ...]
    countries: tuple[str, ...]
    ordinary: tuple[str, ...]
    short: str


@cache
def _common() -> _Common:
    table = tomllib.loads((PLACE / f"{NAMES}.toml").read_text(encoding="utf-8"))
    return msgspec.convert(table, _Common)


@lru_cache(maxsize=20_000)
def is_university(word: str) -> bool:
    """Whether a folded word is one for a university."""
    return _is_among(word, _common().universities)


@lru_cache(maxsize=20_000)
def is_generic(word: str) -> bool:
    """Whether a folded word is in the names of many universities."""
    return is_university(word) or _is_among(word, _common().generic)


@lru_cache(maxsize=20_000)
def is_ordinary(word: str) -> bool:
    """Whether a folded name is a word of some language too, or too short to be sure."""
    return len(word) <= SHORTEST_WORD or _is_among(word, _common().ordinary)


@cache
def _short() -> frozenset[str]:
    return frozenset(_common().short.split())


def is_short_word(word: str) -> bool:
    """Whether three folded letters are a word of some language."""
    return word in _short()


def _is_among(word: str, listed: Collection[str]) -> bool:
    return any(
        word.startswith(fold(each[:-1])) if each.endswith("*") else word == fold(each)
        for each in listed
    )


@lru_cache(maxsize=5000)
def called(hei_id: str, names: tuple[str, ...]) -> Called:
    """Return how a university with these names may be named."""
    whole, own, others = set[tuple[str, ...]](), set[str](), set[str]()
    initials, acronyms, mixed, spelled = set[str](), set[str](), set[str](), set[str]()
    for name in (each[:LONGEST_NAME] for each in names):
        read = tuple(each.text for each in tokens(name))
        words = {each for each in read if each.isalpha() and len(each) >= SHORTEST_WORD}
        own |= _telling(words) | _telling({fold(each) for each in _WORDS.findall(_german(name))})
        spelled |= set(_WORDS.findall(name.casefold()))
        others |= {each for each in words - own if len(each) > 3 and not is_university(each)}
        others |= _KINDS.intersection(read)
        if len(read) > 1 and not all(len(each) == 1 or is_generic(each) for each in read):
            whole.add(read)
        initials |= _initials(name)
        short = _acronyms(name)
        acronyms |= {fold(each) for each in short}
        mixed |= short
    domain = fold(hei_id)
    labels = [part.rstrip("0123456789") for part in re.split(r"[.-]", domain.rpartition(".")[0])]
    acronyms |= {
        each
        for each in labels
        if len(each) >= 2
        and each not in _NO_LABELS
        and not is_generic(each)
        and (each not in own or is_ordinary(each))
    }
    return Called(
        whole=frozenset(whole),
        words=frozenset(own - acronyms) | {each for each in own & acronyms if len(each) >= 6},
        spelled=frozenset(spelled),
        others=frozenset(others),
        initials=frozenset(initials - acronyms),
        acronyms=frozenset(acronyms),
        mixed=frozenset(mixed),
        domain=domain,
    )


def _telling(words: set[str]) -> set[str]:
    """Return the words that are not in the names of many universities, nor a country's."""
    return {
        each
        for each in words
        if len(each) >= SHORTEST_WORD
        and not is_generic(each)
        and not is_short_word(each)
        and not _is_among(each, _common().countries)
    }


def _german(name: str) -> str:
    """Return a name as it is typed without umlauts and rings: Muenchen, Aarhus."""
    return name.casefold().translate(_UMLAUTS)


def _initials(name: str) -> set[str]:
    """Return the first letters of a name's words, with the small ones and without."""
    words = _WORDS.findall(name)
    great = [each for each in words if each[0].isupper() and len(each) > 1]
    if name.isupper():
        great = [each for each in words if len(each) > SHORTEST_WORD]
    found = {fold("".join(each[0] for each in kept)) for kept in (words, great)}
    return {each for each in found if SHORTEST_INITIALS <= len(each) <= 7}


def _acronyms(name: str) -> set[str]:
    """Return the words of a name that are written as acronyms are."""
    words = _WORDS.findall(name)
    if name.isupper() and len(words) > 1:
        return set()
    return {
        each
        for each in words
        if 2 <= len(each) <= 6
        and sum(letter.isupper() for letter in each) >= 2
        and not is_university(fold(each))
    }
