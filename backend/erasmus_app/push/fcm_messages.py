"""Messages as FCM wants them: firebase-admin makes and checks them, and is asked once per shape.

A shape is what messages of one kind, language and platform have in common. firebase-admin writes
and checks one message of it, with marks in the places of ids, target and times; every further one
is the same text with other values. What has an unusual value goes to firebase-admin itself.
"""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from json.encoder import encode_basestring_ascii
from typing import Any

from firebase_admin import messaging

from erasmus_app.notifications.models import Urgency
from erasmus_app.notifications.ports import Push

LONGEST_TTL = 4 * 7 * 86400  # seconds, FCM's limit
MOST_SHAPES = 10_000  # kinds by languages by platforms are fewer

_TTL = 1_234_567  # seconds, a mark: no text of ours has it, see `_template`
_MARK = "\x01{}\x01"
_MARKED = re.compile(r"\\u0001([a-z]+[0-9]*)\\u0001")

_Shape = tuple[str, str, str, bool, tuple[str, ...]]


class MessageWriter:
    """Writes the bodies of requests."""

    def __init__(self) -> None:
        self._templates: dict[_Shape, tuple[list[str], list[str]]] = {}

    def body(self, push: Push, now: datetime) -> bytes:
        """Write one. Raises ValueError for what firebase-admin does not let pass."""
        if push.is_silent:
            return message_of(push, now)
        values = [push.message_id, push.target, *push.data, *push.data.values()]
        if not all(type(each) is str and each for each in values):
            return message_of(push, now)
        high = push.urgency is Urgency.HIGH
        shape = (push.target_kind, push.title, push.body, high, tuple(push.data))
        template = self._templates.get(shape)
        if template is None:
            if "\x01" in f"{push.title}{push.body}{''.join(push.data)}":  # what marks are made of
                return message_of(push, now)
            if len(self._templates) >= MOST_SHAPES:
                self._templates.clear()
            template = self._templates[shape] = _template(push, high=high)
        between, names = template
        ttl = _seconds(push, now)
        filled = {
            "id": _inside(push.message_id),
            "target": _inside(push.target),
            "topic": _inside(_topic(push)),
            "expires": str(int(push.expires_at.timestamp())),
            "ttl": str(ttl),
            "mobility": "",
        }
        for number, value in enumerate(push.data.values()):
            filled[f"data{number}"] = _inside(value)
        if "mobility" in push.data:
            filled["mobility"] = _inside(push.data["mobility"])
        parts = [between[0]]
        for name, text in zip(names, between[1:], strict=True):
            parts.append(filled[name])
            parts.append(text)
        return "".join(parts).encode()


def message_of(push: Push, now: datetime) -> bytes:
    """Write the request's body. Raises ValueError for what firebase-admin does not let pass."""
    return b'{"message":%s}' % str(message(push, now)).encode()


def message(push: Push, now: datetime) -> messaging.Message:
    """Return the message as firebase-admin has it; it is checked when it is written or sent."""
    if push.is_silent:
        return _silent(push, now)
    return _message(
        push,
        target=push.target,
        name=push.message_id,
        data=push.data,
        seconds=_seconds(push, now),
        expires=str(int(push.expires_at.timestamp())),
        topic=_topic(push),
        high=push.urgency is Urgency.HIGH,
    )


def _message(
    push: Push,
    *,
    target: str,
    name: str,
    data: dict[str, str],
    seconds: int,
    expires: str,
    topic: str,
    high: bool,
) -> messaging.Message:
    with _tokens_allowed():
        return messaging.Message(
            **_named(push, target),
            notification=messaging.Notification(title=push.title, body=push.body),
            data=data,
            android=messaging.AndroidConfig(
                collapse_key=name,
                priority="high" if high else "normal",
                ttl=seconds,
                notification=messaging.AndroidNotification(tag=name),
            ),
            apns=messaging.APNSConfig(
                headers={
                    "apns-collapse-id": name,
                    "apns-priority": "10" if high else "5",
                    "apns-expiration": expires,
                },
                payload=messaging.APNSPayload(aps=messaging.Aps(thread_id=data.get("mobility"))),
            ),
            webpush=messaging.WebpushConfig(
                headers={
                    "TTL": str(seconds),
                    "Urgency": "high" if high else "normal",
                    "Topic": topic,
                }
            ),
        )


def _silent(push: Push, now: datetime) -> messaging.Message:
    """Return one that shows nothing; Apple wants such ones at the lower priority, by their type."""
    with _tokens_allowed():
        return messaging.Message(
            **_named(push, push.target),
            data=push.data,
            android=messaging.AndroidConfig(
                collapse_key=push.message_id, priority="normal", ttl=_seconds(push, now)
            ),
            apns=messaging.APNSConfig(
                headers={
                    "apns-collapse-id": push.message_id,
                    "apns-priority": "5",
                    "apns-push-type": "background",
                    "apns-expiration": str(int(push.expires_at.timestamp())),
                },
                payload=messaging.APNSPayload(aps=messaging.Aps(content_available=True)),
            ),
        )


def _named(push: Push, target: str) -> dict[str, Any]:
    return {push.target_kind: target}


@contextmanager
def _tokens_allowed() -> Iterator[None]:
    """Let registration tokens pass: Google deprecates them, and many apps still have them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="firebase_admin")
        warnings.filterwarnings("ignore", message=".*token.*", category=DeprecationWarning)
        yield


def _seconds(push: Push, now: datetime) -> int:
    return int(min(max((push.expires_at - now).total_seconds(), 0), LONGEST_TTL))


def _topic(push: Push) -> str:
    return push.message_id.replace("-", "")[:32]


def _inside(value: str) -> str:
    """Return what stands between the quotes in JSON, as Python's `json` writes it."""
    return str(encode_basestring_ascii(value)[1:-1])


def _template(push: Push, *, high: bool) -> tuple[list[str], list[str]]:
    """Let firebase-admin write one with marks; return the text between them, and their names."""
    marked = _message(
        push,
        target=_MARK.format("target"),
        name=_MARK.format("id"),
        data={key: _MARK.format(f"data{number}") for number, key in enumerate(push.data)},
        seconds=_TTL,
        expires=_MARK.format("expires"),
        topic=_MARK.format("topic"),
        high=high,
    )
    marked.android.ttl = _TTL
    marked.webpush.headers["TTL"] = _MARK.format("ttl")
    if "mobility" in push.data:
        marked.apns.payload.aps.thread_id = _MARK.format("mobility")
    # FCM's form of a duration is firebase-admin's to write: its number is the mark here.
    text = str(marked).replace(f'"ttl": "{_TTL}s"', '"ttl": "\\u0001ttl\\u0001s"', 1)
    found = _MARKED.split(f'{{"message":{text}}}')
    return found[::2], found[1::2]
