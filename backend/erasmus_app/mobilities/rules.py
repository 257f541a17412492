"""Rules that no API carries: the programme's, with the years they hold for, and our own margins."""

import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec

from erasmus_app.errors import SettingsInvalid
from erasmus_app.institutions.models import Term

FILE = Path(__file__).with_name("programme.toml")

Count = Annotated[int, msgspec.Meta(ge=0, le=100)]
Year = Annotated[str, msgspec.Meta(pattern=r"^\d{4}/\d{4}$")]
MonthDay = Annotated[str, msgspec.Meta(pattern=r"^--(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$")]


class DeadlineKind(StrEnum):
    """What is due."""

    NOMINATION = "nomination"  # the sending HEI's, also of a corrected one
    APPLICATION = "application"  # the student's own, at the receiving HEI; EWP does not carry it
    DECISION = "decision"
    AGREEMENT_SIGNED = "agreement-signed"  # by all three, before the stay begins
    ARRIVAL_CONFIRMED = "arrival-confirmed"
    CHANGE_REQUEST = "change-request"
    CHANGE_AGREED = "change-agreed"
    EXTENSION_REQUEST = "extension-request"
    TRANSCRIPT = "transcript"
    RECOGNITION = "recognition"
    CERTIFICATE = "certificate"  # of a traineeship; EWP does not carry it


class Programme(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The programme's rules for some academic years of the receiving HEI (guide §5.4, `[P]`)."""

    first: Year = msgspec.field(name="from")
    last: Year = msgspec.field(name="until")
    source: str
    url: str | None = None
    version: str | None = None  # of the source
    change_request_weeks: Count
    change_agreed_weeks: Count
    extension_months: Count
    transcript_weeks: Count
    recognition_weeks: Count
    certificate_weeks: Count


class Ours(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Margins that we chose ourselves."""

    arrival_days: Count
    late_days: Count
    hour: Annotated[int, msgspec.Meta(ge=0, le=23)]
    term_starts: dict[Term, MonthDay]


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything in `programme.toml`."""

    programme: tuple[Programme, ...]
    ours: Ours

    def of(self, academic_year: str | None) -> Programme | None:
        """Return the programme's rules for a receiving HEI's year `YYYY/YYYY`, if there are any."""
        year = academic_year or ""
        return next((each for each in self.programme if each.first <= year <= each.last), None)


def load_rules(path: Path = FILE) -> Rules:
    """Read the rules.

    Raises:
        SettingsInvalid: the file cannot be read or a rule cannot be right; the message says which.
    """
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Rules)
    except (OSError, ValueError) as error:
        raise SettingsInvalid(f"{path}: {error}") from error
