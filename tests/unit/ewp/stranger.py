"""A partner whose signing is its own, put together from the specification and not from our code."""

import base64
import hashlib
import re
import uuid
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

NOW = datetime(2026, 3, 2, 9, 5, 7, tzinfo=UTC)
REQUIRED = ("(request-target)", "host", "date", "digest", "x-request-id")
FORM = "application/x-www-form-urlencoded"


def date_of(moment):
    """RFC 1123, in English whatever the machine speaks."""
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[moment.weekday()]
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    return f"{day}, {moment:%d} {months[moment.month - 1]} {moment:%Y %H:%M:%S} GMT"


def digest_of(body, name="SHA-256"):
    return f"{name}=" + base64.b64encode(hashlib.sha256(body).digest()).decode()


def lines(names, values):
    return "\n".join(f"{name}: {values[name]}" for name in names).encode("latin-1")


class Stranger:
    """One key pair, and what its owner does with it."""

    def __init__(self, private=None):
        self.private = private or rsa.generate_private_key(public_exponent=65_537, key_size=2048)
        der = self.private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.base64_der = base64.b64encode(der).decode()
        self.key_id = hashlib.sha256(der).hexdigest()

    def sign(self, data):
        signature = self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())
        return base64.b64encode(signature).decode()

    def has_signed(self, data, signature):
        return has_signed(self.private.public_key(), data, signature)

    def request(
        self,
        method,
        target,
        *,
        host,
        body=b"",
        before=None,
        after=None,
        names=(*REQUIRED, "accept-signature"),
        algorithm="rsa-sha256",
        key_id=None,
    ):
        """Headers of a request; `before` and `after` signing they are changed, None takes out."""
        sent = {
            "host": host,
            "date": date_of(NOW),
            "digest": digest_of(body),
            "x-request-id": str(uuid.uuid4()),
            "accept-signature": "rsa-sha256",
        }
        if body:
            sent["content-type"] = FORM
        changed(sent, before)
        values = sent | {"(request-target)": f"{method.lower()} {target}"}
        signed = [name for name in names if name in values]
        sent["authorization"] = (
            f'Signature keyId="{key_id or self.key_id}",algorithm="{algorithm}",'
            f'headers="{" ".join(names)}",signature="{self.sign(lines(signed, values))}"'
        )
        return changed(sent, after)

    def answer(self, request, body, *, signs=None, before=None, after=None, names=None):
        """Headers of an answer to a request whose headers are given in lower case."""
        sent = {
            "content-type": "text/xml; charset=utf-8",
            "original-date": date_of(NOW),
            "digest": digest_of(body),
            "x-request-id": request["x-request-id"],
        }
        if "authorization" in request:
            sent["x-request-signature"] = parameters(request["authorization"])["signature"]
        changed(sent, before)
        names = [name for name in names or sent if name in sent]
        signature = (signs or self).sign(lines(names, sent))
        sent["signature"] = (
            f'headers="{" ".join(names)}",keyId="{(signs or self).key_id}",'
            f'signature="{signature}",algorithm="rsa-sha256"'
        )
        return changed(sent, after)


def has_signed(public_key, data, signature):
    try:
        public_key.verify(
            base64.b64decode(signature, validate=True), data, padding.PKCS1v15(), hashes.SHA256()
        )
    except InvalidSignature:
        return False
    return True


def changed(headers, changes):
    for name, value in (changes or {}).items():
        if value is None:
            headers.pop(name, None)
        else:
            headers[name] = value
    return headers


def parameters(header):
    """The parameters of `Authorization: Signature ...` or of `Signature: ...`."""
    return dict(re.findall(r'([a-zA-Z]+)="([^"]*)"', header))


def is_signed_request(key, *, method, target, headers, body):
    """Whether a server that is as strict as allowed lets this request in."""
    scheme, _, rest = headers["authorization"].partition(" ")
    signed = parameters(rest)
    names = signed["headers"].split(" ")
    values = headers | {"(request-target)": f"{method.lower()} {target}"}
    assert scheme == "Signature"
    assert signed["keyId"] == key.key_id
    assert signed["algorithm"] == "rsa-sha256"
    assert {*REQUIRED, "accept-signature"} <= set(names)
    assert headers["date"] == date_of(NOW)
    assert headers["digest"] == digest_of(body)
    assert headers["accept-signature"] == "rsa-sha256"
    assert uuid.UUID(headers["x-request-id"]).version == 4
    assert headers["x-request-id"] == str(uuid.UUID(headers["x-request-id"]))
    return key.has_signed(lines(names, values), signed["signature"])


def is_signed_answer(key, answer, *, request):
    """Whether an `httpx.Response` is `key`'s answer to a request with these headers."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    signed = parameters(headers["signature"])
    names = signed["headers"].split(" ")
    assert signed["keyId"] == key.key_id
    assert signed["algorithm"] == "rsa-sha256"
    assert headers["digest"] == digest_of(answer.content)
    assert "digest" in names
    dates = {"date", "original-date"} & set(names)
    assert dates
    assert all(headers[name] == date_of(NOW) for name in dates)
    if "x-request-id" in request:
        assert "x-request-id" in names
        assert headers["x-request-id"] == request["x-request-id"]
    if request.get("authorization", "").startswith("Signature "):
        sent = parameters(request["authorization"])
        if "signature" in sent:
            assert "x-request-signature" in names
            assert headers["x-request-signature"] == sent["signature"]
    else:
        assert "x-request-signature" not in headers
    return key.has_signed(lines(names, headers), signed["signature"])
