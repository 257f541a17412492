"""The sandbox's push service: FCM's HTTP v1 over HTTP/2, Google's token endpoint, and phones."""

import asyncio
import base64
import contextlib
import secrets
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from sandbox.authority import Authority
from sandbox.clock import Clock, utc_now
from sandbox.push_rules import (
    STATUSES,
    Answer,
    MessageInvalid,
    google_error,
    read_message,
    refused,
    target_of,
)
from sandbox.serving import listen, origin, serving

PROJECT = "erasmus-play"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
GOOGLES_OWN = (
    "https://oauth2.googleapis.com/token"  # google-auth's audience, whatever token_uri says
)
LIFETIME = timedelta(hours=1)  # of a bearer token, and the longest of an assertion
SKEW = 10  # seconds that clocks may differ
LARGEST_REQUEST = 1 << 20  # bytes; what is beyond is not kept

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class PushFault(StrEnum):
    """What can be made to go wrong beside FCM's own error codes."""

    EXPIRED_TOKEN = "EXPIRED_TOKEN"  # noqa: S105 - the name of a fault
    NOT_JSON = "NOT_JSON"  # a proxy's page instead of an answer
    RESET = "RESET"  # the stream ends without an answer
    GOAWAY = "GOAWAY"  # the connection ends, and this request was not looked at


class ReceivedPush(msgspec.Struct, frozen=True, kw_only=True):
    """A push as a phone got it."""

    at: datetime
    title: str
    body: str
    data: dict[str, str]
    raw: dict[str, Any]  # the whole message


class _Planned(msgspec.Struct, kw_only=True):
    code: str
    left: int
    fid: str | None
    retry_after: int | None


class PushService:
    """What the service knows and decides; `running_push` puts HTTP around it.

    Phones and the service account's key are kept in a folder, so a second run knows them.
    """

    def __init__(
        self,
        folder: Path,
        *,
        project_id: str = PROJECT,
        token_uri: str = "https://localhost/token",  # noqa: S107 - an address
        now: Clock = utc_now,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.project_id = project_id
        self.token_uri = token_uri
        self.url = ""
        self.service_account_file = folder / "service-account.json"
        self.received: dict[str, list[ReceivedPush]] = {}  # what phones have shown
        self.synced: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)  # and what silently
        self._phones_file = folder / "phones.json"
        self._email = f"push@{project_id}.iam.example"
        pem = _kept_key(folder / "service-account-key.pem")
        self._key = RSAKey.import_key(pem)
        self._key_id = self._key.thumbprint()
        self._write_account(pem)
        if self._phones_file.is_file():
            phones = msgspec.json.decode(self._phones_file.read_bytes(), type=list[str])
            self.received = {fid: [] for fid in phones}
        self._tokens: dict[str, datetime] = {}
        self._planned: list[_Planned] = []
        self._news = asyncio.Event()
        self._sent = 0
        self._now = now

    def _write_account(self, pem: bytes) -> None:
        account = {
            "type": "service_account",
            "project_id": self.project_id,
            "private_key_id": self._key_id,
            "private_key": pem.decode("ascii"),
            "client_email": self._email,
            "client_id": "100000000000000000001",
            "token_uri": self.token_uri,
        }
        _write(self.service_account_file, msgspec.json.format(msgspec.json.encode(account)))

    def register(self) -> str:
        """Install the app on a new phone; returns its Firebase installation id."""
        fid = _new_fid()
        self.received[fid] = []
        _write(self._phones_file, msgspec.json.encode(sorted(self.received)))
        return fid

    def fail_next(
        self, code: str, times: int = 1, fid: str | None = None, retry_after: int | None = None
    ) -> None:
        """Let sends fail that would have gone well.

        Args:
            code: one of FCM's error codes, or a PushFault.
            times: how many sends.
            fid: only those to this phone.
            retry_after: seconds, for the header of that name.

        Raises:
            ValueError: there is no such code.
        """
        if code not in STATUSES and code not in {*PushFault}:
            raise ValueError(f"no such fault: {code}")
        self._planned.append(_Planned(code=code, left=times, fid=fid, retry_after=retry_after))

    async def wait(self, fid: str, count: int, seconds: float) -> list[ReceivedPush]:
        """Return all that a phone got in this run, once that is `count` or more.

        Raises:
            TimeoutError: it was fewer after `seconds`.
        """
        async with asyncio.timeout(seconds):
            while len(self.received.get(fid, ())) < count:
                await self._news.wait()
        return list(self.received.get(fid, ()))

    def token(self, form: bytes) -> Answer:
        """Swap a signed assertion for a bearer token (RFC 7523)."""
        given = parse_qs(form.decode("utf-8", "replace"))
        if given.get("grant_type") != [GRANT_TYPE]:
            return _oauth_error("unsupported_grant_type", f"Invalid grant_type, use {GRANT_TYPE}")
        assertion = given.get("assertion", [""])[0]
        try:
            token = jwt.decode(assertion, self._key, algorithms=["RS256"])
        except (JoseError, ValueError):
            return _oauth_error("invalid_grant", "Invalid JWT Signature.")
        claims, kid = token.claims, token.header.get("kid", self._key_id)
        if claims.get("iss") != self._email or kid != self._key_id:
            return _oauth_error("invalid_grant", "Invalid grant: account not found")
        if claims.get("aud") not in (self.token_uri, GOOGLES_OWN):
            return _oauth_error("invalid_grant", "Invalid JWT: the audience is another.")
        if not self._is_timely(claims):
            why = "Invalid JWT: Token must be a short-lived token (60 minutes)"
            return _oauth_error("invalid_grant", f"{why} and in a reasonable timeframe.")
        if SCOPE not in str(claims.get("scope", "")).split():
            return _oauth_error("invalid_scope", "Invalid OAuth scope or ID token audience.")
        bearer = f"ya29.{secrets.token_urlsafe(40)}"
        self._tokens[bearer] = self._now() + LIFETIME
        seconds = int(LIFETIME.total_seconds())
        answer = {"access_token": bearer, "expires_in": seconds, "token_type": "Bearer"}
        return Answer(status=200, body=msgspec.json.encode(answer))

    def _is_timely(self, claims: dict[str, Any]) -> bool:
        issued, ends, now = claims.get("iat"), claims.get("exp"), self._now().timestamp()
        if not isinstance(issued, int | float) or not isinstance(ends, int | float):
            return False
        longest = LIFETIME.total_seconds()
        return issued <= now + SKEW and now < ends + SKEW and ends - issued <= longest

    def send(self, method: str, path: str, authorization: str, body: bytes) -> Answer | PushFault:
        """Answer one request; a fault where the connection is to break instead."""
        known, _, name = path.partition("/projects/")
        project, colon, verb = name.partition("/messages:")
        if known != "/v1" or not colon or verb != "send" or method != "POST":
            return google_error(404, "NOT_FOUND", "Method not found.")
        target = target_of(body)
        fault = self._take({*PushFault}, target)
        bearer = authorization.removeprefix("Bearer ")
        if fault is not None:
            match PushFault(fault.code):
                case PushFault.NOT_JSON:
                    page = b"<!doctype html><title>502 Bad Gateway</title>"
                    return Answer(status=502, body=page, content_type="text/html")
                case PushFault.EXPIRED_TOKEN:
                    self._tokens.pop(bearer, None)
                case broken:
                    return broken
        ends = self._tokens.get(bearer)
        if ends is None or ends <= self._now():
            told = "Request had invalid authentication credentials. Expected OAuth 2 access token."
            return google_error(401, "UNAUTHENTICATED", told)
        if project != self.project_id:
            told = "Permission 'cloudmessaging.messages.create' denied on this project."
            return google_error(403, "PERMISSION_DENIED", told)
        try:
            message = read_message(body)
        except MessageInvalid as error:
            return refused("INVALID_ARGUMENT", str(error), violations=error.violations)
        if (fault := self._take({*STATUSES}, target)) is not None:
            told = f"The sandbox was told to answer {fault.code}."
            return refused(fault.code, told, retry_after=fault.retry_after)
        if target is not None and target not in self.received:
            return refused("UNREGISTERED", "Requested entity was not found.")
        self._sent += 1
        if target is not None and not msgspec.json.decode(body).get("validate_only"):
            self._deliver(target, message)
        sent = {"name": f"projects/{self.project_id}/messages/{self._sent}"}
        return Answer(status=200, body=msgspec.json.encode(sent))

    def _take(self, codes: set[str], fid: str | None) -> _Planned | None:
        for each in self._planned:
            if each.code in codes and each.fid in {None, fid} and each.left > 0:
                each.left -= 1
                self._planned = [planned for planned in self._planned if planned.left > 0]
                return each
        return None

    def _deliver(self, fid: str, message: dict[str, Any]) -> None:
        headers = message.get("apns", {}).get("headers", {})
        if headers.get("apns-push-type") == "background":
            self.synced[fid].append(message)
            return
        shown = message.get("notification", {})
        self.received[fid].append(
            ReceivedPush(
                at=self._now(),
                title=shown.get("title", ""),
                body=shown.get("body", ""),
                data=message.get("data", {}),
                raw=message,
            )
        )
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def token_app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the token endpoint as ASGI."""
        if scope["type"] != "http":
            return
        form, more = bytearray(), True
        while more:
            message = await receive()
            form += message.get("body", b"")[: LARGEST_REQUEST - len(form)]
            more = message.get("more_body", False)
        if (scope["method"], scope["path"]) == ("POST", "/token"):
            answer = self.token(bytes(form))
        else:
            answer = google_error(404, "NOT_FOUND", "Not found.")
        headers = [
            (b"content-type", answer.content_type.encode("ascii")),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})


class _Connection(asyncio.Protocol):
    """One HTTP/2 connection in front of the service."""

    def __init__(self, service: PushService, others: "set[_Connection]") -> None:
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        self._service = service
        self._others = others
        self._h2 = h2.connection.H2Connection(config)
        self._requests: dict[int, tuple[dict[str, str], bytearray]] = {}
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        carrier = cast("asyncio.Transport", transport)  # uvloop's does not derive from it
        if carrier.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
            carrier.abort()
            return
        self._transport = carrier
        self._others.add(self)
        self._h2.initiate_connection()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._others.discard(self)
        self._transport = None

    def data_received(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        try:
            events = self._h2.receive_data(data)
            for event in events:
                self._on(event)
        except h2.exceptions.ProtocolError:
            self._flush()
            self._transport.close()
            return
        self._flush()
        if any(isinstance(event, h2.events.ConnectionTerminated) for event in events):
            self._transport.close()

    def close(self) -> None:
        """Say goodbye and end the connection."""
        if self._transport is not None and not self._transport.is_closing():
            with contextlib.suppress(h2.exceptions.ProtocolError):
                self._h2.close_connection()
            self._flush()
            self._transport.close()

    def _flush(self) -> None:
        if self._transport is not None and (data := self._h2.data_to_send()):
            self._transport.write(data)

    def _on(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RequestReceived(stream_id=int(number)):
                headers = {str(name): str(value) for name, value in event.headers or ()}
                self._requests[number] = (headers, bytearray())
            case h2.events.DataReceived(stream_id=int(number)):
                self._h2.acknowledge_received_data(event.flow_controlled_length or 0, number)
                if number in self._requests:
                    body = self._requests[number][1]
                    body += (event.data or b"")[: LARGEST_REQUEST - len(body)]
            case h2.events.StreamReset(stream_id=int(number)):
                self._requests.pop(number, None)
            case h2.events.StreamEnded(stream_id=int(number)) if number in self._requests:
                headers, body = self._requests.pop(number)
                self._answer(number, headers, bytes(body))
            case _:
                pass

    def _answer(self, number: int, headers: dict[str, str], body: bytes) -> None:
        authorization = headers.get("authorization", "")
        method, path = headers.get(":method", ""), headers.get(":path", "")
        answer = self._service.send(method, path, authorization, body)
        if answer is PushFault.RESET:
            self._h2.reset_stream(number, h2.errors.ErrorCodes.INTERNAL_ERROR)
        elif isinstance(answer, Answer):
            told = [(":status", str(answer.status)), ("content-type", answer.content_type)]
            told += [("content-length", str(len(answer.body))), *answer.headers]
            self._h2.send_headers(number, told)
            self._h2.send_data(number, answer.body, end_stream=True)
        else:
            self._h2.close_connection(last_stream_id=max(number - 2, 0))
            self._flush()
            assert self._transport is not None
            self._transport.close()


@contextlib.asynccontextmanager
async def running_push(
    folder: Path,
    authority: Authority,
    *,
    listener: socket.socket | None = None,
    token_listener: socket.socket | None = None,
    now: Clock = utc_now,
    kind: type[PushService] = PushService,
) -> AsyncIterator[PushService]:
    """Run the service until the block is left.

    Args:
        folder: keeps the phones and the service account.
        authority: whose certificate both ports show.
        listener: a port bound before, where messages are sent; None for any free port.
        token_listener: the same, where bearer tokens are had.
        now: the time, UTC.
        kind: what is to be run, where that is more than the service itself.
    """
    with (
        contextlib.closing(listener or listen()) as bound,
        contextlib.closing(token_listener or listen()) as token,
    ):
        token_uri = f"{origin(token, secure=True)}/token"
        service = kind(folder, token_uri=token_uri, now=now)
        service.url = origin(bound, secure=True)
        connections: set[_Connection] = set()

        async def tokens(scope: Scope, receive: Receive, send: Send) -> None:
            await service.token_app(scope, receive, send)  # uvicorn mistakes a bound method

        server = await asyncio.get_running_loop().create_server(
            lambda: _Connection(service, connections),
            sock=bound,
            ssl=authority.server_context(["h2"]),
        )
        try:
            async with serving(tokens, listener=token, tls=authority.server):
                yield service
        finally:
            server.close()
            for each in [*connections]:
                each.close()
            await server.wait_closed()


def _new_fid() -> str:
    """Return an id as the Firebase SDK makes it: 17 bytes, the first nibble 0111, 22 signs."""
    first, *rest = secrets.token_bytes(17)
    return base64.urlsafe_b64encode(bytes([0x70 | first & 0x0F, *rest])).decode("ascii")[:22]


def _kept_key(path: Path) -> bytes:
    """Read the service account's private key, PEM; make it where there is none."""
    if not path.is_file():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        _write(path, pem)
    return path.read_bytes()


def _write(path: Path, content: bytes) -> None:
    """Write for the owner alone, beside and then into place."""
    building = path.with_name(f"{path.name}.new")
    building.unlink(missing_ok=True)
    building.touch(0o600)
    building.write_bytes(content)
    building.replace(path)


def _oauth_error(code: str, description: str) -> Answer:
    told = {"error": code, "error_description": description}
    return Answer(status=400, body=msgspec.json.encode(told))
