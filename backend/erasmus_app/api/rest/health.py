"""What operators and load balancers ask."""

from litestar import Response, get
from litestar.datastructures import State

from erasmus_app.services import Services


@get(
    "/livez",
    tags=["operations"],
    operation_id="livez",
    sync_to_thread=False,
    opt={"access": "public"},
)
def livez() -> dict[str, str]:
    """Whether the process turns its event loop. Never asks an engine."""
    return {"status": "ok"}


@get("/readyz", tags=["operations"], operation_id="readyz", opt={"access": "public"})
async def readyz(state: State) -> Response[dict[str, str]]:
    """Whether traffic makes sense: each check is `ok` or says what is wrong; 503 if one is not."""
    services: Services = state.services
    checks = await services.operations.checks()
    ready = all(each == "ok" for each in checks.values())
    return Response(checks, status_code=200 if ready else 503)
