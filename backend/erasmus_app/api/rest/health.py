"""What operators and load balancers ask."""

from litestar import Response, get
from litestar.datastructures import State

from erasmus_app.services import DEGRADED, Services


@get(
    "/livez",
    tags=["operations"],
    operation_id="livez",
    sync_to_thread=False,
    opt={"access": "public", "counted": "not"},
)
def livez() -> dict[str, str]:
    """Whether the process turns its event loop. Never asks an engine."""
    return {"status": "ok"}


@get(
    "/startupz",
    tags=["operations"],
    operation_id="startupz",
    opt={"access": "public", "counted": "not"},
)
async def startupz(state: State) -> Response[dict[str, str]]:
    """Whether the start is complete; until then 503 with what it waits for."""
    services: Services = state.services
    missing = await services.operations.missing()
    return Response(missing or {"status": "ok"}, status_code=503 if missing else 200)


@get(
    "/readyz",
    tags=["operations"],
    operation_id="readyz",
    opt={"access": "public", "counted": "not"},
)
async def readyz(state: State) -> Response[dict[str, str]]:
    """Whether traffic makes sense: each check is `ok` or says what is wrong.

    503 where requests had better go to another process. What is wrong for all processes alike and
    leaves reading possible, as a database that takes no writes, begins with `degraded`: a 200.
    """
    services: Services = state.services
    checks = await services.operations.checks()
    ready = all(each == "ok" or each.startswith(DEGRADED) for each in checks.values())
    return Response(checks, status_code=200 if ready else 503)
