"""The status page: is it us, or is it them? For students' support, students, and programs."""

from typing import Annotated, Any

import msgspec
from litestar import MediaType, Request, Response, get
from litestar.datastructures import State
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import PathParameter, QueryParameter

from erasmus_app.api.pages import languages
from erasmus_app.api.pages.status import board_page, hei_page
from erasmus_app.errors import NotFound
from erasmus_app.ids import HeiId
from erasmus_app.institutions.status import KEPT, Board, HeiStatus
from erasmus_app.kit.languages import accepted
from erasmus_app.services import Services

LONGEST = 100  # characters that are searched for
HEADERS = {
    "Cache-Control": f"public, max-age={int(KEPT.total_seconds())}",
    "X-Content-Type-Options": "nosniff",
}
PAGE_HEADERS = HEADERS | {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept-Language",
}
_OPT: dict[str, Any] = {"access": "public"}


async def _board(services: Services) -> Board:
    """Return how it goes. Raises NotFound where the operator does not show it."""
    if not services.settings.status_page:
        raise NotFound("There is no status page here.")
    return await services.status.board()


def _page(page: str, language: str) -> Response[str]:
    headers = PAGE_HEADERS | {"Content-Language": language}
    return Response(page, media_type=MediaType.HTML, headers=headers)


def _language(request: Request[Any, Any, Any]) -> str:
    return accepted(request.headers.get("accept-language", ""), languages("status"), "en")


@get(
    "/status",
    tags=["operations"],
    operation_id="statusPage",
    summary="Is it us, or is it them?",
    opt=_OPT,
    media_type=MediaType.HTML,
)
async def status_page(
    request: Request[Any, Any, Any],
    state: State,
    q: Annotated[str, QueryParameter(description="Part of a university's name, or its id.")] = "",
) -> Response[str]:
    """Show our own parts, the universities with trouble, and those that are looked for."""
    services: Services = state.services
    board, language = await _board(services), _language(request)
    asked = " ".join(q.split())[:LONGEST]
    page = board_page(board, asked, lambda hei: services.names.name(hei, language), language)
    return _page(page, language)


@get(
    "/status.json",
    tags=["operations"],
    operation_id="status",
    summary="The same for programs",
    opt=_OPT,
    responses={
        200: ResponseSpec(Board, description="How it goes, now.", generate_examples=False),
    },
)
async def status_json(state: State) -> Response[bytes]:
    """Return how it goes with our own parts and with every university that we ask."""
    content = msgspec.json.encode(await _board(state.services))
    return Response(content, media_type=MediaType.JSON, headers=HEADERS)


@get(
    "/status/{hei_id:str}",
    tags=["operations"],
    operation_id="statusOfHei",
    summary="How it goes with one university",
    opt=_OPT,
    media_type=MediaType.HTML,
)
async def status_of_hei(
    request: Request[Any, Any, Any],
    state: State,
    hei_id: Annotated[str, PathParameter(description="The university's id in the EWP network.")],
) -> Response[str]:
    """Show it API by API. 404: it is none that is asked here."""
    services: Services = state.services
    board, language = await _board(services), _language(request)
    found: HeiStatus | None = board.of(HeiId(hei_id.lower()))
    if found is None:
        raise NotFound("There is no such university among those that are asked here.")
    named = lambda hei: services.names.name(hei, language)  # noqa: E731 - as above
    return _page(hei_page(found, board.at, named, language), language)
