"""Responses to change notifications (CNR): an empty root element per API (guide §3.4).

A CNR itself is a form, not XML: `host.py` reads it.
"""

import msgspec

from ewp.errors import MessageInvalid
from ewp.messages.documents import Versions
from ewp.messages.shapes import shape

_SPECS = "https://github.com/erasmus-without-paper/ewp-specs-api-"
NAMESPACE = {
    (api, major): f"{_SPECS}{api}/tree/stable-v{major}"
    for api, major in (
        ("omobility-cnr", 1),
        ("omobility-cnr", 2),
        ("imobility-cnr", 1),
        ("imobility-cnr", 2),
        ("omobility-la-cnr", 1),
        ("imobility-tor-cnr", 1),
        ("imobility-tor-cnr", 2),
        ("iia-cnr", 2),
        ("iia-cnr", 3),
        ("iia-approval-cnr", 1),
        ("iia-approval-cnr", 2),
    )
}
"""By API, as its manifest element is called, and major version."""


class _Empty(msgspec.Struct, frozen=True):
    pass


_RESPONSES = {
    (api, major): Versions(f"{api}-response", {major: namespace}, shape(_Empty))
    for (api, major), namespace in NAMESPACE.items()
}


def read_cnr_response(xml: bytes, api: str, major: int) -> None:
    """Make sure that this is the API's response; there is nothing in it to read."""
    _response(api, major).read(xml)


def write_cnr_response(api: str, major: int) -> bytes:
    """Write the API's response, `omobility-cnr-response` for one."""
    return _response(api, major).write(_Empty(), major)


def _response(api: str, major: int) -> Versions[_Empty]:
    found = _RESPONSES.get((api, major))
    if found is None:
        raise MessageInvalid(f"there is no {api} of version {major}")
    return found
