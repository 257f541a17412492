"""Documents, steps, and which of the two universities: from words of a language."""

from erasmus_app.chat.slots.models import Document, End
from erasmus_app.chat.slots.phrases import Book, T
from erasmus_app.chat.slots.sentence import Sentence
from erasmus_app.mobilities.steps import StepCode

LONGEST_ACRONYM = 8
_OF_AGREEMENTS = frozenset({StepCode.LA_SENT, StepCode.LA_SIGNED, StepCode.LA_CHANGED})
_STEPS = {
    Document.NOMINATION: StepCode.NOMINATED,
    Document.ACCEPTANCE_LETTER: StepCode.ACCEPTED,
    Document.CERTIFICATE_OF_ARRIVAL: StepCode.ARRIVED,
    Document.CERTIFICATE_OF_ATTENDANCE: StepCode.DEPARTED,
    Document.TRANSCRIPT: StepCode.TRANSCRIPT,
}


def find_documents(its: Sentence) -> tuple[tuple[Document, ...], tuple[StepCode, ...]]:
    """Return the documents that a question names, and the steps that these or its words name.

    A learning agreement has three steps, which words tell apart: to send, to sign, to change. The
    same words say nothing of it where none is named.
    """
    documents, words = list[Document](), list[StepCode]()
    at, has_small = 0, _has_small(its)
    while at < len(its.read):
        found = its.words.documents.match(its.read, at)
        if found is not None:
            documents.append(found.value)
            at = found.end
            continue
        short = _acronym(its, at, has_small=has_small)
        if short is not None:
            documents.append(short)
            at += 1
            continue
        step = its.words.steps.match(its.read, at)
        if step is not None:
            words.append(step.value)
        at = step.end if step is not None else at + 1
    has_agreement = Document.LEARNING_AGREEMENT in documents
    steps = [_STEPS[each] for each in documents if each in _STEPS]
    steps += [each for each in words if has_agreement or each not in _OF_AGREEMENTS]
    return tuple(dict.fromkeys(documents)), tuple(dict.fromkeys(steps))


def find_ends(its: Sentence) -> tuple[End, ...]:
    """Return which universities a question names by what they are to the student."""
    return tuple(dict.fromkeys(_all(its, its.words.ends)))


def _all(its: Sentence, book: Book[T]) -> list[T]:
    found, at = list[T](), 0
    while at < len(its.read):
        here = book.match(its.read, at)
        if here is not None:
            found.append(here.value)
        at = here.end if here is not None else at + 1
    return found


def _has_small(its: Sentence) -> bool:
    """Whether small letters stand beside what may be an acronym: not all is in capitals."""
    words = (its.question[each.start : each.end] for each in its.read if each.is_word)
    return any(
        any(map(str.islower, word)) and word.removesuffix("s") not in its.words.acronyms
        for word in words
    )


def _acronym(its: Sentence, at: int, *, has_small: bool) -> Document | None:
    """Return what «OLA» or «ToR» stands for.

    In small letters only where the language has no such word, and in a question all of capitals
    as well: «LA» is an article in a third of Europe.
    """
    token = its.read[at]
    if not token.is_word or len(token.text) > LONGEST_ACRONYM:
        return None
    word = its.question[token.start : token.end]
    if token.text in its.words.small and (word.islower() or word.isupper()):
        return its.words.acronyms.get(word.upper())  # and «Ola» is a name
    return its.words.acronyms.get(word.removesuffix("s")) if has_small else None
