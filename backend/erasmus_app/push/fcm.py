"""Firebase Cloud Messaging, HTTP v1.

firebase-admin makes and checks the messages and reads the credentials; the transport is ours.
What each answer means is the table of docs/decisions/0004.
"""

import asyncio
import contextlib
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import NamedTuple

import msgspec

from erasmus_app.kit.clock import Clock
from erasmus_app.kit.trust import trusting
from erasmus_app.notifications.ports import Outcome, Push, PushResult, Target, TargetRefused
from erasmus_app.push.answers import (
    error_code,
    is_of_one_target,
    names_the_target,
    retry_after,
)
from erasmus_app.push.credentials import AccessTokens, TokenRefused
from erasmus_app.push.fcm_lane import QUOTA_WAIT, Sender
from erasmus_app.push.fcm_lanes import FcmLanes
from erasmus_app.push.fcm_library import FirebaseAdmin, LibrarySender
from erasmus_app.push.fcm_messages import MessageWriter
from erasmus_app.push.http2 import Answer, Http2Transport, NoAnswer
from erasmus_app.settings import FcmTransport, Settings
from erasmus_app.students.models import LONGEST_TARGET, TargetKind

CONNECTIONS = 10
MOST_UNDER_WAY = 1_000  # messages: Google's servers take a hundred on one connection

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

    def __init__(self, sender: Sender | None) -> None:
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
        return None if self._sender is None else self._sender.lanes.closed()

    def circuits(self) -> dict[str, float]:
        """See `push.lanes.HasCircuits`."""
        return {} if self._sender is None else self._sender.lanes.circuits()

    def room(self) -> int:
        """Return how many pushes could be sent right now."""
        return self._sender.lanes.room() if self._sender else 1

    def close(self, seconds: float) -> None:
        """Send nothing for so long: another process has heard that FCM wants it so."""
        if self._sender is not None:
            self._sender.lanes.close(seconds)

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
    lanes = FcmLanes(clock, settings.fcm_per_second, settings.fcm_burst)
    if settings.fcm_transport is FcmTransport.FIREBASE_ADMIN:
        library = FirebaseAdmin(settings.fcm_credentials, settings.fcm_url, settings.tls_ca_file)
        stack.push_async_callback(library.close)
        return Fcm(LibrarySender(library, clock, lanes))
    tokens = AccessTokens(settings.fcm_credentials, settings.tls_ca_file)
    stack.callback(tokens.close)
    transport = Http2Transport(
        settings.fcm_url, trusting(settings.tls_ca_file), connections=CONNECTIONS
    )
    stack.callback(transport.close)
    return Fcm(FcmSender(transport, tokens, clock, lanes))


class _Sent(NamedTuple):
    """A push on its way."""

    push: Push
    body: bytes
    token: str
    began: datetime


class FcmSender(Sender):
    """Sends through our own transport."""

    def __init__(
        self,
        transport: Http2Transport,
        tokens: AccessTokens,
        clock: Clock,
        lanes: FcmLanes | None = None,
    ) -> None:
        super().__init__(clock, lanes)
        self._transport = transport
        self._tokens = tokens
        self._path = f"/v1/projects/{tokens.project}/messages:send"
        self._writer = MessageWriter()

    def start(self, push: Push, done: Callable[[PushResult], None]) -> None:
        """Send one as `send` does, and call `done` with what became of it."""
        token, began = self._tokens.ready(), self._clock()
        if token is None:
            self._later(self.send(push), done)
            return
        if (waits := self.lanes.enter(push, began)) is not None:
            done(waits)
            return
        try:
            body = self._writer.body(push, began)
        except ValueError as error:
            done(_invalid(error))
            return
        sent = _Sent(push, body, token, began)
        answer = self._transport.begin(self._path, self._headers(token), body)
        answer.add_done_callback(partial(self._heard, sent, done))

    def _heard(
        self,
        sent: "_Sent",
        done: Callable[[PushResult], None],
        answer: "asyncio.Future[Answer]",
    ) -> None:
        if answer.cancelled():
            return
        if isinstance(answer.exception(), NoAnswer):
            done(self._unheard(sent))
        elif _token_refused(answer.result()):
            self._later(self._once_more(sent), done)
        else:
            done(self._result(sent, answer.result()))

    async def send(self, push: Push) -> PushResult:
        """Send one. Every answer, and none, is an outcome."""
        began = self._clock()
        if (waits := self.lanes.enter(push, began)) is not None:
            return waits
        try:
            body = self._writer.body(push, began)
        except ValueError as error:  # firebase-admin's own check
            return _invalid(error)
        try:
            sent = _Sent(push, body, await self._tokens.token(), began)
        except TokenRefused:
            return PushResult(outcome=Outcome.LANE_DOWN, code="TOKEN_REFUSED")
        try:
            answer = await self._post(body, sent.token)
        except NoAnswer:
            return self._unheard(sent)
        if _token_refused(answer):
            return await self._once_more(sent)
        return self._result(sent, answer)

    async def _once_more(self, sent: "_Sent") -> PushResult:
        """Send again what was refused for its token, with another one."""
        try:
            answer = await self._post(sent.body, await self._tokens.token(not_this=sent.token))
        except TokenRefused:
            return PushResult(outcome=Outcome.LANE_DOWN, code="TOKEN_REFUSED")
        except NoAnswer:
            return self._unheard(sent)
        return self._result(sent, answer)

    def _unheard(self, sent: "_Sent") -> PushResult:
        """Tell what it means that no answer came, for everybody too."""
        none = PushResult(outcome=Outcome.TRY_AGAIN, code="NO_ANSWER")
        return self.lanes.learn(sent.push, none, sent.began)

    def _result(self, sent: "_Sent", answer: Answer) -> PushResult:
        """Tell what an answer means, for everybody too."""
        # It took its time: it is read by the clock as it is now.
        return self.lanes.learn(sent.push, result_of(answer, self._clock()), sent.began)

    async def _post(self, body: bytes, token: str) -> Answer:
        return await self._transport.post(self._path, self._headers(token), body)

    def _headers(self, token: str) -> dict[str, str]:
        return {"authorization": f"Bearer {token}", "content-type": "application/json"}


def _invalid(error: ValueError) -> PushResult:
    return PushResult(outcome=Outcome.REJECTED, code=f"INVALID_MESSAGE {type(error).__name__}")


def _token_refused(answer: Answer) -> bool:
    """Whether it is the access token that is not good, and nothing that FCM itself has said."""
    return answer.status == HTTPStatus.UNAUTHORIZED and error_code(answer) is None


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
        gone = names_the_target(answer)
        outcome = Outcome.DEVICE_GONE if gone else Outcome.REJECTED
        return PushResult(outcome=outcome, code=code or "INVALID_ARGUMENT")
    if code == "QUOTA_EXCEEDED" or answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        if is_of_one_target(answer):
            return PushResult(
                outcome=Outcome.TRY_AGAIN, code="DEVICE_QUOTA", retry_after=wait or QUOTA_WAIT
            )
        return PushResult(outcome=Outcome.LANE_DOWN, code="QUOTA_EXCEEDED", retry_after=wait)
    blames_us = 400 <= answer.status < 500  # what else there is, a proxy on the way has said
    otherwise = Outcome.REJECTED if blames_us else Outcome.TRY_AGAIN
    outcome = _BY_CODE.get(code or "") or _BY_STATUS.get(answer.status, otherwise)
    return PushResult(outcome=outcome, code=code or f"HTTP_{answer.status}", retry_after=wait)
