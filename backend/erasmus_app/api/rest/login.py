"""The browser's and the app's way through the login."""

import html
from typing import Annotated, Any

from litestar import MediaType, Request, Response, get, post
from litestar.datastructures import Cookie, State
from litestar.params import QueryParameter

from erasmus_app.api.guards import session_cookie, session_of
from erasmus_app.errors import LoginFailed, NotSignedIn
from erasmus_app.identity.models import BROWSER_LIFETIME
from erasmus_app.identity.service import LoginService
from erasmus_app.kit.languages import accepted
from erasmus_app.services import Services

NO_STORE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title><style>
body{{font:1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:12vh auto;padding:0 1.25rem}}
a{{color:inherit}}small{{opacity:.7}}
@media(prefers-color-scheme:dark){{body{{background:#14171c;color:#e8eaee}}}}</style></head>
<body><main><h1>{title}</h1><p>{text}</p><p><a href="/auth/login">Start again</a></p>
<p><small>{code}</small></p></main></body></html>"""


def _service(services: Services) -> LoginService:
    if services.login is None:
        raise LoginFailed("login_off", "There is no login provider here.", status=503)
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


@get("/auth/login", tags=["login"], opt={"access": "public"}, status_code=302)
async def login(
    state: State,
    app_challenge: str | None = None,
    return_to: str | None = None,
    login_hint: str | None = None,
) -> Response[Any]:
    """Begin a login: for an app with its PKCE challenge (S256) and its app link, else a browser."""
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


@get("/auth/callback", tags=["login"], opt={"access": "public"}, status_code=302)
async def callback(
    request: Request[Any, Any, Any],
    state: State,
    code: str | None = None,
    iss: str | None = None,
    error: str | None = None,
    login_state: Annotated[str | None, QueryParameter(name="state")] = None,
) -> Response[Any]:
    """Where the login provider sends the browser back to."""
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
        return failed_page(failed)
    cookies = [_cookie(_cookie_name(services), "", 0)]
    if finished.browser_session is not None:
        seconds = int(BROWSER_LIFETIME.total_seconds())
        cookies.append(_cookie(session_cookie(services), finished.browser_session, seconds))
    headers = NO_STORE | {"Location": finished.return_to}
    return Response(None, status_code=302, headers=headers, cookies=cookies)


@post("/auth/token", tags=["login"], opt={"access": "public"}, status_code=200)
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
        body = {"error": error.code, "error_description": str(error)}
        return Response(body, status_code=error.status, headers=NO_STORE)
    return Response(tokens, headers=NO_STORE)


@post("/auth/logout", tags=["login"], opt={"access": "signed_in"}, status_code=204)
async def logout(request: Request[Any, Any, Any], state: State) -> Response[None]:
    """End the session, here."""
    services: Services = state.services
    headers = {name.lower(): value for name, value in request.headers.items()}
    session = await session_of(services, headers)
    if services.login is None:
        raise NotSignedIn("There is no login provider here.")
    await services.login.logout(session)
    gone = _cookie(session_cookie(services), "", 0)
    return Response(None, status_code=204, headers=NO_STORE, cookies=[gone])
