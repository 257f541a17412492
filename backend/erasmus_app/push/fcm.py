"""Firebase Cloud Messaging, HTTP v1.

firebase-admin makes and checks the messages and reads the credentials; the transport is ours.
What each answer means is the table of docs/decisions/0004.
"""

import asyncio
import contextlib
import warnings
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

import msgspec
from firebase_admin import messaging

from erasmus_app.kit.clock import Clock
from erasmus_app.kit.trust import trusting
from erasmus_app.notifications.models import Urgency
from erasmus_app.notifications.ports import Outcome, Push, PushResult, Target, TargetRefused
from erasmus_app.push.answers import retry_after
from erasmus_app.push.credentials import AccessTokens, TokenRefused
from erasmus_app.push.http2 import Answer, Http2Transport, NoAnswer
from erasmus_app.settings import Settings
from erasmus_app.students.models import LONGEST_TARGET, TargetKind

LONGEST_TTL = 4 * 7 * 86400  # seconds, FCM's limit
MOST_UNDER_WAY = 1_000  # messages: ten connections of a hundred streams, as Google's servers take
QUOTA_WAIT = 60.0  # FCM asks for at least a minute where it names no time

_BY_CODE = {
    "UNREGISTERED": Outcome.DEVICE_GONE,
    "SENDER_ID_MISMATCH": Outcome.DEVICE_GONE,
    "QUOTA_EXCEEDED": Outcome.LANE_DOWN,
    "THIRD_PARTY_AUTH_ERROR": Outcome.LANE_DOWN,
    "UNAVAILABLE": Outcome.TRY_AGAIN,
    "INTERNAL": Outcome.TRY_AGAIN,
}
_BY_STATUS: dict[int, Outcome] = {
    HTTPStatus.UNAUTHORIZED: Outcome.LANE_DOWN,
    HTTPStatus.FORBIDDEN: Outcome.LANE_DOWN,
    HTTPStatus.NOT_FOUND: Outcome.LANE_DOWN,  # without FCM's code: the project, no phone
    HTTPStatus.TOO_MANY_REQUESTS: Outcome.LANE_DOWN,
    HTTPStatus.REQUEST_TIMEOUT: Outcome.TRY_AGAIN,
    HTTPStatus.CONFLICT: Outcome.TRY_AGAIN,  # google.rpc.Code ABORTED
    499: Outcome.TRY_AGAIN,  # google.rpc.Code CANCELLED
}


class Fcm:
    """The channel; without a service account it registers devices and sends nothing."""

    public_key = None
    at_most = MOST_UNDER_WAY

    def __init__(self, sender: "FcmSender | None") -> None:
        self._sender = sender
        self.ready = sender is not None

    def target(self, kind: TargetKind, given: str) -> Target:
        """Take a Firebase installation id or registration token. Raises TargetRefused."""
        if not given or len(given) > LONGEST_TARGET:
            raise TargetRefused(f"must have 1 to {LONGEST_TARGET} characters")
        if not all("!" <= each <= "~" for each in given):
            raise TargetRefused("may hold printable ASCII only, no spaces")
        if kind is TargetKind.FID and (len(given) > 64 or ":" in given):
            raise TargetRefused("is no Firebase installation id; a registration token is a TOKEN")
        return Target(name=given, value=given)

    async def send(self, push: Push) -> PushResult:
        """Send one. Every answer, and none, is an outcome."""
        if self._sender is None:
            return PushResult(outcome=Outcome.LANE_DOWN, code="NO_CREDENTIALS")
        return await self._sender.send(push)

    def closed(self) -> float | None:
        """Return for how many seconds FCM wants to hear nothing; None where it may."""
        return None if self._sender is None else self._sender.closed()

    def close(self, seconds: float) -> None:
        """Send nothing for so long: another process has heard that FCM wants it so."""
        if self._sender is not None:
            self._sender.close(seconds)

    def start(self, push: Push, done: Callable[[PushResult], None]) -> None:
        """Send one, and call `done` with what became of it."""
        if self._sender is None:
            done(PushResult(outcome=Outcome.LANE_DOWN, code="NO_CREDENTIALS"))
        else:
            self._sender.start(push, done)


def opened(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Fcm:
    """Open the channel; `stack` closes it."""
    if settings.fcm_credentials is None:
        return Fcm(None)
    tokens = AccessTokens(settings.fcm_credentials, settings.tls_ca_file)
    stack.callback(tokens.close)
    transport = Http2Transport(settings.fcm_url, trusting(settings.tls_ca_file))
    stack.callback(transport.close)
    return Fcm(FcmSender(transport, tokens, clock))


class FcmSender:
    """Sends pushes through FCM, one message a request (there is no batch endpoint any more)."""

    def __init__(self, transport: Http2Transport, tokens: AccessTokens, clock: Clock) -> None:
        self._transport = transport
        self._tokens = tokens
        self._clock = clock
        self._path = f"/v1/projects/{tokens.project}/messages:send"
        self._closed_until: datetime | None = None  # the whole lane waits
        self._tasks: set[asyncio.Task[PushResult]] = set()

    def closed(self) -> float | None:
        """Return for how many seconds FCM wants to hear nothing; None where it may."""
        if self._closed_until is None:
            return None
        wait = (self._closed_until - self._clock()).total_seconds()
        return wait if wait > 0 else None

    def close(self, seconds: float) -> None:
        """Send nothing for so long; a longer wait stays."""
        until = self._clock() + timedelta(seconds=seconds)
        self._closed_until = max(until, self._closed_until or until)

    def start(self, push: Push, done: Callable[[PushResult], None]) -> None:
        """Send one, and call `done` with what became of it."""
        task = asyncio.create_task(self.send(push))
        self._tasks.add(task)

        def ended(task: asyncio.Task[PushResult]) -> None:
            self._tasks.discard(task)
            if not task.cancelled():
                done(task.result())

        task.add_done_callback(ended)

    async def send(self, push: Push) -> PushResult:
        """Send one. Every answer, and none, is an outcome."""
        if (wait := self.closed()) is not None:
            return PushResult(outcome=Outcome.LANE_DOWN, code="LANE_CLOSED", retry_after=wait)
        now = self._clock()
        try:
            body = message_of(push, now)
        except ValueError as error:  # firebase-admin's own check
            return PushResult(
                outcome=Outcome.REJECTED, code=f"INVALID_MESSAGE {type(error).__name__}"
            )
        try:
            token = await self._tokens.token()
            answer = await self._post(body, token)
            if answer.status == HTTPStatus.UNAUTHORIZED and error_code(answer) is None:
                answer = await self._post(body, await self._tokens.token(not_this=token))
        except TokenRefused:
            return PushResult(outcome=Outcome.LANE_DOWN, code="TOKEN_REFUSED")
        except NoAnswer:
            return PushResult(outcome=Outcome.TRY_AGAIN, code="NO_ANSWER")
        result = result_of(answer, self._clock())  # the answer took its time
        if result.code == "QUOTA_EXCEEDED" and result.retry_after is not None:
            self.close(result.retry_after)
        return result

    async def _post(self, body: bytes, token: str) -> Answer:
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        return await self._transport.post(self._path, headers, body)


def message_of(push: Push, now: datetime) -> bytes:
    """Write the request's body. Raises ValueError for what firebase-admin does not let pass."""
    seconds = int(min(max((push.expires_at - now).total_seconds(), 0), LONGEST_TTL))
    high = push.urgency is Urgency.HIGH
    target: dict[str, Any] = {push.target_kind: push.target}
    with warnings.catch_warnings():
        if push.target_kind == "token":  # deprecated by Google, and still what many apps have
            warnings.filterwarnings("ignore", category=DeprecationWarning, module="firebase_admin")
            warnings.filterwarnings("ignore", message=".*token.*", category=DeprecationWarning)
        message = messaging.Message(
            **target,
            notification=messaging.Notification(title=push.title, body=push.body),
            data=push.data,
            android=messaging.AndroidConfig(
                collapse_key=push.message_id,
                priority="high" if high else "normal",
                ttl=seconds,
                notification=messaging.AndroidNotification(tag=push.message_id),
            ),
            apns=messaging.APNSConfig(
                headers={
                    "apns-collapse-id": push.message_id,
                    "apns-priority": "10" if high else "5",
                    "apns-expiration": str(int(push.expires_at.timestamp())),
                },
                payload=messaging.APNSPayload(
                    aps=messaging.Aps(thread_id=push.data.get("mobility"))
                ),
            ),
            webpush=messaging.WebpushConfig(
                headers={
                    "TTL": str(seconds),
                    "Urgency": "high" if high else "normal",
                    "Topic": push.message_id.replace("-", "")[:32],
                }
            ),
        )
        return b'{"message":%s}' % str(message).encode()


def error_code(answer: Answer) -> str | None:
    """Return FCM's own error code, where the answer carries one."""
    for detail in _details(answer):
        kind, code = str(detail.get("@type", "")), detail.get("errorCode")
        if kind.endswith("google.firebase.fcm.v1.FcmError") and isinstance(code, str):
            return code
    status = _error(answer).get("status")
    if answer.status == HTTPStatus.UNAUTHORIZED or not isinstance(status, str):
        return None
    return status or None


def _error(answer: Answer) -> dict[str, Any]:
    """Return the answer's error in Google's shape; empty where it is none, say a proxy's page."""
    with contextlib.suppress(ValueError, KeyError, TypeError):  # no JSON, no object
        error = msgspec.json.decode(answer.body)["error"]
        return error if isinstance(error, dict) else {}
    return {}


def _details(answer: Answer) -> Iterator[dict[str, Any]]:
    details = _error(answer).get("details")
    for each in details if isinstance(details, list) else ():
        if isinstance(each, dict):
            yield each


def result_of(answer: Answer, now: datetime) -> PushResult:
    """Tell what an answer means for the delivery."""
    if answer.status == HTTPStatus.OK:
        name = None
        with contextlib.suppress(ValueError, KeyError, TypeError):
            name = str(msgspec.json.decode(answer.body)["name"])
        return PushResult(outcome=Outcome.ACCEPTED, provider_id=name)
    code = error_code(answer)
    wait = retry_after(answer.headers, now)
    if answer.status == HTTPStatus.BAD_REQUEST:
        gone = _names_the_target(answer)
        outcome = Outcome.DEVICE_GONE if gone else Outcome.REJECTED
        return PushResult(outcome=outcome, code=code or "INVALID_ARGUMENT")
    if code == "QUOTA_EXCEEDED" or answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return PushResult(
            outcome=Outcome.LANE_DOWN, code="QUOTA_EXCEEDED", retry_after=wait or QUOTA_WAIT
        )
    blames_us = 400 <= answer.status < 500  # what else there is, a proxy on the way has said
    otherwise = Outcome.REJECTED if blames_us else Outcome.TRY_AGAIN
    outcome = _BY_CODE.get(code or "") or _BY_STATUS.get(answer.status, otherwise)
    return PushResult(outcome=outcome, code=code or f"HTTP_{answer.status}", retry_after=wait)


def _names_the_target(answer: Answer) -> bool:
    """Whether a 400 blames the registration, and nothing else in our message."""
    fields = set()
    for detail in _details(answer):
        violations = detail.get("fieldViolations")
        for each in violations if isinstance(violations, list) else ():
            fields.add(each.get("field") if isinstance(each, dict) else None)
    return bool(fields) and fields <= {"message.token", "message.fid"}
