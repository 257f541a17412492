"""What messengers bring is read without stumbling, and only what is signed is let in."""

from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from erasmus_app.bootstrap.messengers import gateways
from erasmus_app.chat.messengers import Gateway, Messenger, NotReadable
from erasmus_app.errors import SettingsInvalid
from erasmus_app.kit.clock import utc_now
from erasmus_app.push.messengers.calls import Calls
from erasmus_app.push.messengers.matrix import Matrix
from erasmus_app.push.messengers.meta import FacebookMessenger, WhatsApp
from erasmus_app.push.messengers.slack import Slack
from erasmus_app.push.messengers.telegram import Telegram
from erasmus_app.settings import Settings

HTTP = httpx.AsyncClient()
CALLS = Calls(HTTP, "https://x.example", utc_now)
META: dict[str, Any] = {"token": "t" * 20, "app_secret": "s" * 20, "verify_token": "v" * 20}
DOORS: list[Gateway] = [
    Telegram(calls=CALLS, address=None, token="t" * 20, secret="s" * 20),
    WhatsApp(calls=CALLS, address=None, phone_id="1", **META),
    FacebookMessenger(calls=CALLS, address=None, page_id="1", **META),
    Slack(calls=CALLS, address=None, token="t" * 20, signing_secret="s" * 20),
    Matrix(calls=CALLS, address=None, as_token="t" * 20, hs_token="s" * 20, user="@b:x.example"),
]
NAMES = (
    *("update_id", "message", "callback_query", "from", "chat", "id", "date", "text", "data"),
    *("entry", "changes", "value", "metadata", "phone_number_id", "messages", "timestamp", "body"),
    *("object", "messaging", "sender", "mid", "quick_reply", "payload", "interactive", "type"),
    *("event", "channel", "user", "ts", "team_id", "channel_type", "actions", "challenge"),
    *("events", "content", "msgtype", "room_id", "event_id", "origin_server_ts", "state_key"),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=30),
    st.sampled_from(
        ["1", "page", "private", "im", "m.text", "m.room.message", "event_callback", "text"]
    ),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(NAMES), inner, max_size=6)
    ),
    max_leaves=25,
)


@pytest.mark.parametrize("door", DOORS, ids=lambda door: str(door.messenger))
@given(told=st.dictionaries(st.sampled_from(NAMES), TREES, max_size=6))
def test_whatever_is_brought_becomes_messages_or_nothing(door: Gateway, told: dict[str, Any]):
    try:
        body = msgspec.json.encode(told)
    except ValueError:
        return
    heard = door.read({}, body, utc_now())

    for each in heard.messages:
        assert each.sender
        assert each.chat
        assert each.message
        assert each.text or each.choice


@pytest.mark.parametrize("door", DOORS, ids=lambda door: str(door.messenger))
@given(body=st.binary(max_size=200))
def test_bytes_that_are_no_message_are_said_to_be_none(door: Gateway, body: bytes):
    try:
        heard = door.read({"content-type": "application/x-www-form-urlencoded"}, body, utc_now())
    except NotReadable:
        return
    assert heard.messages == ()


@pytest.mark.parametrize("door", DOORS, ids=lambda door: str(door.messenger))
@given(value=st.text(max_size=80), body=st.binary(max_size=50))
def test_nothing_is_let_in_without_the_secret(door: Gateway, value: str, body: bytes):
    names = (
        *("authorization", "x-telegram-bot-api-secret-token", "x-hub-signature-256"),
        *("x-slack-signature", "x-slack-request-timestamp"),
    )
    assert not door.admits(dict.fromkeys(names, value), body, utc_now())
    assert not door.admits({}, body, utc_now())


def test_a_messenger_that_is_configured_in_part_stops_the_start(tmp_path):
    token = tmp_path / "token"
    token.write_text("t" * 20, encoding="ascii")

    with pytest.raises(SettingsInvalid) as raised:
        gateways(Settings(telegram_token=token), HTTP, utc_now)
    assert str(raised.value) == (
        "ERASMUS_APP_TELEGRAM_SECRET: is needed as well, since telegram is configured in part"
    )


@pytest.mark.parametrize("secret", ["", "short", "two words of many signs", "ü" * 20])
def test_a_secret_that_cannot_be_one_stops_the_start_and_is_not_repeated(tmp_path, secret: str):
    token, short = tmp_path / "token", tmp_path / "secret"
    token.write_text("t" * 20, encoding="utf-8")
    short.write_text(secret, encoding="utf-8")

    with pytest.raises(SettingsInvalid) as raised:
        gateways(Settings(telegram_token=token, telegram_secret=short), HTTP, utc_now)
    assert str(raised.value).startswith("ERASMUS_APP_TELEGRAM_SECRET: ")
    assert not secret or secret not in str(raised.value).replace(str(short), "")


def test_nothing_configured_is_no_messenger():
    assert dict(gateways(Settings(), HTTP, utc_now)) == {}
    assert {door.messenger for door in DOORS} == {*Messenger}
