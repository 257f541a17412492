"""What strangers wrote, made harmless to be shown among words of ours."""

import unicodedata

LONGEST = 2000  # characters of a text
LONGEST_ADDRESS = 2000
_JOINERS = "\u200c\u200d"  # Persian and Indian words are spelled with them


def plain(text: str, longest: int = LONGEST) -> str:
    """Return a text on one line, without what steers a screen: controls, bidi marks, invisibles.

    Such a character could turn the words around it, ours included (Unicode TR 36). What is longer
    than `longest` is cut.
    """
    kept = "".join(
        " " if each.isspace() else each
        for each in text
        if each in _JOINERS or each.isspace() or not unicodedata.category(each).startswith("C")
    )
    line = " ".join(kept.split())
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def paragraphs(text: str, longest: int = LONGEST) -> str:
    """Return a text as `plain` makes it, with its lines, and one empty line at most between."""
    lines, found = (plain(each, longest) for each in text.splitlines()), list[str]()
    for each in lines:
        if each or (found and found[-1]):
            found.append(each)
    joined = "\n".join(found).strip()
    return joined if len(joined) <= longest else f"{joined[: longest - 1].rstrip()}…"


def shown(text: str | None) -> str | None:
    """Return a text as `plain` makes it; None where nothing is left of it."""
    return (plain(text) or None) if text is not None else None


def web_address(text: str) -> str | None:
    """Return an http or https address as it was given; None for one that may lead elsewhere.

    That is one with something invisible in it, or with a name and password before its host.
    """
    scheme, _, rest = text.partition("://")
    host = rest.partition("/")[0].partition("?")[0].partition("#")[0]
    if scheme.lower() not in {"http", "https"} or not host or "@" in host or "\\" in text:
        return None
    return (
        text if len(text) <= LONGEST_ADDRESS and plain(text) == text and " " not in text else None
    )


def mail_address(text: str | None) -> str | None:
    """Return an e-mail address as it was given; None for what can be none."""
    if text is None or text != plain(text) or len(text) > 254:
        return None
    name, at, host = text.rpartition("@")
    odd = set(' ,;:<>()[]"@') & set(name + host)
    return text if at and name and "." in host and not odd else None
