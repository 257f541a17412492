"""The last good catalogue on disk: the document and, in a comment behind it, where it came from.

One file that is replaced in one step, so that document and ETag always belong together, however a
process ends. Its time of modification is when the registry last confirmed it.
"""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec


class Copy(msgspec.Struct, frozen=True, kw_only=True):
    """Where a document came from, and what to say when asking whether there is a newer one."""

    url: str
    etag: str | None = None
    last_modified: str | None = None
    sha256: str = ""  # of the document, lower-case hex; set when it is written


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What was on disk."""

    document: bytes
    copy: Copy
    confirmed_at: datetime


_BEFORE, _AFTER = b"\n<!-- ", b" -->\n"


def write(path: Path, document: Sequence[bytes], copy: Copy, now: datetime) -> None:
    """Replace the file at `path`. Raises OSError; the file is then as it was."""
    digest = hashlib.sha256()
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    building = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for piece in document:
                digest.update(piece)
                file.write(piece)
            note = msgspec.json.encode(msgspec.structs.replace(copy, sha256=digest.hexdigest()))
            # A comment must not hold two dashes; JSON has another way to write one.
            file.write(_BEFORE + note.replace(b"-", rb"\u002d") + _AFTER)
            file.flush()
            os.fsync(file.fileno())
        confirm(building, now)
        building.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            building.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def confirm(path: Path, now: datetime) -> None:
    """Note that the registry still gives this document. Raises OSError."""
    os.utime(path, (now.timestamp(), now.timestamp()))


def read(path: Path) -> Found | None:
    """Return what is there; None when there is nothing, or nothing whole. Raises OSError."""
    try:
        data = path.read_bytes()
        modified = path.stat().st_mtime
    except FileNotFoundError:
        return None
    document, before, note = data.rpartition(_BEFORE)
    if not before or not note.endswith(_AFTER):
        return None
    try:
        copy = msgspec.json.decode(note.removesuffix(_AFTER), type=Copy)
    except msgspec.DecodeError:
        return None
    if hashlib.sha256(document).hexdigest() != copy.sha256:
        return None
    return Found(
        document=document, copy=copy, confirmed_at=datetime.fromtimestamp(modified, tz=UTC)
    )
