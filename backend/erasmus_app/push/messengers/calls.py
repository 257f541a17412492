"""Calls to a messenger's API: bounded in time and size, behind a lane of its own."""

import asyncio
import hmac
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import httpx
import msgspec

from erasmus_app.chat.messengers import Delivered, NotReadable, Outcome
from erasmus_app.kit.clock import Clock
from erasmus_app.push.answers import retry_after
from erasmus_app.push.lanes import Lane, origin_of
from erasmus_app.push.pace import Bucket

SECONDS = 10.0  # for a whole answer
LARGEST_ANSWER = 65_536  # bytes
PER_SECOND, BURST = 25, 25  # answers to one messenger; Telegram takes 30 messages
MOST_REMEMBERED = 1000  # answers that are under way
LONGEST_ID = 300  # characters; what is longer was made up


TOO_LARGE = "TOO_LARGE"


class _TooLarge(Exception):
    """An answer that is larger than any that is waited for."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer of an API."""

    status: int
    told: dict[str, Any]  # its JSON; empty where it is none
    retry_after: float | None = None  # seconds


class Calls:
    """Calls to one API.

    A messenger that does not answer is left alone for a while, as push services are; what waits
    for that was not sent.
    """

    def __init__(self, http: httpx.AsyncClient, base: str, clock: Clock) -> None:
        self._http = http
        self.base = base.rstrip("/")
        self._clock = clock
        self._lane = Lane(origin_of(base), Bucket(PER_SECOND, BURST))
        self._done: OrderedDict[str, int] = OrderedDict()  # of answers in parts, those that are out

    async def in_order(
        self, key: str, messages: Sequence[Any], send: Callable[[int], Awaitable[Delivered]]
    ) -> Delivered:
        """Send the messages of one answer; the first that is not taken ends it.

        It is paced as one: half an answer waits for nobody. Tried anew, it goes on where it ended,
        as long as this process remembers that.
        """
        if (busy := self._lane.enter(self._clock())) is not None:
            return Delivered(outcome=Outcome.WAIT, code=busy.code, retry_after=busy.retry_after)
        for number in range(self._done.get(key, 0), len(messages)):
            became = await send(number)
            if became.outcome is not Outcome.SENT:
                return became
            self._done[key] = number + 1
            while len(self._done) > MOST_REMEMBERED:
                self._done.popitem(last=False)
        self._done.pop(key, None)
        return Delivered(outcome=Outcome.SENT)

    async def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        token: str | None = None,
        asked_to_wait: Callable[[Reply], float | None] = lambda reply: reply.retry_after,
    ) -> Reply | Delivered:
        """Ask once; return the answer, or what became of a call that brought none."""
        began = self._clock()
        if (closed := self._lane.closed(began)) is not None:
            return Delivered(outcome=Outcome.WAIT, code="LANE_CLOSED", retry_after=closed)
        headers = {"user-agent": "erasmus-app", "accept": "application/json"}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        content = None
        if body is not None:
            content = msgspec.json.encode(body)
            headers["content-type"] = "application/json; charset=utf-8"
        try:
            async with asyncio.timeout(SECONDS):
                reply = await self._asked(method, path, headers, content)
        except (httpx.HTTPError, TimeoutError):
            self._lane.missed(self._clock(), began)
            return Delivered(outcome=Outcome.AGAIN, code="NO_ANSWER")
        except _TooLarge:
            self._lane.answered(accepted=True)
            return Delivered(outcome=Outcome.NEVER, code=TOO_LARGE)
        now, wait = self._clock(), asked_to_wait(reply)
        if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
            pause = self._lane.overrun(wait, now)
            return Delivered(outcome=Outcome.WAIT, code="HTTP_429", retry_after=pause)
        if reply.status >= 500:
            self._lane.missed(now, began, wait or 0.0)
            return Delivered(outcome=Outcome.AGAIN, code=f"HTTP_{reply.status}", retry_after=wait)
        self._lane.answered(accepted=reply.status < 300)
        return reply

    async def _asked(
        self, method: str, path: str, headers: dict[str, str], content: bytes | None
    ) -> Reply:
        url = f"{self.base}{path}"
        async with self._http.stream(
            method, url, headers=headers, content=content, follow_redirects=False
        ) as answer:
            body = bytearray()
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > LARGEST_ANSWER:
                    raise _TooLarge
            return Reply(
                status=answer.status_code,
                told=_object(bytes(body)),
                retry_after=retry_after(
                    {name.lower(): value for name, value in answer.headers.items()}, self._clock()
                ),
            )


def refused(reply: Reply, code: object = None) -> Delivered:
    """Return what becomes of a message that an API refuses as it is."""
    shown = code if isinstance(code, str | int) and len(str(code)) <= 60 else reply.status
    return Delivered(outcome=Outcome.NEVER, code=f"REFUSED_{shown}".upper())


def _object(body: bytes) -> dict[str, Any]:
    try:
        told = msgspec.json.decode(body)
    except (ValueError, RecursionError):  # msgspec's own errors are ValueErrors
        return {}
    return told if isinstance(told, dict) else {}


def read_json(body: bytes) -> dict[str, Any]:
    """Read what a messenger sends. Raises NotReadable."""
    try:
        told = msgspec.json.decode(body)
    except (ValueError, RecursionError) as error:
        raise NotReadable("no JSON") from error
    if not isinstance(told, dict):
        raise NotReadable("no object")
    return told


def part(of: Any, name: str) -> dict[str, Any]:
    """Return an object within one; empty where there is none."""
    found = of.get(name) if isinstance(of, dict) else None
    return found if isinstance(found, dict) else {}


def parts(of: Any, name: str) -> list[Any]:
    """Return a list within an object; empty where there is none."""
    found = of.get(name) if isinstance(of, dict) else None
    return found if isinstance(found, list) else []


def text_in(of: Any, name: str) -> str:
    """Return a text within an object; empty where there is none."""
    found = of.get(name) if isinstance(of, dict) else None
    return found if isinstance(found, str) else ""


def id_in(of: Any, name: str) -> str:
    """Return an id within an object, a number or a text; empty where it is none."""
    found = of.get(name) if isinstance(of, dict) else None
    if isinstance(found, bool) or not isinstance(found, str | int):
        return ""
    text = str(found)
    return text if len(text) <= LONGEST_ID and text.isprintable() else ""


def moment_in(of: Any, name: str, *, per_second: int = 1) -> datetime | None:
    """Return a moment within an object, as seconds since 1970 or a part of them."""
    found = of.get(name) if isinstance(of, dict) else None
    try:
        seconds = float(found) / per_second if isinstance(found, str | int | float) else None
        return None if seconds is None else datetime.fromtimestamp(seconds, tz=UTC)
    except (ValueError, OverflowError, OSError):
        return None


def same(given: str, expected: str) -> bool:
    """Whether a secret is the right one, in the same time for any."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected.encode())
