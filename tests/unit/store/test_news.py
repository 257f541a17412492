"""News of accounts: who waits misses nothing, hears nothing twice, and costs nothing meanwhile."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import asyncpg
import pytest
from databases import VAULT, until
from subscribers import a_message
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
from unit.store.test_record_version import publishes

from erasmus_app.errors import MessageUnknown
from erasmus_app.ids import AccountId, InboxEntryId
from erasmus_app.notifications.following import messages, versions
from erasmus_app.notifications.models import InboxEntry
from erasmus_app.notifications.policy import entry_id
from erasmus_app.notifications.ports import Topic
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import Database, open_database
from erasmus_app.store.inbox import InboxTable
from erasmus_app.store.news import AccountNews
from erasmus_app.store.records import RecordTable
from erasmus_app.store.telling import tell


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    async with open_database(dsn, VAULT, size=20) as database:
        yield database


@asynccontextmanager
async def listening(database: Database) -> AsyncIterator[AccountNews]:
    """A process that hears."""
    news = AccountNews(database)
    task = asyncio.create_task(news.keep())
    with news.heard(Topic.RECORD, AccountId(uuid4())) as heard:
        await heard.wait()  # that it listens from now on
    yield news
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.fixture
async def news(database: Database) -> AsyncIterator[AccountNews]:
    async with listening(database) as news:
        yield news


@pytest.fixture
async def account(database: Database) -> AccountId:
    return await log_in(AccountTable(database))


@pytest.fixture
async def other(database: Database) -> AccountId:
    return await log_in(AccountTable(database), "rui", (OTHER_ESI,))


async def caught_up(database: Database, news: AccountNews) -> None:
    """Wait until all is heard that was told before: news come in the order of their commits."""
    nobody = AccountId(uuid4())
    with news.heard(Topic.INBOX, nobody) as heard:
        await database.execute("select pg_notify('inbox_written', $1)", str(nobody))
        await heard.wait()


async def is_heard(heard: asyncio.Event, seconds: float = 60) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await heard.wait()
    except TimeoutError:
        return False
    heard.clear()
    return True


async def ends(database: Database) -> None:
    """The server ends every connection but the one that asks."""
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError):
        await database.execute(
            """select pg_terminate_backend(pid) from pg_stat_activity
               where datname = current_database() and pid <> pg_backend_pid()"""
        )


async def test_each_way_to_change_what_a_student_sees_is_heard(
    database: Database, news: AccountNews, account: AccountId, other: AccountId
):
    records = RecordTable(database)
    with (
        news.heard(Topic.RECORD, account) as heard,
        news.heard(Topic.RECORD, other) as others,
        news.heard(Topic.INBOX, account) as inbox,
    ):
        await take_in(records, an_answer(a_nomination(None)))
        await take_in(records, an_answer(a_nomination(), minutes=1))  # whose it is turns out
        assert await is_heard(heard)
        await take_in(records, an_answer(a_nomination(planned_arrival=None), minutes=2))
        assert await is_heard(heard)
        await publishes(database, ABROAD, b"1", None)
        assert await is_heard(heard)
        await database.execute("delete from account_person where account_id = $1", account)
        assert await is_heard(heard)
        assert await records.link(account, [ESI]) == 1
        assert await is_heard(heard)
        await database.execute("delete from mobility")
        assert await is_heard(heard)

        assert not await is_heard(others, 0.2)
        assert not inbox.is_set()


async def test_what_changes_nothing_is_not_heard(
    database: Database, news: AccountNews, account: AccountId
):
    records = RecordTable(database)
    await take_in(records, an_answer(a_nomination()))
    await publishes(database, ABROAD, b"1", None)
    await caught_up(database, news)
    with news.heard(Topic.RECORD, account) as heard:
        await take_in(records, an_answer(a_nomination(), minutes=1))  # the same, confirmed
        await publishes(database, ABROAD, b"1", None)
        await publishes(database, HOME, b"1", None)  # nobody goes there
        assert not await is_heard(heard, 0.2)


async def test_a_change_is_heard_when_it_is_true_and_not_before(
    database: Database, news: AccountNews, account: AccountId
):
    await take_in(RecordTable(database), an_answer(a_nomination()))
    await caught_up(database, news)
    with news.heard(Topic.RECORD, account) as heard:
        heard.clear()
        async with database.transaction() as connection:
            await connection.execute("update mobility set version = version + 1")
            assert not await is_heard(heard, 0.2)
        assert await is_heard(heard)


async def test_nobody_is_kept_who_does_not_wait_any_more(news: AccountNews, account: AccountId):
    with news.heard(Topic.INBOX, account), news.heard(Topic.INBOX, account):
        assert sum(map(len, news._waiting.values())) == 2
    assert dict(news._waiting) == {}


async def test_after_every_connection_was_lost_everybody_looks_again(
    database: Database, news: AccountNews, account: AccountId
):
    """Also where something happened while nobody listened."""
    records = RecordTable(database)
    async with aclosing(versions(records, news, account, None)) as found:
        first = await anext(found)
        second = asyncio.ensure_future(anext(found))
        await ends(database)
        await until(lambda: _takes_in(records))
        async with asyncio.timeout(60):
            assert await second != first


async def test_a_line_that_was_cut_without_a_word_is_found_by_its_silence(
    database: Database, account: AccountId, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("erasmus_app.store.database.PULSE_SECONDS", 0.3)
    records = RecordTable(database)
    async with (
        a_line(database.dsn) as (dsn, cut),
        listening(replace(database, dsn=dsn)) as news,
    ):
        with news.heard(Topic.RECORD, account) as heard:
            await take_in(records, an_answer(a_nomination()))
            assert await is_heard(heard)
            await asyncio.sleep(0.5)
            heard.clear()
            cut()
            await take_in(records, an_answer(a_nomination(planned_arrival=None), minutes=1))
            assert await is_heard(heard)


@asynccontextmanager
async def a_line(dsn: str) -> AsyncIterator[tuple[str, Callable[[], None]]]:
    """A way to the server, and what makes the connections of now carry nothing any more."""
    parts, carrying = urlsplit(dsn), [asyncio.Event()]
    tasks: set[asyncio.Task[None]] = set()
    writers: list[asyncio.StreamWriter] = []

    async def carry(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: asyncio.Event
    ) -> None:
        while data := await reader.read(65536):
            if not cut.is_set():
                writer.write(data)
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to_there = await asyncio.open_connection(parts.hostname, parts.port)
        cut = carrying[-1]
        writers.extend((writer, to_there))
        for ends in ((reader, to_there), (there, writer)):
            tasks.add(asyncio.create_task(carry(*ends, cut)))

    def cut() -> None:
        carrying[-1].set()
        carrying.append(asyncio.Event())

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    host = f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{port}".lstrip("@")
    yield urlunsplit(parts._replace(netloc=host)), cut
    server.close()
    for each in tasks:
        each.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for each in writers:
        each.close()
    await asyncio.gather(*(each.wait_closed() for each in writers), return_exceptions=True)


async def _takes_in(records: RecordTable) -> bool:
    try:
        await take_in(records, an_answer(a_nomination()))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
    return True


async def test_several_changes_may_come_as_one_and_the_last_of_them_comes(
    database: Database, news: AccountNews, account: AccountId
):
    records = RecordTable(database)
    async with aclosing(versions(records, news, account, None)) as found:
        await anext(found)
        for minutes in range(10):
            student = a_nomination(receiving_academic_year_id=f"20{minutes + 10}/2030")
            await take_in(records, an_answer(student, minutes=minutes))
        last, heard = await records.record_version(account), 0
        while await anext(found) != last:
            heard += 1

    assert heard <= 10


async def test_a_message_to_go_on_from_has_to_be_there_and_ones_own(
    database: Database, news: AccountNews, account: AccountId, other: AccountId
):
    async with database.transaction() as connection:
        await tell(connection, a_message(other, 1), NOW)
    for unknown in (uuid4(), entry_id(other, a_message(other, 1).event_id)):
        with pytest.raises(MessageUnknown):
            await anext(messages(InboxTable(database), news, account, InboxEntryId(unknown)))


async def test_messages_of_one_transaction_stand_as_the_inbox_shows_them(
    database: Database, news: AccountNews, account: AccountId
):
    async with database.transaction() as connection:
        for number in range(1, 8):
            await tell(connection, a_message(account, number), NOW)
    inbox = InboxTable(database)

    shown = await inbox.entries(account, first=100, after=None)
    assert list(await inbox.behind(account, 0, 100)) == list(reversed(shown))
    assert await inbox.place(account, None) == shown[0].place


@pytest.mark.parametrize("seed", range(3))
async def test_of_many_messages_none_is_lost_and_none_comes_twice_however_often_one_reconnects(
    database: Database, news: AccountNews, account: AccountId, other: AccountId, seed: int
):
    """Transactions overlap at random, one in five fails; connections of listeners are cut."""
    chance = random.Random(seed)
    written: set[UUID] = set()
    inbox = InboxTable(database)
    await written_by(database, account, [0], 0, True)
    start = (await inbox.entries(account, first=1, after=None))[0].entry_id

    async def writes(first: int) -> None:
        for number in range(first, first + 20):
            whose = account if chance.random() < 0.8 else other
            numbers = [number * 10 + each for each in range(1, chance.randint(2, 4))]
            stays = chance.random() < 0.8
            done = await written_by(database, whose, numbers, chance.uniform(0, 0.02), stays)
            if whose == account:
                written.update(done)

    got: list[InboxEntry] = []
    over = asyncio.Event()

    async def reads() -> None:
        after = start
        while not over.is_set():
            async with (
                listening(database) as here,
                aclosing(messages(inbox, here, account, after)) as found,
            ):
                for _ in range(chance.randint(1, 12)):
                    got.append(await anext(found))
                    after = got[-1].entry_id

    reading = asyncio.create_task(reads())
    await asyncio.gather(*(writes(each) for each in range(1, 161, 20)))
    await until(lambda: len(got) >= len(written))
    over.set()
    reading.cancel()
    with suppress(asyncio.CancelledError):
        await reading

    assert len(got) == len({each.entry_id for each in got})
    assert {each.entry_id for each in got} == written
    assert [each.place for each in got] == sorted(each.place for each in got)


async def written_by(
    database: Database, account: AccountId, numbers: list[int], seconds: float, stays: bool
) -> list[UUID]:
    """One transaction that takes its time; return what it wrote, nothing where it failed."""
    with suppress(KeyError):
        async with database.transaction() as connection:
            for number in numbers:
                await tell(connection, a_message(account, number), NOW)
            await asyncio.sleep(seconds)
            if not stays:
                raise KeyError
        return [a_message(account, number).entry_id for number in numbers]
    return []
