"""Values as lines and spans may hold them: short, of one line, and never what an exception says."""

import traceback
from collections.abc import Mapping
from enum import Enum
from typing import Any
from uuid import UUID

LONGEST = 300  # characters of a value
MOST_ITEMS = 30  # of a list or a table
MOST_FRAMES = 12
UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"


def stack_of(error: BaseException) -> str:
    """Return where an error came from, the innermost first: files and lines, not what it says."""
    frames = traceback.extract_tb(error.__traceback__)[-MOST_FRAMES:]
    return " < ".join(f"{file_of(each.filename)}:{each.lineno}" for each in reversed(frames))


def file_of(path: str) -> str:
    """Return a path's last part."""
    return path.rpartition("/")[2]


def clean(value: Any, depth: int = 0) -> Any:
    """Return a value as a line may hold it: short, and of one line."""
    match value:
        case None | bool() | int() | float():
            return value
        case Enum():
            return clean(value.value, depth)
        case str():
            short = value if len(value) <= LONGEST else f"{value[:LONGEST]}…"
            if short.isprintable():
                return short
            return "".join(each if each.isprintable() else UNPRINTABLE for each in short)
        case UUID():
            return str(value)
        case Mapping() if depth == 0:
            pairs = list(value.items())[:MOST_ITEMS]
            return {str(clean(name, 1)): clean(each, 1) for name, each in pairs}
        case list() | tuple() | set() | frozenset() if depth == 0:
            return [clean(each, 1) for each in list(value)[:MOST_ITEMS]]
    return type(value).__name__
