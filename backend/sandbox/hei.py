"""One HEI of the sandbox: what it is master of, and the services that show it to the network."""

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from ewp.decisions import decide_agreement, decide_nomination
from ewp.errors import RequestRefused
from ewp.host_filters import IndexFilter, agreement_facts, nomination_facts
from ewp.ids import HeiId, OmobilityId, ProposalId
from ewp.messages import (
    factsheet,
    imobilities,
    imobility_tors,
    institutions,
    omobilities,
    omobility_las,
)
from ewp.messages.common import Phone, Text
from sandbox.accords import Accords
from sandbox.cast import University
from sandbox.units import ROOT, address_of, contacts_of, units_of


class Kept(msgspec.Struct, kw_only=True):
    """Everything an HEI is master of; written to disk after each change."""

    new: dict[str, omobilities.StudentMobilityV3] = {}
    old: dict[str, omobilities.StudentMobilityV2] = {}
    agreements: dict[str, omobility_las.LearningAgreement] = {}
    receptions: dict[str, imobilities.IncomingMobilityV1] = {}
    transcripts: dict[str, imobility_tors.Tor] = {}
    senders: dict[str, HeiId] = {}  # of the receptions, by omobility id
    published: factsheet.Factsheet | None = None  # None until somebody asks, or where it has none
    changed: dict[str, datetime] = {}
    told: int = 0  # numbers proposals


class SandboxHei:
    """A university's own system. Its providers answer strictly by the book."""

    def __init__(self, university: University, folder: Path) -> None:
        self.university = university
        self.hei_id = university.hei_id
        self._path = folder / f"{university.hei_id}.json"
        self.heard: deque[tuple[str, frozenset[HeiId], tuple[OmobilityId, ...]]] = deque(maxlen=100)
        self.accords = Accords(university)
        self.kept = Kept()
        if self._path.is_file():
            self.kept = msgspec.json.decode(self._path.read_bytes(), type=Kept)

    def save(self, omobility_id: str) -> None:
        """Note a change, and keep everything."""
        self.kept.changed[omobility_id] = datetime.now(UTC)
        self._keep()

    def _keep(self) -> None:
        building = self._path.with_suffix(".new")
        building.write_bytes(msgspec.json.encode(self.kept))
        building.replace(self._path)

    def next_proposal(self) -> ProposalId:
        """Return a proposal id that was never used."""
        self.kept.told += 1
        return ProposalId(f"{self.hei_id.split('.')[0]}-{self.kept.told}")

    # What the network asks (ewp.host_services)

    async def nominations(
        self, major: int, ids: Sequence[OmobilityId]
    ) -> Sequence[omobilities.StudentMobility]:
        """Return nominations of one version."""
        found = self._nominations(major)
        return [found[each] for each in ids if each in found]

    async def nominated(self, major: int, wanted: IndexFilter) -> Sequence[OmobilityId]:
        """Return whose nominations of one version there are."""
        return [
            each.omobility_id
            for name, each in self._nominations(major).items()
            if wanted.takes(nomination_facts(each), self._changed(name))
        ]

    def _nominations(self, major: int) -> Mapping[str, omobilities.StudentMobility]:
        return self.kept.new if major >= 3 else self.kept.old

    async def decide(
        self,
        caller: frozenset[HeiId],
        request: omobilities.UpdateRequest,
        *,
        request_id: str | None,
    ) -> Sequence[Text]:
        """Store the receiving HEI's decision."""
        del request_id
        known = self.kept.new.get(request.omobility_id)
        if known is None or known.nomination.receiving_hei.hei_id not in caller:
            raise RequestRefused("omobility-id: unknown, or not a mobility to the caller")
        self.kept.new[request.omobility_id] = decide_nomination(known, request)
        self.save(request.omobility_id)
        return [Text(value="Thank you, the decision is stored.", lang="en")]

    async def agreements(
        self, ids: Sequence[OmobilityId]
    ) -> Sequence[omobility_las.LearningAgreement]:
        """Return the visible learning agreements."""
        return [self.kept.agreements[each] for each in ids if each in self.kept.agreements]

    async def agreed(self, wanted: IndexFilter) -> Sequence[OmobilityId]:
        """Return whose learning agreements there are."""
        return [
            each.omobility_id
            for name, each in self.kept.agreements.items()
            if wanted.takes(agreement_facts(each), self._changed(name))
        ]

    async def sign_or_comment(
        self,
        caller: frozenset[HeiId],
        request: omobility_las.UpdateRequest,
        *,
        request_id: str | None,
    ) -> Sequence[Text]:
        """Store the receiving HEI's signature, or take the proposal back for changes."""
        del request_id
        operation = request.operation
        known = self.kept.agreements.get(operation.omobility_id)
        if known is None or known.receiving_hei.hei_id not in caller:
            raise RequestRefused("omobility-id: unknown, or not a mobility to the caller")
        after = decide_agreement(known, operation)
        if after is None:
            del self.kept.agreements[operation.omobility_id]
        else:
            self.kept.agreements[operation.omobility_id] = after
        self.save(operation.omobility_id)
        return [Text(value="Thank you, it is stored.", lang="en")]

    async def receptions(
        self, major: int, senders: frozenset[HeiId] | None, ids: Sequence[OmobilityId]
    ) -> Sequence[imobilities.IncomingMobility]:
        """Return the receiving side of mobilities."""
        found: list[imobilities.IncomingMobility] = []
        for each in ids:
            known = self.kept.receptions.get(each)
            if known is None or (senders is not None and self.kept.senders[each] not in senders):
                continue
            if major < 2:
                found.append(known)
            else:
                found.append(
                    imobilities.IncomingMobilityV2(
                        omobility_id=known.omobility_id,
                        actual_arrival_date=known.actual_arrival_date,
                        actual_departure_date=known.actual_departure_date,
                    )
                )
        return found

    async def transcripts(
        self, major: int, senders: frozenset[HeiId] | None, ids: Sequence[OmobilityId]
    ) -> Sequence[imobility_tors.Tor]:
        """Return the transcripts issued."""
        shown = await self.issued(major, senders, None, None)
        return [self.kept.transcripts[each] for each in ids if each in shown]

    async def issued(
        self,
        major: int,
        senders: frozenset[HeiId] | None,
        modified_since: datetime | None,
        receiving_academic_year_id: str | None,
    ) -> Sequence[OmobilityId]:
        """Return whose transcripts there are."""
        del major
        return [
            OmobilityId(name)
            for name, each in self.kept.transcripts.items()
            if (senders is None or self.kept.senders[name] in senders)
            and receiving_academic_year_id in {None, each.receiving_academic_year_id}
            and (modified_since is None or self._changed(name) >= modified_since)
        ]

    async def institution(self) -> institutions.Hei:
        """Return the HEI itself."""
        own = self.university
        return institutions.Hei(
            hei_id=own.hei_id,
            other_ids=(institutions.OtherId(type="erasmus", value=own.erasmus_code),),
            names=tuple(Text(value=name, lang=lang) for lang, name in own.names.items()),
            abbreviation=own.erasmus_code.split()[-1][:3],
            street_address=address_of(own, next(iter(own.names.values()))),
            website_urls=(Text(value=own.website, lang="en"),),
            logo_url=f"{own.website}/logo.svg",
            mobility_factsheet_urls=(Text(value=f"{own.website}/exchange", lang="en"),),
            course_catalogue_urls=(Text(value=f"{own.website}/courses", lang="en"),),
            contacts=contacts_of(own),
            root_ounit_id=ROOT,
            ounit_ids=tuple(each.ounit_id for each in units_of(own)),
        )

    async def factsheet(self) -> factsheet.Factsheet | None:
        """Return its factsheet, with days that lie ahead when it is first asked for."""
        if self.kept.published is None and self.university.serves_factsheet:
            today = datetime.now(UTC).date()
            self.publish(
                nominations=f"{today + timedelta(days=30):--%m-%d}",
                applications=f"{today + timedelta(days=60):--%m-%d}",
            )
        return self.kept.published

    def publish(
        self, *, nominations: str, applications: str, requirements: Sequence[str] = ()
    ) -> None:
        """Publish a factsheet: the days `--MM-DD`, for both terms, and names of papers."""
        own = self.university
        info = factsheet.InformationEntry(
            email=own.coordinator.email,
            phone_number=Phone(e164="+999123456"),
            website_urls=(Text(value=f"{own.website}/exchange", lang="en"),),
        )
        self.kept.published = factsheet.Factsheet(
            hei_id=own.hei_id,
            calendar=factsheet.Calendar(
                student_nominations=factsheet.CalendarEntry(
                    autumn_term=nominations, spring_term=nominations
                ),
                student_applications=factsheet.CalendarEntry(
                    autumn_term=applications, spring_term=applications
                ),
            ),
            application_info=info,
            additional_requirements=tuple(
                factsheet.AdditionalRequirement(name=each, details="As a PDF file.")
                for each in requirements
            ),
            decision_weeks_limit=4,
            tor_weeks_limit=5,
            housing_info=info,
            visa_info=info,
            insurance_info=info,
            accessibilities=(
                factsheet.Accessibility(
                    type=factsheet.AccessibilityType.SERVICE,
                    name="Note takers",
                    description="Ask two weeks before the term begins.",
                    information=info,
                ),
            ),
            additional_infos=(factsheet.AdditionalInfo(type="Bicycles", info=info),),
        )
        self._keep()

    def _changed(self, name: str) -> datetime:
        return self.kept.changed[name]
