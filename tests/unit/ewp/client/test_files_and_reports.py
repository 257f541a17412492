"""A partner's file is got whatever it is; a failed call is told to the statistics portal."""

import httpx
import pytest
from unit.ewp.catalogues import SPECS, a_host
from unit.ewp.client.partner import HEI, KEY, PARTNER
from unit.ewp.client.test_failures import ERROR, unsigned

from ewp.client import LARGEST_FILE
from ewp.errors import (
    ApiNotServed,
    MessageInvalid,
    PartnerError,
    PartnerRefused,
    ReplyInvalid,
    ReplyNotTrusted,
)
from ewp.messages import file, monitoring
from ewp.messages.monitoring import PORTAL, Report

PDF = b"%PDF-1.7\n\xff\x00"
PERSONAL = (
    f'<error-response xmlns="{SPECS}architecture/blob/stable-v1/common-types.xsd">'
    "<developer-message>omobility_id om-7: not for 'Inês', ask a@b.example</developer-message>"
    "</error-response>"
).encode()


# -- Files --


async def test_a_file_comes_with_what_it_is(calls):
    entry = calls.know(calls.partner.entry("file", "1.0.0"))
    calls.partner.body = PDF
    sent_as = {"content-type": "Text/HTML; charset=utf-8"}
    calls.partner.headers = lambda request, body: PARTNER.answer(request, body, before=sent_as)

    found = await calls.client().file(KEY, HEI, entry, "f-1/ä&b")

    [heard] = calls.heard()
    assert found == file.File(content=PDF, media_type="application/pdf", sent_as="text/html")
    assert (heard.method, heard.parameters) == ("GET", [("file_id", "f-1/ä&b")])
    assert heard.headers["accept"] == "*/*"


async def test_a_file_may_be_larger_than_an_answer_but_has_its_own_limit(calls):
    entry = calls.know(calls.partner.entry("file", "1.0.0"))
    calls.partner.body = PDF.ljust(LARGEST_FILE, b"0")
    assert len((await calls.client().file(KEY, HEI, entry, "f")).content) == LARGEST_FILE

    calls.partner.body += b"0"
    with pytest.raises(ReplyInvalid, match=f"over {LARGEST_FILE} bytes"):
        await calls.client().file(KEY, HEI, entry, "f")


async def test_no_file_and_an_empty_one_are_errors_of_the_partner(calls):
    entry = calls.know(calls.partner.entry("file", "1.0.0"))
    calls.partner.body = b""
    with pytest.raises(ReplyInvalid, match="file: is empty"):
        await calls.client().file(KEY, HEI, entry, "f")

    calls.partner.status = 404
    with pytest.raises(PartnerRefused):
        await calls.client().file(KEY, HEI, entry, "f")
    with pytest.raises(MessageInvalid, match="file_id: is missing"):
        await calls.client().file(KEY, HEI, entry, "")


# -- Reports --


@pytest.fixture
def portal(calls):
    """Let the partner be the portal too, with an address of its own."""
    entry = calls.partner.entry("monitoring", "0.2.0", path="/portal")
    entry = entry.replace("/stable-v0/", "/stable-v1/")
    host = a_host(entry, [PORTAL], server_keys=[PARTNER.key_id])
    return calls.know(calls.partner.entry("omobilities", "3.0.0", urls=["get-url"]), before=[host])


async def failed(calls, entry, endpoint="get-url"):
    """Call, fail, and report it as a caller would."""
    with pytest.raises(PartnerError) as error:
        await calls.client().call(KEY, HEI, entry, endpoint, parameters=[("omobility_id", "om-7")])
    calls.partner.status, calls.partner.body = 200, monitoring.write_response()
    calls.partner.headers = PARTNER.answer
    calls.partner.heard = []
    return error.value, await calls.client().report_failure(KEY, entry, endpoint, error.value)


async def test_a_refusal_is_reported_with_its_status_and_nothing_personal(calls, portal):
    calls.partner.status, calls.partner.body = 400, PERSONAL

    error, told = await failed(calls, portal)

    [heard] = calls.heard()
    assert told
    assert (heard.method, heard.target) == ("POST", "/portal/url")
    assert error.developer_message == "omobility_id om-7: not for 'Inês', ask a@b.example"
    assert monitoring.read_report(heard.parameters) == Report(
        server_hei_id=HEI,
        api_name="omobilities",
        endpoint_name="get",
        http_code=400,
        server_message="omobility_id [...]: not for '[...]', ask [...]",
        client_message="partner_refused",
    )


@pytest.mark.parametrize(
    ("status", "headers", "code", "words"),
    [
        (503, unsigned, 503, "partner_unreachable: status 503: (no error-response)"),
        (200, unsigned, 200, "reply_not_trusted: the response has no header Signature"),
        (204, PARTNER.answer, 204, "reply_invalid: status 204 in place of 200"),
    ],
)
async def test_what_else_went_wrong_is_told_in_our_words(
    calls, portal, status, headers, code, words
):
    calls.partner.status, calls.partner.body, calls.partner.headers = status, b"", headers

    _, told = await failed(calls, portal)

    [heard] = calls.heard()
    report = monitoring.read_report(heard.parameters)
    assert told
    assert (report.http_code, report.server_message, report.client_message) == (code, None, words)


async def test_silence_is_reported_without_a_status(calls, portal):
    calls.partner.raw = b""
    with pytest.raises(PartnerError) as error:
        await calls.client().call(KEY, HEI, portal, "get-url")
    calls.partner.raw, calls.partner.heard = None, []
    calls.partner.body = monitoring.write_response()

    assert await calls.client().report_failure(KEY, portal, "get-url", error.value)
    [heard] = calls.heard()
    assert monitoring.read_report(heard.parameters).http_code is None
    assert "http_code" not in dict(heard.parameters)


async def test_nothing_is_reported_where_there_was_no_call_or_nobody_wants_to_hear(calls, portal):
    refused = PartnerRefused(HEI, "status 400: no", status=400)
    client = calls.client()

    assert not await client.report_failure(KEY, portal, "get-url", ApiNotServed(HEI, "no such"))
    echo = calls.know(calls.partner.entry("echo", "2.0.1"))
    assert not await client.report_failure(KEY, echo, "url", refused)
    listed_alone = calls.know(calls.partner.entry("omobilities", "3.0.0", urls=["get-url"]))
    assert not await client.report_failure(KEY, listed_alone, "get-url", refused)
    assert calls.partner.heard == []


async def test_a_portal_that_fails_is_nobodys_trouble(calls, portal):
    calls.partner.status, calls.partner.body = 500, ERROR

    refused = PartnerRefused(HEI, "status 400: no", status=400)

    assert not await calls.client().report_failure(KEY, portal, "get-url", refused)
    assert len(calls.partner.heard) == 1


async def test_what_was_not_trusted_is_reported_as_an_answer_that_came(calls, portal):
    distrust = ReplyNotTrusted(HEI, "the key is another host's")
    calls.partner.body = monitoring.write_response()

    assert await calls.client().report_failure(KEY, portal, "get-url", distrust)
    assert monitoring.read_report(calls.heard()[0].parameters).http_code == httpx.codes.OK
