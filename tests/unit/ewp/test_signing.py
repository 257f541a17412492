"""Making signed requests, and taking those that are right (guide §2.2)."""

import re
from datetime import timedelta

import msgspec
import pytest
from unit.ewp.signed import (
    CLIENT,
    NOW,
    REQUEST_ID,
    REQUIRED,
    URL,
    signed,
    signed_with_digest,
    verified,
    with_header,
    with_parameter,
)

from ewp import signing
from ewp.signing import Style, request_target, sign_request


def test_a_signed_request_tells_who_signed_what():
    request = signed(headers={"Content-Type": "text/xml"})

    found = verified(request)

    given = dict(request.headers)
    assert found == signing.VerifiedRequest(
        key_id=CLIENT.key_id,
        request_id=REQUEST_ID,
        signature=re.search(r'signature="([^"]+)"', given["authorization"])[1],
        signed_headers=frozenset({*REQUIRED, "accept-signature"}),
        headers=tuple(
            (name, given[name])
            for name in ("host", "digest", "x-request-id", "accept-signature", "date")
        ),
    )


def test_an_unsigned_header_does_not_reach_the_application():
    request = with_header(signed(), "x-forwarded-for", "192.0.2.1")

    assert "x-forwarded-for" not in dict(verified(request).headers)


def test_the_request_sent_has_the_headers_of_the_guide_in_their_order():
    sent = sign_request(
        CLIENT, method="GET", url="https://partner.example/echo", now=NOW, request_id=REQUEST_ID
    )

    authorization = sent.pop("Authorization")
    assert sent == {
        "Host": "partner.example",
        "Date": "Mon, 02 Mar 2026 09:05:07 GMT",
        "Digest": "SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "Want-Digest": "SHA-256",
        "X-Request-Id": REQUEST_ID,
        "Accept-Signature": "rsa-sha256",
    }
    assert authorization.startswith(
        f'Signature keyId="{CLIENT.key_id}",algorithm="rsa-sha256",headers="(request-target) host'
        ' date digest x-request-id accept-signature",signature="'
    )


def test_each_request_has_an_id_of_its_own():
    first, second = (
        sign_request(CLIENT, method="GET", url=URL, now=NOW)["X-Request-Id"] for _ in range(2)
    )

    assert first != second
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", first)


def test_headers_may_be_signed_in_another_order_and_more_of_them():
    headers = ("x-request-id", "user-agent", "digest", "date", "(request-target)", "host")
    request = signed(headers={"User-Agent": "SIS"}, style=Style(headers=headers))

    assert verified(request).signed_headers == frozenset(headers)


def test_several_headers_of_one_name_are_joined_by_a_comma():
    one = signed(headers={"X-Note": "a, b"}, style=Style(headers=(*REQUIRED, "x-note")))
    kept = [each for each in one.headers if each[0] != "x-note"]
    two = msgspec.structs.replace(one, headers=[*kept, ("x-note", " a"), ("x-note", "b ")])

    assert verified(two).request_id == REQUEST_ID


def test_an_original_date_alone_is_enough():
    headers = ("(request-target)", "host", "original-date", "digest", "x-request-id")

    request = signed(style=Style(headers=headers))

    assert "date" not in dict(request.headers)
    assert verified(request).request_id == REQUEST_ID


def test_an_unsigned_date_is_not_looked_at():
    headers = ("(request-target)", "host", "original-date", "digest", "x-request-id")
    request = signed(style=Style(headers=headers))

    assert verified(with_header(request, "date", "yesterday")).request_id == REQUEST_ID


def test_a_java_clients_day_of_one_digit_is_read():
    request = signed(headers={"Original-Date": "x"}, style=Style(headers=REQUIRED))
    values = dict(request.headers) | {
        "date": "Mon, 2 Mar 2026 09:05:07 GMT",
        "(request-target)": f"post {request.target}",
    }
    signature = CLIENT.sign("\n".join(f"{each}: {values[each]}" for each in REQUIRED).encode())
    request = with_header(request, "date", values["date"])

    changed = with_parameter(request, r'signature="[^"]+"', f'signature="{signature}"')
    assert verified(changed).request_id == REQUEST_ID


@pytest.mark.parametrize("away", [timedelta(minutes=5), timedelta(minutes=-5)])
def test_a_date_at_the_edge_of_the_window_is_accepted(away):
    assert verified(signed(now=NOW + away)).request_id == REQUEST_ID


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("https://partner.example:8443/echo", ["partner.example"]),
        ("https://partner.example:8443/echo", ["partner.example:8443"]),
        ("https://partner.example/echo", ["partner.example:8443"]),
        ("https://partner.example:443/echo", ["other.example", "Partner.Example"]),
        ("http://[::1]:8080/echo", ["[::1]"]),
    ],
)
def test_a_host_counts_with_and_without_its_port(url, hosts):
    assert verified(signed(url=url), hosts=hosts).request_id == REQUEST_ID


@pytest.mark.parametrize("digest", ["shA-256={}", "SHA=xyz, SHA-256={}", "MD5=a,SHA-256={},SHA=b"])
def test_a_digest_may_be_one_of_several_and_named_in_any_case(digest):
    value = dict(signed().headers)["digest"].partition("=")[2]
    request = signed_with_digest(digest.format(value))

    assert verified(request).request_id == REQUEST_ID


def test_a_target_in_bytes_is_the_same_as_in_text():
    request = signed()

    as_bytes = msgspec.structs.replace(request, target=request.target.encode())
    assert verified(as_bytes) == verified(request)


@pytest.mark.parametrize(
    "url",
    ["https://partner.example/a b", "https://partner.example/ł", "/echo", "ftp://a.example/", ""],
)
def test_a_url_that_is_not_encoded_or_not_absolute_is_not_signed(url):
    with pytest.raises(ValueError, match="URL"):
        sign_request(CLIENT, method="GET", url=url, now=NOW)


@pytest.mark.parametrize(
    ("url", "host", "target"),
    [
        ("https://a.example", "a.example", "/"),
        ("https://a.example?x=1", "a.example", "/?x=1"),
        ("https://a.example/b?", "a.example", "/b?"),
        ("https://a.example/b#c", "a.example", "/b"),
        ("https://A.example:443/b%2Fc/~d", "a.example", "/b%2Fc/~d"),
        ("https://a.example:8443/", "a.example:8443", "/"),
        ("http://a.example:80/", "a.example", "/"),
        ("http://[::1]:8080/x", "[::1]:8080", "/x"),
    ],
)
def test_host_and_target_are_what_a_client_sends(url, host, target):
    assert sign_request(CLIENT, method="GET", url=url, now=NOW)["Host"] == host
    assert request_target("GET", url) == f"get {target}"


def test_a_header_that_the_style_names_has_to_be_there():
    with pytest.raises(ValueError, match="the style signs what is not there: content-type"):
        sign_request(
            CLIENT, method="GET", url=URL, now=NOW, style=Style(headers=(*REQUIRED, "content-type"))
        )


def test_a_given_host_replaces_that_of_the_url_and_nothing_is_there_twice():
    sent = sign_request(
        CLIENT,
        method="GET",
        url=URL,
        now=NOW,
        headers={"host": "inside.example", "DIGEST": "x", "authorization": "Basic x"},
    )

    assert sent["host"] == "inside.example"
    assert sorted(map(str.lower, sent)) == sorted(
        [
            "accept-signature",
            "authorization",
            "date",
            "digest",
            "host",
            "want-digest",
            "x-request-id",
        ]
    )
