"""Servers that strangers name: inside our network, silent, or answering what is no answer."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from unit.push.browsers import (
    a_push,
    a_subscription,
    sending,
    subscribed,
)
from unit.push.origin import running_origin
from unit.sandbox.hand_clock import HandClock

from erasmus_app.notifications.ports import Outcome, PushResult
from erasmus_app.push.web_push import STRANGERS_AT_ONCE, WebPush
from sandbox.authority import Authority
from sandbox.serving import LOOPBACK, listen
from sandbox.web_push import WebPushService


async def test_nobody_inside_is_connected_to_whatever_the_name_says(
    authority: Authority, clock: HandClock
):
    bound = listen()
    port = bound.getsockname()[1]
    async with sending(authority, clock, networks=()) as channel:
        for host in ("localhost", LOOPBACK, "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"):
            target = json.dumps(a_subscription(endpoint=f"https://{host}:{port}/x"))
            result = await channel.send(a_push(clock, target))
            assert result == PushResult(outcome=Outcome.REJECTED, code="ADDRESS_INSIDE"), host
        for host in ("localhost", "2130706433", "0x7f.1"):  # the port is right, the place is not
            target = json.dumps(a_subscription(endpoint=f"https://{host}/x"))
            result = await channel.send(a_push(clock, target))
            assert result == PushResult(outcome=Outcome.REJECTED, code="ADDRESS_INSIDE"), host
    bound.settimeout(0)
    with pytest.raises(BlockingIOError):  # nobody came
        bound.accept()
    bound.close()


async def test_a_name_that_changes_its_mind_is_looked_up_once_and_connected_to_as_it_was_seen(
    browsers: WebPushService,
    channel: WebPush,
    clock: HandClock,
    monkeypatch: pytest.MonkeyPatch,
):
    loop, asked = asyncio.get_running_loop(), []
    real = loop.getaddrinfo

    async def rebinding(host: str, port: int, **more: Any) -> Any:
        asked.append(host)
        return await real(LOOPBACK if len(asked) == 1 else "127.0.0.9", port, **more)

    monkeypatch.setattr(loop, "getaddrinfo", rebinding)
    browser, target = subscribed(browsers, channel)
    target = target.replace(f"https://{LOOPBACK}", "https://localhost")
    browsers.url = browsers.url.replace(LOOPBACK, "localhost")
    result = await channel.send(a_push(clock, target))

    assert result.outcome is Outcome.ACCEPTED
    assert "localhost" in asked[0]
    assert [each for each in asked if each == "localhost"] == ["localhost"]
    assert len(browsers.received[browser]) == 1


async def test_where_one_address_lets_nobody_in_another_one_is_tried(
    browsers: WebPushService, channel: WebPush, clock: HandClock, monkeypatch: pytest.MonkeyPatch
):
    loop = asyncio.get_running_loop()
    real = loop.getaddrinfo

    async def several(host: str, port: int, **more: Any) -> Any:
        if host != "localhost":
            return await real(host, port, **more)
        return [*await real("127.0.0.9", port, **more), *await real(LOOPBACK, port, **more)]

    monkeypatch.setattr(loop, "getaddrinfo", several)
    _, target = subscribed(browsers, channel)
    browsers.url = browsers.url.replace(LOOPBACK, "localhost")
    result = await channel.send(a_push(clock, target.replace(LOOPBACK, "localhost")))

    assert result == PushResult(outcome=Outcome.ACCEPTED)


@contextlib.asynccontextmanager
async def talking(authority: Authority, said: bytes, *, hang: bool = False) -> AsyncIterator[str]:
    """Say the same to whoever comes; yields a target there."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(said)
            await writer.drain()
            if hang:
                await asyncio.sleep(30)
            writer.close()
            await writer.wait_closed()

    bound = listen()
    server = await asyncio.start_server(talk, sock=bound, ssl=authority.server_context())
    port = bound.getsockname()[1]
    try:
        yield json.dumps(a_subscription(endpoint=f"https://localhost:{port}/x"))
    finally:
        server.close()


@pytest.mark.parametrize(
    "said",
    [
        b"hello\r\n\r\n",
        b"",
        b"HTTP/1.1 999999 No\r\n\r\n",
        b"HTTP/1.1 201 Created\r\n" + b"x: y\r\n" * 60_000 + b"\r\n",
    ],
    ids=["no HTTP", "nothing", "no status", "no end of headers"],
)
async def test_what_is_no_answer_is_tried_again(
    authority: Authority, channel: WebPush, clock: HandClock, said: bytes
):
    async with talking(authority, said) as target:
        result = await channel.send(a_push(clock, target))

    assert result == PushResult(outcome=Outcome.TRY_AGAIN, code="NO_ANSWER")


async def test_an_answer_without_end_is_left_after_its_head(
    authority: Authority, channel: WebPush, clock: HandClock
):
    head = b"HTTP/1.1 201 Created\r\ncontent-length: 99999999\r\n\r\n"
    async with talking(authority, head + b"x" * 100_000, hang=True) as target:
        async with asyncio.timeout(5):
            result = await channel.send(a_push(clock, target))
    async with talking(authority, head + b"x", hang=True) as target:  # one byte, then silence
        async with asyncio.timeout(5):
            again = await channel.send(a_push(clock, target))

    assert result == again == PushResult(outcome=Outcome.ACCEPTED)


async def test_whoever_says_nothing_is_not_waited_for_and_after_three_times_not_asked(
    authority: Authority, clock: HandClock
):
    async with (
        sending(authority, clock, seconds=0.3) as channel,
        talking(authority, b"", hang=True) as target,
    ):
        results = [await channel.send(a_push(clock, target)) for _ in range(4)]
        clock.advance(seconds=11)
        results.append(await channel.send(a_push(clock, target)))

    codes = [each.code for each in results]
    assert codes == [*["NO_ANSWER"] * 3, "LANE_CLOSED", "NO_ANSWER"]
    assert 0 < (results[3].retry_after or 0) <= 15


async def test_silent_strangers_take_few_places_and_others_go_on(
    browsers: WebPushService, authority: Authority, clock: HandClock
):
    async with (
        sending(authority, clock, seconds=2) as channel,
        contextlib.AsyncExitStack() as stack,
    ):
        browser, known = subscribed(browsers, channel)
        await channel.send(a_push(clock, known))
        silent = [
            await stack.enter_async_context(talking(authority, b"", hang=True))
            for _ in range(STRANGERS_AT_ONCE + 3)
        ]
        waiting = [asyncio.create_task(channel.send(a_push(clock, each))) for each in silent]
        await asyncio.sleep(0.1)
        result = await channel.send(a_push(clock, known))
        codes = [each.code for each in await asyncio.gather(*waiting)]

    assert result.outcome is Outcome.ACCEPTED
    assert len(browsers.received[browser]) == 2
    assert sorted(codes) == ["LANE_BUSY"] * 3 + ["NO_ANSWER"] * STRANGERS_AT_ONCE


async def test_a_host_that_proves_nothing_is_told_nothing(
    browsers: WebPushService, clock: HandClock, tmp_path: Path
):
    async with sending(Authority.open(tmp_path / "another"), clock) as channel:
        _, target = subscribed(browsers, channel)
        result = await channel.send(a_push(clock, target))

    assert result == PushResult(outcome=Outcome.TRY_AGAIN, code="NO_ANSWER")
    assert browsers.asked == 0


async def test_http_2_is_spoken_where_it_is_offered_and_one_connection_does(
    authority: Authority, clock: HandClock
):
    async with running_origin(authority) as origin, sending(authority, clock) as channel:
        origin.on_request = lambda asked: asked.answer(201, b"")
        target = json.dumps(a_subscription(endpoint=f"{origin.url}/x"))
        results = [await channel.send(a_push(clock, target)) for _ in range(5)]

    assert {each.outcome for each in results} == {Outcome.ACCEPTED}
    assert (len(origin.asked), len(origin.connections)) == (5, 1)
