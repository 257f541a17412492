"""The REST surface: login, the feed of the covered HEIs' systems, and what operators need."""

from litestar import Litestar
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from erasmus_app.api.rest.feed import decisions, feed, remove
from erasmus_app.api.rest.health import livez, metrics, readyz
from erasmus_app.api.rest.login import callback, callback_from, login, login_at, logout, token
from erasmus_app.api.rest.privacy import fetch_export

ROUTES = [
    *(login, callback, login_at, callback_from, token, logout),
    fetch_export,
    *(feed, remove, decisions, livez, readyz, metrics),
]
OPENAPI = OpenAPIConfig(
    title="Erasmus+ App backend",
    version="1",
    description=(
        "Login, a student's archive, the feed of universities' own systems, and operations. "
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
