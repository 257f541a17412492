"""Claiming a mobility that no student identifier leads to, and an office's word on it."""

from datetime import datetime
from typing import Annotated

import strawberry

from erasmus_app.api.context import Info
from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import COORDINATOR, OWNER, PART, SIGNED_IN, Whose
from erasmus_app.api.schema.deadline_rules import DeadlineRulesOfOffice
from erasmus_app.api.schema.destinations import AgreementsOfOffice
from erasmus_app.api.schema.ids import global_id, uuid_of
from erasmus_app.api.schema.institutions import Institution, institution
from erasmus_app.api.schema.linking import LinkedLogin
from erasmus_app.api.schema.office_mobilities import MobilitiesOfOffice
from erasmus_app.api.schema.office_partners import PartnersOfOffice
from erasmus_app.api.schema.office_questions import QuestionsOfOffice
from erasmus_app.api.schema.office_reads import DECIDING, noted
from erasmus_app.errors import ClaimRefused
from erasmus_app.identity import claiming
from erasmus_app.identity.claiming import ClaimEvidence, ClaimState
from erasmus_app.identity.linking import Side
from erasmus_app.ids import HeiId
from erasmus_app.privacy.access import Read

strawberry.enum(
    ClaimState,
    name="ClaimState",
    description="OPEN: a code may have been mailed, and an office may decide.",
)
strawberry.enum(ClaimEvidence, name="ClaimEvidence", description="What proved a claim.")


@access.rule(OWNER | COORDINATOR)
@strawberry.type(description="A mobility that the student says is theirs.")
class MobilityClaim:
    """A claim; it tells nothing of whether there is such a mobility."""

    whose: strawberry.Private[Whose]
    id: strawberry.ID = strawberry.field(description="Opaque.")
    sending_institution: Institution = strawberry.field(description="As claimed.")
    omobility_id: str = strawberry.field(description="As claimed.")
    state: ClaimState = strawberry.field(description="Where it stands.")
    evidence: ClaimEvidence | None = strawberry.field(description="What proved it.")
    begun_at: datetime = strawberry.field(description="UTC.")
    decided_at: datetime | None = strawberry.field(description="UTC.")
    is_contradicted: bool = strawberry.field(
        description="Whether a student identifier says since that the mobility is another's."
    )

    @classmethod
    def of(cls, found: claiming.MobilityClaim, hei: HeiId | None = None) -> "MobilityClaim":
        """Make it from ours; `hei` is the one whose office has found it to be its own."""
        return cls(
            whose=Whose(found.account_id, hei),
            id=global_id("MobilityClaim", found.claim_id),
            sending_institution=institution(found.sending_hei_id),
            omobility_id=found.omobility_id,
            state=found.state,
            evidence=found.evidence,
            begun_at=found.begun_at,
            decided_at=found.decided_at,
            is_contradicted=found.contradicted_at is not None,
        )


@access.rule(PART)
@strawberry.type(description="It was not taken.")
class ClaimNotTaken:
    """A refusal that we foresee."""

    code: str = strawberry.field(
        description="`claim_guest`, `claim_invalid`, `claim_limit` (five a day)."
    )
    reason: str = strawberry.field(description="What is wrong, in English, for developers.")


ClaimResult = Annotated[
    MobilityClaim | ClaimNotTaken,
    strawberry.union("ClaimResult", description="Taken, or why not."),
]


@access.rule(COORDINATOR)
@strawberry.type(description="A claim that an office has to decide about.")
class OfficeClaim:
    """Who says so, and whose the papers are."""

    whose: strawberry.Private[Whose]
    claim: MobilityClaim = strawberry.field(description="The claim.")
    claimant_name: str | None = strawberry.field(description="As the claimant's login says.")
    claimant_email: str | None = strawberry.field(description="As the claimant's login says.")
    claimant_homes: list[Institution] = strawberry.field(description="Of the claimant's logins.")
    student_name: str | None = strawberry.field(description="As the mobility's papers say.")

    @classmethod
    def of(cls, found: claiming.OfficeClaim, hei: HeiId) -> "OfficeClaim":
        """Make it from ours; `hei` is the office's."""
        return cls(
            whose=Whose(None, hei),
            claim=MobilityClaim.of(found.claim, hei),
            claimant_name=found.claimant_name,
            claimant_email=found.claimant_email,
            claimant_homes=[institution(each) for each in found.claimant_homes],
            student_name=found.student_name,
        )


@access.rule(PART)
@strawberry.type(description="One of two logins that may be one person's.")
class LinkSide:
    """An account of a link."""

    name: str | None = strawberry.field(description="As its login says.")
    email: str | None = strawberry.field(description="As its login says.")
    homes: list[Institution] = strawberry.field(description="The universities of its logins.")

    @classmethod
    def of(cls, found: Side) -> "LinkSide":
        """Make it from ours."""
        homes = [institution(each) for each in found.homes]
        return cls(name=found.name, email=found.email, homes=homes)


@access.rule(COORDINATOR)
@strawberry.type(description="Two logins that an office has to decide about.")
class OfficeLink:
    """A link, and who is on either side."""

    whose: strawberry.Private[Whose]
    link: LinkedLogin = strawberry.field(description="The link.")
    older: LinkSide = strawberry.field(description="The account that would stay.")
    newer: LinkSide = strawberry.field(description="The account that would be joined with it.")


@access.rule(COORDINATOR)
@strawberry.type(description="What a coordinator of a university looks after.")
class Office(
    DeadlineRulesOfOffice,
    MobilitiesOfOffice,
    PartnersOfOffice,
    AgreementsOfOffice,
    QuestionsOfOffice,
):
    """An office; it exists for its coordinators alone."""

    whose: strawberry.Private[Whose]
    hei: Institution = strawberry.field(description="The university.")

    @access.field(
        COORDINATOR, description="Claims to its mobilities that wait, or are contradicted."
    )
    async def claims(self, info: Info) -> list[OfficeClaim]:
        """Return them."""
        hei = HeiId(self.hei.hei_id)
        found = await info.context.services.claiming.store.of_office(hei)
        seen = [Read(tenant=None, subject=each.claim.account_id) for each in found]
        seen += [Read(tenant=hei, subject=each.person_id) for each in found]
        await noted(info, hei, "office.claims", DECIDING, seen)
        return [OfficeClaim.of(each, hei) for each in found]

    @access.field(COORDINATOR, description="Logins of its people that wait to be joined.")
    async def links(self, info: Info) -> list[OfficeLink]:
        """Return them."""
        service = info.context.services.linking
        hei = HeiId(self.hei.hei_id)
        found = await service.waiting(hei) if service else []
        sides = [side for each in found for side in (each.link.kept, each.link.joined)]
        seen = [Read(tenant=None, subject=side) for side in sides]
        await noted(info, hei, "office.links", DECIDING, seen)
        return [
            OfficeLink(
                whose=Whose(None, hei),
                link=LinkedLogin.of(each.link, info, hei),
                older=LinkSide.of(each.kept),
                newer=LinkSide.of(each.joined),
            )
            for each in found
        ]


@strawberry.type
class OfficeQuery:
    """The offices' way in."""

    @access.field(
        SIGNED_IN, description="A university's office; null for all but its coordinators."
    )
    async def office(self, info: Info, hei_id: str) -> Office | None:
        """Open it."""
        standing = await info.context.standing()
        if not standing.coordinates(HeiId(hei_id)):
            return None
        return Office(whose=Whose(None, HeiId(hei_id)), hei=institution(hei_id))


@strawberry.type
class Claims:
    """What `me` tells of claims."""

    @access.field(OWNER, description="The mobilities that the student has claimed, latest first.")
    async def claims(self, info: Info) -> list[MobilityClaim]:
        """Return them."""
        found = await info.context.services.claiming.store.claims(info.context.session.account_id)
        return [MobilityClaim.of(each) for each in found]


@strawberry.type
class ClaimMutations:
    """Claiming, proving and deciding."""

    @access.mutation(
        OWNER,
        description="Say that a mobility is the student's. If there is one with an e-mail address "
        "in its papers, a code goes there, good for ten minutes; else its office may decide. The "
        "answer is the same whether there is such a mobility or not.",
    )
    async def claim_mobility(self, info: Info, sending_hei: str, omobility_id: str) -> ClaimResult:
        """Begin a claim."""
        try:
            found = await info.context.services.claiming.begin(
                await info.context.standing(), sending_hei, omobility_id
            )
        except ClaimRefused as error:
            return ClaimNotTaken(code=error.code, reason=str(error))
        return MobilityClaim.of(found)

    @access.mutation(
        OWNER,
        description="Prove a claim by the code that was mailed; false for a wrong or late one, and "
        "after five tries.",
    )
    async def confirm_claim(self, info: Info, id: strawberry.ID, code: str) -> bool:
        """Prove it."""
        claim = uuid_of(id, "MobilityClaim")
        if claim is None:
            return False
        account = info.context.session.account_id
        return await info.context.services.claiming.confirm(account, claim, code)

    @access.mutation(
        COORDINATOR,
        description="Decide about a claim to one's university's mobility; null where there is "
        "nothing to decide. Refusing one that was granted takes it back.",
    )
    async def decide_claim(
        self, info: Info, id: strawberry.ID, accept: bool
    ) -> MobilityClaim | None:
        """Decide about it."""
        claim = uuid_of(id, "MobilityClaim")
        if claim is None:
            return None
        standing = await info.context.standing()
        found = await info.context.services.claiming.decide(standing, claim, accept)
        # The service has seen that it is theirs to decide.
        return MobilityClaim.of(found, standing.coordinated[0]) if found else None

    @access.mutation(
        COORDINATOR,
        description="Decide whether two logins of one's university's people are one person's; null "
        "where there is nothing to decide.",
    )
    async def decide_link(self, info: Info, id: strawberry.ID, accept: bool) -> LinkedLogin | None:
        """Decide about it."""
        link, service = uuid_of(id, "LinkedLogin"), info.context.services.linking
        if link is None or service is None:
            return None
        standing = await info.context.standing()
        found = await service.decide(standing, link, accept)
        return LinkedLogin.of(found, info, standing.coordinated[0]) if found else None
