"""The tool `get_learning_agreement`: where it stands, what is in force, who has signed."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
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
from erasmus_app.mobilities import agreement_changes, models
from erasmus_app.mobilities.agreement_changes import ChangeKind
from erasmus_app.mobilities.agreements import (
    ABROAD,
    AgreementKind,
    AgreementState,
    agreement_kind,
    credits_of,
    effective_components,
    recognition_is_automatic,
    sent_back,
)
from erasmus_app.mobilities.models import ComponentList, LearningAgreement, Returned
from erasmus_app.mobilities.steps import Party


class Credits(msgspec.Struct, frozen=True, kw_only=True):
    """Credits under one scheme; schemes are never added to each other."""

    scheme: Annotated[str, msgspec.Meta(description="`ects` as a rule.")]
    value: Annotated[str, msgspec.Meta(description="A decimal number.")]


class Component(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A course, or another part of an agreement."""

    table: Annotated[
        ComponentList,
        msgspec.Meta(
            description="`components-recognized` is what it counts for at home, the others are "
            "what is done abroad or online."
        ),
    ]
    title: PartnerText
    code: PartnerText | None = None
    credits: list[Credits] = []
    recognition_conditions: Annotated[
        PartnerText | None, msgspec.Meta(description="Where given, recognition is not automatic.")
    ] = None


class Signature(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A signature under the latest version, given or awaited."""

    signer: Party
    signed_at: Annotated[datetime | None, msgspec.Meta(description="None: it is awaited.")] = None
    name: PartnerText | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What changed, or would change, of what is in force."""

    kind: ChangeKind
    text: Annotated[PartnerText, msgspec.Meta(description="All of it in a sentence.")]
    before: Component | None = None
    after: Component | None = None
    reason_text: PartnerText | None = None


class SentBack(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An agreement, or a change of it, that came back or was withdrawn."""

    what: Returned
    at: datetime
    text: Annotated[PartnerText, msgspec.Meta(description="What that means, and what to do.")]
    comment: Annotated[
        PartnerText | None,
        msgspec.Meta(description="What the receiving university wrote to the student about it."),
    ] = None


class Agreement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The learning agreement of one mobility."""

    mobility: Annotated[str, msgspec.Meta(description="The mobility's id.")]
    receiving: Institution
    state: Annotated[
        AgreementState,
        msgspec.Meta(description="`not-shared`: none was ever visible."),
    ]
    source: Annotated[
        Source | None, msgspec.Meta(description="None: nobody has sent anything about it.")
    ] = None
    kind: AgreementKind | None = None
    planned_start: Annotated[str | None, msgspec.Meta(description="`YYYY-MM-DD` or `YYYY-MM`.")] = (
        None
    )
    planned_end: Annotated[str | None, msgspec.Meta(description="`YYYY-MM-DD` or `YYYY-MM`.")] = (
        None
    )
    components: Annotated[
        list[Component],
        msgspec.Meta(description="In force; before all have signed, what is proposed."),
    ] = []
    signatures: list[Signature] = []
    signed_changes: list[Change] = []
    proposed_changes: Annotated[
        list[Change], msgspec.Meta(description="What waits for the receiving university.")
    ] = []
    studied_credits: Annotated[
        list[Credits], msgspec.Meta(description="Of what is in force and done abroad or online.")
    ] = []
    recognition_is_automatic: bool | None = None
    sent_back: SentBack | None = None


class Agreements(msgspec.Struct, frozen=True, kw_only=True):
    """Learning agreements by mobility."""

    mobilities: list[Agreement]


async def agreements(reader: Reader, wanted: OfMobility) -> Agreements:
    """Show them."""
    _, mobilities = await reader.mobilities(wanted.mobility)
    return Agreements(mobilities=[_agreement(reader, each) for each in mobilities])


def _agreement(reader: Reader, known: KnownMobility) -> Agreement:
    fact = known.mobility.agreement
    value = fact.value if fact else None
    found = Agreement(
        mobility=mobility_id(known),
        receiving=reader.institution(known.brief.receiving_hei_id),
        state=known.brief.agreement,
        source=reader.source(fact.source) if fact else None,
        sent_back=_sent_back(reader, known.mobility),
    )
    return _filled(reader, found, value) if value else found


def _filled(reader: Reader, found: Agreement, value: LearningAgreement) -> Agreement:
    components = effective_components(value)
    return msgspec.structs.replace(
        found,
        kind=agreement_kind(value),
        planned_start=value.planned_start,
        planned_end=value.planned_end,
        components=[_component(each) for each in components],
        signatures=_signatures(value),
        signed_changes=[_change(reader, each) for each in agreement_changes.signed_changes(value)],
        proposed_changes=[
            _change(reader, each) for each in agreement_changes.proposed_changes(value)
        ],
        studied_credits=sums(credits_of(components, *ABROAD)),
        recognition_is_automatic=recognition_is_automatic(value),
    )


def of_each(found: Iterable[models.Credit]) -> list[Credits]:
    """Write credits as a partner gave them."""
    return [
        Credits(scheme=foreign(each.scheme.lower()).text, value=str(each.value)) for each in found
    ]


def sums(per_scheme: Mapping[str, Decimal]) -> list[Credits]:
    """Write sums of credits."""
    return [
        Credits(scheme=foreign(name).text, value=str(total)) for name, total in per_scheme.items()
    ]


def _component(found: models.Component) -> Component:
    return Component(
        table=found.table,
        title=foreign(found.title),
        code=foreign_or_none(found.los_code),
        credits=of_each(found.credits),
        recognition_conditions=foreign_or_none(found.recognition_conditions),
    )


def _signatures(value: LearningAgreement) -> list[Signature]:
    latest = value.changes_proposal or value.approved_changes or value.first_version
    if latest is None:
        return []
    signed = (
        (Party.STUDENT, latest.student_signature),
        (Party.SENDING_HEI, latest.sending_signature),
        (Party.RECEIVING_HEI, latest.receiving_signature),
    )
    return [
        Signature(
            signer=signer,
            signed_at=each.signed_at if each else None,
            name=foreign_or_none(each.name) if each else None,
        )
        for signer, each in signed
    ]


def _change(reader: Reader, found: agreement_changes.AgreementChange) -> Change:
    return Change(
        kind=found.kind,
        text=foreign(reader.services.guidance.change(found, reader.language)),
        before=_component(found.before) if found.before else None,
        after=_component(found.after) if found.after else None,
        reason_text=foreign_or_none(found.reason_text),
    )


def _sent_back(reader: Reader, mobility: models.Mobility) -> SentBack | None:
    found = sent_back(mobility)
    if found is None:
        return None
    return SentBack(
        what=found.what,
        at=found.at,
        text=foreign(reader.services.guidance.sent_back(mobility, reader.language) or ""),
        comment=foreign_or_none(found.comment),
    )
