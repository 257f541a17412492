"""What an environment, a file of settings or a file of a secret says, as a setting's value."""

import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from types import GenericAlias, UnionType
from typing import Any, Final, get_args

import msgspec

from erasmus_app.settings.model import Settings

TYPES: Final[Mapping[str, Any]] = {
    each.name: each.type for each in msgspec.structs.fields(Settings)
}
"""The type of each setting."""
LARGEST_SECRET = 64 * 1024  # bytes

_EXPECTED = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    Path: "a path",
}
_SHAPES = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "a table",
}


def value_of(field: str, given: Any) -> Any:
    """Read a setting's value. Raises ValueError, which says what was expected and what came."""
    kind = TYPES[field]
    if isinstance(given, str) and not given.strip():
        # A secret that did not come must not start an engine of our own.
        raise ValueError("is empty; leave it out for the default")
    try:
        return msgspec.convert(given, kind, strict=False, dec_hook=path_of)
    except msgspec.ValidationError as error:
        why = error.__cause__  # of `path_of`, which says it itself
        known = isinstance(why, ValueError)
        says = str(why) if known else f"wants {_expected(kind)}, not {_shape(given)}"
        raise ValueError(says) from error


def from_variable(field: str, text: str) -> str | list[str]:
    """Return what a variable of the environment says: a list is separated by commas."""
    if isinstance(TYPES.get(field), GenericAlias):
        return [each.strip() for each in text.split(",") if each.strip()]
    return text


def _expected(kind: Any) -> str:
    options = [each for each in get_args(kind) if each is not type(None)]
    one = options[0] if isinstance(kind, UnionType) else kind
    if isinstance(one, type) and issubclass(one, StrEnum):
        return f"one of {', '.join(one)}"
    return _EXPECTED.get(one, "a list of texts")


def _shape(given: Any) -> str:
    """Say of what kind a value is, and nothing of what it says: it may be a secret's."""
    if isinstance(given, str):
        return f"a text of {len(given)} characters"
    return _SHAPES.get(type(given), "a date or time")


def path_of(kind: type, value: object) -> Path:
    """Make a path of a text, for msgspec, which does not know paths."""
    if kind is not Path or not isinstance(value, str):
        raise TypeError(f"cannot read a {kind.__name__}")
    if not value.isprintable():
        raise ValueError("wants one line of text without control characters")
    try:
        return Path(value).expanduser()
    except RuntimeError as error:  # ~somebody whom this machine does not know
        raise ValueError(f"{value}: there is no such home directory") from error


def secret_of(path: Path) -> str:
    """Return the one line of a secret's file.

    Raises:
        ValueError: there is none, it cannot be read, or is not one line; says nothing of it.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_SECRET + 1)
        text = content.decode("utf-8")
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: is not a text in UTF-8") from error
    text = re.sub(r"\r?\n\Z", "", text)
    if not text.strip():
        raise ValueError(f"{path}: is empty; a secret that did not come stops the start")
    if len(content) > LARGEST_SECRET or not text.isprintable():
        raise ValueError(f"{path}: wants one line, without control characters")
    return text
