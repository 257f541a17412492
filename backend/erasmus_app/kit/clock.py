"""The one place that asks the machine for the time."""

from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic

Clock = Callable[[], datetime]
"""Tells the present moment, always with a zone."""


def utc_now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


def elapsed() -> float:
    """Return seconds since some moment of the machine's: they pass, whoever sets its clock."""
    return monotonic()
