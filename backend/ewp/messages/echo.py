"""Echo 2: a test of security and transport (guide §1.4)."""

import msgspec

from ewp.ids import HeiId
from ewp.messages.documents import Versions
from ewp.messages.shapes import maybe, shape
from ewp.messages.values import EXACT_STRING, HEI_ID

NAMESPACE = {2: "https://github.com/erasmus-without-paper/ewp-specs-api-echo/tree/stable-v2"}


class EchoResponse(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the server took us for, and what we said."""

    hei_ids: tuple[HeiId, ...] = ()  # every HEI that the caller's key covers
    echoes: tuple[str, ...] = ()  # in the order received, blanks kept


_RESPONSE = Versions(
    "response",
    NAMESPACE,
    shape(
        EchoResponse,
        maybe("hei-id", HEI_ID, many="hei_ids"),
        maybe("echo", EXACT_STRING, many="echoes"),
    ),
)


def read_response(xml: bytes) -> EchoResponse:
    """Read an echo `response`."""
    return _RESPONSE.read(xml)


def write_response(response: EchoResponse, *, major: int = 2) -> bytes:
    """Write an echo `response`."""
    return _RESPONSE.write(response, major)
