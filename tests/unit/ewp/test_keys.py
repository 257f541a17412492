import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from ewp.errors import KeyInvalid
from ewp.keys import PrivateKey, PublicKey

KEY = PrivateKey.generate()
OTHER = PrivateKey.generate()
SHORT = rsa.generate_private_key(public_exponent=65_537, key_size=1024)
ELLIPTIC = ec.generate_private_key(ec.SECP256R1())


def pem_of(key, *, encryption=None, form=PrivateFormat.PKCS8):
    return key.private_bytes(Encoding.PEM, form, encryption or NoEncryption())


def public_pem_of(key):
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def base64_of(key):
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def test_a_key_id_is_the_sha_256_of_the_bytes_that_a_manifest_carries():
    der = base64.b64decode(KEY.public.to_base64_der())

    assert KEY.key_id == KEY.public.key_id == hashlib.sha256(der).hexdigest()


def test_what_a_private_key_signs_its_public_key_verifies():
    signature = KEY.sign(b"the signing string")

    assert KEY.public.verify(b"the signing string", signature)


def test_a_signature_is_not_valid_for_other_bytes_or_another_key():
    signature = KEY.sign(b"the signing string")

    assert not KEY.public.verify(b"another string", signature)
    assert not OTHER.public.verify(b"the signing string", signature)


@pytest.mark.parametrize("signature", ["", "AAAA", "not base64!", "ä", "=" * 344])
def test_garbage_is_no_signature(signature):
    assert not KEY.public.verify(b"the signing string", signature)


def test_a_signature_with_a_line_break_in_its_base64_is_refused():
    signature = KEY.sign(b"the signing string")

    assert not KEY.public.verify(b"the signing string", f"{signature[:70]}\n{signature[70:]}")


def test_a_private_key_survives_a_pem_file():
    again = PrivateKey.from_pem(KEY.to_pem())

    assert (again.key_id, again.sign(b"x")) == (KEY.key_id, KEY.sign(b"x"))


def test_a_private_key_of_pkcs_1_is_read_too():
    pem = pem_of(OTHER._key, form=PrivateFormat.TraditionalOpenSSL)

    assert PrivateKey.from_pem(pem).key_id == OTHER.key_id


def test_a_public_key_survives_a_pem_file():
    assert PublicKey.from_pem(KEY.public.to_pem()) == KEY.public


def test_line_breaks_and_blanks_in_a_manifests_key_are_ignored():
    der = base64.b64decode(KEY.public.to_base64_der())
    folded = "\n        ".join(["", *base64.encodebytes(der).decode().split(), ""])

    assert PublicKey.from_base64_der(folded) == KEY.public


def test_equal_keys_are_one_in_a_set_and_others_are_not():
    again = PublicKey.from_base64_der(KEY.public.to_base64_der())

    assert {KEY.public, again, OTHER.public} == {KEY.public, OTHER.public}
    assert KEY.public != "a key"


def test_a_private_key_shows_nothing_but_its_fingerprint():
    assert repr(KEY) == f"PrivateKey({KEY.key_id})"
    assert repr(KEY.public) == f"PublicKey({KEY.key_id})"


@pytest.mark.parametrize(
    ("pem", "rule"),
    [
        (pem_of(SHORT), "an RSA key of 1024 bits; 2048 to 16384 are read"),
        (pem_of(ELLIPTIC), "not an RSA key"),
        (b"-----BEGIN PRIVATE KEY-----", "not an unencrypted private key in PEM"),
        (
            pem_of(SHORT, encryption=BestAvailableEncryption(b"secret")),
            "not an unencrypted private key in PEM",
        ),
        (b"", "not an unencrypted private key in PEM"),
    ],
    ids=["short", "elliptic", "cut", "passphrase", "empty"],
)
def test_a_private_key_that_cannot_serve_is_refused(pem, rule):
    with pytest.raises(KeyInvalid) as refused:
        PrivateKey.from_pem(pem)

    assert str(refused.value) == rule


@pytest.mark.parametrize(
    ("pem", "rule"),
    [
        (public_pem_of(SHORT), "an RSA key of 1024 bits; 2048 to 16384 are read"),
        (public_pem_of(ELLIPTIC), "not an RSA key"),
        (b"nothing", "not a public key in PEM"),
    ],
    ids=["short", "elliptic", "garbage"],
)
def test_a_public_key_in_pem_that_cannot_serve_is_refused(pem, rule):
    with pytest.raises(KeyInvalid) as refused:
        PublicKey.from_pem(pem)

    assert str(refused.value) == rule


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (base64_of(SHORT), "an RSA key of 1024 bits; 2048 to 16384 are read"),
        (base64_of(ELLIPTIC), "not an RSA key"),
        ("QUJD", "not a DER SubjectPublicKeyInfo"),
        ("", "not a DER SubjectPublicKeyInfo"),
    ],
    ids=["short", "elliptic", "garbage", "empty"],
)
def test_a_manifests_key_that_cannot_serve_is_refused_when_checked_and_verifies_nothing(text, rule):
    key = PublicKey.from_base64_der(text)

    with pytest.raises(KeyInvalid) as refused:
        key.check()
    assert str(refused.value) == rule
    assert not key.verify(b"x", KEY.sign(b"x"))


def test_a_manifests_key_that_is_no_base64_is_refused_at_once():
    with pytest.raises(KeyInvalid, match="not base64"):
        PublicKey.from_base64_der("MII*")
