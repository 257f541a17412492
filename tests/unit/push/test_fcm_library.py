"""firebase-admin, which can be chosen, says what each answer means; our transport has to agree."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from unit.push.origin import running_origin
from unit.push.test_fcm import NOW, a_push, sending

from erasmus_app.notifications.ports import Outcome, PushResult
from erasmus_app.push import fcm
from erasmus_app.push.fcm import Fcm
from erasmus_app.push.fcm_library import FirebaseAdmin, LibrarySender
from erasmus_app.settings import FcmTransport, Settings
from sandbox.authority import Authority
from sandbox.push import PushService, running_push
from sandbox.push_rules import STATUSES, google_error, refused


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("push")


@pytest.fixture
async def service(authority: Authority, folder: Path) -> AsyncIterator[PushService]:
    async with running_push(folder, authority) as service:
        yield service


@contextlib.asynccontextmanager
async def library_to(
    service: PushService, authority: Authority, url: str | None = None
) -> AsyncIterator[LibrarySender]:
    library = FirebaseAdmin(service.service_account_file, url or service.url, authority.ca_file)
    try:
        yield LibrarySender(library, lambda: NOW)
    finally:
        await library.close()


def violating(*fields: Any) -> bytes:
    body = json.loads(refused("INVALID_ARGUMENT", "no").body)
    violations = [{"field": each} if isinstance(each, str) else each for each in fields]
    body["error"]["details"].append({"fieldViolations": violations})
    return json.dumps(body).encode()


PAGE = b"<!doctype html><title>proxy</title>"
LATER = format_datetime(NOW + timedelta(seconds=90), usegmt=True)
ANSWERS: dict[str, tuple[int, bytes, dict[str, str]]] = {
    **{code: (STATUSES[code][0], refused(code, "no").body, {}) for code in STATUSES},
    "bad token": (400, violating("message.token"), {}),
    "bad fid": (400, violating("message.fid"), {}),
    "bad field": (400, violating("message.android.ttl"), {}),
    "bad token and field": (400, violating("message.token", "message.data"), {}),
    "odd violations": (400, violating("message.token", 7), {}),
    "400, a page": (400, PAGE, {}),
    "401, Google's": (401, google_error(401, "UNAUTHENTICATED", "no").body, {}),
    "401, a page": (401, PAGE, {}),
    "403, Google's": (403, google_error(403, "PERMISSION_DENIED", "no").body, {}),
    "403, a page": (403, PAGE, {}),
    "404, Google's": (404, google_error(404, "NOT_FOUND", "no").body, {}),
    "404, a page": (404, PAGE, {}),
    "409": (409, google_error(409, "ABORTED", "no").body, {}),
    "413, a page": (413, PAGE, {}),
    "429, a page": (429, PAGE, {}),
    "429, in seconds": (429, refused("QUOTA_EXCEEDED", "no").body, {"retry-after": "7"}),
    "429, a date": (429, refused("QUOTA_EXCEEDED", "no").body, {"retry-after": LATER}),
    "429, absurd": (429, refused("QUOTA_EXCEEDED", "no").body, {"retry-after": "9" * 40}),
    "429, past": (
        429,
        refused("QUOTA_EXCEEDED", "no").body,
        {"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"},
    ),
    "429, nonsense": (429, refused("QUOTA_EXCEEDED", "no").body, {"retry-after": "soon"}),
    "429, negative": (429, refused("QUOTA_EXCEEDED", "no").body, {"retry-after": "-1"}),
    "503, in seconds": (503, refused("UNAVAILABLE", "no").body, {"retry-after": "30"}),
    "503, a date": (503, refused("UNAVAILABLE", "no").body, {"retry-after": LATER}),
    "503, absurd": (503, refused("UNAVAILABLE", "no").body, {"retry-after": "1e400"}),
    "503, a page": (503, PAGE, {"retry-after": "120"}),
    "500, a page": (500, PAGE, {}),
    "502, a page": (502, PAGE, {}),
    "504, a page": (504, PAGE, {}),
    "499": (499, google_error(499, "CANCELLED", "no").body, {}),
    "error is a text": (503, b'{"error":"unavailable"}', {}),
    "error is a list": (503, b'{"error":[]}', {}),
    "a list": (503, b"[]", {}),
    "nothing": (503, b"", {}),
    "no UTF-8": (503, b"\xff\xfe", {}),
}
UNLIKE = {"error is a text", "error is a list", "no UTF-8"}
"""At these the library stumbles, and says that it does not know; we still read the status."""


@pytest.mark.parametrize("name", ANSWERS)
async def test_both_transports_make_the_same_of_an_answer(
    service: PushService, authority: Authority, name: str
):
    status, body, headers = ANSWERS[name]
    asked: list[bytes] = []

    def answer(one: Any) -> None:
        asked.append(bytes(one.body))
        one.answer(status, body, **headers)

    async with (
        running_origin(authority, on_request=answer) as origin,
        sending(service, authority, url=origin.url) as ours,
        library_to(service, authority, origin.url) as library,
    ):
        by_us = await ours.send(a_push("phone"))
        times = len(asked)
        by_it = await library.send(a_push("phone"))

    assert [json.loads(each) for each in asked] == [json.loads(asked[0])] * 2 * times
    if name in UNLIKE:
        assert by_it == PushResult(outcome=by_us.outcome, code="NO_ANSWER")
    else:
        assert by_us == by_it


async def test_both_accept_what_was_accepted(service: PushService, authority: Authority):
    fid = service.register()
    async with (
        sending(service, authority) as ours,
        library_to(service, authority) as library,
    ):
        results = [await each.send(a_push(fid)) for each in (ours, library)]

    first, second = service.received[fid]
    assert first.raw == second.raw
    assert [each.outcome for each in results] == [Outcome.ACCEPTED] * 2
    assert all((each.provider_id or "").startswith("projects/erasmus-play/") for each in results)


@pytest.mark.parametrize("fault", ["EXPIRED_TOKEN", "RESET", "NOT_JSON"])
async def test_both_make_the_same_of_a_fault(
    service: PushService, authority: Authority, fault: str
):
    async with (
        sending(service, authority) as ours,
        library_to(service, authority) as library,
    ):
        results = []
        for each in (ours, library):
            fid = service.register()
            service.fail_next(fault, fid=fid)
            results.append(await each.send(a_push(fid)))

    assert [(each.outcome, each.code, each.retry_after) for each in results[:1]] == [
        (each.outcome, each.code, each.retry_after) for each in results[1:]
    ]


async def test_both_refuse_a_message_that_is_none_and_a_token_that_is_not_given(
    service: PushService, authority: Authority, tmp_path: Path
):
    nobody = Authority.open(tmp_path)
    async with (
        library_to(service, authority) as library,
        library_to(service, nobody) as stranger,
    ):
        invalid = await library.send(a_push(service.register(), data={"n": 1}))
        refused = await stranger.send(a_push(service.register()))

    assert invalid == PushResult(outcome=Outcome.REJECTED, code="INVALID_MESSAGE ValueError")
    assert refused == PushResult(outcome=Outcome.LANE_DOWN, code="TOKEN_REFUSED")


async def test_its_own_repeats_are_off_and_its_quota_closes_the_lane(
    service: PushService, authority: Authority
):
    fid = service.register()
    heard: asyncio.Queue[PushResult] = asyncio.Queue()
    async with library_to(service, authority) as library:
        service.fail_next("UNAVAILABLE", retry_after=2)
        once = await library.send(a_push(fid))
        service.fail_next("QUOTA_EXCEEDED", retry_after=40)
        library.start(a_push(fid), heard.put_nowait)
        quota = await heard.get()
        closed = await library.send(a_push(fid))

    assert (once.code, once.retry_after) == ("UNAVAILABLE", 2.0)
    assert (quota.code, closed.code, library.closed()) == ("QUOTA_EXCEEDED", "LANE_CLOSED", 40.0)
    assert service.received[fid] == []


@pytest.mark.parametrize("transport", [*FcmTransport])
async def test_the_setting_chooses(
    service: PushService, authority: Authority, transport: FcmTransport
):
    settings = Settings(
        fcm_credentials=service.service_account_file,
        fcm_url=service.url,
        fcm_transport=transport,
        tls_ca_file=authority.ca_file,
    )
    fid = service.register()
    async with contextlib.AsyncExitStack() as stack:
        channel = fcm.opened(settings, lambda: datetime.now(UTC), stack)
        result = await channel.send(a_push(fid))

    assert isinstance(channel, Fcm)
    assert isinstance(channel._sender, LibrarySender) is (transport == "firebase-admin")
    assert (result.outcome, len(service.received[fid])) == (Outcome.ACCEPTED, 1)
