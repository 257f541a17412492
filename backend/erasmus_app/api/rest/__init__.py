"""The REST surface: login, apps and assistants, the feed of the HEIs' systems, operations."""

from litestar import Litestar, Router
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from erasmus_app.api.rest.access import declared, keep
from erasmus_app.api.rest.authorize import answer, authorization_server, authorize, revoke
from erasmus_app.api.rest.calendar import calendar_feed, mobility_calendar
from erasmus_app.api.rest.doctor import doctor
from erasmus_app.api.rest.feed import decisions, feed, remove
from erasmus_app.api.rest.health import livez, metrics, readyz
from erasmus_app.api.rest.linking import start_linking
from erasmus_app.api.rest.login import callback, callback_from, login, login_at, logout, token
from erasmus_app.api.rest.mail import ask_to_stop, stop
from erasmus_app.api.rest.messengers import MESSENGERS
from erasmus_app.api.rest.privacy import fetch_export

ROUTES = [
    *(login, callback, login_at, callback_from, token, logout),
    *(authorization_server, authorize, answer, revoke),
    *(doctor, start_linking, fetch_export, ask_to_stop, stop),
    *(calendar_feed, mobility_calendar),
    *MESSENGERS,
    *(feed, remove, decisions, livez, readyz, metrics),
]


def routes() -> Router:
    """Return the routes, with the guard that keeps their rules; each application has its own.

    What is mounted beside them keeps its rule by itself, and does without the guard's price.
    """
    return Router("/", route_handlers=ROUTES, guards=[keep])


def openapi_config() -> OpenAPIConfig:
    """Return how the document is made and served; each application has a router of its own."""
    return OpenAPIConfig(
        title="Erasmus+ App backend",
        version="1",
        description=(
            "Login, a student's archive and calendar, the feed of universities' own systems, what "
            "messengers bring, and operations. What a student reads is GraphQL, at `/graphql`."
        ),
        openapi_router=Router(
            "/openapi",
            route_handlers=[],
            include_in_schema=False,
            opt={"access": "public"},
            guards=[keep],
        ),
        render_plugins=[JsonRenderPlugin(path=["/", "/openapi.json"])],  # a page would ask a CDN
        use_handler_docstrings=True,
        create_examples=False,
    )


def documented() -> Litestar:
    """Return an application of the REST routes alone, for its document."""
    return declared(Litestar([routes()], openapi_config=openapi_config()))
