"""Web Push: browsers, and UnifiedPush on phones without Google, by one protocol.

RFC 8030 with messages as RFC 8291 encrypts them and a sender that RFC 8292 proves. A message is
written so that Safari shows it by itself (declarative web push), and so that a service worker
reads the same. What each answer means is the table of docs/decisions/0021.
"""

import base64
import re
from contextlib import AsyncExitStack
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import msgspec

from erasmus_app.kit.addresses import AddressRefused
from erasmus_app.kit.clock import Clock
from erasmus_app.kit.trust import trusting
from erasmus_app.notifications.models import Urgency
from erasmus_app.notifications.ports import Outcome, Push, PushResult, Target, TargetRefused
from erasmus_app.push.answers import retry_after
from erasmus_app.push.encryption import AUTH_BYTES, encrypted, receiver_key
from erasmus_app.push.http2 import Answer, NoAnswer
from erasmus_app.push.lanes import Lane, Lanes, origin_of
from erasmus_app.push.strangers import Doors, StrangersHttp
from erasmus_app.push.vapid import Vapid, vapid_key
from erasmus_app.settings import Settings
from erasmus_app.students.models import LONGEST_TARGET, TargetKind

LONGEST_TTL = 28 * 86400  # seconds; push services cut what is longer
LONGEST_ENDPOINT = 2048
QUOTA_WAIT = 60.0  # seconds, where a push service names none
STRANGERS_AT_ONCE = 4  # requests to origins that have taken nothing yet
BUSY_WAIT = 5.0  # seconds, for one of those

_ADDRESS = re.compile(r"[!$%&'()*+,./0-9:;=?@A-Z\[\]_a-z~-]+")  # RFC 3986, without a fragment
_ACCEPTED = {HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED, HTTPStatus.NO_CONTENT}
_OUTCOMES: dict[int, tuple[Outcome, str]] = {
    HTTPStatus.NOT_FOUND: (Outcome.DEVICE_GONE, "GONE"),
    HTTPStatus.GONE: (Outcome.DEVICE_GONE, "GONE"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (Outcome.REJECTED, "TOO_LARGE"),
    HTTPStatus.UNAUTHORIZED: (Outcome.LANE_DOWN, "VAPID_REFUSED"),
    HTTPStatus.FORBIDDEN: (Outcome.LANE_DOWN, "VAPID_REFUSED"),
    HTTPStatus.TOO_MANY_REQUESTS: (Outcome.TRY_AGAIN, "TOO_MANY"),
    HTTPStatus.REQUEST_TIMEOUT: (Outcome.TRY_AGAIN, "HTTP_408"),
    HTTPStatus.TOO_EARLY: (Outcome.TRY_AGAIN, "HTTP_425"),
}


class _Keys(msgspec.Struct, frozen=True):
    p256dh: str
    auth: str


class Subscription(msgspec.Struct, frozen=True):
    """A push subscription as browsers write it: `JSON.stringify(subscription)`."""

    endpoint: str
    keys: _Keys


class WebPush:
    """The channel."""

    ready = True

    def __init__(
        self,
        http: StrangersHttp,
        vapid: Vapid,
        app_url: str,
        clock: Clock,
        lanes: Lanes | None = None,
    ) -> None:
        self._http = http
        self._vapid = vapid
        self._app_url = app_url
        self._clock = clock
        self._lanes = lanes or Lanes()
        self._strangers = 0  # requests under way to origins that have taken nothing yet
        self.public_key = vapid.public_key

    def target(self, kind: TargetKind, given: str) -> Target:  # noqa: ARG002 - there is one kind
        """Take a subscription. Raises TargetRefused."""
        if len(given) > LONGEST_TARGET:
            raise TargetRefused(f"must have at most {LONGEST_TARGET} characters")
        try:
            found = msgspec.json.decode(given, type=Subscription)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise TargetRefused("is no subscription: wants its JSON") from error
        endpoint = found.endpoint
        if len(endpoint) > LONGEST_ENDPOINT or _ADDRESS.fullmatch(endpoint) is None:
            raise TargetRefused("endpoint: is no address")
        if (wrong := self._http.doors.refusal(endpoint)) is not None:
            raise TargetRefused(f"endpoint: {wrong}")
        point, auth = _bytes(found.keys.p256dh, "p256dh"), _bytes(found.keys.auth, "auth")
        try:
            receiver_key(point)
        except ValueError as error:
            raise TargetRefused("keys.p256dh: is no point of P-256") from error
        if len(auth) != AUTH_BYTES:
            raise TargetRefused(f"keys.auth: wants {AUTH_BYTES} bytes")
        kept = Subscription(endpoint, _Keys(_text(point), _text(auth)))
        return Target(name=endpoint, value=msgspec.json.encode(kept).decode())

    def circuits(self) -> dict[str, float]:
        """See `push.lanes.HasCircuits`."""
        closed = self._lanes.closed(self._clock())
        return {f"web_push:{name}": 2.0 if shut else 0.0 for name, shut in closed.items()}

    async def send(self, push: Push) -> PushResult:
        """Send one. Every answer, and none, is an outcome."""
        subscription, now = msgspec.json.decode(push.target, type=Subscription), self._clock()
        origin = origin_of(subscription.endpoint)
        lane = self._lanes.of(origin)
        if not lane.proven and self._strangers >= STRANGERS_AT_ONCE:
            return PushResult(outcome=Outcome.WAIT, code="LANE_BUSY", retry_after=BUSY_WAIT)
        if (waits := lane.enter(now)) is not None:
            return waits
        try:
            body = encrypted(
                declared(push, self._app_url),
                _bytes(subscription.keys.p256dh, "p256dh"),
                _bytes(subscription.keys.auth, "auth"),
            )
        except ValueError:
            return PushResult(outcome=Outcome.REJECTED, code="TOO_LARGE")
        headers = headers_of(push, now) | {"authorization": self._vapid.header(origin, now)}
        return await self._sent(lane, subscription.endpoint, headers, body)

    async def _sent(
        self, lane: Lane, endpoint: str, headers: dict[str, str], body: bytes
    ) -> PushResult:
        place, began = 0 if lane.proven else 1, self._clock()
        self._strangers += place
        try:
            answer = await self._http.post(endpoint, headers, body)
        except AddressRefused:
            return PushResult(outcome=Outcome.REJECTED, code="ADDRESS_INSIDE")
        except NoAnswer:
            lane.missed(self._clock(), began)
            return PushResult(outcome=Outcome.TRY_AGAIN, code="NO_ANSWER")
        finally:
            self._strangers -= place
        now = self._clock()  # the answer took its time
        result = result_of(answer, now)
        lane.answered(accepted=result.outcome is Outcome.ACCEPTED)
        if result.code == "TOO_MANY":
            lane.limited(endpoint, result.retry_after or QUOTA_WAIT, now)
        return result


def opened(settings: Settings, clock: Clock, stack: AsyncExitStack) -> WebPush:
    """Open the channel; `stack` closes it."""
    http = StrangersHttp(trusting(settings.tls_ca_file), Doors(settings.push_networks))
    stack.push_async_callback(http.close)
    contact = f"mailto:{settings.mail_from}" if settings.mail_from else settings.public_url
    vapid = Vapid(vapid_key(settings.vapid_key, settings.data_dir), contact)
    lanes = Lanes(settings.web_push_per_second, settings.web_push_burst)
    return WebPush(http, vapid, settings.app_url or settings.public_url, clock, lanes)


def headers_of(push: Push, now: datetime) -> dict[str, str]:
    """Say how long a message is kept, how urgent it is, and what it takes the place of."""
    seconds = int(min(max((push.expires_at - now).total_seconds(), 0), LONGEST_TTL))
    return {
        "ttl": str(seconds),
        "urgency": "high" if push.urgency is Urgency.HIGH else "normal",
        "topic": push.message_id.replace("-", "")[:32],
        "content-encoding": "aes128gcm",
        "content-type": "application/octet-stream",
    }


def declared(push: Push, app_url: str) -> bytes:
    """Write a message as declarative web push has it; `data` is what other channels send."""
    parts = urlsplit(app_url)
    query = "&".join(
        each for each in (parts.query, urlencode({"message": push.data["id"]})) if each
    )
    notification: dict[str, Any] = {
        "title": push.title,
        "body": push.body,
        "navigate": urlunsplit(parts._replace(path=parts.path or "/", query=query)),
        "tag": push.message_id,  # a second showing replaces the first
        "data": push.data,
    }
    return msgspec.json.encode({"web_push": 8030, "notification": notification})


def result_of(answer: Answer, now: datetime) -> PushResult:
    """Tell what an answer means for the delivery."""
    if answer.status in _ACCEPTED:
        return PushResult(outcome=Outcome.ACCEPTED)
    wait = retry_after(answer.headers, now)
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS and wait is None:
        wait = QUOTA_WAIT
    otherwise = Outcome.TRY_AGAIN if answer.status >= 500 else Outcome.REJECTED
    outcome, code = _OUTCOMES.get(answer.status, (otherwise, f"HTTP_{answer.status}"))
    return PushResult(outcome=outcome, code=code, retry_after=wait)


def _bytes(text: str, name: str) -> bytes:
    """Read base64url, with its filling or without. Raises TargetRefused."""
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), b"-_", True)
    except ValueError as error:
        raise TargetRefused(f"keys.{name}: is not base64url") from error


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode("ascii").rstrip("=")
