"""How structs and XML belong together, said once and used for reading and writing.

A `Shape` lists the elements of a struct in the order of the published schema:

    _HEI = Shape(
        MobilityHei,
        one("hei-id", HEI_ID),
        maybe("ounit-id", ID),
        maybe("iia-id", ID),
    )

The field's name is the element's in snake case; `many` gives the plural for elements that repeat.
A shape has no namespace of its own, so that versions share it. `reading.py` and `writing.py`
compile it to closures for the namespace that it is used in, once per document.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Generic, TypeVar

from ewp.messages.values import Value

T = TypeVar("T")

XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


class Need(Enum):
    """Who insists on an element or attribute."""

    ALWAYS = auto()  # readers and writers
    WRITING = auto()  # the schema, hence writers; readers can live without it
    NEVER = auto()


class Place(Enum):
    """Where in an element a field of its struct stands."""

    CHILD = auto()
    WITHIN = auto()  # the only child of a child, or each one of several
    LIST = auto()  # a child whose only purpose is to hold a list
    FLAG = auto()  # an empty child whose presence is the value
    ATTRIBUTE = auto()
    CONTENT = auto()  # the element's own text


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field of a struct and the element or attribute for it."""

    name: str
    xml: str  # name of the element or attribute; "" for content
    kind: "Kind | None"  # None for a flag
    place: Place = Place.CHILD
    need: Need
    many: bool = False
    kept: bool = False  # an empty element counts too
    namespace: str | None = None  # of the element; None: that of the shape around it
    inner: str | None = None  # namespace inside the element; None: the element's own
    item: str = ""  # LIST, WITHIN: the element inside
    aliases: tuple[str, ...] = ()  # ATTRIBUTE: other names, read only
    case: type | None = None  # one of several elements for one field: the struct that it holds
    written: bool = True  # False: of another version; read here too, as partners mix them up


@dataclass(frozen=True, eq=False)
class Shape(Generic[T]):
    """A struct and its XML.

    The two checks raise ValueError with a rule, for what fields alone cannot say.
    """

    struct: Callable[..., T]
    fields: tuple[Field, ...]
    check_read: Callable[[T], None] | None = None
    check_write: Callable[[T], None] | None = None
    lenient: bool = False  # what does not fit counts as absent when reading


@dataclass(frozen=True, eq=False)
class Again:
    """A shape that stands inside itself, by what gives it; compiled when it is first met there."""

    shape: Callable[[], Shape[Any]]


Kind = Value | Shape[Any] | Again


def shape(
    struct: Callable[..., T],
    *fields: Field | tuple[Field, ...],
    check_read: Callable[[T], None] | None = None,
    check_write: Callable[[T], None] | None = None,
    lenient: bool = False,
) -> Shape[T]:
    """Say how `struct` is written; `fields` in schema order, those of `either` in one tuple."""
    flat = tuple(
        one_field
        for entry in fields
        for one_field in (entry if isinstance(entry, tuple) else (entry,))
    )
    return Shape(struct, flat, check_read, check_write, lenient)


def _snake(xml: str) -> str:
    return re.sub("([A-Z])", r"_\1", xml).lower().replace("-", "_")


def _child(need: Need) -> Callable[..., Field]:
    def make(
        xml: str,
        kind: Kind,
        *,
        name: str | None = None,
        many: str | None = None,
        kept: bool | None = None,
        namespace: str | None = None,
        inner: str | None = None,
    ) -> Field:
        return Field(
            name=many or name or _snake(xml),
            xml=xml,
            kind=kind,
            need=need,
            many=many is not None,
            kept=need is Need.ALWAYS if kept is None else kept,
            namespace=namespace,
            inner=inner,
        )

    return make


one = _child(Need.ALWAYS)
"""An element that must be there; with `many`, at least once."""
wanted = _child(Need.WRITING)
"""An element that the schema requires and readers can live without."""
maybe = _child(Need.NEVER)
"""An optional element; with `many`, any number of it."""


def either(name: str, **kinds: Shape[Any]) -> tuple[Field, ...]:
    """Exactly one of several elements, told apart by their structs; keys are snake case."""
    return tuple(
        Field(
            name=name,
            xml=xml.replace("_", "-"),
            kind=kind,
            need=Need.ALWAYS,
            kept=True,
            case=kind.struct if isinstance(kind.struct, type) else None,
        )
        for xml, kind in kinds.items()
    )


def within(
    xml: str, item: str, kind: Kind, *, name: str | None = None, many: str | None = None
) -> Field:
    """An optional `xml` that only wraps one `item`; with `many`, any number of such pairs."""
    return Field(
        name=many or name or _snake(item),
        xml=xml,
        kind=kind,
        place=Place.WITHIN,
        need=Need.NEVER,
        many=many is not None,
        kept=True,
        item=item,
    )


def listed(xml: str, item: str, kind: Kind, *, name: str | None = None) -> Field:
    """An optional element that holds a list; an empty list is as good as none."""
    return Field(
        name=name or _snake(xml),
        xml=xml,
        kind=kind,
        place=Place.LIST,
        need=Need.NEVER,
        kept=True,
        item=item,
    )


def flag(xml: str) -> Field:
    """An empty element that says yes by being there."""
    return Field(name=_snake(xml), xml=xml, kind=None, place=Place.FLAG, need=Need.NEVER)


def attribute(
    xml: str,
    kind: Value,
    *,
    need: Need = Need.NEVER,
    name: str | None = None,
    aliases: tuple[str, ...] = (),
) -> Field:
    """An attribute, in no namespace unless `xml` is written as `{namespace}name`."""
    return Field(
        name=name or _snake(xml),
        xml=xml,
        kind=kind,
        place=Place.ATTRIBUTE,
        need=need,
        kept=need is Need.ALWAYS,
        aliases=aliases,
    )


def content(name: str, kind: Value) -> Field:
    """The element's own text."""
    return Field(name=name, xml="", kind=kind, place=Place.CONTENT, need=Need.ALWAYS, kept=True)


class Broken(ValueError):
    """A rule that does not hold, with the path of elements to where; for this package only."""

    def __init__(self, rule: str, *path: str) -> None:
        super().__init__(rule)
        self.rule = rule
        self.path = list(path)

    def below(self, xml: str) -> "Broken":
        """The same, seen from one element further out."""
        self.path.insert(0, xml)
        return self
