"""What operators and load balancers ask."""

from litestar import Response, get
from litestar.datastructures import State

from erasmus_app.services import Services


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
    "/readyz",
    tags=["operations"],
    operation_id="readyz",
    opt={"access": "public", "counted": "not"},
)
async def readyz(state: State) -> Response[dict[str, str]]:
    """Whether traffic makes sense: each check is `ok` or says what is wrong; 503 if one is not."""
    services: Services = state.services
    checks = await services.operations.checks()
    ready = all(each == "ok" for each in checks.values())
    return Response(checks, status_code=200 if ready else 503)


@get(
    "/metrics",
    tags=["operations"],
    operation_id="metrics",
    media_type="text/plain",
    opt={"access": "public", "counted": "not"},
)
async def metrics(state: State) -> str:
    """Counts in Prometheus' text form. Nothing personal is in them; keep the path off the net."""
    services: Services = state.services
    lines = []
    numbers = await services.operations.numbers() | state.numbers()
    for name, values in sorted(numbers.items()):
        lines.append(f"# TYPE {name} gauge")
        for label, value in sorted(values.items()):
            lines.append(f'{name}{{of="{label}"}} {value:g}' if label else f"{name} {value:g}")
    return "\n".join(lines) + "\n"
