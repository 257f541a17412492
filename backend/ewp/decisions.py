"""What the receiving HEI's decision makes of a nomination or a learning agreement.

Plain transitions for whoever is master of the object (guide §4.2.2, §4.5.3, §4.5.5). Who may
decide is the caller's to check.
"""

import msgspec

from ewp.errors import EditConflict
from ewp.messages import omobilities, omobility_las


def decide_nomination(
    mobility: omobilities.StudentMobilityV3, request: omobilities.UpdateRequest
) -> omobilities.StudentMobilityV3:
    """Return the nomination approved or rejected; its content stays as it was proposed.

    Raises:
        EditConflict: the proposal is not the current one, or is no longer to be decided.
    """
    if mobility.nomination.proposal_id != request.proposal_id:
        raise EditConflict("proposal-id: not the current proposal any more")
    if mobility.status is not omobilities.StatusV3.PENDING:
        raise EditConflict("proposal-id: this proposal is decided, or cancelled")
    approved = isinstance(request, omobilities.ApproveProposal)
    status = omobilities.StatusV3.APPROVED if approved else omobilities.StatusV3.REJECTED
    return msgspec.structs.replace(mobility, status=status)


def decide_agreement(
    agreement: omobility_las.LearningAgreement,
    operation: omobility_las.ApproveProposal | omobility_las.CommentProposal,
) -> omobility_las.LearningAgreement | None:
    """Return the learning agreement signed, or without the proposal that is to be made anew.

    A proposal becomes the first version, or the approved changes where there is one; the student's
    data that it changes are taken over. None: nothing is left to be shown, since the very first
    proposal was sent back.

    Raises:
        EditConflict: the proposal is not the current one.
    """
    proposal = agreement.changes_proposal
    if proposal is None or proposal.id != operation.changes_proposal_id:
        raise EditConflict("changes-proposal-id: not the current proposal any more")
    if isinstance(operation, omobility_las.CommentProposal):
        if agreement.first_version is None:
            return None
        return msgspec.structs.replace(agreement, changes_proposal=None)
    fields = {
        field.name: getattr(proposal, field.name)
        for field in msgspec.structs.fields(omobility_las.ListOfComponents)
    }
    fields["receiving_hei_signature"] = operation.signature
    signed = omobility_las.ListOfComponents(**fields)
    place = "first_version" if agreement.first_version is None else "approved_changes"
    return msgspec.structs.replace(
        agreement,
        changes_proposal=None,
        student=_with_changes(agreement.student, proposal.student),
        **{place: signed},
    )


def _with_changes(
    student: omobility_las.Student, changed: omobility_las.Student | None
) -> omobility_las.Student:
    if changed is None:
        return student
    said = {
        name: value
        for name in changed.__struct_fields__
        if (value := getattr(changed, name)) is not None
    }
    return msgspec.structs.replace(student, **said)
