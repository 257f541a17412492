"""The browser's way to a further login that is to be joined with an account."""

from typing import Annotated, Any

import structlog
from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.params import QueryParameter

from erasmus_app.api.guards import session_cookie
from erasmus_app.api.rest import login_limits
from erasmus_app.api.rest.login import failed_page, to_provider
from erasmus_app.errors import LimitsAway, LoginFailed, NotSignedIn, TooMany
from erasmus_app.identity.providers import DEFAULT
from erasmus_app.services import Services

log = structlog.get_logger(__name__)


@get(
    "/auth/link/start",
    tags=["login"],
    operation_id="startLinking",
    summary="Add a further login",
    opt={"access": "public"},
    status_code=302,
    raises=[],
)
async def start_linking(
    request: Request[Any, Any, Any],
    state: State,
    ticket: Annotated[
        str, QueryParameter(description="What `beginLinking` gave; it is good for one use.")
    ] = "",
) -> Response[Any]:
    """Send the browser to the login that is to be added; it has to log in there anew.

    The ticket is a session's, which asked for it through GraphQL. A browser's is good in that
    browser alone. What an app asked for is completed by the app: `completeLinking`.
    """
    services: Services = state.services
    if services.linking is None:
        return failed_page(LoginFailed("login_off", "There is no login provider here."), DEFAULT)
    cookie = request.cookies.get(session_cookie(services))
    try:
        await login_limits.begins(request, DEFAULT)
        address, under_way = await services.linking.start(ticket, cookie)
    except (LoginFailed, TooMany, LimitsAway) as failed:
        log.info("link.refused", code=failed.code)
        return failed_page(failed, DEFAULT)
    except NotSignedIn:
        gone = LoginFailed("login_other_browser", "This was started in another browser.")
        return failed_page(gone, DEFAULT)
    return to_provider(services, address, under_way)
