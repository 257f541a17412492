"""Telegram, over real sockets: a code links a chat; forgers, repeaters and groups get nothing."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from databases import in_clear
from messengers import CODE, TEXTS, WORDS, Around, Doubles, messengers_around
from testbed import kept

from erasmus_app.chat.desk import MOST_MESSAGES, MOST_WRONG_CODES
from erasmus_app.chat.messengers import Incoming, Messenger
from erasmus_app.kit.clock import utc_now
from sandbox.messengers.telegram import TelegramApi

INES, STRANGER = 501, 777
REMOVE = "mutation Remove($id: ID!) { removeChatLink(id: $id) }"


@pytest.fixture
async def around(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Around]:
    async with messengers_around(dsn, valkey, tmp_path) as around:
        yield around


def texts(api: TelegramApi) -> list[str]:
    return [each.text for each in api.received]


async def test_a_code_from_the_app_links_the_chat_that_sends_it_and_no_other(
    around: Around,
):
    phone = await around.bed.signed_in("ines")
    await around.says(STRANGER, "Who has to sign?", language="pt-br")
    code = await around.code(phone)
    await around.says(INES, f"/start {code.lower()}")
    await around.api.wait(2)
    await around.says(STRANGER, code)
    await around.api.wait(3)

    assert texts(around.api) == [
        TEXTS.of("pt").how_to_link,
        TEXTS.of("en").linked,
        WORDS.code_wrong,
    ]
    (link,) = await around.links(phone)
    assert (link["messenger"], link["lastUsedOn"]) == ("TELEGRAM", None)
    assert around.api.refusals == []


async def test_a_link_that_is_removed_in_the_app_or_by_a_word_is_over_at_once(
    around: Around,
):
    phone = await around.bed.signed_in("ines")
    other = await around.bed.signed_in("zofia")
    await around.linked(phone, INES)
    (link,) = await around.links(phone)
    assert (await around.bed.ask(other, REMOVE, id=link["id"]))["removeChatLink"] is False
    assert (await around.bed.ask(phone, REMOVE, id=link["id"]))["removeChatLink"] is True
    await around.says(INES, "Who has to sign?")
    await around.api.wait(2)
    await around.linked(phone, INES)
    await around.says(INES, " STOP! ")
    await around.api.wait(4)
    await around.says(INES, "Who has to sign?")
    await around.api.wait(5)

    assert texts(around.api) == [
        *(WORDS.linked, WORDS.how_to_link, WORDS.linked, WORDS.unlinked, WORDS.how_to_link)
    ]
    assert await around.links(phone) == []


async def test_a_code_that_was_used_revoked_replaced_or_is_too_old_links_nobody(
    around: Around,
):
    phone = await around.bed.signed_in("ines")
    used = await around.code(phone)
    await around.says(INES, used)
    await around.api.wait(1)
    revoked = await around.code(phone)
    assert await around.bed.ask(phone, "mutation R { revokeChatLinkCode }") == {
        "revokeChatLinkCode": True
    }
    replaced = await around.code(phone)
    old = await around.code(phone)
    await around.bed.app.database.execute(
        "update chat_link_code set expires_at = now() - interval '1 s'"
    )
    for number, code in enumerate((used, revoked, replaced, old), 2):
        await around.says(STRANGER, code)
        await around.api.wait(number)

    assert texts(around.api) == [WORDS.linked, *(4 * [WORDS.code_wrong])]
    assert len(await around.links(phone)) == 1


async def test_who_tries_codes_is_told_to_wait_even_with_the_right_one(around: Around):
    phone = await around.bed.signed_in("ines")
    for number in range(MOST_WRONG_CODES):
        await around.says(STRANGER, f"22222-2222{number + 2}")
        await around.api.wait(number + 1)
    await around.says(STRANGER, await around.code(phone))
    await around.api.wait(MOST_WRONG_CODES + 1)
    await around.says(INES, await around.code(phone))
    await around.api.wait(MOST_WRONG_CODES + 2)

    assert texts(around.api) == [
        *(MOST_WRONG_CODES * [WORDS.code_wrong]),
        *(WORDS.too_many, WORDS.linked),
    ]


async def test_of_too_many_codes_an_hour_the_app_is_told_when_there_is_one_again(
    around: Around,
):
    phone = await around.bed.signed_in("ines")
    made = [(await around.bed.ask(phone, CODE))["createChatLinkCode"] for _ in range(11)]

    assert [each["__typename"] for each in made] == [
        *(10 * ["ChatLinkCodeCreated"]),
        "ChatLinkCodeTooSoon",
    ]


@pytest.mark.parametrize("secret", ["x" * 40, "ü", ""])
async def test_what_has_not_the_secret_is_refused_and_nothing_happens(around: Around, secret: str):
    update = around.api.update(STRANGER, "hello")
    url = f"{around.bed.address}/chat/telegram"
    headers = {"x-telegram-bot-api-secret-token": secret.encode()} if secret else {}
    answer = await around.bed.http.post(url, json=update, headers=headers)

    assert answer.status_code == (403 if secret else 401)
    assert answer.json()["code"] == "signature_invalid"
    assert await around.kept() == 0


async def test_an_update_that_comes_again_is_taken_and_not_answered_again(around: Around):
    update = around.api.update(STRANGER, "hello")
    answers = await asyncio.gather(*(around.brings(update) for _ in range(5)))
    await around.api.wait(1)
    await around.until_answered()
    answers.append(await around.brings(update))
    await around.until_answered()

    assert [each.status_code for each in answers] == 6 * [200]
    assert texts(around.api) == [WORDS.how_to_link]


async def test_what_is_late_is_apologised_for_once_and_what_is_older_not_at_all(
    around: Around,
):
    for minutes in (15, 14, 13 * 60, 40 * 60, -20):
        at = utc_now() - timedelta(minutes=minutes)
        assert (await around.brings(around.api.update(STRANGER, "when?", at=at))).status_code == 200
    await around.api.wait(1)
    await around.until_answered()

    assert texts(around.api) == [WORDS.went_wrong]
    assert await around.kept() == 2


async def test_a_group_is_told_to_write_privately_once_an_hour_and_nothing_else(
    around: Around,
):
    phone = await around.bed.signed_in("ines")
    await around.linked(phone, INES)
    code = await around.code(phone)
    for text in ("Who has to sign?", code, "stop"):
        await around.says(INES, text, kind="supergroup")
    await around.api.wait(2)
    await around.until_answered()

    assert texts(around.api) == [WORDS.linked, WORDS.group]
    assert len(await around.links(phone)) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[" * 10_000, 400),
        (b"[1]", 400),
        (b'{"update_id": 1', 400),
        (b"\xff\xfe", 400),
        (b"{}", 200),
        (b'{"update_id": true, "message": 5}', 200),
        (b'{"update_id": 1, "message": {"from": [], "chat": {"id": "x"}, "date": "never"}}', 200),
        (b'{"update_id": 1, "edited_message": {"text": "hello"}}', 200),
        (b" " * 300_000, 413),
    ],
)
async def test_what_is_no_message_is_let_go(around: Around, body: bytes, status: int):
    headers = {"x-telegram-bot-api-secret-token": around.api.secret}
    answer = await around.bed.http.post(
        f"{around.bed.address}/chat/telegram", content=body, headers=headers
    )

    assert answer.status_code == status
    assert await around.kept() == 0


async def test_a_flood_is_answered_up_to_a_number_then_once_more_then_not_at_all(
    around: Around,
):
    for _ in range(MOST_MESSAGES + 10):
        await around.says(STRANGER, "hello")
    await around.says(INES, "hello")
    await around.api.wait(MOST_MESSAGES + 2)
    await around.until_answered()

    assert sorted(texts(around.api)) == sorted(
        [*((MOST_MESSAGES + 1) * [WORDS.how_to_link]), WORDS.too_many]
    )
    assert await around.kept() == MOST_MESSAGES + 2


async def test_an_api_that_fails_or_wants_time_gets_the_message_later_and_one_that_refuses_not(
    around: Around,
):
    around.api.failing += [(502, None), (429, 1)]
    await around.says(STRANGER, "hello")
    await around.api.wait(1)
    around.api.blocked.add(INES)
    await around.says(INES, "hello")
    await around.until_answered()

    assert texts(around.api) == [WORDS.how_to_link]
    assert around.api.refusals == ["bot was blocked by the user"]
    dead = await around.bed.app.database.fetchval("select count(*) from job where dead_at notnull")
    assert dead == 0


async def test_what_was_written_is_sealed_until_it_is_answered_and_gone_then(
    dsn: str, valkey: str, tmp_path: Path
):
    async with messengers_around(dsn, valkey, tmp_path, worker=False) as around:
        secret = "When is my operation?"
        await around.says(STRANGER, secret)
        database = around.bed.app.database
        payload = await database.fetchval("select payload::text from job where kind='chat-message'")
        sealed = await database.fetchval("select content from chat_message")
        (clear,) = await in_clear(database, "chat_message.content")

        assert "operation" not in payload
        assert b"operation" not in sealed
        assert str(STRANGER).encode() not in sealed
        assert secret.encode() in clear
        async with around.bed.working():
            await around.api.wait(1)
            await around.until_answered()
        assert await database.fetchval("select content from chat_message") is None


async def test_what_was_taken_is_answered_after_a_restart(dsn: str, valkey: str, tmp_path: Path):
    apis = Doubles()
    api = apis.telegram
    async with messengers_around(dsn, valkey, tmp_path, worker=False, apis=apis) as around:
        await around.says(STRANGER, "hello")
    async with messengers_around(dsn, valkey, tmp_path, worker=False, apis=apis) as around:
        work = around.bed.working()
        async with work:
            await api.wait(1)
    assert texts(api) == [WORDS.how_to_link]


async def test_a_link_stays_over_a_restart_and_goes_with_its_account(
    dsn: str, valkey: str, tmp_path: Path
):
    apis = Doubles()
    api = apis.telegram
    async with messengers_around(dsn, valkey, tmp_path, apis=apis) as around:
        phone = await around.bed.signed_in("ines")
        await around.linked(phone, INES)
    async with messengers_around(dsn, valkey, tmp_path, apis=apis) as around:
        phone = await around.bed.signed_in("ines")
        assert len(await around.links(phone)) == 1
        await around.says(INES, "/start")
        await api.wait(2)
        me = await around.bed.ask(phone, "{ me { id } }")
        account = kept(me["me"]["id"], "Student")
        await around.bed.app.database.execute("delete from account where account_id = $1", account)
        await around.says(INES, "Who has to sign?")
        await api.wait(3)

    assert texts(api) == [WORDS.linked, WORDS.linked, WORDS.how_to_link]


async def test_signs_that_steer_a_screen_are_harmless_in_a_code_and_in_a_question(
    around: Around,
):
    phone = await around.bed.signed_in("ines")
    await around.says(STRANGER, "\u202e\u0000\u200b" + "ﷺ" * 3000)
    await around.says(INES, f"\u2066 {await around.code(phone)}\u2069\n")
    await around.api.wait(2)

    assert sorted(texts(around.api)) == sorted([WORDS.how_to_link, WORDS.linked])


async def test_a_message_that_is_tried_anew_is_one_wrong_code(around: Around):
    phone = await around.bed.signed_in("ines")
    code = await around.code(phone)
    desk = around.bed.app.services.desk
    incoming = Incoming(
        messenger=Messenger.TELEGRAM,
        sender="1",
        chat="1",
        message="1",
        text=code,
        at=utc_now(),
    )
    assert await desk.limits.wrong_codes(incoming) == 0
    await desk.limits.wrong_code(incoming)
    await desk.limits.wrong_code(incoming)
    other = Incoming(
        messenger=Messenger.TELEGRAM, sender="1", chat="1", message="2", text=code, at=utc_now()
    )
    assert (await desk.limits.wrong_codes(incoming), await desk.limits.wrong_codes(other)) == (0, 1)
