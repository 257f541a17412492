"""Questions that were not answered: with consent alone, counted, and taken away again."""

from datetime import UTC, date, datetime, timedelta

import pytest
from databases import VAULT
from unit.store.samples import NOW, log_in

from erasmus_app.chat.learning import MANY, Learning, NotNoted, Place, ToKeep, Verdict
from erasmus_app.chat.ports import Band, Understood
from erasmus_app.chat.stripping import Stripped, unsure_in
from erasmus_app.ids import AccountId, HeiId
from erasmus_app.notifications.catalogue import catalogue_folder
from erasmus_app.privacy.retention import Keeping
from erasmus_app.privacy.words import load_purposes
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.consents import ConsentTable
from erasmus_app.store.database import Database
from erasmus_app.store.erasures import ErasureTable
from erasmus_app.store.questions import QuestionTable
from erasmus_app.store.records import RecordTable
from erasmus_app.store.retention import RetentionTable

CHAT = load_purposes(catalogue_folder())["chat"]
HOME, OTHER = HeiId("ribeira.example"), HeiId("lindental.example")
MONTH = date(2026, 11, 1)


class Words:
    async def words(self, language: str) -> frozenset[str]:
        return frozenset(["where", "is", "my", "who", "signs", "the", "agreement"])

    async def intents(self) -> frozenset[str]:
        return frozenset({"la_status", "housing"})


class Names:
    def is_known(self, hei: HeiId) -> bool:
        return True

    def name(self, hei: HeiId, language: str) -> str:
        return "Universidade da Ribeira" if hei == HOME else "Lindental"


def learning_of(database: Database) -> Learning:
    return Learning(
        questions=QuestionTable(database, CHAT.version),
        accounts=AccountTable(database),
        records=RecordTable(database),
        names=Names(),
        vocabulary=Words(),
        covered={HOME},
    )


async def agreeing(database: Database, name: str = "ines") -> AccountId:
    account = await log_in(AccountTable(database), name)
    await ConsentTable(database).give(account, CHAT, "en", "app", NOW)
    return account


def asked(question: str, *intents: str, language: str = "en") -> Understood:
    band = Band.OFFER if intents else Band.MENU
    return Understood(
        question=question, language=language, band=band, intents=intents, version="v-1"
    )


async def texts(learning: Learning, tenant: HeiId = HOME) -> list[tuple[str, int]]:
    return [(each.text, each.students) for each in await learning.unanswered(tenant, 100)]


async def test_a_question_is_kept_without_who_and_when_of_the_covered_university(
    database: Database,
):
    learning, account = learning_of(database), await agreeing(database)
    await learning.note(account, [OTHER, HOME], asked("Where is my deposit?", "housing"), NOW)
    [found] = await learning.unanswered(HOME, 10)

    assert (found.text, found.language, found.band, found.intents) == (
        "Where is my […]?",
        "en",
        "offer",
        ("housing",),
    )
    assert (found.version, found.month, found.students, found.verdict) == ("v-1", MONTH, 1, None)
    row = await database.fetchrow("select * from unanswered_question")
    assert row is not None
    everything = " ".join(map(str, row.values()))
    assert str(account) not in everything
    assert "deposit" not in everything
    assert await texts(learning, OTHER) == []


async def test_without_consent_nothing_is_kept(database: Database):
    learning = learning_of(database)
    never = await log_in(AccountTable(database), "never")
    once = await agreeing(database, "once")
    await ConsentTable(database).withdraw(once, "chat", "app", NOW)
    older = await log_in(AccountTable(database), "older")
    await database.execute(
        """insert into consent (subject_key, purpose, version, language, text_sha256, channel,
               given_at) values ($1, 'chat', 0, 'en', '\\x00', 'app', now())""",
        VAULT.hashed("consent", str(older)),
    )
    for account in (never, once, older):
        await learning.note(account, [HOME], asked("who signs the agreement"), NOW)

    assert await texts(learning) == []


@pytest.mark.parametrize("intent", ["urgent", "other_person", "accessibility"])
async def test_health_and_other_people_are_never_kept(database: Database, intent: str):
    learning, account = learning_of(database), await agreeing(database)
    await learning.note(account, [HOME], asked("who signs", "la_status", intent), NOW)

    assert await texts(learning) == []


async def test_who_belongs_to_no_covered_university_leaves_nothing(database: Database):
    learning, account = learning_of(database), await agreeing(database)
    await learning.note(account, [OTHER], asked("who signs"), NOW)
    await learning.note(account, [], asked("who signs"), NOW)

    assert await database.fetchval("select count(*) from unanswered_question") == 0


async def test_alike_questions_are_one_with_a_count_of_students(database: Database):
    learning = learning_of(database)
    first, second = await agreeing(database, "one"), await agreeing(database, "two")
    await learning.note(first, [HOME], asked("Who signs?"), NOW)
    await learning.note(first, [HOME], asked("who SIGNS"), NOW)
    await learning.note(second, [HOME], asked("who signs!!"), NOW + timedelta(days=31))
    await learning.note(second, [HOME], asked("where is the agreement"), NOW)

    assert await texts(learning) == [("Who signs?", 2), ("where is the agreement", 1)]
    [found, _] = await learning.unanswered(HOME, 10)
    assert found.month == date(2026, 12, 1)


async def test_a_word_that_is_not_public_is_read_once_enough_have_used_it(database: Database):
    learning = learning_of(database)
    for number in range(MANY):
        account = await agreeing(database, f"student-{number}")
        hidden = [text for text, _ in await texts(learning)]
        assert all("deposit" not in text for text in hidden)
        words = " ".join(["where"] * (number + 1))
        await learning.note(account, [HOME], asked(f"{words} is my deposit, secret{number}"), NOW)

    found = sorted(text for text, _ in await texts(learning))
    assert found == [
        "where is my deposit, [number]",
        "where where is my deposit, [number]",
        "where where where is my deposit, [number]",
    ]


async def test_the_same_student_does_not_make_a_word_common(database: Database):
    learning, account = learning_of(database), await agreeing(database)
    for words in ("where", "where where", "where where where", "who"):
        await learning.note(account, [HOME], asked(f"{words} is deposit"), NOW)

    assert all("deposit" not in text for text, _ in await texts(learning))


async def test_with_the_consent_goes_what_was_kept_by_it(database: Database):
    learning = learning_of(database)
    ines, tiago = await agreeing(database, "ines"), await agreeing(database, "tiago")
    for account in (ines, tiago):
        await learning.note(account, [HOME], asked("who signs"), NOW)
    await learning.note(ines, [HOME], asked("where is my agreement"), NOW)
    await ConsentTable(database).withdraw(ines, "chat", "app", NOW)

    assert await texts(learning) == [("who signs", 1)]
    subject = await ErasureTable(database).subject(str(tiago))
    await ErasureTable(database).erase(subject, NOW)
    assert await texts(learning) == []


async def test_another_consent_that_is_withdrawn_takes_nothing_away(database: Database):
    learning, account = learning_of(database), await agreeing(database)
    news = load_purposes(catalogue_folder())["news"]
    await ConsentTable(database).give(account, news, "en", "app", NOW)
    await learning.note(account, [HOME], asked("who signs"), NOW)
    await ConsentTable(database).withdraw(account, "news", "app", NOW)

    assert await texts(learning) == [("who signs", 1)]


async def test_one_account_fills_no_table(database: Database):
    questions, account = QuestionTable(database, CHAT.version), await agreeing(database)
    for number in range(5):
        text = " ".join(["who"] * (number + 1))
        await questions.keep(account, kept(text), most=3)

    assert await database.fetchval("select count(*) from unanswered_question") == 3


def kept(text: str, language: str = "en") -> ToKeep:
    return ToKeep(
        tenant=HOME,
        stripped=Stripped(text=text, unsure=unsure_in(text)),
        language=language,
        band="menu",
        intents=(),
        version="v-1",
        month=MONTH,
    )


async def test_what_was_last_asked_long_ago_goes(database: Database):
    questions, account = QuestionTable(database, CHAT.version), await agreeing(database)
    await questions.keep(account, kept("who"), most=50)
    keeping = Keeping(
        mobility=12, message=12, affiliation=12, session=6, access_log=24, consent=36, question=6
    )
    retention = RetentionTable(database, keeping)
    last = datetime(2027, 6, 1, tzinfo=UTC)  # half a year after November's end

    assert "questions" not in await retention.count(last)
    await retention.delete(last)
    assert await database.fetchval("select count(*) from unanswered_question") == 1
    assert (await retention.delete(last + timedelta(seconds=1)))["questions"] == 1
    assert await database.fetchval("select count(*) from unanswered_question") == 0


async def test_pages_go_on_where_they_were_in_one_language_or_all(database: Database):
    learning, questions = learning_of(database), QuestionTable(database, CHAT.version)
    accounts = [await agreeing(database, f"student-{each}") for each in range(3)]
    for number in range(7):
        for account in accounts[: 1 + number % 3]:
            language = "de" if number == 6 else "en"
            await questions.keep(account, kept(" ".join(["who"] * (number + 1)), language), 50)
    seen, place = [], None
    while found := await learning.unanswered(HOME, 3, place):
        seen += [(each.question_id, each.students) for each in found]
        place = Place(students=found[-1].students, question_id=found[-1].question_id)

    assert [students for _, students in seen] == [3, 3, 2, 2, 1, 1, 1]
    assert len({question for question, _ in seen}) == 7
    assert [each.language for each in await learning.unanswered(HOME, 10, language="de")] == ["de"]


async def test_a_verdict_is_noted_by_ones_own_university_alone(database: Database):
    learning, account = learning_of(database), await agreeing(database)
    await learning.note(account, [HOME], asked("who signs"), NOW)
    [found] = await learning.unanswered(HOME, 10)
    id = found.question_id

    assert await learning.review([OTHER], id, Verdict.UNCLEAR, None) is NotNoted.QUESTION_UNKNOWN
    assert await learning.review([HOME], id, Verdict.PHRASE, None) is NotNoted.INTENT_UNKNOWN
    assert await learning.review([HOME], id, Verdict.PHRASE, "x") is NotNoted.INTENT_UNKNOWN
    assert await learning.review([HOME], id, Verdict.NEW_INTENT, "A b") is NotNoted.INTENT_UNKNOWN
    assert await learning.review([HOME], id, Verdict.PHRASE, "la_status") is None
    assert await learning.unanswered(HOME, 10) == []
    [reviewed] = await learning.unanswered(HOME, 10, reviewed=True)
    assert (reviewed.verdict, reviewed.intent) == (Verdict.PHRASE, "la_status")
