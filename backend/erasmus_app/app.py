"""The application that ASGI servers run."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from litestar import Litestar, asgi
from litestar.datastructures import State
from litestar.enums import ScopeType
from litestar.types import Receive, Scope, Send

from erasmus_app.api.arrivals import Arrivals
from erasmus_app.api.browsers import Browsers
from erasmus_app.api.endpoint import GraphQLEndpoint
from erasmus_app.api.mcp.door import PATH as MCP
from erasmus_app.api.mcp.door import McpEndpoint
from erasmus_app.api.measured import measured
from erasmus_app.api.pages import check_pages
from erasmus_app.api.rest import openapi_config, routes
from erasmus_app.api.rest.access import declared
from erasmus_app.api.rest.errors import problem
from erasmus_app.api.schema import GuardedSchema, schema
from erasmus_app.bootstrap import Running
from erasmus_app.bootstrap.beside import beside
from erasmus_app.telemetry.exposition import Figure
from erasmus_app.telemetry.lag import watch_crowds, watch_loop

GRAPHQL = "/graphql"


@dataclass(frozen=True, slots=True)
class Application:
    """Everything that is served. `/graphql` is answered before the framework looks at it."""

    graphql: GraphQLEndpoint
    framework: Litestar
    arrivals: Arrivals
    browsers: Browsers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or keep the services alive."""
        if scope["type"] in {ScopeType.HTTP, ScopeType.WEBSOCKET}:
            await self.arrivals(scope, receive, send, self._shown)
        else:
            await self.framework(scope, receive, send)

    async def _shown(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            await self.browsers(scope, receive, send, self._answer)
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _is_graphql(scope["path"]):
            await measured(self.graphql, GRAPHQL, scope, receive, send)
        elif scope["type"] == ScopeType.WEBSOCKET:  # no other door has sockets
            await receive()
            await send({"type": "websocket.close", "code": 1000, "reason": None})
        else:
            await measured(self.framework, None, scope, receive, send)


def _is_graphql(path: str) -> bool:
    return path == GRAPHQL or path.startswith(f"{GRAPHQL}/")


def create_app(running: Running, schema: GuardedSchema = schema) -> Application:
    """Put the edges over running services.

    Raises:
        RouteUndeclared: a route has no rule.
        SettingsInvalid: a page's text is missing, or is not what it must be.
    """
    check_pages()
    endpoint, host = GraphQLEndpoint(running.services, schema), running.ewp
    settings = running.services.settings
    assistants = McpEndpoint(running.services)

    # Never reached: it tells the framework, and so the rules of access, that the path is taken.
    @asgi(GRAPHQL, is_mount=True, opt={"access": "signed_in"}, copy_scope=False)
    async def graphql(scope: Scope, receive: Receive, send: Send) -> None:
        await endpoint(scope, receive, send)

    @asgi("/ewp", is_mount=True, opt={"access": "ewp"}, copy_scope=True)
    async def ewp(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        whole = path if path.startswith("/ewp/") else f"/ewp{path}"
        await host(dict(scope) | {"path": whole.rstrip("/")}, receive, send)  # type: ignore[arg-type]

    @asgi(MCP, opt={"access": "assistant"}, copy_scope=True)
    async def mcp(scope: Scope, receive: Receive, send: Send) -> None:
        await assistants(scope, receive, send)  # type: ignore[arg-type]

    def figures() -> list[Figure]:
        refused = running.services.limits.refused
        says = "Requests refused since there were too many, or since nobody could count them."
        values: dict[tuple[str, ...], float] = {(rule,): n for rule, n in refused.items()}
        return [
            *endpoint.figures(),
            Figure("erasmus_limits_refused_total", says, ("rule",), values),
        ]

    @asynccontextmanager
    async def serving_assistants(_app: Litestar) -> AsyncIterator[None]:
        async with assistants.running():
            yield

    @asynccontextmanager
    async def hearing_news(_app: Litestar) -> AsyncIterator[None]:
        async with beside(running.revocations.keep()), beside(running.news.keep()):
            try:
                yield
            finally:
                running.news.leaving.set()  # our own server has done so before it came to this

    @asynccontextmanager
    async def hearing_of_rules(_app: Litestar) -> AsyncIterator[None]:
        await running.local_rules.refreshed()  # before the first request, if that can be
        async with beside(running.local_rules.keep()):
            yield

    @asynccontextmanager
    async def watching_the_loop(_app: Litestar) -> AsyncIterator[None]:
        async with beside(watch_loop()), beside(watch_crowds(running.crowding.tell)):
            yield

    @asynccontextmanager
    async def counting(_app: Litestar) -> AsyncIterator[None]:
        async with beside(running.services.limits.keep()):
            yield

    @asynccontextmanager
    async def warming_up(_app: Litestar) -> AsyncIterator[None]:
        async with beside(running.understanding.warm_up()):
            yield

    framework = declared(
        Litestar(
            [routes(), graphql, ewp, mcp],
            state=State({"services": running.services, "figures": figures}),
            openapi_config=openapi_config(settings.public_url, settings.browser_url),
            exception_handlers={Exception: problem},
            logging_config=None,
            lifespan=[
                *(hearing_news, hearing_of_rules, serving_assistants, warming_up),
                *(counting, watching_the_loop),
            ],
        )
    )
    return Application(endpoint, framework, Arrivals(settings.proxy_networks), Browsers(settings))
