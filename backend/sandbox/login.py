"""The sandbox's login: an OpenID provider of MyAcademicID's shape (identity guide §1).

Authorization code flow with PKCE, ES256 tokens, userinfo, introspection. Anybody may be anybody:
a page offers the sandbox's people, and `login_hint` chooses one without the page.
For tests and the demonstration there is a control side:

    GET    /sandbox/identities   who can log in: key, name, role, home
    GET    /sandbox/faults       what is set to go wrong, and how often still
    PUT    /sandbox/faults       {"wrong_iss": 1, "token_down": null}; null is until further notice
    DELETE /sandbox/faults       all well again
    POST   /sandbox/keys         sign with a new key; {"keep_old": false} unpublishes the others
"""

import contextlib
import socket
from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from litestar import Litestar, MediaType, Request, Response, delete, get, post, put, route
from litestar.params import JSONBody

from sandbox.authority import Certificate
from sandbox.clock import Clock, utc_now
from sandbox.login_grants import Client, LoginRefused
from sandbox.login_page import HEADERS, refusal_page
from sandbox.login_people import PEOPLE, Identity
from sandbox.login_provider import LoginProvider, LoginSettings
from sandbox.login_tokens import LoginFault
from sandbox.serving import LOOPBACK, AsgiApp, listen, origin, serving

__all__ = ["Client", "LoginFault", "LoginProvider", "LoginSettings", "login_app", "running"]

NO_STORE = {"Cache-Control": "no-store"}

_DOWN = {
    "/.well-known/openid-configuration": LoginFault.DISCOVERY_DOWN,
    "/OIDC/authorization": LoginFault.AUTHORIZATION_DOWN,
    "/OIDC/token": LoginFault.TOKEN_DOWN,
    "/OIDC/userinfo": LoginFault.USERINFO_DOWN,
    "/OIDC/jwks": LoginFault.JWKS_DOWN,
}

PlainRequest = Request[Any, Any, Any]


class NewKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to rotate the signing key."""

    keep_old: bool = True


def _pairs(text: bytes) -> list[tuple[str, str]]:
    return parse_qsl(text.decode("utf-8", "replace"), keep_blank_values=True)


async def _form(request: PlainRequest) -> dict[str, str]:
    pairs = _pairs(await request.body())
    if len(form := dict(pairs)) != len(pairs):
        raise LoginRefused("invalid_request", "A parameter came twice.")
    return form


async def _parameters(request: PlainRequest) -> list[tuple[str, str]]:
    if request.method == "POST":
        return _pairs(await request.body())
    return _pairs(request.scope["query_string"])


def _shown(address: str | None, page: str) -> Response[str]:
    if address is not None:
        return Response("", status_code=302, headers={**NO_STORE, "Location": address})
    return Response(page, status_code=200, media_type=MediaType.HTML, headers=HEADERS)


def _as_page(_: PlainRequest, refused: LoginRefused) -> Response[str]:
    page = refusal_page(refused.code, str(refused))
    return Response(page, status_code=400, media_type=MediaType.HTML, headers=HEADERS)


def _as_json(request: PlainRequest, refused: LoginRefused) -> Response[dict[str, str]]:
    """RFC 6749 §5.2, and RFC 6750 §3 for userinfo."""
    headers = dict(NO_STORE)
    if refused.code == "invalid_token":
        headers["WWW-Authenticate"] = f'Bearer error="{refused.code}"'
    elif refused.status == 401 and "authorization" in request.headers:
        headers["WWW-Authenticate"] = 'Basic realm="sandbox login"'
    content = {"error": refused.code, "error_description": str(refused)}
    return Response(content, status_code=refused.status, headers=headers)


@route(
    "/OIDC/authorization", http_method=["GET", "POST"], exception_handlers={LoginRefused: _as_page}
)
async def _authorization(request: PlainRequest) -> Response[str]:
    provider: LoginProvider = request.app.state.provider
    return _shown(*provider.authorize(await _parameters(request)))


@route(
    "/OIDC/end_session", http_method=["GET", "POST"], exception_handlers={LoginRefused: _as_page}
)
async def _end_session(request: PlainRequest) -> Response[str]:
    provider: LoginProvider = request.app.state.provider
    if not provider.settings.end_session:
        return Response("", status_code=404)
    return _shown(*provider.end_session(dict(await _parameters(request))))


@get("/.well-known/openid-configuration", sync_to_thread=False)
def _discovery(request: PlainRequest) -> dict[str, Any]:
    provider: LoginProvider = request.app.state.provider
    return provider.discovery()


@get("/OIDC/jwks", sync_to_thread=False)
def _jwks(request: PlainRequest) -> dict[str, Any]:
    provider: LoginProvider = request.app.state.provider
    return provider.keys.published()


@post("/OIDC/token", status_code=200)
async def _token(request: PlainRequest) -> Response[dict[str, Any]]:
    provider: LoginProvider = request.app.state.provider
    answer = provider.token(request.headers.get("authorization"), await _form(request))
    return Response(answer, headers=NO_STORE)


@post("/OIDC/introspect", status_code=200)
async def _introspect(request: PlainRequest) -> Response[dict[str, Any]]:
    provider: LoginProvider = request.app.state.provider
    answer = provider.introspect(request.headers.get("authorization"), await _form(request))
    return Response(answer, headers=NO_STORE)


@route("/OIDC/userinfo", http_method=["GET", "POST"], status_code=200, sync_to_thread=False)
def _userinfo(request: PlainRequest) -> Response[dict[str, Any]]:
    provider: LoginProvider = request.app.state.provider
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    answer = provider.userinfo(token if scheme.lower() == "bearer" else "")
    return Response(answer, headers=NO_STORE)


@get("/userinfo/v1/userinfo", sync_to_thread=False)
def _extended_userinfo(request: PlainRequest) -> Response[dict[str, Any]]:
    provider: LoginProvider = request.app.state.provider
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    answer = provider.extended_userinfo(token if scheme.lower() == "bearer" else "")
    if answer is None:
        return Response({"error": "not_found"}, status_code=404, headers=NO_STORE)
    return Response(answer, headers=NO_STORE)


@get("/sandbox/identities", sync_to_thread=False)
def _identities(request: PlainRequest) -> list[dict[str, str]]:
    provider: LoginProvider = request.app.state.provider
    return [
        {"key": each.key, "name": each.name, "role": each.role, "home": each.home_name}
        for each in provider.people
    ]


@get("/sandbox/faults", sync_to_thread=False)
def _faults(request: PlainRequest) -> dict[LoginFault, int | None]:
    provider: LoginProvider = request.app.state.provider
    return provider.faults.active


@put("/sandbox/faults", sync_to_thread=False)
def _set_faults(
    request: PlainRequest, data: JSONBody[dict[LoginFault, int | None]]
) -> dict[LoginFault, int | None]:
    provider: LoginProvider = request.app.state.provider
    for fault, times in data.items():
        provider.faults.set(fault, times)
    return provider.faults.active


@delete("/sandbox/faults", sync_to_thread=False)
def _clear_faults(request: PlainRequest) -> None:
    provider: LoginProvider = request.app.state.provider
    provider.faults.clear()


@post("/sandbox/keys", sync_to_thread=False)
def _rotate(request: PlainRequest, data: JSONBody[NewKey]) -> dict[str, str]:
    provider: LoginProvider = request.app.state.provider
    return {"kid": provider.keys.rotate(keep_old=data.keep_old)}


def login_app(provider: LoginProvider) -> AsgiApp:
    """Return the provider as an ASGI application."""
    app = Litestar(
        [
            _authorization,
            _end_session,
            _discovery,
            _jwks,
            _token,
            _introspect,
            _userinfo,
            _extended_userinfo,
            _identities,
            _faults,
            _set_faults,
            _clear_faults,
            _rotate,
        ],
        exception_handlers={LoginRefused: _as_json},
        logging_config=None,
        openapi_config=None,
    )
    app.state.provider = provider

    async def with_faults(scope: Any, receive: Any, send: Any) -> None:
        path = scope.get("path", "/sandbox/")
        if path.startswith("/sandbox/"):
            await app(scope, receive, send)
        elif provider.faults.take(LoginFault.CUT):
            headers = [(b"content-length", b"1000")]  # and nothing follows: the server hangs up
            await send({"type": "http.response.start", "status": 200, "headers": headers})
        elif path in _DOWN and provider.faults.take(_DOWN[path]):
            await send({"type": "http.response.start", "status": 500, "headers": []})
            await send({"type": "http.response.body", "body": b"<h1>Internal Server Error</h1>"})
        else:
            await app(scope, receive, send)

    return with_faults


@contextlib.asynccontextmanager
async def running(
    *,
    clients: Sequence[Client],
    people: Sequence[Identity] = PEOPLE,
    settings: LoginSettings | None = None,
    issuer: str | None = None,
    port: int = 0,
    host: str = LOOPBACK,
    listener: socket.socket | None = None,
    tls: Certificate | None = None,
    now: Clock = utc_now,
) -> AsyncIterator[LoginProvider]:
    """Run the provider until the block is left.

    Args:
        clients: the applications that may log people in; more by `LoginProvider.register`.
        people: who can log in.
        settings: how the provider behaves.
        issuer: as others reach it; by default the address where it listens.
        port: where to listen; 0 for any free port.
        host: an IP address of this machine.
        listener: a port bound before. Wins over `port`.
        tls: serve https with it; None serves plain http on loopback.
        now: the time, UTC.

    Raises:
        OSError: the port is taken.
    """
    with contextlib.closing(listener or listen(port, host=host)) as bound:
        provider = LoginProvider(
            issuer=issuer or origin(bound, secure=tls is not None),
            clients=clients,
            people=people,
            settings=settings,
            now=now,
        )
        async with serving(login_app(provider), listener=bound, tls=tls):
            yield provider
