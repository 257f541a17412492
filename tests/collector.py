"""A collector of traces: OTLP over HTTP in protobuf, as strict as its specification lets it be."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from sandbox.serving import serving

KINDS = {number: name.removeprefix("SPAN_KIND_").lower() for name, number in Span.SpanKind.items()}


@dataclass(frozen=True)
class Told:
    """One span as it came."""

    name: str
    kind: str
    trace: str
    id: str
    parent: str
    links: tuple[str, ...]  # the traces
    attributes: dict[str, Any]
    failed: bool


@dataclass
class Collector:
    """What was sent to it, and what was wrong with that."""

    spans: list[Told] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    services: set[str] = field(default_factory=set)
    status: int = 200

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Take one export."""
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message["body"]
            if not message["more_body"]:
                break
        headers = dict(scope["headers"])
        asked = (scope["method"], scope["path"], headers.get(b"content-type"))
        if self.status == 200:
            if asked != ("POST", "/v1/traces", b"application/x-protobuf"):
                self.wrong.append(f"asked {asked}")
            self._take(body)
        kind = [(b"content-type", b"application/x-protobuf")]
        await send({"type": "http.response.start", "status": self.status, "headers": kind})
        answer = ExportTraceServiceResponse().SerializeToString()
        await send({"type": "http.response.body", "body": answer})

    def _take(self, body: bytes) -> None:
        request = ExportTraceServiceRequest()
        try:
            request.ParseFromString(body)
        except DecodeError as error:
            self.wrong.append(f"no protobuf: {error}")
            return
        if len(UnknownFieldSet(request)):
            self.wrong.append("unknown fields")
        self.raw.append(body)
        for resource in request.resource_spans:
            named = {each.key: each.value.string_value for each in resource.resource.attributes}
            self.services.add(named.get("service.name", ""))
            for scope in resource.scope_spans:
                self.spans += [self._span(each) for each in scope.spans]

    def _span(self, span: Span) -> Told:
        if not (
            len(span.trace_id) == 16
            and len(span.span_id) == 8
            and len(span.parent_span_id) in {0, 8}
            and any(span.trace_id)
            and any(span.span_id)
            and span.name
            and 0 < span.start_time_unix_nano <= span.end_time_unix_nano
            and all(len(each.trace_id) == 16 and len(each.span_id) == 8 for each in span.links)
            and len({each.key for each in span.attributes}) == len(span.attributes)
        ):
            self.wrong.append(f"not a span: {span.name}")
        if span.events:
            self.wrong.append(f"events may hold what an exception says: {span.name}")
        return Told(
            name=span.name,
            kind=KINDS[span.kind],
            trace=span.trace_id.hex(),
            id=span.span_id.hex(),
            parent=span.parent_span_id.hex(),
            links=tuple(each.trace_id.hex() for each in span.links),
            attributes={each.key: _value(each.value) for each in span.attributes},
            failed=span.status.code == Status.STATUS_CODE_ERROR,
        )

    def tree(self, trace: str) -> list[Any]:
        """A trace as nested lists: a name, then its children in the order of their names."""
        spans = [each for each in self.spans if each.trace == trace]
        here = {each.id for each in spans}
        return _below([each for each in spans if each.parent not in here], spans)

    def named(self, name: str) -> list[Told]:
        return [each for each in self.spans if each.name == name]


def _below(tops: Iterable[Told], spans: list[Told]) -> list[Any]:
    found = []
    for top in tops:
        children = _below([each for each in spans if each.parent == top.id], spans)
        found.append([top.name, *children] if children else top.name)
    return sorted(found, key=lambda each: each if isinstance(each, str) else each[0])


def _value(value: Any) -> Any:
    which = value.WhichOneof("value")
    return getattr(value, which) if which else None


@asynccontextmanager
async def collecting() -> AsyncIterator[tuple[Collector, str]]:
    """A collector, and where it is."""
    collector = Collector()
    async with serving(collector) as origin:
        yield collector, origin
