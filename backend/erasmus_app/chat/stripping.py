"""Taking what is personal out of a question, before any of it is kept.

Nobody can list all names there are, so it goes the other way round: a word is kept as it is where
it stands in what everybody may read (the phrases that the understanding learns from), and marked as
unsure otherwise. An unsure word is shown to nobody before several students have used it. What
cannot be a word of a question at all goes at once: addresses, numbers, identifiers, whatever names
the student's own record knows, and capitalised words that are not in the phrases.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator

import msgspec

UNSURE_BEGIN, UNSURE_END = "\u27e8", "\u27e9"  # around an unsure word; taken out of questions
NAME, HOME, HOST = "[name]", "[home]", "[host]"
MAIL, LINK, NUMBER = "[mail]", "[link]", "[number]"
HIDDEN = "[…]"
LONGEST = 300  # characters that are kept
SHORTEST_KNOWN = 3  # letters of a name that is looked for inside of other words

_PART = re.compile(r"[^\W\d_]+|\d+|[^\w\s]+|_+")
_LINK = re.compile(r"://|^www\.|\w\.[a-z]{2,}(?:[/:?]|\W*$)", re.IGNORECASE)
_DATE = re.compile(
    r"(?:[12]?\d|3[01]|0\d)[./-](?:0?\d|1[012])[./-]?(?:(?:19|20)\d\d|\d\d)?|(?:19|20)\d\d-\d\d-\d\d"
)
_SMALL = re.compile(r"\d{1,2}|(?:19|20)\d\d")  # «30 ECTS», a year
_LEVEL = re.compile(r"[abc][12]", re.IGNORECASE)
_MARKS = frozenset("?!.,;:…¿¡'’/-–()")
_EDGES = "".join(_MARKS) + '"«»“”„'
_UNSURE = re.compile(f"{UNSURE_BEGIN}([^{UNSURE_END}]*){UNSURE_END}")


class Stripped(msgspec.Struct, frozen=True, kw_only=True):
    """A question without what is personal in it; unsure words stand in angle brackets."""

    text: str
    unsure: tuple[str, ...]  # each once, as they are compared, in the order of the text


class OwnWords(msgspec.Struct, frozen=True, kw_only=True):
    """What the student's record names, as words that are compared."""

    names: frozenset[str] = frozenset()  # of the student, of contacts
    home: frozenset[str] = frozenset()
    host: frozenset[str] = frozenset()


def folded(word: str) -> str:
    """Return a word as words are compared: no capitals, no accents."""
    apart = unicodedata.normalize("NFKD", word.casefold())
    return "".join(each for each in apart if not unicodedata.combining(each))


def words_of(text: str) -> frozenset[str]:
    """Return the words of a text, as they are compared."""
    return frozenset(folded(each) for each in re.findall(r"[^\W\d_]+", text))


def names_of(said: Iterable[str]) -> frozenset[str]:
    """Return the words of names, as they are compared; without particles such as «van der».

    A particle is what is written small beside something that is not.
    """
    found = set[str]()
    for each in said:
        words = re.findall(r"[^\W\d_]+", each)
        large = [word for word in words if word != word.lower()]
        found |= {folded(word) for word in large or words}
    return frozenset(found)


def stripped(question: str, vocabulary: Collection[str], own: OwnWords) -> Stripped | None:
    """Return what may be kept of a question; None where nothing is left to learn from.

    Args:
        question: as it was read, cleaned and cut.
        vocabulary: words that are public, `folded`.
        own: what the record names. It goes before the vocabulary.
    """
    clean = unicodedata.normalize("NFKC", question[:LONGEST])
    clean = clean.replace(UNSURE_BEGIN, " ").replace(UNSURE_END, " ")
    found: list[str] = []
    for chunk in clean.split():
        for each in _of_chunk(chunk, vocabulary, own):
            if not (each.startswith("[") and found and found[-1] == each):  # «+351 912 …»: once
                found.append(each)
    text = _joined(_without_runs(found))
    unsure = unsure_in(text)
    bare = _UNSURE.sub("", re.sub(r"\[[^\]]*\]", "", text))
    return Stripped(text=text, unsure=unsure) if re.search(r"[^\W\d_]", bare) else None


def unsure_in(text: str) -> tuple[str, ...]:
    """Return the unsure words of a kept text, each once, as they are compared."""
    return tuple(dict.fromkeys(folded(each) for each in _UNSURE.findall(text)))


def shown(text: str, hidden: Collection[str]) -> str:
    """Return a kept text for reading; `hidden` are the unsure words that few have used."""

    def word(found: re.Match[str]) -> str:
        return HIDDEN if folded(found[1]) in hidden else found[1]

    return _UNSURE.sub(word, text)


def _of_chunk(chunk: str, vocabulary: Collection[str], own: OwnWords) -> Iterator[str]:
    core = chunk.strip(_EDGES)
    if "@" in chunk:
        yield MAIL
    elif _LINK.search(core):
        yield LINK
    elif _DATE.fullmatch(core) and core.isascii():
        yield core
    elif any(each.isdigit() or each.isnumeric() for each in core):
        is_small = _SMALL.fullmatch(core) is not None or _LEVEL.fullmatch(core) is not None
        yield core if is_small and core.isascii() else NUMBER
    elif core.count(":") > 1 or "_" in core or "\\" in core or "#" in core:
        yield NUMBER  # an identifier, a handle
    else:
        for part in _PART.findall(chunk):
            yield from _of_part(part, vocabulary, own)
        return
    yield from (each for each in chunk[len(chunk.rstrip(_EDGES)) :] if each in "?!.,")


def _of_part(part: str, vocabulary: Collection[str], own: OwnWords) -> Iterator[str]:
    if not part[0].isalpha():
        yield from (each for each in part if each in _MARKS)
        return
    word = folded(part)
    if _names(word, own.names):
        yield NAME
    elif word in own.host:
        yield HOST
    elif word in own.home:
        yield HOME
    elif word in vocabulary:
        yield part
    elif part != part.lower():
        yield NAME  # in German too: a noun that no phrase has is worth less than a name
    else:
        yield f"{UNSURE_BEGIN}{part}{UNSURE_END}"


def _names(word: str, names: Collection[str]) -> bool:
    return word in names or any(
        len(each) >= SHORTEST_KNOWN and each in word and word != each for each in names
    )


def _without_runs(found: list[str]) -> list[str]:
    """Take out numbers that stand together: pieces of a longer one, of a telephone or account."""
    numeric = [each == NUMBER or _SMALL.fullmatch(each) is not None for each in found]
    kept: list[str] = []
    for at, each in enumerate(found):
        beside = (at > 0 and numeric[at - 1]) or (at + 1 < len(found) and numeric[at + 1])
        new = NUMBER if numeric[at] and beside else each
        if not (new == NUMBER and kept and kept[-1] == NUMBER):
            kept.append(new)
    return kept


def _joined(found: list[str]) -> str:
    text = ""
    for each in found:
        is_mark = len(each) == 1 and each in _MARKS
        glued = text[-1:] in {"'", "’", "-", "/", "(", "¿", "¡"}
        text += each if is_mark or glued or not text else f" {each}"
    return text[:LONGEST].strip()
