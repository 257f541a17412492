"""What docs/operations.md and .env.example promise is what the program reads and says."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import msgspec
from guide import PAGES, places, section

from erasmus_app.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")


def rows(text: str) -> Iterator[list[str]]:
    """The cells of each row of a table that begins with code."""
    for line in text.splitlines():
        if line.startswith("| `"):
            yield [each.strip() for each in line.strip("|").split(" | ")]


def written(value: object) -> str | None:
    """A default as an environment file writes it; None where there is none."""
    if value in (None, ()):
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def defaults() -> dict[str, str | None]:
    return {
        f"{PREFIX}{each.name.upper()}": written(each.default)
        for each in msgspec.structs.fields(Settings)
    }


def test_the_guide_has_every_setting_with_its_default_and_an_example():
    table = {
        name.strip("`"): (default, example)
        for name, _, default, example in rows(section("Settings"))
    }

    assert {name: default for name, (default, _) in table.items()} == {
        name: table.get(name, ("none",))[0] if default is None else f"`{default}`"
        for name, default in defaults().items()
    }
    assert all(
        table[name][0].startswith("none") for name, default in defaults().items() if not default
    )
    assert all(example.strip("`") for _, example in table.values())


def test_the_example_file_has_every_setting_commented_out_behind_a_line_about_it():
    lines = EXAMPLE.splitlines()
    found = {}
    for before, line in pairwise(lines):
        if match := re.fullmatch(rf"# ({PREFIX}[A-Z_]+)=(.*)", line):
            found[match[1]] = match[2]
            assert re.match(r"# [A-Za-z]", before), line
    del found[f"{PREFIX}CONFIG"]

    assert [line for line in lines if line and not line.startswith("#")] == []
    assert found == {
        name: found.get(name, "an example") if default is None else default
        for name, default in defaults().items()
    }


def test_each_link_of_the_guide_leads_somewhere():
    wrong = []
    for page, text in PAGES.items():
        folder = (ROOT / page).parent
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            path, _, place = link.partition("#")
            if link.startswith("https://"):
                continue
            there = (folder / path).resolve() if path else ROOT / page
            if not there.exists() or (
                place and place not in places(there.read_text(encoding="utf-8"))
            ):
                wrong.append(f"{page}: {link}")

    assert wrong == []
