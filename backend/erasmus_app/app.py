"""The application that ASGI servers run."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar, asgi
from litestar.datastructures import State
from litestar.types import Receive, Scope, Send

from erasmus_app.api.endpoint import GraphQLEndpoint
from erasmus_app.api.rest import openapi_config, routes
from erasmus_app.api.rest.access import declared
from erasmus_app.api.rest.errors import problem
from erasmus_app.api.schema import GuardedSchema, schema
from erasmus_app.bootstrap import Running, beside


def create_app(running: Running, schema: GuardedSchema = schema) -> Litestar:
    """Put the edges over running services. Raises RouteUndeclared where a route has no rule."""
    endpoint, host = GraphQLEndpoint(running.services, schema), running.ewp

    @asgi("/graphql", is_mount=True, opt={"access": "signed_in"}, copy_scope=False)
    async def graphql(scope: Scope, receive: Receive, send: Send) -> None:
        await endpoint(scope, receive, send)

    @asgi("/ewp", is_mount=True, opt={"access": "ewp"}, copy_scope=True)
    async def ewp(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        whole = path if path.startswith("/ewp/") else f"/ewp{path}"
        await host(dict(scope) | {"path": whole.rstrip("/")}, receive, send)  # type: ignore[arg-type]

    @asynccontextmanager
    async def hearing_of_ended_sessions(_app: Litestar) -> AsyncIterator[None]:
        async with beside(running.revocations.keep()):
            yield

    @asynccontextmanager
    async def hearing_of_rules(_app: Litestar) -> AsyncIterator[None]:
        await running.local_rules.refreshed()  # before the first request, if that can be
        async with beside(running.local_rules.keep()):
            yield

    return declared(
        Litestar(
            [routes(), graphql, ewp],
            state=State({"services": running.services}),
            openapi_config=openapi_config(),
            exception_handlers={Exception: problem},
            logging_config=None,
            lifespan=[hearing_of_ended_sessions, hearing_of_rules],
        )
    )
