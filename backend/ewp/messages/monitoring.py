"""Monitoring 0.2: a client tells the statistics portal of a call that failed (guide §3.5).

The report is a form, its answer an empty document. Reports are published for all to read, so what
looks personal is taken out of their messages, rather too much than too little. What looks like any
other word, such as a name without quotes around it, is for the caller to leave out.
"""

import re
from collections import Counter
from collections.abc import Iterable

import msgspec

from ewp.errors import MessageInvalid
from ewp.ids import HeiId
from ewp.messages.documents import Versions
from ewp.messages.shapes import shape
from ewp.messages.values import HEI_ID

NAMESPACE = {1: "https://github.com/erasmus-without-paper/ewp-specs-api-monitoring/tree/stable-v1"}
PORTAL = HeiId("stats.erasmuswithoutpaper.eu")
"""The HEI id under which the catalogue lists the portal's `monitoring`."""
UNREPORTED = frozenset({"echo", "discovery", "registry", "monitoring"})
LONGEST_MESSAGE = 1000  # characters

_PERSONAL = re.compile(
    r"urn:schac:[^\s,;\"'<>]+"  # student identifiers
    r"|(?<![^\s@,;:\"'<>()])[^\s@,;:\"'<>()]+@[^\s@,;\"'<>()]+",  # e-mail addresses
    re.IGNORECASE,
)
_QUOTED = re.compile(  # a value, more often than not
    r"""(?<!\w)(["'`“”„«‘‚])(?![a-z]+(?:_[a-z]+)+["'`“”»’])[^"'`“”»’\n]{1,200}(["'`“”»’])(?!\w)"""
)
_WORD = re.compile(r"[^\s,;:=\"'<>()\[\]{}`“”„«»‘’‚]*[^\s,;:=\"'<>()\[\]{}`“”„«»‘’‚.!?]")
_NUMBER = re.compile("[0-9]{1,3}")  # a count, a limit, a status
_TERMS = frozenset({"sha-256", "rsa-sha256", "utf-8", "x.509", "http/1.1", "iso-8859-1"})
_status = re.compile("[1-5][0-9]{2}").fullmatch


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One call that failed: an error, no answer, or an answer that is not right."""

    server_hei_id: HeiId
    api_name: str  # the manifest's element: `omobility-las`
    endpoint_name: str = ""  # `get`, `index`, ...: see `endpoint_name`
    http_code: int | None = None  # None: no answer
    server_message: str | None = None  # the partner's `developer-message`
    client_message: str | None = None  # our own words


class _Empty(msgspec.Struct, frozen=True):
    pass


_RESPONSE = Versions("monitoring-response", NAMESPACE, shape(_Empty))


def endpoint_name(element: str) -> str:
    """Return an endpoint's name by its element of the manifest: `get-url` is `get`, `url` none."""
    return "" if element == "url" else element.removesuffix("-url")


def without_personal_data(message: str) -> str:
    """Return a message fit for publication: no identifiers, addresses, dates or quoted values."""
    known = _QUOTED.sub(r"\1[...]\2", _PERSONAL.sub("[...]", message))
    return _WORD.sub(_unless_an_id, known)[:LONGEST_MESSAGE]


def _unless_an_id(found: re.Match[str]) -> str:
    """Return a word, masked where it has digits and is neither a small number nor a term."""
    word = found[0]
    if word.isalpha() or not any(map(str.isdigit, word)):
        return word
    return word if _NUMBER.fullmatch(word) or word.lower() in _TERMS else "[...]"


def write_report(report: Report) -> tuple[tuple[str, str], ...]:
    """Return the form of a report. Raises MessageInvalid, also for what is not to be reported."""
    if not report.server_hei_id or not report.api_name:
        raise MessageInvalid("report: needs a server_hei_id and an api_name")
    if report.api_name in UNREPORTED:
        raise MessageInvalid(f"report: failures of {report.api_name} are not reported")
    form = [
        ("server_hei_id", str(report.server_hei_id)),
        ("api_name", report.api_name),
        ("endpoint_name", report.endpoint_name),
    ]
    if report.http_code is not None:
        form.append(("http_code", _checked_status(str(report.http_code))))
    for name in ("server_message", "client_message"):
        message = getattr(report, name)
        if message:
            form.append((name, without_personal_data(message)))
    return tuple(form)


def read_report(form: Iterable[tuple[str, str]]) -> Report:
    """Read the form of a report, as the portal does. Raises MessageInvalid."""
    pairs = [(name, value.strip()) for name, value in form if name in Report.__struct_fields__]
    for name, times in Counter(name for name, _ in pairs).items():
        if times > 1:
            raise MessageInvalid(f"report: {name} is there twice")
    given = dict(pairs)
    for name in ("server_hei_id", "api_name"):
        if not given.get(name):
            raise MessageInvalid(f"report: {name} is missing")
    code = given.get("http_code")
    return Report(
        server_hei_id=_hei_id(given["server_hei_id"]),
        api_name=given["api_name"],
        endpoint_name=given.get("endpoint_name", ""),
        http_code=int(_checked_status(code)) if code else None,
        server_message=given.get("server_message") or None,
        client_message=given.get("client_message") or None,
    )


def read_response(xml: bytes) -> None:
    """Make sure that this is the portal's response; there is nothing in it to read."""
    _RESPONSE.read(xml)


def write_response(*, major: int = 1) -> bytes:
    """Write a `monitoring-response`."""
    return _RESPONSE.write(_Empty(), major)


def _checked_status(text: str) -> str:
    if _status(text) is None:
        raise MessageInvalid("report: http_code must be a status of HTTP")
    return text


def _hei_id(text: str) -> HeiId:
    assert HEI_ID.read is not None
    try:
        return HeiId(HEI_ID.read(text))
    except ValueError:
        raise MessageInvalid(f"report: server_hei_id {HEI_ID.rule}") from None
