"""Log lines: one JSON object each, of fields that are on a list, with nothing personal in them.

What is not on the list is dropped and named in `dropped`; ids of people become hashes that are
others tomorrow. docs/decisions/0040 says why. Domains and edges log through structlog and need not
know of this: `configure` puts it under all of them.
"""

import hashlib
import json
import logging
import os
import sys
import threading
import time
import warnings
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import getrandbits
from re import compile as pattern
from types import TracebackType
from typing import Any, TextIO
from uuid import UUID

import structlog

from erasmus_app.telemetry import traces
from erasmus_app.telemetry.metrics import count_line
from erasmus_app.telemetry.values import clean, file_of, stack_of

HASHED = {
    "account_id": "actor_hash",
    "other_account_id": "other_hash",
    "session_id": "session_hash",
}
"""Ids of people as the code names them, and what stands in the line for them."""
RENAMED = {"hei_id": "hei"}
FIELDS = frozenset(
    [
        *("ts", "level", "event", "trace_id", "request_id", "actor_hash", "hei", "lane"),
        *("outcome", "ms", "seconds", "times", "dropped", "other_hash", "session_hash"),
        *("code", "error", "where", "stack", "why", "reason", "status", "what", "rule"),
        *("api", "tenant", "from_heis", "sending_hei_id", "omobility_id", "mobility_id"),
        *("kind", "target_kind", "platform", "messenger", "provider", "endpoint", "tool", "role"),
        *("job_id", "erasure_id", "export_id", "attempts", "version", "sha256", "item"),
        *("ids", "jobs", "rows", "count", "messages", "pages", "heis", "hosts", "bytes", "pids"),
        *(
            "received",
            "changed",
            "published",
            "removed",
            "taken",
            "failed",
            "quiet",
            "gone",
            "most",
            "missing",
        ),
        *("steps", "silent", "outcomes", "command", "host", "channels", "logger", "says"),
        *("engine", "home", "data_dir"),
    ]
)
"""Every field that a line may have. A new one is added after asking: can it hold a name, an
address, a token, or what somebody wrote?"""
SPARING = {
    *("access.refused", "ewp.refused", "feed.refused", "link.refused", "mcp.refused"),
    *("messenger.refused", "messenger.not_readable", "oauth.refused", "subscribing.too_many"),
}
"""Events that anybody can bring about: the same line comes once a minute, with how often it was."""
SPARED_SECONDS = 60.0
MOST_SPARED = 2_000  # different lines that are remembered

dropped: Counter[tuple[str, str]] = Counter()
"""By event and name, fields that were not on the list. In tests each fails who logs it."""

_WELL_FORMED = pattern(rb"[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Request:
    """What is known of the request under way; all that is done for it shares this."""

    request_id: str
    account_id: UUID | None = None


_request: ContextVar[Request | None] = ContextVar("_request", default=None)


def begin(given: bytes | None = None) -> str:
    """Begin a request; return its id: the given one where that is well-formed, or a new one.

    Well-formed are 32 hexadecimal digits and a UUID: in nothing else does a caller write into our
    log.
    """
    if given is not None and _WELL_FORMED.fullmatch(given):
        found = given.decode("ascii").lower()
    else:
        found = f"{getrandbits(128):032x}"  # names a request, guards nothing
    _request.set(Request(found))
    return found


def request_id() -> str | None:
    """Return the id of the request under way, None outside of any."""
    request = _request.get()
    return None if request is None else request.request_id


def acting(account_id: UUID) -> None:
    """Say who is asking, from here on in the request."""
    if (request := _request.get()) is not None:
        request.account_id = account_id


@dataclass(slots=True)
class Lines:
    """structlog's processors in one: from what was said to a line of JSON."""

    key: bytes = field(default_factory=lambda: os.urandom(32))
    clock: Callable[[], float] = time.monotonic
    _spared: OrderedDict[tuple[Any, ...], list[float]] = field(default_factory=OrderedDict)

    def __call__(self, _logger: object, level: str, said: MutableMapping[str, Any]) -> str:
        """Write a line. Raises DropEvent for one that was written a moment ago."""
        now = datetime.now(UTC)
        event = str(said.pop("event"))
        found: dict[str, Any] = {
            "ts": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": "error" if level == "exception" else level,
            "event": clean(event),
        }
        if (trace := traces.trace_id()) is not None:
            found["trace_id"] = trace
        if (request := _request.get()) is not None:
            found["request_id"] = request.request_id
            if request.account_id is not None:
                found["actor_hash"] = self.hashed(request.account_id, now)
        strange = self._fill(found, event, said, now)
        if event in SPARING and (times := self._times(found)):
            found["times"] = times
        if strange:
            found["dropped"] = strange
        return json.dumps(found)

    def _fill(
        self,
        found: dict[str, Any],
        event: str,
        said: MutableMapping[str, Any],
        now: datetime,
    ) -> list[str]:
        """Take what was said into a line; return the names of what was not taken."""
        error = said.pop("exc_info", None)
        if error is True:
            error = sys.exception()
        if isinstance(error, BaseException):
            said.update(error=type(error).__name__, stack=stack_of(error))
        strange = []
        for name, value in said.items():
            if name in HASHED:
                if value is not None:
                    found[HASHED[name]] = self.hashed(value, now)
            elif (known := RENAMED.get(name, name)) in FIELDS:
                found[known] = clean(value)
            else:
                dropped[event, name] += 1
                strange.append(name[:40])
        return strange

    def hashed(self, person: object, now: datetime) -> str:
        """Return what stands for a person on one day; no other day's lines can be put beside it."""
        text = f"{now:%Y-%m-%d} {person}".encode()
        return hashlib.blake2b(text, digest_size=8, key=self.key).hexdigest()

    def _times(self, line: Mapping[str, Any]) -> int:
        """Return how often a line was left out before this one. Raises DropEvent for this one."""
        # The item of a document is the caller's to choose: it makes no line another one.
        apart = {"ts", "request_id", "trace_id", "item"}
        same = tuple((name, repr(value)) for name, value in line.items() if name not in apart)
        now = self.clock()
        before = self._spared.pop(same, None)
        if before is not None and now - before[0] < SPARED_SECONDS:
            before[1] += 1
            self._spared[same] = before
            raise structlog.DropEvent
        self._spared[same] = [now, 0]
        while len(self._spared) > MOST_SPARED:
            self._spared.popitem(last=False)
        return int(before[1]) if before is not None else 0


_lines = Lines()


def keyed(key: bytes) -> None:
    """Take the key of the hashes of people: with the same one, all processes write the same."""
    _lines.key = hashlib.blake2b(b"log lines", key=key[:64], digest_size=32).digest()


def configure(stream: Callable[[], TextIO] = lambda: sys.stderr, *, keep: bool = True) -> None:
    """Write lines to a stream.

    With `keep` loggers stay as they are at their first line, which is quicker; tests want it not.
    """
    structlog.configure(
        processors=[count_line, _lines],
        logger_factory=lambda *_: structlog.PrintLogger(stream()),
        cache_logger_on_first_use=keep,
    )


def take_over() -> None:
    """Write what libraries and the interpreter say as lines as well."""
    logging.basicConfig(handlers=[_FromLibraries()], level=logging.WARNING, force=True)
    warnings.showwarning = _warned  # type: ignore[assignment]  # nobody names its arguments
    sys.excepthook = _crashed
    sys.unraisablehook = lambda what: _lost(what.exc_type, what.exc_value)
    threading.excepthook = lambda what: _lost(what.exc_type, what.exc_value)


class _FromLibraries(logging.Handler):
    """Writes what libraries log without the values in it, which may be a student's."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        error = record.exc_info[1] if record.exc_info else None
        text = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        # asyncio puts the exception itself into further lines.
        says = text.partition("\n")[0]
        if record.levelno >= logging.ERROR:
            log.error("library.logged", logger=record.name, says=says, exc_info=error)
        else:
            log.warning("library.logged", logger=record.name, says=says, exc_info=error)


def _warned(
    _message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object
) -> None:
    """Write a warning without its text."""
    log.warning("library.warned", kind=category.__name__, where=f"{file_of(filename)}:{lineno}")


def _crashed(kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    """Write what ends the process: the interpreter would print what the error says as well."""
    log.critical("process.crashed", error=kind.__name__, stack=stack_of(error))


def _lost(kind: type[BaseException], error: BaseException | None) -> None:
    """Write what nobody was there to hear."""
    stack = "" if error is None else stack_of(error)
    log.error("process.error_lost", error=kind.__name__, stack=stack)
