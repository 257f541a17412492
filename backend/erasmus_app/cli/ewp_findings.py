"""What a check found: a level, words, and what to do about it."""

import os
import sys
from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum

import msgspec
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from erasmus_app.cli.ewp_tools import one_line, shown


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a check."""

    level: Level
    about: str  # `registry`, `manifest`, an HEI's domain, ...
    words: str
    do: str | None = None  # what to do about it

    @classmethod
    def ok(cls, about: str, words: str) -> "Finding":
        """Nothing to do."""
        return cls(level=Level.OK, about=about, words=one_line(words))

    @classmethod
    def warning(cls, about: str, words: str, do: str | None = None) -> "Finding":
        """Worth a look; the exit status does not change."""
        return cls(level=Level.WARNING, about=about, words=one_line(words), do=do)

    @classmethod
    def problem(cls, about: str, words: str, do: str | None = None) -> "Finding":
        """Something does not work."""
        return cls(level=Level.PROBLEM, about=about, words=one_line(words), do=do)


UNFOLDED = 400  # characters, where nobody reads along
_STYLES = {Level.OK: "green", Level.WARNING: "yellow", Level.PROBLEM: "bold red"}


def status_of(findings: Iterable[Finding]) -> int:
    """Return the exit status: 1 where there is a problem."""
    return int(any(each.level is Level.PROBLEM for each in findings))


def show(console: Console, findings: Iterable[Finding]) -> None:
    """Write findings for a reader: the level as a word, so that colours are not needed."""
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for each in findings:
        line = Text(f"{each.about}: ", style="bold").append(each.words, style="not bold")
        if each.do:
            line.append(f"\n{each.do}", style="not bold dim")
        table.add_row(Text(each.level.value, style=_STYLES[each.level]), line)
    console.print(table)


def as_json(findings: Iterable[Finding]) -> str:
    """Write findings for machines."""
    found = list(findings)
    numbers = {level.value: sum(each.level is level for each in found) for level in Level}
    document = {"counts": numbers, "findings": found}
    return msgspec.json.format(msgspec.json.encode(document)).decode()


def span(length: timedelta) -> str:
    """Return a length of time in words."""
    seconds = int(length.total_seconds())
    for size, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if abs(seconds) >= 2 * size:
            return f"{seconds // size} {name}"
    return f"{seconds} seconds"


def console_of(*, errors: bool = False) -> Console:
    """Return where commands write: foreign text is text, never markup; a file has long lines."""
    stream = sys.stderr if errors else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else UNFOLDED
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


def rows_of(console: Console, rows: Iterable[tuple[str, str]]) -> None:
    """Write names and values; on a narrow terminal values go on below, whole."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", overflow="fold", max_width=34)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(Text(one_line(name)), Text(shown(value)))
    if table.row_count:
        console.print(Padding(table, (0, 0, 0, 2), expand=False))
