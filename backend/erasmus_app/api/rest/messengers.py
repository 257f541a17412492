"""Where messengers bring what students write to our bots; taken in at once, answered later."""

from http import HTTPStatus
from typing import Annotated, Any, Protocol, cast

import structlog
from litestar import MediaType, Request, Response, get, post, put
from litestar.params import PathParameter

from erasmus_app.api.rest.feed import NO_STORE
from erasmus_app.api.rest.messenger_door import gateway_of, headers_of
from erasmus_app.chat.messengers import Gateway, NotReadable
from erasmus_app.errors import MessengerRefused
from erasmus_app.services import Services

log = structlog.get_logger(__name__)

_TAGS = ["messengers"]


class _Challenged(Protocol):
    """A gateway whose platform checks an address before it uses it."""

    def challenge(self, query: dict[str, str]) -> str | None: ...


async def _taken(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Take in what an admitted request brings. Raises MessengerRefused."""
    services: Services = request.app.state.services
    gateway: Gateway = request.state.gateway
    try:
        heard = gateway.read(headers_of(request), request.state.body, services.clock())
    except NotReadable as error:
        log.warning("messenger.not_readable", messenger=gateway.messenger.value)
        words = "That cannot be read."
        raise MessengerRefused("not_readable", words, HTTPStatus.BAD_REQUEST) from error
    taken = await services.desk.take(gateway.messenger, heard)
    if heard.messages:
        log.info("messenger.heard", messenger=gateway.messenger.value, taken=taken)
    return Response(heard.answer or b"{}", media_type=MediaType.JSON, headers=NO_STORE)


def _challenge(request: Request[Any, Any, Any]) -> Response[str]:
    query = {name: str(value) for name, value in request.query_params.items()}
    found = cast("_Challenged", gateway_of(request)).challenge(query)
    if found is None:
        raise MessengerRefused("verify_token_wrong", "That is not our token.", HTTPStatus.FORBIDDEN)
    return Response(found, media_type=MediaType.TEXT, headers=NO_STORE)


@post(
    "/chat/telegram",
    tags=_TAGS,
    operation_id="telegram",
    summary="Telegram's webhook",
    opt={"access": "messenger", "messenger": "telegram"},
    status_code=200,
    request_max_body_size=None,  # counted while it is read
)
async def telegram(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Take an update in. `X-Telegram-Bot-Api-Secret-Token` proves it."""
    return await _taken(request)


@get(
    "/chat/whatsapp",
    tags=_TAGS,
    operation_id="whatsappCheck",
    summary="WhatsApp's check of our address",
    opt={"access": "public", "messenger": "whatsapp"},
    media_type=MediaType.TEXT,
)
async def whatsapp_check(request: Request[Any, Any, Any]) -> Response[str]:
    """Give `hub.challenge` back to who knows `hub.verify_token`."""
    return _challenge(request)


@post(
    "/chat/whatsapp",
    tags=_TAGS,
    operation_id="whatsapp",
    summary="WhatsApp's webhook",
    opt={"access": "messenger", "messenger": "whatsapp"},
    status_code=200,
    request_max_body_size=None,
)
async def whatsapp(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Take messages in. `X-Hub-Signature-256` over the body proves them."""
    return await _taken(request)


@get(
    "/chat/messenger",
    tags=_TAGS,
    operation_id="messengerCheck",
    summary="Messenger's check of our address",
    opt={"access": "public", "messenger": "messenger"},
    media_type=MediaType.TEXT,
)
async def messenger_check(request: Request[Any, Any, Any]) -> Response[str]:
    """Give `hub.challenge` back to who knows `hub.verify_token`."""
    return _challenge(request)


@post(
    "/chat/messenger",
    tags=_TAGS,
    operation_id="messenger",
    summary="Messenger's webhook",
    opt={"access": "messenger", "messenger": "messenger"},
    status_code=200,
    request_max_body_size=None,
)
async def messenger(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Take messages in. `X-Hub-Signature-256` over the body proves them."""
    return await _taken(request)


@post(
    "/chat/slack",
    tags=_TAGS,
    operation_id="slack",
    summary="Slack's events and buttons",
    opt={"access": "messenger", "messenger": "slack"},
    status_code=200,
    request_max_body_size=None,
)
async def slack(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Take an event or a tap in. `X-Slack-Signature` over the body and the time proves it."""
    return await _taken(request)


@put(
    "/_matrix/app/v1/transactions/{transaction:str}",
    tags=_TAGS,
    operation_id="matrixTransaction",
    summary="What happened in our bot's Matrix rooms",
    opt={"access": "messenger", "messenger": "matrix"},
    status_code=200,
    request_max_body_size=None,
)
async def matrix_transaction(
    request: Request[Any, Any, Any],
    transaction: Annotated[str, PathParameter(description="The homeserver's id for it.")],
) -> Response[bytes]:
    """Take a transaction in. One that comes again brings nothing new: its events are known."""
    del transaction  # events are told apart by ids of their own
    return await _taken(request)


@post(
    "/_matrix/app/v1/ping",
    tags=_TAGS,
    operation_id="matrixPing",
    summary="The homeserver's ping",
    opt={"access": "messenger", "messenger": "matrix"},
    status_code=200,
    request_max_body_size=None,
)
async def matrix_ping(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Say that we are there."""
    del request
    return Response(b"{}", media_type=MediaType.JSON, headers=NO_STORE)


@get(
    "/_matrix/app/v1/users/{user:str}",
    tags=_TAGS,
    operation_id="matrixUser",
    summary="Whether we have a Matrix user",
    opt={"access": "messenger", "messenger": "matrix"},
)
async def matrix_user(
    user: Annotated[str, PathParameter(description="The id that somebody asked for.")],
) -> Response[bytes]:
    """Say no: our bot is registered, and there are no others."""
    del user
    return _unknown()


@get(
    "/_matrix/app/v1/rooms/{room:str}",
    tags=_TAGS,
    operation_id="matrixRoom",
    summary="Whether we have a Matrix room",
    opt={"access": "messenger", "messenger": "matrix"},
)
async def matrix_room(
    room: Annotated[str, PathParameter(description="The alias that somebody asked for.")],
) -> Response[bytes]:
    """Say no: we have no rooms."""
    del room
    return _unknown()


def _unknown() -> Response[bytes]:
    body = b'{"errcode":"M_NOT_FOUND","error":"There is none."}'
    return Response(body, status_code=404, media_type=MediaType.JSON, headers=NO_STORE)


MESSENGERS = [
    *(telegram, whatsapp_check, whatsapp, messenger_check, messenger, slack),
    *(matrix_transaction, matrix_ping, matrix_user, matrix_room),
]
