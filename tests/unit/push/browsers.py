"""For tests of web push: a channel that may go to loopback, and what it is given."""

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

from joserfc.jwk import ECKey
from unit.sandbox.hand_clock import HandClock

from erasmus_app.notifications.models import Urgency
from erasmus_app.notifications.ports import Push
from erasmus_app.push.strangers import Doors, StrangersHttp
from erasmus_app.push.vapid import Vapid
from erasmus_app.push.web_push import WebPush
from erasmus_app.students.models import TargetKind
from sandbox.authority import Authority
from sandbox.web_push import WebPushService

ENTRY = "0d6f2c4e-1d5a-5b3e-9c1f-7a0d2b8e4f10"
MESSAGE_ID = "TWVzc2FnZTox"
KEY = ECKey.generate_key("P-256", private=True)
LOOPBACK_NET = (ip_network("127.0.0.0/8"),)


@contextlib.asynccontextmanager
async def sending(
    authority: Authority,
    clock: HandClock,
    *,
    networks: Any = LOOPBACK_NET,
    contact: str = "mailto:erasmus@uni.example",
    seconds: float = 20,
) -> AsyncIterator[WebPush]:
    http = StrangersHttp(authority.client_context(), Doors(networks), seconds=seconds)
    try:
        yield WebPush(http, Vapid(KEY, contact), "https://app.example/inbox?view=1#top", clock)
    finally:
        await http.close()


def a_push(clock: HandClock, target: str, **changed: Any) -> Push:
    return Push(
        **{
            "message_id": ENTRY,
            "platform": "web",
            "target_kind": "web_push",
            "target": target,
            "title": "A tua nomeação chegou",
            "body": "Toca para ver o próximo passo.",
            "data": {"id": MESSAGE_ID, "kind": "nominated"},
            "urgency": Urgency.HIGH,
            "expires_at": clock() + timedelta(hours=72),
        }
        | changed
    )


def subscribed(service: WebPushService, channel: WebPush) -> tuple[str, str]:
    """A new browser, and its target as it is kept."""
    browser = service.subscribe(channel.public_key)
    found = channel.target(TargetKind.WEB_PUSH, service.subscription(browser))
    return browser, found.value


def a_subscription(**changed: Any) -> dict[str, Any]:
    return {
        "endpoint": "https://push.example/send/abc",
        "expirationTime": None,
        "keys": {
            "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6S"
            "RpkNtoIAiw4",
            "auth": "BTBZMqHH6r4Tts7J_aSIgg",
        },
    } | changed


GOOD = a_subscription()
KEYS = GOOD["keys"]
