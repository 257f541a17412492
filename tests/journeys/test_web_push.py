"""A student's browser beside the phone: subscribed through GraphQL, told, and telling back."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from databases import until
from testbed import Bed, bed_running

from erasmus_app.bootstrap.channels import module_of
from erasmus_app.cli.phones import Phone
from erasmus_app.ids import global_id
from erasmus_app.notifications.ports import Outcome, Push, PushResult, Target, TargetRefused
from erasmus_app.students.models import TargetKind

REGISTER = """mutation ($device: DeviceInput!) {
  registerDevice(device: $device) {
    ... on DeviceRegistered { device { id platform } }
    ... on DeviceRefused { reason }
  }
}"""
CONFIRM = """mutation ($device: ID!, $received: [ID!], $opened: [ID!]) {
  confirmPushes(device: $device, received: $received, opened: $opened)
}"""
DEVICES = "{ me { devices { id platform } } }"
FIRST = "{ me { inbox(first: 1) { nodes { id title body } } } }"


@pytest.fixture
async def bed(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Bed]:
    async with bed_running(dsn, valkey, tmp_path) as bed:
        yield bed


async def told(bed: Bed, browser: str, count: int) -> list[dict[str, Any]]:
    shown = await bed.world.web_push.wait(browser, count, 20)
    return [each.content["notification"] for each in shown]


async def the_browser(bed: Bed, phone: Phone) -> str:
    """The id of the student's browser, as the app has it."""
    devices = (await bed.ask(phone, DEVICES))["me"]["devices"]
    (found,) = [each["id"] for each in devices if each["platform"] == "WEB"]
    return str(found)


async def deliveries(bed: Bed) -> list[tuple[Any, ...]]:
    rows = await bed.app.database.fetch(
        "select channel, state, last_error from delivery order by channel, state"
    )
    return [tuple(row) for row in rows]


async def test_a_browser_shows_what_the_phone_shows_and_leads_to_the_message(bed: Bed):
    phone = await bed.phone("ines", language="pt")
    browser = await bed.browser(phone)
    await bed.take()

    (shown,) = await told(bed, browser, 1)
    (pushed,) = await bed.pushes(phone, 1)
    (message,) = (await bed.ask(phone, FIRST))["me"]["inbox"]["nodes"]
    assert (shown["title"], shown["body"]) == (pushed.title, pushed.body)
    assert shown["data"] == pushed.data
    assert shown["data"]["id"] == message["id"]
    address = bed.world.environment["ERASMUS_APP_PUBLIC_URL"]
    assert shown["navigate"] == f"{address}/?message={message['id']}"
    await bed.until_idle()
    assert await deliveries(bed) == [("fcm", "accepted", None), ("web_push", "accepted", None)]
    assert bed.world.web_push.refusals == []


async def test_nothing_of_a_subscription_lies_in_the_database_in_clear(bed: Bed):
    phone = await bed.phone("ines")
    browser = await bed.browser(phone)
    keys = json.loads(bed.world.web_push.subscription(browser))["keys"]
    rows = await bed.app.database.fetch("select device.*, device::text as whole from device")

    assert len(rows) == 2
    for row in rows:
        held = [bytes(each) for each in row.values() if isinstance(each, bytes)]
        for secret in (browser, keys["auth"], keys["p256dh"], "127.0.0.1"):
            assert secret not in row["whole"]
            assert not any(secret.encode() in each for each in held)


async def test_a_browser_that_took_its_permission_back_is_forgotten_and_the_phone_is_not(bed: Bed):
    phone = await bed.phone("ines")
    browser = await bed.browser(phone)
    bed.world.web_push.forget(browser)
    await bed.take()
    await bed.pushes(phone, 1)
    await bed.until_idle()

    devices = (await bed.ask(phone, DEVICES))["me"]["devices"]
    assert [each["platform"] for each in devices] == ["ANDROID"]
    assert await deliveries(bed) == [
        ("fcm", "accepted", None),
        ("web_push", "device_gone", "GONE"),
    ]


class Pigeons:
    """A channel of another make; all that the house knows of it is the port."""

    ready = True
    public_key = "a ring"

    def __init__(self, answer: Callable[[Push], Awaitable[PushResult]]) -> None:
        self.sent: list[Push] = []
        self._answer = answer

    def target(self, kind: TargetKind, given: str) -> Target:
        if given != "loft 7":
            raise TargetRefused("is no loft")
        return Target(name=given, value=f"{kind.value} to {given}")

    async def send(self, push: Push) -> PushResult:
        self.sent.append(push)
        return await self._answer(push)


def with_pigeons(bed: Bed, answer: Callable[[Push], Awaitable[PushResult]]) -> Pigeons:
    """Have pigeons bring what browsers would get."""
    pigeons = Pigeons(answer)
    for each in (bed.app, *bed.others):
        channels = each.services.channels
        assert isinstance(channels, dict)
        channels["web_push"] = pigeons
    return pigeons


async def registered(bed: Bed, phone: Phone, target: str) -> dict[str, Any]:
    device = {"platform": "WEB", "targetKind": "WEB_PUSH", "target": target}
    found: dict[str, Any] = (await bed.ask(phone, REGISTER, device=device))["registerDevice"]
    return found


async def test_whatever_is_behind_the_port_is_a_channel(bed: Bed):
    async def well(_: Push) -> PushResult:
        return PushResult(outcome=Outcome.ACCEPTED, provider_id="feather")

    pigeons = with_pigeons(bed, well)
    phone = await bed.phone("ines")
    refused = await registered(bed, phone, "loft 8")
    await registered(bed, phone, "loft 7")
    await bed.take()
    (pushed,) = await bed.pushes(phone, 1)
    await bed.until_idle()

    assert refused == {"reason": "target: is no loft"}
    assert await bed.ask(phone, "{ pushKey }") == {"pushKey": "a ring"}
    (sent,) = pigeons.sent
    assert (sent.target, sent.title, sent.data) == (
        "web_push to loft 7",
        pushed.title,
        pushed.data,
    )
    row = await bed.app.database.fetchrow(
        "select state, provider_id, attempts from delivery where channel = 'web_push'"
    )
    assert tuple(row) == ("accepted", "feather", 1)


@pytest.mark.parametrize("meanwhile", [False, True])
async def test_a_device_told_to_be_gone_is_forgotten_unless_it_registered_meanwhile(
    bed: Bed, meanwhile: bool
):
    phone = await bed.phone("ines")

    async def gone(_: Push) -> PushResult:
        if meanwhile:
            await registered(bed, phone, "loft 7")
        return PushResult(outcome=Outcome.DEVICE_GONE, code="GONE")

    with_pigeons(bed, gone)
    await registered(bed, phone, "loft 7")
    await bed.take()
    await bed.pushes(phone, 1)
    await bed.until_idle()

    devices = (await bed.ask(phone, DEVICES))["me"]["devices"]
    expected = ["ANDROID", "WEB"] if meanwhile else ["ANDROID"]
    assert sorted(each["platform"] for each in devices) == expected


async def test_a_message_waits_as_long_as_it_is_told_and_no_longer_than_it_is_of_use(bed: Bed):
    answers = [
        PushResult(outcome=Outcome.TRY_AGAIN, code="TOO_MANY", retry_after=3000),
        PushResult(outcome=Outcome.LANE_DOWN, code="VAPID_REFUSED"),
    ]

    async def not_now(_: Push) -> PushResult:
        return answers.pop(0)

    with_pigeons(bed, not_now)
    phone = await bed.phone("ines")
    await registered(bed, phone, "loft 7")
    await bed.take()
    database = bed.app.database

    async def attempts(count: int) -> bool:
        found = await database.fetchval(
            "select attempts from delivery where channel = 'web_push' and attempts = $1", count
        )
        return found is not None

    await until(lambda: attempts(1))
    due = "select extract(epoch from due - now()) from job where lane = 'web_push'"
    await until(lambda: _past(database.fetchval(due), 2900))
    await database.execute("update job set due = now() where lane = 'web_push'")
    await until(lambda: attempts(2))
    await database.execute("update delivery set expires_at = now() where state = 'pending'")
    await until(lambda: _past(database.fetchval(due), 1))
    await database.execute("update job set due = now() where lane = 'web_push'")
    await bed.until_idle()

    assert answers == []
    assert await deliveries(bed) == [("fcm", "accepted", None), ("web_push", "expired", None)]


async def _past(found: Awaitable[Any], seconds: float) -> bool:
    value = await found
    return value is not None and float(value) > seconds


async def test_endpoints_that_lead_inside_are_refused_in_words(bed: Bed):
    phone = await bed.signed_in("ines")
    browser = bed.world.web_push.subscribe(await phone.push_key(bed.http))
    good = json.loads(bed.world.web_push.subscription(browser))
    reasons = []
    for endpoint in ("http://169.254.169.254/x", "https://10.0.0.1/x", "https://[::1]:5432/x"):
        target = json.dumps(good | {"endpoint": endpoint})
        device = {"platform": "WEB", "targetKind": "WEB_PUSH", "target": target}
        answer = await bed.ask(phone, REGISTER, device=device)
        reasons.append(answer["registerDevice"]["reason"])

    assert reasons == [
        "target: endpoint: is no https address",
        *["target: endpoint: leads to an address that is not the open internet's"] * 2,
    ]
    assert (await bed.ask(phone, DEVICES))["me"]["devices"] == []


async def test_the_app_says_what_came_and_what_was_opened_and_the_first_time_counts(bed: Bed):
    phone = await bed.phone("ines")
    browser = await bed.browser(phone)
    other = await bed.phone("tiago")
    await bed.take()
    (shown,) = await told(bed, browser, 1)
    await bed.until_idle()
    device, message = await the_browser(bed, phone), shown["data"]["id"]

    async def said(who: Phone, **what: Any) -> int:
        return int((await bed.ask(who, CONFIRM, **{"device": device} | what))["confirmPushes"])

    async def noted() -> list[tuple[bool, bool]]:
        rows = await bed.app.database.fetch(
            """select received_at is not null, opened_at is not null from delivery
               order by channel"""
        )
        return [tuple(row) for row in rows]

    assert await said(other, received=[message], opened=[message]) == 0
    assert await said(phone, received=[global_id("Message", uuid4()), "no id", device]) == 0
    assert await said(phone, device=global_id("Device", uuid4()), received=[message]) == 0
    assert await said(phone, device=message, received=[message]) == 0
    assert await said(phone) == 0
    assert await noted() == [(False, False), (False, False)]
    assert await said(phone, received=[message, message]) == 1
    assert await said(phone, received=[message]) == 0
    assert await noted() == [(False, False), (True, False)]
    first = await bed.app.database.fetchval(
        "select received_at from delivery where channel = 'web_push'"
    )
    assert await said(phone, opened=[message]) == 1
    assert await said(phone, received=[message], opened=[message]) == 0
    assert await noted() == [(False, False), (True, True)]
    assert first == await bed.app.database.fetchval(
        "select received_at from delivery where channel = 'web_push'"
    )


async def test_what_came_is_not_sent_again_though_its_push_service_said_nothing(bed: Bed):
    phone = await bed.phone("ines")
    browser = await bed.browser(phone)
    bed.world.web_push.fail_next(503, 1, browser)
    await bed.take()
    (pushed,) = await bed.pushes(phone, 1)
    await until(lambda: bed.world.web_push.asked == 1)
    device = await the_browser(bed, phone)
    said = await bed.ask(phone, CONFIRM, device=device, received=[pushed.data["id"]])
    assert said == {"confirmPushes": 1}
    await bed.app.database.execute("update job set due = now() where lane = 'web_push'")
    await bed.until_idle()

    assert bed.world.web_push.asked == 1
    assert [each[:2] for each in await deliveries(bed)] == [
        ("fcm", "accepted"),
        ("web_push", "accepted"),
    ]


async def test_the_key_for_subscribing_is_told_to_who_is_signed_in_alone(bed: Bed):
    phone = await bed.signed_in("ines")
    answer = await bed.http.post(f"{bed.address}/graphql", json={"query": "{ pushKey }"})

    assert len(await phone.push_key(bed.http)) == 87
    assert await bed.ask(phone, "{ pushKey(kind: FID) }") == {"pushKey": None}
    assert answer.json().get("data") is None


def test_each_kind_of_target_has_a_channel_and_each_channel_is_one_module(bed: Bed):
    channels = bed.app.services.channels

    assert {kind.channel for kind in TargetKind} == channels.keys() == {"fcm", "web_push"}
    assert all(callable(module_of(name).opened) for name in channels)
