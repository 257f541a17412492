"""The tool `get_contacts`: whom to write to at both universities."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

import msgspec

from erasmus_app.api.mcp.deadlines import OfMobility
from erasmus_app.api.mcp.reader import (
    Institution,
    PartnerText,
    Reader,
    Source,
    foreign,
    foreign_or_none,
    mobility_id,
)
from erasmus_app.chat.knowledge import KnownMobility
from erasmus_app.ids import HeiId
from erasmus_app.institutions.models import Information, KnownFactsheet
from erasmus_app.institutions.places import KnownInstitution, in_language
from erasmus_app.kit.plain import mail_address, web_address
from erasmus_app.mobilities import models
from erasmus_app.mobilities.models import Sourced

MOST = 50  # of one university that are shown
INSTITUTIONS, FACTSHEET = "institutions", "factsheet"


class ContactKind(StrEnum):
    """What a contact is."""

    PERSON = "person"  # whom the learning agreement names
    OFFICE = "office"
    SUBJECT = "subject"  # whom to ask about something: applications, housing, visa, insurance


class Contact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody to write to."""

    kind: Annotated[
        ContactKind,
        msgspec.Meta(
            description="`person`: whom the learning agreement names. `subject`: whom to "
            "ask about what `about` says."
        ),
    ]
    source: Source
    name: PartnerText | None = None
    about: Annotated[str | None, msgspec.Meta(description="Of a `subject`: which.")] = None
    roles: list[PartnerText] = []
    emails: list[str] = []
    phones: list[PartnerText] = []
    links: list[str] = []


class ContactsOfMobility(msgspec.Struct, frozen=True, kw_only=True):
    """The contacts of one mobility."""

    mobility: Annotated[str, msgspec.Meta(description="The mobility's id.")]
    sending: Institution
    receiving: Institution
    at_home: Annotated[list[Contact], msgspec.Meta(description="The best one first.")]
    abroad: Annotated[list[Contact], msgspec.Meta(description="The best one first.")]


class Contacts(msgspec.Struct, frozen=True, kw_only=True):
    """Contacts by mobility."""

    mobilities: list[ContactsOfMobility]


async def contacts(reader: Reader, wanted: OfMobility) -> Contacts:
    """Show them."""
    _, mobilities = await reader.mobilities(wanted.mobility)
    return Contacts(mobilities=[_contacts(reader, each) for each in mobilities])


def _contacts(reader: Reader, known: KnownMobility) -> ContactsOfMobility:
    brief, fact = known.brief, known.mobility.agreement
    value = fact.value if fact else None
    home = [
        *_person(reader, fact, value.sending.contact if value else None),
        *_offices(reader, brief.sending_hei_id, known.home),
    ]
    host = [
        *_person(reader, fact, value.receiving.contact if value else None),
        *_subjects(reader, brief.receiving_hei_id, known.factsheet),
        *_offices(reader, brief.receiving_hei_id, known.host),
    ]
    return ContactsOfMobility(
        mobility=mobility_id(known),
        sending=reader.institution(brief.sending_hei_id),
        receiving=reader.institution(brief.receiving_hei_id),
        at_home=home[:MOST],
        abroad=host[:MOST],
    )


def _person(
    reader: Reader, fact: Sourced[models.LearningAgreement] | None, found: models.Contact | None
) -> Iterator[Contact]:
    if fact is not None and found is not None:
        yield Contact(
            kind=ContactKind.PERSON,
            source=reader.source(fact.source),
            name=foreign(f"{found.given_names} {found.family_name}"),
            emails=_emails(found.email),
            phones=_phones(found.phone),
        )


def _offices(reader: Reader, hei: HeiId, page: KnownInstitution | None) -> Iterator[Contact]:
    if page is None or page.value is None:
        return
    source = reader.page_source(hei, INSTITUTIONS, page)
    for each in page.value.contacts:
        named = in_language(each.names, reader.language)
        yield Contact(
            kind=ContactKind.OFFICE,
            source=source,
            name=foreign_or_none(named),
            roles=[foreign(role.text) for role in each.roles],
            emails=_emails(*each.emails),
            phones=_phones(*each.phones),
        )


def _subjects(reader: Reader, hei: HeiId, page: KnownFactsheet | None) -> Iterator[Contact]:
    if page is None or page.value is None:
        return
    source, value = reader.page_source(hei, FACTSHEET, page), page.value
    subjects: dict[str, Information | None] = {
        "application": value.application,
        "housing": value.housing,
        "visa": value.visa,
        "insurance": value.insurance,
    }
    for about, found in subjects.items():
        if found is not None:
            yield Contact(
                kind=ContactKind.SUBJECT,
                source=source,
                about=about,
                emails=_emails(found.email),
                phones=_phones(found.phone),
                links=[url for each in found.links if (url := web_address(each.url))],
            )


def _emails(*given: str | None) -> list[str]:
    return [found for each in given if (found := mail_address(each))]


def _phones(*given: str | None) -> list[PartnerText]:
    return [found for each in given if (found := foreign_or_none(each))]
