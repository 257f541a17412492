"""Two states of one mobility → what the student should hear (guide §5.3)."""

from collections.abc import Iterator
from datetime import date

from erasmus_app.mobilities.agreements import credits_of, effective_components
from erasmus_app.mobilities.events import MobilityEvent, Row, event_id
from erasmus_app.mobilities.models import (
    AgreementVersion,
    ComponentChange,
    ComponentList,
    LearningAgreement,
    Mobility,
    Nomination,
    NominationStatus,
    ReceptionStatus,
    Source,
    StudentData,
)
from erasmus_app.mobilities.state import is_new_family

_DECIDED = {NominationStatus.APPROVED: Row.B4, NominationStatus.REJECTED: Row.B5}
_RECEIVED = {
    ReceptionStatus.PENDING: Row.B3,
    ReceptionStatus.VERIFIED: Row.B4,
    ReceptionStatus.REJECTED: Row.B5,
}
_RUNNING = {NominationStatus.LIVE, NominationStatus.APPROVED}


def changes(before: Mobility | None, after: Mobility, today: date) -> Iterator[MobilityEvent]:
    """Yield one event per difference the student should hear about.

    The same two states give the same events with the same ids; two equal states give none.
    """
    yield from _nomination(before, after)
    yield from _reception(before, after, today)
    yield from _agreement(before, after)


def _event(after: Mobility, row: Row, discriminator: str, **detail: str) -> MobilityEvent:
    made = event_id(after.sending_hei_id, after.omobility_id, row, discriminator)
    return MobilityEvent(event_id=made, step=row, detail=detail)


def _revision(source: Source) -> str:
    return f"{source.api} {source.revision}"


def _nomination(before: Mobility | None, after: Mobility) -> Iterator[MobilityEvent]:
    was_known = before.nomination if before else None
    if after.nomination is None or after.nomination == was_known:
        return
    was, now = was_known.value if was_known else None, after.nomination.value
    source, by = after.nomination.source, _revision(after.nomination.source)
    if now is None:
        if was is not None:
            yield _event(after, Row.B7, by)
        return
    by_proposal = now.proposal_id or by
    if was is None:
        yield from _first_seen(after, now, by_proposal)
        return
    if was == now:
        return
    if now.status is not was.status:
        yield from _status_moved(after, was, now, by_proposal, by)
    if is_new_family(now) and now.proposal_id != was.proposal_id:
        yield _event(after, Row.B2, by_proposal)
    elif not is_new_family(now) and _content(was) != _content(now):
        yield _event(after, Row.B2, by)
    if _differs(was.student, now.student):
        yield _event(after, Row.B8, _revision(source))
    planned = (now.planned_arrival, now.planned_departure)
    if planned != (was.planned_arrival, was.planned_departure) and all(planned):
        yield _event(
            after, Row.B9, by, start=str(now.planned_arrival), end=str(now.planned_departure)
        )


def _first_seen(after: Mobility, now: Nomination, by: str) -> Iterator[MobilityEvent]:
    """Tell of a mobility that appears: only how far it is, not its whole history."""
    row = {
        NominationStatus.CANCELLED: Row.B6,
        NominationStatus.LIVE: Row.B17,
        NominationStatus.RECOGNIZED: Row.A8,
        **_DECIDED,
    }.get(now.status, Row.B1)
    yield _event(after, row, by)


def _status_moved(
    after: Mobility, was: Nomination, now: Nomination, by_proposal: str, by: str
) -> Iterator[MobilityEvent]:
    if now.status is NominationStatus.CANCELLED:
        yield _event(after, Row.D12 if was.status in _RUNNING else Row.B6, by)
    elif now.status is NominationStatus.LIVE:
        yield _event(after, Row.B17, by)
    elif now.status is NominationStatus.RECOGNIZED:
        yield _event(after, Row.A8, by)
    elif now.status in _DECIDED:
        yield _event(after, _DECIDED[now.status], by_proposal)


def _content(nomination: Nomination) -> tuple[object, ...]:
    return (
        nomination.sending,
        nomination.receiving,
        nomination.sending_term,
        nomination.receiving_academic_year_id,
        nomination.activity_type,
        nomination.activity_attributes,
        nomination.isced_f_code,
    )


def _differs(was: StudentData, now: StudentData) -> bool:
    def shown(student: StudentData) -> tuple[object, ...]:
        names = (student.given_names, student.family_name, student.email)
        return (*names, student.esi, student.birth_date)

    return shown(was) != shown(now)


def _reception(before: Mobility | None, after: Mobility, today: date) -> Iterator[MobilityEvent]:
    was_known = before.reception if before else None
    if after.reception is None or after.reception == was_known:
        return
    was, now = was_known.value if was_known else None, after.reception.value
    by = _revision(after.reception.source)
    status_was, status = was.status if was else None, now.status if now else None
    nomination = after.nomination.value if after.nomination else None
    # In the new family the decision is in the nomination, and once live it no longer counts.
    undecided = nomination is None or (
        not is_new_family(nomination) and nomination.status is NominationStatus.NOMINATION
    )
    if status is not None and status is not status_was and undecided:
        yield _event(after, _RECEIVED[status], by)
    for rows, day_was, day in (
        (
            (Row.D1, Row.D2, Row.D3),
            was.actual_arrival if was else None,
            now.actual_arrival if now else None,
        ),
        (
            (Row.A1, Row.A2, None),
            was.actual_departure if was else None,
            now.actual_departure if now else None,
        ),
    ):
        confirmed, recorded, removed = rows
        if day == day_was:
            continue
        if day is None:
            if removed is not None:
                yield _event(after, removed, by)
        elif day_was is None and day <= today:
            yield _event(after, confirmed, by, date=day.isoformat())
        else:
            yield _event(after, recorded, by, date=day.isoformat())


def _agreement(before: Mobility | None, after: Mobility) -> Iterator[MobilityEvent]:
    was_known = before.agreement if before else None
    if after.agreement is None or after.agreement == was_known:
        return
    was, now = was_known.value if was_known else None, after.agreement.value
    by = _revision(after.agreement.source)
    if now is None:
        if was is not None:
            yield _event(after, Row.B16, by)
        return
    if was == now:
        return
    yield from _signed(after, was, now)
    yield from _proposed(after, was, now, by)
    if was is not None and (was.sending.contact, was.receiving.contact) != (
        now.sending.contact,
        now.receiving.contact,
    ):
        yield _event(after, Row.D11, by)


def _signed(
    after: Mobility, was: LearningAgreement | None, now: LearningAgreement
) -> Iterator[MobilityEvent]:
    first, approved = now.first_version, now.approved_changes
    if first and first.receiving_signature and not (was and was.first_version) and not approved:
        in_force = effective_components(now)
        studied = [each for each in in_force if each.table is ComponentList.STUDIED]
        ects = credits_of(in_force, ComponentList.STUDIED).get("ects")
        yield _event(
            after,
            Row.B15,
            first.receiving_signature.signed_at.isoformat(),
            courses=str(len(studied)),
            ects=f"{ects.normalize():f}" if ects is not None else "0",
        )
    was_approved = was.approved_changes if was else None
    if approved and approved.receiving_signature and approved != was_approved:
        yield _event(after, Row.D6, approved.receiving_signature.signed_at.isoformat())


def _proposed(
    after: Mobility, was: LearningAgreement | None, now: LearningAgreement, by: str
) -> Iterator[MobilityEvent]:
    proposal, was_proposal = now.changes_proposal, was.changes_proposal if was else None
    if proposal is None:
        gone = was_proposal is not None and was is not None and was.first_version is not None
        if gone and now.approved_changes == (was.approved_changes if was else None):
            yield _event(after, Row.D7, by)
        return
    if was_proposal is not None and proposal.proposal_id == was_proposal.proposal_id:
        return
    name = proposal.proposal_id or by
    if now.first_version is not None:
        yield _event(after, Row.D5, name, **_counted(proposal))
    else:
        yield _event(after, Row.B13 if was_proposal is None else Row.B14, name)


def _counted(proposal: AgreementVersion) -> dict[str, str]:
    moves = [each.change for each in proposal.components if each.table is ComponentList.STUDIED]
    return {
        "added": str(moves.count(ComponentChange.INSERTED)),
        "removed": str(moves.count(ComponentChange.DELETED)),
    }
