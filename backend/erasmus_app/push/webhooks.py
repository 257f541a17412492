"""Webhooks to universities' own apps, signed as Standard Webhooks say (standardwebhooks.com).

The addresses are an operator's, not a stranger's; they lead inside only where the file of HEIs says
so. Nobody follows redirects, and of an answer no more is read than its status.
"""

import base64
import hmac
import ssl
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from ipaddress import ip_network
from pathlib import Path
from uuid import UUID

import msgspec

from erasmus_app.errors import SettingsInvalid
from erasmus_app.ids import HeiId, global_id
from erasmus_app.institutions.models import CoveredHei, WebhookEndpoint
from erasmus_app.kit.addresses import AddressRefused
from erasmus_app.kit.clock import Clock
from erasmus_app.notifications.ports import Outcome, PushResult
from erasmus_app.push.answers import retry_after
from erasmus_app.push.http2 import NoAnswer
from erasmus_app.push.lanes import Lane
from erasmus_app.push.pace import Bucket
from erasmus_app.push.strangers import Doors, StrangersHttp

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64  # bytes of a secret
SECONDS = 15.0  # for an answer, as the specification advises
PER_SECOND, BURST = 50, 50  # to one endpoint
DISABLED = "GONE"


class WebhookBody(msgspec.Struct, frozen=True, kw_only=True):
    """What an app is told: that something happened to which mobility; it reads the rest itself."""

    type: str
    timestamp: datetime
    data: dict[str, str]


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """One event on its way to one endpoint."""

    webhook_id: UUID
    body: bytes


def signed(webhook: str, moment: int, body: bytes, secrets: Sequence[bytes]) -> dict[str, str]:
    """Return the headers that prove a message, with a signature for each secret.

    `moment` is in seconds since 1970, of this attempt.
    """
    content = f"{webhook}.{moment}.".encode() + body
    signatures = [
        "v1," + base64.b64encode(hmac.digest(each, content, "sha256")).decode("ascii")
        for each in secrets
    ]
    return {
        "webhook-id": webhook,
        "webhook-timestamp": str(moment),
        "webhook-signature": " ".join(signatures),
    }


def read_secrets(path: Path) -> tuple[bytes, ...]:
    """Read a file of secrets, `whsec_` and Base64 on each line; `#` begins a comment.

    Raises:
        SettingsInvalid: there is none, or a line is not one. What it says is not repeated.
    """
    where = f"ERASMUS_APP_EWP_HEIS: webhook: {path}"
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{where}: {type(error).__name__}") from error
    found = []
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        try:
            secret = base64.b64decode(text.removeprefix(PREFIX), validate=True)
        except ValueError:
            secret = b""
        if not text.startswith(PREFIX) or not SHORTEST <= len(secret) <= LONGEST:
            wants = f"{PREFIX} and {SHORTEST} to {LONGEST} bytes in Base64"
            raise SettingsInvalid(f"{where}: line {number} is not {wants}")
        found.append(secret)
    if not found:
        raise SettingsInvalid(f"{where}: holds no secret")
    return tuple(found)


@dataclass(slots=True)
class _Opened:
    """An endpoint, ready to be told."""

    endpoint: WebhookEndpoint
    secrets: tuple[bytes, ...]
    http: StrangersHttp
    lane: Lane


class Webhooks:
    """The endpoints of all covered HEIs."""

    def __init__(self, endpoints: Mapping[tuple[HeiId, str], _Opened], clock: Clock) -> None:
        self._endpoints = endpoints
        self._clock = clock

    def url(self, tenant: HeiId, name: str) -> str | None:
        """Return an endpoint's address; None where there is no such endpoint (any more)."""
        opened = self._endpoints.get((tenant, name))
        return opened.endpoint.url if opened else None

    async def send(self, tenant: HeiId, name: str, webhook: Webhook) -> PushResult:
        """Tell one endpoint once. Every answer, and none, is an outcome."""
        opened, began = self._endpoints[tenant, name], self._clock()
        if (waits := opened.lane.enter(began)) is not None:
            return waits
        moment = int(began.timestamp())
        headers = signed(f"msg_{webhook.webhook_id.hex}", moment, webhook.body, opened.secrets)
        headers |= {"content-type": "application/json", "user-agent": "erasmus-app"}
        try:
            answer = await opened.http.post(opened.endpoint.url, headers, webhook.body)
        except AddressRefused:
            return PushResult(outcome=Outcome.TRY_AGAIN, code="ADDRESS_INSIDE")
        except NoAnswer:
            opened.lane.missed(self._clock(), began)
            return PushResult(outcome=Outcome.TRY_AGAIN, code="NO_ANSWER")
        now = self._clock()
        result = result_of(answer.status, retry_after(answer.headers, now))
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            opened.lane.overrun(result.retry_after, now)
        elif answer.status >= 500:
            opened.lane.missed(now, began, result.retry_after or 0.0)
        else:
            opened.lane.answered(accepted=result.outcome is Outcome.ACCEPTED)
        return result


def result_of(status: int, wait: float | None) -> PushResult:
    """Tell what an answer means: 2xx is taken, 410 wants nothing more, all else comes again."""
    if 200 <= status < 300:
        return PushResult(outcome=Outcome.ACCEPTED)
    if status == HTTPStatus.GONE:
        return PushResult(outcome=Outcome.DEVICE_GONE, code=DISABLED)
    return PushResult(outcome=Outcome.TRY_AGAIN, code=f"HTTP_{status}", retry_after=wait)


def body_of(
    *,
    kind: str,
    at: datetime,
    tenant: HeiId,
    mobility: UUID,
    sending: HeiId,
    receiving: HeiId,
    omobility: str,
    subject: str,
) -> bytes:
    """Write what an endpoint is told: the kind, ids, and nobody's name."""
    return msgspec.json.encode(
        WebhookBody(
            type=f"mobility.{kind}",
            timestamp=at,
            data={
                "kind": kind,
                "hei_id": tenant,
                "mobility": global_id("Mobility", mobility),
                "sending_hei_id": sending,
                "receiving_hei_id": receiving,
                "omobility_id": omobility,
                "subject": subject,
            },
        )
    )


def opened_webhooks(
    heis: Mapping[HeiId, CoveredHei], tls: ssl.SSLContext, clock: Clock, stack: AsyncExitStack
) -> Webhooks:
    """Open all endpoints; `stack` closes them.

    Raises:
        SettingsInvalid: a secret is none, or an address leads where it may not.
    """
    endpoints = {}
    for hei in heis.values():
        for each in hei.webhook:
            doors = Doors(tuple(map(ip_network, each.networks)))
            if (wrong := doors.refusal(each.url)) is not None:
                raise SettingsInvalid(
                    f"ERASMUS_APP_EWP_HEIS: {hei.id}: webhook {each.name}: url {wrong}"
                )
            http = StrangersHttp(tls, doors, seconds=SECONDS)
            stack.push_async_callback(http.close)
            endpoints[hei.id, each.name] = _Opened(
                each, read_secrets(each.secret_file), http, Lane(bucket=Bucket(PER_SECOND, BURST))
            )
    return Webhooks(endpoints, clock)
