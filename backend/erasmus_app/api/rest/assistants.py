"""What assistants look for before they come to `/mcp`: who gives tokens, and which tools it has."""

from typing import Any

from litestar import Response, get
from litestar.datastructures import State

from erasmus_app.api.mcp.door import METADATA, PATH
from erasmus_app.api.mcp.tools import USED, described
from erasmus_app.api.rest.authorize import service_of
from erasmus_app.errors import LoginFailed
from erasmus_app.services import Services

KEPT = {"Cache-Control": "max-age=3600"}


@get(
    METADATA,
    tags=["apps"],
    operation_id="protectedResource",
    summary="Who gives tokens for `/mcp`",
    opt={"access": "public"},
    raises=[],
)
async def protected_resource(state: State) -> Response[dict[str, Any]]:
    """Return the metadata (RFC 9728)."""
    return _resource(state.services)


@get(
    METADATA.removesuffix(PATH),
    tags=["apps"],
    operation_id="protectedResourceAtRoot",
    summary="The same, where older clients look for it",
    opt={"access": "public"},
    raises=[],
)
async def protected_resource_at_root(state: State) -> Response[dict[str, Any]]:
    """Return the metadata of `/mcp`."""
    return _resource(state.services)


def _resource(services: Services) -> Response[dict[str, Any]]:
    try:
        issuer = service_of(services).issuer
    except LoginFailed as error:
        return Response(
            {"error": error.code, "error_description": str(error)}, status_code=error.status
        )
    return Response(
        {
            "resource": f"{issuer}{PATH}",
            "resource_name": "Erasmus+ App",
            "authorization_servers": [issuer],
            "scopes_supported": list(USED),
            "bearer_methods_supported": ["header"],
        },
        headers=KEPT,
    )


@get(
    "/.well-known/erasmus-app/tools.json",
    tags=["apps"],
    operation_id="tools",
    summary="The tools of assistants, as functions with JSON Schemas",
    opt={"access": "public"},
    raises=[],
)
async def tools() -> Response[dict[str, Any]]:
    """Return what `/mcp` can do, for assistants that call functions another way."""
    return Response(described(), headers=KEPT)
