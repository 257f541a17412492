"""Single objects of the APIs, each as canonical XML of its own.

A store keeps objects one by one, where the network asks for lists of them. What is written here is
exclusive canonical XML: the same content gives the same bytes, so that a hash tells a change.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ewp.errors import MessageInvalid
from ewp.messages import (
    ewpmobility,
    factsheet,
    imobilities,
    imobility_tors,
    institutions,
    omobilities,
    omobility_las,
    organizational_units,
)
from ewp.xml import canonical, open_xml


@dataclass(frozen=True, slots=True)
class _Kind:
    """One API's document that lists its objects."""

    root: str
    namespaces: Mapping[int, str]
    read: Callable[[bytes], Sequence[Any]]
    write: Callable[..., bytes]


KINDS: Mapping[str, _Kind] = {
    "omobilities": _Kind(
        "omobilities-get-response",
        omobilities.GET_NAMESPACE,
        omobilities.read_get_response,
        omobilities.write_get_response,
    ),
    "omobility-las": _Kind(
        "omobility-las-get-response",
        omobility_las.GET_NAMESPACE,
        omobility_las.read_get_response,
        omobility_las.write_get_response,
    ),
    "imobilities": _Kind(
        "imobilities-get-response",
        imobilities.GET_NAMESPACE,
        imobilities.read_get_response,
        imobilities.write_get_response,
    ),
    "imobility-tors": _Kind(
        "imobility-tors-get-response",
        imobility_tors.GET_NAMESPACE,
        imobility_tors.read_get_response,
        imobility_tors.write_get_response,
    ),
    "institutions": _Kind(
        "institutions-response",
        institutions.NAMESPACE,
        institutions.read_response,
        institutions.write_response,
    ),
    "organizational-units": _Kind(
        "ounits-response",
        organizational_units.NAMESPACE,
        organizational_units.read_response,
        organizational_units.write_response,
    ),
    "factsheet": _Kind(
        "factsheet-response", factsheet.NAMESPACE, factsheet.read_response, factsheet.write_response
    ),
}
"""By API, as its manifest element is called."""

_DOCUMENTS = {
    f"{{{namespace}}}{kind.root}": (api, major)
    for api, kind in KINDS.items()
    for major, namespace in kind.namespaces.items()
}
_FILES = {f"{{{namespace}}}ewp-mobility-file" for namespace in ewpmobility.NAMESPACE.values()}


@dataclass(frozen=True, slots=True)
class Listing:
    """The objects of one API and version that a document holds, in its order."""

    api: str
    major: int
    objects: tuple[Any, ...]


def read_document(xml: bytes) -> tuple[Listing, ...]:
    """Read any document that lists objects; an exchange file gives two listings, all others one.

    Raises:
        XmlRefused: the bytes are not let in.
        MessageInvalid: it is no such document, or breaks a rule of it.
    """
    tag = open_xml(xml).tag
    if tag in _FILES:
        file = ewpmobility.read_file(xml)
        return (
            Listing("omobilities", 3, file.omobilities),
            Listing("imobilities", 2, file.imobilities),
        )
    if tag not in _DOCUMENTS:
        known = ", ".join([*(kind.root for kind in KINDS.values()), "ewp-mobility-file"])
        raise MessageInvalid(f"the root element is none of {known} in a version that is read")
    api, major = _DOCUMENTS[tag]
    return (Listing(api, major, tuple(KINDS[api].read(xml))),)


def write_object(api: str, major: int, value: Any) -> bytes:
    """Write one object's element as canonical XML. Raises MessageInvalid."""
    [element] = open_xml(KINDS[api].write([value], major=major))
    return canonical(element)


def read_objects(api: str, major: int, elements: Iterable[bytes]) -> Sequence[Any]:
    """Read objects that `write_object` has written, in their order. Raises MessageInvalid."""
    kind = KINDS[api]
    root = f'{kind.root} xmlns="{kind.namespaces[major]}"'.encode()
    end = kind.root.encode()
    return kind.read(b"<" + root + b">" + b"".join(elements) + b"</" + end + b">")
