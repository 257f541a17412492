"""The browser's and the app's way through the login."""

import hashlib
import html
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
import structlog
from litestar import MediaType, Request, Response, get, post
from litestar.datastructures import Cookie, State
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, RequestBody, Schema
from litestar.params import PathParameter, QueryParameter

from erasmus_app.api.guards import session_cookie
from erasmus_app.api.rest import login_limits
from erasmus_app.api.rest.described import Described
from erasmus_app.errors import LimitsAway, LoginFailed, NotSignedIn, TooMany
from erasmus_app.identity.models import (
    BROWSER_LIFETIME,
    WISH_LIFETIME,
    LoginUnderWay,
    Restarted,
    Tokens,
)
from erasmus_app.identity.providers import DEFAULT, NAME
from erasmus_app.identity.service import LoginService
from erasmus_app.kit.languages import accepted
from erasmus_app.limits.rules import Limit
from erasmus_app.services import Services
from erasmus_app.telemetry.traces import span

log = structlog.get_logger(__name__)

NO_STORE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title><style>
body{{font:1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:12vh auto;padding:0 1.25rem}}
a{{color:inherit}}small{{opacity:.7}}
@media(prefers-color-scheme:dark){{body{{background:#14171c;color:#e8eaee}}}}</style></head>
<body><main><h1>{title}</h1><p>{text}</p><p><a href="{again}">Start again</a></p>
<p><small>{code}</small></p></main></body></html>"""


class TokenRefused(msgspec.Struct, frozen=True, kw_only=True):
    """Why there are no tokens."""

    error: str
    error_description: str


class LoggedOut(msgspec.Struct, frozen=True, kw_only=True):
    """The session is over."""

    provider_logout_url: str | None  # where a browser can end the login provider's own session


def _service(services: Services) -> LoginService:
    if services.login is None:
        raise LoginFailed(
            "login_off", "There is no login provider here.", status=HTTPStatus.SERVICE_UNAVAILABLE
        )
    return services.login


def _cookie_name(services: Services, login_state: str) -> str:
    """Return the name of one login's cookie: two logins in two tabs each have their own."""
    name = session_cookie(services).replace("session", "login")
    return f"{name}-{hashlib.sha256(login_state.encode()).hexdigest()[:12]}"


def _cookie(name: str, value: str, seconds: int) -> Cookie:
    return Cookie(
        key=name,
        value=value,
        max_age=seconds,
        path="/",
        httponly=True,
        secure=name.startswith("__Host-"),
        samesite="lax",  # the way back from the provider is a cross-site GET at top level
    )


def failed_page(error: LoginFailed | TooMany | LimitsAway, provider: str) -> Response[str]:
    """Say in plain words that a login did not go through."""
    further = NAME.fullmatch(provider) is not None and provider != DEFAULT
    page = PAGE.format(
        title="The login did not work",
        text=html.escape(str(error)),
        code=html.escape(error.code),
        again=f"/auth/{provider}/login" if further else "/auth/login",
    )
    headers = NO_STORE | {
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    }
    headers |= {} if isinstance(error, LoginFailed) else error.headers
    return Response(page, status_code=error.status, media_type=MediaType.HTML, headers=headers)


def _given(description: str, name: str | None = None) -> QueryParameter:
    return QueryParameter(description=description, name=name)


def to_provider(services: Services, address: str, under_way: LoginUnderWay) -> Response[Any]:
    """Send the browser to a login provider, with the cookie that binds the way back to it."""
    cookie = _cookie(
        _cookie_name(services, under_way.state),
        under_way.cookie,
        int(WISH_LIFETIME.total_seconds()),
    )
    return Response(
        None, status_code=302, headers=NO_STORE | {"Location": address}, cookies=[cookie]
    )


_Challenge = Annotated[
    str | None, _given("The app's PKCE challenge (S256); without one it is a browser's login.")
]
_ReturnTo = Annotated[
    str | None, _given("An app link that is registered here; for browsers a path of this site.")
]
_Hint = Annotated[str | None, _given("Handed on to the login provider.")]
_Fresh = Annotated[
    bool, _given("Whoever is still logged in at the login provider has to log in there anew.")
]
_Provider = Annotated[str, PathParameter(description="The login provider's name here.")]
_Code = Annotated[str | None, _given("The provider's code.")]
_Iss = Annotated[str | None, _given("The provider's name (RFC 9207).")]
_Error = Annotated[str | None, _given("Why the provider let nobody in.")]
_LoginState = Annotated[str | None, _given("Which login it is.", name="state")]


async def _begin(
    request: Request[Any, Any, Any],
    provider: str,
    app_challenge: str | None,
    return_to: str | None,
    login_hint: str | None,
    fresh: bool,
) -> Response[Any]:
    services: Services = request.app.state.services
    try:
        await login_limits.begins(request, provider)
        address, under_way = await _service(services).start(
            app_challenge=app_challenge,
            return_to=return_to,
            hint=login_hint,
            provider=provider,
            fresh=fresh,
        )
    except (LoginFailed, TooMany, LimitsAway) as error:
        return failed_page(error, provider)
    return to_provider(services, address, under_way)


@get(
    "/auth/login",
    tags=["login"],
    operation_id="login",
    summary="Begin a login",
    opt={"access": "public"},
    status_code=302,
    raises=[],
)
async def login(
    request: Request[Any, Any, Any],
    app_challenge: _Challenge = None,
    return_to: _ReturnTo = None,
    login_hint: _Hint = None,
    fresh: _Fresh = False,
) -> Response[Any]:
    """Send the browser to the login provider.

    An app opens this address in the system's browser, and comes back by its app link with `code`,
    which `/auth/token` swaps for tokens.
    """
    return await _begin(request, DEFAULT, app_challenge, return_to, login_hint, fresh)


@get(
    "/auth/{provider:str}/login",
    tags=["login"],
    operation_id="loginAt",
    summary="Begin a login at a further provider",
    opt={"access": "public"},
    status_code=302,
    raises=[],
)
async def login_at(
    request: Request[Any, Any, Any],
    provider: _Provider,
    app_challenge: _Challenge = None,
    return_to: _ReturnTo = None,
    login_hint: _Hint = None,
    fresh: _Fresh = False,
) -> Response[Any]:
    """Send the browser to a further login provider; all else as at `/auth/login`."""
    named = _further(provider)
    return await _begin(request, named, app_challenge, return_to, login_hint, fresh)


def _further(provider: str) -> str:
    """Return a provider's name; the first one's is none, as it has ways of its own."""
    return "" if provider == DEFAULT else provider


async def _end(
    request: Request[Any, Any, Any],
    provider: str,
    code: str | None,
    iss: str | None,
    error: str | None,
    login_state: str | None,
) -> Response[Any]:
    services: Services = request.app.state.services
    try:
        await login_limits.comes_back(request, provider)
        if not login_state or not (code or error):
            raise LoginFailed("login_unknown", "This is no login provider's answer.")
        cookie_name = _cookie_name(services, login_state)
        cookie = request.cookies.get(cookie_name)
        if error is not None or not code:
            raise await _service(services).cancel(
                state=login_state, error=error or "", cookie=cookie, provider=provider
            )
        with span("login.finish"):
            finished = await _service(services).finish(
                state=login_state,
                code=code,
                issuer=iss,
                cookie=cookie,
                language=accepted(
                    request.headers.get("accept-language", ""), services.messages.languages, "en"
                ),
                provider=provider,
                browser_session=request.cookies.get(session_cookie(services)),
            )
        if not isinstance(finished, Restarted) and finished.proved and services.linking:
            finished = await services.linking.came_back(
                finished, request.cookies.get(session_cookie(services))
            )
    except NotSignedIn:
        gone = LoginFailed("login_other_browser", "This was started in another browser.")
        return failed_page(gone, provider)
    except (TooMany, LimitsAway) as often:
        return failed_page(often, provider)
    except LoginFailed as failed:
        login_limits.failed(request, failed)
        known = provider if NAME.fullmatch(provider) else None  # it is what a stranger wrote
        log.info("login.failed", code=failed.code, provider=known)
        return failed_page(failed, provider)
    if isinstance(finished, Restarted):
        log.info("login.restarted", provider=provider)
        return to_provider(services, finished.address, finished.login)
    log.info("login.succeeded", missing=finished.missing, provider=provider)
    cookies = []  # the login's own stays, so that its way back can be gone once more
    if finished.browser_session is not None:
        seconds = int(BROWSER_LIFETIME.total_seconds())
        cookies.append(_cookie(session_cookie(services), finished.browser_session, seconds))
    headers = NO_STORE | {"Location": finished.return_to}
    return Response(None, status_code=302, headers=headers, cookies=cookies)


@get(
    "/auth/callback",
    tags=["login"],
    operation_id="callback",
    summary="The way back from the login provider",
    opt={"access": "public"},
    status_code=302,
    raises=[],
)
async def callback(
    request: Request[Any, Any, Any],
    code: _Code = None,
    iss: _Iss = None,
    error: _Error = None,
    login_state: _LoginState = None,
) -> Response[Any]:
    """Finish a login: to the app with a one-time code, or to this site with a session cookie."""
    return await _end(request, DEFAULT, code, iss, error, login_state)


@get(
    "/auth/{provider:str}/callback",
    tags=["login"],
    operation_id="callbackFrom",
    summary="The way back from a further provider",
    opt={"access": "public"},
    status_code=302,
    raises=[],
)
async def callback_from(
    request: Request[Any, Any, Any],
    provider: _Provider,
    code: _Code = None,
    iss: _Iss = None,
    error: _Error = None,
    login_state: _LoginState = None,
) -> Response[Any]:
    """Finish a login that was begun at this provider; all else as at `/auth/callback`."""
    return await _end(request, _further(provider), code, iss, error, login_state)


@dataclass
class TokenOperation(Described):
    """Describes the form, which is read by hand: RFC 6749 prescribes how it is refused."""

    def __post_init__(self) -> None:
        super().__post_init__()
        fields = {
            "grant_type": "`authorization_code` or `refresh_token`.",
            "code": "The one-time code that came by app link.",
            "code_verifier": "The PKCE verifier of the app's challenge.",
            "refresh_token": "The latest one; it is good for one use.",
            "client_id": "Of a client of our authorisation server; our own app sends none.",
            "redirect_uri": "The client's, as it sent it to `/auth/authorize`.",
            "scope": "At a refresh: less than was allowed.",
            "resource": "What the token is for, where it was named before (RFC 8707).",
        }
        schema = Schema(
            type=OpenAPIType.OBJECT,
            required=["grant_type"],
            properties={
                name: Schema(type=OpenAPIType.STRING, description=text)
                for name, text in fields.items()
            },
        )
        form = OpenAPIMediaType(schema=schema)
        self.request_body = RequestBody(
            required=True, content={"application/x-www-form-urlencoded": form}
        )


@post(
    "/auth/token",
    tags=["login"],
    operation_id="token",
    summary="Tokens for an app",
    opt={"access": "public"},
    status_code=200,
    operation_class=TokenOperation,
    responses={
        200: ResponseSpec(Tokens, description="The tokens.", generate_examples=False),
        400: ResponseSpec(TokenRefused, description="RFC 6749 §5.2.", generate_examples=False),
    },
)
async def token(request: Request[Any, Any, Any], state: State) -> Response[Any]:
    """Swap a one-time code (with `code_verifier`) or a refresh token for tokens (RFC 6749)."""
    services: Services = state.services
    form = await request.form()
    given = {str(name): str(value) for name, value in form.items()}
    asked = login_limits.of_tokens(request, given)
    await services.limits.look(*asked)
    try:
        if len(list(form.multi_items())) != len(given):
            raise LoginFailed("invalid_request", "a parameter came twice")
        service = _service(services)
        client = services.authorization if "client_id" in given else None
        tokens: Tokens
        match given.get("grant_type"):
            case "authorization_code" if client is not None:
                tokens = await client.swap(given)
            case "refresh_token" if client is not None:
                tokens = await client.refresh(given)
            case "authorization_code":
                tokens = await service.swap_code(
                    given.get("code", ""), given.get("code_verifier", "")
                )
            case "refresh_token":
                tokens = await service.refresh(given.get("refresh_token", ""))
            case _:
                raise LoginFailed("unsupported_grant_type", "authorization_code or refresh_token")
    except LoginFailed as error:
        if error.code in login_limits.REFUSED_TOKENS:
            for each in asked:
                services.limits.count(*each)
        body = TokenRefused(error=error.code, error_description=str(error))
        return Response(body, status_code=error.status, headers=NO_STORE)
    if given["grant_type"] == "refresh_token":
        # Only now is known whose it is. Who is refused has lost nothing: the same token, shown
        # again, brings the same answer.
        session = await service.session(bearer=tokens.access_token, cookie=None)
        await services.limits.take((Limit.REFRESH, session.session_id))
    return Response(tokens, headers=NO_STORE)


@post(
    "/auth/logout",
    tags=["login"],
    operation_id="logout",
    summary="Sign out",
    opt={"access": "signed_in"},
    status_code=200,
)
async def logout(request: Request[Any, Any, Any], state: State) -> Response[LoggedOut]:
    """End the session of the bearer token or cookie, here.

    The login provider's own goes on, until the browser goes where the answer says. Where it says
    nothing, whoever uses the browser next may still be logged in at the university.
    """
    services: Services = state.services
    address = await _service(services).logout(request.state.session)
    gone = _cookie(session_cookie(services), "", 0)
    return Response(
        LoggedOut(provider_logout_url=address), status_code=200, headers=NO_STORE, cookies=[gone]
    )
