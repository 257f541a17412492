"""`/graphql` as plain ASGI: GraphQL over HTTP, for signed-in students only.

POST JSON in, `application/graphql-response+json` or `application/json` out. Strawberry's caches
remember parsed and validated documents; our limits are looked at once per document as well.
"""

from collections import OrderedDict
from datetime import UTC
from http import HTTPStatus
from importlib.resources import files
from typing import Any, NamedTuple

import msgspec
import structlog
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    parse,
)
from litestar.enums import ScopeType
from litestar.types import HTTPScope, Receive, Scope, Send
from strawberry.types import ExecutionResult

from erasmus_app.api.context import Context
from erasmus_app.api.guards import headers_of, session_of
from erasmus_app.api.requests import Refused, Request
from erasmus_app.api.schema import GuardedSchema, schema
from erasmus_app.api.scopes import lacking
from erasmus_app.api.subscribing import Limits, Transports, wants_events
from erasmus_app.errors import AppError, NotSignedIn
from erasmus_app.identity.models import Session
from erasmus_app.kit.languages import accepted
from erasmus_app.services import Services
from ewp.errors import place_of

LARGEST_BODY = 1_000_000  # bytes
DEEPEST, MOST_FIELDS, MOST_TOKENS = 14, 500, 4000
# What tools ask of a schema nests deeper; validation has a limit of its own for lists in it.
DEEPEST_INTROSPECTION = 24
INTROSPECTION = frozenset({"__schema", "__type"})
MOST_DOCUMENTS = 500
RESPONSE = "application/graphql-response+json"
STREAM_NEEDED = "subscriptions are for graphql-transport-ws or Accept: text/event-stream"
DISTINCT_ONLY = "GraphQL over SSE in distinct connections: POST only; there is no single connection"
ASSETS = {
    "graphiql.min.js": "text/javascript",
    "graphiql.min.css": "text/css",
    "react.production.min.js": "text/javascript",
    "react-dom.production.min.js": "text/javascript",
    "explorer.js": "text/javascript",
}

log = structlog.get_logger(__name__)


class GraphQLEndpoint:
    """The ASGI application."""

    def __init__(
        self, services: Services, schema: GuardedSchema = schema, limits: Limits | None = None
    ) -> None:
        self._services = services
        self.resource = f"{services.settings.public_url.rstrip('/')}/graphql"
        self.schema = schema
        self._transports = Transports(services, self, limits)
        self._checked: OrderedDict[str, dict[str | None, OperationType]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == ScopeType.WEBSOCKET:
            await self._transports.websocket(scope, receive, send)
            return
        if scope["type"] != ScopeType.HTTP:
            return
        headers = headers_of(scope)
        challenge: str | None = None
        kind = RESPONSE if RESPONSE in headers.get("accept", "") else "application/json"
        try:
            if scope["method"] in {"GET", "HEAD"} and self._services.settings.explorer:
                await self._explorer(scope["path"], headers, send)
                return
            request, session, operation = await self._read(scope, headers, receive)
            if wants_events(headers):
                await self._transports.events(request, operation, session, headers, receive, send)
                return
            if operation is OperationType.SUBSCRIPTION:
                raise Refused(HTTPStatus.BAD_REQUEST, "stream_needed", STREAM_NEEDED)
            status, answer = await self.execute(request, self.context(session, headers))
        except Refused as error:
            status, answer = error.status, {"errors": error.errors}
            challenge = error.challenge
        except NotSignedIn as error:
            log.info("access.refused", what="/graphql", code=error.code)
            status, answer = error.status, _failed(str(error), error.code)
            challenge = "Bearer"
        if kind == "application/json" and status == HTTPStatus.BAD_REQUEST and "errors" in answer:
            valid = answer.get("data", ...) is None
            status = HTTPStatus.OK if valid else status
        more = [(b"allow", b"POST")] if status == HTTPStatus.METHOD_NOT_ALLOWED else []
        if challenge is not None:
            more.append((b"www-authenticate", challenge.encode("ascii")))
        body = msgspec.json.encode(answer)
        await _send(send, status, f"{kind}; charset=utf-8", body, more)

    async def _read(
        self, scope: HTTPScope, headers: dict[str, str], receive: Receive
    ) -> tuple[Request, Session, OperationType]:
        """Return what is asked for and by whom. Raises Refused, NotSignedIn."""
        if scope["method"] != "POST":
            of_streams = wants_events(headers) or scope["method"] == "PUT"
            words = DISTINCT_ONLY if of_streams else "POST only"
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", words)
        # Also what keeps other sites' forms out: they cannot send this type.
        if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            raise Refused(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                "media_type_not_supported",
                "Content-Type must be application/json",
            )
        session = await session_of(self._services, headers, self.resource)
        try:
            request = msgspec.json.decode(await _body(receive), type=Request)
        except msgspec.ValidationError as error:
            raise Refused(HTTPStatus.BAD_REQUEST, "request_invalid", str(error)) from error
        except msgspec.DecodeError as error:
            raise Refused(HTTPStatus.BAD_REQUEST, "json_malformed", "not JSON") from error
        return request, session, self.check(request, session)

    def check(self, request: Request, session: Session) -> OperationType:
        """Return what kind of operation is to be run. Raises Refused where it may not be."""
        try:
            kind = self._kind(request)
        except GraphQLError as error:
            told = _formatted(error, "document_invalid")
            raise Refused(
                HTTPStatus.BAD_REQUEST, "document_invalid", str(error), errors=[told]
            ) from error
        if session.scopes is not None and (lacks := lacking(request.query, session.scopes)):
            raise Refused(
                HTTPStatus.FORBIDDEN,
                "insufficient_scope",
                f"the student has not allowed this app {' '.join(lacks)}",
                f'Bearer error="insufficient_scope", scope="{" ".join(lacks)}"',
            )
        return kind

    def context(self, session: Session, headers: dict[str, str]) -> Context:
        """Return what the resolvers of one operation may reach."""
        services = self._services
        return Context(
            services=services,
            session=session,
            language=accepted(
                headers.get("accept-language", ""), services.messages.languages, "en"
            ),
            today=services.clock().astimezone(UTC).date(),
        )

    async def execute(self, request: Request, context: Context) -> tuple[int, dict[str, Any]]:
        """Run a query or a mutation; return the status and the answer."""
        result = await self.schema.execute(
            request.query,
            variable_values=request.variables,
            operation_name=request.operation_name,
            context_value=context,
        )
        answer = self.answer(result)
        refused = result.errors and result.data is None and not any(e.path for e in result.errors)
        return (HTTPStatus.BAD_REQUEST if refused else HTTPStatus.OK), answer

    def answer(self, result: ExecutionResult) -> dict[str, Any]:
        """Write a result."""
        answer: dict[str, Any] = {}
        if result.errors:
            answer["errors"] = [_formatted(error, None) for error in result.errors]
        answer["data"] = result.data
        return answer

    def _kind(self, request: Request) -> OperationType:
        """Refuse what is malformed, too large, or leaves open what to run. Raises GraphQLError."""
        text = request.query
        if text not in self._checked:
            document = parse(text, max_tokens=MOST_TOKENS)
            _limit(document)
            self._checked[text] = {
                each.name.value if each.name else None: each.operation
                for each in document.definitions
                if isinstance(each, OperationDefinitionNode)
            }
            while len(self._checked) > MOST_DOCUMENTS:
                self._checked.popitem(last=False)
        names = self._checked[text]
        if request.operation_name is None and len(names) > 1:
            raise GraphQLError("operationName is needed: the document has several operations")
        if request.operation_name is not None and request.operation_name not in names:
            raise GraphQLError("operationName: the document has no such operation")
        if request.operation_name is not None:
            return names[request.operation_name]
        return next(iter(names.values()), OperationType.QUERY)  # without any, execution says so

    async def _explorer(self, path: str, headers: dict[str, str], send: Send) -> None:
        """Serve GraphiQL, from our own files: no other site is asked for anything."""
        name = path.rstrip("/").rpartition("/assets/")[2]
        folder = files("erasmus_app.api") / "graphiql"
        if "/assets/" in path and name in ASSETS:
            body = (folder / name).read_bytes()
            cache = [(b"cache-control", b"max-age=3600")]
            await _send(send, 200, f"{ASSETS[name]}; charset=utf-8", body, cache)
            return
        if "/assets/" in path or "text/html" not in headers.get("accept", "text/html"):
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", "POST only")
        page = (folder / "explorer.html").read_bytes()
        policy = b"default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        policy += b"font-src 'self' data:; frame-ancestors 'none'"
        await _send(
            send, 200, "text/html; charset=utf-8", page, [(b"content-security-policy", policy)]
        )


class _Place(NamedTuple):
    """Where in a document a selection stands."""

    depth: int = 1
    deepest: int = DEEPEST
    fragments: frozenset[str] = frozenset()

    def below(self, field: str) -> "_Place":
        """Return the place of a field's own selection."""
        deepest = DEEPEST_INTROSPECTION if field in INTROSPECTION else self.deepest
        return self._replace(depth=self.depth + 1, deepest=deepest)


def _limit(document: DocumentNode) -> None:
    """Refuse what is too deep or too wide, before it is validated. Raises GraphQLError."""
    fragments = {
        each.name.value: each.selection_set
        for each in document.definitions
        if isinstance(each, FragmentDefinitionNode)
    }
    fields = 0

    def walk(selections: SelectionSetNode | None, at: _Place) -> None:
        nonlocal fields
        if selections is None:
            return
        if at.depth > at.deepest:
            raise GraphQLError(f"deeper than {at.deepest} levels")
        for each in selections.selections:
            fields += 1
            if fields > MOST_FIELDS:
                raise GraphQLError(f"more than {MOST_FIELDS} fields")
            if isinstance(each, FieldNode):
                walk(each.selection_set, at.below(each.name.value))
            elif isinstance(each, InlineFragmentNode):
                walk(each.selection_set, at)
            elif isinstance(each, FragmentSpreadNode):
                name = each.name.value
                if name not in at.fragments:  # a circle is for validation to refuse
                    walk(fragments.get(name), at._replace(fragments=at.fragments | {name}))

    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            walk(definition.selection_set, _Place())


def _formatted(error: GraphQLError, code: str | None) -> dict[str, Any]:
    """Write an error; what went wrong inside of us stays inside."""
    original = error.original_error
    if isinstance(original, AppError):
        code = original.code
    elif original is not None and not isinstance(original, GraphQLError):
        # Where, but not what it says: that may be the student's.
        log.error("graphql.failed", error=type(original).__name__, where=place_of(original))
        found: dict[str, Any] = {"message": "an error of ours", "path": error.path}
        return found | {"extensions": {"code": "internal_error"}}
    found = dict(error.formatted)
    return found | {"extensions": {"code": code or "request_invalid"}}


def _failed(message: str, code: str) -> dict[str, Any]:
    return {"errors": [{"message": message, "extensions": {"code": code}}]}


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Refused(HTTPStatus.BAD_REQUEST, "request_invalid", "the body did not end")
        body += message["body"]
        if len(body) > LARGEST_BODY:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", "over 1 MB")
        if not message["more_body"]:
            return bytes(body)


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
        headers.append((b"cache-control", b"no-store"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
