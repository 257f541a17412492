"""The one place where the sandbox asks the machine for the time."""

from collections.abc import Callable
from datetime import UTC, date, datetime

from ewp.ids import AcademicYearId

Clock = Callable[[], datetime]  # aware, in UTC


def utc_now() -> datetime:
    """Return the machine's time, in UTC."""
    return datetime.now(UTC)


def academic_year(today: date) -> AcademicYearId:
    """Return the academic year of a day; it changes with August."""
    first = today.year if today.month >= 8 else today.year - 1
    return AcademicYearId(f"{first}/{first + 1}")


def today() -> date:
    """Return the day on which everything in the sandbox happens, UTC."""
    return utc_now().date()
