"""The sandbox's Web Push service takes nothing that a real one would not."""

import base64
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from unit.sandbox.hand_clock import HandClock

from erasmus_app.push.encryption import encrypted
from erasmus_app.push.vapid import Vapid
from sandbox.authority import Authority
from sandbox.web_push import WebPushService, running_web_push

KEY = ECKey.generate_key("P-256", private=True)
OTHER = ECKey.generate_key("P-256", private=True)
CONTACT = "mailto:erasmus@uni.example"
PUBLIC = Vapid(KEY, CONTACT).public_key


@pytest.fixture
async def service(
    authority: Authority, tmp_path: Path, clock: HandClock
) -> AsyncIterator[WebPushService]:
    async with running_web_push(tmp_path, authority, now=clock) as service:
        yield service


@pytest.fixture
async def http(authority: Authority) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(verify=authority.client_context()) as http:
        yield http


class Sender:
    """Sends what is right, but for what a test says."""

    def __init__(self, service: WebPushService, http: httpx.AsyncClient, clock: HandClock) -> None:
        self.service, self.http, self.clock = service, http, clock
        self.browser = service.subscribe(PUBLIC)
        self.subscription = json.loads(service.subscription(self.browser))

    def proof(self, key: ECKey = KEY, alg: str = "ES256", **claims: Any) -> str:
        ends = int((self.clock() + timedelta(hours=12)).timestamp())
        whole = {"aud": self.service.url, "exp": ends, "sub": CONTACT} | claims
        kept = {name: value for name, value in whole.items() if value is not None}
        return jwt.encode({"alg": alg}, kept, key, algorithms=[alg])

    def body(self, message: bytes = b'{"hello": "world"}') -> bytes:
        keys = self.subscription["keys"]
        point, auth = (base64.urlsafe_b64decode(f"{keys[each]}==") for each in ("p256dh", "auth"))
        return encrypted(message, point, auth)

    async def send(self, body: bytes | None = None, **changed: str | None) -> int:
        headers = {
            "authorization": f"vapid t={self.proof()}, k={PUBLIC}",
            "ttl": "60",
            "content-encoding": "aes128gcm",
        } | {name.replace("_", "-"): value for name, value in changed.items()}
        answer = await self.http.post(
            self.subscription["endpoint"],
            content=self.body() if body is None else body,
            headers={name: value for name, value in headers.items() if value is not None},
        )
        return answer.status_code


@pytest.fixture
def sender(service: WebPushService, http: httpx.AsyncClient, clock: HandClock) -> Sender:
    return Sender(service, http, clock)


async def test_what_is_right_is_shown(sender: Sender):
    assert await sender.send(urgency="low", topic="a_topic-1") == 201
    (shown,) = await sender.service.wait(sender.browser, 1, 1)

    assert shown.content == {"hello": "world"}
    assert (shown.ttl, shown.urgency, shown.topic) == (60, "low", "a_topic-1")


@pytest.mark.parametrize(
    "changed",
    [
        {"ttl": None},
        {"ttl": "-1"},
        {"ttl": "soon"},
        {"urgency": "urgent"},
        {"topic": "x" * 33},
        {"topic": "a blank"},
        {"topic": ""},
        {"content_encoding": None},
        {"content_encoding": "aesgcm"},
    ],
    ids=str,
)
async def test_headers_that_are_not_as_rfc_8030_has_them_are_refused(
    sender: Sender, changed: dict[str, str | None]
):
    assert await sender.send(**changed) == 400
    assert sender.service.received[sender.browser] == []


async def test_who_does_not_prove_to_be_the_one_is_refused(sender: Sender, clock: HandClock):
    now = clock().timestamp()
    other = Vapid(OTHER, CONTACT).public_key
    statuses = {
        "nothing": await sender.send(authorization=None),
        "another scheme": await sender.send(authorization=f"Bearer {sender.proof()}"),
        "no key": await sender.send(authorization=f"vapid t={sender.proof()}"),
        "another's key": await sender.send(
            authorization=f"vapid t={sender.proof(OTHER)}, k={other}"
        ),
        "another's signature": await sender.send(
            authorization=f"vapid t={sender.proof(OTHER)}, k={PUBLIC}"
        ),
        "no token": await sender.send(authorization=f"vapid t=x.y.z, k={PUBLIC}"),
    }
    claims: dict[str, dict[str, Any]] = {
        "another origin": {"aud": "https://push.example"},
        "no origin": {"aud": None},
        "over": {"exp": int(now - 1)},
        "more than a day": {"exp": int(now + 86_460)},
        "no end": {"exp": None},
        "an end in words": {"exp": "tomorrow"},
        "nobody": {"sub": None},
        "somebody without an address": {"sub": "erasmus"},
    }
    for what, changed in claims.items():
        proof = sender.proof(**changed)
        statuses[what] = await sender.send(authorization=f"vapid t={proof}, k={PUBLIC}")

    unproved = ("nothing", "another scheme", "no key")
    assert statuses == {what: 401 if what in unproved else 403 for what in statuses}
    assert sender.service.received[sender.browser] == []


async def test_a_message_for_another_browser_or_too_large_or_changed_is_refused(
    sender: Sender, service: WebPushService, http: httpx.AsyncClient, clock: HandClock
):
    body = sender.body()
    for_another = Sender(service, http, clock).body()

    assert await sender.send(body=for_another) == 400
    assert await sender.send(body=body[:-1] + bytes([body[-1] ^ 1])) == 400
    assert await sender.send(body=body[:50]) == 400
    assert await sender.send(body=b"") == 400
    assert await sender.send(body=bytes(4097)) == 413
    assert service.received[sender.browser] == []


async def test_a_subscription_that_has_ended_or_is_unknown_is_told_apart(sender: Sender):
    sender.service.forget(sender.browser)
    ended = await sender.send()
    sender.subscription["endpoint"] += "x"

    assert (ended, await sender.send()) == (410, 404)


async def test_browsers_are_known_in_a_second_run(
    authority: Authority, tmp_path: Path, http: httpx.AsyncClient, clock: HandClock
):
    async with running_web_push(tmp_path / "twice", authority, now=clock) as first:
        browser = first.subscribe(PUBLIC)
    async with running_web_push(tmp_path / "twice", authority, now=clock) as second:
        sender = Sender(second, http, clock)
        sender.subscription = json.loads(second.subscription(browser))

        assert await sender.send() == 201
        assert len(second.received[browser]) == 1
