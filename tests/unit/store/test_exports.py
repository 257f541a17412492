"""An archive has everything but what is named as left out, and nothing of anybody else."""

import io
import json
import zipfile
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest
from databases import VAULT
from unit.store.samples import (
    ABROAD,
    ESI,
    HOME,
    NOW,
    OTHER_ESI,
    a_nomination,
    an_answer,
    log_in,
    take_in,
)
from unit.store.test_erasures import a_student

from erasmus_app.chat.learning import ToKeep
from erasmus_app.chat.stripping import Stripped
from erasmus_app.ids import AccountId, EuropeanStudentId
from erasmus_app.notifications.catalogue import catalogue_folder, load_catalogue
from erasmus_app.privacy.access import Access, ActorKind, Read
from erasmus_app.privacy.exports import KEPT_FOR, ExportState
from erasmus_app.privacy.words import load_archive_words, load_purposes
from erasmus_app.store.access_log import AccessLogTable
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.consents import ConsentTable
from erasmus_app.store.database import Database
from erasmus_app.store.erasures import ErasureTable
from erasmus_app.store.exports import PART, ExportTable
from erasmus_app.store.held import AREAS, LEFT_OUT
from erasmus_app.store.holdings import ERASED, KEPT
from erasmus_app.store.questions import QuestionTable
from erasmus_app.store.records import RecordTable
from erasmus_app.worker.archive import Archivist, reasons

HOUR = timedelta(hours=1)


class Names:
    """Institutions whose names are their ids."""

    def name(self, hei: str, language: str) -> str:
        return f"University of {hei}"


ARCHIVIST = Archivist(
    words=load_archive_words(catalogue_folder()),
    messages=load_catalogue(catalogue_folder()),
    names=Names(),
)


async def made(database: Database, account: AccountId, language: str = "en") -> zipfile.ZipFile:
    """What the command writes; the sources of these samples are no XML and come as they are."""
    pieces = io.BytesIO()

    async def sink(piece: bytes) -> None:
        pieces.write(piece)

    async with ExportTable(database).reading((account,), ()) as held:
        held_documents = held.documents

        async def none() -> AsyncIterator[tuple[str, str, bytes]]:
            async for name, _, xml in held_documents():
                yield name, "of no office", xml

        class Held(type(held)):  # type: ignore[misc]
            documents = staticmethod(none)

        await ARCHIVIST.write(Held(held.connection, held.subject), language, NOW, sink)
    return zipfile.ZipFile(pieces)


def areas(archive: zipfile.ZipFile) -> dict:
    return json.loads(archive.read("data.json"))["areas"]


def test_every_table_that_knows_a_student_is_in_the_archive_or_left_out_with_a_reason():
    shown = {each.table for each in AREAS}

    assert shown | LEFT_OUT.keys() == {each.table for each in ERASED} | KEPT.keys()
    assert not shown & LEFT_OUT.keys()
    for words in ARCHIVIST.words.values():
        assert words.left_out.keys() == reasons()
        assert words.sections.keys() == shown


async def test_every_column_is_shown_but_those_that_are_named(database: Database):
    account = await a_student(database)
    await ConsentTable(database).give(
        account, load_purposes(catalogue_folder())["news"], "pt", "app", NOW
    )
    chat = load_purposes(catalogue_folder())["chat"]
    await ConsentTable(database).give(account, chat, "pt", "app", NOW)
    question = ToKeep(
        tenant=HOME,
        stripped=Stripped(text="who signs", unsure=()),
        language="en",
        band="menu",
        intents=(),
        version="v-1",
        month=NOW.date().replace(day=1),
    )
    await QuestionTable(database, chat.version).keep(account, question, 50)
    await ErasureTable(database).request(account, NOW, HOUR)
    access = Access(kind=ActorKind.OPERATOR, actor="maria", purpose="request", api="student access")
    await AccessLogTable(database).note(access, [Read(tenant=None, subject=account)], NOW)

    other = await log_in(AccountTable(database), "zofia", (OTHER_ESI,))
    await database.execute(
        """insert into account_link (kept_account_id, joined_account_id, state, evidence)
           values ($1, $2, 'waiting', 'none')""",
        account,
        other,
    )
    await database.execute(
        """insert into mobility_claim (account_id, sending_hei_id, omobility_id, begun_at)
           values ($1, $2, 'om-5', $3)""",
        account,
        HOME,
        NOW,
    )
    await database.execute(
        """insert into webhook_delivery
               (tenant, endpoint, person_id, mobility_id, event_id, kind, expires_at)
           select tenant, 'app', person_id, mobility_id, event_id, kind, $1 from event limit 1""",
        NOW,
    )

    found = areas(await made(database, account))

    for area in AREAS:
        columns = await database.fetch(
            "select column_name from information_schema.columns where table_name = $1", area.table
        )
        there = {row["column_name"] for row in columns}
        assert there >= area.withheld - {"frame"}, area.table
        assert found[area.table], area.table
        for row in found[area.table]:
            assert row.keys() - {"title", "body", "file"} == there - area.withheld, area.table


async def test_what_was_chosen_of_messages_is_in_it_in_clear(database: Database):
    account = await a_student(database)

    [chosen] = areas(await made(database, account))["preference"]
    assert chosen["content"] == {"quiet": None}


async def test_secrets_addresses_and_colleagues_names_are_not_in_it(database: Database):
    account = await a_student(database)
    access = Access(kind=ActorKind.STAFF, actor="maria", hei=HOME, purpose="office", api="students")
    await AccessLogTable(database).note(access, [Read(tenant=None, subject=account)], NOW)

    archive = await made(database, account)
    text = b"".join(archive.read(each) for each in archive.namelist()).decode()

    assert "maria" not in text
    [looked] = areas(archive)["access_log"]
    assert (looked["actor"], looked["actor_hei_id"]) == (None, HOME)
    for word in (VAULT.hashed("target", "ines"), VAULT.esi_key(EuropeanStudentId(ESI))):
        assert word not in text
    assert "target_kind" in areas(archive)["device"][0]


async def test_several_mobilities_and_identities_are_in_and_nothing_of_others(database: Database):
    account = await a_student(database)
    await take_in(RecordTable(database), an_answer(a_nomination(), omobility_id="om-9"))
    await take_in(
        RecordTable(database), an_answer(a_nomination(), tenant=ABROAD, omobility_id="om-1")
    )
    await database.execute(
        "insert into account_identity (issuer, subject, account_id) values ('https://b', 'x', $1)",
        account,
    )
    sharing = await log_in(AccountTable(database), "mallory", (ESI,))  # the same person is seen
    other = await a_student(database, "zofia", OTHER_ESI, "om-2")

    archive = await made(database, account)
    found = areas(archive)

    assert {each["omobility_id"] for each in found["mobility"]} == {"om-1", "om-9"}
    assert len(found["mobility"]) == 3
    assert {each["issuer"] for each in found["account_identity"]} == {
        "https://login.example",
        "https://b",
    }
    text = b"".join(archive.read(each) for each in archive.namelist()).decode()
    for stranger in (str(sharing), str(other), "mallory", "om-2", OTHER_ESI, "Zofia"):
        assert stranger not in text
    shared = areas(await made(database, sharing))
    assert shared["mobility"] == []  # as the app shows them: the ESI stays with the first one
    assert str(account) not in json.dumps(shared)


@pytest.mark.parametrize("language", ["en", "de", "pt", "el", "ja"])
async def test_the_page_speaks_the_student_s_language_and_fetches_nothing(
    database: Database, language: str
):
    account = await a_student(database)
    await database.execute(
        "update account set display_name = $2 where account_id = $1",
        account,
        VAULT.seal(b"<script>alert(1)</script>", "account.display_name", account),
    )

    page = (await made(database, account, language)).read("index.html").decode()

    spoken = language if language != "ja" else "en"
    assert f'<html lang="{spoken}">' in page
    assert ARCHIVIST.words[spoken].title in page
    for word in ("<script", "<link", "src=", "url(", "@import"):
        assert word not in page
    assert "&lt;script&gt;alert(1)" in page


async def test_a_second_wish_within_an_hour_is_the_first_and_later_another(database: Database):
    exports, account = ExportTable(database), await log_in(AccountTable(database))

    first = await exports.request(account, "en", NOW)
    again = await exports.request(account, "pt", NOW + HOUR - timedelta(seconds=1))
    later = await exports.request(account, "en", NOW + HOUR)

    assert again == first
    assert later.export_id != first.export_id
    assert first.state(NOW) is ExportState.REQUESTED
    assert await database.fetchval("select count(*) from job where kind = 'export'") == 2


async def test_a_worker_that_dies_while_writing_leaves_the_wish_as_it_was(database: Database):
    exports, account = ExportTable(database), await log_in(AccountTable(database))
    wish = await exports.request(account, "en", NOW)

    async def dying() -> None:
        async with exports.writing(wish.export_id) as writing:
            assert writing is not None
            await writing.write(b"x" * (PART + 1))
            raise KeyError

    with pytest.raises(KeyError):
        await dying()
    assert await exports.one(account, wish.export_id) == wish
    assert await database.fetchval("select count(*) from export_part") == 0

    content = bytes(range(256)) * 1000
    async with exports.writing(wish.export_id) as writing:
        assert writing is not None
        for start in range(0, len(content), 999):
            await writing.write(content[start : start + 999])
        await writing.finish(NOW)
    async with exports.writing(wish.export_id) as nothing:
        assert nothing is None  # done is done

    done = await exports.one(account, wish.export_id)
    assert done is not None
    assert (done.size, done.expires_at) == (len(content), NOW + KEPT_FOR)
    assert b"".join([each async for each in exports.content(account, wish.export_id)]) == content
    assert done.state(NOW + KEPT_FOR) is ExportState.EXPIRED
    parts = await database.fetch("select content from export_part")
    assert len(parts) == 4
    assert all(content[:64] not in each["content"] for each in parts)


async def test_an_archive_is_its_owner_s_alone(database: Database):
    exports = ExportTable(database)
    account = await log_in(AccountTable(database))
    other = await log_in(AccountTable(database), "zofia", (OTHER_ESI,))
    wish = await exports.request(account, "en", NOW)
    async with exports.writing(wish.export_id) as writing:
        assert writing is not None
        await writing.write(b"archive")
        await writing.finish(NOW)

    assert await exports.one(other, wish.export_id) is None
    assert [each async for each in exports.content(other, wish.export_id)] == []
    assert await exports.of(other) == []
    assert await exports.one(account, UUID(int=0)) is None
