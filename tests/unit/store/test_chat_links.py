"""Linked chats and codes in PostgreSQL, and what is counted of senders in Valkey."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from databases import VAULT, in_clear
from redis.asyncio import Redis
from unit.store.samples import NOW, OTHER_ESI, log_in

from erasmus_app.chat.desk import FLOOD_WINDOW
from erasmus_app.chat.links import CODE_LIFETIME, CODE_WINDOW, MOST_CODES, MOST_LINKS, new_code
from erasmus_app.chat.messengers import Incoming, Memory, Messenger
from erasmus_app.chat.models import Choice
from erasmus_app.ids import AccountId
from erasmus_app.privacy.retention import Keeping
from erasmus_app.settings import Settings
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.chat_limits import RedisChatLimits
from erasmus_app.store.chat_links import ChatLinkTable
from erasmus_app.store.chat_messages import ChatMessageTable
from erasmus_app.store.database import Database
from erasmus_app.store.moving import give_back, move_all
from erasmus_app.store.retention import RetentionTable

TELEGRAM = Messenger.TELEGRAM
HOUR = timedelta(hours=1)


@pytest.fixture
async def ines(database: Database) -> AccountId:
    return await log_in(AccountTable(database), "ines")


@pytest.fixture
async def limits(valkey: str) -> AsyncIterator[RedisChatLimits]:
    redis = Redis.from_url(valkey)
    await redis.flushall()
    yield RedisChatLimits(redis, VAULT)
    await redis.aclose()


def incoming(message: str, sender: str = "501", chat: str = "501") -> Incoming:
    return Incoming(messenger=TELEGRAM, sender=sender, chat=chat, message=message, at=NOW)


async def link(table: ChatLinkTable, account: AccountId, sender: str, at: timedelta = HOUR * 0):
    code = new_code()
    assert await table.keep_code(account, code, NOW + at, NOW + at + CODE_LIFETIME) is None
    return await table.redeem(TELEGRAM, sender, code, NOW + at)


async def test_of_two_who_send_a_code_at_once_one_is_linked(database: Database, ines: AccountId):
    table, code = ChatLinkTable(database), new_code()
    await table.keep_code(ines, code, NOW, NOW + CODE_LIFETIME)

    made = await asyncio.gather(
        *(table.redeem(TELEGRAM, str(sender), code, NOW) for sender in range(8))
    )

    assert sum(each is not None for each in made) == 1
    assert len(await table.links(ines)) == 1


async def test_a_code_is_good_until_its_time_is_over(database: Database, ines: AccountId):
    table, code = ChatLinkTable(database), new_code()
    await table.keep_code(ines, code, NOW, NOW + CODE_LIFETIME)

    assert await table.redeem(TELEGRAM, "1", code, NOW + CODE_LIFETIME) is None
    before = NOW + CODE_LIFETIME - timedelta(seconds=1)
    assert await table.redeem(TELEGRAM, "1", code, before) is not None


async def test_codes_of_an_hour_are_counted_and_begin_anew_after_it(
    database: Database, ines: AccountId
):
    table = ChatLinkTable(database)
    made = [
        await table.keep_code(ines, new_code(), NOW, NOW + CODE_LIFETIME)
        for _ in range(MOST_CODES + 2)
    ]

    assert made == [*(MOST_CODES * [None]), NOW, NOW]
    assert await table.keep_code(ines, new_code(), NOW + CODE_WINDOW, NOW + HOUR * 2) is None


async def test_a_sender_has_one_account_and_an_account_a_number_of_senders(
    database: Database, ines: AccountId
):
    table = ChatLinkTable(database)
    zofia = await log_in(AccountTable(database), "zofia", (OTHER_ESI,))
    await link(table, ines, "1")
    moved = await link(table, zofia, "1")
    for number in range(MOST_LINKS + 1):
        await link(table, ines, f"of ines {number}", HOUR * 2 * (number + 1))

    assert await table.links(zofia) == [moved]
    assert await table.link_of(TELEGRAM, "1") == moved
    assert await table.link_of(Messenger.WHATSAPP, "1") is None
    assert len(await table.links(ines)) == MOST_LINKS
    assert await table.link_of(TELEGRAM, "of ines 0") is None


async def test_neither_a_sender_nor_a_code_stands_in_the_tables_to_be_read(
    database: Database, ines: AccountId
):
    table, code = ChatLinkTable(database), new_code()
    await link(table, ines, "35191234567")
    await table.keep_code(ines, code, NOW, NOW + CODE_LIFETIME)
    rows = await database.fetch("select * from chat_link, chat_link_code")

    assert "35191234567" not in str(rows)
    assert code not in str(rows)
    assert b"35191234567" not in b"".join(row["sender"] for row in rows)
    assert await in_clear(database, "chat_link.sender") == [b"35191234567"]


async def test_links_move_with_an_account_and_come_back(database: Database, ines: AccountId):
    table = ChatLinkTable(database)
    zofia = await log_in(AccountTable(database), "zofia", (OTHER_ESI,))
    await link(table, ines, "1")
    code = new_code()
    await table.keep_code(ines, code, NOW, NOW + CODE_LIFETIME)
    async with database.transaction() as connection:
        moved = await move_all(connection, ines, zofia)
    found = await table.link_of(TELEGRAM, "1")
    assert found is not None
    assert found.account_id == zofia
    assert await table.redeem(TELEGRAM, "2", code, NOW) is None
    async with database.transaction() as connection:
        await give_back(connection, zofia, ines, moved)
    back = await table.link_of(TELEGRAM, "1")
    assert back is not None
    assert back.account_id == ines


async def test_a_message_is_known_for_two_days_and_old_ones_go(database: Database):
    table, keeping = ChatMessageTable(database), Keeping.of(Settings())
    assert await table.take(incoming("1"), NOW) is True
    assert await table.take(incoming("2"), NOW + HOUR * 3) is True
    assert await RetentionTable(database, keeping).delete(NOW + HOUR * 49) == {"hashes": 1}

    assert await table.take(incoming("2"), NOW + HOUR * 49) is False
    assert await table.take(incoming("1"), NOW + HOUR * 49) is True


async def test_places_of_a_senders_messages_are_counted_and_stay_theirs(limits: RedisChatLimits):
    places = [await limits.place(incoming(str(number))) for number in range(3)]

    assert places == [1, 2, 3]
    assert [await limits.place(incoming(str(number))) for number in range(3)] == places
    assert await limits.place(incoming("1", sender="502")) == 1
    (name,) = [each for each in await limits.redis.keys("chat-flood:*") if b"501" not in each][:1]
    assert 0 < await limits.redis.ttl(name) <= FLOOD_WINDOW.total_seconds()


async def test_the_first_in_a_chat_stays_the_first_however_often_it_asks(limits: RedisChatLimits):
    first = await limits.first("group", incoming("1"), HOUR)
    other = await limits.first("group", incoming("2", sender="502"), HOUR)
    again = await limits.first("group", incoming("1"), HOUR)
    elsewhere = await limits.first("group", incoming("3", chat="9"), HOUR)

    assert (first, other, again, elsewhere) == (True, False, True, True)


async def test_a_wrong_code_that_is_tried_anew_is_one(limits: RedisChatLimits):
    for _ in range(3):
        await limits.wrong_code(incoming("1"))

    assert await limits.wrong_codes(incoming("1")) == 0
    assert await limits.wrong_codes(incoming("2")) == 1


async def test_what_an_answer_leaves_is_remembered_and_forgotten(limits: RedisChatLimits):
    memory = Memory(conversation="c", choices=(Choice(id="a", label="A"),))
    await limits.remember(incoming("1"), memory)

    assert await limits.memory(incoming("2")) == memory
    assert await limits.memory(incoming("2", sender="502")) is None
    await limits.forget(incoming("3"))
    assert await limits.memory(incoming("4")) is None
