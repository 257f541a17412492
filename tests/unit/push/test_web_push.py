"""The channel against the sandbox's strict push service: TLS, VAPID, encryption, every answer."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey
from unit.push.origin import Origin, running_origin
from unit.sandbox.hand_clock import HandClock

from erasmus_app.notifications.models import Urgency
from erasmus_app.notifications.ports import Outcome, Push, PushResult, TargetRefused
from erasmus_app.push.answers import LONGEST_WAIT
from erasmus_app.push.lanes import Lane, Lanes, origin_of
from erasmus_app.push.strangers import Doors, StrangersHttp
from erasmus_app.push.vapid import Vapid
from erasmus_app.push.web_push import STRANGERS_AT_ONCE, WebPush
from erasmus_app.students.models import TargetKind
from sandbox.authority import Authority
from sandbox.serving import LOOPBACK, listen
from sandbox.web_push import WebPushService, running_web_push

ENTRY = "0d6f2c4e-1d5a-5b3e-9c1f-7a0d2b8e4f10"
MESSAGE_ID = "TWVzc2FnZTox"
KEY = ECKey.generate_key("P-256", private=True)
LOOPBACK_NET = (ip_network("127.0.0.0/8"),)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def service(
    authority: Authority, folder: Path, clock: HandClock
) -> AsyncIterator[WebPushService]:
    async with running_web_push(folder, authority, now=clock) as service:
        yield service


@contextlib.asynccontextmanager
async def sending(
    authority: Authority,
    clock: HandClock,
    *,
    networks: Any = LOOPBACK_NET,
    contact: str = "mailto:erasmus@uni.example",
    seconds: float = 20,
) -> AsyncIterator[WebPush]:
    http = StrangersHttp(authority.client_context(), Doors(networks), seconds=seconds)
    try:
        yield WebPush(http, Vapid(KEY, contact), "https://app.example/inbox?view=1#top", clock)
    finally:
        await http.close()


@pytest.fixture
async def channel(authority: Authority, clock: HandClock) -> AsyncIterator[WebPush]:
    async with sending(authority, clock) as channel:
        yield channel


def a_push(clock: HandClock, target: str, **changed: Any) -> Push:
    return Push(
        **{
            "message_id": ENTRY,
            "platform": "web",
            "target_kind": "web_push",
            "target": target,
            "title": "A tua nomeação chegou",
            "body": "Toca para ver o próximo passo.",
            "data": {"id": MESSAGE_ID, "kind": "nominated"},
            "urgency": Urgency.HIGH,
            "expires_at": clock() + timedelta(hours=72),
        }
        | changed
    )


def subscribed(service: WebPushService, channel: WebPush) -> tuple[str, str]:
    """A new browser, and its target as it is kept."""
    browser = service.subscribe(channel.public_key)
    found = channel.target(TargetKind.WEB_PUSH, service.subscription(browser))
    return browser, found.value


async def test_a_message_comes_as_safari_shows_it_and_a_service_worker_reads_it(
    service: WebPushService, channel: WebPush, clock: HandClock
):
    browser, target = subscribed(service, channel)

    assert await channel.send(a_push(clock, target)) == PushResult(outcome=Outcome.ACCEPTED)
    (shown,) = service.received[browser]
    assert shown.content == {
        "web_push": 8030,
        "notification": {
            "title": "A tua nomeação chegou",
            "body": "Toca para ver o próximo passo.",
            "navigate": f"https://app.example/inbox?view=1&message={MESSAGE_ID}#top",
            "tag": ENTRY,
            "data": {"id": MESSAGE_ID, "kind": "nominated"},
        },
    }
    assert (shown.ttl, shown.urgency, shown.topic) == (72 * 3600, "high", ENTRY.replace("-", ""))
    assert service.refusals == []


async def test_a_message_is_kept_no_longer_than_it_says_something(
    service: WebPushService, channel: WebPush, clock: HandClock
):
    browser, target = subscribed(service, channel)
    for hours in (-1, 1, 24 * 365):
        ends = clock() + timedelta(hours=hours)
        await channel.send(a_push(clock, target, urgency=Urgency.NORMAL, expires_at=ends))

    shown = service.received[browser]
    assert [each.ttl for each in shown] == [0, 3600, 28 * 86400]
    assert {each.urgency for each in shown} == {"normal"}


async def test_proofs_stay_good_over_days(
    service: WebPushService, channel: WebPush, clock: HandClock
):
    browser, target = subscribed(service, channel)
    for _ in range(12):
        assert (await channel.send(a_push(clock, target))).outcome is Outcome.ACCEPTED
        clock.advance(hours=5)

    assert len(service.received[browser]) == 12


ELSEWHERE = {"location": "https://localhost/"}
ANSWERS = {  # status, headers, what becomes of the delivery
    200: ({}, PushResult(outcome=Outcome.ACCEPTED)),
    201: ({}, PushResult(outcome=Outcome.ACCEPTED)),
    202: ({}, PushResult(outcome=Outcome.ACCEPTED)),
    301: (
        {"location": "https://localhost/"},
        PushResult(outcome=Outcome.REJECTED, code="HTTP_301"),
    ),
    307: (
        {"location": "https://localhost/"},
        PushResult(outcome=Outcome.REJECTED, code="HTTP_307"),
    ),
    400: ({}, PushResult(outcome=Outcome.REJECTED, code="HTTP_400")),
    401: ({}, PushResult(outcome=Outcome.LANE_DOWN, code="VAPID_REFUSED")),
    403: ({}, PushResult(outcome=Outcome.LANE_DOWN, code="VAPID_REFUSED")),
    404: ({}, PushResult(outcome=Outcome.DEVICE_GONE, code="GONE")),
    410: ({}, PushResult(outcome=Outcome.DEVICE_GONE, code="GONE")),
    413: ({}, PushResult(outcome=Outcome.REJECTED, code="TOO_LARGE")),
    418: ({}, PushResult(outcome=Outcome.REJECTED, code="HTTP_418")),
    429: ({}, PushResult(outcome=Outcome.TRY_AGAIN, code="TOO_MANY", retry_after=60)),
    500: ({}, PushResult(outcome=Outcome.TRY_AGAIN, code="HTTP_500")),
    502: ({}, PushResult(outcome=Outcome.TRY_AGAIN, code="HTTP_502")),
    503: (
        {"retry_after": "7"},
        PushResult(outcome=Outcome.TRY_AGAIN, code="HTTP_503", retry_after=7),
    ),
}


@pytest.mark.parametrize("status", ANSWERS)
async def test_each_answer_has_its_outcome(
    service: WebPushService, channel: WebPush, clock: HandClock, status: int
):
    _, target = subscribed(service, channel)
    headers, expected = ANSWERS[status]
    service.fail_next(status, **headers)

    assert await channel.send(a_push(clock, target)) == expected
    assert service.asked == 1  # and nobody was led on


async def test_retry_after_is_read_in_both_forms_and_an_absurd_one_is_cut(
    service: WebPushService, channel: WebPush, clock: HandClock
):
    clock.now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    _, target = subscribed(service, channel)
    waits = []
    for told in (
        *("120", "Fri, 20 Nov 2026 12:03:00 GMT", "999999999999", "-5", "soon", ""),
        "Wed, 01 Jan 1997 00:00:00 GMT",
    ):
        service.fail_next(429, retry_after=told)
        waits.append((await channel.send(a_push(clock, target))).retry_after)

    assert waits == [120, 180, LONGEST_WAIT, 60, 60, 60, 0]


async def test_a_subscription_that_has_ended_or_that_there_is_not_is_gone(
    service: WebPushService, channel: WebPush, clock: HandClock
):
    browser, target = subscribed(service, channel)
    service.forget(browser)
    unknown = target.replace(browser, "x" * 32)

    gone = PushResult(outcome=Outcome.DEVICE_GONE, code="GONE")
    assert [await channel.send(a_push(clock, each)) for each in (target, unknown)] == [gone, gone]


async def test_a_subscription_made_for_another_key_is_told_from_a_dead_one(
    service: WebPushService, channel: WebPush, clock: HandClock
):
    other = Vapid(ECKey.generate_key("P-256", private=True), "mailto:a@b.example").public_key
    browser = service.subscribe(other)
    target = channel.target(TargetKind.WEB_PUSH, service.subscription(browser)).value

    result = await channel.send(a_push(clock, target))
    assert result == PushResult(outcome=Outcome.LANE_DOWN, code="VAPID_REFUSED")
    assert service.refusals == ["the subscription was made for another key"]


async def test_a_message_too_large_for_any_push_service_is_not_sent(
    service: WebPushService, channel: WebPush, clock: HandClock
):
    _, target = subscribed(service, channel)

    result = await channel.send(a_push(clock, target, body="x" * 4000))
    assert result == PushResult(outcome=Outcome.REJECTED, code="TOO_LARGE")
    assert service.asked == 0


async def test_many_at_once_reach_their_browsers_once_each(
    service: WebPushService, channel: WebPush, clock: HandClock
):
    browsers = [subscribed(service, channel) for _ in range(40)]
    await channel.send(a_push(clock, browsers[0][1]))  # the origin is known from here on
    service.received[browsers[0][0]].clear()
    results = await asyncio.gather(*(channel.send(a_push(clock, target)) for _, target in browsers))

    assert {each.outcome for each in results} == {Outcome.ACCEPTED}
    assert [len(service.received[browser]) for browser, _ in browsers] == [1] * 40


def a_subscription(**changed: Any) -> dict[str, Any]:
    return {
        "endpoint": "https://push.example/send/abc",
        "expirationTime": None,
        "keys": {
            "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6S"
            "RpkNtoIAiw4",
            "auth": "BTBZMqHH6r4Tts7J_aSIgg",
        },
    } | changed


GOOD = a_subscription()
KEYS = GOOD["keys"]
REFUSED = {
    "no JSON": ("hello", "is no subscription"),
    "half a letter": ("\udcff", "is no subscription"),
    "a list": ("[]", "is no subscription"),
    "no keys": (json.dumps(a_subscription(keys=None)), "is no subscription"),
    "huge": (json.dumps(a_subscription(more="x" * 5000)), "at most"),
    "clear": (json.dumps(a_subscription(endpoint="http://push.example/x")), "no https address"),
    "a file": (json.dumps(a_subscription(endpoint="file:///etc/passwd")), "no https address"),
    "a name": (json.dumps(a_subscription(endpoint="https://me@push.example/x")), "https address"),
    "a blank": (json.dumps(a_subscription(endpoint="https://push.example/ x")), "no address"),
    "a line": (json.dumps(a_subscription(endpoint="https://push.example/\r\nx: y")), "no address"),
    "a fragment": (json.dumps(a_subscription(endpoint="https://push.example/#x")), "no address"),
    "backslash": (json.dumps(a_subscription(endpoint="https://a\\@10.0.0.1/")), "no address"),
    "letters": (json.dumps(a_subscription(endpoint="https://püsh.example/")), "no address"),
    "long": (json.dumps(a_subscription(endpoint=f"https://a.example/{'x' * 2100}")), "no address"),
    "no host": (json.dumps(a_subscription(endpoint="https:///x")), "no https address"),
    "half an IPv6": (json.dumps(a_subscription(endpoint="https://[::1/x")), "no address"),
    "a port": (json.dumps(a_subscription(endpoint="https://push.example:8443/x")), "port"),
    "no port": (json.dumps(a_subscription(endpoint="https://push.example:99999/x")), "no address"),
    "no point": (json.dumps(a_subscription(keys=KEYS | {"p256dh": "AAAA"})), "no point"),
    "off the curve": (json.dumps(a_subscription(keys=KEYS | {"p256dh": "B" * 87})), "no point"),
    "no base64": (json.dumps(a_subscription(keys=KEYS | {"p256dh": "!"})), "base64url"),
    "short auth": (json.dumps(a_subscription(keys=KEYS | {"auth": "AAAA"})), "16 bytes"),
    "strange auth": (json.dumps(a_subscription(keys=KEYS | {"auth": "ä"})), "base64url"),
} | {
    host: (json.dumps(a_subscription(endpoint=f"https://{host}/x")), "open internet")
    for host in (
        *("127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("[::1]", "[fd00::1]", "[fe80::1]", "[::ffff:10.0.0.1]", "[64:ff9b::a00:1]"),
        *("[2002:7f00:1::]", "224.0.0.1"),
    )
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_subscription_is_refused_when_it_is_registered(what: str, clock: HandClock):
    given, why = REFUSED[what]
    channel = WebPush(_offline(()), Vapid(KEY, ""), "https://app.example", clock)
    with pytest.raises(TargetRefused, match=why):
        channel.target(TargetKind.WEB_PUSH, given)


def _offline(networks: Any) -> Any:
    """What looks at addresses, and is asked for nothing else."""

    class Offline:
        doors = Doors(networks)

    return Offline()


def test_a_subscription_is_kept_in_one_form_and_named_by_its_endpoint(clock: HandClock):
    channel = WebPush(_offline(()), Vapid(KEY, ""), "https://app.example", clock)
    padded = a_subscription(
        keys={"p256dh": f"{KEYS['p256dh']}=", "auth": f"{KEYS['auth']}=="}, more="is left out"
    )
    one = channel.target(TargetKind.WEB_PUSH, json.dumps(GOOD, indent=2))

    assert channel.target(TargetKind.WEB_PUSH, json.dumps(padded)) == one
    assert (one.name, json.loads(one.value)) == (
        GOOD["endpoint"],
        {"endpoint": GOOD["endpoint"], "keys": KEYS},
    )


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
    service: WebPushService,
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
    browser, target = subscribed(service, channel)
    target = target.replace(f"https://{LOOPBACK}", "https://localhost")
    service.url = service.url.replace(LOOPBACK, "localhost")
    result = await channel.send(a_push(clock, target))

    assert result.outcome is Outcome.ACCEPTED
    assert "localhost" in asked[0]
    assert [each for each in asked if each == "localhost"] == ["localhost"]
    assert len(service.received[browser]) == 1


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
    assert 0 < (results[3].retry_after or 0) <= 10


async def test_silent_strangers_take_few_places_and_others_go_on(
    service: WebPushService, authority: Authority, clock: HandClock
):
    async with (
        sending(authority, clock, seconds=2) as channel,
        contextlib.AsyncExitStack() as stack,
    ):
        browser, known = subscribed(service, channel)
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
    assert len(service.received[browser]) == 2
    assert sorted(codes) == ["LANE_BUSY"] * 3 + ["NO_ANSWER"] * STRANGERS_AT_ONCE


async def test_too_many_for_one_browser_is_its_own_matter_and_for_two_everybodys(
    service: WebPushService, channel: WebPush, clock: HandClock
):
    browsers = [subscribed(service, channel) for _ in range(3)]
    service.fail_next(429, 1, browsers[0][0], retry_after="30")
    first = [await channel.send(a_push(clock, target)) for _, target in browsers]
    service.fail_next(429, 1, browsers[0][0], retry_after="30")
    service.fail_next(429, 1, browsers[1][0], retry_after="40")
    second = [await channel.send(a_push(clock, target)) for _, target in browsers]
    asked = service.asked
    clock.advance(seconds=39)
    third = await channel.send(a_push(clock, browsers[2][1]))
    assert (third.code, third.retry_after, service.asked) == ("LANE_CLOSED", 1, asked)
    clock.advance(seconds=2)

    assert [each.code for each in first] == ["TOO_MANY", None, None]
    assert [each.code for each in second] == ["TOO_MANY", "TOO_MANY", "LANE_CLOSED"]
    assert (await channel.send(a_push(clock, browsers[2][1]))).outcome is Outcome.ACCEPTED


async def test_a_host_that_proves_nothing_is_told_nothing(
    service: WebPushService, clock: HandClock, tmp_path: Path
):
    async with sending(Authority.open(tmp_path / "another"), clock) as channel:
        _, target = subscribed(service, channel)
        result = await channel.send(a_push(clock, target))

    assert result == PushResult(outcome=Outcome.TRY_AGAIN, code="NO_ANSWER")
    assert service.asked == 0


async def test_http_2_is_spoken_where_it_is_offered_and_one_connection_does(
    authority: Authority, clock: HandClock
):
    async with running_origin(authority) as origin, sending(authority, clock) as channel:
        origin.on_request = lambda asked: asked.answer(201, b"")
        target = json.dumps(a_subscription(endpoint=f"{_named(origin)}/x"))
        results = [await channel.send(a_push(clock, target)) for _ in range(5)]

    assert {each.outcome for each in results} == {Outcome.ACCEPTED}
    assert (len(origin.asked), len(origin.connections)) == (5, 1)


def _named(origin: Origin) -> str:
    return origin.url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://push.example/a?b", "https://push.example"),
        ("https://PUSH.example:443/", "https://push.example"),
        ("https://push.example:8443/", "https://push.example:8443"),
        ("http://localhost:80/x", "http://localhost"),
        ("https://[2606:2800::1]/x", "https://[2606:2800::1]"),
    ],
)
def test_an_origin_is_written_as_rfc_6454_has_it(url: str, expected: str):
    assert origin_of(url) == expected


def test_the_browsers_own_push_services_are_known_and_look_alikes_are_not():
    known = ("fcm.googleapis.com", "updates.push.services.mozilla.com", "web.push.apple.com")
    assert all(Lane(f"https://{each}").proven for each in known)
    assert not Lane("https://fcm.googleapis.com.evil.example").proven
    assert not Lane("https://notgoogleapis.com").proven


def test_lanes_of_very_many_origins_are_not_all_kept():
    lanes = Lanes()
    for number in range(2100):
        lanes.of(f"https://{number}.example")

    assert len(lanes._lanes) == 2000
