"""Our signatures against published vectors, byte for byte where the private key is known."""

import base64
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from ewp.errors import KeyInvalid
from ewp.keys import PrivateKey, PublicKey
from ewp.signing import (
    REQUEST_STYLE,
    RESPONSE_STYLE,
    IncomingRequest,
    Style,
    request_target,
    sign_request,
    sign_response,
    verify_request,
    verify_response,
)
from ewp.signing_headers import digest_of, joined, read_parameters, signing_string

EWP = Path(__file__).parents[2] / "../shared/ewp"
if not (EWP / "vectors").is_dir():
    pytest.skip("../shared is not here: signature vectors to compare with", allow_module_level=True)

# The order of Authorization's parameters in the Registry's own library.
REGISTRY_ORDER = ("keyId", "signature", "headers", "algorithm")
REGISTRY_NOW = datetime(2026, 3, 2, 10, 20, 30, tzinfo=UTC)
VECTORS = json.loads((EWP / "vectors/registry-signer.json").read_text())
DRAFT = json.loads((EWP / "vectors/draft-cavage-12-appendix-c.json").read_text())
GUIDE = (EWP / "GUIDE.md").read_text()


def private_key(vector, whose):
    return PrivateKey.from_pem((EWP / "vectors" / vector[f"{whose}_key"]).read_bytes())


def only(headers, *names):
    return {name: value for name, value in headers.items() if name in names}


def the(vector):
    request, response = vector["request"], vector["response"]
    bodies = (base64.b64decode(each["body_b64"]) for each in (request, response))
    return request, response, *bodies


@pytest.fixture(params=VECTORS, ids=[each["name"] for each in VECTORS])
def vector(request):
    return request.param


# --- the Registry's own signer


def test_there_are_seven_pairs():
    assert len(VECTORS) == 7


def test_our_request_is_the_registrys_byte_for_byte(vector):
    request, _, body, _ = the(vector)
    names = sorted(name.lower() for name in request["headers"] if name != "Authorization")

    sent = sign_request(
        private_key(vector, "client"),
        method=request["method"],
        url=request["url"],
        headers=only(request["headers"], "Host", "Content-Type", "Content-Length"),
        body=body,
        now=REGISTRY_NOW,
        request_id=request["headers"]["X-Request-Id"],
        style=Style(headers=("(request-target)", *names), parameters=REGISTRY_ORDER),
    )

    assert sent == request["headers"]


def test_the_registrys_request_is_accepted(vector):
    request, _, body, _ = the(vector)
    key = private_key(vector, "client").public
    target = request_target(request["method"], request["url"])

    found = verify_request(
        IncomingRequest(
            method=request["method"],
            target=target.partition(" ")[2],
            headers=[(name.lower(), value) for name, value in request["headers"].items()],
            body=body,
        ),
        key_of={key.key_id: key}.get,
        now=REGISTRY_NOW,
        hosts=["partner.example.org", "127.0.0.1:8443"],
    )

    assert (found.key_id, found.request_id) == (key.key_id, request["headers"]["X-Request-Id"])


def test_our_response_is_the_registrys_byte_for_byte(vector):
    request, response, _, body = the(vector)
    names = ("content-type", "digest", "original-date", "x-request-id", "x-request-signature")

    sent = sign_response(
        private_key(vector, "server"),
        headers=only(response["headers"], "Content-Type"),
        body=body,
        now=REGISTRY_NOW,
        request_id=request["headers"]["X-Request-Id"],
        request_signature=response["headers"]["X-Request-Signature"],
        target=request_target(request["method"], request["url"]),
        # It signs the request's target in the response, and each header twice.
        style=Style(headers=("(request-target)", *names, *names), parameters=REGISTRY_ORDER),
    )

    assert sent == response["headers"]


def test_the_registrys_response_is_believed(vector):
    request, response, _, body = the(vector)
    key = private_key(vector, "server").public
    authorization = request["headers"]["Authorization"].removeprefix("Signature ")

    found = verify_response(
        headers=response["headers"],
        body=body,
        key_of={key.key_id: key}.get,
        allowed_keys={key.key_id},
        sent_request_id=request["headers"]["X-Request-Id"],
        sent_signature=read_parameters(authorization).signature,
        sent_target=request_target(request["method"], request["url"]),
        now=REGISTRY_NOW,
    )

    assert found == key.key_id


# --- the draft's appendix: signing strings only, as its key is too short for EWP


@pytest.mark.parametrize("case", DRAFT["cases"], ids=[each["name"] for each in DRAFT["cases"]])
def test_our_signing_string_is_the_drafts(case):
    request = DRAFT["request"]
    values = joined(request["headers"].items())
    values["(request-target)"] = f"{request['method'].lower()} {request['target']}"

    data = signing_string(case["headers"].split(), values)

    key = load_pem_public_key(DRAFT["public_key"].encode())
    key.verify(base64.b64decode(case["signature"]), data, padding.PKCS1v15(), SHA256())


def test_our_digest_is_the_drafts():
    request = DRAFT["request"]

    assert digest_of(request["body"].encode()) == request["headers"]["Digest"]


def test_the_drafts_key_is_too_short_for_ewp():
    with pytest.raises(KeyInvalid, match="1024 bits"):
        PublicKey.from_pem(DRAFT["public_key"].encode())


# --- the guide's worked example (§2.5): its private key is not known, its public key is


def worked_example():
    """Key, request lines, request body, response lines and response body as the guide prints."""
    section = GUIDE[GUIDE.index("### 2.5 Worked example") : GUIDE.index("### 2.6")]
    blocks = re.findall(r"```[a-z]*\n(.*?)\n```", section, flags=re.DOTALL)
    key, body, request_string, request, answer, response_string, more = blocks
    return {
        "key": PublicKey.from_base64_der(key),
        "body": body.encode(),
        "request_string": request_string.encode(),
        "request": dict(line.split(": ", 1) for line in request.splitlines()[1:]),
        "request_line": request.splitlines()[0],
        "answer": answer.encode(),
        "response_string": response_string.encode(),
        "response": dict(
            line.split(": ", 1)
            for line in (more + "\n" + response_string.replace("date:", "Date:")).splitlines()
        ),
    }


class Printed:
    """Signs nothing, but shows what would be signed; stands for the key that is not known."""

    def __init__(self, key_id, signature):
        self.key_id, self.signature, self.asked = key_id, signature, []

    def sign(self, data):
        self.asked.append(data)
        return self.signature


def test_the_guides_request_is_ours_in_every_header():
    example = worked_example()
    expected = example["request"] | {"Want-Digest": "SHA-256"}
    method, target, _ = example["request_line"].split(" ")
    signature = re.search(r'signature="([^"]+)"', expected["Authorization"])[1]
    key = Printed(example["key"].key_id, signature)

    sent = sign_request(
        key,
        method=method,
        url=f"https://{expected['Host']}{target}",
        headers=only(expected, "Content-Type", "Content-Length"),
        body=example["body"],
        now=datetime(2026, 3, 2, 9, 5, 7, tzinfo=UTC),
        request_id=expected["X-Request-Id"],
        style=REQUEST_STYLE,
    )

    assert sent == expected
    assert key.asked == [example["request_string"]]
    assert len(example["body"]) == int(expected["Content-Length"])


def test_the_guides_request_is_accepted():
    example = worked_example()
    method, target, _ = example["request_line"].split(" ")

    found = verify_request(
        IncomingRequest(
            method=method,
            target=target,
            headers=[(name.lower(), value) for name, value in example["request"].items()],
            body=example["body"],
        ),
        key_of={example["key"].key_id: example["key"]}.get,
        now=datetime(2026, 3, 2, 9, 5, 7, tzinfo=UTC),
        hosts=["partner.example.org"],
    )

    assert found.key_id == example["key"].key_id
    assert found.request_id == example["request"]["X-Request-Id"]


def test_the_guides_response_is_ours_in_every_header():
    example = worked_example()
    response = joined(example["response"].items())
    key = Printed(
        example["key"].key_id, re.search(r'signature="([^"]+)"', response["signature"])[1]
    )

    sent = sign_response(
        key,
        headers={"Content-Type": response["content-type"]},
        body=example["answer"],
        now=datetime(2026, 3, 2, 9, 5, 8, tzinfo=UTC),
        request_id=response["x-request-id"],
        request_signature=response["x-request-signature"],
        style=RESPONSE_STYLE,
    )

    assert joined(sent.items()) == response
    assert key.asked == [example["response_string"]]


def test_the_guides_response_is_believed():
    example = worked_example()
    authorization = example["request"]["Authorization"].removeprefix("Signature ")

    found = verify_response(
        headers=example["response"],
        body=example["answer"],
        key_of={example["key"].key_id: example["key"]}.get,
        allowed_keys={example["key"].key_id},
        sent_request_id=example["request"]["X-Request-Id"],
        sent_signature=read_parameters(authorization).signature,
        now=datetime(2026, 3, 2, 9, 5, 8, tzinfo=UTC),
    )

    assert found == example["key"].key_id
