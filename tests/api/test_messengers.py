"""A student asks from each messenger, over real sockets, and is answered from their own record."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from messengers import VERIFY, WORDS, Around, messengers_around, next_of
from msgspec.structs import replace

from erasmus_app.chat.messengers import Messenger
from erasmus_app.kit.clock import utc_now
from sandbox.messengers.api import MessengerApi, Sent
from sandbox.messengers.matrix import BOT, transaction

QUESTION = "Who still has to sign my learning agreement?"


@pytest.fixture
async def around(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Around]:
    async with messengers_around(dsn, valkey, tmp_path, before=4) as around:
        yield around


@dataclass(slots=True)
class Chat:
    """A student's private chat in one of them."""

    around: Around
    messenger: Messenger
    room: str = ""

    @property
    def api(self) -> MessengerApi:
        api: MessengerApi = getattr(self.around.apis, self.messenger)
        return api

    async def brought(self, text: str) -> httpx.Response:
        around, apis = self.around, self.around.apis
        match self.messenger:
            case Messenger.TELEGRAM:
                return await around.brings(apis.telegram.update(501, text))
            case Messenger.WHATSAPP:
                return await around.whatsapp(apis.whatsapp.message("3519120000", text))
            case Messenger.MESSENGER:
                return await around.messenger(apis.messenger.message("6110000", text))
            case Messenger.SLACK:
                return await around.slack(apis.slack.event("U1", text))
            case Messenger.MATRIX:
                self.room = self.room or apis.matrix.room("@ines:play.example")
                event = apis.matrix.event(self.room, "@ines:play.example", text)
                return await around.matrix(event, name=event["event_id"][1:])

    async def says(self, text: str) -> Sent:
        """Write, and return what comes back."""
        before = len(self.api.received)
        answer = await self.brought(text)
        assert (answer.status_code, answer.json()) == (200, {})
        return await self._answered(before)

    async def _answered(self, before: int) -> Sent:
        """Return all of an answer as one; what is long comes in parts."""
        await next_of(self.api, before)
        await self.around.until_answered()
        parts = self.api.received[before:]
        text = "\n".join(each.text for each in parts)
        return replace(parts[-1], text=text)

    async def taps(self, sent: Sent) -> Sent:
        """Tap the first button of a message, or send its number where there are none."""
        apis, before = self.around.apis, len(self.api.received)
        if not sent.buttons:
            return await self.says("1")
        label, value = sent.buttons[0]
        match self.messenger:
            case Messenger.TELEGRAM:
                await self.around.brings(apis.telegram.tap(501, value))
            case Messenger.WHATSAPP:
                is_list = len(sent.buttons) > 3
                await self.around.whatsapp(
                    apis.whatsapp.tap("3519120000", value, label, is_list=is_list)
                )
            case Messenger.MESSENGER:
                await self.around.messenger(apis.messenger.message("6110000", label, payload=value))
            case _:
                await self.around.slack(*apis.slack.tap("U1", value))
        return await self._answered(before)


@pytest.mark.parametrize("messenger", list(Messenger))
async def test_a_linked_chat_is_answered_and_another_is_told_how_to_link(
    around: Around, messenger: Messenger
):
    phone = await around.bed.signed_in("ines")
    chat = Chat(around, messenger)
    unknown = await chat.says(QUESTION)
    linked = await chat.says(await around.code(phone))
    answered = await chat.says(QUESTION)
    menu = await chat.says("qwertz uiop")
    tapped = await chat.taps(menu)
    gone = [await chat.says("stop"), await chat.says(QUESTION)]

    assert (unknown.text, linked.text) == (WORDS.how_to_link, WORDS.linked)
    assert answered.text not in {WORDS.how_to_link, WORDS.linked, WORDS.went_wrong}
    assert "Lindental" in answered.text
    assert tapped.text not in {menu.text, WORDS.how_to_link}
    assert [each.text for each in gone] == [WORDS.unlinked, WORDS.how_to_link]
    assert chat.api.refusals == []


async def test_the_app_says_which_messengers_there_are_and_when_a_chat_was_used(around: Around):
    phone = await around.bed.signed_in("ines")
    chat = Chat(around, Messenger.TELEGRAM)
    await chat.says(await around.code(phone))
    await chat.says(QUESTION)
    await around.until_answered()
    offered = await around.bed.ask(phone, "{ chatMessengers { messenger address } }")
    (link,) = await around.links(phone)

    assert offered["chatMessengers"] == [
        {"messenger": "TELEGRAM", "address": "https://t.me/erasmus_play_bot"},
        {"messenger": "WHATSAPP", "address": None},
        {"messenger": "MESSENGER", "address": None},
        {"messenger": "SLACK", "address": None},
        {"messenger": "MATRIX", "address": f"https://matrix.to/#/{BOT}"},
    ]
    assert link["lastUsedOn"] == utc_now().date().isoformat()


async def test_a_forged_signature_is_refused_at_each_door_and_nothing_happens(around: Around):
    apis = around.apis
    body = b'{"object":"page","entry":[]}'
    right = apis.whatsapp.signed(body)["x-hub-signature-256"]
    slack = apis.slack.event("U1", QUESTION)
    signed = apis.slack.signed(slack)
    old = apis.slack.signed(slack, at=utc_now() - timedelta(minutes=6))
    forged: list[tuple[str, bytes, dict[str, str], int]] = [
        ("whatsapp", body, {}, 401),
        ("whatsapp", body + b" ", {"x-hub-signature-256": right}, 403),
        ("whatsapp", body, {"x-hub-signature-256": right.replace("sha256", "sha1")}, 403),
        ("messenger", body, {"x-hub-signature-256": right}, 403),
        ("messenger", body, {"x-hub-signature-256": "sha256="}, 403),
        ("slack", slack, {}, 401),
        ("slack", slack + b" ", signed, 403),
        ("slack", slack, signed | {"x-slack-request-timestamp": "1"}, 403),
        ("slack", slack, signed | {"x-slack-request-timestamp": "²"}, 403),
        ("slack", slack, old, 403),
    ]
    for where, content, headers, status in forged:
        raw: Any = {name: value.encode() for name, value in headers.items()}
        answer = await around.posts(where, content, raw)
        assert (answer.status_code, answer.json()["code"]) == (status, "signature_invalid"), where
    room = apis.matrix.room("@ines:play.example")
    event = apis.matrix.event(room, "@ines:play.example", QUESTION)
    url = f"{around.bed.address}/_matrix/app/v1"
    for headers, status in (({}, 401), ({"authorization": f"Bearer {apis.matrix.token}"}, 403)):
        answers = [
            await around.bed.http.put(
                f"{url}/transactions/1", content=transaction(event), headers=headers
            ),
            await around.bed.http.post(f"{url}/ping", json={}, headers=headers),
            await around.bed.http.get(f"{url}/users/@a:b", headers=headers),
        ]
        assert [each.status_code for each in answers] == 3 * [status]
    assert await around.kept() == 0


async def test_what_comes_again_is_taken_and_not_answered_again(around: Around):
    apis = around.apis
    whatsapp, messenger = apis.whatsapp.message("1", "hi"), apis.messenger.message("2", "hi")
    slack = apis.slack.event("U1", "hi")
    room = apis.matrix.room("@a:play.example")
    event = apis.matrix.event(room, "@a:play.example", "hi")
    for number in range(3):
        answers = [
            await around.whatsapp(whatsapp),
            await around.messenger(messenger),
            await around.slack(slack),
            await around.matrix(event, name=str(number)),
        ]
        assert [each.status_code for each in answers] == 4 * [200]
        await around.until_answered()

    told = [apis.whatsapp, apis.messenger, apis.slack, apis.matrix]
    assert [[sent.text for sent in api.received] for api in told] == 4 * [[WORDS.how_to_link]]


async def test_addresses_are_checked_by_their_messengers(around: Around):
    url, http = around.bed.address, around.bed.http
    query = {"hub.mode": "subscribe", "hub.challenge": "115820", "hub.verify_token": VERIFY}
    for where in ("whatsapp", "messenger"):
        right = await http.get(f"{url}/chat/{where}", params=query)
        assert (right.status_code, right.text) == (200, "115820")
        for wrong in ({"hub.verify_token": "x"}, {"hub.mode": "y"}, {"hub.challenge": "ü" * 3}):
            assert (await http.get(f"{url}/chat/{where}", params=query | wrong)).status_code == 403
    asked = b'{"type":"url_verification","challenge":"3eZb","token":"x"}'
    assert (await around.slack(asked)).json() == {"challenge": "3eZb"}
    headers = {"authorization": f"Bearer {around.apis.matrix.secret}"}
    matrix = f"{url}/_matrix/app/v1"
    ping = await http.post(f"{matrix}/ping", json={"transaction_id": "1"}, headers=headers)
    assert (ping.status_code, ping.json()) == (200, {})
    for name in ("users/@a:play.example", "rooms/%23a:play.example"):
        none = await http.get(f"{matrix}/{name}", headers=headers)
        assert (none.status_code, none.json()["errcode"]) == (404, "M_NOT_FOUND")


async def test_rooms_and_channels_with_others_get_one_line_and_nothing_personal(around: Around):
    apis, ines = around.apis, "@ines:play.example"
    phone = await around.bed.signed_in("ines")
    chats = [Chat(around, each) for each in (Messenger.SLACK, Messenger.MATRIX)]
    for chat in chats:
        await chat.says(await around.code(phone))
    for kind in ("channel", "group", "mpim"):
        await around.slack(apis.slack.event("U1", QUESTION, kind=kind))
    room = apis.matrix.room(ines, bot="invite")
    await around.matrix(apis.matrix.invitation(room, ines), name="invited")
    await around.until_answered()
    apis.matrix.rooms[room]["@zofia:play.example"] = "invite"
    for number in range(3):
        await around.matrix(apis.matrix.event(room, ines, QUESTION), name=f"asked{number}")
    await around.until_answered()

    assert [each.text for each in apis.slack.received] == [WORDS.linked, WORDS.group]
    assert [each.text for each in apis.matrix.received] == [WORDS.linked, WORDS.group]
    assert apis.matrix.rooms[room][BOT] == "join"


async def test_bots_echoes_edits_and_what_is_anothers_bring_nothing(around: Around):
    apis = around.apis
    other = apis.whatsapp.message("1", "hi")
    other["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"] = "1"
    echo = apis.messenger.message("2", "hi")
    echo["entry"][0]["messaging"][0]["message"]["is_echo"] = True
    room = apis.matrix.room("@a:play.example")
    await around.whatsapp(other)
    await around.whatsapp({"entry": [{"changes": [{"value": {"statuses": [{"id": "x"}]}}]}]})
    await around.messenger(echo)
    for more in ({"bot_id": "B1"}, {"subtype": "message_changed"}, {"type": "reaction_added"}):
        assert (await around.slack(apis.slack.event("U1", "hi", **more))).status_code == 200
    await around.matrix(
        apis.matrix.event(room, BOT, "hi"),
        apis.matrix.event(room, "@a:play.example", "hi", msgtype="m.notice"),
        apis.matrix.event(
            room, "@a:play.example", "hi", **{"m.relates_to": {"rel_type": "m.replace"}}
        ),
    )

    assert await around.kept() == 0


async def test_an_answer_that_a_messenger_does_not_take_at_once_comes_later(around: Around):
    chats = [Chat(around, each) for each in Messenger]
    for chat in chats:
        chat.api.failing += [(429, 1), (503, None)]
        assert (await chat.brought("hello")).status_code == 200
    for chat in chats:
        assert (await next_of(chat.api, 0)).text == WORDS.how_to_link
    await around.until_answered()

    assert [len(chat.api.received) for chat in chats] == 5 * [1]
