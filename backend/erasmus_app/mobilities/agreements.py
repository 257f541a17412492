"""Where a learning agreement stands, and what is in force (guide §4.5.3 and §4.5.4)."""

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum

from erasmus_app.mobilities.credits import per_scheme
from erasmus_app.mobilities.models import (
    AgreementVersion,
    Component,
    ComponentChange,
    ComponentList,
    LearningAgreement,
    Mobility,
    Returned,
    SentBack,
    Signature,
)


class AgreementState(StrEnum):
    """Where a learning agreement stands, as its XML and its absence tell."""

    NOT_SHARED = "not-shared"  # none is visible: in preparation, or never sent through EWP
    AWAITING_RECEIVING = "awaiting-receiving"
    SIGNED = "signed"
    CHANGE_AWAITING_RECEIVING = "change-awaiting-receiving"
    CHANGED_SIGNED = "changed-signed"
    CHANGE_RETURNED = "change-returned"  # what was in force before the proposal is again
    RETURNED_OR_WITHDRAWN = "returned-or-withdrawn"
    REMOVED = "removed"  # all had signed; the sending HEI's own system has taken it out


ABROAD = (
    ComponentList.STUDIED,
    ComponentList.VIRTUAL,
    ComponentList.BLENDED,
    ComponentList.DOCTORAL,
)
"""The tables of what the student does at the receiving HEI; the other one is what it counts for."""


class AgreementKind(StrEnum):
    """What kind of mobility the agreement is for; the XML says it only by its tables."""

    SEMESTER = "semester"
    BLENDED = "blended"
    DOCTORAL = "doctoral"


def agreement_state(mobility: Mobility) -> AgreementState:
    """Derive the state; an agreement that was there and is gone was sent back or withdrawn."""
    if mobility.agreement is None:
        return AgreementState.NOT_SHARED
    agreement, gone = mobility.agreement.value, mobility.sent_back
    if agreement is None or not (agreement.first_version or agreement.changes_proposal):
        if gone is not None and gone.what is Returned.IN_FORCE:
            return AgreementState.REMOVED
        is_gone = agreement is None or gone is not None
        return AgreementState.RETURNED_OR_WITHDRAWN if is_gone else AgreementState.NOT_SHARED
    if agreement.changes_proposal is not None:
        if agreement.first_version is None:
            return AgreementState.AWAITING_RECEIVING
        return AgreementState.CHANGE_AWAITING_RECEIVING
    if mobility.change_returned_at is not None:
        return AgreementState.CHANGE_RETURNED
    if agreement.approved_changes is not None:
        return AgreementState.CHANGED_SIGNED
    return AgreementState.SIGNED


def sent_back(mobility: Mobility) -> SentBack | None:
    """Return what came back last and is still to be seen to; None where nothing did."""
    stands, known = agreement_state(mobility), mobility.sent_back
    if stands is AgreementState.CHANGE_RETURNED:
        at, what = mobility.change_returned_at, Returned.CHANGES
    elif stands in {AgreementState.RETURNED_OR_WITHDRAWN, AgreementState.REMOVED}:
        source = mobility.agreement.source if mobility.agreement else None
        at, what = source.missing_since or source.fetched_at if source else None, _GONE[stands]
    else:
        return None
    if known is not None and known.what is what:
        return known
    return SentBack(what=what, at=at) if at else None  # a record of before this was kept


_GONE = {
    AgreementState.RETURNED_OR_WITHDRAWN: Returned.FIRST_VERSION,
    AgreementState.REMOVED: Returned.IN_FORCE,
}


def is_signed(agreement: LearningAgreement | None) -> bool:
    """Whether a version with all three signatures is in force."""
    return agreement is not None and agreement.first_version is not None


def signed_by_receiving(version: AgreementVersion | None) -> Signature | None:
    """Return the receiving HEI's signature, which comes last; None where there is none."""
    return version.receiving_signature if version else None


def is_same_change(was: LearningAgreement | None, now: LearningAgreement) -> bool:
    """Whether the same change is in force, or none: the receiving HEI's signature tells."""
    if was is None:
        return False
    before, after = (signed_by_receiving(each.approved_changes) for each in (was, now))
    return (before and before.signed_at) == (after and after.signed_at)


def is_change_open(mobility: Mobility) -> bool:
    """Whether a change of an agreement in force waits (guide §5.2, the flag `LA_CHANGE_OPEN`)."""
    return agreement_state(mobility) is AgreementState.CHANGE_AWAITING_RECEIVING


def effective_components(agreement: LearningAgreement) -> tuple[Component, ...]:
    """Return what is in force: the first version minus deleted plus inserted approved changes.

    Before all have signed, it is the content of the proposal. Components have no id of their own,
    so they are matched by LOS id, else code, else title, with instance and term (our rule).
    """
    first = agreement.first_version
    if first is None:
        return agreement.changes_proposal.components if agreement.changes_proposal else ()
    return with_changes(first.components, agreement.approved_changes)


def with_changes(
    components: Iterable[Component], changes: AgreementVersion | None
) -> tuple[Component, ...]:
    """Apply one whole set of changes to the first version's components."""
    changed = changes.components if changes else ()
    gone = [_match(each) for each in changed if each.change is ComponentChange.DELETED]
    kept = []
    for each in components:
        if _match(each) in gone:
            gone.remove(_match(each))
        else:
            kept.append(each)
    return (*kept, *(each for each in changed if each.change is ComponentChange.INSERTED))


def _match(component: Component) -> tuple[object, ...]:
    name = component.los_id or component.los_code or component.title
    return component.table, name, component.loi_id, component.term


def credits_of(components: Iterable[Component], *tables: ComponentList) -> dict[str, Decimal]:
    """Sum the credits of some tables, per scheme in lower case."""
    return per_scheme(each.credits for each in components if each.table in tables)


def agreement_kind(agreement: LearningAgreement) -> AgreementKind:
    """Tell the kind by the tables that are filled (guide §4.5.2)."""
    versions = (agreement.first_version, agreement.approved_changes, agreement.changes_proposal)
    tables = {each.table for version in versions if version for each in version.components}
    if ComponentList.DOCTORAL in tables:
        return AgreementKind.DOCTORAL
    if ComponentList.BLENDED in tables:
        return AgreementKind.BLENDED
    return AgreementKind.SEMESTER


def recognition_is_automatic(agreement: LearningAgreement) -> bool:
    """Whether no component in force carries conditions for its recognition."""
    return all(each.recognition_conditions is None for each in effective_components(agreement))
