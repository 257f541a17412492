"""What answers of push services have in common."""

import contextlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Protocol

import msgspec

LONGEST_WAIT = 3600.0  # an absurd Retry-After is cut to this


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Read Retry-After, seconds or a date, in seconds from now; an absurd one is cut.

    Names of headers are in lower case. None where there is none, or nothing that can be read.
    """
    value = headers.get("retry-after", "").strip()
    seconds: float | None = None
    if value.isdecimal():
        seconds = float(value[:9])
    elif value:
        with contextlib.suppress(ValueError, TypeError, IndexError, OverflowError):
            moment = parsedate_to_datetime(value)
            aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            seconds = (aware - now).total_seconds()
    return None if seconds is None else min(max(seconds, 0.0), LONGEST_WAIT)


class HttpAnswer(Protocol):
    """A whole answer, whoever got it."""

    @property
    def status(self) -> int:
        """The status code."""

    @property
    def body(self) -> bytes:
        """What it says."""


def error_code(answer: HttpAnswer) -> str | None:
    """Return FCM's own error code, where the answer carries one."""
    for detail in _details(answer):
        kind, code = str(detail.get("@type", "")), detail.get("errorCode")
        if kind.endswith("google.firebase.fcm.v1.FcmError") and isinstance(code, str):
            return code
    status = _error(answer).get("status")
    if answer.status == HTTPStatus.UNAUTHORIZED or not isinstance(status, str):
        return None
    return status or None


def _error(answer: HttpAnswer) -> dict[str, Any]:
    """Return the answer's error in Google's shape; empty where it is none, say a proxy's page."""
    with contextlib.suppress(ValueError, KeyError, TypeError):  # no JSON, no object
        error = msgspec.json.decode(answer.body)["error"]
        return error if isinstance(error, dict) else {}
    return {}


def _details(answer: HttpAnswer) -> Iterator[dict[str, Any]]:
    details = _error(answer).get("details")
    for each in details if isinstance(details, list) else ():
        if isinstance(each, dict):
            yield each


def names_the_target(answer: HttpAnswer) -> bool:
    """Whether a 400 blames the registration, and nothing else in our message."""
    fields = set()
    for detail in _details(answer):
        violations = detail.get("fieldViolations")
        for each in violations if isinstance(violations, list) else ():
            fields.add(each.get("field") if isinstance(each, dict) else None)
    return bool(fields) and fields <= {"message.token", "message.fid"}
