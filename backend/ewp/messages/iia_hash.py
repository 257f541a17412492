"""Hashes of agreements: what partners approve (guide §4.11, §8.3 no. 20).

A hash is of the document as received: blanks inside values count, so a document that was read and
written again may have another one. `iia-hash` is of version 7, `conditions-hash` of version 6. The
reference looks for the end of an agreement in the whole response; so serve, and ask for, one
agreement per response.
"""

import copy
import hashlib
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from ewp.errors import MessageInvalid
from ewp.messages import iias
from ewp.xml import Element, canonical, open_xml

IiaT = TypeVar("IiaT", bound=iias.Iia)

_CONTACTS = frozenset({"sending-contact", "receiving-contact"})
_FIRST, _LAST = "receiving-first-academic-year-id", "receiving-last-academic-year-id"
_YEAR = "receiving-academic-year-id"  # 6: one for each year
_FROM_6 = ("not-yet-defined", "v6-value")  # 7: what the older version did not say, or said so
_PLACEHOLDER = "0" * 64  # while a hash is computed, which is never of itself


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """An agreement as received, and what its bytes say about approving it."""

    iia: iias.Iia
    carried: str | None  # the hash that came with it
    computed: str  # the hash of what came
    obstacles: tuple[str, ...]  # why it cannot be approved; empty: it can

    @property
    def fits(self) -> bool:
        """Whether the carried hash is that of the content."""
        return self.carried == self.computed


def read_checked(xml: bytes) -> tuple[Checked, ...]:
    """Read an `iias-get-response` with the checks that only its bytes allow.

    Raises XmlRefused, MessageInvalid.
    """
    found = iias.read_get_response(xml)
    return tuple(
        Checked(
            iia=iia,
            carried=iia.iia_hash if isinstance(iia, iias.IiaV7) else iia.conditions_hash,
            computed=computed,
            obstacles=_obstacles(element, computed),
        )
        for iia, element in zip(found, _agreements(open_xml(xml)), strict=True)
        for computed in [hash_of(element)]
    )


def only_agreement(xml: bytes) -> Element:
    """Return the element `iia` of a response that has exactly one.

    Raises XmlRefused, MessageInvalid.
    """
    found = list(_agreements(open_xml(xml)))
    if len(found) != 1:
        raise MessageInvalid(f"iias-get-response: {len(found)} agreements, must be one to hash")
    return found[0]


def iia_hash(xml: bytes) -> str:
    """Return the `iia-hash` of the only agreement in a response, 64 hexadecimal digits.

    Raises XmlRefused, MessageInvalid.
    """
    return iia_hash_of(only_agreement(xml))


def conditions_hash(xml: bytes) -> str:
    """Return the `conditions-hash` of the only agreement in a response, 64 hexadecimal digits.

    Raises XmlRefused, MessageInvalid.
    """
    return conditions_hash_of(only_agreement(xml))


def hash_of(iia: Element) -> str:
    """Return the hash that is meant in the version of this element `iia`. Raises MessageInvalid."""
    return iia_hash_of(iia) if _major(iia) >= 7 else conditions_hash_of(iia)


def iia_hash_of(iia: Element) -> str:
    """Return the SHA-256 of `text_to_hash`, in hexadecimal digits. Raises MessageInvalid."""
    return hashlib.sha256(text_to_hash(iia).encode()).hexdigest()


def conditions_hash_of(iia: Element) -> str:
    """Return the SHA-256 of the conditions without their contacts, in hexadecimal digits.

    They are normalised by Exclusive XML Canonicalization, without comments; blanks between
    elements are kept, also around the contacts that are left out.

    Raises MessageInvalid, XmlRefused.
    """
    conditions = copy.deepcopy(_conditions(iia))
    for contact in [each for each in conditions.iter() if _name(each) in _CONTACTS]:
        _remove(contact)
    return hashlib.sha256(canonical(conditions)).hexdigest()


def text_to_hash(iia: Element) -> str:
    """Return the text whose SHA-256 is `iia-hash`, from an element `iia` as received.

    An agreement of version 6 gives the text of the same agreement in version 7, so that a partner
    can see that nothing but the form has changed. Raises MessageInvalid.
    """
    conditions = _conditions(iia)
    out = []
    if _is_true(conditions.get("terminated-as-a-whole")):
        out.append("_@terminated-as-a-whole@_")
    ids = [_text(_child(each, "iia-id")) for each in iia if _name(each) == "partner"]
    for number, id_ in enumerate([*ids, "", ""][:2], 1):
        out.append(f"_iia-id_{number}={id_}_")
    above, major = [_name(iia), _name(conditions)], _major(iia)
    for spec in conditions:
        for child in spec:
            if not _is_undefined(spec):
                out += _texts(child, [*above, _name(spec)])
        if major >= 7:
            first, last = _child(spec, _FIRST), _child(spec, _LAST)
        else:
            years = [each for each in spec if _name(each) == _YEAR]
            first, last = (years[0], years[-1]) if years else (None, None)
        out.append(f"_{_FIRST}={_text(first)}__{_LAST}={_text(last)}_")
    return "".join(out)


def _texts(element: Element, above: list[str]) -> Iterator[str]:
    """Yield what an element inside a specification, and all within it, add to the text."""
    name = _name(element)
    if name in {_FIRST, _LAST, _YEAR} or _is_undefined(element):
        return
    path = ".".join([*above[-2:], name])
    for attribute, value in element.attrib.items():
        local = _local(str(attribute))
        if local not in _FROM_6:
            yield f"_@{path}.{local}={value!s}@_"
    if not len(element):
        older = element.get("v6-value") if name == "isced-f-code" else None
        yield f"_{path}={older or _text(element)}_"
    elif name not in _CONTACTS:
        for child in element:
            yield from _texts(child, [*above, name])


def obstacles_to_approval(iia: Element) -> tuple[str, ...]:
    """Say why an element `iia` as received cannot be approved; nothing: it can.

    What is not yet defined, or has a value of version 6, has to be settled first. Neither can a
    copy be approved without the ids of both partners, nor one whose hash does not fit.
    Raises MessageInvalid.
    """
    return _obstacles(iia, hash_of(iia))


def _obstacles(iia: Element, computed: str) -> tuple[str, ...]:
    found = [
        f"{_name(each)} has {name}"
        for each in iia.iter()
        for name in _FROM_6
        if (value := each.get(name)) is not None and (name == "v6-value" or _is_true(value))
    ]
    ids = [_text(_child(each, "iia-id")).strip() for each in iia if _name(each) == "partner"]
    if len(ids) != 2 or not all(ids):
        found.append("it lacks the iia-id of a partner")
    carried = _text(_child(iia, "iia-hash" if _major(iia) >= 7 else "conditions-hash")).strip()
    if not carried:
        found.append("it carries no hash")
    elif carried != computed:
        found.append("its hash does not fit")
    return tuple(dict.fromkeys(found))


def sealed(iia: IiaT) -> IiaT:
    """Return the agreement with the hash of what `write_get_response` makes of it alone.

    Raises MessageInvalid where it cannot be written.
    """
    if isinstance(iia, iias.IiaV7):
        blank = msgspec.structs.replace(iia, iia_hash=_PLACEHOLDER)
        digits = iia_hash(iias.write_get_response([blank], major=7))
        return msgspec.structs.replace(iia, iia_hash=digits)
    digits = conditions_hash(iias.write_get_response([iia], major=6))
    return msgspec.structs.replace(iia, conditions_hash=digits)


def _agreements(root: Element) -> Iterator[Element]:
    namespace, _, name = root.tag.rpartition("}")
    if name != "iias-get-response" or namespace[1:] not in iias.GET_NAMESPACE.values():
        raise MessageInvalid("is no iias-get-response of version 6, 7")
    return root.iterchildren(f"{namespace}}}iia")


def _conditions(iia: Element) -> Element:
    found = _child(iia, "cooperation-conditions")
    if found is None:
        raise MessageInvalid("iia/cooperation-conditions: is missing")
    return found


def _major(iia: Element) -> int:
    return 7 if iia.tag == f"{{{iias.GET_NAMESPACE[7]}}}iia" else 6


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _name(element: Element) -> str:
    return _local(element.tag)


def _child(element: Element, name: str) -> Element | None:
    return next((each for each in element if _name(each) == name), None)


def _text(element: Element | None) -> str:
    """All that stands in an element, blanks included."""
    return "" if element is None else "".join(map(str, element.itertext()))


def _is_true(value: str | None) -> bool:
    return value in {"true", "1"}


def _is_undefined(element: Element) -> bool:
    return _is_true(element.get("not-yet-defined"))


def _remove(element: Element) -> None:
    """Take an element out, and leave the blanks behind it where they are."""
    parent, before = element.getparent(), element.getprevious()
    if parent is None:
        return
    if before is not None:
        before.tail = (before.tail or "") + (element.tail or "")
    else:
        parent.text = (parent.text or "") + (element.tail or "")
    parent.remove(element)
