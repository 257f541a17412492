"""Learning agreements."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum

import strawberry

from erasmus_app.api.context import Info
from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import PART
from erasmus_app.api.schema.enums import described_enum
from erasmus_app.api.schema.institutions import Contact, Institution, institution
from erasmus_app.kit.plain import paragraphs
from erasmus_app.mobilities import agreement_changes, agreements, models
from erasmus_app.mobilities.agreement_changes import ChangeKind
from erasmus_app.mobilities.agreements import AgreementKind, AgreementState
from erasmus_app.mobilities.consolidate import LONGEST_COMMENT
from erasmus_app.mobilities.models import ComponentChange, ComponentList, Mobility, Returned

described_enum(
    AgreementState,
    name="LearningAgreementState",
    description="Where a learning agreement stands, by what the sending university shows of it. "
    "A declined one vanishes from the network.",
    values={
        "NOT_SHARED": "None was ever visible: it is being prepared, or not sent through EWP.",
        "AWAITING_RECEIVING": "The student and home have signed, the host has not; nothing was "
        "in force before.",
        "SIGNED": "All three have signed the first version, and no change of it waits.",
        "CHANGE_AWAITING_RECEIVING": "What all three signed is in force; the student and home have "
        "signed a change, the host has not.",
        "CHANGED_SIGNED": "All three have signed the latest changes, and no other waits.",
        "CHANGE_RETURNED": "The change that waited is gone without the host's signature: sent back "
        "or withdrawn. What was in force before it is again, until another change is sent.",
        "RETURNED_OR_WITHDRAWN": "The first version waited and is gone without the host's "
        "signature: sent back or withdrawn. Edit and sign again.",
        "REMOVED": "All three had signed it, and home's own system has taken it out. A partner "
        "that merely stops showing a signed one leads to no other state.",
    },
)
described_enum(
    Returned,
    name="ReturnedPart",
    description="Which part of a learning agreement is not there any more.",
    values={
        "FIRST_VERSION": "All of it: the host had not signed.",
        "CHANGES": "A change; what was in force before it is again.",
        "IN_FORCE": "All of it, though all three had signed: home's own system took it out.",
    },
)
strawberry.enum(
    AgreementKind, name="LearningAgreementKind", description="What the agreement is for."
)
strawberry.enum(
    ComponentList, name="ComponentTable", description="The table that a component stands in."
)
strawberry.enum(
    ComponentChange, name="ComponentChange", description="What a change does with a component."
)


strawberry.enum(
    ChangeKind,
    name="AgreementChangeKind",
    description="What happens to a component. CHANGED: it stays, with other credits, term or "
    "conditions.",
)


@strawberry.enum(description="Who signs a learning agreement.")
class Signer(Enum):
    """The three parties."""

    STUDENT = "student"
    SENDING_HEI = "sending-hei"
    RECEIVING_HEI = "receiving-hei"


@access.rule(PART)
@strawberry.type(description="One of the three signatures under a version.")
class Signature:
    """A signature that is there, or awaited."""

    signer: Signer = strawberry.field(description="Whose signature.")
    signed_at: datetime | None = strawberry.field(description="When; null while it is awaited.")
    name: str | None = strawberry.field(description="Who signed for a university.")
    position: str | None = strawberry.field(description="The signer's position.")


@access.rule(PART)
@strawberry.type(description="Credits under one scheme, `ects` as a rule.")
class Credits:
    """A sum per scheme."""

    scheme: str = strawberry.field(description="The scheme, in lower case.")
    value: Decimal = strawberry.field(description="How many.")

    @classmethod
    def of(cls, credits_: Iterable[models.Credit]) -> list["Credits"]:
        """Make them from ours."""
        return [cls(scheme=each.scheme.lower(), value=each.value) for each in credits_]

    @classmethod
    def sums(cls, per_scheme: Mapping[str, Decimal]) -> list["Credits"]:
        """Make them from sums per scheme."""
        return [cls(scheme=name, value=total) for name, total in per_scheme.items()]


@access.rule(PART)
@strawberry.type(description="A course or another part of a learning agreement.")
class Component:
    """A component."""

    table: ComponentList = strawberry.field(description="The table it stands in.")
    title: str = strawberry.field(description="Its title, as the universities wrote it.")
    code: str | None = strawberry.field(description="The course's code.")
    credits: list[Credits] = strawberry.field(description="Its credits.")
    change: ComponentChange | None = strawberry.field(
        description="In a set of changes: inserted or deleted."
    )
    reason_code: str | None = strawberry.field(
        description="Why it changes, in EWP's words, such as `timetable-conflict`."
    )
    reason_text: str | None = strawberry.field(description="Why it changes, in the parties' words.")
    recognition_conditions: str | None = strawberry.field(
        description="Where given, recognition at home is not automatic."
    )

    @classmethod
    def of(cls, component: models.Component) -> "Component":
        """Make it from ours."""
        return cls(
            table=component.table,
            title=component.title,
            code=component.los_code,
            credits=Credits.of(component.credits),
            change=component.change,
            reason_code=component.reason_code,
            reason_text=component.reason_text,
            recognition_conditions=component.recognition_conditions,
        )


@access.rule(PART)
@strawberry.type(
    description="A first version, approved changes, or a proposal. A set of changes holds the "
    "whole difference to the first version."
)
class AgreementVersion:
    """A version with its signatures."""

    components: list[Component] = strawberry.field(description="What it lists.")
    signatures: list[Signature] = strawberry.field(description="All three, awaited ones too.")

    @classmethod
    def of(cls, version: models.AgreementVersion | None) -> "AgreementVersion | None":
        """Make it from ours."""
        if version is None:
            return None
        signed = (
            (Signer.STUDENT, version.student_signature),
            (Signer.SENDING_HEI, version.sending_signature),
            (Signer.RECEIVING_HEI, version.receiving_signature),
        )
        return cls(
            components=[Component.of(each) for each in version.components],
            signatures=[
                Signature(
                    signer=signer,
                    signed_at=signature.signed_at if signature else None,
                    name=signature.name if signature else None,
                    position=signature.position if signature else None,
                )
                for signer, signature in signed
            ],
        )


@access.rule(PART)
@strawberry.type(description="What changed, or is to change, in a learning agreement.")
class AgreementChange:
    """One change; a component that is sent as deleted and inserted is one, where that is told."""

    kind: ChangeKind = strawberry.field(description="What happens.")
    before: Component | None = strawberry.field(description="What there was; null where added.")
    after: Component | None = strawberry.field(description="What there is then; null if removed.")
    text: str = strawberry.field(
        description="All of it in a sentence, with the reason where EWP has a word for it, in the "
        "request's language."
    )
    reason_code: str | None = strawberry.field(description="Why, in EWP's words.")
    reason_text: str | None = strawberry.field(description="Why, in the parties' words.")

    @classmethod
    def of(cls, change: agreement_changes.AgreementChange, info: Info) -> "AgreementChange":
        """Make it from ours."""
        context = info.context
        return cls(
            kind=change.kind,
            before=Component.of(change.before) if change.before else None,
            after=Component.of(change.after) if change.after else None,
            text=context.services.guidance.change(change, context.language),
            reason_code=change.reason_code,
            reason_text=change.reason_text,
        )


@access.rule(PART)
@strawberry.type(
    description="A learning agreement or a change of it that came back. EWP shows only that it is "
    "gone: why, the receiving university tells the system in which the agreement is made."
)
class SentBack:
    """What is known of it."""

    what: Returned = strawberry.field(description="Which part.")
    at: datetime = strawberry.field(description="Since when it is gone, UTC.")
    comment: str | None = strawberry.field(
        description="What the receiving university wrote about it, for the student, in its words "
        "and with its line breaks; null where it wrote to a system that is not ours, or nothing."
    )
    text: str = strawberry.field(
        description="What that means and what to do, in the request's language."
    )
    ask_institution: Institution = strawberry.field(
        description="The university in whose system the agreement is made: where the comment is."
    )
    ask: Contact | None = strawberry.field(
        description="Whom the agreement named there; null: write to that university's office."
    )
    receiving_contact: Contact | None = strawberry.field(
        description="Whom it named at the university that has not signed."
    )

    @classmethod
    def of(cls, mobility: Mobility, info: Info) -> "SentBack | None":
        """Make it from the consolidated record; None where nothing came back."""
        context, found = info.context, agreements.sent_back(mobility)
        if found is None:
            return None
        return cls(
            what=found.what,
            at=found.at,
            comment=paragraphs(found.comment, LONGEST_COMMENT) or None if found.comment else None,
            text=context.services.guidance.sent_back(mobility, context.language) or "",
            ask_institution=institution(mobility.sending_hei_id),
            ask=contact_of(found.sending_contact),
            receiving_contact=contact_of(found.receiving_contact),
        )


@access.rule(PART)
@strawberry.type(description="The learning agreement of a mobility.")
class LearningAgreement:
    """An agreement, or what is known of one that came back."""

    mobility: strawberry.Private[Mobility | None]  # for all but the state
    known: strawberry.Private[models.LearningAgreement | None]
    state: AgreementState = strawberry.field(description="Where it stands.")

    @access.field(
        PART,
        description="When the agreement or its change was sent back or withdrawn, as far as its "
        "absence tells, UTC; null where it was not.",
    )
    def sent_back_at(self) -> datetime | None:
        """Return when it was missed."""
        found = agreements.sent_back(self.mobility) if self.mobility else None
        return found.at if found else None

    @access.field(
        PART,
        description="What came back or was withdrawn, why as far as that is known, and whom to "
        "ask; null once there is a proposal or a signature again.",
    )
    def sent_back(self, info: Info) -> SentBack | None:
        """Return it."""
        return SentBack.of(self.mobility, info) if self.mobility else None

    @access.field(PART, description="What it is for.")
    def kind(self) -> AgreementKind | None:
        """Tell it by its tables."""
        return agreements.agreement_kind(self.known) if self.known else None

    @access.field(PART, description="`YYYY-MM-DD` or `YYYY-MM`.")
    def planned_start(self) -> str | None:
        """Return it as sent."""
        return self.known.planned_start if self.known else None

    @access.field(PART, description="`YYYY-MM-DD` or `YYYY-MM`.")
    def planned_end(self) -> str | None:
        """Return it as sent."""
        return self.known.planned_end if self.known else None

    @access.field(PART, description="The first version signed by all three.")
    def first_version(self) -> AgreementVersion | None:
        """Return it."""
        return AgreementVersion.of(self.known.first_version if self.known else None)

    @access.field(PART, description="The latest changes signed by all three.")
    def approved_changes(self) -> AgreementVersion | None:
        """Return them."""
        return AgreementVersion.of(self.known.approved_changes if self.known else None)

    @access.field(PART, description="What waits for the receiving university's signature.")
    def proposal(self) -> AgreementVersion | None:
        """Return it."""
        return AgreementVersion.of(self.known.changes_proposal if self.known else None)

    @access.field(
        PART,
        description="What is in force: the first version with the approved changes; before all "
        "have signed, the proposal.",
    )
    def effective_components(self) -> list[Component]:
        """Work it out."""
        return [Component.of(each) for each in self._effective()]

    @access.field(PART, description="What the approved changes made of the first version.")
    def signed_changes(self, info: Info) -> list[AgreementChange]:
        """Compare them."""
        found = agreement_changes.signed_changes(self.known) if self.known else ()
        return [AgreementChange.of(each, info) for each in found]

    @access.field(
        PART,
        description="What the proposal that waits would make of what is in force; empty where it "
        "is a first version.",
    )
    def proposed_changes(self, info: Info) -> list[AgreementChange]:
        """Compare them."""
        found = agreement_changes.proposed_changes(self.known) if self.known else ()
        return [AgreementChange.of(each, info) for each in found]

    @access.field(
        PART,
        description="Credits of what is in force and is done abroad or online, per scheme.",
    )
    def studied_credits(self) -> list[Credits]:
        """Sum them."""
        return Credits.sums(agreements.credits_of(self._effective(), *agreements.ABROAD))

    @access.field(
        PART, description="Whether no component in force carries conditions for its recognition."
    )
    def recognition_is_automatic(self) -> bool | None:
        """Tell it."""
        return agreements.recognition_is_automatic(self.known) if self.known else None

    @access.field(PART, description="The contact at home.")
    def sending_contact(self) -> Contact | None:
        """Return whom it names."""
        return contact_of(self.known.sending.contact if self.known else None)

    @access.field(PART, description="The contact abroad.")
    def receiving_contact(self) -> Contact | None:
        """Return whom it names."""
        return contact_of(self.known.receiving.contact if self.known else None)

    def _effective(self) -> tuple[models.Component, ...]:
        return agreements.effective_components(self.known) if self.known else ()

    @classmethod
    def of(cls, state: AgreementState, mobility: Mobility | None) -> "LearningAgreement":
        """Make it from the consolidated record, where that was read."""
        known = mobility.agreement.value if mobility and mobility.agreement else None
        return cls(mobility=mobility, known=known, state=state)


def contact_of(contact: models.Contact | None) -> Contact | None:
    """Make a contact from ours."""
    if contact is None:
        return None
    return Contact(
        given_names=contact.given_names,
        family_name=contact.family_name,
        email=contact.email,
        phone=contact.phone,
    )
