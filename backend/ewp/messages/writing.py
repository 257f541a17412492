"""Shapes compiled to closures that write elements, in the order of the schema."""

import re
from collections.abc import Callable
from typing import Any

from ewp.messages.shapes import XML_LANG, Again, Broken, Field, Kind, Need, Place, Shape
from ewp.messages.values import Value

_SPECS = "https://github.com/erasmus-without-paper/ewp-specs-"
COMMON = f"{_SPECS}architecture/blob/stable-v1/common-types.xsd"
ADDRESS = f"{_SPECS}types-address/tree/stable-v1"
CONTACT = f"{_SPECS}types-contact/tree/stable-v1"
PHONE = f"{_SPECS}types-phonenumber/tree/stable-v1"
TERM_V1 = f"{_SPECS}types-academic-term/tree/stable-v1"
TERM_V2 = f"{_SPECS}types-academic-term/tree/stable-v2"
LA_GET = f"{_SPECS}api-omobility-las/blob/stable-v1/endpoints/get-response.xsd"
OMOBILITIES_3 = f"{_SPECS}api-omobilities/blob/stable-v3/endpoints/get-response.xsd"
IMOBILITIES_2 = f"{_SPECS}api-imobilities/blob/stable-v2/endpoints/get-response.xsd"
ELMO_1 = "https://github.com/emrex-eu/elmo-schemas/tree/v1"
ELMO_2 = "https://github.com/emrex-eu/elmo-schemas/tree/v2"

_PREFIXES = {COMMON: "ewp", ADDRESS: "a", CONTACT: "c", PHONE: "p", TERM_V2: "trm", LA_GET: "la"}
_PREFIXES |= {ELMO_1: "elmo", ELMO_2: "elmo", TERM_V1: "trm"}
_PREFIXES |= {OMOBILITIES_3: "om", IMOBILITIES_2: "im"}

Writer = Callable[[Any, list[str]], None]
"""Appends the XML of a value. Raises Broken."""

_SPECIAL = re.compile('[&<>"\t\n\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]')
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_IN_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_IN_ATTRIBUTE = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
    | {"\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
)


class Names:
    """The names of one document: its own namespace is the default one, others get prefixes."""

    def __init__(self, home: str) -> None:
        self.home = home
        self.used: dict[str, str] = {}

    def tag(self, namespace: str, xml: str) -> str:
        """The element's name with its prefix, which the document then declares."""
        if namespace == self.home:
            return xml
        prefix = self.used[namespace] = _PREFIXES[namespace]
        return f"{prefix}:{xml}"

    def declarations(self) -> str:
        """What the root element's start tag says, once all elements are compiled."""
        others = "".join(f' xmlns:{prefix}="{uri}"' for uri, prefix in sorted(self.used.items()))
        return f' xmlns="{self.home}"{others}'


def writer(kind: Kind, tag: str, namespace: str, names: Names, root: bool = False) -> Writer:
    """Compile an element named `tag` whose children are in `namespace`."""
    if isinstance(kind, Value):
        return _leaf(kind, tag)
    if isinstance(kind, Again):
        return _again(kind, tag, namespace, names)
    return _struct(kind, tag, namespace, names, root=root)


def _again(kind: Again, tag: str, namespace: str, names: Names) -> Writer:
    compiled: list[Writer] = []

    def write(value: object, out: list[str]) -> None:
        if not compiled:
            compiled.append(writer(kind.shape(), tag, namespace, names))
        compiled[0](value, out)

    return write


def _leaf(value: Value, tag: str) -> Writer:
    convert, start, end = _conversion(value, _IN_TEXT), f"<{tag}>", f"</{tag}>"

    def write(content: object, out: list[str]) -> None:
        out.append(f"{start}{convert(content)}{end}")

    return write


def _conversion(value: Value, escapes: dict[int, str]) -> Callable[[Any], str]:
    convert, rule = value.write, value.rule

    def write(content: object) -> str:
        try:
            text = str(content) if convert is None else convert(content)
        except (ValueError, OverflowError):
            raise Broken(rule) from None
        if _SPECIAL.search(text) is None:
            return text
        if _FORBIDDEN.search(text) is not None:
            raise Broken("has a character that XML cannot carry")
        return text.translate(escapes)

    return write


def _struct(shape: Shape[Any], tag: str, namespace: str, names: Names, *, root: bool) -> Writer:
    attributes = [
        _attribute(field)
        for field in shape.fields
        if field.place is Place.ATTRIBUTE and field.written
    ]
    parts = _parts(shape, namespace, names)
    check = shape.check_write
    start, end = f"<{tag}", f"</{tag}>"
    if root:
        start += names.declarations()

    def write(value: object, out: list[str]) -> None:
        if check is not None:
            _check(check, value)
        out.append(start)
        for attribute in attributes:
            attribute(value, out)
        out.append(">")
        for part in parts:
            part(value, out)
        out.append(end)

    return write


def _check(check: Callable[[Any], None], value: object) -> None:
    try:
        check(value)
    except ValueError as error:
        raise Broken(str(error)) from None


def _parts(shape: Shape[Any], namespace: str, names: Names) -> list[Writer]:
    """One writer for each field inside the element; those of `either` share one."""
    parts: list[Writer] = []
    cases: dict[str, dict[type, Writer]] = {}
    for field in shape.fields:
        if field.place is Place.ATTRIBUTE or not field.written:
            continue
        if field.place is Place.CONTENT and isinstance(field.kind, Value):
            parts.append(_content(field.name, _conversion(field.kind, _IN_TEXT)))
            continue
        tag = names.tag(field.namespace or namespace, field.xml)
        write = _element(field, tag, field.inner or field.namespace or namespace, names)
        if field.case is None:
            parts.append(_member(field, write))
        else:
            if field.name not in cases:
                parts.append(_case(field.name, cases.setdefault(field.name, {})))
            cases[field.name][field.case] = write
    return parts


def _element(field: Field, tag: str, inner: str, names: Names) -> Writer:
    if field.kind is None:
        return lambda _, out: out.append(f"<{tag}/>")
    if field.place is Place.LIST:
        return _list(tag, writer(field.kind, names.tag(inner, field.item), inner, names))
    if field.place is Place.WITHIN:
        write_item = writer(field.kind, names.tag(inner, field.item), inner, names)
        write_list = _list(tag, write_item)
        return lambda item, out: write_list((item,), out)
    return writer(field.kind, tag, inner, names)


def _list(tag: str, write_item: Writer) -> Writer:
    def write(items: tuple[object, ...], out: list[str]) -> None:
        out.append(f"<{tag}>")
        for item in items:
            write_item(item, out)
        out.append(f"</{tag}>")

    return write


def _content(name: str, convert: Callable[[Any], str]) -> Writer:
    def write(value: object, out: list[str]) -> None:
        out.append(convert(getattr(value, name)))

    return write


def _case(name: str, writers: dict[type, Writer]) -> Writer:
    def write(value: object, out: list[str]) -> None:
        case = getattr(value, name)
        writers[type(case)](case, out)

    return write


def _member(field: Field, write_one: Writer) -> Writer:
    name, xml, needed = field.name, field.xml, field.need is not Need.NEVER
    says_yes = field.kind is None  # a flag, whose absence is the other value

    def write(value: object, out: list[str]) -> None:
        member = getattr(value, name)
        if member is None or member == () or (says_yes and member is False):
            if needed:
                raise Broken("is missing", xml)
            return
        try:
            for item in member if field.many else (member,):
                write_one(item, out)
        except Broken as broken:
            raise broken.below(xml) from None

    return write


def _attribute(field: Field) -> Writer:
    if not isinstance(field.kind, Value):
        raise TypeError(f"{field.name}: an attribute is a value")
    name, needed = field.name, field.need is not Need.NEVER
    xml = "xml:lang" if field.xml == XML_LANG else field.xml
    convert = _conversion(field.kind, _IN_ATTRIBUTE)

    def write(value: object, out: list[str]) -> None:
        member = getattr(value, name)
        if needed and member is None:
            raise Broken("is missing", f"@{xml}")
        if member is None or (member is False and not needed):  # no is the schemas' default
            return
        try:
            out.append(f' {xml}="{convert(member)}"')
        except Broken as broken:
            raise broken.below(f"@{xml}") from None

    return write
