"""Traces: what one change made happen, from a partner's notification to a push, over processes.

`with span("ewp.call", api=..., hei=...)` is all that the house knows of it. Where nobody collects
traces nothing is loaded, and a span is one look at a variable. What a span may say is on a list, as
in log lines; it never holds what an exception says. docs/decisions/0040 tells the reasons.
"""

import os
import re
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from erasmus_app.telemetry.values import clean, stack_of

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
ATTRIBUTES = frozenset(
    [
        *("http.request.method", "http.route", "http.response.status_code", "request_id"),
        *("graphql.operation.name", "graphql.operation.type", "code", "error.type", "where"),
        *("api", "hei", "tenant", "endpoint", "ids", "kind", "jobs", "attempts", "lane"),
        *("outcome", "intent", "band", "lang", "provider", "changed", "tool"),
    ]
)
"""Everything that a span may say of itself; with the care of a field of a line."""
MOST_LINKS = 32
FLUSH_SECONDS = 0.9  # a process that ends waits for its last spans no longer
EXPORT_SECONDS = 5.0

dropped: Counter[tuple[str, str]] = Counter()
"""By span and name, attributes that were not on the list. In tests each fails who sets it."""

_CARRIED = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")  # Trace Context §3.2
_KINDS = {"internal": 0, "server": 1, "client": 2, "producer": 3, "consumer": 4}


class Span:
    """A piece of work; this one is told to nobody."""

    __slots__ = ()

    def __enter__(self) -> Self:
        """Make it the one that is under way."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it; an error that goes through it is one of it."""

    def note(self, **attributes: Any) -> None:
        """Say more of it."""

    def named(self, name: str) -> None:
        """Give it the name that is known by now."""

    def failed(self, code: str) -> None:
        """Say that it went wrong, by a stable code."""

    def linked(self, carrier: str) -> None:
        """Say that another trace belongs to it; one that is not well-formed is nobody's."""

    def end(self) -> None:
        """End one that was begun without `with`."""


OFF = Span()
_tracing: "_Tracing | None" = None


def span(
    name: str,
    kind: str = "internal",
    /,
    *,
    of: Iterable[str | None] | None = None,
    **attributes: Any,
) -> Span:
    """Begin a piece of work, as part of what is under way here.

    With `of`, it is part of what is under way elsewhere, as `carried` has told of it: of the first
    one, with links to the others; where there is none, it begins a trace.
    """
    return OFF if _tracing is None else _tracing.begin(name, kind, of, attributes)


def carried() -> str | None:
    """Return what is under way, to be kept with what it causes; None where that is in no trace."""
    return None if _tracing is None else _tracing.carried()


def beside(causes: Sequence[str]) -> Sequence[str | None] | None:
    """Return what a span is `of` that was caused by some of what the work under way was asked for.

    Where the work under way is in the trace of one of them, it is a part of that; else it is a part
    of what caused it, with a link to the work.
    """
    here = carried()
    if here is None or not causes or any(each[3:35] == here[3:35] for each in causes):
        return None
    return (*causes, here)


def trace_id() -> str | None:
    """Return the id of the trace under way, None where there is none."""
    found = None if _tracing is None else _tracing.carried()
    return None if found is None else found[3:35]


def current() -> Span:
    """Return what is under way, to say more of it."""
    return OFF if _tracing is None else _tracing.current()


def is_on() -> bool:
    """Whether somebody collects traces."""
    return _tracing is not None


def start(service: str, url: str | None, ratio: float) -> None:
    """Send traces to the collector at `url`, or where OpenTelemetry's own variables say.

    Without either there are none, and nothing is loaded.
    """
    global _tracing  # noqa: PLW0603 - one of each process, as of the libraries below
    named = any(os.environ.get(each) for each in ENDPOINTS)
    if (url or named) and os.environ.get("OTEL_SDK_DISABLED", "").lower() != "true":
        _tracing = _Tracing(service, url, ratio)


def stop() -> None:
    """Send what is left, for as long as that may take, and trace no more."""
    global _tracing
    ending, _tracing = _tracing, None
    if ending is not None:
        # In a thread that nobody waits for longer: the library's own end takes what it takes.
        thread = threading.Thread(target=ending.provider.shutdown, daemon=True)
        thread.start()
        thread.join(FLUSH_SECONDS)


class _Tracing:
    """OpenTelemetry, which is loaded here and nowhere else."""

    def __init__(self, service: str, url: str | None, ratio: float) -> None:
        from opentelemetry import context, trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

        self.trace, self.context = trace, context
        # `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` go before what we say.
        attributes = os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
        named = os.environ.get("OTEL_SERVICE_NAME") or "service.name=" in attributes
        self.provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(ratio)),
            resource=Resource.create({} if named else {"service.name": service}),
            shutdown_on_exit=False,
        )
        endpoint = f"{url.rstrip('/')}/v1/traces" if url else None
        exporter = OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_SECONDS)
        # Its queue is bounded (`OTEL_BSP_MAX_QUEUE_SIZE`) and its thread its own: where the
        # collector is away, spans are lost, and nobody waits.
        self.provider.add_span_processor(BatchSpanProcessor(exporter))
        self.tracer = self.provider.get_tracer("erasmus_app")

    def begin(
        self,
        name: str,
        kind: str,
        carriers: Iterable[str | None] | None,
        attributes: Mapping[str, Any],
    ) -> Span:
        """Begin a span."""
        parent, links = None, []
        if carriers is not None:
            contexts = list(filter(None, map(self._read, dict.fromkeys(carriers))))
            around = self.context.Context()
            if contexts:
                parent = contexts[0]
                around = self.trace.set_span_in_context(self.trace.NonRecordingSpan(parent), around)
            links = [self.trace.Link(each) for each in contexts[1 : 1 + MOST_LINKS]]
        else:
            around = self.context.get_current()
            now = self.trace.get_current_span(around)
            if now.get_span_context().is_valid and not now.is_recording():
                return OFF  # of a trace that nobody looks at: it is carried on as it is
        begun = self.tracer.start_span(
            name,
            context=around,
            kind=self.trace.SpanKind(_KINDS[kind]),
            links=links,
            attributes=_allowed(name, attributes),
            record_exception=False,
            set_status_on_exception=False,
        )
        return _Told(self, begun, name)

    def _read(self, carrier: str | None) -> Any:
        """Return the span that a carrier names, None where it names none."""
        found = _CARRIED.fullmatch(carrier or "")
        if found is None:
            return None
        trace_id, span_id, flags = (int(each, 16) for each in found.groups())
        read = self.trace.SpanContext(
            trace_id, span_id, is_remote=True, trace_flags=self.trace.TraceFlags(flags & 1)
        )
        return read if read.is_valid else None

    def carried(self) -> str | None:
        """Return the current span as a carrier."""
        here = self.trace.get_current_span().get_span_context()
        if not here.is_valid:
            return None
        return f"00-{here.trace_id:032x}-{here.span_id:016x}-{here.trace_flags:02x}"

    def current(self) -> Span:
        """Return the current span."""
        found = self.trace.get_current_span()
        return _Told(self, found, getattr(found, "name", "")) if found.is_recording() else OFF

    def link_of(self, carrier: str) -> Any:
        """Return the span that a carrier names, to be linked."""
        return self._read(carrier)


class _Told(Span):
    """A span that is told to a collector, or whose trace is not: then it is only carried on."""

    __slots__ = ("_name", "_span", "_token", "_tracing")

    def __init__(self, tracing: _Tracing, begun: Any, name: str) -> None:
        self._tracing, self._span, self._name = tracing, begun, name
        self._token: Any = None

    def __enter__(self) -> Self:
        context = self._tracing.trace.set_span_in_context(self._span)
        self._token = self._tracing.context.attach(context)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None and isinstance(error, Exception):
            self.failed(getattr(error, "code", None) or type(error).__name__)
            self.note(**{"error.type": type(error).__name__, "where": stack_of(error)})
        self._tracing.context.detach(self._token)
        self._span.end()

    def note(self, **attributes: Any) -> None:
        if self._span.is_recording():
            self._span.set_attributes(_allowed(self._name, attributes))

    def named(self, name: str) -> None:
        self._span.update_name(name)

    def failed(self, code: str) -> None:
        if self._span.is_recording():
            self._span.set_status(self._tracing.trace.StatusCode.ERROR, clean(str(code)))
            self.note(code=code)

    def linked(self, carrier: str) -> None:
        if (found := self._tracing.link_of(carrier)) is not None:
            self._span.add_link(found)

    def end(self) -> None:
        self._span.end()


def _allowed(span: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what may be said of a span, as it may be said."""
    found = {}
    for name, value in attributes.items():
        if name not in ATTRIBUTES:
            dropped[span, name] += 1
        elif value is not None:
            found[name] = clean(value)
    return found
