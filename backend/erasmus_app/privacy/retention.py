"""How long what is kept: by class of data, counted in calendar months."""

import calendar
import re
from datetime import UTC, date, datetime, time
from enum import StrEnum

import msgspec

from erasmus_app.settings import Settings


class DataClass(StrEnum):
    """What has a time of its own; the identity guide's §7.3 proposes how long."""

    MOBILITIES = "mobilities"  # with all that universities told about the student
    IDENTIFIERS = "identifiers"  # of accounts without a mobility
    AFFILIATIONS = "affiliations"
    MESSAGES = "messages"
    EVENTS = "events"
    SESSIONS = "sessions"
    REFRESH_TOKENS = "refresh_tokens"
    ACCESS_LOG = "access_log"
    CONSENTS = "consents"
    QUESTIONS = "questions"  # to the chat, which were not answered
    EXPORTS = "exports"
    HASHES = "hashes"  # of what was erased


class Keeping(msgspec.Struct, frozen=True, kw_only=True):
    """For how many months each is kept after what the settings say."""

    mobility: int
    message: int
    affiliation: int
    session: int
    access_log: int
    consent: int
    question: int

    @classmethod
    def of(cls, settings: Settings) -> "Keeping":
        """Read it from the settings."""
        return cls(
            mobility=settings.keep_mobility_months,
            message=settings.keep_message_months,
            affiliation=settings.keep_affiliation_months,
            session=settings.keep_session_months,
            access_log=settings.keep_access_log_months,
            consent=settings.keep_consent_months,
            question=settings.keep_question_months,
        )


_YEAR = re.compile(r"\d{4}/(\d{4})", re.ASCII)


def before(now: datetime, months: int) -> datetime:
    """Return the moment so many calendar months ago; on the last day where there is no such day.

    Twelve months before the 29th of February it is the 28th.
    """
    year, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return now.replace(year=year, month=month + 1, day=min(now.day, last))


def end_of(days: list[date | str | None], academic_year: str | None, changed_at: datetime) -> date:
    """Return when a mobility is over at the latest, by what is known of it.

    The latest of the days (ISO months count to their end), and at least the end of its academic
    year, where a day is missing or was not moved; and never before its record last changed.
    """
    found = [changed_at.date()]
    for each in days:
        if isinstance(each, date):
            found.append(each)
        elif each is not None and (day := _last_day(each)) is not None:
            found.append(day)
    if academic_year and (match := _YEAR.fullmatch(academic_year)):
        found.append(date(int(match[1]), 9, 30))
    return max(found)


def is_over(end: date, now: datetime, months: int) -> bool:
    """Whether what ended then has been kept long enough."""
    return datetime.combine(end, time.max, UTC) < before(now, months)


def _last_day(text: str) -> date | None:
    try:
        if len(text) == len("2026-01"):
            year, month = int(text[:4]), int(text[5:])
            return date(year, month, calendar.monthrange(year, month)[1])
        return date.fromisoformat(text)
    except ValueError:
        return None
