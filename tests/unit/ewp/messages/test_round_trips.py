"""What we write we read again, to the same values."""

from hypothesis import HealthCheck, given, settings
from unit.ewp.messages import strategies as made

from ewp.messages import (
    common,
    echo,
    ewpmobility,
    factsheet,
    iias,
    iias_approval,
    imobilities,
    institutions,
    omobilities,
    omobility_las,
)

modest = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)


@modest
@given(made.lists_of(omobilities.StudentMobilityV2))
def test_nominations_of_version_2_come_back_as_they_were(mobilities):
    xml = omobilities.write_get_response(mobilities, major=2)

    assert omobilities.read_get_response(xml) == mobilities


@modest
@given(made.lists_of(omobilities.StudentMobilityV3))
def test_nominations_of_version_3_come_back_as_they_were(mobilities):
    xml = omobilities.write_get_response(mobilities, major=3)

    assert omobilities.read_get_response(xml) == mobilities


@modest
@given(made.structs(omobilities.ApproveProposal) | made.structs(omobilities.RejectProposal))
def test_decisions_on_nominations_come_back_as_they_were(request_):
    xml = omobilities.write_update_request(request_)

    assert omobilities.read_update_request(xml) == request_


@modest
@given(made.lists_of(omobility_las.LearningAgreement))
def test_learning_agreements_come_back_as_they_were(agreements):
    xml = omobility_las.write_get_response(agreements)

    assert omobility_las.read_get_response(xml) == agreements


@modest
@given(made.structs(omobility_las.UpdateRequest))
def test_decisions_on_learning_agreements_come_back_as_they_were(request_):
    xml = omobility_las.write_update_request(request_)

    assert omobility_las.read_update_request(xml) == request_


@modest
@given(made.lists_of(imobilities.IncomingMobilityV1))
def test_incoming_mobilities_of_version_1_come_back_as_they_were(mobilities):
    xml = imobilities.write_get_response(mobilities, major=1)

    assert imobilities.read_get_response(xml) == mobilities


@modest
@given(made.lists_of(imobilities.IncomingMobilityV2))
def test_incoming_mobilities_of_version_2_come_back_as_they_were(mobilities):
    xml = imobilities.write_get_response(mobilities, major=2)

    assert imobilities.read_get_response(xml) == mobilities


@modest
@given(made.lists_of(omobilities.StudentMobilityV3), made.lists_of(imobilities.IncomingMobilityV2))
def test_exchange_files_come_back_as_they_were(going, coming):
    file = ewpmobility.MobilityFile(omobilities=going, imobilities=coming)

    assert ewpmobility.read_file(ewpmobility.write_file(file)) == file


@modest
@given(made.lists_of(iias.IiaV6), made.lists_of(iias.IiaV7))
def test_agreements_come_back_as_they_were(of_version_6, of_version_7):
    older = iias.write_get_response(of_version_6, major=6)
    newer = iias.write_get_response(of_version_7, major=7)

    assert iias.read_get_response(older) == of_version_6
    assert iias.read_get_response(newer) == of_version_7


@modest
@given(made.lists_of(iias_approval.ApprovalV1), made.lists_of(iias_approval.ApprovalV2))
def test_approvals_come_back_as_they_were(of_version_1, of_version_2):
    older = iias_approval.write_response(of_version_1, major=1)
    newer = iias_approval.write_response(of_version_2, major=2)

    assert iias_approval.read_response(older) == of_version_1
    assert iias_approval.read_response(newer) == of_version_2


@modest
@given(made.INDEXES)
def test_indexes_come_back_in_their_order(ids):
    assert omobilities.read_index_response(omobilities.write_index_response(ids, major=2)) == ids
    assert omobilities.read_index_response(omobilities.write_index_response(ids, major=3)) == ids
    assert omobility_las.read_index_response(omobility_las.write_index_response(ids)) == ids
    assert iias.read_index_response(iias.write_index_response(ids, major=6)) == ids
    assert iias.read_index_response(iias.write_index_response(ids, major=7)) == ids


@modest
@given(made.TEXTS)
def test_messages_after_success_come_back_as_they_were(messages):
    xml = omobilities.write_update_response(messages)
    la_xml = omobility_las.write_update_response(messages)

    assert omobilities.read_update_response(xml) == messages
    assert omobility_las.read_update_response(la_xml) == messages


@modest
@given(made.HEIS)
def test_institutions_come_back_as_they_were(heis):
    assert institutions.read_response(institutions.write_response(heis)) == heis


@modest
@given(made.FACTSHEETS)
def test_factsheets_come_back_as_they_were(factsheets):
    assert factsheet.read_response(factsheet.write_response(factsheets)) == factsheets


@modest
@given(made.structs(echo.EchoResponse))
def test_echoes_come_back_as_they_were(response):
    assert echo.read_response(echo.write_response(response)) == response


@modest
@given(made.structs(common.ErrorResponse))
def test_errors_come_back_as_they_were(response):
    assert common.read_error_response(common.write_error_response(response)) == response
