"""Factsheet 1: where the deadlines are (guide §4.7)."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from ewp.ids import HeiId
from ewp.messages.common import PHONE_NUMBER, WEB_ADDRESS, Phone, Text
from ewp.messages.documents import Items, Versions, listing
from ewp.messages.shapes import maybe, one, shape, wanted
from ewp.messages.values import COUNT, EMAIL, HEI_ID, MONTH_DAY, STRING, lenient_word
from ewp.messages.writing import PHONE

NAMESPACE = {1: "https://github.com/erasmus-without-paper/ewp-specs-api-factsheet/tree/stable-v1"}


class CalendarEntry(msgspec.Struct, frozen=True, kw_only=True):
    """The last day for each term, `--MM-DD` without year and zone."""

    autumn_term: str
    spring_term: str


class Calendar(msgspec.Struct, frozen=True, kw_only=True):
    """Until when the sending HEI may nominate and the student's application must arrive."""

    student_nominations: CalendarEntry
    student_applications: CalendarEntry


class InformationEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to ask and where to read. All three are there by the schema, not always in life."""

    email: str | None = None
    phone_number: Phone | None = None
    website_urls: tuple[Text, ...] = ()


class AdditionalRequirement(msgspec.Struct, frozen=True, kw_only=True):
    """A paper that the receiving HEI wants."""

    name: str
    details: str | None = None
    information_websites: tuple[Text, ...] = ()


class AccessibilityType(StrEnum):
    """What kind of help for students with special needs it is."""

    INFRASTRUCTURE = "infrastructure"
    SERVICE = "service"


class Accessibility(msgspec.Struct, frozen=True, kw_only=True):
    """Help for students with special needs."""

    type: AccessibilityType | None = None
    name: str
    description: str | None = None
    information: InformationEntry | None = None


class AdditionalInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Anything else."""

    type: str
    info: InformationEntry | None = None


class Factsheet(msgspec.Struct, frozen=True, kw_only=True):
    """What a receiving HEI says to all its incoming students."""

    hei_id: HeiId
    calendar: Calendar
    application_info: InformationEntry | None = None
    additional_requirements: tuple[AdditionalRequirement, ...] = ()
    decision_weeks_limit: int | None = None
    tor_weeks_limit: int | None = None
    accessibilities: tuple[Accessibility, ...] = ()
    housing_info: InformationEntry | None = None
    visa_info: InformationEntry | None = None
    insurance_info: InformationEntry | None = None
    additional_infos: tuple[AdditionalInfo, ...] = ()


_CALENDAR_ENTRY = shape(CalendarEntry, one("autumn-term", MONTH_DAY), one("spring-term", MONTH_DAY))
_INFORMATION = shape(
    InformationEntry,
    wanted("email", EMAIL),
    wanted("phone-number", PHONE_NUMBER, namespace=PHONE),
    wanted("website-url", WEB_ADDRESS, many="website_urls"),
)
_FACTSHEET = shape(
    Factsheet,
    one("hei-id", HEI_ID),
    one(
        "calendar",
        shape(
            Calendar,
            one("student-nominations", _CALENDAR_ENTRY),
            one("student-applications", _CALENDAR_ENTRY),
        ),
    ),
    wanted("application-info", _INFORMATION),
    maybe(
        "additional-requirement",
        shape(
            AdditionalRequirement,
            one("name", STRING),
            wanted("details", STRING),
            maybe("information-website", WEB_ADDRESS, many="information_websites"),
        ),
        many="additional_requirements",
    ),
    wanted("decision-weeks-limit", COUNT),
    wanted("tor-weeks-limit", COUNT),
    maybe(
        "accessibility",
        shape(
            Accessibility,
            wanted("type", lenient_word(AccessibilityType)),
            one("name", STRING),
            maybe("description", STRING),
            wanted("information", _INFORMATION),
        ),
        many="accessibilities",
    ),
    wanted("housing-info", _INFORMATION),
    wanted("visa-info", _INFORMATION),
    wanted("insurance-info", _INFORMATION),
    maybe(
        "additional-info",
        shape(AdditionalInfo, one("type", STRING), wanted("info", _INFORMATION)),
        many="additional_infos",
    ),
)
_RESPONSE = Versions("factsheet-response", NAMESPACE, listing("factsheet", _FACTSHEET))


def read_response(xml: bytes) -> tuple[Factsheet, ...]:
    """Read a `factsheet-response`; an HEI that is not in it has none there."""
    return _RESPONSE.read(xml).items


def write_response(factsheets: Iterable[Factsheet], *, major: int = 1) -> bytes:
    """Write a `factsheet-response`."""
    return _RESPONSE.write(Items(items=tuple(factsheets)), major)
