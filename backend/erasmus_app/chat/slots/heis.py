"""Which of a student's own partners a question names. Better none than a wrong one."""

import unicodedata
from collections.abc import Collection, Iterator, Mapping

import msgspec

from erasmus_app.chat.slots.names import (
    Called,
    called,
    is_generic,
    is_ordinary,
    is_short_word,
    is_university,
)
from erasmus_app.chat.slots.reading import Token
from erasmus_app.chat.slots.sentence import Sentence
from erasmus_app.chat.slots.spelling import distance
from erasmus_app.ids import HeiId

LONGEST_ADDRESS = 300
LONGEST_WORD = 40
MOST_WORDS = 200  # that are looked at for slips; a question has sixty
NEAR = 4  # tokens
_SHORTEST_TYPED_WRONG = 6


class _Hit(msgspec.Struct, frozen=True):
    start: int
    end: int
    heis: frozenset[HeiId]
    is_sure: bool = False  # a whole name, or a domain


def find_heis(its: Sentence, partners: Mapping[HeiId, Collection[str]]) -> tuple[HeiId, ...]:
    """Return the partners in the order of the question; all where it may be several."""
    known = {hei: called(hei, tuple(names)) for hei, names in partners.items()}
    hits = [*_domains(its, known), *_whole_names(its, known)]
    sure = {place for hit in hits for place in range(hit.start, hit.end)}
    loose = [hit for hit in _words(its, known) if hit.start not in sure]
    hits += [_narrowed(its, hit, known) for hit in _together(loose)]
    found = dict[HeiId, None]()
    for hit in sorted(hits, key=lambda each: each.start):
        found.update(dict.fromkeys(hei for hei in partners if hei in hit.heis))
    return tuple(found)


def _domains(its: Sentence, known: Mapping[HeiId, Called]) -> Iterator[_Hit]:
    """Yield what stands in an address: «uni.example», «me@student.uni.example»."""
    by_domain = {each.domain: hei for hei, each in known.items()}
    start = 0
    for end in range(1, len(its.read) + 1):
        if end < len(its.read) and its.read[end].glued:
            continue
        texts = [each.text for each in its.read[start:end]]
        if "." in texts and its.read[end - 1].end - its.read[start].start <= LONGEST_ADDRESS:
            for part in "".join(texts).replace("@", "/").split("/"):
                labels = part.strip(".,;:!?()").split(".")
                ends = (".".join(labels[each:]) for each in range(len(labels)))
                found = frozenset(by_domain[each] for each in ends if each in by_domain)
                if found:
                    yield _Hit(start, end, found, is_sure=True)
        start = end


def _whole_names(its: Sentence, known: Mapping[HeiId, Called]) -> Iterator[_Hit]:
    """Yield names that stand there as they are; of those that begin at one word the longest."""
    by_first = dict[str, list[tuple[tuple[str, ...], HeiId]]]()
    for hei, each in known.items():
        for name in each.whole:
            by_first.setdefault(name[0], []).append((name, hei))
    at = 0
    while at < len(its.read):
        fits = [
            (len(name), hei)
            for name, hei in by_first.get(its.read[at].text, ())
            if tuple(each.text for each in its.read[at : at + len(name)]) == name
        ]
        if not fits:
            at += 1
            continue
        longest = max(length for length, _ in fits)
        heis = frozenset(hei for length, hei in fits if length == longest)
        yield _Hit(at, at + longest, heis, is_sure=True)
        at += longest


def _words(its: Sentence, known: Mapping[HeiId, Called]) -> Iterator[_Hit]:
    """Yield the words and acronyms that tell partners apart."""
    seen, has_small = dict[str, frozenset[HeiId]](), any(map(str.islower, its.question))
    for at, token in enumerate(its.read):
        if not token.is_word or len(token.text) > LONGEST_WORD:
            continue
        short = _acronym(its, at, known, has_small=has_small)
        if short:
            others = (hei for hei, each in known.items() if token.text in each.words)
            yield _Hit(at, at + 1, short.union(others))
            continue
        word = token.text
        if len(word) < 3 or is_generic(word):
            continue
        if is_ordinary(word) and not _is_meant(its, at):
            continue
        exact = frozenset(hei for hei, each in known.items() if word in each.words)
        if exact and not _is_spelled(its, at, [known[hei] for hei in exact]):
            continue
        if not exact and len(seen) < MOST_WORDS and not _is_ours(its, at):
            sure = _is_meant(its, at)
            key = f"{word}{sure}"
            if key not in seen:
                seen[key] = frozenset(
                    hei
                    for hei, each in known.items()
                    if any(_is_like(word, name, sure=sure) for name in each.words)
                )
            exact = seen[key]
        if exact:
            yield _Hit(at, at + 1, exact)


def _is_ours(its: Sentence, at: int) -> bool:
    """Whether a word is one of the language's own that we know, and so no slip of a name."""
    words = its.words
    books = (words.months, words.weekdays, words.documents, words.ends, words.steps, words.when)
    return any(book.match(its.read, at) for book in books)


def _is_spelled(its: Sentence, at: int, heis: list[Called]) -> bool:
    """Whether a name has its own marks, or none; «päris» of Estonian is no Paris."""
    word = its.question[its.read[at].start : its.read[at].end].casefold()
    bare = not any(map(unicodedata.combining, unicodedata.normalize("NFD", word)))
    return bare or any(word in each.spelled for each in heis) or _is_meant(its, at)


def _is_meant(its: Sentence, at: int) -> bool:
    """Whether what may be a word is a name: beside a university, or with a capital."""
    beside = (at - 3, at - 2, at - 1, at + 1, at + 2)
    if any(is_university(its.text(each)) for each in beside if its.text(each)):
        return True
    return its.words.language != "de" and its.is_capital(at)


def _is_like(word: str, name: str, *, sure: bool) -> bool:
    """Whether a word is a name with an ending, or with a slip."""
    if is_ordinary(name) or word[0] != name[0] or len(name) < (4 if sure else 5):
        return False
    ending = len(word) - len(name)
    if word.startswith(name):
        return ending <= (4 if len(name) >= 7 else 3)
    firm = sure or len(name) > _SHORTEST_TYPED_WRONG
    if firm and len(name) > 5 and word.startswith(name[:-1]) and ending <= 1:
        return True  # w Barcelonie
    slips = 0 if len(name) < _SHORTEST_TYPED_WRONG or not firm else 1 + (len(name) >= 10)
    return slips > 0 and distance(word, name, slips) <= slips


def _acronym(
    its: Sentence, at: int, known: Mapping[HeiId, Called], *, has_small: bool
) -> frozenset[HeiId]:
    token = its.read[at]
    if len(token.text) < 2 or is_university(token.text):
        return frozenset()
    written = its.question[token.start : token.end]
    if written.upper() in its.words.acronyms:
        return frozenset()  # a document
    great = written.isupper() and has_small
    return frozenset(
        hei for hei, each in known.items() if _is_acronym(its, at, written, each, great=great)
    )


def _is_acronym(its: Sentence, at: int, written: str, hei: Called, *, great: bool) -> bool:
    word = its.read[at].text
    if word not in hei.initials and word not in hei.acronyms:
        return False
    if great or written in hei.mixed:
        return True
    if len(word) <= 3:
        # What is no word of any language, or stands beside a university: «upc»
        return len(word) == 3 and (not is_short_word(word) or _touches_university(its, at))
    return word in hei.acronyms and (not is_ordinary(word) or _touches_university(its, at))


def _touches_university(its: Sentence, at: int) -> bool:
    return any(is_university(its.text(each)) for each in (at - 1, at + 1) if its.text(each))


def _together(hits: list[_Hit]) -> Iterator[_Hit]:
    """Join what stands together and may be one university: «KU» and «Leuven»."""
    last: _Hit | None = None
    for hit in hits:
        if last is not None and hit.start - last.end < NEAR and last.heis & hit.heis:
            last = _Hit(last.start, hit.end, last.heis & hit.heis)
            continue
        if last is not None:
            yield last
        last = hit
    if last is not None:
        yield last


def _narrowed(its: Sentence, hit: _Hit, known: Mapping[HeiId, Called]) -> _Hit:
    """Let what is said beside a city choose among its universities: «the technical one»."""
    if len(hit.heis) == 1:
        return hit
    beside = [each for each in its.read[max(hit.start - NEAR, 0) : hit.end + NEAR] if each.is_word]
    counts = {hei: _count(beside, known[hei].others) for hei in hit.heis}
    most = max(counts.values())
    return _Hit(hit.start, hit.end, frozenset(hei for hei in hit.heis if counts[hei] == most))


def _count(beside: list[Token], others: Collection[str]) -> int:
    return sum(
        any(each.text == name or each.text[:5] == name[:5] for name in others) for each in beside
    )
