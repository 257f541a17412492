"""A push service that speaks FCM's HTTP v1 over HTTP/2, strictly, and the phones behind it."""

import asyncio
import re
import secrets
import time
from collections import deque
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

PROJECT = "erasmus-play"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
LARGEST = 4096
TARGETS = ("fid", "token", "topic", "condition")
KNOWN = {*TARGETS, "name", "data", "notification", "android", "webpush", "apns", "fcm_options"}
ERRORS = {  # errorCode → HTTP status, google.rpc status
    "UNREGISTERED": (404, "NOT_FOUND"),
    "INVALID_ARGUMENT": (400, "INVALID_ARGUMENT"),
    "SENDER_ID_MISMATCH": (403, "PERMISSION_DENIED"),
    "QUOTA_EXCEEDED": (429, "RESOURCE_EXHAUSTED"),
    "UNAVAILABLE": (503, "UNAVAILABLE"),
    "INTERNAL": (500, "INTERNAL"),
    "THIRD_PARTY_AUTH_ERROR": (401, "UNAUTHENTICATED"),
}


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """One push as a phone got it."""

    fid: str
    title: str
    body: str
    data: dict[str, str]
    collapse: str
    at: float


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What the next answer is to be, instead of success."""

    code: str  # of ERRORS, or EXPIRED_TOKEN, NOT_JSON, RESET, GOAWAY
    retry_after: int | None = None


class PushService:
    """Tokens, phones, and what each phone got; phones and the account's key outlive a restart."""

    def __init__(self, folder: Path, token_uri: str) -> None:
        self._phones_file = folder / "phones.json"
        self.account_file = folder / "fcm-service-account.json"
        key_file = folder / "fcm-account.pem"
        if not key_file.is_file():
            key_file.touch(0o600)
            key_file.write_bytes(RSAKey.generate_key(2048, private=True).as_pem(private=True))
        self._key = RSAKey.import_key(key_file.read_bytes())
        self._email = f"push@{PROJECT}.iam.example"
        self._token_uri = token_uri
        account = {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": self._key.thumbprint(),
            "private_key": key_file.read_text(encoding="ascii"),
            "client_email": self._email,
            "client_id": "1",
            "token_uri": token_uri,
        }
        self.account_file.touch(0o600)
        self.account_file.write_bytes(msgspec.json.format(msgspec.json.encode(account)))
        self.phones: set[str] = set()
        if self._phones_file.is_file():
            self.phones = set(msgspec.json.decode(self._phones_file.read_bytes()))
        self._tokens: dict[str, float] = {}
        self.received: list[Received] = []
        self.faults: deque[Fault] = deque()
        self._news = asyncio.Condition()
        self._number = 0

    def register(self) -> str:
        """Install the app on a new phone; return its installation id."""
        fid = f"c{secrets.token_urlsafe(15)}x"
        self.phones.add(fid)
        self._phones_file.write_bytes(msgspec.json.encode(sorted(self.phones)))
        return fid

    async def wait(self, fid: str, known: int, seconds: float) -> list[Received]:
        """Return what a phone got beyond the first `known`, at the latest after `seconds`."""

        def got() -> list[Received]:
            return [each for each in self.received if each.fid == fid][known:]

        try:
            async with asyncio.timeout(seconds), self._news:
                await self._news.wait_for(got)
        except TimeoutError:
            pass
        return got()

    def token(self, form: bytes) -> tuple[int, dict[str, Any]]:
        """Swap a signed assertion for a bearer token (RFC 7523)."""
        given = parse_qs(form.decode())
        try:
            claims = jwt.decode(given["assertion"][0], self._key, algorithms=["RS256"]).claims
            good = (
                claims["iss"] == self._email
                and claims["aud"] == self._token_uri
                and SCOPE in claims["scope"].split()
                and time.time() < claims["exp"] <= time.time() + 3610
            )
        except (KeyError, ValueError, JoseError):
            good = False
        if not good:
            return 400, {"error": "invalid_grant", "error_description": "Invalid JWT"}
        token = f"ya29.{secrets.token_urlsafe(40)}"
        self._tokens[token] = time.monotonic() + 3600
        return 200, {"access_token": token, "expires_in": 3600, "token_type": "Bearer"}

    def send(self, path: str, bearer: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Answer one `messages:send`."""
        if path != f"/v1/projects/{PROJECT}/messages:send":
            return _error(404, "NOT_FOUND", "no such project", None)
        fault = self.faults.popleft() if self.faults else None
        if fault is not None and fault.code == "NOT_JSON":
            return 502, {}, b"<html>bad gateway</html>"
        expired = fault is not None and fault.code == "EXPIRED_TOKEN"
        if expired or self._tokens.get(bearer, 0.0) < time.monotonic():
            return _error(401, "UNAUTHENTICATED", "invalid authentication credentials", None)
        if fault is not None:
            status, word = ERRORS[fault.code]
            more = {"retry-after": str(fault.retry_after)} if fault.retry_after is not None else {}
            return _error(status, word, fault.code.lower(), fault.code, more=more)
        message, wrong = _checked(body)
        if wrong is not None:
            return _error(400, "INVALID_ARGUMENT", wrong, "INVALID_ARGUMENT", field=wrong)
        target = message.get("fid") or message.get("token") or ""
        if target not in self.phones:
            return _error(404, "NOT_FOUND", "Requested entity was not found.", "UNREGISTERED")
        shown = message.get("notification", {})
        collapse = message.get("android", {}).get("collapse_key", "")
        self.received.append(
            Received(
                fid=target,
                title=shown.get("title", ""),
                body=shown.get("body", ""),
                data=message.get("data", {}),
                collapse=collapse,
                at=time.time(),
            )
        )
        self._number += 1
        asyncio.get_running_loop().create_task(self._tell())
        name = f"projects/{PROJECT}/messages/{self._number}"
        return 200, {}, msgspec.json.encode({"name": name})

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()


def _checked(body: bytes) -> tuple[dict[str, Any], str | None]:
    """Check a request as Google does; the second is the field that is wrong."""
    try:
        request = msgspec.json.decode(body)
        message = request["message"]
        assert isinstance(message, dict)
    except (msgspec.DecodeError, KeyError, TypeError, AssertionError):
        return {}, "message"
    if unknown := sorted(message.keys() - KNOWN):
        return message, f"message.{unknown[0]}"
    if sum(each in message for each in TARGETS) != 1:
        return message, "message"
    data = message.get("data", {})
    for key, value in data.items():
        if not isinstance(value, str) or key == "from" or key.startswith(("gcm", "google")):
            return message, f"message.data[{key}]"
    ttl = message.get("android", {}).get("ttl", "0s")
    if not re.fullmatch(r"[0-9]+(\.[0-9]{1,9})?s", ttl):
        return message, "message.android.ttl"
    if len(msgspec.json.encode([data, message.get("notification", {})])) > LARGEST:
        return message, "message.data"
    return message, None


def _error(
    status: int,
    word: str,
    text: str,
    code: str | None,
    *,
    field: str | None = None,
    more: dict[str, str] | None = None,
) -> tuple[int, dict[str, str], bytes]:
    details: list[dict[str, Any]] = []
    if code is not None:
        kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
        details.append({"@type": kind, "errorCode": code})
    if field is not None:
        violation = {"field": field, "description": "invalid value"}
        kind = "type.googleapis.com/google.rpc.BadRequest"
        details.append({"@type": kind, "fieldViolations": [violation]})
    error = {"code": status, "message": text, "status": word, "details": details}
    return status, more or {}, msgspec.json.encode({"error": error})


class Http2Front(asyncio.Protocol):
    """HTTP/2 on one connection, in front of the service."""

    def __init__(self, service: PushService) -> None:
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        self._service = service
        self._h2 = h2.connection.H2Connection(config)
        self._requests: dict[int, tuple[dict[str, str], bytearray]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._h2.initiate_connection()
        transport.write(self._h2.data_to_send())

    def data_received(self, data: bytes) -> None:
        try:
            for event in self._h2.receive_data(data):
                self._on(event)
        except h2.exceptions.ProtocolError:
            self._transport.write(self._h2.data_to_send())
            self._transport.close()
            return
        self._transport.write(self._h2.data_to_send())

    def _on(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            headers = {str(name): str(value) for name, value in event.headers or ()}
            self._requests[event.stream_id or 0] = (headers, bytearray())
        elif isinstance(event, h2.events.DataReceived):
            number = event.stream_id or 0
            self._h2.acknowledge_received_data(event.flow_controlled_length or 0, number)
            if number in self._requests:
                self._requests[number][1].extend(event.data or b"")
        elif isinstance(event, h2.events.StreamEnded):
            number = event.stream_id or 0
            headers, body = self._requests.pop(number)
            self._answer(number, headers, bytes(body))

    def _answer(self, number: int, headers: dict[str, str], body: bytes) -> None:
        faults = self._service.faults
        if faults and faults[0].code in {"RESET", "GOAWAY"}:
            if faults.popleft().code == "RESET":
                self._h2.reset_stream(number, h2.errors.ErrorCodes.INTERNAL_ERROR)
            else:
                self._h2.close_connection(last_stream_id=number - 2 if number > 1 else 0)
            return
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        status, more, answer = self._service.send(headers.get(":path", ""), bearer, body)
        lines = [(":status", str(status)), ("content-type", "application/json")]
        lines += [("content-length", str(len(answer))), *more.items()]
        self._h2.send_headers(number, lines)
        self._h2.send_data(number, answer, end_stream=True)
