"""The one place where the sandbox asks the machine for the time."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]  # aware, in UTC


def utc_now() -> datetime:
    """Return the machine's time, in UTC."""
    return datetime.now(UTC)
