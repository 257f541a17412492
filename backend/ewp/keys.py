"""RSA keys of the network (guide §2.2): 2048 bits or more, named by their fingerprint.

The one algorithm is RSASSA-PKCS1-v1_5 with SHA-256.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from functools import cached_property

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)

from ewp.errors import KeyInvalid
from ewp.ids import KeyId

SMALLEST = 2_048  # bits
LARGEST = 16_384  # bits; OpenSSL verifies nothing larger
_PADDING, _HASH = padding.PKCS1v15(), hashes.SHA256()


@dataclass(frozen=True, eq=False, repr=False)
class PublicKey:
    """A public key, by its DER SubjectPublicKeyInfo; read once, at its first use."""

    der: bytes

    @classmethod
    def from_pem(cls, pem: bytes) -> "PublicKey":
        """Read a PEM public key. Raises KeyInvalid."""
        try:
            key = load_pem_public_key(pem)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise KeyInvalid("not a public key in PEM") from error
        return cls(_der(_checked(key)))

    @classmethod
    def from_base64_der(cls, text: str) -> "PublicKey":
        """Read a key as manifests and the catalogue carry it; blanks and line breaks are ignored.

        Raises KeyInvalid when it is no base64. What is inside is looked at by `check` and at the
        first use.
        """
        try:
            return cls(base64.b64decode("".join(text.split()), validate=True))
        except (binascii.Error, ValueError):
            raise KeyInvalid("not base64") from None

    def to_base64_der(self) -> str:
        """Return the base64 that manifests carry, on one line."""
        return base64.b64encode(self.der).decode("ascii")

    def to_pem(self) -> bytes:
        """Return the key as the text of a PEM file. Raises KeyInvalid."""
        return self._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    @cached_property
    def key_id(self) -> KeyId:
        """SHA-256 of the DER, lower-case hex."""
        return KeyId(hashlib.sha256(self.der).hexdigest())

    @cached_property
    def _key(self) -> rsa.RSAPublicKey:
        try:
            key = load_der_public_key(self.der)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise KeyInvalid("not a DER SubjectPublicKeyInfo") from error
        return _checked(key)

    @property
    def bits(self) -> int:
        """How long it is. Raises KeyInvalid."""
        return self._key.key_size

    def check(self) -> None:
        """Raise KeyInvalid where this is no RSA key of 2048 bits or more."""
        _ = self._key

    def verify(self, data: bytes, signature: str) -> bool:
        """Whether `signature` (base64) is this key's under `data`; False for anything unusable."""
        try:
            self._key.verify(base64.b64decode(signature, validate=True), data, _PADDING, _HASH)
        except (InvalidSignature, KeyInvalid, ValueError):
            return False
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and other.der == self.der

    def __hash__(self) -> int:
        return hash(self.der)

    def __repr__(self) -> str:
        return f"PublicKey({self.key_id})"


@dataclass(frozen=True, eq=False, repr=False)
class PrivateKey:
    """A key that signs. It shows nothing of itself but the fingerprint."""

    _key: rsa.RSAPrivateKey

    @classmethod
    def from_pem(cls, pem: bytes) -> "PrivateKey":
        """Read an unencrypted PEM private key, PKCS 8 or PKCS 1. Raises KeyInvalid."""
        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            # Without its cause: nothing that was near a private key belongs in a log.
            raise KeyInvalid("not an unencrypted private key in PEM") from None
        if not isinstance(key, rsa.RSAPrivateKey):
            raise KeyInvalid("not an RSA key")
        _checked(key.public_key())
        return cls(key)

    @classmethod
    def generate(cls, bits: int = SMALLEST) -> "PrivateKey":
        """Make a new key; one of 2048 bits takes some tenths of a second."""
        return cls(rsa.generate_private_key(public_exponent=65_537, key_size=bits))

    def to_pem(self) -> bytes:
        """Return the key as unencrypted PKCS 8 PEM."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @cached_property
    def public(self) -> PublicKey:
        """The public half."""
        return PublicKey(_der(self._key.public_key()))

    @property
    def key_id(self) -> KeyId:
        """SHA-256 of the public half's DER, lower-case hex."""
        return self.public.key_id

    def sign(self, data: bytes) -> str:
        """Sign; base64. The same bytes always give the same signature."""
        return base64.b64encode(self._key.sign(data, _PADDING, _HASH)).decode("ascii")

    def __repr__(self) -> str:
        return f"PrivateKey({self.key_id})"


def _checked(key: object) -> rsa.RSAPublicKey:
    if not isinstance(key, rsa.RSAPublicKey):
        raise KeyInvalid("not an RSA key")
    if not SMALLEST <= key.key_size <= LARGEST:
        raise KeyInvalid(f"an RSA key of {key.key_size} bits; {SMALLEST} to {LARGEST} are read")
    return key


def _der(key: rsa.RSAPublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
