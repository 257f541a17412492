"""One mobility on the test bed, moved by its universities' own hands: for test_every_row.py."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from msgspec.structs import replace as changed
from testbed import Bed

from erasmus_app.cli.phones import Phone
from erasmus_app.store.looks import LookTable
from erasmus_app.worker.remind import Reminder
from ewp.ids import OmobilityId
from ewp.messages import omobilities, omobility_las
from ewp.messages.omobilities import StatusV2, StatusV3
from sandbox import office
from sandbox.cast import CLAIRVAL, LINDENTAL, RIBEIRA, STUDENTS
from sandbox.hei import SandboxHei
from sandbox.story import Life

# Who goes where, and whether nominations speak the new family. Ribeira is the covered HEI: out of
# it nobody is told and its own system is asked; into it the partner sends notifications.
GO = {
    "ines": (RIBEIRA, LINDENTAL, True),
    "tiago": (RIBEIRA, CLAIRVAL, False),
    "jonas": (LINDENTAL, RIBEIRA, True),
    "camille": (CLAIRVAL, RIBEIRA, False),
}
TODAY = datetime.now(UTC).date()
DAY = timedelta(days=1)
BEGINS, ENDS = TODAY + office.LATER, TODAY + office.LATER + office.STAY
APPLY = TODAY + timedelta(days=60)  # as the sandbox's factsheets say at first
COURSE = omobility_las.Component(title="Ethics of Engineering", los_code="PHI-101")


@dataclass(slots=True)
class Scene:
    """A mobility of one student; the acts change what a university is master of."""

    bed: Bed
    phone: Phone
    key: str
    omobility_id: OmobilityId
    changes: list[tuple[str, bool]] = field(default_factory=list)  # CNR API, sent by the host

    @property
    def is_new(self) -> bool:
        return GO[self.key][2]

    @property
    def home(self) -> SandboxHei:
        return self.bed.world.network.heis[GO[self.key][0].hei_id]

    @property
    def host(self) -> SandboxHei:
        return self.bed.world.network.heis[GO[self.key][1].hei_id]

    async def announce(self) -> None:
        """Send the notifications; what changed in Ribeira's own system is told to nobody."""
        home, host, _ = GO[self.key]
        life = Life(
            self.bed.world.network, STUDENTS[self.key], home, host, self.omobility_id, self.is_new
        )
        for api, by_host in self.changes:
            if (by := host if by_host else home) is not RIBEIRA:
                await life._announce(api, by, RIBEIRA, (2, 1))
        self.changes.clear()

    # Nominations

    async def nominated(self, status: str | None = None, *, before: date | None = None) -> None:
        """Nominate, for the term that a deadline is for."""
        nominate = office.nominate_new if self.is_new else office.nominate_old
        nominate(self.home, STUDENTS[self.key], self.host.hei_id, self.omobility_id)
        year, number = office.term_before(before or BEGINS)
        term = {
            "sending_academic_term_ewp_id": f"{year}-{number}/2",
            "receiving_academic_year_id": year,
        }
        if self.is_new:
            known = self.home.kept.new[self.omobility_id]
            self.home.kept.new[self.omobility_id] = changed(
                known, nomination=changed(known.nomination, **term)
            )
        else:
            stay = {"planned_arrival_date": BEGINS, "planned_departure_date": ENDS}
            self._old(**term, **stay)
        if status is not None:
            await self.becomes(status)
        self._tell("omobility-cnr")

    async def becomes(self, status: str) -> None:
        """Set the nomination's status."""
        if self.is_new:
            known = self.home.kept.new[self.omobility_id]
            self.home.kept.new[self.omobility_id] = changed(known, status=StatusV3(status))
        else:
            self._old(status=StatusV2(status))
        self._tell("omobility-cnr")

    async def accepted(self) -> None:
        """Accept, where the family keeps it."""
        await (self.becomes("approved") if self.is_new else self.received("verified"))

    async def nominated_and_accepted(self) -> None:
        await self.nominated()
        await self.accepted()

    async def corrected(self, **student: Any) -> None:
        """Correct what the nomination says about the student."""
        kept = self.home.kept.new if self.is_new else self.home.kept.old
        known: Any = kept[self.omobility_id]
        kept[self.omobility_id] = changed(known, student=changed(known.student, **student))
        self._tell("omobility-cnr")

    async def nominated_anew(self, **content: Any) -> None:
        """Change the nomination's content, which the host decides on anew."""
        if self.is_new:
            known = self.home.kept.new[self.omobility_id]
            nomination = changed(known.nomination, proposal_id=self.home.next_proposal(), **content)
            self.home.kept.new[self.omobility_id] = changed(
                known, nomination=nomination, status=StatusV3.PENDING
            )
        else:
            self._old(**content)
        self._tell("omobility-cnr")

    async def asked_for(self, *papers: str) -> None:
        self._old(
            additional_requirements=tuple(
                omobilities.AdditionalRequirement(name=each, url="https://papers.example/1")
                for each in papers
            )
        )
        self._tell("omobility-cnr")

    async def nomination_gone(self) -> None:
        kept: Any = self.home.kept.new if self.is_new else self.home.kept.old
        del kept[self.omobility_id]
        self._tell("omobility-cnr")

    def _old(self, **content: Any) -> None:
        known = self.home.kept.old[self.omobility_id]
        self.home.kept.old[self.omobility_id] = changed(known, **content)

    # The host's side

    async def received(
        self, status: str = "verified", arrival: date | None = None, departure: date | None = None
    ) -> None:
        office.receive(self.host, self.home.hei_id, self.omobility_id, status)
        known = self.host.kept.receptions[self.omobility_id]
        self.host.kept.receptions[self.omobility_id] = changed(
            known, actual_arrival_date=arrival, actual_departure_date=departure
        )
        self._tell("imobility-cnr", by_host=True)

    async def graded(self, recognition: str | None = None, **course: Any) -> None:
        """Issue a transcript; `course` changes the first course's result."""
        office.issue_transcript(
            self.host,
            STUDENTS[self.key],
            self.home.hei_id,
            self.omobility_id,
            grades=(course.get("grade", "16"), "14", "18", "12"),
            recognition=recognition,
        )
        self._tell("imobility-tor-cnr", by_host=True)

    async def transcript_gone(self) -> None:
        del self.host.kept.transcripts[self.omobility_id]
        self._tell("imobility-tor-cnr", by_host=True)

    # The learning agreement

    async def sent(self, **content: Any) -> None:
        """Student and home sign; the host must."""
        office.send_agreement(
            self.home,
            STUDENTS[self.key],
            self.host.hei_id,
            self.omobility_id,
            term=office.term_before(BEGINS),
            begins=BEGINS,
        )
        await self.amended(**content)

    async def amended(self, **content: Any) -> None:
        """Change the agreement as it is shown."""
        known = self.home.kept.agreements[self.omobility_id]
        self.home.kept.agreements[self.omobility_id] = changed(known, **content)
        self._tell("omobility-la-cnr")

    async def signed(self) -> None:
        """Let the host sign what waits."""
        await self._decided(
            omobility_las.ApproveProposal(
                omobility_id=self.omobility_id,
                changes_proposal_id=self._proposal.id,
                signature=office.signature_of(self.host.university),
            )
        )

    async def commented(self) -> None:
        """Let the host send back what waits."""
        await self._decided(
            omobility_las.CommentProposal(
                omobility_id=self.omobility_id,
                changes_proposal_id=self._proposal.id,
                comment="Please choose another course.",
                signature=office.signature_of(self.host.university),
            )
        )

    async def ready(self, **content: Any) -> None:
        """Accepted, and the agreement signed by all three."""
        await self.nominated_and_accepted()
        await self.sent(**content)
        await self.signed()

    async def changing(self, *components: omobility_las.Component, **content: Any) -> None:
        """Propose a change of what was signed."""
        office.propose_change(self.home, self.omobility_id)
        proposal = changed(self._proposal, components_studied=components)
        await self.amended(
            changes_proposal=changed(proposal, student=content.pop("student", None)), **content
        )

    async def agreement_gone(self) -> None:
        del self.home.kept.agreements[self.omobility_id]
        self._tell("omobility-la-cnr")

    @property
    def _proposal(self) -> omobility_las.ChangesProposal:
        proposal = self.home.kept.agreements[self.omobility_id].changes_proposal
        assert proposal is not None
        return proposal

    async def _decided(
        self, operation: omobility_las.ApproveProposal | omobility_las.CommentProposal
    ) -> None:
        request = omobility_las.UpdateRequest(sending_hei_id=self.home.hei_id, operation=operation)
        await self.home.sign_or_comment(frozenset({self.host.hei_id}), request)
        self._tell("omobility-la-cnr")

    # The calendar

    async def looked_at(self, day: date) -> None:
        """Take the worker's daily look, on another day: the clock is handed in."""
        noon = datetime.combine(day, time(12), tzinfo=UTC)
        app = self.bed.app
        services = replace(app.services, clock=lambda: noon)
        reminder = Reminder(services, app.records, LookTable(app.database), app.factsheets)
        await reminder.look_at((RIBEIRA.hei_id, self.home.hei_id, self.omobility_id))

    def _tell(self, api: str, *, by_host: bool = False) -> None:
        (self.host if by_host else self.home).save(self.omobility_id)
        if (api, by_host) not in self.changes:
            self.changes.append((api, by_host))


Act = Callable[[Scene], Awaitable[None]]


def deleted(reason: str | None = None) -> omobility_las.Component:
    """The second course of the agreement, taken out."""
    return changed(
        office.STUDIED[1], status=omobility_las.ComponentStatus.DELETED, reason_code=reason
    )


def inserted(reason: str | None = None) -> omobility_las.Component:
    """A course that is put in."""
    return changed(COURSE, status=omobility_las.ComponentStatus.INSERTED, reason_code=reason)
