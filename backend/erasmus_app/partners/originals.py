"""What partners sent, as a student may read it: without what the offices tell each other."""

from ewp.xml import canonical, open_xml

_OF_OFFICES = frozenset({"omobilities", "imobilities"})


def without_comments(api: str, xml: bytes) -> bytes:
    """Take the offices' comments out of a nomination or its reception (invariant 3 of the design).

    All else is as it came. Where there is none, not a byte changes.

    Raises:
        DocumentRefused: it is no XML that we took in.
    """
    if api not in _OF_OFFICES:
        return xml
    root = open_xml(xml)
    found = list(root.iterfind(".//{*}comment"))
    for each in found:
        above = each.getparent()
        if above is not None:
            above.remove(each)
    return canonical(root) if found else xml
