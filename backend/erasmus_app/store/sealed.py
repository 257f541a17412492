"""Personal columns are sealed: AES-256-GCM under keys that rotate, each value bound to its row.

A sealed value is one byte of format, four of its key's id, twelve of nonce, and the ciphertext with
its tag. What it is bound to (column, tenant, ids) is authenticated with it, so that nobody who can
write to the database moves it to another row. ESIs are looked up by a keyed hash, which has a key
of its own. docs/decisions/0009-sealed-columns.md says why it is done so.
"""

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from erasmus_app.errors import DataKeyMissing, SealBroken, SettingsInvalid
from erasmus_app.identity.esi import esi_key
from erasmus_app.ids import EuropeanStudentId
from erasmus_app.kit.files import made_once

CLEAR = b"\x00"  # what migration 0007 puts before a value that is still to be sealed
_SEALED = b"\x01"
_KEY_BYTES, _ID_BYTES, _NONCE_BYTES = 32, 4, 12
_HEAD = len(_SEALED) + _ID_BYTES + _NONCE_BYTES
OWN_FILE = "data-keys"
_WHERE = "ERASMUS_APP_DATA_KEYS"

Place = str | UUID
"""A part of what a value is bound to: its column's name, then its tenant and ids."""


@dataclass(frozen=True, slots=True, repr=False)
class Vault:
    """The keys of the personal columns: the first one seals, each of them opens."""

    first: bytes
    ciphers: Mapping[bytes, AESGCM]
    lookup: bytes

    @classmethod
    def of(cls, keys: list[bytes], lookup: bytes) -> "Vault":
        """Make one of 32-byte keys, of which the first one seals, and the key of look-ups."""
        ciphers = {key_id(each): AESGCM(each) for each in keys}
        return cls(key_id(keys[0]), ciphers, lookup)

    def seal(self, value: bytes, *place: Place) -> bytes:
        """Seal a value for one place."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self.ciphers[self.first].encrypt(nonce, value, _bound(place))
        return b"".join((_SEALED, self.first, nonce, sealed))

    def open(self, sealed: bytes, *place: Place) -> bytes:
        """Open a value of that place.

        Raises:
            DataKeyMissing: it was sealed with a key that is not among ours.
            SealBroken: it is not what we sealed for that place.
        """
        key = sealed[1 : 1 + _ID_BYTES]
        if sealed[:1] != _SEALED or len(sealed) < _HEAD:
            raise SealBroken(f"{place[0]}: a value is not sealed")
        if (cipher := self.ciphers.get(key)) is None:
            raise DataKeyMissing(f"{_WHERE}: the key {key.hex()} is not among those given")
        try:
            return cipher.decrypt(sealed[1 + _ID_BYTES : _HEAD], sealed[_HEAD:], _bound(place))
        except InvalidTag as error:
            raise SealBroken(f"{place[0]}: a value was not sealed for its place") from error

    def seal_text(self, value: str | None, *place: Place) -> bytes | None:
        """Seal a text; nothing stays nothing."""
        return None if value is None else self.seal(value.encode(), *place)

    def open_text(self, sealed: bytes | None, *place: Place) -> str | None:
        """Open a text; see `open`."""
        return None if sealed is None else self.open(sealed, *place).decode()

    def hashed(self, kind: str, value: str) -> str:
        """Return the keyed hash under which a value is looked up, 64 hexadecimal digits."""
        return hmac.digest(self.lookup, f"{kind} {value}".encode(), "sha256").hex()

    def esi_key(self, esi: EuropeanStudentId) -> str:
        """Return the keyed hash of an ESI in the form that is compared."""
        return self.hashed("esi", esi_key(esi))


class Connection(asyncpg.Connection):  # type: ignore[misc]  # the library has no types
    """A connection that knows how its personal columns are sealed."""

    vault: Vault | None = None


def vault_of(connection: Any) -> Vault:
    """Return the keys of a connection. Raises DataKeyMissing where it was opened without."""
    return present(getattr(connection, "vault", None))


def present(vault: Vault | None) -> Vault:
    """Return the keys. Raises DataKeyMissing where there are none."""
    if vault is None:
        raise DataKeyMissing("this database was opened without the keys of personal data")
    return vault


def key_id(key: bytes) -> bytes:
    """Return the name of a key, which tells nothing of it."""
    return hashlib.sha256(b"erasmus-app data key " + key).digest()[:_ID_BYTES]


def new_key() -> str:
    """Return a new key as it is written in a file of keys."""
    return base64.urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES)).decode("ascii")


def load_vault(path: Path | None, data_dir: Path) -> Vault:
    """Read the keys that the setting names; where it names none, our own, made at the first start.

    A folder's files are read in the order of their names. A line is `data: KEY` or `lookup: KEY`
    with 32 bytes in Base64; `#` begins a comment.

    Raises:
        SettingsInvalid: there is no key of one kind, or a line is not one.
    """
    where = path or made_once(data_dir / OWN_FILE, _new_keys)
    try:
        files = sorted(each for each in where.iterdir() if each.is_file()) if where.is_dir() else ()
        texts = [each.read_text(encoding="ascii") for each in files or (where,)]
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{_WHERE}: {where}: {type(error).__name__}") from error
    keys: list[bytes] = []
    lookups: list[bytes] = []
    for number, line in enumerate("\n".join(texts).split("\n"), 1):
        kind, found, value = line.partition("#")[0].strip().partition(":")
        if not kind:
            continue
        key = _read(value.strip()) if found else None
        if key is None or kind not in {"data", "lookup"}:
            raise SettingsInvalid(
                f"{_WHERE}: {where}: line {number} is neither `data: KEY` nor `lookup: KEY` "
                "with 32 bytes in Base64"
            )
        (keys if kind == "data" else lookups).append(key)
    if not keys or len(lookups) != 1:
        raise SettingsInvalid(f"{_WHERE}: {where}: wants one `lookup:` and at least one `data:`")
    return Vault.of(keys, lookups[0])


def _read(value: str) -> bytes | None:
    try:
        key = base64.b64decode(value, altchars=b"-_", validate=True)
    except ValueError:
        return None
    return key if len(key) == _KEY_BYTES else None


def _new_keys() -> bytes:
    return (
        "# The keys of the personal data in the database. Without them it cannot be read: keep a\n"
        f"# copy apart from the copies of the database.\nlookup: {new_key()}\ndata: {new_key()}\n"
    ).encode("ascii")


def _bound(place: tuple[Place, ...]) -> bytes:
    """Write a place so that no two read alike."""
    parts = [each.bytes if isinstance(each, UUID) else each.encode() for each in place]
    return b"".join(len(each).to_bytes(4, "big") + each for each in parts)
