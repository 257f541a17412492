"""What answers of push services have in common."""

import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

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
