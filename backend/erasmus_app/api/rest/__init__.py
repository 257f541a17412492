"""The REST surface: login, apps and assistants, the feed of the HEIs' systems, operations."""

from litestar import Litestar
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from erasmus_app.api.rest.authorize import answer, authorization_server, authorize, revoke
from erasmus_app.api.rest.feed import decisions, feed, remove
from erasmus_app.api.rest.health import livez, metrics, readyz
from erasmus_app.api.rest.login import callback, callback_from, login, login_at, logout, token

ROUTES = [
    *(login, callback, login_at, callback_from, token, logout),
    *(authorization_server, authorize, answer, revoke),
    *(feed, remove, decisions, livez, readyz, metrics),
]
OPENAPI = OpenAPIConfig(
    title="Erasmus+ App backend",
    version="1",
    description=(
        "Login, the feed of universities' own systems, and operations. "
        "What a student reads is GraphQL, at `/graphql`."
    ),
    path="/openapi",
    render_plugins=[JsonRenderPlugin(path=["/", "/openapi.json"])],  # a page would ask a CDN
    use_handler_docstrings=True,
    create_examples=False,
)


def documented() -> Litestar:
    """Return an application of the REST routes alone, for its document."""
    return Litestar(ROUTES, openapi_config=OPENAPI)
