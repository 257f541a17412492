"""The REST surface: login, apps and assistants, chat, the feed of the HEIs' systems, operations."""

from litestar import Litestar, Router
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import (
    Components,
    OAuthFlow,
    OAuthFlows,
    Operation,
    SecurityScheme,
    Server,
)

from erasmus_app.api.rest.access import declared, keep
from erasmus_app.api.rest.assistants import (
    protected_resource,
    protected_resource_at_root,
    tools,
)
from erasmus_app.api.rest.authorize import answer, authorization_server, authorize, revoke
from erasmus_app.api.rest.calendar import calendar_feed, mobility_calendar
from erasmus_app.api.rest.chat import SIGNING_IN, ask
from erasmus_app.api.rest.described import Described
from erasmus_app.api.rest.doctor import doctor
from erasmus_app.api.rest.feed import decisions, feed, remove
from erasmus_app.api.rest.health import livez, readyz, startupz
from erasmus_app.api.rest.linking import start_linking
from erasmus_app.api.rest.login import callback, callback_from, login, login_at, logout, token
from erasmus_app.api.rest.mail import ask_to_stop, stop
from erasmus_app.api.rest.messengers import MESSENGERS
from erasmus_app.api.rest.metrics import metrics
from erasmus_app.api.rest.privacy import fetch_export
from erasmus_app.api.rest.status import status_json, status_of_hei, status_page
from erasmus_app.identity.clients import CHAT

ROUTES = [
    *(login, callback, login_at, callback_from, token, logout),
    *(authorization_server, authorize, answer, revoke),
    *(protected_resource, protected_resource_at_root, tools),
    *(doctor, start_linking, fetch_export, ask_to_stop, stop),
    *(ask, calendar_feed, mobility_calendar),
    *MESSENGERS,
    *(feed, remove, decisions, livez, startupz, readyz, metrics),
    *(status_page, status_json, status_of_hei),
]


for _each in ROUTES:
    if _each.operation_class is Operation:
        _each.operation_class = Described


def routes() -> Router:
    """Return the routes, with the guard that keeps their rules; each application has its own.

    What is mounted beside them keeps its rule by itself, and does without the guard's price.
    """
    return Router("/", route_handlers=ROUTES, guards=[keep])


def openapi_config(
    public_url: str = "https://localhost", browser_url: str = "https://localhost"
) -> OpenAPIConfig:
    """Return how the document is made and served; each application has a router of its own.

    Its addresses are this backend's own, so that an assistant can be given it as a tool as it is.
    """
    return OpenAPIConfig(
        title="Erasmus+ App backend",
        version="1",
        description=(
            "Login, chat, what messengers bring, a student's archive and calendar, the feed of "
            "universities' own systems, and operations. What a student reads is GraphQL, at "
            "`/graphql`."
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
        servers=[Server(url=public_url.rstrip("/"))],
        components=Components(
            security_schemes={
                SIGNING_IN: SecurityScheme(
                    type="oauth2",
                    description="Our authorisation server; PKCE with S256. Apps' own tokens, and "
                    "browsers' cookies, are good as well.",
                    flows=OAuthFlows(
                        authorization_code=OAuthFlow(
                            authorization_url=f"{browser_url}/auth/authorize",
                            token_url=f"{public_url.rstrip('/')}/auth/token",
                            refresh_url=f"{public_url.rstrip('/')}/auth/token",
                            scopes={CHAT: "to ask, and be answered from the student's own record"},
                        )
                    ),
                )
            }
        ),
        create_examples=False,
    )


def documented() -> Litestar:
    """Return an application of the REST routes alone, for its document."""
    return declared(Litestar([routes()], openapi_config=openapi_config()))
