"""The HTTP/2 client against an origin that does whatever a test tells it to."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import h2.errors
import pytest
from databases import until
from lines import join
from unit.push.origin import Asked, Origin, running_origin

from erasmus_app.push import http2
from erasmus_app.push.http2 import LARGEST_ANSWER, Answer, Http2Transport, NoAnswer
from sandbox.authority import Authority

OK = Answer(status=200, headers={}, body=b"{}")


@contextlib.asynccontextmanager
async def transport_to(
    url: str, authority: Authority, *, seconds: float = 20, connections: int = 1
) -> AsyncIterator[Http2Transport]:
    transport = Http2Transport(
        url, authority.client_context(), seconds=seconds, connections=connections
    )
    try:
        yield transport
    finally:
        transport.close()


@contextlib.asynccontextmanager
async def pair(
    authority: Authority, *, seconds: float = 20, **how
) -> AsyncIterator[tuple[Origin, Http2Transport]]:
    async with (
        running_origin(authority, **how) as origin,
        transport_to(origin.url, authority, seconds=seconds) as transport,
    ):
        yield origin, transport


def post(transport: Http2Transport, body: bytes = b"{}"):
    return transport.post("/send", {"Authorization": "Bearer x"}, body)


async def test_more_requests_than_streams_share_one_connection(authority: Authority):
    waiting: list[Asked] = []

    def answer_every_fifth(asked: Asked) -> None:
        waiting.append(asked)
        if len(waiting) == 5:
            for each in waiting:
                each.answer(body=bytes(each.body))
            waiting.clear()

    async with pair(authority, most=5, on_request=answer_every_fifth) as (origin, transport):
        bodies = [str(number).encode() for number in range(60)]
        answers = await asyncio.gather(*(post(transport, each) for each in bodies))

    assert [each.body for each in answers] == bodies
    assert (len(origin.connections), origin.peak) == (1, 5)


async def test_a_request_without_an_answer_ends_in_time_and_makes_room(authority: Authority):
    def answer_some(asked: Asked) -> None:
        if asked.body != b"silence":
            asked.answer()

    async with pair(authority, most=1, seconds=0.3, on_request=answer_some) as (origin, transport):
        assert await post(transport) == OK
        with pytest.raises(NoAnswer):
            await post(transport, b"silence")
        await until(lambda: origin.resets)
        assert await post(transport) == OK


async def test_a_connection_that_fell_silent_is_left_for_a_new_one(authority: Authority):
    def only_on_the_second(asked: Asked) -> None:
        if asked.connection is not origin.connections[0]:
            asked.answer()

    async with pair(authority, seconds=0.3, on_request=only_on_the_second) as (origin, transport):
        with pytest.raises(NoAnswer):
            await post(transport)
        assert await post(transport) == OK


async def test_what_the_caller_gives_up_is_reset(authority: Authority):
    async with pair(authority, on_request=lambda asked: None) as (origin, transport):
        task = asyncio.create_task(post(transport))
        await until(lambda: origin.asked)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: origin.resets)


async def test_an_answer_too_large_is_given_up_and_others_go_on(authority: Authority):
    def much_for_the_curious(asked: Asked) -> None:
        if asked.body != b"much":
            asked.answer()
            return
        asked.connection.h2.send_headers(asked.number, [(":status", "200")])
        for _ in range(4):  # and it never ends
            asked.connection.h2.send_data(asked.number, b"x" * 16_000)
        asked.connection.flush()

        async def more() -> None:
            while asked.number not in origin.resets and not asked.connection.lost.is_set():
                if asked.connection.h2.local_flow_control_window(asked.number) > 16_000:
                    asked.connection.h2.send_data(asked.number, b"x" * 16_000)
                    asked.connection.flush()
                await asyncio.sleep(0)

        tasks.append(asyncio.create_task(more()))

    tasks: list[asyncio.Task[None]] = []
    assert LARGEST_ANSWER < 100_000
    async with pair(authority, most=1, on_request=much_for_the_curious) as (origin, transport):
        with pytest.raises(NoAnswer, match="too large"):
            await post(transport, b"much")
        await until(lambda: origin.resets)
        assert await post(transport) == OK
        await asyncio.gather(*tasks)


async def test_what_was_refused_unprocessed_is_sent_again(authority: Authority):
    def refuse_first(asked: Asked) -> None:
        if len(origin.asked) == 1:
            asked.reset(h2.errors.ErrorCodes.REFUSED_STREAM)
        else:
            asked.answer()

    async with pair(authority, on_request=refuse_first) as (origin, transport):
        assert await post(transport) == OK
        assert len(origin.asked) == 2


async def test_who_refuses_for_ever_gets_three_tries(authority: Authority):
    def refuse(asked: Asked) -> None:
        asked.reset(h2.errors.ErrorCodes.REFUSED_STREAM)

    async with pair(authority, on_request=refuse) as (origin, transport):
        with pytest.raises(NoAnswer):
            await post(transport)
        assert len(origin.asked) == 3


async def test_a_server_that_says_goodbye_still_answers_what_it_has(authority: Authority):
    waiting: list[Asked] = []
    async with pair(authority, on_request=waiting.append) as (origin, transport):
        early = asyncio.create_task(post(transport))
        await until(lambda: waiting)
        first = waiting[0].connection
        first.go_away(last=2**31 - 1)  # a warning first, as proxies do
        first.go_away(last=waiting[0].number)
        waiting[0].answer(body=b"early")  # in one piece with the goodbye
        late = asyncio.create_task(post(transport))
        await until(lambda: [each for each in waiting if each.connection is not first])
        waiting[-1].answer(body=b"late")

        assert [(await each).body for each in (early, late)] == [b"early", b"late"]
        assert len(origin.connections) == 2
        await asyncio.wait_for(origin.connections[0].lost.wait(), 20)  # nothing left: closed


async def test_what_a_goodbye_leaves_out_is_sent_again_and_only_that(authority: Authority):
    waiting: list[Asked] = []
    async with pair(authority, on_request=waiting.append) as (_, transport):
        tasks = [asyncio.create_task(post(transport, each)) for each in (b"seen", b"unseen")]
        await until(lambda: len(waiting) == 2)
        first, second = sorted(waiting, key=lambda each: each.number)
        first.connection.go_away(last=first.number)
        await until(lambda: len(waiting) == 3)
        first.answer(body=b"first")
        waiting[2].answer(body=b"second")
        answers = [await each for each in tasks]

    assert [each.body for each in answers] == [b"first", b"second"]
    assert bytes(waiting[2].body) == bytes(second.body)


async def test_a_connection_lost_is_no_answer_and_the_next_request_connects(authority: Authority):
    def hang_up_once(asked: Asked) -> None:
        if len(origin.connections) == 1:
            asked.connection.transport.abort()
        else:
            asked.answer()

    async with pair(authority, on_request=hang_up_once) as (origin, transport):
        with pytest.raises(NoAnswer):
            await post(transport)
        assert await post(transport) == OK


async def test_a_body_that_no_window_lets_through_is_no_crash(authority: Authority):
    async with pair(authority, window=10) as (_, transport):
        await post(transport)  # the settings are known from here on
        with pytest.raises(NoAnswer):
            await post(transport, b"x" * 11)
        assert await post(transport) == OK


@contextlib.asynccontextmanager
async def stranger(authority: Authority, greeting: bytes) -> AsyncIterator[tuple[str, list[None]]]:
    """A server of another protocol; yields its address, and an item for each connection."""
    connections: list[None] = []

    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(None)
        if greeting:
            writer.write(greeting)
            await reader.read()  # until the client goes
        writer.close()

    server = await asyncio.start_server(
        on_connection, "127.0.0.1", 0, ssl=authority.server_context()
    )
    async with server:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}", connections


async def test_a_server_that_hangs_up_before_its_first_frame_is_asked_once(authority: Authority):
    async with (
        stranger(authority, b"") as (url, connections),
        transport_to(url, authority) as transport,
    ):
        for number in (1, 2):
            both = [post(transport), post(transport)]
            ends = await asyncio.gather(*both, return_exceptions=True)
            assert [str(each) for each in ends] == ["connection lost"] * 2
            assert len(connections) == number


async def test_a_server_of_another_protocol_is_left_when_time_is_out(authority: Authority):
    async with (
        stranger(authority, b"HTTP/1.1 400 Bad Request\r\n\r\n") as (url, connections),
        transport_to(url, authority, seconds=1) as transport,
    ):
        for number in (1, 2):
            with pytest.raises(NoAnswer, match="no answer"):
                await post(transport)
            assert len(connections) == number


async def test_where_no_further_connection_is_taken_pushes_wait_for_room_on_the_one(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(http2, "PAUSE", 3600.0)
    waiting: list[Asked] = []
    taken: list[bool] = []
    lines: list[asyncio.Task[None]] = []

    async with running_origin(authority, most=1, on_request=waiting.append) as origin:

        async def one_alone(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            taken.append(not taken)
            if taken[-1]:
                there = await asyncio.open_connection("127.0.0.1", urlsplit(origin.url).port)
                lines.append(asyncio.create_task(join((reader, writer), there)))
            else:
                writer.close()

        server = await asyncio.start_server(one_alone, "127.0.0.1", 0)
        url = f"https://localhost:{server.sockets[0].getsockname()[1]}"
        async with server, transport_to(url, authority, connections=2) as transport:
            pushes = [asyncio.create_task(post(transport)) for _ in range(2)]
            await until(lambda: len(taken) > 1)
            for number in (1, 2):
                await until(lambda sent=number: len(waiting) == sent)
                waiting[-1].answer()
            answers = await asyncio.gather(*pushes)
        await asyncio.gather(*lines)

    assert answers == [OK, OK]
    assert taken == [True, False]


async def test_nobody_there_is_no_answer(authority: Authority):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and does not listen
        url = f"https://localhost:{bound.getsockname()[1]}"
        async with transport_to(url, authority) as transport:
            with pytest.raises(NoAnswer):
                await post(transport)


async def test_another_authoritys_certificate_is_no_answer(authority: Authority, tmp_path):
    other = Authority.open(tmp_path)
    async with running_origin(authority) as origin, transport_to(origin.url, other) as transport:
        with pytest.raises(NoAnswer, match="CertVerification"):
            await post(transport)
    assert origin.asked == []


async def test_closing_ends_what_is_under_way(authority: Authority):
    async with pair(authority, on_request=lambda asked: None) as (origin, transport):
        task = asyncio.create_task(post(transport))
        await until(lambda: origin.asked)
        transport.close()
        with pytest.raises(NoAnswer):
            await task
        await asyncio.wait_for(origin.connections[0].lost.wait(), 20)
