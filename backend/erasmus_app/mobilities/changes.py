"""Two states of one mobility → what the student should hear (guide §5.3)."""

from collections.abc import Iterator
from datetime import UTC, date
from decimal import Decimal

import msgspec

from erasmus_app.mobilities.agreements import (
    ABROAD,
    credits_of,
    effective_components,
    is_same_change,
    signed_by_receiving,
)
from erasmus_app.mobilities.events import (
    REASONS,
    WITHOUT_CREDITS,
    MobilityEvent,
    Row,
    event_about,
    listed,
)
from erasmus_app.mobilities.models import (
    AgreementVersion,
    ComponentChange,
    LearningAgreement,
    Mobility,
    Nomination,
    NominationStatus,
    Reception,
    ReceptionStatus,
    Signature,
    Source,
    StudentData,
)
from erasmus_app.mobilities.state import decision, is_new_family
from erasmus_app.mobilities.stays import first_day, is_early, last_day
from erasmus_app.mobilities.transcripts import credits_gained, passed, results

_DECIDED = {NominationStatus.APPROVED: Row.B4, NominationStatus.REJECTED: Row.B5}
_RECEIVED = {
    ReceptionStatus.PENDING: Row.B3,
    ReceptionStatus.VERIFIED: Row.B4,
    ReceptionStatus.REJECTED: Row.B5,
}
_RUNNING = {NominationStatus.LIVE, NominationStatus.APPROVED}
_OVER = {NominationStatus.CANCELLED, NominationStatus.RECOGNIZED}


def changes(before: Mobility | None, after: Mobility, today: date) -> Iterator[MobilityEvent]:
    """Yield one event per difference the student should hear about.

    The same two states give the same events with the same ids; two equal states give none.
    """
    yield from _nomination(before, after)
    yield from _reception(before, after, today)
    yield from _agreement(before, after)
    yield from _transcript(before, after)


def _revision(source: Source) -> str:
    return f"{source.api} {source.revision}"


def _nomination(before: Mobility | None, after: Mobility) -> Iterator[MobilityEvent]:
    was_known = before.nomination if before else None
    if after.nomination is None or after.nomination == was_known:
        return
    was, now = was_known.value if was_known else None, after.nomination.value
    by = _revision(after.nomination.source)
    if now is None:
        if was is not None and was.status not in _OVER:
            yield event_about(after, Row.B7, by)
        return
    if was is None:
        yield from _first_seen(after, now, now.proposal_id or by)
        return
    if was == now:
        return
    if was.status is NominationStatus.CANCELLED and now.status is not NominationStatus.CANCELLED:
        yield from _first_seen(after, now, by)  # it is on again, with the same proposal or another
        return
    if is_new_family(was) != is_new_family(now):
        yield from _moved_to_other_family(before, after, was, now)
    else:
        yield from _progressed(after, was, now)
        yield from _required(after, was, now, by)
    agreement = after.agreement.value if after.agreement else None
    if _corrected(was.student, now.student, agreement.student if agreement else None):
        yield event_about(after, Row.B8, by)
    planned = _planned(now)
    if planned != _planned(was) and (agreement is None or planned != _agreed(agreement)):
        yield from _dates(after, planned, by)


def _required(
    after: Mobility, was: Nomination, now: Nomination, by: str
) -> Iterator[MobilityEvent]:
    """Tell of papers that are asked for now, and were not."""
    known = {each.name for each in was.requirements}
    new = [each.name for each in now.requirements if each.name not in known]
    if new and now.status not in _OVER:
        yield event_about(after, Row.B10, by, requirements=listed(dict.fromkeys(new)))


def _first_seen(after: Mobility, now: Nomination, by: str) -> Iterator[MobilityEvent]:
    """Tell of a mobility that appears: only how far it is, not its whole history."""
    row = {
        NominationStatus.CANCELLED: Row.B6,
        NominationStatus.LIVE: Row.B17,
        NominationStatus.RECOGNIZED: Row.A8,
        **_DECIDED,
    }.get(now.status, Row.B1)
    yield event_about(after, row, by)


def _progressed(after: Mobility, was: Nomination, now: Nomination) -> Iterator[MobilityEvent]:
    """Tell of a new status, or of a new content that is decided anew."""
    assert after.nomination is not None
    by = _revision(after.nomination.source)
    new_proposal = now.proposal_id != was.proposal_id
    if now.status in _DECIDED:  # also a proposal that was made and decided between two looks
        if new_proposal or now.status is not was.status:
            yield event_about(after, _DECIDED[now.status], now.proposal_id or by)
    elif now.status is NominationStatus.CANCELLED:
        if was.status is not NominationStatus.CANCELLED:
            yield event_about(after, Row.D12 if was.status in _RUNNING else Row.B6, by)
    elif now.status is NominationStatus.LIVE and was.status is NominationStatus.NOMINATION:
        yield event_about(after, Row.B17, by)
    elif now.status is NominationStatus.RECOGNIZED and was.status is not now.status:
        yield event_about(after, Row.A8, by)
    elif new_proposal or (not is_new_family(now) and _content(was) != _content(now)):
        yield event_about(after, Row.B2, now.proposal_id or by)


def _moved_to_other_family(
    before: Mobility | None, after: Mobility, was: Nomination, now: Nomination
) -> Iterator[MobilityEvent]:
    """Tell only what is new: that a partner serves another version of the API is not."""
    assert before is not None
    assert after.nomination is not None
    by = _revision(after.nomination.source)
    if now.status is NominationStatus.CANCELLED:
        if was.status is not NominationStatus.CANCELLED:
            yield event_about(after, Row.D12 if was.status in _RUNNING else Row.B6, by)
    elif now.status in _DECIDED:
        if decision(before) is not decision(after):
            yield event_about(after, _DECIDED[now.status], now.proposal_id or by)
    elif now.status is NominationStatus.RECOGNIZED:
        yield event_about(after, Row.A8, by)


def _planned(nomination: Nomination) -> tuple[str, str] | None:
    if nomination.planned_arrival is None or nomination.planned_departure is None:
        return None
    return nomination.planned_arrival.isoformat(), nomination.planned_departure.isoformat()


def _agreed(agreement: LearningAgreement) -> tuple[str, str] | None:
    if not (agreement.planned_start and agreement.planned_end):
        return None
    return agreement.planned_start, agreement.planned_end


def _dates(after: Mobility, dates: tuple[str, str] | None, by: str) -> Iterator[MobilityEvent]:
    if dates is not None:
        yield event_about(after, Row.B9, by, start=dates[0], end=dates[1])


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


def _corrected(was: StudentData, now: StudentData, elsewhere: StudentData | None) -> bool:
    """Whether data that was known is another now, and the other API did not say so before."""
    fields = ("given_names", "family_name", "email", "esi", "birth_date", "nationality")
    moved = [each for each in fields if getattr(was, each) not in {None, "", getattr(now, each)}]
    return any(
        elsewhere is None or getattr(elsewhere, each) != getattr(now, each) for each in moved
    )


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
    takes_back = status is ReceptionStatus.PENDING and status_was is not None  # no row tells that
    if status is not None and status is not status_was and undecided and not takes_back:
        yield event_about(after, _RECEIVED[status], by)
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
            if removed is not None and not (now is None and _had_left(was, today)):
                yield event_about(after, removed, by)
        elif day_was is None and day <= today:
            agreement = after.agreement.value if after.agreement else None
            early = confirmed is Row.A1 and is_early(day, agreement)
            yield event_about(after, Row.A3 if early else confirmed, by, date=day.isoformat())
        else:
            yield event_about(after, recorded, by, date=day.isoformat())


def _had_left(was: Reception | None, today: date) -> bool:
    """Whether the stay was over: a record that is put away then takes no arrival back."""
    return was is not None and was.actual_departure is not None and was.actual_departure <= today


def _transcript(before: Mobility | None, after: Mobility) -> Iterator[MobilityEvent]:
    was_known = before.transcript if before else None
    if after.transcript is None or after.transcript == was_known:
        return
    was, now = was_known.value if was_known else None, after.transcript.value
    by = _revision(after.transcript.source)
    if now is None:
        if was is not None:
            yield event_about(after, Row.A6, by)
    elif was is None:
        ects = credits_gained(now).get("ects", Decimal(0))
        courses = str(len(passed(now)))
        yield event_about(after, Row.A4, by, courses=courses, ects=f"{ects.normalize():f}")
    elif results(was) != results(now):
        yield event_about(after, Row.A5, by)
    if now is not None and now.recognition is not None:
        said = was.recognition if was else None
        if _outcome(now.recognition) != _outcome(said or ""):
            yield event_about(after, Row.A9, by, outcome=_outcome(now.recognition))


def _outcome(recognition: str) -> str:
    """Return ELMO's word in the form of `OUTCOMES`; what is no word of ELMO's is `other`."""
    words = {"positive": "positive", "partially positive": "partial", "negative": "negative"}
    if not recognition.strip():
        return ""
    return words.get(" ".join(recognition.lower().split()), "other")


def _agreement(before: Mobility | None, after: Mobility) -> Iterator[MobilityEvent]:
    was_known = before.agreement if before else None
    if after.agreement is None or after.agreement == was_known:
        return
    was, now = was_known.value if was_known else None, after.agreement.value
    by = _revision(after.agreement.source)
    if now is None:
        if was is not None and was.first_version is None and was.changes_proposal is not None:
            yield event_about(after, Row.B16, by)
        return
    if was == now:
        return
    yield from _signed(after, was, now)
    yield from _proposed(after, was, now, by)
    if was is None:
        return
    nomination = after.nomination.value if after.nomination else None
    if _corrected(was.student, now.student, nomination.student if nomination else None):
        yield event_about(after, Row.B8, by)
    agreed = _agreed(now)
    told = _is_longer(was, now) or (nomination is not None and agreed == _planned(nomination))
    if agreed != _agreed(was) and not told:
        yield from _dates(after, agreed, by)
    if (was.sending.contact, was.receiving.contact) != (
        now.sending.contact,
        now.receiving.contact,
    ):
        yield event_about(after, Row.D11, by)


def _signed(
    after: Mobility, was: LearningAgreement | None, now: LearningAgreement
) -> Iterator[MobilityEvent]:
    signature = signed_by_receiving(now.first_version)
    was_signed = was is not None and signed_by_receiving(was.first_version) is not None
    if signature is not None and not was_signed and now.approved_changes is None:
        in_force = effective_components(now)
        ects = credits_of(in_force, *ABROAD).get("ects")
        courses = str(sum(each.table in ABROAD for each in in_force))
        if ects:
            yield event_about(
                after, Row.B15, _moment(signature), courses=courses, ects=f"{ects.normalize():f}"
            )
        else:  # a doctoral stay, or credits of another scheme
            plain = event_about(after, Row.B15, _moment(signature))
            yield msgspec.structs.replace(plain, called=WITHOUT_CREDITS[Row.B15])
    changed = signed_by_receiving(now.approved_changes)
    if changed is not None and not is_same_change(was, now):
        yield event_about(after, Row.D6, _moment(changed))


def _moment(signature: Signature) -> str:
    """Write a signature's time in UTC: its zone may be written in another way tomorrow."""
    return signature.signed_at.astimezone(UTC).isoformat()


def _proposed(
    after: Mobility, was: LearningAgreement | None, now: LearningAgreement, by: str
) -> Iterator[MobilityEvent]:
    proposal, was_proposal = now.changes_proposal, was.changes_proposal if was else None
    if proposal is None:
        if was is None or was_proposal is None:
            return
        if now.first_version is None:  # nothing of it is shown, as if it were not there
            yield event_about(after, Row.B16, by)
        elif was.first_version is not None and is_same_change(was, now):
            yield event_about(after, Row.D7, by)
        return
    if not _new_proposal(was, now):
        return
    name = proposal.proposal_id or by
    if now.first_version is None:
        yield event_about(after, Row.B13 if was_proposal is None else Row.B14, name)
        return
    if (was is not None and _ends_later(was, now)) or _extends(proposal):
        yield event_about(after, Row.D9, name, end=now.planned_end, **_counted(proposal))
    elif proposal.components or proposal.student_changes is None:
        yield event_about(after, Row.D5, name, **_counted(proposal))
    if proposal.student_changes is not None:
        yield event_about(after, Row.D10, name)


def _new_proposal(was: LearningAgreement | None, now: LearningAgreement) -> bool:
    proposal, known = now.changes_proposal, was.changes_proposal if was else None
    if proposal is None:
        return False
    return known is None or proposal.proposal_id != known.proposal_id


def _is_longer(was: LearningAgreement, now: LearningAgreement) -> bool:
    """Whether a proposed extension says already how the dates moved."""
    proposed = now.first_version is not None and _new_proposal(was, now)
    return proposed and was.planned_start == now.planned_start and _ends_later(was, now)


def _ends_later(was: LearningAgreement, now: LearningAgreement) -> bool:
    """Whether the end moved to a later one; a day within the month that was known is not later."""
    known, end = last_day(was.planned_end), first_day(now.planned_end)
    if known is None or end is None:
        return False
    return end > known


def _extends(proposal: AgreementVersion) -> bool:
    return any(each.reason_code == "extending-mobility" for each in proposal.components)


def _counted(proposal: AgreementVersion) -> dict[str, str]:
    """Count what a proposal adds and removes, and name what cannot be taken, and why (row D8)."""
    abroad = [each for each in proposal.components if each.table in ABROAD]
    moves = [each.change for each in abroad]
    gone = [each for each in abroad if each.change is ComponentChange.DELETED]
    return {
        "added": str(moves.count(ComponentChange.INSERTED)),
        "removed": str(moves.count(ComponentChange.DELETED)),
        "cancelled": listed(
            f"{each.reason_code} {each.title}" for each in gone if each.reason_code in REASONS
        ),
    }
