"""The browser's and the app's way through the login."""

import html
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
import structlog
from litestar import MediaType, Request, Response, get, post
from litestar.datastructures import Cookie, State
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.params import QueryParameter

from erasmus_app.api.guards import session_cookie, session_of
from erasmus_app.errors import LoginFailed, NotSignedIn
from erasmus_app.identity.models import BROWSER_LIFETIME, Tokens
from erasmus_app.identity.service import LoginService
from erasmus_app.kit.languages import accepted
from erasmus_app.services import Services

log = structlog.get_logger(__name__)

NO_STORE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title><style>
body{{font:1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:12vh auto;padding:0 1.25rem}}
a{{color:inherit}}small{{opacity:.7}}
@media(prefers-color-scheme:dark){{body{{background:#14171c;color:#e8eaee}}}}</style></head>
<body><main><h1>{title}</h1><p>{text}</p><p><a href="/auth/login">Start again</a></p>
<p><small>{code}</small></p></main></body></html>"""


class TokenRefused(msgspec.Struct, frozen=True, kw_only=True):
    """Why there are no tokens."""

    error: str
    error_description: str


def _service(services: Services) -> LoginService:
    if services.login is None:
        raise LoginFailed(
            "login_off", "There is no login provider here.", status=HTTPStatus.SERVICE_UNAVAILABLE
        )
    return services.login


def _cookie_name(services: Services) -> str:
    return session_cookie(services).replace("session", "login")


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


def failed_page(error: LoginFailed) -> Response[str]:
    """Say in plain words that a login did not go through."""
    page = PAGE.format(
        title="The login did not work", text=html.escape(str(error)), code=html.escape(error.code)
    )
    headers = NO_STORE | {
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"
    }
    return Response(page, status_code=error.status, media_type=MediaType.HTML, headers=headers)


def _given(description: str, name: str | None = None) -> QueryParameter:
    return QueryParameter(description=description, name=name)


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
    state: State,
    app_challenge: Annotated[
        str | None, _given("The app's PKCE challenge (S256); without one it is a browser's login.")
    ] = None,
    return_to: Annotated[
        str | None, _given("An app link that is registered here; for browsers a path of this site.")
    ] = None,
    login_hint: Annotated[str | None, _given("Handed on to the login provider.")] = None,
) -> Response[Any]:
    """Send the browser to the login provider.

    An app opens this address in the system's browser, and comes back by its app link with `code`,
    which `/auth/token` swaps for tokens.
    """
    services: Services = state.services
    try:
        address, under_way = await _service(services).start(
            app_challenge=app_challenge, return_to=return_to, hint=login_hint
        )
    except LoginFailed as error:
        return failed_page(error)
    cookie = _cookie(_cookie_name(services), under_way.cookie, 600)
    return Response(
        None, status_code=302, headers=NO_STORE | {"Location": address}, cookies=[cookie]
    )


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
    state: State,
    code: Annotated[str | None, _given("The provider's code.")] = None,
    iss: Annotated[str | None, _given("The provider's name (RFC 9207).")] = None,
    error: Annotated[str | None, _given("Why the provider let nobody in.")] = None,
    login_state: Annotated[str | None, _given("Which login it is.", name="state")] = None,
) -> Response[Any]:
    """Finish a login: to the app with a one-time code, or to this site with a session cookie."""
    services: Services = state.services
    try:
        if error is not None or not code or not login_state:
            raise LoginFailed("provider_refused", "The login was cancelled, or refused.")
        finished = await _service(services).finish(
            state=login_state,
            code=code,
            issuer=iss,
            cookie=request.cookies.get(_cookie_name(services)),
            language=accepted(
                request.headers.get("accept-language", ""), services.messages.languages, "en"
            ),
        )
    except LoginFailed as failed:
        log.info("login.failed", code=failed.code)
        return failed_page(failed)
    log.info("login.succeeded", missing=finished.missing)
    cookies = [_cookie(_cookie_name(services), "", 0)]
    if finished.browser_session is not None:
        seconds = int(BROWSER_LIFETIME.total_seconds())
        cookies.append(_cookie(session_cookie(services), finished.browser_session, seconds))
    headers = NO_STORE | {"Location": finished.return_to}
    return Response(None, status_code=302, headers=headers, cookies=cookies)


@dataclass
class TokenOperation(Operation):
    """Describes the form, which is read by hand: RFC 6749 prescribes how it is refused."""

    def __post_init__(self) -> None:
        fields = {
            "grant_type": "`authorization_code` or `refresh_token`.",
            "code": "The one-time code that came by app link.",
            "code_verifier": "The PKCE verifier of the app's challenge.",
            "refresh_token": "The latest one; it is good for one use.",
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
    try:
        service = _service(services)
        match given.get("grant_type"):
            case "authorization_code":
                tokens = await service.swap_code(
                    given.get("code", ""), given.get("code_verifier", "")
                )
            case "refresh_token":
                tokens = await service.refresh(given.get("refresh_token", ""))
            case _:
                raise LoginFailed("unsupported_grant_type", "authorization_code or refresh_token")
    except LoginFailed as error:
        body = TokenRefused(error=error.code, error_description=str(error))
        return Response(body, status_code=error.status, headers=NO_STORE)
    return Response(tokens, headers=NO_STORE)


@post(
    "/auth/logout",
    tags=["login"],
    operation_id="logout",
    summary="Sign out",
    opt={"access": "signed_in"},
    status_code=204,
)
async def logout(request: Request[Any, Any, Any], state: State) -> Response[None]:
    """End the session of the bearer token or cookie, here; the provider's own goes on."""
    services: Services = state.services
    headers = {name.lower(): value for name, value in request.headers.items()}
    session = await session_of(services, headers)
    if services.login is None:
        raise NotSignedIn("There is no login provider here.")
    await services.login.logout(session)
    gone = _cookie(session_cookie(services), "", 0)
    return Response(None, status_code=204, headers=NO_STORE, cookies=[gone])
