"""What the code logs: events that the operator's guide tells of, fields that are on the list."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from guide import section

from erasmus_app.telemetry.logs import FIELDS, HASHED, RENAMED

ROOT = Path(__file__).parents[2]
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
LOGGERS = {"log", "told"}
NAMES = FIELDS | HASHED.keys() | RENAMED.keys() | {"exc_info"}


@cache
def logged() -> list[tuple[str, ast.Call]]:
    """Each place of our processes that logs, and where it is."""
    return list(_logged())


def _logged() -> Iterator[tuple[str, ast.Call]]:
    for package in ("erasmus_app", "ewp", "strawberry_plans"):
        for path in (ROOT / "backend" / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                match node:
                    case ast.Call(func=ast.Attribute(value=ast.Name(name), attr=level)) if (
                        name in LOGGERS and level in LEVELS
                    ):
                        yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def test_every_event_is_a_name_and_every_field_is_on_the_list():
    wrong = [
        where
        for where, call in logged()
        if not (
            len(call.args) == 1
            and isinstance(call.args[0], ast.Constant)
            and re.fullmatch(r"[a-z_]+\.[a-z_]+", str(call.args[0].value))
            and {each.arg for each in call.keywords if each.arg is not None} <= NAMES
        )
    ]

    assert wrong == []


def test_the_operator_s_guide_has_every_event_and_no_other():
    told = {
        name
        for row in section("Logs").splitlines()
        if row.startswith("| `")
        for name in re.findall(r"`([a-z_]+\.[a-z_]+)`", row.split("|")[1])
    }
    events = {str(call.args[0].value) for _, call in logged()}  # type: ignore[attr-defined]

    assert sorted(events - told) == []
    assert sorted(told - events) == []


def test_every_field_of_the_list_is_in_use():
    own = {"ts", "level", "event", "trace_id", "request_id", "times", "dropped", "stack", "ms"}
    named = {each.arg for _, call in logged() for each in call.keywords if each.arg}
    text = "".join(
        path.read_text(encoding="utf-8")
        for path in (ROOT / "backend" / "erasmus_app").rglob("*.py")
    )
    in_tables = {each for each in FIELDS if f'"{each}":' in text or f"{each}:" in text}

    assert sorted(FIELDS - own - {*HASHED.values(), *RENAMED.values()} - named - in_tables) == []
