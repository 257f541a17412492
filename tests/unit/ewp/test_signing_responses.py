"""Signing responses and judging them (guide §2.4)."""

from datetime import timedelta

import pytest
from unit.ewp.signed import CLIENT, NOW, REQUEST_ID, SERVER, URL

from ewp import signing
from ewp.signing import (
    ResponseRefused,
    ResponseUnsigned,
    Style,
    request_target,
    sign_response,
    verify_response,
    wants_signature,
)

XML = b"<echo-response/>"


def answer(**more):
    arguments = {
        "headers": {"Content-Type": "text/xml"},
        "body": XML,
        "now": NOW,
        "request_id": REQUEST_ID,
        "request_signature": "c2ln",
    } | more
    return sign_response(SERVER, **arguments)


def judged(headers, **more):
    arguments = {
        "headers": headers,
        "body": XML,
        "key_of": {CLIENT.key_id: CLIENT.public, SERVER.key_id: SERVER.public}.get,
        "allowed_keys": {SERVER.key_id},
        "sent_request_id": REQUEST_ID,
        "sent_signature": "c2ln",
        "now": NOW,
    } | more
    return verify_response(**arguments)


def response_refusal(headers, error=ResponseRefused, **more):
    with pytest.raises(error) as refused:
        judged(headers, **more)
    assert type(refused.value) is error
    return str(refused.value)


def test_a_response_has_the_headers_of_the_guide_in_their_order():
    headers = answer()

    signature = headers.pop("Signature")
    assert headers == {
        "Content-Type": "text/xml",
        "Digest": signing.digest_of(XML),
        "Date": "Mon, 02 Mar 2026 09:05:07 GMT",
        "X-Request-Id": REQUEST_ID,
        "X-Request-Signature": "c2ln",
    }
    assert signature.startswith(
        f'keyId="{SERVER.key_id}",algorithm="rsa-sha256",'
        'headers="date digest x-request-id x-request-signature",signature="'
    )


def test_a_signed_response_tells_which_key_signed_it():
    assert judged(answer()) == SERVER.key_id


def test_a_response_to_an_anonymous_call_repeats_only_the_request_id():
    headers = answer(request_signature=None)

    assert "X-Request-Signature" not in headers
    assert judged(headers, sent_signature=None) == SERVER.key_id


def test_a_response_to_a_call_without_anything_to_repeat_is_signed_too():
    headers = answer(request_id=None, request_signature=None)

    assert judged(headers, sent_signature=None, sent_request_id=None) == SERVER.key_id


def test_a_response_may_be_dated_beside_the_servers_own_date():
    headers = answer(style=signing.ORIGINAL_DATE_RESPONSE_STYLE) | {"Date": "whenever"}

    assert judged(headers) == SERVER.key_id


def test_headers_of_a_response_are_read_from_pairs_in_any_case():
    assert judged([(name.upper(), value) for name, value in answer().items()]) == SERVER.key_id


def test_a_response_that_signs_the_requests_target_is_checked_against_what_was_sent():
    names = ("(request-target)", "original-date", "digest", "x-request-id", "x-request-signature")
    target = request_target("POST", URL)
    headers = answer(style=Style(headers=(*names, *names)), target=target)

    assert judged(headers, sent_target=target) == SERVER.key_id
    assert response_refusal(headers) == "said to be signed, but absent: (request-target)"
    assert response_refusal(headers, sent_target="post /other").startswith("the signature is not")


def test_a_response_without_a_signature_is_refused_as_such():
    headers = answer()
    del headers["Signature"]

    assert response_refusal(headers, ResponseUnsigned) == "the response has no header Signature"
    assert issubclass(ResponseUnsigned, ResponseRefused)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"body": b"<other/>"}, "the SHA-256 in Digest is not that of the body received"),
        ({"allowed_keys": {CLIENT.key_id}}, "keyId is not among the server keys of the API's host"),
        ({"allowed_keys": ()}, "keyId is not among the server keys of the API's host"),
        ({"key_of": {}.get}, "keyId is not among the server keys of the API's host"),
        ({"sent_request_id": REQUEST_ID[::-1]}, "x-request-id is not that of the request"),
        ({"sent_signature": "b3RoZXI="}, "x-request-signature is not that of the request"),
        (
            {"now": NOW + timedelta(minutes=20)},
            "date is -1200 s away from this clock; 300 s may be",
        ),
        (
            {"now": NOW - timedelta(seconds=301)},
            "date is +301 s away from this clock; 300 s may be",
        ),
    ],
    ids=["body", "another's key", "no key", "no body of the key", "id", "signature", "old", "new"],
)
def test_a_response_that_does_not_belong_to_the_request_is_refused(change, rule):
    assert response_refusal(answer(), **change) == rule


def test_a_response_that_was_changed_breaks_the_signature():
    headers = answer() | {"Date": "Mon, 02 Mar 2026 09:05:09 GMT"}

    assert response_refusal(headers) == (
        "the signature is not this key's over: date digest x-request-id x-request-signature"
    )


@pytest.mark.parametrize("name", ["digest", "x-request-id", "x-request-signature"])
def test_a_response_that_leaves_out_what_must_be_signed_is_refused(name):
    headers = answer(
        style=Style(headers=tuple(each for each in signing.RESPONSE_STYLE.headers if each != name))
    )

    assert response_refusal(headers) == f"not signed, but has to be: {name}"


def test_a_response_without_a_signed_date_is_refused():
    headers = answer(style=Style(headers=("digest", "x-request-id", "x-request-signature")))

    assert response_refusal(headers) == "not signed, but has to be: date or original-date"


@pytest.mark.parametrize(
    ("signature", "rule"),
    [
        ('Signature keyId="a"', 'Signature cannot be read: no name="value" at character 1'),
        (
            'keyId="a",algorithm="rsa-sha1",headers="date",signature="c"',
            "the signature's algorithm is not rsa-sha256",
        ),
    ],
)
def test_a_response_with_another_kind_of_signature_is_refused(signature, rule):
    assert response_refusal(answer() | {"Signature": signature}) == rule


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (None, False),
        ("", False),
        ("unknown-algorithm", False),
        ("rsa-sha256", True),
        ("unknown-algorithm, RSA-SHA256", True),
    ],
)
def test_a_signed_response_is_owed_to_who_asks_for_rsa_sha256(header, wanted):
    assert wants_signature(header) is wanted
