"""Subscriptions over graphql-transport-ws, on real sockets: the protocol, and who breaks it."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from subscribers import (
    MESSAGES,
    RECORD,
    account_of,
    another_process,
    changed,
    numbers,
    signed_in_talk,
    streaming,
    talking,
    told,
    with_limits,
    with_token,
)
from testbed import Bed
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

ME = "{ me { displayName } }"
NAMED = {"data": {"me": {"displayName": "Inês Duarte"}}}


def code_of(message: dict[str, Any]) -> tuple[str, str, str]:
    [error] = message["payload"]
    return message["type"], message["id"], error["extensions"]["code"]


async def test_a_change_is_heard_over_another_process_and_after_a_break_one_goes_on(bed: Bed):
    phone = await bed.signed_in("ines")
    account = await account_of(bed, phone)
    await told(bed.app.database, account, 1)
    inbox = (await bed.ask(phone, "{ me { inbox { nodes { id } } } }"))["me"]["inbox"]
    async with another_process(bed) as (other, elsewhere):
        async with signed_in_talk(elsewhere, phone) as talk:
            await talk.subscribe("messages", MESSAGES, after=inbox["nodes"][0]["id"])
            await talk.subscribe("record", RECORD)
            before = await talk.next("record", "recordChanged")
            await told(bed.app.database, account, 2)
            found = [await talk.next("messages", "inboxMessage")]
            await changed(bed.app, "ines", 0)
            after = await talk.next("record", "recordChanged")
        await told(other.database, account, 3)
        await changed(other, "ines", 1)
        async with signed_in_talk(bed.address, phone) as talk:
            await talk.subscribe("a", MESSAGES, after=found[-1]["id"])
            found.append(await talk.next("a", "inboxMessage"))
            await talk.subscribe("b", RECORD, after=after["version"])
            last = await talk.next("b", "recordChanged")
            assert await talk.is_still()

    assert numbers(found) == [2, 3]
    assert [each["me"]["mobilities"] for each in (before, after, last)] == [
        [],
        [{"state": "NOMINATED"}],
        [{"state": "READY"}],
    ]


async def test_queries_and_mutations_are_answered_and_an_id_is_free_again_afterwards(bed: Bed):
    async with signed_in_talk(bed.address, await bed.signed_in("ines")) as talk:
        heard = []
        for query in (ME, "mutation { markRead(ids: []) }", "{ nothing }", "{ me", ME):
            await talk.subscribe("1", query)
            heard.append(await talk.hear())
            if heard[-1]["type"] == "next":
                heard.append(await talk.hear())

    complete = {"type": "complete", "id": "1"}
    assert heard[:4] + heard[-2:] == [
        {"type": "next", "id": "1", "payload": NAMED},
        complete,
        {"type": "next", "id": "1", "payload": {"data": {"markRead": 0}}},
        complete,
        {"type": "next", "id": "1", "payload": NAMED},
        complete,
    ]
    assert [code_of(each) for each in heard[4:-2]] == [
        ("error", "1", "request_invalid"),
        ("error", "1", "document_invalid"),
    ]


async def test_what_the_client_completes_is_over_and_costs_nothing_any_more(bed: Bed):
    phone = await bed.signed_in("ines")
    account = await account_of(bed, phone)
    async with signed_in_talk(bed.address, phone) as talk:
        await talk.subscribe("1", MESSAGES)
        await bed.until_waiting(1)
        await talk.say(type="complete", id="1")
        await talk.say(type="complete", id="never begun")
        await bed.until_waiting(0)
        await told(bed.app.database, account, 1)
        await talk.subscribe("1", ME)
        assert (await talk.hear())["payload"] == NAMED


async def test_a_ping_is_answered_before_and_after_the_init(bed: Bed):
    phone = await bed.signed_in("ines")
    async with talking(bed.address) as talk:
        for _ in range(2):
            await talk.say(type="pong")
            await talk.say(type="ping", payload={"any": "thing"})
            assert await talk.hear() == {"type": "pong"}
            if _ == 0:
                await talk.init(phone)


@pytest.mark.parametrize("protocol", [None, "graphql-ws"])
async def test_another_subprotocol_is_not_spoken(bed: Bed, protocol: str | None):
    async with talking(bed.address, protocol=protocol) as talk:
        assert await talk.end() == (4406, "Subprotocol not acceptable")


async def test_who_says_nothing_is_not_waited_for(bed: Bed):
    async with (
        with_limits(bed, init_seconds=0.2) as address,
        talking(address) as talk,
        talking(address) as busy,
    ):
        for _ in range(3):
            await busy.say(type="ping")
        assert await talk.end() == (4408, "Connection initialisation timeout")
        assert [await busy.hear() for _ in range(3)] == [{"type": "pong"}] * 3
        assert await busy.end() == (4408, "Connection initialisation timeout")


@pytest.mark.parametrize(
    ("messages", "end"),
    [
        ([{"type": "subscribe", "id": "1", "payload": {"query": ME}}], (4401, "Unauthorized")),
        ([{"type": "connection_init"}], (4403, "Forbidden")),
        (
            [{"type": "connection_init", "payload": {"authorization": "Bearer of bad news"}}],
            (4403, "Forbidden"),
        ),
        ([{"type": "connection_init", "payload": {"authorization": 7}}], (4403, "Forbidden")),
        (
            [{"type": "connection_init", "payload": [1]}],
            (4400, "connection_init: its payload is no object"),
        ),
    ],
    ids=["no init", "no token", "no token of ours", "a number", "a list"],
)
async def test_nobody_begins_without_a_session(
    bed: Bed, messages: list[dict[str, Any]], end: tuple[int, str]
):
    async with talking(bed.address) as talk:
        for each in messages:
            await talk.say(**each)
        assert await talk.end() == end


GARBAGE = [
    ("", 4400),
    ("{", 4400),
    ("[]", 4400),
    ('"ping"', 4400),
    ("{}", 4400),
    ('{"type": "start", "id": "1"}', 4400),
    ('{"type": 1}', 4400),
    (b'{"type": "ping"}', 4400),
    ("\ud7ff" * 10, 4400),
    ("[" * 50_000, 4400),
    (
        '{"type": "subscribe", "id": "1", "payload": {"query": "{me}", "variables": '
        + "[" * 20_000
        + "]" * 20_000
        + "}}",
        4400,
    ),
    ('{"type": "subscribe", "payload": {"query": "{ me { id } }"}}', 4400),
    ('{"type": "subscribe", "id": "", "payload": {"query": "{ me { id } }"}}', 4400),
    ('{"type": "subscribe", "id": "1"}', 4400),
    ('{"type": "subscribe", "id": "1", "payload": {"query": 1}}', 4400),
    ('{"type": "complete"}', 4400),
    ('{"type": "connection_init"}', 4429),
    ("x" * 100_001, 1009),
    (json.dumps({"type": "ping", "payload": "x" * 200_000}), 1009),
]


@pytest.mark.parametrize(("frame", "code"), GARBAGE, ids=range(len(GARBAGE)))
async def test_what_is_no_message_ends_the_socket_and_nothing_else(
    bed: Bed, frame: str | bytes, code: int
):
    phone = await bed.signed_in("ines")
    async with signed_in_talk(bed.address, phone) as talk, signed_in_talk(bed.address, phone) as b:
        await talk.subscribe("open", MESSAGES)
        await bed.until_waiting(1)
        await talk.socket.send(frame)
        assert (await talk.end())[0] == code
        await bed.until_waiting(0)
        await b.subscribe("1", ME)
        assert (await b.hear())["payload"] == NAMED


async def test_frames_that_are_no_text_end_the_socket(bed: Bed):
    async with signed_in_talk(bed.address, await bed.signed_in("ines")) as talk:
        talk.socket.transport.write(b"\x81\x82\x00\x00\x00\x00\xff\xff")  # masked, not UTF-8
        assert (await talk.end())[0] == 1007


async def test_an_id_that_is_in_use_cannot_be_used(bed: Bed):
    async with signed_in_talk(bed.address, await bed.signed_in("ines")) as talk:
        id = "ü" * 100
        await talk.subscribe(id, MESSAGES)
        await talk.subscribe(id, ME)
        code, reason = await talk.end()
        assert (code, reason.startswith("Subscriber for ü"), len(reason.encode()) <= 123) == (
            4409,
            True,
            True,
        )


async def cookie_of(bed: Bed, key: str) -> str:
    """The cookie of a browser in which somebody has signed in."""
    bed.http.cookies.clear()
    left = await bed.http.get(f"{bed.address}/auth/login", params={"login_hint": key})
    provider = await bed.http.get(left.headers["location"])
    await bed.http.get(provider.headers["location"])
    found = bed.http.cookies.get("erasmus-session")
    bed.http.cookies.clear()
    assert found is not None
    return f"erasmus-session={found}"


async def test_a_cookie_counts_only_on_a_page_of_ours(bed: Bed):
    cookie = await cookie_of(bed, "ines")
    ours = bed.app.services.settings.browser_url
    foreign = [
        None,
        "null",
        "https://evil.example",
        f"{ours}.evil.example",
        ours.replace("http:", "https:"),
        f"{ours}@evil.example",
        "http://127.0.0.1:99999",
        "file://",
    ]
    async with talking(bed.address, cookie=cookie, origin=ours) as talk:
        await talk.init(None)
        await talk.subscribe("1", ME)
        assert (await talk.hear())["payload"] == NAMED
    for origin in foreign:
        headers = {"cookie": cookie} | ({"origin": origin} if origin else {})
        async with talking(bed.address, **headers) as talk:
            await talk.say(type="connection_init")
            assert (origin, await talk.end()) == (origin, (4403, "Forbidden"))


async def test_an_app_may_give_its_token_with_the_handshake(bed: Bed):
    phone = await bed.signed_in("ines")
    async with talking(bed.address, authorization=f"Bearer {phone.token}") as talk:
        await talk.init(None)
        await talk.subscribe("1", ME)
        assert (await talk.hear())["payload"] == NAMED


async def test_the_name_of_the_token_is_that_of_a_header_in_whatever_case(bed: Bed):
    phone = await bed.signed_in("ines")
    async with talking(bed.address) as talk:
        payload = {"Authorization": f"Bearer {phone.token}"}
        await talk.say(type="connection_init", payload=payload)
        assert await talk.hear() == {"type": "connection_ack"}


async def test_what_a_client_was_not_allowed_it_cannot_wait_for(bed: Bed):
    phone = await bed.signed_in("ines")
    resource = f"{bed.app.services.settings.public_url.rstrip('/')}/graphql"
    given = {"client_id": "https://ai.example/c.json", "scopes": ("profile:read",)}
    helper = await with_token(bed, phone, resource=resource, **given)
    elsewhere = await with_token(bed, phone, resource="https://other.example", **given)
    async with signed_in_talk(bed.address, helper) as talk:
        await talk.subscribe("1", MESSAGES)
        assert code_of(await talk.hear()) == ("error", "1", "insufficient_scope")
        await talk.subscribe("1", ME)
        assert (await talk.hear())["payload"] == NAMED
    async with talking(bed.address) as talk:
        payload = {"authorization": f"Bearer {elsewhere.token}"}
        await talk.say(type="connection_init", payload=payload)
        assert await talk.end() == (4403, "Forbidden")


async def test_a_session_that_is_ended_ends_its_sockets(bed: Bed):
    phone, laptop = await bed.signed_in("ines"), await bed.signed_in("ines")
    async with (
        another_process(bed) as (_, elsewhere),
        signed_in_talk(bed.address, phone) as here,
        signed_in_talk(elsewhere, phone) as there,
        signed_in_talk(bed.address, laptop) as other,
    ):
        await here.subscribe("1", MESSAGES)
        await bed.until_waiting(1)
        await other.subscribe("1", "mutation { endOtherSessions }")
        assert (await other.hear())["payload"] == {"data": {"endOtherSessions": 1}}
        assert (await other.hear())["type"] == "complete"
        assert await here.end() == (4403, "The session is over")
        assert await there.end() == (4403, "The session is over")
        assert await other.is_still()
    await bed.until_waiting(0)


async def test_a_socket_lives_no_longer_than_its_token(bed: Bed):
    soon = bed.app.services.clock() + timedelta(seconds=2)
    phone = await with_token(bed, await bed.signed_in("ines"), expires_at=soon)
    async with signed_in_talk(bed.address, phone) as talk:
        await talk.subscribe("1", MESSAGES)
        assert await talk.end() == (4403, "The session is over")
        assert bed.app.services.clock() >= soon - timedelta(seconds=1)  # tokens tell whole seconds


async def test_a_process_that_stops_sends_everybody_away(bed: Bed):
    phone = await bed.signed_in("ines")
    async with signed_in_talk(bed.address, phone) as talk:
        await talk.subscribe("1", MESSAGES)
        await bed.until_waiting(1)
        bed.app.news.leaving.set()
        assert await talk.end() == (1001, "Going away")
    with pytest.raises(InvalidStatus):
        async with talking(bed.address):
            pass
    await bed.until_waiting(0)


async def test_so_many_operations_are_under_way_and_no_more(bed: Bed):
    phone = await bed.signed_in("ines")
    limits = {"socket_operations": 2, "session_operations": 3, "connections": 2}
    async with (
        with_limits(bed, **limits) as address,
        signed_in_talk(address, phone) as one,
        signed_in_talk(address, phone) as two,
        talking(address) as three,
    ):
        await three.say(type="connection_init", payload={"authorization": f"Bearer {phone.token}"})
        assert await three.end() == (4429, "Too many sockets of this session")
        for id in ("1", "2", "3"):
            await one.subscribe(id, MESSAGES)
        assert code_of(await one.hear()) == ("error", "3", "too_many_operations")
        await two.subscribe("1", MESSAGES)
        await two.subscribe("2", MESSAGES)
        assert code_of(await two.hear()) == ("error", "2", "too_many_operations")
        await bed.until_waiting(3)
        await one.say(type="complete", id="1")
        await bed.until_waiting(2)
        await two.subscribe("2", ME)
        assert (await two.hear())["payload"] == NAMED


async def test_too_many_sockets_are_turned_away_at_the_door(bed: Bed):
    async with with_limits(bed, sockets=1) as address, talking(address):
        with pytest.raises(InvalidStatus):
            async with talking(address):
                pass


async def test_who_leaves_without_a_word_is_not_waited_for(bed: Bed):
    async with signed_in_talk(bed.address, await bed.signed_in("ines")) as talk:
        await talk.subscribe("1", MESSAGES)
        await bed.until_waiting(1)
        talk.socket.transport.abort()
        await bed.until_waiting(0)
        await asyncio.sleep(0)


async def test_what_is_open_is_counted_without_names(bed: Bed):
    phone = await bed.signed_in("ines")
    async with signed_in_talk(bed.address, phone) as talk, streaming(bed, phone, MESSAGES):
        await talk.subscribe("1", MESSAGES)
        await talk.subscribe("2", RECORD)
        await bed.until_waiting(3)
        metrics = (await bed.http.get(f"{bed.address}/metrics")).text

    assert [each for each in metrics.splitlines() if "graphql_open" in each] == [
        "# HELP graphql_open Connections of who waits for news, and operations under way there.",
        "# TYPE graphql_open gauge",
        'graphql_open{what="connections"} 2.0',
        'graphql_open{what="operations"} 3.0',
    ]


@pytest.mark.parametrize("path", ["/", "/livez", "/auth/login", "/feed/x", "/ewp/omobilities/get"])
async def test_there_are_sockets_at_graphql_only(
    bed: Bed, path: str, caplog: pytest.LogCaptureFixture
):
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"{bed.address.replace('http', 'ws', 1)}{path}", proxy=None)

    assert refused.value.response.status_code == 403
    assert [each for each in caplog.records if each.levelname == "ERROR"] == []
    assert (await bed.http.get(f"{bed.address}/livez")).status_code == 200
