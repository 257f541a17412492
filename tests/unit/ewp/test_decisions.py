"""What the receiving HEI's decision makes of a nomination or a learning agreement."""

from datetime import UTC, date, datetime

import pytest
from msgspec.structs import replace
from unit.ewp.host.world import AGREEMENTS, NOMINATIONS, SIGNED

from ewp.decisions import decide_agreement, decide_nomination
from ewp.errors import EditConflict
from ewp.messages import omobilities, omobility_las
from ewp.messages.omobilities import StatusV3

NOMINATION = NOMINATIONS["om-1"]
APPROVE = omobilities.ApproveProposal(omobility_id="om-1", proposal_id="om-1/1")
REJECT = omobilities.RejectProposal(omobility_id="om-1", proposal_id="om-1/1", comment="full")
PROPOSED = AGREEMENTS["om-1"]
R_SIGNS = omobility_las.Signature(
    signer_name="Rui Sá", timestamp=datetime(2026, 3, 2, 9, tzinfo=UTC)
)
SIGN = omobility_las.ApproveProposal(
    omobility_id="om-1", changes_proposal_id="om-1/1", signature=R_SIGNS
)
COMMENT = omobility_las.CommentProposal(
    omobility_id="om-1", changes_proposal_id="om-1/1", comment="no", signature=R_SIGNS
)


@pytest.mark.parametrize(
    ("request_", "status"), [(APPROVE, StatusV3.APPROVED), (REJECT, StatusV3.REJECTED)]
)
def test_a_decision_on_a_nomination_changes_its_status_alone(request_, status):
    assert decide_nomination(NOMINATION, request_) == replace(NOMINATION, status=status)


@pytest.mark.parametrize("status", [StatusV3.APPROVED, StatusV3.REJECTED, StatusV3.CANCELLED])
def test_what_is_not_pending_is_decided_no_more(status):
    with pytest.raises(EditConflict):
        decide_nomination(replace(NOMINATION, status=status), APPROVE)


def test_a_decision_on_an_earlier_proposal_is_a_conflict():
    with pytest.raises(EditConflict):
        decide_nomination(NOMINATION, replace(REJECT, proposal_id="om-1/0"))
    with pytest.raises(EditConflict):
        decide_agreement(PROPOSED, replace(SIGN, changes_proposal_id="om-1/0"))


def signed_by_r(proposal):
    return omobility_las.ListOfComponents(
        components_studied=proposal.components_studied,
        student_signature=SIGNED,
        sending_hei_signature=SIGNED,
        receiving_hei_signature=R_SIGNS,
    )


def test_the_first_proposal_signed_is_the_first_version():
    first = decide_agreement(PROPOSED, SIGN)

    signed = signed_by_r(PROPOSED.changes_proposal)
    assert first == replace(PROPOSED, changes_proposal=None, first_version=signed)
    with pytest.raises(EditConflict):
        decide_agreement(first, SIGN)


def test_a_change_signed_replaces_the_approved_changes_and_leaves_the_first_version():
    first = decide_agreement(PROPOSED, SIGN)
    born = omobility_las.Student(birth_date=date(2004, 3, 10))
    change = replace(PROPOSED.changes_proposal, id="om-1/2", student=born)
    before = replace(
        first, approved_changes=signed_by_r(PROPOSED.changes_proposal), changes_proposal=change
    )

    after = decide_agreement(before, replace(SIGN, changes_proposal_id="om-1/2"))
    assert after == replace(
        first,
        approved_changes=signed_by_r(change),
        student=replace(first.student, birth_date=date(2004, 3, 10)),
    )


def test_the_first_proposal_commented_leaves_nothing_to_show():
    assert decide_agreement(PROPOSED, COMMENT) is None


def test_a_change_commented_leaves_what_was_signed():
    first = decide_agreement(PROPOSED, SIGN)
    before = replace(first, changes_proposal=replace(PROPOSED.changes_proposal, id="om-1/2"))

    assert decide_agreement(before, replace(COMMENT, changes_proposal_id="om-1/2")) == first
