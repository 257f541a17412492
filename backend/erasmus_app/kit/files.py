"""Files of secrets that are made once."""

import os
from collections.abc import Callable
from pathlib import Path

from erasmus_app.errors import SettingsInvalid


def made_once(path: Path, content: Callable[[], bytes]) -> Path:
    """Make a file that only its owner reads, where there is none; the first of two makers wins.

    It is whole and on disk, or not there: what a lost key has sealed nobody reads again.

    Raises:
        SettingsInvalid: it cannot be made; one line that says why.
    """
    building = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        if path.exists():
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _write(building, content())
            os.link(building, path)
        except FileExistsError:
            pass
        finally:
            building.unlink(missing_ok=True)
        _to_disk(path.parent)
    except OSError as error:
        raise SettingsInvalid(
            f"ERASMUS_APP_DATA_DIR: {path} cannot be made: {error.strerror}"
        ) from error
    return path


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)  # of one with our number that was killed
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(file)


def _to_disk(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
