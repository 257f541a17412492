"""Learning from questions that were not answered: with consent, stripped, for coordinators.

What is kept names nobody: no account, no time but the month; and what is read of it has no word
that is not public or used by several. Whose it was is a keyed hash, so that it can be taken away.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

import msgspec

from erasmus_app.chat.ports import Understood
from erasmus_app.chat.stripping import (
    OwnWords,
    Stripped,
    names_of,
    shown,
    stripped,
    words_of,
)
from erasmus_app.identity.models import Account
from erasmus_app.ids import AccountId, HeiId
from erasmus_app.institutions.ports import InstitutionNames
from erasmus_app.mobilities.models import Mobility
from erasmus_app.mobilities.ports import RecordStore

PURPOSE = "chat"
NEVER = frozenset({"urgent", "other_person", "accessibility", "prompt_injection", "privacy"})
"""Intents whose questions are not kept, nor their phrases' words public: health, other people."""

MANY = 3  # students who have used an unsure word, before it is shown to anybody
MOST_OF_ONE = 50  # questions of one account that are kept
NAMING = re.compile(r"name|email|phone|esi|birth|person", re.IGNORECASE)
_INTENT = re.compile(r"[a-z][a-z0-9_]{1,60}")


class Verdict(StrEnum):
    """What a coordinator says of a question."""

    PHRASE = "phrase"  # it belongs to an intent that there is
    NEW_INTENT = "new-intent"  # something that should be answered and is not
    OFF_TOPIC = "off-topic"
    UNCLEAR = "unclear"  # nobody can say what it means


class NotNoted(StrEnum):
    """Why a verdict was not noted."""

    QUESTION_UNKNOWN = "question_unknown"
    INTENT_UNKNOWN = "intent_unknown"


class ToKeep(msgspec.Struct, frozen=True, kw_only=True):
    """A question to be kept."""

    tenant: HeiId
    stripped: Stripped
    language: str
    band: str
    intents: tuple[str, ...]
    version: str
    month: date  # its first day


class KeptQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """A question as it is kept."""

    tenant: HeiId
    question_id: UUID
    text: str  # unsure words in angle brackets
    language: str
    band: str
    intents: tuple[str, ...]  # that were offered, or taken for likely
    version: str
    month: date  # in which it was last asked
    students: int  # who have asked it
    verdict: Verdict | None = None
    intent: str | None = None  # which, by a coordinator
    unsure: tuple[str, ...] = ()  # words that few have used, as they are compared


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a question stands in the list."""

    students: int
    question_id: UUID


class Questions(Protocol):
    """Where they are kept."""

    async def has_agreed(self, account: AccountId) -> bool:
        """Return whether the student has agreed, and not taken that back."""

    async def keep(self, account: AccountId, question: ToKeep, most: int) -> None:
        """Keep one, or count one more who has asked it; nothing without consent by then."""

    async def page(
        self,
        tenant: HeiId,
        first: int,
        after: Place | None,
        *,
        language: str | None,
        reviewed: bool,
        many: int,
    ) -> Sequence[KeptQuestion]:
        """Return a page: what most have asked comes first; `unsure` are words of less than many."""

    async def review(
        self, tenants: Collection[HeiId], question: UUID, verdict: Verdict, intent: str | None
    ) -> HeiId | None:
        """Note a verdict; return whose question it is, None of one that is none of theirs."""


class Accounts(Protocol):
    """Accounts, for the names in them."""

    async def account(self, account: AccountId) -> Account | None:
        """Return an account."""


class Vocabulary(Protocol):
    """What everybody may read: the phrases that the understanding learns from."""

    async def words(self, language: str) -> frozenset[str]:
        """Return the words of a language and of English, folded, but for those of `NEVER`."""

    async def intents(self) -> frozenset[str]:
        """Return the intents that there are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Learning:
    """Keeps questions, see `chat.ports.Unanswered`; and hands them to coordinators."""

    questions: Questions
    accounts: Accounts
    records: RecordStore
    names: InstitutionNames
    vocabulary: Vocabulary
    covered: Collection[HeiId]

    async def note(
        self, account: AccountId, heis: Sequence[HeiId], understood: Understood, at: datetime
    ) -> None:
        """Keep it, stripped of personal data, if the student has agreed to that; else nothing."""
        tenant = next((each for each in heis if each in self.covered), None)
        if tenant is None or not NEVER.isdisjoint(understood.intents):
            return
        if not await self.questions.has_agreed(account):
            return
        own = await self._own(account, understood.language)
        public = await self.vocabulary.words(understood.language)
        found = stripped(understood.question, public, own)
        if found is None:
            return
        kept = ToKeep(
            tenant=tenant,
            stripped=found,
            language=understood.language,
            band=understood.band.value,
            intents=understood.intents,
            version=understood.version,
            month=at.date().replace(day=1),
        )
        await self.questions.keep(account, kept, MOST_OF_ONE)

    async def unanswered(
        self,
        tenant: HeiId,
        first: int,
        after: Place | None = None,
        *,
        language: str | None = None,
        reviewed: bool = False,
    ) -> list[KeptQuestion]:
        """Return a page of a university's, each as it may be read."""
        found = await self.questions.page(
            tenant, first, after, language=language, reviewed=reviewed, many=MANY
        )
        return [_readable(each) for each in found]

    async def review(
        self, tenants: Collection[HeiId], question: UUID, verdict: Verdict, intent: str | None
    ) -> NotNoted | None:
        """Note a coordinator's verdict; None, or why nothing was noted."""
        if verdict is Verdict.PHRASE:
            if intent not in await self.vocabulary.intents():
                return NotNoted.INTENT_UNKNOWN
        elif intent is not None and _INTENT.fullmatch(intent) is None:
            return NotNoted.INTENT_UNKNOWN
        found = await self.questions.review(tenants, question, verdict, intent)
        return NotNoted.QUESTION_UNKNOWN if found is None else None

    async def _own(self, account: AccountId, language: str) -> OwnWords:
        known = await self.accounts.account(account)
        said = [known.display_name or ""] if known else []
        home, host = set[str](), set[str]()
        for each in await self.records.mobilities_of(account):
            said += named_in(each.mobility)
            home |= self._of_hei(each.mobility.sending_hei_id, language)
            host |= self._of_hei(each.mobility.receiving_hei_id, language)
        public = await self.vocabulary.words(language)
        home, host = home - public, host - public  # «University of …»: the last word alone
        return OwnWords(
            names=names_of(said) - home - host, home=frozenset(home), host=frozenset(host)
        )

    def _of_hei(self, hei: HeiId, language: str) -> frozenset[str]:
        names = (hei, self.names.name(hei, language), self.names.name(hei, "en"))
        return words_of(" ".join(names))


def named_in(mobility: Mobility) -> list[str]:
    """Return all that a record says in a field that names somebody, whichever paper it is of."""
    return list(_named(msgspec.to_builtins(mobility), is_naming=False))


def _named(value: Any, *, is_naming: bool) -> Iterator[str]:
    if isinstance(value, str):
        if is_naming:
            yield value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _named(each, is_naming=is_naming or NAMING.search(str(key)) is not None)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _named(each, is_naming=is_naming)


def _readable(question: KeptQuestion) -> KeptQuestion:
    """Return it with the unsure words hidden that few have used."""
    return msgspec.structs.replace(question, text=shown(question.text, question.unsure), unsure=())
