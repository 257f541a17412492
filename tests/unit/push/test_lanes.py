"""Lanes: each closes and opens by itself, and what waits was not sent."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from structlog.testing import capture_logs
from unit.push.test_fcm import a_push
from unit.sandbox.hand_clock import HandClock

from erasmus_app.notifications.ports import Outcome, PushResult
from erasmus_app.push.fcm import result_of
from erasmus_app.push.fcm_lanes import PLATFORM_PAUSE, FcmLanes
from erasmus_app.push.http2 import Answer
from erasmus_app.push.lanes import MISSES, Lane, Lanes
from erasmus_app.push.pace import Bucket

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
GOOD = PushResult(outcome=Outcome.ACCEPTED)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def refused(code: str, outcome: Outcome, retry_after: float | None = None) -> PushResult:
    return PushResult(outcome=outcome, code=code, retry_after=retry_after)


def test_a_lane_at_its_pace_sends_away_and_says_for_how_long():
    lane = Lane(bucket=Bucket(1, 2))
    assert [lane.enter(NOW), lane.enter(NOW)] == [None, None]
    assert lane.room(NOW) == 0
    waits = lane.enter(NOW)
    assert waits is not None
    assert (waits.outcome, waits.code) == (Outcome.WAIT, "LANE_BUSY")
    assert 1 <= (waits.retry_after or 0) <= 1.25
    assert lane.room(at(2)) == 2


def test_each_origin_has_a_pace_of_its_own():
    lanes = Lanes(1, 1)
    assert lanes.of("https://a.example").enter(NOW) is None
    assert lanes.of("https://a.example").enter(NOW) is not None
    assert lanes.of("https://b.example").enter(NOW) is None


def test_many_that_were_under_way_together_are_one_miss():
    lane = Lane()
    for _ in range(1000):  # one connection was lost
        lane.missed(at(1), began=NOW)
    assert lane.closed(at(1)) is None
    for number in range(2, MISSES + 1):
        assert lane.closed(at(number)) is None
        lane.missed(at(number), began=at(number - 0.5))
    assert 0 < (lane.closed(at(MISSES)) or 0) <= 10


def test_a_clock_that_goes_back_keeps_no_lane_closed():
    lane = Lane(bucket=Bucket(10, 10))
    lane.close(60, at(7200))
    assert lane.enter(at(7201)) is not None
    assert lane.closed(NOW) is None
    assert lane.room(at(60)) == 0  # the pace begins anew as well
    assert lane.enter(at(90)) is None


def test_quotas_without_a_time_close_for_twice_as_long_each_time():
    clock = HandClock()
    lanes = FcmLanes(clock)
    waits = []
    for _ in range(8):
        quota = refused("QUOTA_EXCEEDED", Outcome.LANE_DOWN)
        assert lanes.learn(a_push("a"), quota, clock()) == lanes.learn(a_push("b"), quota, clock())
        waits.append(lanes.learn(a_push("c"), quota, clock()).retry_after)
        assert lanes.room() == 0
        clock.advance(seconds=4000)
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    lanes.learn(a_push("a"), GOOD, clock())
    assert lanes.learn(a_push("a"), quota, clock()).retry_after == 60


def test_a_wrong_credential_pauses_its_platform_alone_and_calls_an_operator_once():
    clock = HandClock()
    lanes, apple = FcmLanes(clock), {"platform": "ios"}
    wrong = refused("THIRD_PARTY_AUTH_ERROR", Outcome.LANE_DOWN)
    with capture_logs() as logs:
        for _ in range(5):
            lanes.learn(a_push("a", **apple), wrong, clock())
    assert [(each["event"], each["log_level"], each["platform"]) for each in logs] == [
        ("push.credential_refused", "error", "ios")
    ]

    waits = lanes.enter(a_push("a", **apple), clock())
    assert waits is not None
    assert (waits.outcome, waits.code) == (Outcome.WAIT, "PLATFORM_CLOSED")
    assert PLATFORM_PAUSE <= (waits.retry_after or 0) <= PLATFORM_PAUSE + 60
    for other in ("android", "web"):
        assert lanes.enter(a_push("b", platform=other), clock()) is None
    assert lanes.room() > 0
    clock.advance(seconds=PLATFORM_PAUSE + 1)
    assert lanes.enter(a_push("a", **apple), clock()) is None


def test_a_service_that_is_not_well_is_left_alone_and_one_good_answer_counts():
    clock = HandClock()
    lanes = FcmLanes(clock)
    for answers in (["UNAVAILABLE", "INTERNAL", "", "NO_ANSWER", "HTTP_502"], ["HTTP_503"]):
        for code in answers:
            assert lanes.room() > 0
            result = refused(code, Outcome.TRY_AGAIN) if code else GOOD
            lanes.learn(a_push("a"), result, clock())
            clock.advance(seconds=0.1)
    assert lanes.room() == 0
    clock.advance(seconds=11)
    assert lanes.room() > 0


def violations(*subjects: str) -> bytes:
    details: list[dict[str, Any]] = [
        {
            "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError",
            "errorCode": "QUOTA_EXCEEDED",
        },
        {
            "@type": "type.googleapis.com/google.rpc.QuotaFailure",
            "violations": [{"subject": each, "description": "too many"} for each in subjects],
        },
    ]
    return msgspec.json.encode({"error": {"status": "RESOURCE_EXHAUSTED", "details": details}})


def test_too_many_for_one_device_is_that_delivery_s_matter():
    def outcome(*subjects: str) -> tuple[Outcome, str | None]:
        result = result_of(Answer(status=429, headers={}, body=violations(*subjects)), NOW)
        return result.outcome, result.code

    assert outcome("device:abc") == (Outcome.TRY_AGAIN, "DEVICE_QUOTA")
    assert outcome("project:1", "device:abc") == (Outcome.LANE_DOWN, "QUOTA_EXCEEDED")
    assert outcome("project:1") == (Outcome.LANE_DOWN, "QUOTA_EXCEEDED")
    assert outcome() == (Outcome.LANE_DOWN, "QUOTA_EXCEEDED")


def test_an_operator_sees_services_that_are_known_and_never_where_a_subscription_leads():
    lanes = Lanes()
    lanes.of("https://fcm.googleapis.com")
    lanes.of("https://ines.example").close(60, NOW)
    lanes.of("https://web.push.apple.com").close(60, NOW)

    assert lanes.closed(at(30)) == {
        "googleapis.com": False,
        "push.services.mozilla.com": False,
        "push.apple.com": True,
        "notify.windows.com": False,
        "others": True,
    }
    assert not any(lanes.closed(at(61)).values())


def test_an_operator_sees_which_platform_waits_at_fcm():
    clock = HandClock()
    lanes = FcmLanes(clock)
    assert lanes.circuits() == {"fcm": 0.0}
    wrong = refused("THIRD_PARTY_AUTH_ERROR", Outcome.LANE_DOWN)
    lanes.learn(a_push("a-phone", platform="ios"), wrong, clock())

    assert lanes.circuits() == {"fcm": 0.0, "fcm:ios": 2.0}
    lanes.close(60)
    assert lanes.circuits() == {"fcm": 2.0, "fcm:ios": 2.0}
