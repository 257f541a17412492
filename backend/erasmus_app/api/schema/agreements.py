"""Learning agreements."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum

import strawberry

from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import PART
from erasmus_app.api.schema.institutions import Contact
from erasmus_app.mobilities import agreements, models
from erasmus_app.mobilities.agreements import AgreementKind, AgreementState
from erasmus_app.mobilities.models import ComponentChange, ComponentList, Mobility

strawberry.enum(
    AgreementState,
    name="LearningAgreementState",
    description="Where a learning agreement stands. A declined one vanishes from the network: "
    "RETURNED_OR_WITHDRAWN means that it was sent back or withdrawn; edit and sign again.",
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
@strawberry.type(description="The learning agreement of a mobility.")
class LearningAgreement:
    """An agreement, or what is known of one that came back."""

    state: AgreementState = strawberry.field(description="Where it stands.")
    kind: AgreementKind | None = strawberry.field(description="What it is for.")
    planned_start: str | None = strawberry.field(description="`YYYY-MM-DD` or `YYYY-MM`.")
    planned_end: str | None = strawberry.field(description="`YYYY-MM-DD` or `YYYY-MM`.")
    first_version: AgreementVersion | None = strawberry.field(
        description="The first version signed by all three."
    )
    approved_changes: AgreementVersion | None = strawberry.field(
        description="The latest changes signed by all three."
    )
    proposal: AgreementVersion | None = strawberry.field(
        description="What waits for the receiving university's signature."
    )
    effective_components: list[Component] = strawberry.field(
        description="What is in force: the first version with the approved changes; before all "
        "have signed, the proposal."
    )
    studied_credits: list[Credits] = strawberry.field(
        description="Credits abroad of what is in force, per scheme."
    )
    recognition_is_automatic: bool | None = strawberry.field(
        description="Whether no component in force carries conditions for its recognition."
    )
    sending_contact: Contact | None = strawberry.field(description="The contact at home.")
    receiving_contact: Contact | None = strawberry.field(description="The contact abroad.")

    @classmethod
    def of(cls, mobility: Mobility) -> "LearningAgreement":
        """Make it from the consolidated record."""
        known = mobility.agreement.value if mobility.agreement else None
        effective = agreements.effective_components(known) if known else ()
        studied = agreements.credits_of(effective, ComponentList.STUDIED)
        return cls(
            state=agreements.agreement_state(mobility),
            kind=agreements.agreement_kind(known) if known else None,
            planned_start=known.planned_start if known else None,
            planned_end=known.planned_end if known else None,
            first_version=AgreementVersion.of(known.first_version if known else None),
            approved_changes=AgreementVersion.of(known.approved_changes if known else None),
            proposal=AgreementVersion.of(known.changes_proposal if known else None),
            effective_components=[Component.of(each) for each in effective],
            studied_credits=Credits.sums(studied),
            recognition_is_automatic=(
                agreements.recognition_is_automatic(known) if known else None
            ),
            sending_contact=contact_of(known.sending.contact if known else None),
            receiving_contact=contact_of(known.receiving.contact if known else None),
        )


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
