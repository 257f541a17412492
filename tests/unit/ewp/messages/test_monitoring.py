"""Reports of failed calls, which all the world may read afterwards."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ewp.errors import MessageInvalid
from ewp.messages import monitoring
from ewp.messages.monitoring import Report

REFUSED = Report(
    server_hei_id="ribeira.example",
    api_name="omobility-las",
    endpoint_name="get",
    http_code=400,
    server_message="omobility_id: 4 values, limit is 3",
    client_message="status 400",
)
FORM = (
    ("server_hei_id", "ribeira.example"),
    ("api_name", "omobility-las"),
    ("endpoint_name", "get"),
    ("http_code", "400"),
    ("server_message", "omobility_id: 4 values, limit is 3"),
    ("client_message", "status 400"),
)
SILENT = Report(server_hei_id="ribeira.example", api_name="factsheet")


def test_a_report_is_a_form():
    assert monitoring.write_report(REFUSED) == FORM
    assert monitoring.read_report(FORM) == REFUSED


def test_a_report_of_a_server_that_kept_silent_has_no_code_and_no_message():
    form = (("server_hei_id", "ribeira.example"), ("api_name", "factsheet"), ("endpoint_name", ""))

    assert monitoring.write_report(SILENT) == form
    assert monitoring.read_report([*form, ("http_code", ""), ("server_message", " ")]) == SILENT


@pytest.mark.parametrize(
    ("element", "name"),
    [("url", ""), ("get-url", "get"), ("index-url", "index"), ("stats-url", "stats")],
)
def test_an_endpoint_is_named_by_its_element_of_the_manifest(element, name):
    assert monitoring.endpoint_name(element) == name


@pytest.mark.parametrize(
    ("message", "published"),
    [
        ("limit is 3", "limit is 3"),
        ("no mail to inês.duarte@ribeira.example, sorry", "no mail to [...], sorry"),
        ("unknown: <urn:schac:personalUniqueCode:int:esi:x.example:7>", "unknown: <[...]>"),
        ("URN:SCHAC:personalUniqueCode:int:esi:x.example:7 and a@b.example", "[...] and [...]"),
        ("a" * 1001, "a" * 1000),
        ("1" * 1001, "[...]"),
        ("omobility c442c289-5541-4cae-9edb-8ad83e133613 is gone.", "omobility [...] is gone."),
        ("om-7, OM/8: not yours", "[...], [...]: not yours"),
        ("born 2004-02-29, number 20230417", "born [...], number [...]"),
        ("limit=3 of (12), status 400!", "limit=3 of (12), status 400!"),
        ("'Inês Duarte' is unknown; \"om\" too", "'[...]' is unknown; \"[...]\" too"),
        ("„Łęcka” and «x y»", "„[...]” and «[...]»"),
        ("'sending_hei_id' is required", "'sending_hei_id' is required"),
        ("the partner's digest isn't SHA-256", "the partner's digest isn't SHA-256"),
        ("student ٤٢ and é7", "student [...] and [...]"),
        ("a" * 998 + " a@b.example", "a" * 998 + " ["),
    ],
)
def test_nothing_personal_is_published(message, published):
    for name in ("server_message", "client_message"):
        form = dict(monitoring.write_report(replace(SILENT, **{name: message})))
        assert form[name] == published


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"server_hei_id": ""}, "needs a server_hei_id and an api_name"),
        ({"api_name": ""}, "needs a server_hei_id and an api_name"),
        *(({"api_name": each}, f"failures of {each} are not reported") for each in ("echo",)),
        ({"api_name": "monitoring"}, "failures of monitoring are not reported"),
        ({"http_code": 0}, "http_code must be a status of HTTP"),
        ({"http_code": 1000}, "http_code must be a status of HTTP"),
    ],
)
def test_what_is_no_report_is_not_written(changes, words):
    with pytest.raises(MessageInvalid, match=words):
        monitoring.write_report(replace(REFUSED, **changes))


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (FORM[1:], "server_hei_id is missing"),
        (FORM[:1] + FORM[2:], "api_name is missing"),
        ([*FORM, FORM[0]], "server_hei_id is there twice"),
        ([("server_hei_id", "ribeira example"), *FORM[1:]], "server_hei_id must be a SCHAC"),
        ([*FORM[:3], ("http_code", "oops")], "http_code must be a status of HTTP"),
        ([*FORM[:3], ("http_code", "4٠٠")], "http_code must be a status of HTTP"),
    ],
)
def test_what_is_no_report_is_not_read(form, words):
    with pytest.raises(MessageInvalid, match=words):
        monitoring.read_report(form)


@settings(max_examples=50, deadline=None, database=None)
@given(
    st.builds(
        Report,
        server_hei_id=st.just("ribeira.example"),
        api_name=st.sampled_from(["omobilities", "imobility-tors"]),
        endpoint_name=st.sampled_from(["", "get", "index"]),
        http_code=st.none() | st.integers(100, 599),
        server_message=st.none() | st.text(min_size=1).map(str.strip).filter(bool),
    )
)
def test_reports_come_back_with_what_may_be_published(report):
    message = report.server_message
    published = None if message is None else monitoring.without_personal_data(message)

    read = monitoring.read_report([*monitoring.write_report(report), ("else", "1"), ("else", "2")])

    assert read == replace(report, server_message=(published and published.strip()) or None)


def test_the_portal_answers_with_an_empty_document():
    xml = monitoring.write_response()

    assert xml.endswith(
        f'<monitoring-response xmlns="{monitoring.NAMESPACE[1]}"></monitoring-response>'.encode()
    )
    monitoring.read_response(xml)
    with pytest.raises(MessageInvalid, match="is no monitoring-response of version 1"):
        monitoring.read_response(xml.replace(b"stable-v1", b"stable-v2"))
