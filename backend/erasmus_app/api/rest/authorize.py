"""Our authorisation server: what it can do, asking the student, ending what was allowed."""

from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, quote

import structlog
from litestar import MediaType, Request, Response, get, post
from litestar.datastructures import State

from erasmus_app.api.guards import session_of
from erasmus_app.api.pages import languages
from erasmus_app.api.pages.consent import consent_page, refusal_page
from erasmus_app.api.rest.login import NO_STORE, TokenRefused
from erasmus_app.errors import LoginFailed, NotSignedIn
from erasmus_app.identity.authorization import (
    GRANT_LIFETIME,
    AuthorizationRefused,
    AuthorizationService,
)
from erasmus_app.identity.clients import APP, SCOPES
from erasmus_app.identity.models import SESSION_LIFETIME, Session
from erasmus_app.kit.cldr import written_day
from erasmus_app.kit.languages import accepted
from erasmus_app.limits.rules import Limit
from erasmus_app.services import Services

log = structlog.get_logger(__name__)

PAGE_HEADERS = NO_STORE | {
    # No `form-action`: browsers hold the redirect after the form to it as well.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
}
RETURNED = "returned"
"""A parameter of ours: the browser has been at the login already."""


def service_of(services: Services) -> AuthorizationService:
    """Return the service. Raises LoginFailed where nobody can log in here."""
    if services.authorization is None:
        raise LoginFailed("login_off", "There is no login provider here.", status=503)
    return services.authorization


def described(services: Services) -> dict[str, Any]:
    """Return the server's metadata (RFC 8414)."""
    here, service = services.settings.browser_url, service_of(services)
    return {
        "issuer": service.issuer,
        "authorization_endpoint": f"{here}/auth/authorize",
        "token_endpoint": f"{here}/auth/token",
        "revocation_endpoint": f"{here}/auth/revoke",
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "ui_locales_supported": list(languages("consent")),
        "authorization_response_iss_parameter_supported": True,
        "client_id_metadata_document_supported": services.settings.oauth_documents,
        "protected_resources": list(service.resources),
    }


@get(
    "/.well-known/oauth-authorization-server",
    tags=["apps"],
    operation_id="authorizationServer",
    summary="What our authorisation server can do",
    opt={"access": "public"},
    raises=[],
)
async def authorization_server(state: State) -> Response[dict[str, Any]]:
    """Return the metadata (RFC 8414)."""
    try:
        found = described(state.services)
    except LoginFailed as error:
        return Response(
            {"error": error.code, "error_description": str(error)}, status_code=error.status
        )
    return Response(found, headers={"Cache-Control": "max-age=3600"})


@get(
    "/auth/authorize",
    tags=["apps"],
    operation_id="authorize",
    summary="Ask a student to allow an app something",
    opt={"access": "public"},
    raises=[],
)
async def authorize(request: Request[Any, Any, Any]) -> Response[Any]:
    """Show the consent page; who is not signed in logs in first and comes back (RFC 6749 §4.1).

    Parameters as RFC 6749 §4.1.1, with PKCE by S256 (RFC 7636) and `resource` (RFC 8707).
    """
    services: Services = request.app.state.services
    query = request.scope["query_string"].decode("latin-1")
    given = parse_qsl(query, keep_blank_values=True)
    language = _language(request)
    try:
        service = service_of(services)
        session = await _browser(request)
        if session is None:  # before anything is looked at: strangers have nothing fetched by us
            if any(name == RETURNED for name, _ in given):
                raise AuthorizationRefused("cookies_needed", "The browser keeps no cookies.")
            return _see(_login(query))
        await services.limits.take((Limit.AUTHORIZE, session.account_id))
        client, wanted = await service.read(given)
        if client.is_first_party:
            return _see(await service.allow(wanted, session))
        account = await services.login.account(session.account_id) if services.login else None
        lifetime = SESSION_LIFETIME if APP in wanted.scopes else GRANT_LIFETIME
        page = consent_page(
            client,
            wanted,
            question=await service.ask(wanted, session),
            name=account.display_name if account else None,
            other_login=_login(query, fresh=True),
            until=_written(services.clock() + lifetime, language),
            language=language,
        )
    except LoginFailed as error:
        return _refused(error, language)
    headers = PAGE_HEADERS | {"Content-Language": language}
    return Response(page, media_type=MediaType.HTML, headers=headers)


@post(
    "/auth/authorize",
    tags=["apps"],
    operation_id="answerAuthorization",
    summary="The student's answer",
    opt={"access": "public"},
    status_code=303,
    raises=[],
)
async def answer(request: Request[Any, Any, Any]) -> Response[Any]:
    """Take the answer of our own page, and of no other; the browser goes back to the app."""
    services: Services = request.app.state.services
    language = _language(request)
    origin = request.headers.get("origin")
    try:
        session = await _browser(request)
        if session is None or origin not in {None, "null", _origin(services)}:
            raise AuthorizationRefused("question_over", "This was not asked in this browser.")
        if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            raise AuthorizationRefused("question_over", "This was not asked in this browser.")
        await services.limits.take((Limit.AUTHORIZE, session.account_id))
        form = await request.form()
        allowed = form.get("answer") == "allow"
        address = await service_of(services).answer(
            str(form.get("question", "")), session, allowed=allowed
        )
    except LoginFailed as error:
        return _refused(error, language)
    if allowed:
        log.info("oauth.allowed", session_id=str(session.session_id))
    else:
        log.info("oauth.denied", session_id=str(session.session_id))
    return _see(address, 303)


@post(
    "/auth/revoke",
    tags=["apps"],
    operation_id="revoke",
    summary="End what a token belongs to",
    opt={"access": "public"},
    status_code=200,
    raises=[],
)
async def revoke(request: Request[Any, Any, Any]) -> Response[Any]:
    """End a session by one of its tokens (RFC 7009); an unknown token is over already."""
    form = await request.form()
    token, client_id = str(form.get("token", "")), form.get("client_id")
    try:
        if not token:
            raise LoginFailed("invalid_request", "token: is missing")
        await service_of(request.app.state.services).revoke(
            token, None if client_id is None else str(client_id)
        )
    except LoginFailed as error:
        body = TokenRefused(error=error.code, error_description=str(error))
        return Response(body, status_code=error.status, headers=NO_STORE)
    return Response(None, headers=NO_STORE)


def _language(request: Request[Any, Any, Any]) -> str:
    return accepted(request.headers.get("accept-language", ""), languages("consent"), "en")


def _written(when: datetime, language: str) -> str:
    return written_day(when.date().isoformat(), language)


def _origin(services: Services) -> str:
    return services.settings.browser_url


async def _browser(request: Request[Any, Any, Any]) -> Session | None:
    """Return the browser's session: a token of an app allows nobody else anything."""
    headers = {"cookie": request.headers.get("cookie", "")}
    try:
        return await session_of(request.app.state.services, headers)
    except NotSignedIn:
        return None


def _login(query: str, *, fresh: bool = False) -> str:
    """Return where somebody logs in and comes back to this request."""
    target = quote(f"/auth/authorize?{query}&{RETURNED}=1", safe="")
    return f"/auth/login?{'fresh=true&' if fresh else ''}return_to={target}"


def _see(address: str, status: int = 302) -> Response[Any]:
    return Response(None, status_code=status, headers=NO_STORE | {"Location": address})


def _refused(error: LoginFailed, language: str) -> Response[Any]:
    log.info("oauth.refused", code=error.code)
    if isinstance(error, AuthorizationRefused) and error.address is not None:
        return _see(error.address)
    page = refusal_page(error.code, language)
    headers = PAGE_HEADERS | {"Content-Language": language}
    return Response(page, status_code=error.status, media_type=MediaType.HTML, headers=headers)
