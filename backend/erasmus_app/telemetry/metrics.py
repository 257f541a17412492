"""What this process counts and times, in a registry of its own: `/metrics` shows it.

A metric is what happened in the process, like a line of the log, so it belongs to the process and
not to one application in it: `PUSH_ATTEMPTS["fcm", "accepted"].inc()`. What is asked of the
database and of what is open at the moment comes beside it, see `telemetry.exposition`.

Labels hold words of ours alone, or those of a list that somebody else keeps short: never an id of
a student's, a token or an address. docs/operations/watching.md explains each metric.
"""

import platform
import re
from collections.abc import Callable, MutableMapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Generic, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

M = TypeVar("M", Counter, Histogram)

OTHER = "other"
REGISTRY = CollectorRegistry()
disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each one, which nobody reads
ProcessCollector(registry=REGISTRY)

_WORD = re.compile(r"[A-Za-z0-9_.:-]{1,60}")
_REQUEST = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.3, 1, 3, 10)  # the aims are 0.1 and 0.3
_SOON = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)  # 5 and 30
_LATE = (1, 5, 15, 30, 45, 60, 90, 120, 300, 900, 3600, 21600)  # 60


class By(dict[Any, M], Generic[M]):
    """A metric by its labels' values; the library's own way to them costs ten times as much."""

    def __init__(self, metric: M) -> None:
        super().__init__()
        self._labels: Callable[..., M] = metric.labels

    def __missing__(self, key: str | tuple[str, ...]) -> M:
        found = self[key] = self._labels(*((key,) if isinstance(key, str) else key))
        return found


class Words:
    """Lets a label have the words of somebody else's list: so many, and then `other`.

    A push service invents codes as it likes, and each would stay a series for ever.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()

    def __call__(self, word: str) -> str:
        """Return the word, or `other` where there are too many or it is none."""
        if word in self._known:
            return word
        if len(self._known) >= self._most or _WORD.fullmatch(word) is None:
            return OTHER
        self._known.add(word)
        return word


def _counter(name: str, says: str, *labels: str) -> Counter:
    return Counter(name, says, labels, registry=REGISTRY)


def _histogram(name: str, says: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
    return Histogram(name, says, labels, registry=REGISTRY, buckets=buckets)


# What students' apps, browsers and assistants ask
REQUESTS = By(
    _histogram(
        "http_server_request_duration_seconds",
        "Time until the answer to a request begins.",
        _REQUEST,
        *("method", "route", "status"),
    )
)
GRAPHQL_COST = _histogram(
    "graphql_cost",
    "What operations may cost at most, as they are looked at before they run.",
    (1, 10, 30, 100, 300, 1000, 3000, 10000),
)
GRAPHQL_REJECTED = By(
    _counter("graphql_rejected_total", "Requests to /graphql that were not run.", "reason")
)
REFRESH_REUSE = _counter(
    "auth_refresh_reuse_total", "Refresh tokens that were used once more, which ends the session."
)

# Questions
NLU_INTENT = By(
    _counter("nlu_intent_total", "Questions by what they were taken for.", "intent", "band", "lang")
)
NLU_SECONDS = _histogram(
    "nlu_seconds",
    "Time to understand one question, the wait for a free core included.",
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
)

# Pushes
PUSH_ATTEMPTS = By(
    _counter(
        "erasmus_push_attempts_total",
        "Requests to push services, by their word for what became of them.",
        *("lane", "outcome"),
    )
)
PUSH_LATENCY = By(
    _histogram(
        "erasmus_push_latency_seconds",
        "From when a push was to go out until its service had it.",
        _SOON,
        "lane",
    )
)
CNR_TO_PUSH = _histogram(
    "erasmus_cnr_to_push_seconds",
    "From a partner's notification until the push service had what came of it, without the time "
    "that the push waited for others or for its student.",
    _SOON,
)
DUPLICATES_SUPPRESSED = _counter(
    "erasmus_push_duplicates_suppressed_total",
    "Messages that were not sent because their student has them already.",
)
DELIVERIES = By(
    _counter("erasmus_deliveries_total", "Pushes that came to an end, sent or not.", "state")
)
REMINDER_LATENESS = _histogram(
    "erasmus_reminder_lateness_seconds",
    "From when a look at a mobility was due until the reminders that it found were written.",
    _LATE,
)

# The network
CLIENT_REQUESTS = By(
    _counter("ewp_client_requests_total", "Calls of partners.", "api", "hei", "code")
)
CLIENT_SECONDS = By(
    _histogram(
        "ewp_client_duration_seconds",
        "Time that a call of a partner took, with what it did not answer.",
        (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
        "api",
    )
)
CNR_RECEIVED = By(_counter("ewp_cnr_received_total", "Notifications of partners.", "api", "result"))
REFUSED = By(_counter("ewp_refused_total", "Requests that we refused.", "api", "reason"))

# The process
JOB_ATTEMPTS = By(
    _counter("erasmus_job_attempts_total", "Jobs that this worker did.", "kind", "outcome")
)
WORKER_YIELDED = _counter(
    "erasmus_worker_yielded_seconds_total",
    "Time that this worker has left to apis that were late.",
)
LOG_LINES = By(_counter("erasmus_log_lines_total", "Lines of the log.", "level"))
LOOP_LAG = _histogram(
    "erasmus_event_loop_lag_seconds",
    "How much later than it should the event loop came back to a sleeper, once a second.",
    (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
)


# A first one is seen to come where there was a nothing before it.
for _state in ("accepted", "failed", "expired", "superseded", "device_gone"):
    DELIVERIES[_state].inc(0)
for _level in ("debug", "info", "warning", "error", "critical"):
    LOG_LINES[_level].inc(0)


def _version() -> str:
    try:
        return version("erasmus-app")
    except PackageNotFoundError:  # run from a folder, not installed
        return "unknown"


Gauge(
    "erasmus_build_info",
    "1, with the version that runs.",
    ("version", "python"),
    registry=REGISTRY,
).labels(_version(), platform.python_version()).set(1)


def count_line(
    _logger: Any, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Count a line of the log; a processor of structlog's."""
    LOG_LINES["error" if method == "exception" else method].inc()
    return event
