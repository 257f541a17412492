"""Refused tokens of the feed: counted, limited by address, and never an HEI's harm."""

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path

import fed
import pytest
from fed import OUTONO, Feed
from redis.asyncio import Redis
from structlog.testing import capture_logs
from testbed import Bed, bed_running

from erasmus_app.api.callers import caller_address
from erasmus_app.limits.rules import RULES, Limit
from erasmus_app.store.embedded.folder import free_port

MOST_OF_ADDRESS, MOST_OF_HEI = (
    RULES[each].most for each in (Limit.FEED_REFUSED, Limit.FEED_REFUSED_HEI)
)
GOOD = fed.nominations(fed.nomination())
PROXIES = "127.0.0.0/8,::1"
GUESSER, OFFICE = "203.0.113.7", "198.51.100.20"
UNKNOWN, CLOSED = (401, "feed_token_unknown"), (429, "too_many_refusals")


@pytest.fixture
async def bed(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Bed]:
    """A backend behind a proxy, where nobody has been refused yet."""
    async with Redis.from_url(valkey) as redis:
        await redis.flushall()
    async with bed_running(
        dsn, valkey, tmp_path, worker=False, prepare=fed.outono, trusted_proxies=PROXIES
    ) as bed:
        yield bed


def from_address(bed: Bed, address: str, *, token: str = "guess", hei: str = OUTONO) -> Feed:
    feed = Feed(bed, token=token, hei=hei)
    feed.headers["X-Forwarded-For"] = address
    return feed


async def said(feed: Feed) -> tuple[int, str]:
    answer = await feed.give(GOOD)
    return answer.status_code, answer.json().get("code", "taken")


async def test_an_address_is_closed_after_its_refusals_and_nobody_elses_is(bed: Bed):
    guesser = from_address(bed, GUESSER)
    for _ in range(MOST_OF_ADDRESS):
        assert await said(guesser) == UNKNOWN

    answer = await guesser.give(GOOD)
    assert (answer.status_code, answer.json()["code"]) == CLOSED
    assert 0 < int(answer.headers["retry-after"]) <= RULES[Limit.FEED_REFUSED].step
    assert "www-authenticate" not in answer.headers
    assert await said(from_address(bed, f"{OFFICE}, {GUESSER}", token=fed.TOKEN)) == CLOSED
    taken_back = await guesser.take_back("omobilities", fed.OM)
    assert (taken_back.status_code, taken_back.json()["code"]) == CLOSED
    assert await said(from_address(bed, OFFICE, token=fed.TOKEN)) == (200, "taken")


async def test_a_token_of_another_hei_is_a_try_and_no_token_is_none(bed: Bed):
    office = from_address(bed, OFFICE)
    del office.headers["Authorization"]
    for _ in range(MOST_OF_ADDRESS + 1):
        assert await said(office) == (401, "feed_token_missing")

    ribeiras = from_address(bed, OFFICE, token=fed.OF_RIBEIRA)
    unheard = from_address(bed, OFFICE, token=fed.TOKEN, hei="unheard.example")
    for feed in [ribeiras, unheard] * (MOST_OF_ADDRESS // 2):
        assert await said(feed) == (403, "feed_of_another_hei")
    assert await said(ribeiras) == CLOSED


async def test_many_addresses_have_one_try_each_and_the_hei_is_not_kept_out(bed: Bed):
    for _ in range(2 * MOST_OF_HEI):  # wherever they come from
        bed.app.services.limits.count(Limit.FEED_REFUSED_HEI, OUTONO)

    guesser = from_address(bed, GUESSER)
    assert [await said(guesser) for _ in range(2)] == [UNKNOWN, CLOSED]
    assert await said(from_address(bed, OFFICE, token=fed.TOKEN)) == (200, "taken")


async def test_refusals_are_counted_where_an_operator_looks(bed: Bed):
    with capture_logs() as logs:
        for _ in range(MOST_OF_ADDRESS + 1):
            await said(from_address(bed, GUESSER))
        await said(from_address(bed, OFFICE, token=fed.OF_RIBEIRA))
        await said(from_address(bed, OFFICE, hei="made-up.example"))
    assert {each["event"] for each in logs if "feed" in each["event"]} == {"feed.refused"}
    assert "made-up" not in str(logs)

    reasons = ("feed_of_another_hei", "feed_token_unknown", "too_many_refusals", "made-up")
    counted = [await bed.number("ewp_refused_total", api="feed", reason=each) for each in reasons]
    assert counted == [1, MOST_OF_ADDRESS, 1, 0]
    tenants = await bed.app.database.fetch("select distinct tenant from refusal")
    assert [row["tenant"] for row in tenants] == [OUTONO]


@pytest.mark.parametrize("silent", [False, True])
async def test_without_valkey_the_token_alone_decides(dsn: str, tmp_path: Path, silent: bool):
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1")
    port = server.sockets[0].getsockname()[1] if silent else free_port()
    address = f"redis://127.0.0.1:{port}/0"
    async with (
        server,
        bed_running(
            dsn,
            address,
            tmp_path,
            worker=False,
            prepare=fed.outono,
            trusted_proxies=PROXIES,
            limits_patience_ms="200",
        ) as bed,
    ):
        with capture_logs() as logs:
            assert await said(from_address(bed, GUESSER)) == UNKNOWN
            assert await said(from_address(bed, OFFICE, token=fed.TOKEN)) == (200, "taken")

        events = [each["event"] for each in logs if each["event"].startswith(("feed.", "limits."))]
        assert events == ["limits.away", "feed.refused", "feed.taken"]
        assert await bed.number("ewp_refused_total", api="feed", reason="feed_token_unknown") == 1


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "address"),
    [
        ("1.1.1.1", "", "1.1.1.1"),
        ("1.1.1.1", "203.0.113.7", "1.1.1.1"),  # anybody can write that
        ("::ffff:1.1.1.1", "", "1.1.1.1"),
        ("2606:4700:1:2:3:4:5:6", "", "2606:4700:1:2::/64"),
        ("192.168.1.1", "203.0.113.7", None),  # maybe a proxy that nobody has declared
        ("127.0.0.1", "", None),
        ("10.0.0.1", "", None),
        ("10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("::ffff:10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "6.6.6.6, 203.0.113.7,10.0.0.2", "203.0.113.7"),
        ("10.0.0.1", "6.6.6.6, unknown", None),  # nothing before it is believed
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", None),
        ("10.0.0.1", "192.168.7.7", "192.168.7.7"),  # an office on the proxy's inner side
        ("a socket", "203.0.113.7", None),
    ],
)
def test_an_address_is_what_declared_proxies_saw(peer: str, forwarded_for: str, address):
    assert caller_address(peer, forwarded_for, [ip_network("10.0.0.0/8")]) == address
