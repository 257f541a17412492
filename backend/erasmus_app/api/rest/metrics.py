"""What Prometheus asks."""

from asyncio import to_thread

from litestar import Response, get
from litestar.datastructures import State

from erasmus_app.services import Services
from erasmus_app.telemetry.exposition import CONTENT_TYPE, exposition


@get(
    "/metrics",
    tags=["operations"],
    operation_id="metrics",
    media_type="text/plain",
    opt={"access": "public", "counted": "not"},
)
async def metrics(state: State) -> Response[bytes]:
    """Counts in Prometheus' text form. Nothing personal is in them; keep the path off the net."""
    services: Services = state.services
    found = [*await services.figures.figures(), *state.figures()]
    text = await to_thread(exposition, found)  # thousands of partners take a tenth of a second
    return Response(text, media_type=CONTENT_TYPE)
