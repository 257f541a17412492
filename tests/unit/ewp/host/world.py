"""A host of two universities on a real socket, what it keeps, and the strangers who call it."""

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import httpx
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree
from unit.ewp.catalogues import a_catalogue, a_host
from unit.ewp.host.agreed import Agreed
from unit.ewp.host.counted import Counted
from unit.ewp.host.issued import Issued
from unit.ewp.host.taught import Taught
from unit.ewp.host.units import Units
from unit.ewp.stranger import NOW, Stranger, is_signed_answer

from ewp.catalogue_xml import read_catalogue
from ewp.errors import EditConflict, RequestRefused
from ewp.host import EwpHost, HostedHei
from ewp.host_agreements import AgreementCnrService, IiasApprovalService, IiasService
from ewp.host_courses import CourseReplicationService, CoursesService
from ewp.host_files import FileService
from ewp.host_filters import agreement_facts, nomination_facts
from ewp.host_monitoring import MonitoringService
from ewp.host_places import OunitsService
from ewp.host_services import (
    CnrService,
    FactsheetService,
    ImobilitiesService,
    InstitutionsService,
    OmobilitiesService,
    OmobilityLasService,
)
from ewp.host_stats import ImobilityTorStatsService, OmobilityStatsService
from ewp.host_transcripts import ImobilityTorsService
from ewp.keys import PrivateKey
from ewp.messages import factsheet, imobilities, institutions, omobilities
from ewp.messages import omobility_las as las
from ewp.messages.common import Phone, Text
from ewp.messages.monitoring import PORTAL
from sandbox.serving import serving

NAME = "ewp.lindental.example:8443"  # as strangers write it into Host
LINDENTAL, NORDFJORD = "lindental.example", "nordfjord.example"  # hosted here
RIBEIRA, MONTFORT = "ribeira.example", "montfort.example"  # strangers' own
PARTNER, THIRD, OWN = Stranger(), Stranger(), Stranger()  # speak for Ribeira, Montfort, Lindental
NOBODYS, UNKNOWN, SERVER, COUNTER = Stranger(), Stranger(), Stranger(), Stranger()
REGISTERED = a_catalogue(
    a_host(heis=[RIBEIRA], client_keys=[PARTNER.key_id], server_keys=[SERVER.key_id]),
    a_host(heis=[MONTFORT], client_keys=[THIRD.key_id]),
    a_host(heis=[LINDENTAL], client_keys=[OWN.key_id], server_keys=[SERVER.key_id]),
    a_host(client_keys=[NOBODYS.key_id]),
    a_host(heis=[PORTAL], client_keys=[COUNTER.key_id]),
    keys={
        each.key_id: each.base64_der
        for each in (PARTNER, THIRD, OWN, NOBODYS, UNKNOWN, SERVER, COUNTER)
    },
)
SPECS = "https://github.com/erasmus-without-paper/ewp-specs-"
XML = "application/xml; charset=utf-8"
COMMON = f"{SPECS}architecture/blob/stable-v1/common-types.xsd"


def ours(stranger):
    return PrivateKey.from_pem(
        stranger.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )


SIGNS_ANSWERS, OWN_KEY, NOBODYS_KEY = ours(SERVER), ours(OWN), ours(NOBODYS)

# -- What Lindental keeps --

ESI = "urn:schac:personalUniqueCode:int:esi:lindental.example:"


def nomination(id_, receiving, year, attributes):
    return omobilities.StudentMobilityV3(
        omobility_id=id_,
        student=omobilities.StudentV3(
            given_names=(Text(value="Jördis"),),
            family_names=(Text(value="Łęcka", lang="pl"),),
            global_id=f"{ESI}{id_.upper()}",
            birth_date=date(2004, 3, 9),
            nationality="DE",
            gender=2,
            email="joerdis@lindental.example",
        ),
        nomination=omobilities.NominationV3(
            proposal_id=f"{id_}/1",
            sending_hei=omobilities.MobilityHei(hei_id=LINDENTAL),
            receiving_hei=omobilities.MobilityHei(hei_id=receiving),
            sending_academic_term_ewp_id="2026/2027-1/2",
            receiving_academic_year_id=year,
            activity_type="student-studies",
            activity_attributes=attributes,
            agreement_isced_f_code="0613",
            eqf_level_studied_at_departure=6,
            nominee_isced_f_code="0613",
        ),
        status=omobilities.StatusV3.PENDING,
    )


def older(mobility):
    content, student = mobility.nomination, mobility.student
    return omobilities.StudentMobilityV2(
        omobility_id=mobility.omobility_id,
        sending_hei=content.sending_hei,
        receiving_hei=content.receiving_hei,
        sending_academic_term_ewp_id=content.sending_academic_term_ewp_id,
        receiving_academic_year_id=content.receiving_academic_year_id,
        student=omobilities.StudentV2(
            given_names=student.given_names,
            family_names=student.family_names,
            global_id=student.global_id,
        ),
        status=omobilities.StatusV2.LIVE,
        activity_type=content.activity_type,
        activity_attributes=content.activity_attributes,
    )


SIGNED = las.Signature(timestamp=datetime(2026, 2, 1, 12, tzinfo=UTC))


def agreement(id_, receiving, year, components):
    contact = las.ContactPerson(given_names="A", family_name="B", email="office@hei.example")
    return las.LearningAgreement(
        omobility_id=id_,
        sending_hei=las.MobilityInstitution(hei_id=LINDENTAL, contact_person=contact),
        receiving_hei=las.MobilityInstitution(hei_id=receiving, contact_person=contact),
        receiving_academic_year_id=year,
        student=las.Student(given_names="Jördis", global_id=f"{ESI}{id_.upper()}"),
        start_year_month="2026-09",
        end_year_month="2027-02",
        eqf_level_studied_at_departure=6,
        isced_f_code="0613",
        student_language_skill=las.LanguageSkill(language="en", cefr_level="B2"),
        changes_proposal=las.ChangesProposal(
            id=f"{id_}/1",
            student_signature=SIGNED,
            sending_hei_signature=SIGNED,
            **{components: (las.Component(title="Mapping"),)},
        ),
    )


def reception(id_):
    return imobilities.IncomingMobilityV1(
        omobility_id=id_,
        status=imobilities.NominationStatus.VERIFIED,
        actual_arrival_date=date(2026, 9, 14),
    )


NOMINATIONS = {
    each.omobility_id: each
    for each in (
        nomination("om-1", RIBEIRA, "2026/2027", "long-term"),
        nomination("om-2", MONTFORT, "2026/2027", "short-term-blended"),
        nomination("om-3", RIBEIRA, "2027/2028", "short-term-doctoral"),
    )
}
AGREEMENTS = {
    each.omobility_id: each
    for each in (
        agreement("om-1", RIBEIRA, "2026/2027", "components_studied"),
        agreement("om-2", MONTFORT, "2026/2027", "blended_mobility_components"),
        agreement("om-3", RIBEIRA, "2027/2028", "short_term_doctoral_components"),
        agreement("om-4", RIBEIRA, "2027/2028", "blended_mobility_components"),
    )
}
RECEPTIONS = {"in-1": RIBEIRA, "in-2": MONTFORT}
CHANGED = datetime(2026, 2, 20, 12, tzinfo=UTC)
INFO = factsheet.InformationEntry(
    email="incoming@lindental.example",
    phone_number=Phone(e164="+49123"),
    website_urls=(Text(value="https://lindental.example/incoming", lang="en"),),
)
TERMS = factsheet.CalendarEntry(autumn_term="--05-15", spring_term="--10-31")


@dataclass
class Kept(Issued, Units, Agreed, Taught, Counted):
    """The store behind the host: answers what it is asked, and notes what it was told."""

    broken: bool = False
    heard: list = field(default_factory=list)
    asked: list = field(default_factory=list)

    def there(self, objects, ids, since=None):
        self.asked.append(ids)
        if self.broken:
            raise ConnectionResetError("Jördis Łęcka")
        recent = since is None or since <= CHANGED
        return [each for id_, each in objects.items() if recent and (ids is None or id_ in ids)]

    def listed(self, objects, facts, wanted):
        found = self.there(objects, None)
        return [each.omobility_id for each in found if wanted.takes(facts(each), CHANGED)]

    async def nominations(self, major, ids):
        found = self.there(NOMINATIONS, ids)
        return found if major >= 3 else [older(each) for each in found]

    async def nominated(self, major, wanted):
        return self.listed(NOMINATIONS, nomination_facts, wanted)

    async def decide(self, caller, request, *, request_id):
        known = NOMINATIONS.get(request.omobility_id)
        if known is None or known.nomination.receiving_hei.hei_id not in caller:
            raise RequestRefused("omobility-id: unknown")
        if known.nomination.proposal_id != request.proposal_id:
            raise EditConflict("proposal-id: not the current one\x0b")
        self.heard.append(request)
        return [Text(value="Merci !", lang="fr")]

    async def agreements(self, ids):
        return self.there(AGREEMENTS, ids)

    async def agreed(self, wanted):
        return self.listed(AGREEMENTS, agreement_facts, wanted)

    async def sign_or_comment(self, caller, request, *, request_id):
        known = AGREEMENTS.get(request.operation.omobility_id)
        if known is None or known.receiving_hei.hei_id not in caller:
            raise RequestRefused("omobility-id: unknown")
        if known.changes_proposal.id != request.operation.changes_proposal_id:
            raise EditConflict("changes-proposal-id: not the current one")
        self.heard.append(request)
        return [Text(value="Danke", lang="de")]

    async def receptions(self, major, senders, ids):
        self.asked.append(ids)
        found = [
            reception(id_)
            for id_, sender in RECEPTIONS.items()
            if id_ in ids and (senders is None or sender in senders)
        ]
        if major == 1:
            return found
        return [
            imobilities.IncomingMobilityV2(
                omobility_id=each.omobility_id, actual_arrival_date=each.actual_arrival_date
            )
            for each in found
        ]

    async def institution(self):
        return institutions.Hei(
            hei_id=LINDENTAL,
            names=(Text(value="Universität Lindental", lang="de"),),
            other_ids=(institutions.OtherId(type="erasmus", value="D  LINDENT01"),),
        )

    async def factsheet(self):
        return factsheet.Factsheet(
            hei_id=LINDENTAL,
            calendar=factsheet.Calendar(student_nominations=TERMS, student_applications=TERMS),
            application_info=INFO,
            decision_weeks_limit=4,
            tor_weeks_limit=5,
            housing_info=INFO,
            visa_info=INFO,
            insurance_info=INFO,
        )

    async def changed(self, api, hei_id, callers, ids):
        if self.broken:
            raise ConnectionResetError("away")
        self.heard.append((api, hei_id, sorted(callers), list(ids)))


def hosted(kept):
    lindental = HostedHei(
        hei_id=LINDENTAL,
        names={"de": "Universität Lindental", "en": "Lindental & Daughters University"},
        admin_emails=("ewp@lindental.example", "it@lindental.example"),
        admin_provider="A Provider (Software)",
        base_url=f"https://{NAME}",
        client_keys=(OWN_KEY.public,),
        server_key=SIGNS_ANSWERS,
        services=(
            OmobilitiesService(2, kept, most=3),
            OmobilitiesService(3, kept, most=3),
            OmobilityLasService(kept, most=3, stats=kept),
            ImobilitiesService(1, kept, most=3),
            ImobilitiesService(2, kept, most=3),
            InstitutionsService(kept),
            OunitsService(kept, most=3),
            FactsheetService(kept),
            CnrService("omobility-cnr", 1, kept, most=3),
            CnrService("omobility-cnr", 2, kept, most=3),
            CnrService("imobility-cnr", 1, kept, most=3),
            CnrService("imobility-cnr", 2, kept, most=3),
            CnrService("omobility-la-cnr", 1, kept, most=3, stats=kept),
            ImobilityTorsService(2, kept, most=3),
            ImobilityTorsService(3, kept, most=3),
            CnrService("imobility-tor-cnr", 1, kept, most=3),
            CnrService("imobility-tor-cnr", 2, kept, most=3),
            IiasService(6, kept, most=3),
            IiasService(7, kept),
            IiasApprovalService(1, kept, most=3),
            IiasApprovalService(2, kept, most=3),
            AgreementCnrService("iia-cnr", 2, kept),
            AgreementCnrService("iia-cnr", 3, kept),
            AgreementCnrService("iia-approval-cnr", 1, kept),
            AgreementCnrService("iia-approval-cnr", 2, kept),
            OmobilityStatsService(kept),
            ImobilityTorStatsService(kept),
            CoursesService(kept, most=3),
            CourseReplicationService(kept),
            FileService(kept),
            MonitoringService(kept),
        ),
    )
    nordfjord = {"hei_id": NORDFJORD, "client_keys": (NOBODYS_KEY.public,), "services": ()}
    other = HostedHei(
        **{name: getattr(lindental, name) for name in HostedHei.__slots__} | nordfjord
    )
    return {LINDENTAL: lindental, NORDFJORD: other}


# -- Calling it --


KNOWN = read_catalogue([REGISTERED])


class World:
    """The host as strangers see it."""

    def __init__(self, kept):
        self.kept = kept
        self.origin = ""
        self.http = None
        self.begin()

    def begin(self):
        """Forget what the last test did."""
        self.kept.broken, self.kept.heard, self.kept.asked = False, [], []
        self.catalogue = KNOWN
        self.known = self._known
        self.refresh = self._refresh
        self.refusals = []
        self.refused = self._refused

    def _known(self):
        return self.catalogue

    async def _refresh(self):
        pass

    async def _refused(self, *refusal):
        self.refusals.append(refusal)

    async def ask(
        self, target, *, method="GET", body=b"", key=PARTNER, signed=None, kind=XML, **more
    ):
        """A signed call; the answer's own signature is always checked."""
        more = {"host": NAME} | more
        headers = key.request(method, signed or target, body=body, **more)
        return await self.send(method, target, headers, body, kind=kind)

    async def send(self, method, target, headers, body=b"", *, kind=XML):
        answer = await self.http.request(
            method, self.origin + target, headers=headers, content=body
        )
        assert is_signed_answer(SERVER, answer, request=headers)
        assert answer.headers["content-type"] == kind
        return answer

    async def post(self, target, form, **more):
        return await self.ask(target, method="POST", body=form.encode(), **more)

    async def post_xml(self, target, body, **more):
        before = {"content-type": "text/xml; charset=utf-8"} | more.pop("before", {})
        return await self.ask(target, method="POST", body=body, before=before, **more)


@asynccontextmanager
async def a_world():
    kept = Kept()
    world = World(kept)
    app = EwpHost(
        hosted(kept).get,
        lambda: world.known(),  # noqa: PLW0108 - a test may put another one there
        hosts=["EWP.lindental.example:8443"],
        now=lambda: NOW,
        refresh_for_unknown_key=lambda: world.refresh(),  # noqa: PLW0108
        on_refusal=lambda *refusal: world.refused(*refusal),  # noqa: PLW0108
    )
    # No TLS here, so no authorities are loaded: that would take longer than the tests.
    http = httpx.AsyncClient(verify=False, trust_env=False)
    async with serving(app) as world.origin, http as world.http:
        yield world


# -- What it says --


def told(answer):
    """Status, root element and every text of an answer."""
    root = etree.fromstring(answer.content)
    namespace = etree.QName(root).namespace
    name = etree.QName(root).localname
    if name == "error-response":
        assert namespace == COMMON
        assert [etree.QName(each).localname for each in root] == ["developer-message"]
        assert root[0].text.strip()
    return answer.status_code, name, [each.text for each in root.iter() if len(each) == 0]


def ids(answer):
    """The ids in a successful `get` or `index` answer, in their order."""
    assert answer.status_code == 200
    return [each.text for each in etree.fromstring(answer.content).iter("{*}omobility-id")]


def refusal(answer):
    status, name, texts = told(answer)
    assert name == "error-response"
    return status, texts[0]
