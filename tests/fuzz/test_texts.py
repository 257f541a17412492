"""Everything else that reads what strangers wrote: headers, forms, JSON, settings."""

import gzip
import json
from contextlib import suppress
from datetime import UTC, datetime

import msgspec
import pytest
from fuzz import watch
from fuzz.changes import NASTY, damaged, texts
from fuzz.signatures import ANSWER, REQUEST, answer_verified, request_verified
from fuzz.watch import fuzzing
from hypothesis import given
from hypothesis import strategies as st
from unit.ewp.signed import BODY, CLIENT, REQUEST_ID, SERVER

from erasmus_app.errors import SettingsInvalid
from erasmus_app.identity.claims import Identity, identity_of, is_subject
from erasmus_app.identity.esi import esi_key, is_esi
from erasmus_app.push.fcm import result_of
from erasmus_app.push.http2 import Answer
from erasmus_app.settings import PREFIX, Settings, load_heis, load_settings
from ewp import bodies
from ewp.errors import KeyInvalid, MessageInvalid, RequestRefused
from ewp.host_calls import Call, academic_year, moment, read_form
from ewp.ids import HeiId
from ewp.keys import PublicKey
from ewp.messages import file, monitoring
from ewp.signing import ResponseRefused
from ewp.signing_headers import check_digest, digest_of, read_date, read_parameters

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(NASTY) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)

PACKED = gzip.compress(b"<a/>")

# -- Signatures --

AUTHORIZATION = dict(REQUEST.headers)["authorization"]
VALUES = [value for _, value in REQUEST.headers] + list(ANSWER.values())
NAMES = sorted({name for name, _ in REQUEST.headers} | {name.lower() for name in ANSWER})


def headers(good):
    """Good headers, some of them changed, left out, doubled, or new."""
    change = st.tuples(
        st.sampled_from(["change", "leave out", "add"]), st.sampled_from(NAMES), texts(VALUES)
    )

    def made(changes):
        found = [(name.lower(), value) for name, value in good]
        for what, name, value in changes:
            if what != "add":
                found = [each for each in found if each[0] != name]
            if what != "leave out":
                found.append((name, value))
        return found

    return st.lists(change, max_size=3).map(made)


@fuzzing
@given(
    headers(REQUEST.headers),
    st.sampled_from(["POST", "post", "GET", "\u0130", ""]),
    texts([REQUEST.target]),
    st.binary(max_size=20) | st.just(BODY),
)
def test_a_changed_request_is_refused_or_is_what_was_signed(given_headers, method, target, body):
    request = msgspec.structs.replace(
        REQUEST, headers=given_headers, method=method, target=target, body=body
    )
    with suppress(RequestRefused), watch.reading("verify_request"):
        request_verified(request)
        assert (method.lower(), target, body) == ("post", REQUEST.target, BODY)


@fuzzing
@given(headers(REQUEST.headers), st.sampled_from([BODY, b"", b"\0"]))
def test_changed_headers_are_refused_or_are_what_was_signed(given_headers, body):
    request = msgspec.structs.replace(REQUEST, headers=given_headers, body=body)
    with suppress(RequestRefused), watch.reading("verify_request, headers"):
        found = request_verified(request)
        assert body == BODY
        assert {each for each in found.headers if each[0] == "x-request-id"} == {
            ("x-request-id", REQUEST_ID)
        }


@fuzzing
@given(headers(ANSWER.items()), st.binary(max_size=20) | st.just(BODY))
def test_a_changed_response_is_refused_or_is_what_was_signed(given_headers, body):
    with suppress(ResponseRefused), watch.reading("verify_response"):
        found = answer_verified(given_headers, body)
        assert (found, body) == (SERVER.key_id, BODY)


@fuzzing
@given(texts([AUTHORIZATION.removeprefix("Signature "), ANSWER["Signature"]]))
def test_parameters_are_read_or_refused(text):
    with suppress(ValueError), watch.reading("read_parameters"):
        read_parameters(text)


@fuzzing
@given(texts([ANSWER["Date"], "Tue, 29 Feb 2028 23:59:59 GMT"]))
def test_a_date_is_read_or_refused(text):
    with suppress(ValueError), watch.reading("read_date"):
        assert read_date(text).tzinfo is UTC


@fuzzing
@given(texts([digest_of(BODY), f"MD5=AAAA, {digest_of(BODY)}"]))
def test_a_digest_is_right_or_refused(text):
    with suppress(ValueError), watch.reading("check_digest"):
        check_digest(text, BODY)
        assert digest_of(BODY).partition("=")[2] in text


@fuzzing
@given(texts([CLIENT.public.to_base64_der()]))
def test_a_key_is_read_or_refused(text):
    with suppress(KeyInvalid), watch.reading("PublicKey"):
        key = PublicKey.from_base64_der(text)
        key.check()
        assert key.bits >= 2048


@fuzzing
@given(st.sampled_from(["", "gzip", "x-gzip", "br", "gzip, gzip"]), st.data())
def test_a_packed_body_is_unpacked_within_its_limit_or_refused(encoding, data):
    packed = data.draw(damaged(PACKED) if encoding else st.binary(max_size=60))
    with suppress(bodies.BodyUnreadable, bodies.BodyOverlong), watch.reading("unpacked"):
        assert len(bodies.unpacked(packed, encoding, 50)) <= 50


# -- Forms --

FORM = "omobility_id=om-1&sending_hei_id=a.example&modified_since=2026-03-02T09%3A00%3A00%2B01%3A00"
REPORT = "server_hei_id=a.example&api_name=omobilities&endpoint_name=get&http_code=503"


@fuzzing
@given(texts([FORM, "receiving_academic_year_id=2026%2F2027", REPORT]), st.binary(max_size=9))
def test_a_form_is_read_or_refused(text, more):
    with suppress(RequestRefused, MessageInvalid), watch.reading("forms"):
        parameters = read_form(text.encode("utf-8", "surrogatepass") + more)
        call = Call(hei_id=HeiId("a.example"), callers=frozenset(), parameters=parameters, body=b"")
        found = moment(call, "modified_since")
        assert found is None or found.tzinfo is UTC
        academic_year(call)
        call.omobility_ids(3)
        monitoring.read_report(parameters)


@fuzzing
@given(st.binary(max_size=40), st.none() | texts(["application/pdf; charset=a"]))
def test_a_file_is_taken_or_refused(content, kind):
    with suppress(MessageInvalid), watch.reading("file.read_response"):
        file.read_response(content, kind)


# -- People --

ESI = "urn:schac:personalUniqueCode:int:esi:ribeira.example:2026117"


@fuzzing
@given(texts([ESI, "urn:schac:personalUniqueCode:int:esi:PT:1%2F2"]))
def test_an_esi_is_one_or_none_and_has_one_key(text):
    with watch.reading("is_esi"):
        if is_esi(text):
            assert is_esi(esi_key(text))
            assert esi_key(text).isascii()


CLAIMS = {
    "sub": "0123456789abcdef@myacademicid.org",
    "name": "Inês Duarte",
    "email": "ines@ribeira.example",
    "schac_home_organization": "ribeira.example",
    "schac_personal_unique_code": [ESI],
    "voperson_external_affiliation": ["student@ribeira.example"],
}


@fuzzing
@given(st.dictionaries(st.sampled_from(sorted(CLAIMS)), JSON, max_size=4))
def test_claims_of_any_shape_are_read(changes):
    with watch.reading("identity_of"):
        found = identity_of("https://login.example", CLAIMS | changes)
        assert isinstance(found, Identity)
        assert all(map(is_esi, found.esis))
        assert found.roles is not None
        is_subject(found.subject)


# -- Pushes --

REFUSAL = {
    "error": {
        "status": "NOT_FOUND",
        "details": [
            {
                "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError",
                "errorCode": "UNREGISTERED",
            },
            {"fieldViolations": [{"field": "message.token"}]},
        ],
    }
}
MOMENT = datetime(2026, 3, 2, 9, tzinfo=UTC)


@fuzzing
@given(
    st.sampled_from([0, 200, 204, 302, 400, 401, 403, 404, 429, 499, 500, 503, 999]),
    JSON.map(json.dumps).map(str.encode)
    | texts([json.dumps(REFUSAL)]).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.none() | texts(["120", "Mon, 02 Mar 2026 09:05:07 GMT", "Mon, 02 Mar 2026 09:05:07 +9999"]),
)
def test_whatever_the_push_service_answers_is_an_outcome(status, body, wait):
    answer = Answer(status=status, headers={"retry-after": wait} if wait else {}, body=body)
    with watch.reading("fcm.result_of"):
        found = result_of(answer, MOMENT)
        assert found.retry_after is None or 0 <= found.retry_after <= 3600


# -- Settings --

ENVIRONMENT = {
    f"{PREFIX}PUBLIC_URL": "https://app.ribeira.example",
    f"{PREFIX}LISTEN": "127.0.0.1:8000",
    f"{PREFIX}TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8",
    f"{PREFIX}OIDC_ISSUER": "https://login.example",
    f"{PREFIX}EWP_TIMEOUT_SECONDS": "10",
}
KNOWN = [f"{PREFIX}{each.upper()}" for each in Settings.__struct_fields__]
UNNAMED = [each for each in KNOWN if not each.endswith("CONFIG")]


@fuzzing
@given(st.dictionaries(st.sampled_from(UNNAMED), texts(list(ENVIRONMENT.values())), max_size=3))
def test_settings_are_read_or_refused(changes):
    with suppress(SettingsInvalid), watch.reading("load_settings"):
        settings = load_settings(ENVIRONMENT | changes)
        assert settings.listen_address
        assert settings.proxy_networks is not None
        assert settings.absences
        assert settings.public_hosts


HEIS = """
[[hei]]
id = "ribeira.example"
name = { en = "Ribeira" }
client_key = "heis.toml"
admin_emails = ["ewp@ribeira.example"]
own_system = "https://sis.ribeira.example/manifest.xml"
[hei.api]
omobility-cnr = "own"
"""


@pytest.fixture(scope="module")
def heis_file(tmp_path_factory):
    return tmp_path_factory.mktemp("heis") / "heis.toml"


@fuzzing
@given(content=texts([HEIS]))
def test_the_file_of_heis_is_read_or_refused(heis_file, content):
    heis_file.write_text(content, encoding="utf-8", errors="surrogatepass")
    with suppress(SettingsInvalid), watch.reading("load_heis"):
        load_heis(heis_file)


@fuzzing
@given(content=st.binary(max_size=80))
def test_a_file_of_settings_is_read_or_refused(heis_file, content):
    heis_file.write_bytes(content)
    with suppress(SettingsInvalid), watch.reading("load_settings, file"):
        load_settings(ENVIRONMENT | {f"{PREFIX}CONFIG": str(heis_file)})
