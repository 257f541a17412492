"""Documents: a root element in a namespace, and the versions of one document side by side."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Generic, TypeVar

import msgspec

from ewp.errors import MessageInvalid
from ewp.messages.reading import Reader, reader
from ewp.messages.shapes import Broken, Kind, Shape, maybe, shape
from ewp.messages.writing import Names, Writer, writer
from ewp.xml import Element, open_xml

T = TypeVar("T")
Xml = bytes | Element
"""A document as it came, or the root that `open_xml` gave for it."""


class Items(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """The content of a document that is a list of one thing."""

    items: tuple[T, ...] = ()


def listing(xml: str, kind: Kind, *, namespace: str | None = None) -> Shape[Items[Any]]:
    """A root element that holds any number of one element."""
    # An empty item is kept, so that it is refused: what is not in the list means "deleted".
    field = maybe(xml, kind, many="items", kept=True, namespace=namespace)
    return shape(Items, field)


class Document(Generic[T]):
    """One version of a document; compiled when it is first read or written."""

    def __init__(self, namespace: str, root: str, content: Shape[T]) -> None:
        self.namespace = namespace
        self.root = root
        self.content = content

    @cached_property
    def reader(self) -> Reader:
        """Reads the root element."""
        return reader(self.content, self.namespace, kept=True)

    @cached_property
    def writer(self) -> Writer:
        """Writes the root element."""
        return writer(self.content, self.root, self.namespace, Names(self.namespace), root=True)


class Versions(Generic[T]):
    """The versions of one document: the namespace tells which one bytes are."""

    def __init__(
        self, root: str, namespaces: Mapping[int, str], content: Shape[T] | Mapping[int, Shape[T]]
    ) -> None:
        """Make it of the namespaces by major version and of one content, or one for each major."""
        self.root = root
        self._by_major = {
            major: Document(
                namespace, root, content if isinstance(content, Shape) else content[major]
            )
            for major, namespace in namespaces.items()
        }
        self._by_tag = {
            f"{{{document.namespace}}}{root}": document for document in self._by_major.values()
        }

    def read(self, xml: Xml) -> T:
        """Read a document of any of the versions. Raises XmlRefused or MessageInvalid."""
        node = open_xml(xml) if isinstance(xml, bytes) else xml
        document = self._by_tag.get(node.tag)
        if document is None:
            majors = ", ".join(map(str, self._by_major))
            raise MessageInvalid(f"is no {self.root} of version {majors}")
        try:
            value: T = document.reader(node)
        except Broken as broken:
            raise self._invalid(broken) from None
        return value

    def write(self, value: T, major: int) -> bytes:
        """Write a document of that version. Raises MessageInvalid."""
        document = self._by_major.get(major)
        if document is None:
            raise MessageInvalid(f"there is no {self.root} of version {major}")
        out = ['<?xml version="1.0" encoding="UTF-8"?>\n']
        try:
            document.writer(value, out)
        except Broken as broken:
            raise self._invalid(broken) from None
        return "".join(out).encode()

    def _invalid(self, broken: Broken) -> MessageInvalid:
        return MessageInvalid(f"{'/'.join((self.root, *broken.path))}: {broken.rule}")
