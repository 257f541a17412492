"""Refusing requests, check by check as in guide §2.3 and the table of §7.2."""

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.ewp.signed import (
    CLIENT,
    NOW,
    REQUEST_ID,
    REQUIRED,
    SERVER,
    refusal,
    signed,
    signed_with_digest,
    verified,
    with_header,
    with_parameter,
)

from ewp import signing
from ewp.errors import CallerNotAuthenticated, CallerUnknown, SignatureRefused
from ewp.signing import SeenRequests, Style

# --- check 1: authenticated at all


def test_a_request_without_authorization_is_not_authenticated():
    request = with_header(signed(), "authorization", None)

    assert refusal(request, CallerNotAuthenticated) == (
        401,
        "the request has no header Authorization",
    )


@pytest.mark.parametrize("value", ["Basic YTpi", "Bearer x", "", 'keyId="a"'])
def test_another_scheme_of_authorization_is_not_authenticated(value):
    request = with_header(signed(), "authorization", value)

    assert refusal(request, CallerNotAuthenticated) == (
        401,
        "the scheme of Authorization is not Signature",
    )


def test_the_scheme_may_be_written_in_any_case():
    request = with_parameter(signed(), "^Signature", "SIGNATURE")

    assert verified(request).request_id == REQUEST_ID


# --- check 2: parameters


@pytest.mark.parametrize(
    ("parameters", "rule"),
    [
        ("", 'no name="value" at character 1'),
        ('keyId="a"', "without algorithm, headers, signature"),
        ('keyId="a",keyId="a"', "the parameter keyId is there twice"),
        ('keyId="a" algorithm="b"', 'no name="value" at character 1'),
        ('keyId="a",', 'no name="value" at character 11'),
        ('keyId="a', 'no name="value" at character 1'),
        (r'keyId="a\"b"', 'no name="value" at character 1'),
        ('keyId="ä"', 'no name="value" at character 1'),
        ('keyId="a"\nb="c"', 'no name="value" at character 1'),
        ('keyId="' + "a" * 9_000 + '"', "longer than 8192 characters"),
        (",".join(f'p{n}="1"' for n in range(17)), "more than 16 parameters"),
        (
            f'keyId="a",algorithm="b",headers="{"x " * 65}",signature="c"',
            "more than 64 signed headers",
        ),
    ],
    ids=lambda value: value[:24],
)
def test_parameters_that_cannot_be_read_are_refused_with_the_rule(parameters, rule):
    request = with_header(signed(), "authorization", f"Signature {parameters}")

    assert refusal(request) == (400, f"Authorization cannot be read: {rule}")


@pytest.mark.parametrize("name", ["keyId", "algorithm", "headers", "signature"])
def test_each_parameter_has_to_be_there(name):
    request = with_parameter(signed(), rf'\b{name}="', f'x-{name}="')

    assert refusal(request) == (400, f"Authorization cannot be read: without {name}")


def test_blanks_around_parameters_and_unknown_ones_are_tolerated():
    request = with_parameter(signed(), r'",', '" , ')
    request = with_parameter(request, "$", ', opaque="a=b/c+d", created=1402170695')

    assert verified(request).request_id == REQUEST_ID


def test_two_authorizations_are_refused():
    request = signed()
    twice = [each for each in request.headers if each[0] == "authorization"]

    status, message = refusal(msgspec.structs.replace(request, headers=request.headers + twice))

    assert (status, message[:28]) == (400, "Authorization cannot be read")


# --- check 3: algorithm


@pytest.mark.parametrize("algorithm", ["rsa-sha1", "rsa-sha512", "hs2019", "hmac-sha256", ""])
def test_another_algorithm_is_refused(algorithm):
    request = with_parameter(signed(), 'algorithm="[^"]+"', f'algorithm="{algorithm}"')

    assert refusal(request) == (400, "the signature's algorithm is not rsa-sha256")


# --- check 4: which headers


@pytest.mark.parametrize("name", ["(request-target)", "host", "digest", "x-request-id"])
def test_a_required_header_that_is_not_signed_is_refused(name):
    headers = tuple(each for each in REQUIRED if each != name)

    assert refusal(signed(style=Style(headers=headers))) == (
        400,
        f"not signed, but has to be: {name}",
    )


def test_a_request_without_any_signed_date_is_refused():
    request = signed(style=Style(headers=("(request-target)", "host", "digest", "x-request-id")))

    assert refusal(with_header(request, "date", "Mon, 02 Mar 2026 09:05:07 GMT")) == (
        400,
        "not signed, but has to be: date or original-date",
    )


def test_a_header_that_is_said_to_be_signed_but_absent_is_refused():
    request = with_parameter(signed(), "accept-signature", "accept-signature x-missing")

    assert refusal(request) == (400, "said to be signed, but absent: x-missing")


@pytest.mark.parametrize("name", ["host", "date", "digest", "x-request-id"])
def test_a_required_header_that_was_lost_on_the_way_is_refused(name):
    assert refusal(with_header(signed(), name, None)) == (
        400,
        f"said to be signed, but absent: {name}",
    )


def test_newer_drafts_pseudo_headers_are_absent_headers():
    request = with_parameter(signed(), r"\(request-target\)", "(created) (request-target)")

    assert refusal(request) == (400, "said to be signed, but absent: (created)")


# --- checks 5 and 6: host and request id


@pytest.mark.parametrize("url", ["https://other.example/", "https://partner.example.evil.example/"])
def test_a_request_for_another_host_is_refused(url):
    assert refusal(signed(url=url)) == (400, "Host is not a name of this server")


@pytest.mark.parametrize(
    "request_id",
    [
        REQUEST_ID.upper(),
        REQUEST_ID.replace("-", ""),
        REQUEST_ID.replace("-", "").upper(),
        "",
        REQUEST_ID + "0",
        "1",
    ],
)
def test_a_request_id_that_is_no_canonical_uuid_is_refused(request_id):
    assert refusal(signed(request_id=request_id)) == (
        400,
        "X-Request-Id is not a UUID in lower case with dashes",
    )


# --- check 7: dates


@pytest.mark.parametrize(
    ("away", "shown"),
    [(timedelta(minutes=-20), "-1200"), (timedelta(minutes=5, seconds=1), "+301")],
)
def test_a_date_outside_the_window_is_refused_and_told_by_how_much(away, shown):
    assert refusal(signed(now=NOW + away)) == (
        400,
        f"date is {shown} s away from this clock; 300 s may be",
    )


def test_a_stale_original_date_is_refused_even_beside_a_good_date():
    request = signed(style=Style(headers=(*REQUIRED, "original-date")))

    assert refusal(with_header(request, "original-date", "Mon, 02 Mar 2026 08:45:07 GMT")) == (
        400,
        "original-date is -1200 s away from this clock; 300 s may be",
    )


@pytest.mark.parametrize(
    ("date", "rule"),
    [
        ("2026-03-02T09:05:07Z", "not an RFC 1123 date in GMT"),
        ("Mon, 02 Mar 2026 09:05:07 +0000", "not an RFC 1123 date in GMT"),
        ("Monday, 02-Mar-26 09:05:07 GMT", "not an RFC 1123 date in GMT"),
        ("lun., 02 mars 2026 09:05:07 GMT", "not an RFC 1123 date in GMT"),
        ("", "not an RFC 1123 date in GMT"),
        ("Mon, 30 Feb 2026 09:05:07 GMT", "not a date of the calendar"),
        ("Mon, 02 Mrz 2026 09:05:07 GMT", "not a date of the calendar"),
        ("Mon, 02 Mar 2026 25:05:07 GMT", "not a date of the calendar"),
    ],
)
def test_a_date_in_another_form_is_refused(date, rule):
    assert refusal(with_header(signed(), "date", date)) == (400, f"date is {rule}")


# --- check 8: whose key


def test_a_key_that_nobody_knows_is_refused_as_unknown():
    assert refusal(signed(), CallerUnknown, keys=()) == (
        403,
        "keyId is not among the client keys of the catalogue",
    )


@pytest.mark.parametrize("key_id", ["", "Test", "../../etc/passwd", "A" * 64])
def test_a_key_id_that_is_none_is_an_unknown_key(key_id):
    request = with_parameter(signed(), 'keyId="[^"]+"', f'keyId="{key_id}"')

    assert refusal(request, CallerUnknown)[0] == 403


# --- check 9: the signature


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-request-id", "00000000-4e86-4106-8dde-1257fccf53e5"),
        ("date", "Mon, 02 Mar 2026 09:05:08 GMT"),
        ("digest", "SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
        ("accept-signature", "none"),
        ("host", "partner.example:8443"),
    ],
)
def test_a_signed_header_that_was_changed_breaks_the_signature(name, value):
    headers = " ".join(signing.REQUEST_STYLE.headers)

    assert refusal(with_header(signed(), name, value)) == (
        400,
        f"the signature is not this key's over: {headers}",
    )


@pytest.mark.parametrize(
    "change",
    [
        {"method": "GET"},
        {"target": "/ewp/lindental.example/echo?echo=a/b&echo=%C5%82"},
        {"target": "/ewp/lindental.example/echo"},
    ],
)
def test_another_method_or_a_target_that_was_normalised_breaks_the_signature(change):
    status, message = refusal(msgspec.structs.replace(signed(), **change))

    assert (status, message[:39]) == (400, "the signature is not this key's over: (")


@pytest.mark.parametrize("signature", ["", "AAAA", "not base64", "===="])
def test_a_signature_that_is_none_is_refused(signature):
    request = with_parameter(signed(), 'signature="[^"]+"', f'signature="{signature}"')

    assert refusal(request)[0] == 400


def test_a_signature_by_another_key_under_ones_own_name_is_refused():
    request = with_parameter(signed(), 'keyId="[^"]+"', f'keyId="{SERVER.key_id}"')

    assert refusal(request, keys=(CLIENT, SERVER))[0] == 400


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("a\nhost: evil.example", "a header's value has a line break"),
        ("a\rb", "a header's value has a line break"),
        ("\N{GREEK SMALL LETTER PI}", "a header's value has characters outside Latin-1"),
    ],
    ids=["line feed", "carriage return", "greek"],
)
def test_a_header_that_no_http_carries_is_refused(value, rule):
    request = signed(headers={"X-Note": "a"}, style=Style(headers=(*REQUIRED, "x-note")))

    assert refusal(with_header(request, "x-note", value)) == (400, rule)


# --- check 10: the body


def test_a_body_that_was_changed_is_refused():
    assert refusal(msgspec.structs.replace(signed(), body=b"omobility_id=3")) == (
        400,
        "the SHA-256 in Digest is not that of the body received",
    )


@pytest.mark.parametrize("digest", ["SHA=abc", "MD5=abc,SHA-512=def", "", "SHA-256"])
def test_a_digest_without_sha_256_is_refused(digest):
    assert refusal(signed_with_digest(digest)) == (400, "Digest has no SHA-256")


def test_two_different_sha_256_are_refused():
    value = dict(signed().headers)["digest"]

    assert refusal(signed_with_digest(f"{value}, SHA-256=AAAA")) == (
        400,
        "the SHA-256 in Digest is not that of the body received",
    )


# --- check 11: replay


def test_a_request_that_came_already_is_refused():
    request, seen = signed(), SeenRequests()
    verified(request, seen=seen)

    assert refusal(request, seen=seen, now=NOW + timedelta(minutes=4)) == (
        400,
        "a request of this X-Request-Id came already",
    )


def test_a_request_that_was_refused_may_be_sent_again():
    request, seen = signed(), SeenRequests()
    refusal(msgspec.structs.replace(request, body=b"cut"), seen=seen)

    assert verified(request, seen=seen).request_id == REQUEST_ID


def test_as_long_as_a_request_could_be_accepted_it_is_remembered():
    seen = SeenRequests()
    moments = [NOW + timedelta(minutes=minutes) for minutes in (0, 1, 10, 11, 60)]

    found = [seen.is_new(CLIENT.key_id, REQUEST_ID, moment) for moment in moments]

    assert found == [True, False, False, False, True]


def test_what_is_remembered_is_bounded():
    seen = SeenRequests(limit=10)

    for number in range(1_000):
        seen.is_new(CLIENT.key_id, str(number), NOW)

    assert len(seen._new | seen._old) <= 10


# --- the reader of parameters, with anything at all


ONCE = signed()


@settings(max_examples=500, deadline=None)
@given(
    st.one_of(
        st.text(),
        st.text(alphabet='keyIdalgorithmheaderssignature="=,/+ \t\\()-0\n'),
        st.lists(
            st.sampled_from(
                [
                    'keyId="a"',
                    'algorithm="rsa-sha256"',
                    'headers="(request-target) host date digest x-request-id"',
                    'signature="AAAA"',
                    "created=1",
                    ",",
                    " ",
                    '"',
                    "=",
                ]
            ),
            max_size=12,
        ).map("".join),
        st.permutations(
            ["keyId", "algorithm", "headers", "signature", "expires"],
        ).flatmap(
            lambda names: st.lists(st.text(max_size=20), min_size=5, max_size=5).map(
                lambda texts: ",".join(
                    f'{name}="{text}"' for name, text in zip(names, texts, strict=True)
                )
            )
        ),
    )
)
def test_no_authorization_whatever_does_more_than_be_refused(parameters):
    request = with_header(ONCE, "authorization", f"Signature {parameters}")

    with pytest.raises((SignatureRefused, CallerUnknown)):
        verified(request)
