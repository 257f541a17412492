"""Partners' institutions and organizational units over the EWP network (guide §4.8)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic

import msgspec

from erasmus_app.errors import PartnerFailed
from erasmus_app.ids import HeiId, OunitId
from erasmus_app.institutions.places import (
    Institution,
    Office,
    OrganizationalUnit,
    PostalAddress,
    Words,
)
from erasmus_app.institutions.ports import PageAnswer
from erasmus_app.kit.plain import mail_address, plain, web_address
from erasmus_app.partners.network import EwpPartners, fitting
from erasmus_app.partners.texts import language, links, telephone
from ewp.apis import about_hei, in_parts
from ewp.catalogue import ApiEntry
from ewp.client import Reply
from ewp.messages import institutions, organizational_units
from ewp.messages.common import Address, Contact, Text

API, UNITS = "institutions", "organizational-units"
MAJORS = (2, 1)
MOST_UNITS = 500  # of one HEI that are asked for
MOST = 20  # names, contacts and the like of one entry that are kept
MOST_LINES = 10  # of an address
MOST_SECONDS = 300.0  # for all units of one HEI; the others keep what they said
MOST_FAILURES = 3  # calls that may fail before the others are left for another time
SLOW = "units_slow"  # why some units are missing: there was no time


@dataclass(frozen=True, slots=True)
class _Units:
    """What asking for units brought."""

    units: tuple[OrganizationalUnit, ...] | None
    xml: tuple[bytes, ...] = ()
    lacking: str | None = None


@dataclass(frozen=True, slots=True)
class EwpInstitutions:
    """Asks partners what they say of themselves, as `EwpPartners` asks for the rest."""

    partners: EwpPartners

    def serves(self, hei: HeiId, tenant: HeiId) -> bool:
        """Return whether `tenant` can ask `hei` by what is listed today."""
        return self._entry(tenant, hei, API) is not None

    async def ask(
        self, tenant: HeiId, hei: HeiId, known: Institution | None = None
    ) -> PageAnswer[Institution]:
        """Ask `hei` as `tenant`, and for its units; those that fail are as they were in `known`.

        An answer without the HEI says that it publishes nothing of itself.
        """
        entry = self._entry(tenant, hei, API)
        if entry is None:
            raise PartnerFailed("api_not_served", f"{hei} does not serve {API}", retry=True)
        about = [("hei_id", hei)]
        reply, message = await self.partners.asked(
            tenant, hei, entry, "url", about, partial(_hei, hei)
        )
        answer = PageAnswer[Institution](value=None, xml=reply.body, signed_by=reply.signed_by)
        if message is None:
            return answer
        listed = dict.fromkeys(
            each for each in (message.root_ounit_id, *message.ounit_ids) if each is not None
        )
        before = known.units if known else None
        found = await self._units(tenant, hei, tuple(listed)[:MOST_UNITS], before)
        return msgspec.structs.replace(
            answer,
            value=msgspec.structs.replace(translated(message), units=found.units),
            more_xml=found.xml,
            lacking=found.lacking,
        )

    def _entry(self, tenant: HeiId, hei: HeiId, api: str) -> ApiEntry | None:
        found = (self.partners.entry(tenant, hei, api, major) for major in MAJORS)
        return next((each for each in found if each is not None), None)

    async def _units(
        self,
        tenant: HeiId,
        hei: HeiId,
        ids: Sequence[OunitId],
        before: Sequence[OrganizationalUnit] | None,
    ) -> _Units:
        """Ask for units, as many in a call as the partner takes."""
        entry = self._entry(tenant, hei, UNITS)
        if entry is None or not ids:
            kept = None if before is None or not ids else _still(before, ids)
            return _Units(kept if ids else (), (), "api_not_served" if kept else None)
        there = {each.ounit_id: each for each in before or ()}
        xml, failures, lacking = list[bytes](), 0, None
        parts = in_parts(entry.api, entry.major, entry.limits, "ounit_id", ids)
        began = monotonic()
        for part in parts:
            if monotonic() - began > MOST_SECONDS:
                lacking = SLOW
                break
            about = [*about_hei(entry.api, entry.major, hei), *part]
            try:
                reply, found = await self.partners.asked(tenant, hei, entry, "url", about, _ounits)
            except PartnerFailed as error:
                lacking, failures = error.code, failures + 1
                if error.retry or failures == MOST_FAILURES:  # nobody is there, or nothing fits
                    break
                continue
            xml.append(reply.body)
            wanted = {value for name, value in part if name == "ounit_id"}
            for each in wanted:
                there.pop(OunitId(each), None)
            there |= {e.ounit_id: a_unit(e) for e in found if e.ounit_id in wanted}
        if lacking is not None and not xml and before is None:
            return _Units(None, (), lacking)
        return _Units(_still(there.values(), ids), tuple(xml), lacking)


def _still(
    units: Iterable[OrganizationalUnit], ids: Sequence[OunitId]
) -> tuple[OrganizationalUnit, ...]:
    """Return those that are listed, in the order of the list."""
    known = {each.ounit_id: each for each in units}
    return tuple(known[each] for each in ids if each in known)


def _hei(hei: HeiId, reply: Reply) -> tuple[Reply, institutions.Hei | None]:
    found = {each.hei_id: each for each in fitting(reply, institutions.read_response)}
    return reply, found.get(hei)


def _ounits(reply: Reply) -> tuple[Reply, tuple[organizational_units.OrganizationalUnit, ...]]:
    return reply, fitting(reply, organizational_units.read_response)


def translated(message: institutions.Hei) -> Institution:
    """Make an institution of ours, without units; its words harmless, persons left out."""
    return Institution(
        hei_id=message.hei_id,
        names=words(message.names) or (Words(text=message.hei_id),),
        abbreviation=_short(message.abbreviation),
        address=address(message.street_address),
        mailing_address=address(message.mailing_address),
        websites=links(message.website_urls),
        logo_url=_logo(message.logo_url),
        factsheet_links=links(message.mobility_factsheet_urls),
        contacts=offices(message.contacts),
        erasmus_codes=tuple(
            dict.fromkeys(
                code
                for each in message.other_ids[:MOST]
                if each.type == "erasmus" and (code := _short(each.value))
            )
        ),
        course_catalogues=links(message.course_catalogue_urls),
        root_unit_id=message.root_ounit_id,
    )


def a_unit(message: organizational_units.OrganizationalUnit) -> OrganizationalUnit:
    """Make a unit of ours, its words harmless, persons left out."""
    return OrganizationalUnit(
        ounit_id=message.ounit_id,
        code=_short(message.ounit_code),
        names=words(message.names) or (Words(text=plain(message.ounit_id)),),
        abbreviation=_short(message.abbreviation),
        parent_id=message.parent_ounit_id,
        address=address(message.street_address),
        mailing_address=address(message.mailing_address),
        websites=links(message.website_urls),
        logo_url=_logo(message.logo_url),
        factsheet_links=links(message.mobility_factsheet_urls),
        contacts=offices(message.contacts),
    )


def offices(contacts: Iterable[Contact]) -> tuple[Office, ...]:
    """Return the contacts that are offices: a contact with a person's names is a person."""
    return tuple(
        Office(
            names=names,
            roles=words(each.role_descriptions),
            emails=_some(mail_address(e) for e in each.emails),
            phones=_some(telephone(e) for e in each.phone_numbers),
            address=address(each.street_address),
            mailing_address=address(each.mailing_address),
        )
        for each in contacts
        if not each.person_given_names
        and not each.person_family_names
        and each.person_gender is None
        and (names := words(each.contact_names))
    )[:MOST]


def words(texts: Iterable[Text]) -> tuple[Words, ...]:
    """Return texts with their languages, each once."""
    found = (Words(text=plain(e.value, 500), language=language(e)) for e in texts)
    return tuple(dict.fromkeys(each for each in found if each.text))[:MOST]


def address(message: Address | None) -> PostalAddress | None:
    """Return an address as lines above a place; None where nothing is left of it."""
    if message is None:
        return None
    house = (message.street_name, message.building_number)
    lines = (
        *message.recipient_names,
        *message.address_lines,
        " ".join(each for each in house if each),
        message.building_name,
        message.unit,
        message.floor,
        message.post_office_box,
        *message.delivery_point_codes,
    )
    found = PostalAddress(
        lines=_some(map(_short, lines))[:MOST_LINES],
        postal_code=_short(message.postal_code),
        locality=_short(message.locality),
        region=_short(message.region),
        country=_short(message.country),
    )
    return found if found != PostalAddress() else None


def _some(texts: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each for each in texts if each))[:MOST]


def _short(text: str | None) -> str | None:
    return (plain(text, 200) or None) if text is not None else None


def _logo(url: str | None) -> str | None:
    return web_address(url) if url is not None and url.lower().startswith("https:") else None
