"""Who is asking: a bearer token of an app, or the cookie of a browser."""

from urllib.parse import urlsplit

from litestar.types import Scope

from erasmus_app.api.origins import is_ours
from erasmus_app.errors import NotSignedIn
from erasmus_app.identity.models import Session
from erasmus_app.services import Services
from erasmus_app.telemetry import logs


def session_cookie(services: Services) -> str:
    """Return the cookie's name; bound to this host alone wherever there is TLS."""
    secure = urlsplit(services.settings.browser_url).scheme == "https"
    return "__Host-erasmus-session" if secure else "erasmus-session"


def headers_of(scope: Scope) -> dict[str, str]:
    """Return the headers by lower-case name."""
    return {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
    }


def cookies_of(headers: dict[str, str]) -> dict[str, str]:
    """Return the cookies by name."""
    pairs = (part.strip().partition("=") for part in headers.get("cookie", "").split(";"))
    return {name: value for name, found, value in pairs if found}


async def session_of(services: Services, headers: dict[str, str], *resources: str) -> Session:
    """Return the session.

    Args:
        services: what knows sessions.
        headers: the request's, by lower-case name.
        resources: the addresses one of which a client's token must be for (RFC 8707); with none no
            client's token is good here.

    Raises:
        NotSignedIn: there is none, it is over, or its token is for something else.
    """
    if services.login is None:
        raise NotSignedIn("There is no login provider here.")
    scheme, _, token = headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else None
    cookie = cookies_of(headers).get(session_cookie(services))
    settings = services.settings
    if cookie is not None and not is_ours(headers.get("origin", settings.browser_url), settings):
        # Browsers send it whatever page asks; where that may change something, they say which.
        cookie = None
    session = await services.login.session(bearer=bearer, cookie=cookie)
    if session.client_id is not None and session.resource not in resources:
        raise NotSignedIn("This token is for something else.")
    logs.acting(session.account_id)
    return session
