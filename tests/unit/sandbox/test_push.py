import asyncio
import contextlib
import json
from pathlib import Path

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from sandbox.push import GRANT_TYPE, SCOPE, running_push
from sandbox.push_rules import MessageInvalid, read_message


def assertion(service, **changed):
    account = json.loads(service.service_account_file.read_text())
    issued = int(service._now().timestamp())
    claims = {
        "iss": account["client_email"],
        "aud": account["token_uri"],
        "scope": SCOPE,
        "iat": issued,
        "exp": issued + 3600,
    } | changed
    key = RSAKey.import_key(account["private_key"])
    return jwt.encode({"alg": "RS256", "kid": account["private_key_id"]}, claims, key)


async def ask_token(http, service, signed):
    form = {"grant_type": GRANT_TYPE, "assertion": signed}
    return await http.post(service.token_uri, data=form)


class Sender:
    def __init__(self, service, http):
        self.service, self.http = service, http

    async def log_in(self):
        answer = await ask_token(self.http, self.service, assertion(self.service))
        assert answer.status_code == 200, answer.text
        self.http.headers["authorization"] = f"Bearer {answer.json()['access_token']}"

    async def send(self, project="erasmus-play", **message):
        address = f"{self.service.url}/v1/projects/{project}/messages:send"
        return await self.http.post(address, json={"message": message})


@pytest.fixture
async def sender(authority, tmp_path: Path, clock):
    async with contextlib.AsyncExitStack() as stack:
        service = await stack.enter_async_context(
            running_push(tmp_path / "push", authority, now=clock)
        )
        http = await stack.enter_async_context(
            httpx.AsyncClient(verify=authority.client_context(), http2=True)
        )
        found = Sender(service, http)
        await found.log_in()
        yield found


async def test_a_push_reaches_its_phone_over_http_2(sender):
    fid = sender.service.register()
    answer = await sender.send(
        fid=fid,
        notification={"title": "Olá", "body": "A nova"},
        data={"kind": "tor"},
        android={"ttl": "3600s", "collapseKey": "tor", "priority": "HIGH"},
    )
    (got,) = await sender.service.wait(fid, 1, 5)

    assert (answer.http_version, answer.status_code) == ("HTTP/2", 200)
    assert answer.json() == {"name": "projects/erasmus-play/messages/1"}
    assert (got.title, got.body, got.data) == ("Olá", "A nova", {"kind": "tor"})
    assert got.raw["fid"] == fid


async def test_googles_own_library_gets_a_token(sender, authority):
    import requests
    from google.auth.transport.requests import Request
    from google.oauth2 import service_account

    account = service_account.Credentials.from_service_account_file(
        str(sender.service.service_account_file), scopes=[SCOPE]
    )
    with requests.Session() as session:
        session.verify, session.trust_env = str(authority.ca_file), False
        await asyncio.to_thread(account.refresh, Request(session))
    sender.http.headers["authorization"] = f"Bearer {account.token}"
    fid = sender.service.register()
    answers = await asyncio.gather(*(sender.send(token=fid) for _ in range(100)))

    assert {each.status_code for each in answers} == {200}
    assert len(sender.service.received[fid]) == 100


async def test_a_second_run_knows_phones_and_account(authority, tmp_path):
    async with running_push(tmp_path, authority) as first:
        fid = first.register()
        key = json.loads(first.service_account_file.read_text())["private_key"]
    async with running_push(tmp_path, authority) as second:
        assert fid in second.received
        assert json.loads(second.service_account_file.read_text())["private_key"] == key
    assert {each.stat().st_mode & 0o777 for each in tmp_path.iterdir()} == {0o600}


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"iss": "another@example"}, "invalid_grant"),
        ({"aud": "https://another.example/token"}, "invalid_grant"),
        ({"scope": "openid"}, "invalid_scope"),
        ({"iat": 0, "exp": 3600}, "invalid_grant"),
        ({"exp": 9_999_999_999}, "invalid_grant"),
        ({"exp": None}, "invalid_grant"),
    ],
)
async def test_an_assertion_that_does_not_fit_gets_no_token(sender, changed, error):
    answer = await ask_token(sender.http, sender.service, assertion(sender.service, **changed))

    assert (answer.status_code, answer.json()["error"]) == (400, error)


async def test_an_assertion_of_another_key_gets_no_token(sender):
    claims = {"iss": "push@erasmus-play.iam.example", "aud": sender.service.token_uri}
    forged = jwt.encode({"alg": "RS256"}, claims, RSAKey.generate_key(2048, private=True))
    answer = await ask_token(sender.http, sender.service, forged)

    assert answer.json()["error_description"] == "Invalid JWT Signature."


async def test_without_a_token_or_after_an_hour_it_is_a_401(sender, clock):
    fid = sender.service.register()
    clock.advance(seconds=3600)
    late = await sender.send(fid=fid)
    del sender.http.headers["authorization"]
    none = await sender.send(fid=fid)

    assert [each.json()["error"]["status"] for each in (late, none)] == ["UNAUTHENTICATED"] * 2
    assert sender.service.received[fid] == []


async def test_another_project_is_a_403(sender):
    answer = await sender.send(project="another", fid=sender.service.register())

    assert answer.status_code == 403


async def test_an_unknown_phone_is_unregistered(sender):
    answer = await sender.send(fid="nobody")

    assert answer.status_code == 404
    assert answer.json()["error"]["status"] == "NOT_FOUND"
    assert answer.json()["error"]["details"] == [
        {
            "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError",
            "errorCode": "UNREGISTERED",
        }
    ]


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({}, "message"),
        ({"fid": "a", "token": "a"}, "message"),
        ({"fid": ""}, "message.fid"),
        ({"fid": "a", "sound": "x"}, "message.sound"),
        ({"fid": "a", "data": {"count": 1}}, "message.data[count]"),
        ({"fid": "a", "data": {"from": "x"}}, "message.data[from]"),
        ({"fid": "a", "data": {"google.x": "x"}}, "message.data[google.x]"),
        ({"fid": "a", "data": []}, "message.data"),
        ({"fid": "a", "notification": {"tilte": "x"}}, "message.notification.tilte"),
        ({"fid": "a", "android": {"ttl": "60"}}, "message.android.ttl"),
        ({"fid": "a", "android": {"ttl": 60}}, "message.android.ttl"),
        ({"fid": "a", "android": {"ttl": "2419201s"}}, "message.android.ttl"),
        ({"fid": "a", "android": {"priority": "urgent"}}, "message.android.priority"),
        ({"fid": "a", "data": {"text": "x" * 4096}}, "message.data"),
    ],
)
def test_a_message_that_does_not_fit_names_the_field(message, field):
    with pytest.raises(MessageInvalid) as caught:
        read_message(json.dumps({"message": message}).encode())

    assert [each.field for each in caught.value.violations] == [field]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"message":1}', b'{"messages":{}}', b"\xff"])
def test_a_body_that_is_no_request_is_refused(body):
    with pytest.raises(MessageInvalid):
        read_message(body)


async def test_a_refused_message_answers_in_googles_shape(sender):
    answer = await sender.send(fid=sender.service.register(), data={"n": 1})

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT")
    assert error["details"][1]["fieldViolations"][0]["field"] == "message.data[n]"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("UNREGISTERED", 404),
        ("INVALID_ARGUMENT", 400),
        ("SENDER_ID_MISMATCH", 403),
        ("QUOTA_EXCEEDED", 429),
        ("UNAVAILABLE", 503),
        ("INTERNAL", 500),
        ("THIRD_PARTY_AUTH_ERROR", 401),
    ],
)
async def test_a_planned_fault_happens_as_often_as_planned(sender, code, status):
    fid, other = sender.service.register(), sender.service.register()
    sender.service.fail_next(code, times=2, fid=fid, retry_after=7)
    answers = [await sender.send(fid=each) for each in (other, fid, fid, fid)]

    assert [each.status_code for each in answers] == [200, status, status, 200]
    assert answers[1].headers["retry-after"] == "7"
    assert answers[1].json()["error"]["details"][0]["errorCode"] == code


async def test_an_expired_token_stays_expired_until_a_new_one(sender):
    fid = sender.service.register()
    sender.service.fail_next("EXPIRED_TOKEN")
    first, second = await sender.send(fid=fid), await sender.send(fid=fid)
    await sender.log_in()
    third = await sender.send(fid=fid)

    assert [each.status_code for each in (first, second, third)] == [401, 401, 200]


async def test_a_page_instead_of_an_answer(sender):
    sender.service.fail_next("NOT_JSON")
    answer = await sender.send(fid=sender.service.register())

    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html")


@pytest.mark.parametrize("code", ["RESET", "GOAWAY"])
async def test_a_broken_connection_is_over_with_the_next_request(sender, code):
    fid = sender.service.register()
    sender.service.fail_next(code)
    with pytest.raises(httpx.RemoteProtocolError):
        await sender.send(fid=fid)
    answer = await sender.send(fid=fid)

    assert (answer.status_code, len(sender.service.received[fid])) == (200, 1)


async def test_waiting_for_what_does_not_come_ends(sender):
    with pytest.raises(TimeoutError):
        await sender.service.wait(sender.service.register(), 1, 0.01)


def test_a_fault_nobody_knows_is_told(tmp_path):
    from sandbox.push import PushService

    with pytest.raises(ValueError, match="no such fault"):
        PushService(tmp_path).fail_next("HICCUP")
