"""One line of a table: what was measured, its limit, its aim; and how numbers are written."""

from collections.abc import Iterable
from dataclasses import dataclass

from measuring import Timing
from rich import box
from rich.console import Console
from rich.table import Table

WIDTH = 112  # of a table, in columns of the terminal


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measurement, ready to be shown."""

    what: str
    figure: str
    cpu: str = ""
    wall: str = ""
    limit: str = ""  # the bare library doing its part alone, and its cost
    ratio: float | None = None  # the cost here by the cost of the limit
    aim: str = ""
    met: bool | None = None  # None: nothing is aimed at


def row(
    what: str,
    timing: Timing,
    *,
    figure: str | None = None,
    limit: tuple[str, Timing] | None = None,
    under: float | None = None,
    over: float | None = None,
) -> Row:
    """Make a row of times; the aim is `under` so many seconds or `over` so many per second."""
    aim, met = "", None
    if under is not None:
        aim, met = f"< {duration(under)}", timing.cpu < under
    elif over is not None:
        aim, met = f"> {rate(over)}", timing.per_second > over
    return Row(
        what=what,
        figure=rate(timing.per_second) if figure is None else figure,
        cpu=duration(timing.cpu),
        wall=duration(timing.wall),
        limit=f"{limit[0]} {duration(limit[1].cpu)}" if limit else "",
        ratio=timing.cpu / limit[1].cpu if limit else None,
        aim=aim,
        met=met,
    )


def memory_row(what: str, used: int, *, limit: tuple[str, int] | None = None, under: int) -> Row:
    """Make a row of memory; the aim is `under` so many bytes."""
    return Row(
        what=what,
        figure=megabytes(used),
        limit=f"{limit[0]} {megabytes(limit[1])}" if limit else "",
        ratio=used / limit[1] if limit else None,
        aim=f"< {megabytes(under)}",
        met=used < under,
    )


def duration(seconds: float) -> str:
    """Write seconds in the unit that suits them, to three figures."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= 0.9995 * size:
            return f"{_three_figures(seconds / size)} {unit}"
    return f"{_three_figures(seconds * 1e9)} ns"


def rate(per_second: float) -> str:
    """Write how often per second, to three figures."""
    digits = len(str(int(per_second)))
    return f"{round(per_second, min(0, 3 - digits)):,.0f} /s"


def megabytes(size: float) -> str:
    """Write bytes as millions of them."""
    return f"{size / 1e6:.0f} MB"


def times(ratio: float) -> str:
    """Write how many times the limit it is."""
    return f"{ratio:.1f} ×"


def yes_or_no(met: bool) -> str:
    """Say whether an aim is met."""
    return "yes" if met else "no"


def table(title: str, rows: Iterable[Row]) -> Table:
    """Lay out measurements."""
    made = empty_table(title, "rate, size", "CPU", "wall", "limit", "ratio", "aim", "met")
    for each in rows:
        made.add_row(
            each.what,
            each.figure,
            each.cpu,
            each.wall,
            each.limit,
            "" if each.ratio is None else times(each.ratio),
            each.aim,
            {None: "", True: "[green]yes[/]", False: "[bold red]no[/]"}[each.met],
        )
    return made


def empty_table(title: str, *columns: str) -> Table:
    """Return a table with a first column for what it is, and these for figures."""
    made = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        width=WIDTH,
        pad_edge=False,
    )
    made.add_column("", ratio=1)
    for name in columns:
        made.add_column(name, justify="right", no_wrap=True)
    return made


def show(title: str, lines: Iterable[tuple[str, str, str, str]]) -> None:
    """Print what was measured, each line with the figure, its aim and whether that is met."""
    table = Table(title=title)
    for name in ("", "measured", "aim", "met"):
        table.add_column(name)
    for line in lines:
        table.add_row(*line)
    Console().print(table)


def _three_figures(number: float) -> str:
    return f"{number:.3g}" if number < 999.5 else f"{number:.0f}"
