"""How long answers take, by route and status: every door of the application is measured alike."""

from time import perf_counter

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from erasmus_app.telemetry.metrics import OTHER, REQUESTS

METHODS = frozenset({"GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"})
NO_ROUTE = "none"


async def measured(
    app: ASGIApp, route: str | None, scope: Scope, receive: Receive, send: Send
) -> None:
    """Let an application answer, and note how long it took until the answer began.

    That is what somebody waits for; of a stream, or a large file, the rest is theirs to take. A
    socket is no request. Without `route` it is the one that the framework has found: a path that
    strangers make up has none.
    """
    if scope["type"] != ScopeType.HTTP:
        await app(scope, receive, send)
        return
    request: HTTPScope = scope
    began = perf_counter()
    begun = False

    async def noting(message: Message) -> None:
        nonlocal begun
        if not begun and message["type"] == "http.response.start":
            begun = True
            _note(request, route, message["status"], perf_counter() - began)
        await send(message)

    try:
        await app(scope, receive, noting)
    except Exception:
        if not begun:  # the server answers for us
            _note(request, route, 500, perf_counter() - began)
        raise


def _note(scope: HTTPScope, route: str | None, status: int, seconds: float) -> None:
    method = scope["method"]
    found = route or str(scope.get("path_template") or NO_ROUTE)
    key = (method if method in METHODS else OTHER, found, str(status))
    REQUESTS[key].observe(seconds)
