"""Messages that only a subscription's owner reads: RFC 8291 in the coding of RFC 8188."""

import os

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KEY_BYTES, AUTH_BYTES, SALT_BYTES = 65, 16, 16
RECORD = 4096  # bytes; what every push service takes, RFC 8030 §7.2
OVERHEAD = SALT_BYTES + 4 + 1 + KEY_BYTES + 1 + 16  # header, delimiter, tag
LARGEST = RECORD - OVERHEAD  # bytes of a message
BLOCK = 512  # messages are filled up to a multiple, so that their size does not tell their kind

_CURVE = ec.SECP256R1()
_DELIMITER = b"\x02"  # of the last record


def public_point(key: ec.EllipticCurvePublicKey) -> bytes:
    """Write a key as its uncompressed point."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def receiver_key(point: bytes) -> ec.EllipticCurvePublicKey:
    """Read a subscription's `p256dh`. Raises ValueError: it is no point of P-256."""
    if len(point) != KEY_BYTES:
        raise ValueError("is not an uncompressed point")
    return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, point)


def encrypted(
    message: bytes,
    receiver: bytes,
    auth: bytes,
    *,
    sender: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
    block: int = BLOCK,
) -> bytes:
    """Encrypt one message for one subscription, as one record of `aes128gcm`.

    Args:
        message: at most `LARGEST` bytes.
        receiver: the subscription's `p256dh`.
        auth: its `auth`.
        sender: a key of this message alone; None, as always but in tests, for a new one.
        salt: likewise.
        block: the message is filled up to a multiple of so many bytes, as far as it can be.

    Raises:
        ValueError: the message is too large, or `receiver` is no point of P-256.
    """
    if len(message) > LARGEST:
        raise ValueError("is too large")
    sender = sender or ec.generate_private_key(_CURVE)
    salt = salt or os.urandom(SALT_BYTES)
    own = public_point(sender.public_key())
    shared = sender.exchange(ec.ECDH(), receiver_key(receiver))
    secret = _hmac(_hmac(auth, shared), b"WebPush: info\x00" + receiver + own + b"\x01")
    base = _hmac(salt, secret)
    key = _hmac(base, b"Content-Encoding: aes128gcm\x00\x01")[:16]
    nonce = _hmac(base, b"Content-Encoding: nonce\x00\x01")[:12]
    filled = min(-(-(len(message) + 1) // block) * block - 1, LARGEST)
    padding = _DELIMITER + bytes(filled - len(message))
    header = salt + RECORD.to_bytes(4, "big") + bytes([len(own)]) + own
    return header + AESGCM(key).encrypt(nonce, message + padding, None)


def _hmac(key: bytes, content: bytes) -> bytes:
    """HKDF's one step (RFC 5869): nothing here is longer than one hash."""
    mac = HMAC(key, hashes.SHA256())
    mac.update(content)
    return mac.finalize()
