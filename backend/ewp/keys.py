"""RSA keys of the network (guide §2.2): 2048 bits or more, named by their fingerprint."""

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

SMALLEST = 2048  # bits
_PADDING, _HASH = padding.PKCS1v15(), hashes.SHA256()


def _checked(key: object) -> rsa.RSAPublicKey:
    if not isinstance(key, rsa.RSAPublicKey):
        raise KeyInvalid("not an RSA key")
    if key.key_size < SMALLEST:
        raise KeyInvalid(f"an RSA key of {key.key_size} bits; {SMALLEST} are the least")
    return key


@dataclass(frozen=True, eq=False)
class PublicKey:
    """A public key, by its DER SubjectPublicKeyInfo; read at its first use."""

    der: bytes

    @classmethod
    def from_pem(cls, pem: bytes) -> "PublicKey":
        """Read a PEM public key. Raises KeyInvalid."""
        try:
            key = _checked(load_pem_public_key(pem))
        except (ValueError, UnsupportedAlgorithm) as error:
            raise KeyInvalid(f"not a PEM public key: {error}") from error
        return cls(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))

    @classmethod
    def from_base64_der(cls, text: str) -> "PublicKey":
        """Read a key as manifests and the catalogue carry it; line breaks are tolerated.

        Raises:
            KeyInvalid: it is no base64. What is inside is looked at when the key is used.
        """
        try:
            return cls(base64.b64decode("".join(text.split()), validate=True))
        except (binascii.Error, ValueError) as error:
            raise KeyInvalid("not base64") from error

    def to_base64_der(self) -> str:
        """Return the base64 that manifests carry."""
        return base64.b64encode(self.der).decode("ascii")

    @cached_property
    def key_id(self) -> KeyId:
        """SHA-256 of the DER, lower-case hex."""
        return KeyId(hashlib.sha256(self.der).hexdigest())

    @cached_property
    def _key(self) -> rsa.RSAPublicKey:
        try:
            return _checked(load_der_public_key(self.der))
        except (ValueError, UnsupportedAlgorithm) as error:
            raise KeyInvalid("not a DER public key") from error

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


@dataclass(frozen=True, eq=False)
class PrivateKey:
    """A key that signs. Its repr shows the fingerprint only."""

    _key: rsa.RSAPrivateKey

    @classmethod
    def from_pem(cls, pem: bytes) -> "PrivateKey":
        """Read an unencrypted PEM private key. Raises KeyInvalid."""
        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise KeyInvalid("not an unencrypted PEM private key") from error
        if not isinstance(key, rsa.RSAPrivateKey):
            raise KeyInvalid("not an RSA key")
        _checked(key.public_key())
        return cls(key)

    @classmethod
    def generate(cls) -> "PrivateKey":
        """Make a new key of 2048 bits."""
        return cls(rsa.generate_private_key(public_exponent=65537, key_size=SMALLEST))

    def to_pem(self) -> bytes:
        """Return the key as unencrypted PKCS 8 PEM."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @cached_property
    def public(self) -> PublicKey:
        """The public half."""
        key = self._key.public_key()
        return PublicKey(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))

    @property
    def key_id(self) -> KeyId:
        """SHA-256 of the public half's DER, lower-case hex."""
        return self.public.key_id

    def sign(self, data: bytes) -> str:
        """Sign with RSASSA-PKCS1-v1_5 and SHA-256; base64."""
        return base64.b64encode(self._key.sign(data, _PADDING, _HASH)).decode("ascii")

    def __repr__(self) -> str:
        return f"PrivateKey({self.key_id})"
