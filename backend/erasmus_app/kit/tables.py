"""Files of words, which are many and seldom change: read once as long as they are the same."""

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

Stamp = tuple[tuple[str, int, int], ...]


def read_toml(path: Path) -> dict[str, Any]:
    """Return a file's table, which nobody changes.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no TOML, or not in UTF-8.
    """
    return _read_toml(path, stamp(path))


@lru_cache(maxsize=500)
def _read_toml(path: Path, _of: Stamp) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def stamp(*places: Path) -> Stamp:
    """Return what is another one once a file, or one of a folder's files, is changed."""
    files = [each for place in places for each in (place.glob("*") if place.is_dir() else [place])]
    found = []
    for each in sorted(files):
        try:
            known = each.stat()
        except OSError:  # whoever reads it says so
            continue
        found.append((each.name, known.st_mtime_ns, known.st_size))
    return tuple(found)
