"""What a question names: days, documents, steps, universities, terms.

Words in, values out; nothing is looked up, nothing is raised for what a question says, and the time
it takes grows with the question's length alone. See docs/decisions/0033.
"""

from collections.abc import Collection, Mapping
from datetime import date

from erasmus_app.chat.slots.dates import find_dates
from erasmus_app.chat.slots.documents import find_documents, find_ends
from erasmus_app.chat.slots.heis import find_heis
from erasmus_app.chat.slots.models import Document, End, FoundDate, FoundTerm, Slots
from erasmus_app.chat.slots.reading import tokens
from erasmus_app.chat.slots.sentence import Sentence
from erasmus_app.chat.slots.terms import find_terms
from erasmus_app.chat.slots.words import LANGUAGES, words_of
from erasmus_app.ids import HeiId

__all__ = ["LANGUAGES", "Document", "End", "FoundDate", "FoundTerm", "Slots", "find_slots"]


def find_slots(
    question: str, language: str, *, today: date, partners: Mapping[HeiId, Collection[str]]
) -> Slots:
    """Return what a question in a language names; `partners` are the student's own, with names."""
    its = Sentence(question=question, read=tokens(question), words=words_of(language), today=today)
    documents, steps = find_documents(its)
    terms, years = find_terms(its)
    return Slots(
        dates=find_dates(its),
        documents=documents,
        steps=steps,
        heis=find_heis(its, partners),
        ends=find_ends(its),
        terms=terms,
        years=years,
    )
