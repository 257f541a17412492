"""Partners' factsheets over the EWP network (factsheet 1, guide §4.7)."""

from dataclasses import dataclass
from functools import partial

from erasmus_app.errors import PartnerFailed
from erasmus_app.ids import HeiId
from erasmus_app.institutions.models import (
    Accessibility,
    AccessibilityKind,
    AdditionalInformation,
    AdditionalRequirement,
    Factsheet,
    Information,
    TermDays,
)
from erasmus_app.institutions.ports import FactsheetAnswer
from erasmus_app.kit.plain import mail_address, plain, shown
from erasmus_app.partners.network import EwpPartners, fitting
from erasmus_app.partners.texts import links, telephone
from ewp.client import Reply
from ewp.messages import factsheet

API, MAJOR = "factsheet", 1
MOST_WEEKS = 104  # five are recommended; what is beyond two years is a slip of the pen
MOST = 100  # papers, helps or further pages of one HEI that are shown


@dataclass(frozen=True, slots=True)
class EwpFactsheets:
    """Asks partners for their factsheets, as `EwpPartners` asks for the rest."""

    partners: EwpPartners

    def serves(self, hei: HeiId, tenant: HeiId) -> bool:
        """Return whether `tenant` can ask `hei` by what is listed today."""
        return self.partners.entry(tenant, hei, API, MAJOR) is not None

    async def ask(
        self, tenant: HeiId, hei: HeiId, known: Factsheet | None = None
    ) -> FactsheetAnswer:
        """Ask `hei` as `tenant`; an answer without the HEI says that it publishes none."""
        del known
        entry = self.partners.entry(tenant, hei, API, MAJOR)
        if entry is None:
            raise PartnerFailed("api_not_served", f"{hei} does not serve {API}", retry=True)
        about = [("hei_id", hei)]
        return await self.partners.asked(tenant, hei, entry, "url", about, partial(_answer, hei))


def _answer(hei: HeiId, reply: Reply) -> FactsheetAnswer:
    found = {each.hei_id: each for each in fitting(reply, factsheet.read_response)}
    return FactsheetAnswer(
        value=translated(found[hei]) if hei in found else None,
        xml=reply.body,
        signed_by=reply.signed_by,
    )


def translated(message: factsheet.Factsheet) -> Factsheet:
    """Make a factsheet of ours, its words harmless; what only staff need stays in the document."""
    calendar = message.calendar
    return Factsheet(
        hei_id=message.hei_id,
        nominations=_days(calendar.student_nominations),
        applications=_days(calendar.student_applications),
        requirements=tuple(
            AdditionalRequirement(
                name=name, details=shown(each.details), links=links(each.information_websites)
            )
            for each in message.additional_requirements[:MOST]
            if (name := plain(each.name))
        ),
        decision_weeks=_weeks(message.decision_weeks_limit),
        transcript_weeks=_weeks(message.tor_weeks_limit),
        application=_information(message.application_info),
        housing=_information(message.housing_info),
        visa=_information(message.visa_info),
        insurance=_information(message.insurance_info),
        accessibility=tuple(
            Accessibility(
                name=name,
                kind=AccessibilityKind(each.type) if each.type else None,
                description=shown(each.description),
                information=_information(each.information),
            )
            for each in message.accessibilities[:MOST]
            if (name := plain(each.name))
        ),
        additional=tuple(
            AdditionalInformation(title=title, information=_information(each.info))
            for each in message.additional_infos[:MOST]
            if (title := plain(each.type))
        ),
    )


def _days(entry: factsheet.CalendarEntry) -> TermDays:
    return TermDays(autumn=entry.autumn_term, spring=entry.spring_term)


def _weeks(limit: int | None) -> int | None:
    return limit if limit is not None and limit <= MOST_WEEKS else None


def _information(entry: factsheet.InformationEntry | None) -> Information | None:
    if entry is None:
        return None
    return Information(
        email=mail_address(entry.email),
        phone=telephone(entry.phone_number),
        links=links(entry.website_urls),
    )
