"""What stands around answering, wired: what is learnt from questions."""

import asyncio
from collections.abc import Collection, Mapping
from functools import cache

from erasmus_app.chat.learning import NEVER, PURPOSE, Learning
from erasmus_app.chat.stripping import words_of
from erasmus_app.ids import HeiId
from erasmus_app.institutions.ports import InstitutionNames
from erasmus_app.mobilities.ports import RecordStore
from erasmus_app.privacy.consents import Purpose
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import Database
from erasmus_app.store.questions import QuestionTable
from erasmus_nlu.phrasebook import SOURCE, read_phrases


def learning(
    tables: Database,
    records: RecordStore,
    names: InstitutionNames,
    purposes: Mapping[str, Purpose],
    covered: Collection[HeiId],
) -> Learning:
    """Return what keeps questions that were not answered."""
    return Learning(
        questions=QuestionTable(tables, purposes[PURPOSE].version),
        accounts=AccountTable(tables),
        records=records,
        names=names,
        vocabulary=PhraseWords(),
        covered=covered,
    )


class PhraseWords:
    """The words of the phrases that the understanding learns from; read once, when first needed."""

    async def words(self, language: str) -> frozenset[str]:
        """Return those of a language and of English, but for those of intents that are not kept."""
        found = await asyncio.to_thread(_words)
        spoken = language.partition("-")[0].lower()
        return found[SOURCE] | found.get(spoken, frozenset())

    async def intents(self) -> frozenset[str]:
        """Return the intents that there are."""
        return await asyncio.to_thread(_intents)


@cache
def _words() -> dict[str, frozenset[str]]:
    return {
        language: frozenset[str]().union(
            *(
                words_of(" ".join(wordings))
                for intent, wordings in phrases.items()
                if intent not in NEVER
            )
        )
        for language, phrases in read_phrases().items()
    }


@cache
def _intents() -> frozenset[str]:
    return frozenset(read_phrases()[SOURCE])
