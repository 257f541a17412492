"""The one door through which foreign XML comes in (guide §8.1).

Everything that a partner sends passes `open_xml`: no DTD, no entities of its own, nothing fetched,
and limits on size, nesting, number of elements, text and time. Whatever is outside raises
`XmlRefused` with the rule that it broke, never with what it said.
"""

import codecs
import re
import time
from collections.abc import Callable
from functools import lru_cache

import msgspec
from lxml import etree

from ewp.errors import XmlRefused

Element = etree._Element  # noqa: SLF001 - lxml has no public name for what its parser gives
"""An element of an opened document: comments and processing instructions are left out of it."""


class XmlLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What the door lets in.

    One text or attribute may have up to 10 000 000 bytes in any case, the limit of libxml2: room
    for a transcript's PDF of 7 MB.
    """

    bytes: int = 20_000_000  # of the body as received
    depth: int = 64  # the deepest EWP document, ELMO with nested courses, stays far below
    elements: int = 250_000  # counted before parsing: tags, comments, instructions, CDATA sections
    attributes: int = 250_000  # counted before parsing: equals signs
    seconds: float = 5.0  # checked after each chunk


DEFAULT = XmlLimits()

_CHUNK = 65_536  # bytes between two looks at the clock
_BLANKS = b" \t\r\n"
_DECLARATION = re.compile(
    rb"""<\?xml[ \t\r\n][^?>]*?[ \t\r\n]encoding[ \t\r\n]*=[ \t\r\n]*["']([^"'?>]*)["']"""
)
_RESOURCE_LIMIT = 114  # libxml2's code for its own limits on nesting and lengths


def open_xml(
    data: bytes, *, limits: XmlLimits = DEFAULT, clock: Callable[[], float] = time.monotonic
) -> Element:
    """Parse foreign bytes and give the root element.

    UTF-8, UTF-16 with a byte order mark, US-ASCII and ISO-8859-1 are read. The text of an element
    is in one piece, over CDATA sections and comments. `clock` gives seconds that never go back.
    Raises XmlRefused.
    """
    if len(data) > limits.bytes:
        raise XmlRefused(f"larger than {limits.bytes} bytes")
    data = _as_utf8(data)
    _refuse_doctype(data)
    if data.count(b"<") - data.count(b"</") > limits.elements:
        raise XmlRefused(f"more than {limits.elements} elements")
    if data.count(b"=") > limits.attributes:
        raise XmlRefused(f"more than {limits.attributes} attributes")
    root = _parse(data, limits, clock)
    if root.getroottree().docinfo.internalDTD is not None:  # the scan above should have seen it
        raise XmlRefused("has a DOCTYPE")
    if _deeper_than(limits.depth)(root):
        raise XmlRefused(f"nested deeper than {limits.depth}")
    return root


def canonical(element: Element) -> bytes:
    """Write an element by Exclusive XML Canonicalization 1.0, without comments.

    Raises XmlRefused: it declares a relative namespace name, for which there is no such form.
    """
    try:
        text: bytes = etree.tostring(element, method="c14n", exclusive=True, with_comments=False)
    except etree.C14NError as error:
        raise XmlRefused("has no canonical form: a namespace name in it is relative") from error
    return text


def _parse(data: bytes, limits: XmlLimits, clock: Callable[[], float]) -> Element:
    parser = etree.XMLParser(
        encoding="utf-8",  # whatever the declaration says: see _as_utf8
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        recover=False,
        remove_comments=True,
        remove_pis=True,
    )
    started = clock()
    try:
        for at in range(0, len(data), _CHUNK):
            parser.feed(data[at : at + _CHUNK])
            if clock() - started > limits.seconds:
                raise XmlRefused(f"not read within {limits.seconds} seconds")
        root: Element = parser.close()
    except etree.XMLSyntaxError as error:
        # Without its cause: libxml2's words repeat what the document says.
        raise XmlRefused(_reason(error)) from None
    return root


def _reason(error: etree.XMLSyntaxError) -> str:
    line, column = error.position
    if getattr(error, "code", None) == _RESOURCE_LIMIT:
        return f"nested too deep or a text too long (line {line}, column {column})"
    return f"not well-formed (line {line}, column {column})"


def _as_utf8(data: bytes) -> bytes:
    """Decide on the encoding, so that no parser guesses another one, and convert to UTF-8."""
    if not data.strip(_BLANKS):
        raise XmlRefused("empty")
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise XmlRefused("in UTF-32; UTF-8, UTF-16 and ISO-8859-1 are read")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        data = _decoded(data, "utf-16").encode()
        allowed: tuple[str, ...] = ("utf-16",)
    elif data.startswith(codecs.BOM_UTF8):
        data = data[len(codecs.BOM_UTF8) :]
        allowed = ("utf-8",)
    else:
        allowed = ("utf-8", "us-ascii", "ascii", "iso-8859-1", "latin1", "latin-1")
    if not data.lstrip(_BLANKS).startswith(b"<"):
        raise XmlRefused("does not begin with markup")
    if b"\0" in data:
        raise XmlRefused("has NUL bytes: UTF-16 without a byte order mark is not read")
    declared = _DECLARATION.match(data, 0, 256)
    if declared is None:
        return data
    encoding = declared[1].decode("ascii", "replace").strip().lower()
    if encoding not in allowed:
        raise XmlRefused("declares an encoding that is not read, or not its own")
    if encoding in {"iso-8859-1", "latin1", "latin-1"}:
        return _decoded(data, "iso-8859-1").encode()
    return data


def _decoded(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise XmlRefused(f"not well-formed {encoding.upper()}") from None


def _refuse_doctype(data: bytes) -> None:
    """Look at what stands before the root element; nothing later can be a DOCTYPE."""
    at = _skipped(data, 0)
    while True:
        if data.startswith(b"<!--", at):
            end = data.find(b"-->", at + 4)
        elif data.startswith(b"<?", at):
            end = data.find(b"?>", at + 2)
        else:
            break
        if end < 0:
            raise XmlRefused("not well-formed before its root element")
        at = _skipped(data, end + 2)
    if data.startswith(b"<!", at):
        raise XmlRefused("has a DOCTYPE")


def _skipped(data: bytes, at: int) -> int:
    """Where the next markup begins: behind blanks and the rest of `-->`."""
    found = data.find(b"<", at)
    return len(data) if found < 0 else found


@lru_cache(maxsize=8)
def _deeper_than(depth: int) -> Callable[[Element], bool]:
    """A check that runs inside libxml2: a walk in Python would cost more than the parse."""
    expression = etree.XPath("boolean(" + "/*" * (depth + 1) + ")")
    return lambda root: bool(expression(root))
