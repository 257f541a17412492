"""The sandbox's Web Push service and the browsers behind it; strict where the RFCs are.

It takes a message as RFC 8030 wants it, from whom RFC 8292 proves to be the one that the browser
subscribed to, and hands it to the browser, which opens it as RFC 8291 says.
"""

import asyncio
import base64
import contextlib
import secrets
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from sandbox.authority import Authority
from sandbox.clock import Clock, utc_now
from sandbox.push import Receive, Scope, Send
from sandbox.serving import listen, origin, serving

LARGEST = 4096  # bytes of a request's body, RFC 8030 §7.2
LONGEST_PROOF = timedelta(hours=24)  # RFC 8292 §2
URGENCIES = {"very-low", "low", "normal", "high"}
LONGEST_TOPIC = 32
_BASE64URL = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


class WebPushRefused(Exception):
    """A request that is not as the RFCs want it: the status, and why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class ShownPush(msgspec.Struct, frozen=True, kw_only=True):
    """A message as a browser got it."""

    at: datetime
    content: dict[str, Any]  # the JSON that was encrypted
    ttl: int
    urgency: str
    topic: str | None


class _Kept(msgspec.Struct):
    """A subscription, as its browser keeps it."""

    key: str  # PEM, the browser's alone
    auth: str
    server_key: str  # of whom it was made for, base64url


@dataclass(slots=True)
class _Planned:
    status: int
    left: int
    browser: str | None
    headers: tuple[tuple[bytes, bytes], ...]


@dataclass(slots=True)
class WebPushService:
    """What the service knows and decides; subscriptions are kept in a file for a second run."""

    file: Path
    now: Clock = utc_now
    url: str = ""
    received: dict[str, list[ShownPush]] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)  # why requests were refused
    asked: int = 0  # requests, however they ended
    _kept: dict[str, _Kept] = field(default_factory=dict)
    _gone: set[str] = field(default_factory=set)
    _planned: list[_Planned] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Take over what an earlier run knew."""
        if self.file.is_file():
            self._kept = msgspec.json.decode(self.file.read_bytes(), type=dict[str, _Kept])
            self.received = {browser: [] for browser in self._kept}

    def subscribe(self, server_key: str) -> str:
        """Subscribe a new browser to messages of one sender; returns which browser it is."""
        browser = secrets.token_urlsafe(24)
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._kept[browser] = _Kept(
            key=pem.decode("ascii"), auth=_text(secrets.token_bytes(16)), server_key=server_key
        )
        self.received[browser] = []
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.file.touch(0o600)
        self.file.write_bytes(msgspec.json.encode(self._kept))
        return browser

    def subscription(self, browser: str) -> str:
        """Return a subscription as `JSON.stringify` writes it."""
        kept = self._kept[browser]
        content = {
            "endpoint": f"{self.url}/push/{browser}",
            "expirationTime": None,
            "keys": {"p256dh": _text(_point(_private(kept).public_key())), "auth": kept.auth},
        }
        return msgspec.json.encode(content).decode()

    def forget(self, browser: str) -> None:
        """End a subscription, as when its owner takes the permission back."""
        self._gone.add(browser)

    def fail_next(
        self, status: int, times: int = 1, browser: str | None = None, **headers: str
    ) -> None:
        """Let requests fail that would have gone well; `retry_after` is the header of that name."""
        told = tuple((k.replace("_", "-").encode(), v.encode()) for k, v in headers.items())
        self._planned.append(_Planned(status, times, browser, told))

    async def wait(self, browser: str, count: int, seconds: float) -> list[ShownPush]:
        """Return all that a browser got in this run, once that is `count` or more.

        Raises:
            TimeoutError: it was fewer after `seconds`.
        """
        async with asyncio.timeout(seconds):
            while len(self.received.get(browser, ())) < count:
                await self._news.wait()
        return list(self.received.get(browser, ()))

    def take(self, method: str, path: str, headers: dict[str, str], body: bytes) -> _Planned | str:
        """Take one request; returns the message's address, or what it is to fail with.

        Raises:
            WebPushRefused: it is not as it must be.
        """
        self.asked += 1
        browser = path.removeprefix("/push/")
        kept = self._kept.get(browser)
        if kept is None or method != "POST":
            raise WebPushRefused(404 if kept is None else 405, "no such subscription or method")
        if browser in self._gone:
            raise WebPushRefused(410, "the subscription has ended")
        self._prove(headers.get("authorization", ""), kept)
        ttl, urgency, topic = _terms(headers)
        if len(body) > LARGEST:
            raise WebPushRefused(413, "the message is too large")
        if headers.get("content-encoding") != "aes128gcm":
            raise WebPushRefused(400, "Content-Encoding is not aes128gcm")
        for each in self._planned:
            if each.left > 0 and each.browser in {None, browser}:
                each.left -= 1
                return each
        try:
            content = msgspec.json.decode(opened(body, _private(kept), _bytes(kept.auth)))
        except (InvalidTag, ValueError) as error:  # a browser would drop it, and nobody be told
            raise WebPushRefused(400, f"the browser cannot open it: {error}") from error
        self.received[browser].append(
            ShownPush(at=self.now(), content=content, ttl=ttl, urgency=urgency, topic=topic)
        )
        news, self._news = self._news, asyncio.Event()
        news.set()
        return f"{self.url}/message/{secrets.token_urlsafe(16)}"

    def _prove(self, authorization: str, kept: _Kept) -> None:
        """Check who sends. Raises WebPushRefused."""
        scheme, _, rest = authorization.partition(" ")
        given = dict(each.strip().partition("=")[::2] for each in rest.split(","))
        if scheme.lower() != "vapid" or given.keys() != {"t", "k"}:
            raise WebPushRefused(401, "Authorization is not vapid with t and k")
        if given["k"] != kept.server_key:
            raise WebPushRefused(403, "the subscription was made for another key")
        point = _bytes(given["k"])
        key = ECKey.import_key(
            {"kty": "EC", "crv": "P-256", "x": _text(point[1:33]), "y": _text(point[33:])}
        )
        try:
            claims = jwt.decode(given["t"], key, algorithms=["ES256"]).claims
        except (JoseError, ValueError) as error:
            raise WebPushRefused(403, "the signature is not good") from error
        ends = claims.get("exp")
        if claims.get("aud") != self.url:
            raise WebPushRefused(403, "the audience is another origin")
        left = ends - self.now().timestamp() if isinstance(ends, int) else -1
        if not 0 < left <= LONGEST_PROOF.total_seconds():
            raise WebPushRefused(403, "exp is over, or more than a day away")
        if not str(claims.get("sub", "")).startswith(("mailto:", "https:")):
            raise WebPushRefused(403, "sub names nobody")

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve as ASGI."""
        if scope["type"] != "http":
            return
        body, more = bytearray(), True
        while more:
            message = await receive()
            body += message.get("body", b"")[: LARGEST + 1 - len(body)]
            more = message.get("more_body", False)
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        told: list[tuple[bytes, bytes]] = []
        try:
            taken = self.take(scope["method"], scope["path"], headers, bytes(body))
        except WebPushRefused as error:
            self.refusals.append(str(error))
            status, text = error.status, str(error)
        else:
            if isinstance(taken, str):
                told = [(b"location", taken.encode()), (b"ttl", headers["ttl"].encode())]
            else:
                told = list(taken.headers)
            status, text = (201, "") if isinstance(taken, str) else (taken.status, "as told")
        await send({"type": "http.response.start", "status": status, "headers": told})
        await send({"type": "http.response.body", "body": text.encode()})


@contextlib.asynccontextmanager
async def running_web_push(
    folder: Path,
    authority: Authority,
    *,
    listener: socket.socket | None = None,
    now: Clock = utc_now,
    kind: type[WebPushService] = WebPushService,
) -> AsyncIterator[WebPushService]:
    """Run the service, of this kind, until the block is left; `folder` keeps the subscriptions."""
    with contextlib.closing(listener or listen()) as bound:
        service = kind(folder / "browsers.json", now)
        service.url = origin(bound, secure=True)

        async def answered(scope: Scope, receive: Receive, send: Send) -> None:
            await service.app(scope, receive, send)  # uvicorn mistakes a bound method

        async with serving(answered, listener=bound, tls=authority.server):
            yield service


def opened(body: bytes, key: ec.EllipticCurvePrivateKey, auth: bytes) -> bytes:
    """Open a message as a browser does.

    Raises:
        InvalidTag, ValueError: it was not written for this browser, or is cut or changed.
    """
    if len(body) <= 21:
        raise ValueError("it is cut")
    salt, record, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
    sender, sealed = body[21 : 21 + length], body[21 + length :]
    if length != 65 or len(sealed) > record:
        raise ValueError("the header is not one of one record")
    shared = key.exchange(
        ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
    )
    own = _point(key.public_key())
    secret = _derived(shared, auth, b"WebPush: info\x00" + own + sender, 32)
    content_key = _derived(secret, salt, b"Content-Encoding: aes128gcm\x00", 16)
    nonce = _derived(secret, salt, b"Content-Encoding: nonce\x00", 12)
    filled = AESGCM(content_key).decrypt(nonce, sealed, None)
    message, delimiter, padding = filled.rpartition(b"\x02")
    if not delimiter or padding.strip(b"\x00"):
        raise ValueError("there is no delimiter")
    return message


def _derived(key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(key)


def _terms(headers: dict[str, str]) -> tuple[int, str, str | None]:
    """Read TTL, Urgency and Topic. Raises WebPushRefused."""
    ttl, urgency = headers.get("ttl", ""), headers.get("urgency", "normal")
    topic = headers.get("topic")
    if not ttl.isdecimal():
        raise WebPushRefused(400, "TTL is missing, or no number")
    if urgency not in URGENCIES:
        raise WebPushRefused(400, "Urgency is not one of four")
    if topic is not None and not (0 < len(topic) <= LONGEST_TOPIC and set(topic) <= _BASE64URL):
        raise WebPushRefused(400, "Topic is not 32 signs of base64url")
    return int(ttl), urgency, topic


def _private(kept: _Kept) -> ec.EllipticCurvePrivateKey:
    found = load_pem_private_key(kept.key.encode("ascii"), None)
    assert isinstance(found, ec.EllipticCurvePrivateKey)
    return found


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode("ascii").rstrip("=")
