"""What happens in the sandbox, step by step: the lives of four mobilities.

Three are told to the end, the fourth as far as a deadline that moves. Each step is done by a
university the way it would be: it changes what it is master of, calls the other side over the
network where EWP has a call for it, and announces the change by CNR.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import msgspec

from ewp.apis import about_hei
from ewp.errors import PartnerError
from ewp.ids import HeiId, OmobilityId, ProposalId
from ewp.messages import omobilities, omobility_las
from sandbox import office
from sandbox.cast import (
    CAMILLE,
    CLAIRVAL,
    INES,
    JEZIORO,
    JONAS,
    LINDENTAL,
    RIBEIRA,
    ZOFIA,
    Family,
    Student,
    University,
)
from sandbox.clock import today
from sandbox.hei import SandboxHei
from sandbox.network import Network

GRADES, CORRECTED = ("16", "14", "18", "12"), ("16", "15", "18", "12")


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """One step that was taken."""

    number: int
    of: int
    title: str
    student: str  # key
    lines: tuple[str, ...]  # what the universities did
    expects: str | None  # the kind of message that the phone should get


@dataclass(slots=True)
class Step:
    """One step of the story."""

    title: str
    student: Student
    expects: str | None
    act: Callable[[], Awaitable[tuple[str, ...]]]


@dataclass(slots=True)
class Story:
    """The steps, in order, and how far it has come; kept over a restart."""

    network: Network
    path: Path
    taken: int = 0
    steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.path.is_file():
            self.taken = int(self.path.read_text(encoding="ascii"))
        new = Life(self.network, INES, RIBEIRA, LINDENTAL, OmobilityId("rib-2027-0417"), True)
        old = Life(self.network, CAMILLE, CLAIRVAL, RIBEIRA, OmobilityId("CLV/27/E77120"), False)
        only = Life(self.network, ZOFIA, JEZIORO, RIBEIRA, OmobilityId("uj-310442-1"), False)
        next_year = Life(self.network, JONAS, LINDENTAL, RIBEIRA, OmobilityId("lin-5520913"), True)
        self.steps = [
            *new.nomination(),
            *old.nomination(),
            *new.agreement(),
            *old.agreement(),
            *only.agreement_only(),
            *new.stay(),
            *old.stay(),
            *only.reception(),
            *only.stay(),
            *next_year.deadline(),
        ]

    async def next(self) -> Done | None:
        """Take the next step; None where the story is over."""
        if self.taken >= len(self.steps):
            return None
        step = self.steps[self.taken]
        lines = await step.act()
        self.taken += 1
        building = self.path.with_suffix(".new")
        building.write_text(str(self.taken), encoding="ascii")
        building.replace(self.path)
        return Done(
            number=self.taken,
            of=len(self.steps),
            title=step.title,
            student=step.student.key,
            lines=lines,
            expects=step.expects,
        )


@dataclass(slots=True)
class Life:
    """One mobility of one student, from `sending` to `receiving`."""

    network: Network
    student: Student
    sending: University
    receiving: University
    omobility_id: OmobilityId
    is_new: bool  # the new family of nominations

    def nomination(self) -> list[Step]:
        """Nominated, then accepted, in either family."""
        return [
            self._step("is nominated", "nominated", self._nominate),
            self._step("is accepted", "nomination_accepted", self._accept),
        ]

    def agreement(self) -> list[Step]:
        """Sent, sent back, sent again, signed; then a change, agreed."""
        return [
            self._step("sends the learning agreement", "agreement_sent", self._send),
            self._step("gets the agreement back", "agreement_sent_back", self._comment),
            self._step("sends it again, corrected", "agreement_sent", self._send),
            self._step("has a signed agreement", "agreement_signed", self._sign),
            self._step("asks for another course", "change_sent", self._change),
            self._step("has the change agreed", "change_agreed", self._sign),
        ]

    def reception(self) -> list[Step]:
        """Accepted by the host's own word, where home nominates by other means."""
        return [self._step("is accepted", "nomination_accepted", self._accept)]

    def stay(self) -> list[Step]:
        """Arrived, departed, graded, recognised.

        In the old family home says itself that all is ready, and that the results count.
        """
        arrived = self._step("arrives", "arrival_confirmed", self._arrive)
        departed = self._step("has left", "departure_confirmed", self._depart)
        graded = self._step("gets the transcript", "transcript_issued", self._grade)
        if Family.OLD not in self.sending.families or self.is_new:  # home has no word for the end
            again = partial(self._grade, grades=CORRECTED)
            counted = partial(self._grade, grades=CORRECTED, recognition="Positive")
            return [
                arrived,
                departed,
                graded,
                self._step("gets a corrected transcript", "transcript_corrected", again),
                self._step("reads what was recognised", "recognition_reported", counted),
            ]
        ready = partial(self._set_status, omobilities.StatusV2.LIVE, "all formalities are done")
        ended = partial(self._set_status, omobilities.StatusV2.RECOGNIZED, "the results count")
        return [
            self._step("is ready to go", "formalities_done", ready),
            arrived,
            departed,
            graded,
            self._step("has the results recognised", "recognised", ended),
        ]

    def agreement_only(self) -> list[Step]:
        """Where the partner shares learning agreements and nothing else."""
        return [
            self._step("sends the learning agreement", "agreement_sent", self._send),
            self._step("has a signed agreement", "agreement_signed", self._sign),
        ]

    def deadline(self) -> list[Step]:
        """Nominated, and an agreement is on its way, when the host wants applications sooner."""
        return [
            self._step("is nominated", "nominated", self._nominate_for_later),
            self._step("sends the learning agreement", "agreement_sent", self._send_for_later),
            self._step("has a deadline that moves", "deadline_moved", self._move_deadline),
        ]

    def _step(self, what: str, expects: str, act: Callable[[], Awaitable[tuple[str, ...]]]) -> Step:
        return Step(f"{self.student.given_names} {what}", self.student, expects, act)

    async def _nominate(self) -> tuple[str, ...]:
        nominate = office.nominate_new if self.is_new else office.nominate_old
        nominate(self._home, self.student, self.receiving.hei_id, self.omobility_id)
        version = 3 if self.is_new else 2
        return (
            f"{_name(self.sending)} nominates in its own system (omobilities {version})",
            await self._announce("omobility-cnr", self.sending, self.receiving, (2, 1)),
        )

    async def _nominate_for_later(self) -> tuple[str, ...]:
        office.nominate_new(
            self._home, self.student, self.receiving.hei_id, self.omobility_id, term=_later()
        )
        return (
            f"{_name(self.sending)} nominates in its own system (omobilities 3)",
            await self._announce("omobility-cnr", self.sending, self.receiving, (2, 1)),
        )

    async def _send_for_later(self) -> tuple[str, ...]:
        office.send_agreement(
            self._home,
            self.student,
            self.receiving.hei_id,
            self.omobility_id,
            term=_later(),
            begins=today() + office.LATER,
        )
        return (
            f"{self.student.given_names} and {_name(self.sending)} sign (omobility-las 1.2)",
            await self._announce("omobility-la-cnr", self.sending, self.receiving, (1,)),
        )

    async def _move_deadline(self) -> tuple[str, ...]:
        day = today() + office.SOON
        self.network.heis[self.receiving.hei_id].publish(
            nominations=f"{today():--%m-%d}", applications=f"{day:--%m-%d}"
        )
        return (
            f"{_name(self.receiving)} publishes another deadline in its factsheet: {day}",
            "A factsheet is announced to nobody: who reads it again sees it",
        )

    async def _accept(self) -> tuple[str, ...]:
        there = self.network.heis[self.receiving.hei_id]
        if self.is_new:
            office.receive(there, self.sending.hei_id, self.omobility_id, "verified")
            known = self._home.kept.new[self.omobility_id]
            request = omobilities.ApproveProposal(
                omobility_id=self.omobility_id, proposal_id=known.nomination.proposal_id
            )
            await self._update("omobilities", 3, omobilities.write_update_request(request))
            return (
                f"{_name(self.receiving)} accepts: a signed update to {_name(self.sending)}",
                await self._announce("omobility-cnr", self.sending, self.receiving, (2, 1)),
            )
        office.receive(there, self.sending.hei_id, self.omobility_id, "verified")
        return (
            f"{_name(self.receiving)} accepts in its own system (imobilities 1)",
            await self._announce("imobility-cnr", self.receiving, self.sending, (1,)),
        )

    async def _send(self) -> tuple[str, ...]:
        office.send_agreement(self._home, self.student, self.receiving.hei_id, self.omobility_id)
        return (
            f"{self.student.given_names} and {_name(self.sending)} sign (omobility-las 1.2)",
            await self._announce("omobility-la-cnr", self.sending, self.receiving, (1,)),
        )

    async def _comment(self) -> tuple[str, ...]:
        operation = omobility_las.CommentProposal(
            omobility_id=self.omobility_id,
            changes_proposal_id=self._proposal,
            comment="One course is not taught in that term, please choose another.",
            signature=office.signature_of(self.receiving),
        )
        await self._decide(operation)
        return (
            f"{_name(self.receiving)} asks for changes: a signed update to {_name(self.sending)}",
            await self._announce("omobility-la-cnr", self.sending, self.receiving, (1,)),
        )

    async def _sign(self) -> tuple[str, ...]:
        operation = omobility_las.ApproveProposal(
            omobility_id=self.omobility_id,
            changes_proposal_id=self._proposal,
            signature=office.signature_of(self.receiving),
        )
        await self._decide(operation)
        return (
            f"{_name(self.receiving)} signs: a signed update to {_name(self.sending)}",
            await self._announce("omobility-la-cnr", self.sending, self.receiving, (1,)),
        )

    async def _change(self) -> tuple[str, ...]:
        office.propose_change(self._home, self.omobility_id)
        return (
            f"{self.student.given_names} and {_name(self.sending)} sign a change",
            await self._announce("omobility-la-cnr", self.sending, self.receiving, (1,)),
        )

    async def _arrive(self) -> tuple[str, ...]:
        office.confirm_arrival(self.network.heis[self.receiving.hei_id], self.omobility_id)
        return await self._stay_changed("records the arrival")

    async def _depart(self) -> tuple[str, ...]:
        office.confirm_departure(self.network.heis[self.receiving.hei_id], self.omobility_id)
        return await self._stay_changed("records the departure")

    async def _grade(
        self, grades: Sequence[str] = GRADES, recognition: str | None = None
    ) -> tuple[str, ...]:
        there = self.network.heis[self.receiving.hei_id]
        office.issue_transcript(
            there,
            self.student,
            self.sending.hei_id,
            self.omobility_id,
            grades=grades,
            recognition=recognition,
        )
        version = 3 if Family.NEW in self.receiving.families else 2
        return (
            f"{_name(self.receiving)} issues a transcript of records (imobility-tors {version})",
            await self._announce("imobility-tor-cnr", self.receiving, self.sending, (2, 1)),
        )

    async def _stay_changed(self, what: str) -> tuple[str, ...]:
        version = 2 if self.is_new else 1
        return (
            f"{_name(self.receiving)} {what} in its own system (imobilities {version})",
            await self._announce("imobility-cnr", self.receiving, self.sending, (2, 1)),
        )

    async def _set_status(self, status: omobilities.StatusV2, why: str) -> tuple[str, ...]:
        office.set_status(self._home, self.omobility_id, status)
        return (
            f"{_name(self.sending)} sets the mobility to {status}: {why}",
            await self._announce("omobility-cnr", self.sending, self.receiving, (2, 1)),
        )

    @property
    def _home(self) -> SandboxHei:
        return self.network.heis[self.sending.hei_id]

    @property
    def _proposal(self) -> ProposalId:
        proposal = self._home.kept.agreements[self.omobility_id].changes_proposal
        assert proposal is not None
        return proposal.id

    async def _decide(
        self, operation: omobility_las.ApproveProposal | omobility_las.CommentProposal
    ) -> None:
        request = omobility_las.UpdateRequest(
            sending_hei_id=self.sending.hei_id, operation=operation
        )
        await self._update("omobility-las", 1, omobility_las.write_update_request(request))

    async def _update(self, api: str, major: int, body: bytes) -> None:
        """Call the sending HEI's update endpoint with the receiving HEI's key."""
        to = self.sending.hei_id
        entry = self.network.known().entry(to, api, major)
        assert entry is not None
        key = self.network.keys[self.receiving.hei_id]
        await self.network.client().call(key, to, entry, "update-url", body=body)

    async def _announce(
        self, api: str, by: University, to: University, majors: tuple[int, ...]
    ) -> str:
        """Send a CNR to the other university, if it has a receiver."""
        for major in majors:
            entry = self.network.known().entry(HeiId(to.hei_id), api, major)
            if entry is not None:
                try:
                    await self.network.client().send_cnr(
                        self.network.keys[by.hei_id],
                        to.hei_id,
                        entry,
                        [self.omobility_id],
                        about_hei(api, major, by.hei_id),
                    )
                except PartnerError as error:
                    return f"{_name(by)} cannot reach {_name(to)} with {api}: {error.code}"
                return f"{_name(by)} sends {api} {major} to {_name(to)}"
        return f"{_name(to)} has no {api}: nobody tells it"


def _later() -> office.Term:
    return office.term_before(today() + office.SOON)


def _name(university: University) -> str:
    return university.names.get("en") or next(iter(university.names.values()))
