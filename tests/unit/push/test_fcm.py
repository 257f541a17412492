"""The sender against the sandbox's push service: TLS, HTTP/2, a service account, FCM's answers."""

import asyncio
import contextlib
import json
import logging
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvloop
from structlog.testing import capture_logs
from unit.push.origin import running_origin
from unit.sandbox.hand_clock import HandClock

from erasmus_app.errors import SettingsInvalid
from erasmus_app.notifications.models import Urgency
from erasmus_app.notifications.ports import Outcome, Push, PushResult
from erasmus_app.push.credentials import AccessTokens
from erasmus_app.push.fcm import FcmSender, result_of
from erasmus_app.push.http2 import Answer, Http2Transport
from sandbox.authority import Authority
from sandbox.push import PushService, running_push
from sandbox.push_rules import Violation, refused
from sandbox.serving import listen, serving

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ENTRY, MOBILITY = "0d6f2c4e-1d5a-5b3e-9c1f-7a0d2b8e4f10", "8a1f6d0e-2b7c-4f55-8e0a-3c9d1e5b7a21"


def a_push(target: str, **changed: Any) -> Push:
    return Push(
        **{
            "message_id": ENTRY,
            "platform": "android",
            "target_kind": "fid",
            "target": target,
            "title": "A tua nomeação chegou",
            "body": "Toca para ver o próximo passo.",
            "data": {"id": ENTRY, "kind": "nominated", "mobility": MOBILITY},
            "urgency": Urgency.HIGH,
            "expires_at": NOW + timedelta(hours=72),
        }
        | changed
    )


@contextlib.asynccontextmanager
async def sending(
    service: PushService,
    authority: Authority,
    *,
    url: str | None = None,
    account: Path | None = None,
    clock: Any = lambda: NOW,
    seconds: float = 20,
) -> AsyncIterator[FcmSender]:
    tokens = AccessTokens(account or service.service_account_file, authority.ca_file)
    context = authority.client_context()
    transport = Http2Transport(url or service.url, context, seconds=seconds)
    try:
        yield FcmSender(transport, tokens, clock)
    finally:
        transport.close()
        tokens.close()


@pytest.fixture
async def service(authority: Authority, folder: Path):
    async with running_push(folder, authority) as service:
        yield service


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("push")


@pytest.fixture
async def sender(service: PushService, authority: Authority):
    async with sending(service, authority) as sender:
        yield sender


async def test_a_message_is_written_as_fcm_wants_it(service: PushService, sender: FcmSender):
    fid = service.register()
    result = await sender.send(a_push(fid))

    (got,) = service.received[fid]
    assert (result.outcome, result.code, result.provider_id) == (
        Outcome.ACCEPTED,
        None,
        "projects/erasmus-play/messages/1",
    )
    assert got.raw == {
        "fid": fid,
        "notification": {
            "title": "A tua nomeação chegou",
            "body": "Toca para ver o próximo passo.",
        },
        "data": {"id": ENTRY, "kind": "nominated", "mobility": MOBILITY},
        "android": {
            "collapse_key": ENTRY,
            "priority": "high",
            "ttl": "259200s",
            "notification": {"tag": ENTRY},
        },
        "apns": {
            "headers": {
                "apns-collapse-id": ENTRY,
                "apns-priority": "10",
                "apns-expiration": str(int((NOW + timedelta(hours=72)).timestamp())),
            },
            "payload": {"aps": {"thread-id": MOBILITY}},
        },
        "webpush": {
            "headers": {"TTL": "259200", "Urgency": "high", "Topic": ENTRY.replace("-", "")}
        },
    }


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"urgency": Urgency.NORMAL}, ("normal", "259200s", "5", "normal")),
        ({"expires_at": NOW + timedelta(days=90)}, ("high", "2419200s", "10", "high")),
        ({"expires_at": NOW - timedelta(hours=1)}, ("high", "0s", "10", "high")),
        ({"data": {"id": ENTRY, "kind": "welcome"}}, ("high", "259200s", "10", "high")),
        ({"target_kind": "token"}, ("high", "259200s", "10", "high")),
    ],
    ids=["normal", "longest", "over", "no mobility", "older target"],
)
async def test_urgency_lifetime_and_target_reach_every_platform(
    service: PushService, sender: FcmSender, changed: dict[str, Any], expected: tuple[str, ...]
):
    fid = service.register()
    assert (await sender.send(a_push(fid, **changed))).outcome is Outcome.ACCEPTED

    raw = service.received[fid][0].raw
    assert raw[changed.get("target_kind", "fid")] == fid
    assert (
        raw["android"]["priority"],
        raw["android"]["ttl"],
        raw["apns"]["headers"]["apns-priority"],
        raw["webpush"]["headers"]["Urgency"],
    ) == expected


@pytest.mark.parametrize(
    ("fault", "retry_after", "expected"),
    [
        ("UNREGISTERED", None, (Outcome.DEVICE_GONE, "UNREGISTERED", None)),
        ("SENDER_ID_MISMATCH", None, (Outcome.DEVICE_GONE, "SENDER_ID_MISMATCH", None)),
        ("INVALID_ARGUMENT", None, (Outcome.REJECTED, "INVALID_ARGUMENT", None)),
        ("QUOTA_EXCEEDED", 7, (Outcome.LANE_DOWN, "QUOTA_EXCEEDED", 7.0)),
        ("QUOTA_EXCEEDED", None, (Outcome.LANE_DOWN, "QUOTA_EXCEEDED", 60.0)),
        ("UNAVAILABLE", None, (Outcome.TRY_AGAIN, "UNAVAILABLE", None)),
        ("UNAVAILABLE", 99_999, (Outcome.TRY_AGAIN, "UNAVAILABLE", 3600.0)),
        ("INTERNAL", 3, (Outcome.TRY_AGAIN, "INTERNAL", 3.0)),
        ("THIRD_PARTY_AUTH_ERROR", None, (Outcome.LANE_DOWN, "THIRD_PARTY_AUTH_ERROR", 600.0)),
        ("NOT_JSON", None, (Outcome.TRY_AGAIN, "HTTP_502", None)),
        ("RESET", None, (Outcome.TRY_AGAIN, "NO_ANSWER", None)),
    ],
)
async def test_each_fault_is_an_outcome_that_says_what_to_do(
    service: PushService,
    sender: FcmSender,
    fault: str,
    retry_after: int | None,
    expected: tuple[Any, ...],
):
    fid = service.register()
    service.fail_next(fault, retry_after=retry_after)
    outcome, code, wait = expected

    assert await sender.send(a_push(fid)) == PushResult(
        outcome=outcome, code=code, retry_after=wait
    )
    assert service.received[fid] == []


async def test_an_unknown_phone_is_gone_and_a_bad_message_is_ours(
    service: PushService, sender: FcmSender
):
    fid = service.register()
    results = [
        await sender.send(a_push("nobody")),
        await sender.send(a_push(fid, data={"from": "x"})),  # the service's word
        await sender.send(a_push(fid, data={"n": 1})),  # firebase-admin's
    ]

    assert [(each.outcome, each.code) for each in results] == [
        (Outcome.DEVICE_GONE, "UNREGISTERED"),
        (Outcome.REJECTED, "INVALID_ARGUMENT"),
        (Outcome.REJECTED, "INVALID_MESSAGE ValueError"),
    ]


async def test_a_quota_closes_the_lane_until_its_time_is_over(
    service: PushService, authority: Authority
):
    clock = HandClock()
    fid = service.register()
    async with sending(service, authority, clock=clock) as sender:
        service.fail_next("QUOTA_EXCEEDED", retry_after=40)
        await sender.send(a_push(fid))
        service.fail_next("QUOTA_EXCEEDED")  # whoever asked now would hear of it
        clock.advance(seconds=39)
        early = await sender.send(a_push(fid))
        clock.advance(seconds=2)
        asked = await sender.send(a_push(fid))
        clock.advance(seconds=119)  # the second in a row, and no time named: twice a minute
        still = await sender.send(a_push(fid))
        clock.advance(seconds=2)
        late = await sender.send(a_push(fid))

    for each in (early, still):
        assert (each.outcome, each.code) == (Outcome.WAIT, "LANE_CLOSED")
        assert 1 <= (each.retry_after or 0) <= 1.5
    assert (asked.code, late.outcome) == ("QUOTA_EXCEEDED", Outcome.ACCEPTED)


async def test_the_time_of_a_closed_lane_begins_with_the_answer_and_is_never_shortened(
    service: PushService, authority: Authority
):
    clock = HandClock()
    waits = iter([30, 10])
    answers = asyncio.Queue()
    async with (
        running_origin(authority, on_request=answers.put_nowait) as origin,
        sending(service, authority, url=origin.url, clock=clock) as sender,
    ):
        tasks = [asyncio.create_task(sender.send(a_push("a"))) for _ in range(2)]
        asked = [await asyncio.wait_for(answers.get(), 20) for _ in tasks]
        clock.advance(seconds=5)  # it took its time
        for task, each, wait in zip(tasks, asked, waits, strict=True):
            each.answer(429, b"{}", **{"retry-after": str(wait)})
            await task
        closed = await sender.send(a_push("a"))

    assert closed.code == "LANE_CLOSED"
    assert 30 <= (closed.retry_after or 0) <= 40


async def test_an_expired_token_is_refreshed_once_and_the_push_sent_again(
    service: PushService, sender: FcmSender
):
    fid = service.register()
    await sender.send(a_push(fid))
    before = len(service._tokens)
    service.fail_next("EXPIRED_TOKEN")
    results = await asyncio.gather(*(sender.send(a_push(fid)) for _ in range(5)))

    assert {each.outcome for each in results} == {Outcome.ACCEPTED}
    assert len(service.received[fid]) == 6
    assert len(service._tokens) == before  # one went, one came: one refresh for all


async def test_a_service_that_refuses_every_token_is_a_lane_down(
    service: PushService, sender: FcmSender
):
    fid = service.register()
    service.fail_next("EXPIRED_TOKEN", times=2)

    assert await sender.send(a_push(fid)) == PushResult(outcome=Outcome.LANE_DOWN, code="HTTP_401")
    assert (await sender.send(a_push(fid))).outcome is Outcome.ACCEPTED


async def test_a_goodbye_costs_a_new_connection_and_nothing_else(
    service: PushService, sender: FcmSender
):
    fid = service.register()
    await sender.send(a_push(fid))
    service.fail_next("GOAWAY")
    result = await sender.send(a_push(fid))

    assert (result.outcome, len(service.received[fid])) == (Outcome.ACCEPTED, 2)


async def test_many_at_once_reach_their_phones_once_each(service: PushService, sender: FcmSender):
    fids = [service.register() for _ in range(300)]
    results = await asyncio.gather(*(sender.send(a_push(each)) for each in fids))

    assert {each.outcome for each in results} == {Outcome.ACCEPTED}
    assert len({each.provider_id for each in results}) == 300
    assert {len(service.received[each]) for each in fids} == {1}


async def test_a_service_that_was_away_is_found_again(authority: Authority, folder: Path):
    ports = [listen(), listen()]
    numbers = [each.getsockname()[1] for each in ports]
    async with contextlib.AsyncExitStack() as stack:
        async with running_push(
            folder, authority, listener=ports[0], token_listener=ports[1]
        ) as service:
            fid = service.register()
            sender = await stack.enter_async_context(sending(service, authority))
            there = await sender.send(a_push(fid))
        away = await sender.send(a_push(fid))
        ports = [listen(each) for each in numbers]
        async with running_push(folder, authority, listener=ports[0], token_listener=ports[1]):
            back = await sender.send(a_push(fid))

    assert [(each.outcome, each.code) for each in (there, away, back)] == [
        (Outcome.ACCEPTED, None),
        (Outcome.TRY_AGAIN, "NO_ANSWER"),
        (Outcome.ACCEPTED, None),
    ]


async def test_no_answer_in_time_is_an_outcome(service: PushService, authority: Authority):
    async with (
        running_origin(authority, on_request=lambda asked: None) as origin,
        sending(service, authority, url=origin.url, seconds=0.2) as sender,
    ):
        assert await sender.send(a_push("a")) == PushResult(
            outcome=Outcome.TRY_AGAIN, code="NO_ANSWER"
        )


async def test_another_authoritys_certificate_is_an_outcome(
    service: PushService, authority: Authority, tmp_path: Path
):
    other = Authority.open(tmp_path)
    tokens = AccessTokens(service.service_account_file, authority.ca_file)
    transport = Http2Transport(service.url, other.client_context())
    with contextlib.closing(tokens), contextlib.closing(transport):
        result = await FcmSender(transport, tokens, lambda: NOW).send(a_push(service.register()))
    async with sending(service, other) as sender:
        no_token = await sender.send(a_push(service.register()))

    assert (result.outcome, result.code) == (Outcome.TRY_AGAIN, "NO_ANSWER")
    assert (no_token.outcome, no_token.code) == (Outcome.LANE_DOWN, "TOKEN_REFUSED")


def changed_account(service: PushService, folder: Path, **changed: str) -> Path:
    account = json.loads(service.service_account_file.read_text()) | changed
    path = folder / "account.json"
    path.write_text(json.dumps(account))
    return path


async def test_a_token_service_that_refuses_is_a_lane_down(
    service: PushService, authority: Authority, tmp_path: Path
):
    account = changed_account(service, tmp_path, client_email="another@erasmus-play.iam.example")
    async with sending(service, authority, account=account) as sender:
        assert await sender.send(a_push(service.register())) == PushResult(
            outcome=Outcome.LANE_DOWN, code="TOKEN_REFUSED"
        )


@pytest.mark.parametrize("page", [b"<!doctype html>", b"[]", b"{}", b'{"access_token":null}'])
async def test_a_token_service_that_talks_nonsense_is_a_lane_down(
    service: PushService, authority: Authority, tmp_path: Path, page: bytes
):
    async def nonsense(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": page})

    async with serving(nonsense, tls=authority.server) as url:
        account = changed_account(service, tmp_path, token_uri=f"{url}/token")
        async with sending(service, authority, account=account) as sender:
            result = await sender.send(a_push(service.register()))
    async with sending(service, authority, account=account) as sender:  # and nobody there now
        gone = await sender.send(a_push(service.register()))

    assert {(each.outcome, each.code) for each in (result, gone)} == {
        (Outcome.LANE_DOWN, "TOKEN_REFUSED")
    }


async def test_a_token_that_could_not_be_renewed_is_used_to_its_end(
    service: PushService, authority: Authority
):
    fid = service.register()
    tokens = AccessTokens(service.service_account_file, authority.ca_file)
    with contextlib.closing(tokens):
        token = await tokens.token()
        tokens._google.expiry -= timedelta(minutes=56)  # four minutes are left
        tokens._google._token_uri = f"https://localhost:{service.token_uri.split(':')[-1][:-5]}x"
        transport = Http2Transport(service.url, authority.client_context())
        with contextlib.closing(transport):
            result = await FcmSender(transport, tokens, lambda: NOW).send(a_push(fid))
        assert (result.outcome, await tokens.token()) == (Outcome.ACCEPTED, token)


def test_it_runs_under_uvloop_as_well(authority: Authority, folder: Path):
    async def story() -> list[PushResult]:
        async with (
            running_push(folder, authority) as service,
            sending(service, authority) as sender,
        ):
            fid = service.register()
            service.fail_next("GOAWAY")
            return await asyncio.gather(*(sender.send(a_push(fid)) for _ in range(20)))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        results = runner.run(story())

    assert {each.outcome for each in results} == {Outcome.ACCEPTED}


async def test_neither_logs_nor_what_is_shown_of_objects_hold_a_secret(
    service: PushService, authority: Authority, caplog: pytest.LogCaptureFixture, tmp_path: Path
):
    caplog.set_level(logging.INFO)
    fid = service.register()
    tokens = AccessTokens(service.service_account_file, authority.ca_file)
    transport = Http2Transport(service.url, authority.client_context())
    with capture_logs() as logs, contextlib.closing(tokens), contextlib.closing(transport):
        sender = FcmSender(transport, tokens, lambda: NOW)
        service.fail_next("UNAVAILABLE")
        results = [await sender.send(a_push(fid)) for _ in range(2)]
        said = f"{caplog.text} {logs} {results} {sender!r} {tokens!r} {transport!r}"
    broken = changed_account(service, tmp_path, private_key="-----BEGIN PRIVATE KEY-----\nc2VjcmV0")
    with pytest.raises(SettingsInvalid) as refused:
        AccessTokens(broken, None)

    private = json.loads(service.service_account_file.read_text())["private_key"]
    secrets = [*service._tokens, fid, private.splitlines()[1], "A tua nomeação"]
    assert [each for each in secrets if each in said] == []
    assert str(refused.value).startswith("ERASMUS_APP_FCM_CREDENTIALS: ")
    assert "c2VjcmV0" not in str(refused.value)


def fcm_answer(code: str, *fields: str) -> Answer:
    told = refused(code, "", violations=tuple(Violation(field=f, description="") for f in fields))
    return Answer(status=told.status, headers={}, body=told.body)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (fcm_answer("INVALID_ARGUMENT", "message.token"), Outcome.DEVICE_GONE),
        (fcm_answer("INVALID_ARGUMENT", "message.fid"), Outcome.DEVICE_GONE),
        (fcm_answer("INVALID_ARGUMENT", "message.data"), Outcome.REJECTED),
        (fcm_answer("INVALID_ARGUMENT", "message.data", "message.fid"), Outcome.REJECTED),
        (Answer(status=200, headers={}, body=b"\xff"), Outcome.ACCEPTED),
        (Answer(status=200, headers={}, body=b"{}"), Outcome.ACCEPTED),
    ],
)
def test_an_answer_in_whatever_shape_is_an_outcome(answer: Answer, expected: Outcome):
    assert result_of(answer, NOW).outcome is expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (302, Outcome.TRY_AGAIN),  # a proxy's, never about this message
        (400, Outcome.REJECTED),
        (401, Outcome.LANE_DOWN),
        (403, Outcome.LANE_DOWN),
        (404, Outcome.LANE_DOWN),  # the project, no phone
        (408, Outcome.TRY_AGAIN),
        (409, Outcome.TRY_AGAIN),
        (413, Outcome.REJECTED),
        (429, Outcome.LANE_DOWN),
        (499, Outcome.TRY_AGAIN),
        (500, Outcome.TRY_AGAIN),
        (504, Outcome.TRY_AGAIN),
        (799, Outcome.TRY_AGAIN),
    ],
)
def test_without_a_word_of_fcms_the_status_tells(status: int, expected: Outcome):
    bodies = (b"", b"{}", b"[]", b"\xff", b'"x"', b'{"error":{"details":[1]}}', b'{"error":null}')
    answers = [Answer(status=status, headers={}, body=body) for body in bodies]

    assert {result_of(each, NOW).outcome for each in answers} == {expected}


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5", 5.0),
        ("0", 0.0),
        ("Fri, 20 Nov 2026 12:01:30 GMT", 90.0),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0.0),
        ("99999999999999999999", 3600.0),
        ("soon", None),
        (f"Fri, {'2' * 40} Nov 2026 12:01:30 GMT", None),
        ("-5", None),
        ("\u00b2", None),  # a digit to str.isdigit alone
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_never_absurd(value: str, seconds: float | None):
    answer = Answer(status=503, headers={"retry-after": value}, body=b"")

    assert result_of(answer, NOW).retry_after == seconds


def test_a_further_authority_is_trusted_beside_those_of_the_machine(service, authority: Authority):
    tokens = AccessTokens(service.service_account_file, authority.ca_file)
    adapter = tokens._session.get_adapter("https://oauth2.googleapis.com/token")
    context = adapter.poolmanager.connection_pool_kw["ssl_context"]
    tokens.close()

    ours = context.get_ca_certs()
    assert len(ours) == len(ssl.create_default_context().get_ca_certs()) + 1
    assert context.verify_mode is ssl.CERT_REQUIRED
