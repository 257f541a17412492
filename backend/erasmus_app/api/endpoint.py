"""`/graphql` as plain ASGI: GraphQL over HTTP, for signed-in students only.

POST takes any operation, GET one query of a document that is known by its hash, with an ETag. Each
document is looked at, validated and compiled once (`strawberry_plans`).
"""

import hashlib
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, nullcontext
from datetime import UTC
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from graphql import ExecutionResult, GraphQLError
from litestar.enums import ScopeType
from litestar.types import HTTPScope, Receive, Scope, Send

from erasmus_app.api.callers import address_of
from erasmus_app.api.context import Context
from erasmus_app.api.explorer import page_at
from erasmus_app.api.guards import headers_of, session_of
from erasmus_app.api.limits import MOST_CHARACTERS, MOST_TOKENS, Inspected, Inspection
from erasmus_app.api.often import OUTSIDE, refused, spend, take
from erasmus_app.api.requests import (
    Refused,
    Request,
    asked_by_get,
    check_media_type,
    extensions,
    posted,
)
from erasmus_app.api.schema import GuardedSchema, schema
from erasmus_app.api.scopes import lacking
from erasmus_app.api.subscribing import Begun, Limits, Transports, takes_events, takes_events_only
from erasmus_app.api.trusted import Trusted, load_trusted
from erasmus_app.errors import AppError, Crowded, LimitsAway, NotSignedIn, TooMany, Unavailable
from erasmus_app.identity.models import Session
from erasmus_app.kit.languages import accepted
from erasmus_app.limits.keeping import Left
from erasmus_app.limits.places import Places
from erasmus_app.limits.rules import Limit
from erasmus_app.services import Services
from erasmus_app.telemetry.exposition import Figure
from erasmus_app.telemetry.metrics import GRAPHQL_COST, GRAPHQL_REJECTED
from erasmus_app.telemetry.traces import is_on, span
from ewp.errors import place_of
from strawberry_plans import Plans
from strawberry_plans.documents import Document

MOST_DOCUMENTS = 500
AT_WORK = 64  # operations at once: many more would only wait for a core and for connections
ALIKE = frozenset({"Institution"})  # what a university is called depends on no mobility
RESPONSE = "application/graphql-response+json"
JSON = "application/json"
CHANGES = "changes by POST only"
STREAM_NEEDED = "subscriptions are for graphql-transport-ws or Accept: text/event-stream"
DISTINCT_ONLY = "GraphQL over SSE in distinct connections: POST only; there is no single connection"
FRESH_ONLY = [(b"cache-control", b"no-store")]
WHOSE = b"Authorization, Cookie, Accept, Accept-Language"  # what another answer depends on

log = structlog.get_logger(__name__)
_accepted = lru_cache(maxsize=1_000)(accepted)


class GraphQLEndpoint:
    """The ASGI application."""

    def __init__(
        self, services: Services, schema: GuardedSchema = schema, limits: Limits | None = None
    ) -> None:
        """Take what resolvers reach, and a schema with its rules in it.

        Raises:
            SettingsInvalid: the file of trusted documents is not right.
        """
        settings = services.settings
        self._services = services
        self.resource = f"{settings.public_url.rstrip('/')}/graphql"
        self._transports = Transports(services, self, limits)
        self._places = Places(name="busy_graphql", most=AT_WORK, refused=services.limits.refused)
        inspect = Inspection(schema._schema, introspection=settings.explorer)  # noqa: SLF001 - there is no public name
        self.plans = Plans(
            schema,
            size=MOST_DOCUMENTS,
            inspect=inspect,
            most_tokens=MOST_TOKENS,
            most_characters=MOST_CHARACTERS,
            hide_suggestions=not settings.explorer,
            alike=ALIKE,
        )
        path = settings.trusted_documents
        known = load_trusted(path) if path else {}
        self._trusted = Trusted(known, settings.trusted_documents_only)
        for text in known.values():
            self.plans.keep(text)

    def figures(self) -> list[Figure]:
        """Return how many operations plans have answered or not, and what is open."""
        return [
            Figure.one("graphql_planned_total", "Operations that plans answered.", self.plans.ran),
            Figure(
                "graphql_fell_back_total",
                "Operations that plans did not answer.",
                ("reason",),
                {(why,): times for why, times in self.plans.fell_back.items()},
            ),
            Figure(
                "graphql_open",
                "Connections of who waits for news, and operations under way there.",
                ("what",),
                {(what,): number for what, number in self._transports.numbers().items()},
            ),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or talk over one socket."""
        if scope["type"] == ScopeType.WEBSOCKET:
            await self._transports.websocket(scope, receive, send)
        elif scope["type"] == ScopeType.HTTP:
            await self._http(scope, receive, send)

    async def _http(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        headers = headers_of(scope)
        kind = RESPONSE if RESPONSE in headers.get("accept", "") else JSON
        is_get, more = scope["method"] in {"GET", "HEAD"}, []
        as_events, explorer = takes_events_only(headers), self._services.settings.explorer
        try:
            if is_get and explorer and not scope["query_string"] and not as_events:
                if (page := page_at(scope["path"], headers.get("accept", "text/html"))) is None:
                    raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", "POST only")
                await _send(send, 200, *page)
                return
            session, request, may_change = await self._asked(scope, headers, receive)
            begun = self.begin(request, session, may_change=may_change)
            if as_events or (begun.word == "subscription" and takes_events(headers)):
                await self._transports.events(begun, session, headers, receive, send)
                return
            more += _left(begun.left)
            if begun.word == "subscription":
                raise Refused(HTTPStatus.BAD_REQUEST, "stream_needed", STREAM_NEEDED)
            context = self.context(begun, session, headers)
            # Which of our languages was taken; a field's own argument goes before it.
            more.append((b"content-language", context.language.encode("ascii")))
            status, answer = await self._at_a_place(begun, session, context)
        except (Refused, Crowded) as error:
            told = refused(error) if isinstance(error, Crowded) else error
            GRAPHQL_REJECTED[told.code].inc()
            status, answer = told.status, told.answer
            if told.is_of_document and kind == JSON and not as_events:
                status = HTTPStatus.OK  # the request itself was well-formed
            more = [(k.lower().encode(), v.encode()) for k, v in told.headers.items()]
        except NotSignedIn as error:
            GRAPHQL_REJECTED[error.code].inc()
            log.info("access.refused", what="/graphql", code=error.code)
            status, answer = error.status, _failed(str(error), error.code)
            more.append((b"www-authenticate", b"Bearer"))
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            more.append((b"allow", b"GET, POST" if self._trusted.documents else b"POST"))
        if kind == JSON and status == HTTPStatus.BAD_REQUEST and answer.get("data", ...) is None:
            status = status if as_events else HTTPStatus.OK  # as above, of variables
        body = msgspec.json.encode(answer)
        if is_get and status == HTTPStatus.OK and "errors" not in answer:
            status, body, cached = _revalidated(body, kind, headers.get("if-none-match"))
            more += cached
        if scope["method"] == "HEAD":
            body = b""
        await _send(send, status, f"{kind}; charset=utf-8", body, more)

    async def _at_a_place(
        self, begun: Begun, session: Session, context: Context
    ) -> tuple[int, dict[str, Any]]:
        """Run an operation when there is a place for it. Raises Refused, Crowded."""
        outside = not OUTSIDE.isdisjoint(begun.document.found.changes)
        async with nullcontext() if outside else self._places:
            await self.admit(begun, session)
            return await self.execute(begun, context)

    async def _asked(
        self, scope: HTTPScope, headers: dict[str, str], receive: Receive
    ) -> tuple[Session, Request, bool]:
        """Return who asks, for what, and whether it may change something.

        Raises Refused, NotSignedIn; Crowded where it would be of no use to look.
        """
        self._places.look()
        if scope["method"] == "PUT" or (scope["method"] != "POST" and takes_events_only(headers)):
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", DISTINCT_ONLY)
        if scope["method"] == "POST":
            check_media_type(headers.get("content-type", ""))
            session = await self._session(scope, headers)
            return session, await posted(receive), True
        if scope["method"] in {"GET", "HEAD"} and self._trusted.documents:
            if headers.get("sec-fetch-site") == "cross-site":
                raise Refused(HTTPStatus.FORBIDDEN, "cross_site", "not from pages of other sites")
            session = await self._session(scope, headers)
            return session, asked_by_get(scope), False
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", "POST only")

    async def _session(self, scope: HTTPScope, headers: dict[str, str]) -> Session:
        """Return who asks.

        Raises NotSignedIn; Refused where that is too often of one address, or cannot be known now.
        """
        try:
            return await session_of(self._services, headers, self.resource)
        except NotSignedIn:
            proxies = self._services.settings.trusted_proxies
            try:
                self._services.limits.spend(Limit.ANONYMOUS, address_of(scope, proxies))
            except (TooMany, LimitsAway) as error:
                raise refused(error) from error
            raise
        except Exception as error:
            if not isinstance(away := self._told_of(error), Unavailable):
                raise
            raise Refused(away.status, away.code, str(away), after=away.after) from error

    def begin(self, request: Request, session: Session, *, may_change: bool = True) -> Begun:
        """Return what is to be run, however it came. Raises Refused where it may not be."""
        document = self.plans.read(self._trusted.text_of(request))
        if (wrong := _wrong(document, request)) is not None:
            raise Refused(HTTPStatus.BAD_REQUEST, "document_invalid", "not run", answer=wrong)
        looked: Inspected = document.found
        GRAPHQL_COST.observe(looked.cost)
        word = looked.operations.get(request.operation_name) or next(
            iter(looked.operations.values())
        )
        if word == "mutation" and not may_change:
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", CHANGES)
        if session.scopes is not None and (lacks := lacking(looked.needs, session.scopes)):
            raise Refused(
                HTTPStatus.FORBIDDEN,
                "insufficient_scope",
                f"the student has not allowed this app {' '.join(lacks)}",
                f'Bearer error="insufficient_scope", scope="{" ".join(lacks)}"',
            )
        return Begun(request, document, word, spend(self._services.limits, session, looked, word))

    async def admit(self, begun: Begun, session: Session) -> None:
        """Count what is dear of an operation. Raises Refused."""
        if begun.word == "mutation":
            await take(self._services.limits, session, begun.document.found)

    def context(self, begun: Begun, session: Session, headers: dict[str, str]) -> Context:
        """Return what the resolvers of one operation may reach."""
        services, looked = self._services, begun.document.found
        languages = services.messages.languages
        return Context(
            services=services,
            session=session,
            language=_accepted(headers.get("accept-language", ""), tuple(languages), "en"),
            today=services.clock().astimezone(UTC).date(),
            wanted=looked.wanted,
        )

    def _told_of(self, error: BaseException) -> AppError | None:
        """Return what is told of an error that an engine made."""
        told = self._services.operations.told_of(error)
        if isinstance(told, Unavailable):
            log.warning("graphql.unavailable", code=told.reason, error=type(error).__name__)
        return told

    def _written(self, result: Any) -> dict[str, Any]:
        """Write a result."""
        if not result.errors:
            return {"data": result.data}
        errors = [_formatted(each, None, self._told_of) for each in result.errors]
        return {"errors": errors, "data": result.data}

    async def execute(self, begun: Begun, context: Context) -> tuple[int, dict[str, Any]]:
        """Run a query or a mutation; return the status and the answer."""
        with span(f"graphql {begun.word}", **self._about(begun)) as running:
            result = await self.plans.execute(
                begun.document,
                begun.request.variables,
                operation_name=begun.request.operation_name,
                context=context,
            )
            if result.errors:
                running.note(outcome="errors")
        if not result.errors:
            return HTTPStatus.OK, {"data": result.data}
        refused = result.data is None and not any(each.path for each in result.errors)
        return (HTTPStatus.BAD_REQUEST if refused else HTTPStatus.OK), self._written(result)

    def _about(self, begun: Begun) -> dict[str, Any]:
        """Return what a trace says of an operation: a name only where it is the app's own."""
        request = begun.request
        ours = is_on() and (request.hash is not None or request.query in self._trusted.texts)
        named = next(iter(begun.document.found.operations)) if ours else None
        return {
            "graphql.operation.type": begun.word,
            "graphql.operation.name": (request.operation_name or named) if ours else None,
        }

    async def follow(self, begun: Begun, context: Context) -> AsyncGenerator[dict[str, Any], None]:
        """Run a subscription; yield the answer to each event."""
        found = await self.plans.subscribe(
            begun.document,
            begun.request.variables,
            operation_name=begun.request.operation_name,
            context=context,
        )
        if isinstance(found, ExecutionResult):
            yield self._written(found)
            return
        async with aclosing(found):
            async for result in found:
                yield self._written(result)


def _left(left: Left | None) -> list[tuple[bytes, bytes]]:
    if left is None:
        return []
    return [
        (b"ratelimit-policy", left.rule.policy.encode("ascii")),
        (b"ratelimit", left.header.encode("ascii")),
    ]


def _wrong(document: Document, request: Request) -> dict[str, Any] | None:
    """Return the answer to a document that is never run, or that leaves open what to run."""
    if document.errors:
        looked = document.found is not None  # else it was refused before it was validated
        code = "request_invalid" if looked else "document_invalid"
        errors = [_formatted(each, code) for each in document.errors]
        return {"errors": errors, "data": None} if looked else {"errors": errors}
    names = document.found.operations
    if request.operation_name is None and len(names) > 1:
        said = "operationName is needed: the document has several operations"
    elif request.operation_name is not None and request.operation_name not in names:
        said = "operationName: the document has no such operation"
    elif not names:
        said = "the document has no operation"
    else:
        return None
    return {"errors": [_formatted(GraphQLError(said), "document_invalid")]}


def _formatted(
    error: GraphQLError,
    code: str | None,
    told_of: Callable[[BaseException], AppError | None] = lambda _: None,
) -> dict[str, Any]:
    """Write an error; what went wrong inside of us stays inside."""
    original = error.original_error
    told = None if original is None else told_of(original)
    if isinstance(told, Unavailable):
        more = {"code": told.code, "reason": told.reason, "retryAfter": told.after}
        return {"message": str(told), "path": error.path, "extensions": more}
    if told is not None:
        return {"message": str(told), "path": error.path, "extensions": extensions(told.code)}
    if isinstance(original, AppError):
        code = original.code
    elif original is not None and not isinstance(original, GraphQLError):
        # Where, but not what it says: that may be the student's.
        log.error("graphql.failed", error=type(original).__name__, where=place_of(original))
        found: dict[str, Any] = {"message": "an error of ours", "path": error.path}
        return found | {"extensions": extensions("internal_error")}
    found = dict(error.formatted)
    return found | {"extensions": extensions(code or "request_invalid")}


def _failed(message: str, code: str) -> dict[str, Any]:
    return {"errors": [{"message": message, "extensions": extensions(code)}]}


def _revalidated(
    body: bytes, kind: str, known: str | None
) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
    """Return an answer with its ETag, or 304 where the client has it already (RFC 9110 §13)."""
    tag = f'"{hashlib.blake2b(body, digest_size=16, key=kind.encode()).hexdigest()}"'
    headers = [
        (b"etag", tag.encode()),
        (b"cache-control", b"private, no-cache"),
        (b"vary", WHOSE),
    ]
    tags = {each.strip().removeprefix("W/") for each in (known or "").split(",")}
    if tag in tags or "*" in tags:
        return HTTPStatus.NOT_MODIFIED, b"", headers
    return HTTPStatus.OK, body, headers


async def _send(
    send: Send, status: int, kind: str, body: bytes, more: list[tuple[bytes, bytes]]
) -> None:
    names = {name for name, _ in more}
    headers = [
        (b"content-type", kind.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"x-content-type-options", b"nosniff"),
        *more,
    ]
    if b"cache-control" not in names:
        headers += FRESH_ONLY
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
