"""FCM through firebase-admin itself: slower, and what our own transport is measured by.

Its address, its connections and its access to tokens are private to it and replaced here: it
takes no other address, repeats 500 and 503 by itself without heed of Retry-After, and refreshes
its token on the event loop (docs/decisions/0004). What an answer means is read from the errors
that it raises, so that it can be held against `push.fcm.result_of`.
"""

from collections.abc import AsyncGenerator
from datetime import datetime
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import firebase_admin
import httpx
from firebase_admin import credentials, exceptions, messaging

from erasmus_app.kit.clock import Clock
from erasmus_app.kit.trust import trusting
from erasmus_app.notifications.ports import Outcome, Push, PushResult
from erasmus_app.push.answers import error_code, names_the_target, retry_after
from erasmus_app.push.credentials import AccessTokens, TokenRefused
from erasmus_app.push.fcm_lane import QUOTA_WAIT, Sender
from erasmus_app.push.fcm_messages import message
from erasmus_app.push.http2 import Answer

SECONDS = 10.0  # for an answer

_OUTCOMES: tuple[tuple[type[Exception], Outcome], ...] = (  # the first that fits
    (messaging.UnregisteredError, Outcome.DEVICE_GONE),
    (messaging.SenderIdMismatchError, Outcome.DEVICE_GONE),
    (messaging.QuotaExceededError, Outcome.LANE_DOWN),
    (messaging.ThirdPartyAuthError, Outcome.LANE_DOWN),
    (exceptions.ResourceExhaustedError, Outcome.LANE_DOWN),
    (exceptions.UnauthenticatedError, Outcome.LANE_DOWN),
    (exceptions.PermissionDeniedError, Outcome.LANE_DOWN),
    (exceptions.NotFoundError, Outcome.LANE_DOWN),  # without FCM's code: the project, no phone
    (exceptions.UnavailableError, Outcome.TRY_AGAIN),
    (exceptions.InternalError, Outcome.TRY_AGAIN),
    (exceptions.DeadlineExceededError, Outcome.TRY_AGAIN),
    (exceptions.AbortedError, Outcome.TRY_AGAIN),
    (exceptions.ConflictError, Outcome.TRY_AGAIN),
    (exceptions.AlreadyExistsError, Outcome.TRY_AGAIN),
    (exceptions.CancelledError, Outcome.TRY_AGAIN),
    (exceptions.DataLossError, Outcome.TRY_AGAIN),
)


class _Bearer(httpx.Auth):
    """Our tokens: refreshed beside the loop, and once where one is refused."""

    def __init__(self, tokens: AccessTokens) -> None:
        self._tokens = tokens

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Send with a token; again with another one where nothing of FCM's own refuses it."""
        token = await self._tokens.token()
        request.headers["authorization"] = f"Bearer {token}"
        response = yield request
        await response.aread()
        if response.status_code == 401 and error_code(_answer(response)) is None:
            token = await self._tokens.token(not_this=token)
            request.headers["authorization"] = f"Bearer {token}"
            yield request


class FirebaseAdmin:
    """The library's service, with our address, tokens and authorities."""

    def __init__(self, account: Path, url: str, ca_file: Path | None) -> None:
        self._tokens = AccessTokens(account, ca_file)
        self._app = firebase_admin.initialize_app(
            credentials.Certificate(str(account)), name=f"erasmus-app {uuid4()}"
        )
        self.service = cast("Any", messaging)._MessagingService(self._app)  # noqa: SLF001
        self.service._fcm_url = f"{url}/v1/projects/{self._tokens.project}/messages:send"  # noqa: SLF001
        self._http = httpx.AsyncClient(
            http2=True,
            timeout=SECONDS,
            verify=trusting(ca_file),
            trust_env=False,
            auth=_Bearer(self._tokens),
        )
        self.service._async_client._async_client = self._http  # noqa: SLF001 - it had none open

    async def close(self) -> None:
        """End the connections."""
        await self._http.aclose()
        self._tokens.close()
        firebase_admin.delete_app(self._app)


class LibrarySender(Sender):
    """Sends through the library, a call a message."""

    def __init__(self, library: FirebaseAdmin, clock: Clock) -> None:
        super().__init__(clock)
        self._library = library

    async def send(self, push: Push) -> PushResult:
        """Send one. Every answer, and none, is an outcome."""
        if (refused := self._refused()) is not None:
            return refused
        try:
            made = [message(push, self._clock())]
            answers = await self._library.service.send_each_async(made, dry_run=False)
        except exceptions.FirebaseError as error:
            return _unheard(error)
        except ValueError as error:  # its own check
            return PushResult(
                outcome=Outcome.REJECTED, code=f"INVALID_MESSAGE {type(error).__name__}"
            )
        (answer,) = answers.responses
        if answer.exception is None:
            return PushResult(outcome=Outcome.ACCEPTED, provider_id=answer.message_id)
        now = self._clock()  # the answer took its time
        return self._noted(outcome_of(answer.exception, now), now)


def outcome_of(error: exceptions.FirebaseError, now: datetime) -> PushResult:
    """Tell what the library's error means for the delivery."""
    if error.http_response is None:
        return PushResult(outcome=Outcome.TRY_AGAIN, code="NO_ANSWER")
    answer = _answer(cast("Any", error.http_response))
    code = error_code(answer) or f"HTTP_{answer.status}"
    wait = retry_after(answer.headers, now)
    if answer.status == 400:
        gone = names_the_target(answer)
        outcome = Outcome.DEVICE_GONE if gone else Outcome.REJECTED
        return PushResult(outcome=outcome, code=error_code(answer) or "INVALID_ARGUMENT")
    if isinstance(error, messaging.QuotaExceededError | exceptions.ResourceExhaustedError):
        return PushResult(
            outcome=Outcome.LANE_DOWN, code="QUOTA_EXCEEDED", retry_after=wait or QUOTA_WAIT
        )
    otherwise = Outcome.TRY_AGAIN if answer.status >= 500 else Outcome.REJECTED
    outcome = next((each for kind, each in _OUTCOMES if isinstance(error, kind)), otherwise)
    return PushResult(outcome=outcome, code=code, retry_after=wait)


def _unheard(error: exceptions.FirebaseError) -> PushResult:
    """Tell what an error means that is about no answer of FCM's."""
    if isinstance(error.cause, TokenRefused):
        return PushResult(outcome=Outcome.LANE_DOWN, code="TOKEN_REFUSED")
    return PushResult(outcome=Outcome.TRY_AGAIN, code="NO_ANSWER")


def _answer(response: httpx.Response) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(status=response.status_code, headers=headers, body=response.content)
