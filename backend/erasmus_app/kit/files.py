"""Files of secrets that are made once."""

import os
from collections.abc import Callable
from pathlib import Path


def made_once(path: Path, content: Callable[[], bytes]) -> Path:
    """Make a file that only its owner reads, where there is none; the first of two makers wins.

    Raises:
        OSError: it cannot be made.
    """
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    building = path.with_name(f"{path.name}.{os.getpid()}")
    building.touch(0o600)
    building.write_bytes(content())
    try:
        os.link(building, path)
    except FileExistsError:
        pass
    finally:
        building.unlink()
    return path
