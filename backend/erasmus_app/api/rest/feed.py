"""What a covered HEI's own system gives us, and what partners decided about it (guide §6.2)."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import msgspec
import structlog
from litestar import Request, Response, delete, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, RequestBody, Schema
from litestar.params import PathParameter, QueryParameter

from erasmus_app.api.rest.described import Described
from erasmus_app.api.rest.feed_door import noted
from erasmus_app.errors import FeedRefused, NotFound
from erasmus_app.ids import HeiId
from erasmus_app.institutions.models import CoveredHei
from erasmus_app.mobilities.own import MOBILITY_APIS, PUBLIC_APIS, Decision, FeedResult
from erasmus_app.services import Services

LARGEST = 10_000_000  # bytes of one document
XML = ("text/xml", "application/xml")
ID = re.compile(r"[!-~]{1,64}")  # guide §1.1
NO_STORE = {"Cache-Control": "no-store"}

log = structlog.get_logger(__name__)


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing was taken (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str  # for whoever runs this to find it in the log
    item: int | None = None


class PartnerDecision(msgspec.Struct, frozen=True, kw_only=True):
    """What a receiving HEI decided about a proposal."""

    api: str
    omobility_id: str
    proposal_id: str
    operation: str
    hei_id: HeiId
    comment: str | None
    decided_at: datetime
    request_id: str | None
    request: str


class PartnerDecisions(msgspec.Struct, frozen=True, kw_only=True):
    """Decisions, the earliest first."""

    decisions: list[PartnerDecision]


@dataclass
class _FeedOperation(Described):
    """Describes the body, which is read by hand: it is XML."""

    def __post_init__(self) -> None:
        super().__post_init__()
        schema = Schema(
            type=OpenAPIType.STRING,
            description=(
                "An omobilities, omobility-las, imobilities, imobility-tors `get` response, an "
                "institutions, ounits or factsheet response of the EWP specifications, or an "
                "`ewp-mobility-file`. At most 10 MB and 2000 objects."
            ),
        )
        content = {each: OpenAPIMediaType(schema=schema) for each in XML}
        self.request_body = RequestBody(required=True, content=content)


def _refusals(*statuses: int) -> dict[int, ResponseSpec]:
    words = {
        400: "The document, a parameter or one of its objects is wrong; `item` says which object.",
        401: "No token, or one that no HEI has.",
        403: "The token is another HEI's.",
        404: "The feed has never brought such an object.",
        413: "Too many bytes or objects.",
        415: "Not `text/xml` or `application/xml`.",
        429: "Too many tokens of this address were refused; `Retry-After` says how long.",
    }
    return {
        each: ResponseSpec(
            Problem,
            description=words[each],
            media_type="application/problem+json",
            generate_examples=False,
        )
        for each in statuses
    }


def _given(description: str) -> QueryParameter:
    return QueryParameter(description=description)


def _caller(request: Request[Any, Any, Any]) -> tuple[Services, CoveredHei]:
    """Return whose system it is: the route's rule has found out."""
    return request.app.state.services, request.state.hei


async def _document(request: Request[Any, Any, Any]) -> bytes:
    """Return the body. Raises FeedRefused."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in XML:
        words = f"Content-Type: {' or '.join(XML)} is wanted"
        raise FeedRefused("media_type_not_supported", words, status=415)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            words = f"a document has at most {LARGEST} bytes"
            raise FeedRefused("document_too_large", words, status=413)
    return bytes(body)


def _sender(sending_hei_id: str | None) -> HeiId | None:
    """Return the parameter as the network writes it. Raises FeedRefused."""
    if sending_hei_id is None:
        return None
    sender = sending_hei_id.strip().lower()
    if not sender or any(each.isspace() or not each.isprintable() for each in sender):
        raise FeedRefused("parameter_invalid", "sending_hei_id: is no HEI id")
    return HeiId(sender)


@post(
    "/feed/{hei_id:str}",
    tags=["feed"],
    operation_id="feed",
    summary="Give us an HEI's own data",
    opt={"access": "feed"},
    status_code=200,
    request_max_body_size=None,  # counted while it is read
    operation_class=_FeedOperation,
    responses=_refusals(400, 401, 403, 413, 415, 429),
)
async def feed(
    request: Request[Any, Any, Any],
    hei_id: Annotated[str, PathParameter(description="Its SCHAC domain.")],
    sending_hei_id: Annotated[
        str | None,
        _given("The sending HEI of incoming mobilities or transcripts, which do not name it."),
    ] = None,
    complete: Annotated[
        bool,
        _given("What the document, which must not be empty, does not list of its API is removed."),
    ] = False,
) -> Response[FeedResult]:
    """Take a document in: all of it, or nothing.

    The HEI must be the master of every object. The same content again changes nothing. What changed
    is in the students' records and, where we serve the API for the HEI, announced to partners.
    """
    with noted(request, hei_id):
        services, hei = _caller(request)
        sender, body = _sender(sending_hei_id), await _document(request)
        result = await services.own.feed(hei, body, sending=sender, complete=complete)
    log.info("feed.taken", hei_id=hei.id, **msgspec.structs.asdict(result))
    return Response(result, headers=NO_STORE)


@delete(
    "/feed/{hei_id:str}/{api:str}",
    tags=["feed"],
    operation_id="removeFed",
    summary="Remove one object",
    opt={"access": "feed"},
    status_code=200,
    responses=_refusals(400, 401, 403, 404, 429),
)
async def remove(
    request: Request[Any, Any, Any],
    hei_id: Annotated[str, PathParameter(description="Its SCHAC domain.")],
    api: Annotated[str, PathParameter(description="As a manifest names it: `omobilities`, ...")],
    object_id: Annotated[
        str, _given("Its id, as `omobility-id` or `ounit-id`; it may hold any character.")
    ],
    sending_hei_id: Annotated[
        str | None, _given("The sending HEI of an incoming mobility or a transcript.")
    ] = None,
) -> Response[FeedResult]:
    """Remove what the HEI does not hold any more; believed at once."""
    with noted(request, hei_id):
        services, hei = _caller(request)
        if api not in MOBILITY_APIS | PUBLIC_APIS:
            raise FeedRefused("api_unknown", "there is no such API of an HEI's own data")
        if ID.fullmatch(object_id) is None:
            raise NotFound("The feed has never brought such an object.")
        result = await services.own.remove(hei, api, object_id, sending=_sender(sending_hei_id))
    log.info("feed.removed", hei_id=hei.id, api=api, removed=result.removed)
    return Response(result, headers=NO_STORE)


@get(
    "/feed/{hei_id:str}/decisions",
    tags=["feed"],
    operation_id="decisions",
    summary="What partners decided",
    opt={"access": "feed"},
    responses=_refusals(400, 401, 403, 429),
)
async def decisions(
    request: Request[Any, Any, Any],
    hei_id: Annotated[str, PathParameter(description="Its SCHAC domain.")],
    since: Annotated[
        datetime | None,
        _given("ISO 8601 with a zone; `decided_at` of the last one known, which comes once more."),
    ] = None,
) -> Response[PartnerDecisions]:
    """Return decisions about nominations and learning agreements, comments between offices too.

    At most 1000, the earliest first: ask again with the last `decided_at` until nothing new comes.
    """
    with noted(request, hei_id):
        services, hei = _caller(request)
        if since is not None and since.tzinfo is None:
            raise FeedRefused("parameter_invalid", "since: wants a zone")
    found = await services.own.decisions(hei, since)
    body = PartnerDecisions(decisions=[_shown(each) for each in found])
    return Response(body, headers=NO_STORE)


def _shown(decision: Decision) -> PartnerDecision:
    assert decision.partner is not None and decision.decided_at is not None  # noqa: PT018 - stored
    return PartnerDecision(
        api=decision.api,
        omobility_id=decision.omobility_id,
        proposal_id=decision.proposal_id,
        operation=decision.operation.value,
        hei_id=decision.partner,
        comment=decision.comment,
        decided_at=decision.decided_at,
        request_id=decision.request_id,
        request=decision.request.decode(),
    )
