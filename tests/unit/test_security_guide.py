"""docs/security.md names tests: each is there, and pytest finds it."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
GUIDE = (TESTS.parent / "docs/security.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`([a-z_/0-9]+\.py)::(\w+)`", GUIDE)


def found_in(path: Path) -> set[str]:
    """The tests that pytest collects from a file."""
    if not path.is_file() or not path.name.startswith("test_"):
        return set()
    module = ast.parse(path.read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        each.name
        for each in module.body
        if isinstance(each, functions) and each.name.startswith("test_")
    }


def test_every_test_that_is_named_is_there():
    known = {path: found_in(TESTS / path) for path, _ in NAMED}

    assert [f"{path}::{name}" for path, name in NAMED if name not in known[path]] == []
    assert GUIDE.count("::") == len(NAMED) + 1  # but for the one that says how they are named


def test_every_row_names_what_holds_it_a_test_and_a_requirement():
    rows = [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in GUIDE.splitlines()
        if line.startswith("| ") and not line.startswith("| Area")
    ]

    assert len(rows) > 20
    for area, how, tests, requirements in rows:
        assert all((area, how, "::" in tests)), area
        assert re.fullmatch(r"\d+\.\d+\.\d+(, \d+\.\d+\.\d+)*", requirements), area
