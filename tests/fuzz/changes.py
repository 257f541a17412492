"""What is done to good documents and texts before somebody has to read them.

A change is a few small numbers and a piece, so that hypothesis can shrink what it found. Changes of
elements keep a document well-formed; those of bytes need not.
"""

from collections.abc import Sequence
from copy import deepcopy

from hypothesis import strategies as st
from lxml import etree

NASTY = [
    "",
    " ",
    "\t\n",
    "0",
    "-1",
    "9" * 400,
    "1e400",
    "NaN",
    "+0x1F",
    "٣",
    "½",
    "0001-01-01",
    "9999-12-31",
    "99999-01-01",
    "2026-02-30",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T24:00:00-14:00",
    "2026-12-31T23:59:60Z",
    "2026-03-02T09:00:00.9999999999999999999Z",
    "--02-30",
    "P99999999999999Y",
    "data:;base64,====",
    "data:application/pdf;base64,JVBERi0=%00",
    "data:,%ff%fe",
    "javascript:alert(1)",
    "https://[::1",
    "https://a.example:99999/\u200b",
    "a" * 5_000,
    "../../etc/passwd",
    "${jndi:ldap://x}",
    "\u202e\ufeff\U0010ffff",
    "true",
    "urn:schac:personalUniqueCode:int:esi:",
]
PIECES = [
    b"<",
    b">",
    b"&",
    b"]]>",
    b"<!--",
    b"-->",
    b"<![CDATA[",
    b"<!DOCTYPE a [<!ENTITY b 'c'>]>",
    b"<?xml version='1.0' encoding='UTF-16'?>",
    b"<?a?>",
    b"&#0;",
    b"&#x110000;",
    b"&b;",
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"xmlns:a=''",
    b"<a>" * 70,
    b'"',
    b"'",
]
NAMESPACES = [
    "",
    "http://www.w3.org/XML/1998/namespace",
    "http://www.w3.org/2001/XInclude",
    "https://github.com/erasmus-without-paper/ewp-specs-api-omobilities/blob/stable-v9/a.xsd",
]
ENCODINGS = [
    ("utf-16", "UTF-16"),
    ("utf-16-le", "UTF-16"),
    ("utf-32", "UTF-32"),
    ("iso-8859-1", "ISO-8859-1"),
    ("utf-8", "ISO-8859-1"),
    ("iso-8859-1", "UTF-8"),
    ("utf-8-sig", "UTF-8"),
    ("utf-8", "windows-1252"),
    ("utf-7", "UTF-7"),
]

Change = tuple[str, float, int]

_WHERE = st.integers(0, 9_999).map(lambda number: number / 10_000)
_WHICH = st.integers(0, 9_999)
OF_ELEMENTS = ["delete", "double", "swap", "move", "rename", "namespace", "text", "attribute"]
OF_BYTES = ["flip", "drop", "repeat", "insert", "cut"]


def documents(good: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Good documents with a few changes, of elements first, of bytes and the encoding then."""
    change = st.tuples(st.sampled_from(OF_ELEMENTS + OF_BYTES + ["encoding"]), _WHERE, _WHICH)
    return st.builds(changed, st.sampled_from(good), st.lists(change, min_size=1, max_size=4))


def damaged(good: bytes) -> st.SearchStrategy[bytes]:
    """Good bytes with a few changes."""
    change = st.tuples(st.sampled_from(OF_BYTES), _WHERE, _WHICH)
    return st.lists(change, max_size=3).map(lambda changes: changed(good, changes))


def texts(good: Sequence[str]) -> st.SearchStrategy[str]:
    """Good texts with a few changes, nasty ones, and any at all."""
    return st.one_of(
        st.sampled_from(good)
        .flatmap(lambda text: damaged(text.encode()))
        .map(lambda data: data.decode("utf-8", "replace")),
        st.sampled_from(NASTY),
        st.text(max_size=40),
    )


def changed(document: bytes, changes: Sequence[Change]) -> bytes:
    """Make the changes, those of elements first."""
    elements = [each for each in changes if each[0] in OF_ELEMENTS]
    if elements:
        tree = etree.fromstring(document)
        for change in elements:
            _change_element(tree, change)
        document = etree.tostring(tree, encoding="UTF-8", xml_declaration=True)
    for change in changes:
        if change[0] not in OF_ELEMENTS:
            document = _change_bytes(document, change)
    return document


def _change_element(root: etree._Element, change: Change) -> None:
    what, where, which = change
    nodes = [each for each in root.iter() if isinstance(each.tag, str)]
    node = nodes[int(where * len(nodes))]
    other = nodes[which % len(nodes)]
    parent = node.getparent()
    match what:
        case "text":
            node.text = NASTY[which % len(NASTY)]
        case "attribute":
            names = [*node.attrib, "a", "{http://www.w3.org/XML/1998/namespace}lang"]
            node.set(names[which % len(names)], NASTY[which // 7 % len(NASTY)])
        case "rename":
            node.tag = _tag(etree.QName(node).namespace, other)
        case "namespace":
            known = [*NAMESPACES, etree.QName(other).namespace]
            node.tag = _tag(known[which % len(known)], node)
        case _ if parent is None:
            return
        case "delete":
            parent.remove(node)
        case "double":
            for _ in range(1 + which % 3):
                node.addnext(deepcopy(node))
        case "swap" if node.getnext() is not None:
            node.addprevious(node.getnext())
        case "move" if node not in other.iterancestors() and node is not other:
            other.append(node)


def _tag(namespace: str | None, node: etree._Element) -> str:
    return etree.QName(namespace or None, etree.QName(node).localname).text


def _change_bytes(data: bytes, change: Change) -> bytes:
    what, where, which = change
    at, length = int(where * len(data)), 1 + which % 40
    part = data[at : at + length]
    match what:
        case "flip":
            bit = 1 << which % 8
            return data[:at] + bytes(each ^ bit for each in part[:1]) + data[at + 1 :]
        case "drop":
            return data[:at] + data[at + length :]
        case "repeat":
            return data[:at] + part * (2 + which % 100) + data[at + length :]
        case "insert":
            return data[:at] + PIECES[which % len(PIECES)] + data[at:]
        case "cut":
            return data[:at]
        case _:
            encoding, declared = ENCODINGS[which % len(ENCODINGS)]
            text = data.decode("utf-8", "replace")
            if text.startswith("<?xml"):
                text = text[text.find("?>") + 2 :]
            text = f'<?xml version="1.0" encoding="{declared}"?>{text}'
            return text.encode(encoding, "replace")
