"""A chat in memory: records, words and a clock, and questions that say what they are about."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from factories import AT, LINDENTAL, RIBEIRA, an_old_nomination, sourced

from erasmus_app.chat.answers.about import Wording
from erasmus_app.chat.knowledge import Knowledge
from erasmus_app.chat.models import Answer, Asker, Question
from erasmus_app.chat.ports import Band, Turn, Understood
from erasmus_app.chat.service import ChatService
from erasmus_app.chat.words import load_chat_words
from erasmus_app.identity.roles import HeiRole, RoleAt, Standing
from erasmus_app.ids import AccountId, HeiId, MobilityId, OmobilityId, PersonId
from erasmus_app.institutions.models import CoveredHei, KnownFactsheet
from erasmus_app.institutions.places import KnownInstitution
from erasmus_app.mobilities.local_rules import NO_RULES, RuleBook
from erasmus_app.mobilities.models import Api, Mobility
from erasmus_app.mobilities.ports import StoredMobility
from erasmus_app.mobilities.rules import load_rules
from erasmus_app.notifications.agenda_words import load_agenda_words
from erasmus_app.notifications.catalogue import catalogue_folder, load_catalogue
from erasmus_app.notifications.explanations import load_explanations
from erasmus_app.notifications.guidance import load_guidance

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
ACCOUNT = AccountId(UUID(int=7))
VERSION = "test-1"
ROOT = catalogue_folder()
LANGUAGES = load_catalogue(ROOT).languages
RULES = load_rules()
TORRES = HeiId("torres.example")
NAMES = {RIBEIRA: "Universidade da Ribeira", LINDENTAL: "Hochschule Lindental", TORRES: "Torres"}


AS_IT_IS = {"sent_back", "change_returned_at"}
APIS = {
    "nomination": Api.OMOBILITIES,
    "reception": Api.IMOBILITIES,
    "agreement": Api.OMOBILITY_LAS,
    "transcript": Api.IMOBILITY_TORS,
}


def name_of(hei: str, _language: str) -> str:
    return NAMES.get(HeiId(hei), hei)


WORDING = Wording(
    words=load_chat_words(ROOT, LANGUAGES),
    guidance=load_guidance(ROOT, LANGUAGES, name_of),
    explanations=load_explanations(ROOT, LANGUAGES),
    agenda=load_agenda_words(ROOT, LANGUAGES),
    names=name_of,
)


def mobility_id(number: int) -> MobilityId:
    return MobilityId(UUID(int=number))


def a_mobility(number: int = 1, host: HeiId = LINDENTAL, **facts: Any) -> StoredMobility:
    """A mobility of the facts that are given."""
    return StoredMobility(
        mobility_id=mobility_id(number),
        person_id=PersonId(UUID(int=number)),
        version=1,
        changed_at=AT,
        mobility=Mobility(
            tenant=RIBEIRA,
            sending_hei_id=RIBEIRA,
            receiving_hei_id=host,
            omobility_id=OmobilityId(f"om-{number}"),
            **{
                name: value if name in AS_IT_IS else sourced(value, APIS[name])
                for name, value in facts.items()
            },
        ),
    )


def nominated(**given: Any) -> StoredMobility:
    return a_mobility(nomination=an_old_nomination(**given))


class Records:
    def __init__(self, mobilities: Mapping[AccountId, Sequence[StoredMobility]]) -> None:
        self.mobilities = mobilities

    async def mobilities_of(self, account: AccountId) -> list[StoredMobility]:
        return [*self.mobilities.get(account, ())]


class Pages:
    def __init__(self, known: Mapping[HeiId, Any]) -> None:
        self.known = known

    async def pages(self, heis: Sequence[HeiId]) -> list[Any]:
        return [self.known.get(each) for each in heis]


class Rulebook:
    def __init__(self, book: RuleBook) -> None:
        self.book = book


class Source:
    def serves(self, _hei: HeiId, _api: Api, _tenant: HeiId) -> bool:
        return True


class Told:
    """Takes a question for what it says: "la_status" is that, "la_status, contact" an offer."""

    version = VERSION

    def __init__(self, language: str | None = None) -> None:
        self.language = language

    async def understand(self, question: str, locale: str) -> Understood:
        first = question.split("|", maxsplit=1)[0]
        intents = tuple(each for each in first.split(", ") if "_" in each or each.isalpha())
        bands = {0: Band.MENU, 1: Band.ANSWER}
        if question.startswith("?") or not intents:
            bands, intents = {}, ()
        return Understood(
            question=question.partition("|")[2] or question,
            language=self.language or locale,
            band=bands.get(len(intents), Band.OFFER) if intents else Band.MENU,
            intents=intents,
            version=VERSION,
        )


@dataclass
class Remembered:
    """Conversations in memory."""

    known: dict[tuple[AccountId, str], list[Turn]] = field(default_factory=dict)

    async def turns(self, account: AccountId, conversation: str) -> Sequence[Turn]:
        return self.known.get((account, conversation), [])

    async def add(self, account: AccountId, conversation: str, turn: Turn) -> None:
        self.known.setdefault((account, conversation), []).append(turn)


@dataclass
class Notebook:
    """What was not answered, in memory."""

    notes: list[tuple[str, Band]] = field(default_factory=list)

    async def note(
        self, account: AccountId, heis: Sequence[HeiId], understood: Understood, at: datetime
    ) -> None:
        self.notes.append((understood.question, understood.band))


COVERED = {
    RIBEIRA: CoveredHei(
        id=RIBEIRA,
        name={"en": "Ribeira"},
        client_key=ROOT,
        admin_emails=(),
    )
}


def a_chat(
    *mobilities: StoredMobility,
    factsheet: KnownFactsheet | None = None,
    institutions: Mapping[HeiId, KnownInstitution] | None = None,
    book: RuleBook = NO_RULES,
    others: Mapping[AccountId, Sequence[StoredMobility]] | None = None,
    language: str | None = None,
    now: datetime = NOW,
    notebook: Notebook | None = None,
) -> ChatService:
    knowledge = Knowledge(
        records=Records({ACCOUNT: mobilities} | dict(others or {})),  # type: ignore[arg-type]
        factsheets=Pages({LINDENTAL: factsheet}),  # type: ignore[arg-type]
        institutions=Pages(institutions or {}),  # type: ignore[arg-type]
        rules=RULES,
        local_rules=Rulebook(book),  # type: ignore[arg-type]
        source=Source(),  # type: ignore[arg-type]
        heis=COVERED,
        clock=lambda: now,
    )
    return ChatService(
        understanding=Told(language),
        knowledge=knowledge,
        wording=WORDING,
        conversations=Remembered(),
        clock=lambda: now,
        unanswered=notebook,
    )


def an_asker(
    account: AccountId = ACCOUNT, role: HeiRole | None = HeiRole.STUDENT, **given: Any
) -> Asker:
    roles = (RoleAt(hei=RIBEIRA, role=role),) if role else ()
    known: dict[str, Any] = {
        "standing": Standing(account_id=account, roles=roles),
        "language": "en",
        "zone": "Europe/Lisbon",
    }
    return Asker(account_id=account, **known | given)


def asked(chat: ChatService, text: str = "", *, asker: Asker | None = None, **given: Any) -> Answer:
    return asyncio.run(chat.ask(asker or an_asker(), Question(text=text, **given)))
