"""Rules of access of routes: each says its own as `opt={"access": "..."}`, and it is kept here.

The rule is looked at before a parameter is read, by one guard over all routes. An application with
a route that has no rule, or whose rule nobody keeps, cannot be made.
"""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import structlog
from litestar import Litestar
from litestar.connection import ASGIConnection
from litestar.handlers import ASGIRouteHandler, BaseRouteHandler, HTTPRouteHandler
from litestar.routes import HTTPRoute

from erasmus_app.api.callers import address_of
from erasmus_app.api.guards import session_of
from erasmus_app.api.rest.feed_door import let_feed
from erasmus_app.api.rest.messenger_door import let_messenger
from erasmus_app.errors import Forbidden, NotSignedIn, ScopeLacking
from erasmus_app.identity.clients import APP, CHAT
from erasmus_app.identity.models import Session
from erasmus_app.limits.rules import Limit
from erasmus_app.services import Services

Connection = ASGIConnection[Any, Any, Any, Any]
Guard = Callable[[Connection], Awaitable[None]]

ACCESS = "access"
COUNTED = "counted"
"""As what a route is counted by `limits`, where not as its rule says: `by_itself` for one that sees
to it, `not` for what must always be answered."""
COST = 20  # points, of a signed-in call: about a query of two things to read

log = structlog.get_logger(__name__)


class RouteUndeclared(TypeError):
    """Routes that say not who may call them; names each, and what to write."""


async def anybody(connection: Connection) -> None:
    """Let everybody in."""


async def signed_in(connection: Connection) -> None:
    """Let in who has a session, which is `request.state.session` from then on.

    Raises:
        NotSignedIn: there is none, or it is over.
    """
    services: Services = connection.app.state.services
    headers = {name.lower(): value for name, value in connection.headers.items()}
    try:
        connection.state.session = await session_of(services, headers)
    except NotSignedIn as error:
        log.info("access.refused", what=connection.route_handler.handler_name, code=error.code)
        raise


async def asking(connection: Connection) -> None:
    """Let in who has a session, and an assistant that was allowed to ask (`chat`).

    Its token is for `/chat`, or for `/graphql`, which is what it gets that names no resource.

    Raises:
        NotSignedIn: there is none, it is over, or for something else.
        ScopeLacking: the student has not allowed that.
    """
    services: Services = connection.app.state.services
    headers = {name.lower(): value for name, value in connection.headers.items()}
    base = services.settings.public_url.rstrip("/")
    try:
        session = await session_of(services, headers, f"{base}/chat", f"{base}/graphql")
        if session.scopes is not None and not {CHAT, APP} & set(session.scopes):
            raise ScopeLacking(CHAT)
    except (NotSignedIn, ScopeLacking) as error:
        log.info("access.refused", what=connection.route_handler.handler_name, code=error.code)
        raise
    connection.state.session = session


RULES: dict[str, Guard] = {
    "public": anybody,
    "signed_in": signed_in,
    "asking": asking,  # likewise, and assistants with the scope `chat`
    "feed": let_feed,  # the system of a covered HEI, by its token
    "messenger": let_messenger,  # a messenger, by its signature
}
"""By name. A further rule is a further guard, which raises what the caller is answered."""

MOUNTED = frozenset({"signed_in", "ewp", "assistant"})
"""The rules that a mounted application keeps by itself: `api.endpoint`, the toolkit's host, and
`api.mcp.door`, where only a client of our authorisation server has something to ask."""


async def keep(connection: Connection, handler: BaseRouteHandler) -> None:
    """Keep a route's rule. Raises what the rule's guard raises, Forbidden where there is none."""
    if _is_automatic(handler) or isinstance(handler, ASGIRouteHandler):
        return
    rule = handler.opt.get(ACCESS, "")
    guard = RULES.get(rule)
    if guard is None:
        raise Forbidden("That is not yours to have.")
    services: Services = connection.app.state.services
    counted = handler.opt.get(COUNTED, rule)
    if counted == "public":
        services.limits.spend(Limit.ANONYMOUS, address_of(connection.scope, _proxies(services)))
    try:
        await guard(connection)
    except NotSignedIn:
        services.limits.spend(Limit.ANONYMOUS, address_of(connection.scope, _proxies(services)))
        raise
    if counted == "signed_in":
        session: Session = connection.state.session
        services.limits.spend(Limit.READING_SESSION, session.session_id, COST)
        services.limits.spend(Limit.READING, session.account_id, COST)


def _proxies(services: Services) -> tuple[str, ...]:
    return services.settings.trusted_proxies


def declared(app: Litestar) -> Litestar:
    """Return the application. Raises RouteUndeclared where a route has no rule, or no known one."""
    wrong = []
    for path, handler in _handlers(app):
        known = MOUNTED if isinstance(handler, ASGIRouteHandler) else RULES
        if (rule := handler.opt.get(ACCESS)) not in known:
            wrong.append(
                f"{path} ({handler.handler_name}): "
                + ("has no rule of access" if rule is None else f"there is no rule {rule!r}")
                + f'; write `opt={{"access": ...}}` with one of {", ".join(sorted(known))}, or add '
                "one in api/rest/access.py"
            )
        elif isinstance(handler, HTTPRouteHandler) and keep not in handler.resolve_guards():
            wrong.append(
                f"{path} ({handler.handler_name}): its rule is kept by nobody; list it in "
                "`ROUTES`, api/rest/__init__.py"
            )
    if wrong:
        raise RouteUndeclared("\n".join(wrong))
    return app


def rules_of(app: Litestar) -> dict[str, str]:
    """Return the rules by `METHOD path`; what is mounted takes every method."""
    return {
        f"{method} {path}": handler.opt[ACCESS]
        for path, handler in _handlers(app)
        for method in (handler.http_methods if isinstance(handler, HTTPRouteHandler) else ("*",))
    }


def _handlers(app: Litestar) -> Iterator[tuple[str, BaseRouteHandler]]:
    for route in app.routes:
        found = route.route_handlers if isinstance(route, HTTPRoute) else [route.route_handler]
        for each in found:
            if not _is_automatic(each):
                yield route.path, each


def _is_automatic(handler: BaseRouteHandler) -> bool:
    """Whether Litestar made it to say which methods a path has."""
    return (
        isinstance(handler, HTTPRouteHandler)
        and handler.http_methods == {"OPTIONS"}
        and handler.fn.__qualname__.startswith("HTTPRoute.create_options_handler.")
    )
