"""The values that stand in EWP's elements and attributes: how each is read and written.

Reading is as strict as readers need and no more: what a partner often gets wrong and nobody
computes with is taken as sent, or counts as absent. Writing is as strict as the published schema.
A refusal says the rule and never the value.
"""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A text in XML and what it is in Python.

    `read` gets the text without blanks around it, never an empty one. Both functions raise
    ValueError or OverflowError for what does not fit; `rule` then says why.
    """

    rule: str
    read: Callable[[str], Any] | None = None  # None: a string, taken as it is
    write: Callable[[Any], str] | None = None
    exact: bool = False  # keep blanks, also where there is nothing else
    lenient: bool = False  # what does not fit counts as absent when reading


def _checked(pattern: str) -> Callable[[str], str]:
    match = re.compile(pattern).fullmatch

    def check(text: str) -> str:
        if match(text) is None:
            raise ValueError(pattern)
        return text

    return check


def _strict(pattern: str, rule: str) -> Value:
    """A string of that form, both ways."""
    check = _checked(pattern)
    return Value(rule=rule, read=check, write=check)


def _as_sent(pattern: str, rule: str) -> Value:
    """A string that is taken as sent and must have that form when we write it."""
    return Value(rule=rule, write=_checked(pattern))


def word(words: type[StrEnum]) -> Value:
    """One of an enum's words; another one is refused."""
    return Value(rule=f"must be one of {', '.join(words)}", read=words, write=str)


def lenient_word(words: type[StrEnum]) -> Value:
    """One of an enum's words; another one counts as absent."""
    return Value(rule=f"must be one of {', '.join(words)}", read=words, write=str, lenient=True)


def words_as_sent(*words: str) -> Value:
    """A word that newer minor versions may add to: any is read, the known ones are written."""
    return _as_sent("|".join(words), f"must be one of {', '.join(words)}")


# -- Texts --

STRING = Value(rule="must be text")
EXACT_STRING = Value(rule="must be text", exact=True)
TOKEN = Value(  # an `xs:token`: line breaks and indentation inside say nothing
    rule="must be text",
    read=lambda text: " ".join(text.split()),
    write=lambda text: " ".join(text.split()),
)
LINE = _as_sent(r"[^\r\n]*", "must be one line")
EMAIL = _as_sent(r"[^@]+@[^.]+\..+", "must be an e-mail address")
_URL = r"""://[^\s<>"{}|\\^`]+"""
_read_url = _checked(rf"(?i:https?){_URL}")
HTTP = Value(
    rule="must be an http or https address",
    read=_read_url,  # another scheme, `javascript:` say, is no link that we would show
    write=_checked(rf"https?{_URL}"),
    lenient=True,
)
HTTPS = Value(
    rule="must be an https address", read=_read_url, write=_checked(rf"https{_URL}"), lenient=True
)
PHOTO_SIZE = _as_sent("[0-9]+x[0-9]+", "must be WIDTHxHEIGHT")
E164 = _as_sent(r"\+[0-9]{1,15}", "must be + and up to 15 digits")
LANGUAGE = _as_sent("[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*", "must be a BCP 47 language")
CEFR_LEVEL = Value(rule="must be A1 to C2, or NS", read=str.upper, write=_checked("[ABC][12]|NS"))
LEARNT_CEFR_LEVEL = Value(  # where nobody is asked to be a native speaker
    rule="must be A1 to C2", read=str.upper, write=_checked("[ABC][12]")
)
COUNTRY = Value(rule="must be ISO 3166-1 alpha-2", read=str.upper, write=_checked("[A-Z][A-Z]"))
ISCED_F = _as_sent("[0-9]{4}", "must be four digits")
ISCED_F_V6 = _as_sent("[0-9]{1,3}", "must be one to three digits")
SHA256_HEX = _as_sent("[0-9a-f]{64}", "must be 64 lower-case hexadecimal digits")
BASE64 = Value(
    rule="must be base64",
    read=lambda text: base64.b64decode("".join(text.split()), validate=True),
    write=lambda data: base64.b64encode(data).decode(),
    lenient=True,
)

# -- Identifiers --


def _hei_id(text: str) -> str:
    return _domain(text.lower())


_domain = _checked(r"[a-z0-9]([a-z0-9._-]{0,251}[a-z0-9])?")
HEI_ID = Value(rule="must be a SCHAC identifier, a domain", read=_hei_id, write=_domain)
ID = _strict("[!-~]{1,64}", "must be 1 to 64 printable ASCII characters")
# Courses are named in several ways in life: a wrong prefix costs the student nothing.
LOS_ID = _as_sent("(CR|CLS|MOD|DEP)/[!-~]{1,40}", "must be CR/, CLS/, MOD/ or DEP/ and an id")
LOI_ID = _as_sent("(CRI|CLSI|MODI|DEPI)/[!-~]{1,40}", "must be CRI/, CLSI/, MODI/, DEPI/ and an id")
ACADEMIC_YEAR = _strict("[0-9]{4}/[0-9]{4}", "must be YYYY/YYYY")
ACADEMIC_TERM = _strict("[0-9]{4}/[0-9]{4}-[1-9]/[1-9]", "must be YYYY/YYYY-t/n")

# -- Numbers --


def _number(text: str) -> int:
    return int(_digits(text))


_digits = _checked("[+-]?[0-9]{1,9}")
NUMBER = Value(rule="must be an integer", read=_number, write=str)
COUNT = Value(rule="must be an integer", read=_number, write=str, lenient=True)
_natural = _checked(r"\+?[0-9]{1,9}")
NATURAL = Value(
    rule="must be an integer, 0 or more",
    read=lambda text: int(_natural(text)),
    write=lambda number: _natural(str(number)),
)
_positive = _checked("[1-9][0-9]{0,8}")
POSITIVE = Value(
    rule="must be an integer, 1 or more",
    read=lambda text: int(_natural(text)),
    write=lambda number: _positive(str(number)),
)


def _among(numbers: frozenset[int], rule: str) -> Value:
    def check(number: int) -> int:
        if number not in numbers:
            raise ValueError(rule)
        return number

    return Value(
        rule=rule,
        read=lambda text: check(_number(text)),
        write=lambda number: str(check(number)),
        lenient=True,
    )


GENDER = _among(frozenset({0, 1, 2, 9}), "must be 0, 1, 2 or 9")
EQF_LEVEL = _among(frozenset(range(1, 9)), "must be 1 to 8")

_decimal_text = _checked(r"[+-]?([0-9]{1,18}(\.[0-9]{0,18})?|\.[0-9]{1,18})")
DECIMAL = Value(
    rule="must be a decimal number",
    read=lambda text: Decimal(_decimal_text(text)),
    write=lambda number: _decimal_text(format(number, "f")),
)
LENIENT_DECIMAL = replace(DECIMAL, lenient=True)
_total = _checked(r"(?=.*[1-9])[0-9]{1,18}(\.[0-9]{1,2})?")
TOTAL = Value(
    rule="must be over 0, with two decimals at most",
    read=DECIMAL.read,
    write=lambda number: _total(format(number, "f")),
    lenient=True,
)

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
BOOLEAN = Value(
    rule="must be true or false",
    read=lambda text: _BOOLEANS.get(text, False),
    write=lambda value: "true" if value else "false",
)

# -- Times --

_ZONE = "(Z|[+-][0-9]{2}:[0-9]{2})?"
_date = re.compile(f"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}){_ZONE}").fullmatch
_datetime = re.compile(
    rf"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})T([0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}})(?:\.([0-9]+))?{_ZONE}"
).fullmatch
_year_month = re.compile(f"([0-9]{{4}}-(?:0[1-9]|1[0-2])){_ZONE}").fullmatch
_month_day = re.compile(f"(--(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])){_ZONE}").fullmatch


def _read_date(text: str) -> date:
    """An `xs:date`; its zone is dropped, the day is what is meant (guide §8.2)."""
    found = _date(text)
    if found is None:
        raise ValueError(text)
    return date.fromisoformat(found[1])


def _read_datetime(text: str) -> datetime:
    """An `xs:dateTime`; UTC when it has no zone (guide §8.2).

    The first and last hours of the calendar that UTC cannot tell raise OverflowError: whoever
    compares moments may rely on it.
    """
    found = _datetime(text)
    if found is None:
        raise ValueError(text)
    day, clock, fraction, zone = found.groups()
    midnight_after = clock == "24:00:00" and not (fraction or "").strip("0")
    moment = datetime.fromisoformat(f"{day}T{'00:00:00' if midnight_after else clock}")
    if midnight_after:
        moment += timedelta(days=1)
    if fraction:
        moment = moment.replace(microsecond=int(fraction[:6].ljust(6, "0")))
    moment = moment.replace(tzinfo=_read_zone(zone))
    moment.astimezone(UTC)
    return moment


def _read_zone(zone: str | None) -> timezone:
    if zone is None or zone == "Z":
        return UTC
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
    return timezone(-offset if zone[0] == "-" else offset)


def _write_datetime(moment: datetime) -> str:
    offset = moment.utcoffset()
    if offset is None:
        raise ValueError("without a zone")
    if offset % timedelta(minutes=1) or abs(offset) > timedelta(hours=14):
        moment = moment.astimezone(UTC)
    return moment.isoformat().replace("+00:00", "Z")


def _group_one(match: Callable[[str], re.Match[str] | None]) -> Callable[[str], str]:
    def read(text: str) -> str:
        found = match(text)
        if found is None:
            raise ValueError(text)
        return found[1]

    return read


DURATION = _as_sent(
    r"-?P(?=.)(\d+Y)?(\d+M)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?",
    "must be a duration, as P6M",
)
DATE = Value(rule="must be a date, YYYY-MM-DD", read=_read_date, write=date.isoformat)
LENIENT_DATE = Value(
    rule="must be a date, YYYY-MM-DD", read=_read_date, write=date.isoformat, lenient=True
)
DATE_TIME = Value(
    rule="must be a date and time with a zone", read=_read_datetime, write=_write_datetime
)
YEAR_MONTH = Value(
    rule="must be a month, YYYY-MM", read=_group_one(_year_month), write=_group_one(_year_month)
)
MONTH_DAY = Value(
    rule="must be a day of the year, --MM-DD",
    read=_group_one(_month_day),
    write=_group_one(_month_day),
)
