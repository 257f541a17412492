"""The channel against the sandbox's strict push service: TLS, VAPID, encryption, every answer."""

import asyncio
import json
import logging
from datetime import UTC, datetime, timedelta

import pytest
from joserfc.jwk import ECKey
from structlog.testing import capture_logs
from unit.push.browsers import (
    ENTRY,
    KEY,
    MESSAGE_ID,
    a_push,
    subscribed,
)
from unit.sandbox.hand_clock import HandClock

from erasmus_app.notifications.models import Urgency
from erasmus_app.notifications.ports import Outcome, PushResult, TargetRefused
from erasmus_app.push.answers import LONGEST_WAIT
from erasmus_app.push.lanes import Lane, Lanes, origin_of
from erasmus_app.push.vapid import Vapid
from erasmus_app.push.web_push import WebPush
from erasmus_app.students.models import TargetKind
from sandbox.web_push import WebPushService


async def test_a_message_comes_as_safari_shows_it_and_a_service_worker_reads_it(
    browsers: WebPushService, channel: WebPush, clock: HandClock
):
    browser, target = subscribed(browsers, channel)

    assert await channel.send(a_push(clock, target)) == PushResult(outcome=Outcome.ACCEPTED)
    (shown,) = browsers.received[browser]
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
    assert browsers.refusals == []


async def test_a_message_is_kept_no_longer_than_it_says_something(
    browsers: WebPushService, channel: WebPush, clock: HandClock
):
    browser, target = subscribed(browsers, channel)
    for hours in (-1, 1, 24 * 365):
        ends = clock() + timedelta(hours=hours)
        await channel.send(a_push(clock, target, urgency=Urgency.NORMAL, expires_at=ends))

    shown = browsers.received[browser]
    assert [each.ttl for each in shown] == [0, 3600, 28 * 86400]
    assert {each.urgency for each in shown} == {"normal"}


async def test_proofs_stay_good_over_days(
    browsers: WebPushService, channel: WebPush, clock: HandClock
):
    browser, target = subscribed(browsers, channel)
    for _ in range(12):
        assert (await channel.send(a_push(clock, target))).outcome is Outcome.ACCEPTED
        clock.advance(hours=5)

    assert len(browsers.received[browser]) == 12


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
    browsers: WebPushService, channel: WebPush, clock: HandClock, status: int
):
    _, target = subscribed(browsers, channel)
    headers, expected = ANSWERS[status]
    browsers.fail_next(status, **headers)

    assert await channel.send(a_push(clock, target)) == expected
    assert browsers.asked == 1  # and nobody was led on


async def test_retry_after_is_read_in_both_forms_and_an_absurd_one_is_cut(
    browsers: WebPushService, channel: WebPush, clock: HandClock
):
    clock.now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    _, target = subscribed(browsers, channel)
    waits = []
    for told in (
        *("120", "Fri, 20 Nov 2026 12:03:00 GMT", "999999999999", "-5", "soon", ""),
        "Wed, 01 Jan 1997 00:00:00 GMT",
    ):
        browsers.fail_next(429, retry_after=told)
        waits.append((await channel.send(a_push(clock, target))).retry_after)

    assert waits == [120, 180, LONGEST_WAIT, 60, 60, 60, 0]


async def test_a_subscription_that_has_ended_or_that_there_is_not_is_gone(
    browsers: WebPushService, channel: WebPush, clock: HandClock
):
    browser, target = subscribed(browsers, channel)
    browsers.forget(browser)
    unknown = target.replace(browser, "x" * 32)

    gone = PushResult(outcome=Outcome.DEVICE_GONE, code="GONE")
    assert [await channel.send(a_push(clock, each)) for each in (target, unknown)] == [gone, gone]


async def test_a_subscription_made_for_another_key_is_told_from_a_dead_one(
    browsers: WebPushService, channel: WebPush, clock: HandClock
):
    other = Vapid(ECKey.generate_key("P-256", private=True), "mailto:a@b.example").public_key
    browser = browsers.subscribe(other)
    target = channel.target(TargetKind.WEB_PUSH, browsers.subscription(browser)).value

    result = await channel.send(a_push(clock, target))
    assert result == PushResult(outcome=Outcome.LANE_DOWN, code="VAPID_REFUSED")
    assert browsers.refusals == ["the subscription was made for another key"]


async def test_a_message_too_large_for_any_push_service_is_not_sent(
    browsers: WebPushService, channel: WebPush, clock: HandClock
):
    _, target = subscribed(browsers, channel)

    result = await channel.send(a_push(clock, target, body="x" * 4000))
    assert result == PushResult(outcome=Outcome.REJECTED, code="TOO_LARGE")
    assert browsers.asked == 0


async def test_neither_logs_nor_what_is_shown_of_objects_hold_a_secret(
    browsers: WebPushService,
    channel: WebPush,
    clock: HandClock,
    caplog: pytest.LogCaptureFixture,
):
    caplog.set_level(logging.INFO)
    browser, target = subscribed(browsers, channel)
    keys = json.loads(browsers.subscription(browser))["keys"]
    with capture_logs() as logs:
        results = []
        for status in (201, 410, 429, 503, 403):
            browsers.fail_next(status)
            results.append(await channel.send(a_push(clock, target)))
        with pytest.raises(TargetRefused) as refused:
            channel.target(TargetKind.WEB_PUSH, target.replace("https", "ftp"))
    ours = [each.getMessage() for each in caplog.records if "uvicorn" not in each.name]
    said = f"{ours} {logs} {results} {channel!r} {refused.value}"

    private = str(KEY.as_dict(private=True)["d"])
    secrets = [browser, keys["p256dh"], keys["auth"], private, "A tua nomeação"]
    assert [each for each in secrets if each in said] == []


async def test_many_at_once_reach_their_browsers_once_each(
    browsers: WebPushService, channel: WebPush, clock: HandClock
):
    targets = [subscribed(browsers, channel) for _ in range(40)]
    await channel.send(a_push(clock, targets[0][1]))  # the origin is known from here on
    browsers.received[targets[0][0]].clear()
    results = await asyncio.gather(*(channel.send(a_push(clock, target)) for _, target in targets))

    assert {each.outcome for each in results} == {Outcome.ACCEPTED}
    assert [len(browsers.received[browser]) for browser, _ in targets] == [1] * 40


async def test_too_many_for_one_browser_is_its_own_matter_and_for_two_everybodys(
    browsers: WebPushService, channel: WebPush, clock: HandClock
):
    targets = [subscribed(browsers, channel) for _ in range(3)]
    browsers.fail_next(429, 1, targets[0][0], retry_after="30")
    first = [await channel.send(a_push(clock, target)) for _, target in targets]
    browsers.fail_next(429, 1, targets[0][0], retry_after="30")
    browsers.fail_next(429, 1, targets[1][0], retry_after="40")
    second = [await channel.send(a_push(clock, target)) for _, target in targets]
    asked = browsers.asked
    clock.advance(seconds=39)
    third = await channel.send(a_push(clock, targets[2][1]))
    assert (third.code, browsers.asked) == ("LANE_CLOSED", asked)
    assert 1 <= (third.retry_after or 0) <= 1.5
    clock.advance(seconds=2)

    assert [each.code for each in first] == ["TOO_MANY", None, None]
    assert [each.code for each in second] == ["TOO_MANY", "TOO_MANY", "LANE_CLOSED"]
    assert (await channel.send(a_push(clock, targets[2][1]))).outcome is Outcome.ACCEPTED


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
