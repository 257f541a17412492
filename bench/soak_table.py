"""What was held at rest, round after round, and whether it grew: for `soak.py`."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from inside import Inside
from measuring import processor
from rich.console import Console
from rows import empty_table, yes_or_no
from watching import Line, Watch, line

MOST_AN_HOUR = 1e6  # bytes that a process may come to hold
MEGABYTE, HOUR = 1e6, 3600.0
TYPES_SHOWN = 8

Row = tuple[str, str, str, bool]


@dataclass(frozen=True, kw_only=True)
class Round:
    """What was counted at rest after a round."""

    at: float  # seconds, of any clock that goes on
    held: dict[str, Inside]  # by process
    handles: dict[str, int]
    memory: dict[str, int]  # bytes, resident
    connections: int  # to PostgreSQL
    clients: int  # of Valkey


def show(
    watch: Watch, rounds: Sequence[Round], opened: Counter[str], failures: Sequence[str]
) -> bool:
    """Print all of it; returns whether nothing grows and nothing was wrong."""
    console = Console(soft_wrap=True)
    through = ", ".join(f"{name} {number:,}" for name, number in sorted(opened.items()))
    console.print(f"{processor()}; {watch.seconds / 60:.1f} minutes; doors: {through}")
    memory = empty_table("Memory, MB an hour in the second half", "begin", "middle", "end", "slope")
    for name in watch.uses:
        begin, middle, end = watch.halves(name)
        resident = [f"{each.memory / MEGABYTE:.1f}" for each in (begin, middle, end)]
        memory.add_row(f"{name}, resident", *resident, _an_hour(watch.memory_line(name)))
        at_rest = [f"{each.held[name].bytes / MEGABYTE:.1f}" for each in rounds]
        at_rest = [at_rest[0], at_rest[len(rounds) // 2], at_rest[-1]]
        memory.add_row("   held at rest", *at_rest, _an_hour(_line(rounds, name)))
    console.print(memory)
    aims = list(_aims(rounds, failures))
    table = empty_table("At rest, round after round", "", "aim", "met")
    for what, figures, aim, met in aims:
        table.add_row(what, figures, aim, yes_or_no(met))
    console.print(table)
    for name in watch.uses:
        if _line(rounds, name).least * HOUR > MOST_AN_HOUR:
            console.print(f"{name}: more at the end than in the middle: {_grown(rounds, name)}")
    for each in failures[:20]:
        console.print(each, markup=False)
    return all(met for *_, met in aims)


def _aims(rounds: Sequence[Round], failures: Sequence[str]) -> Iterator[Row]:
    yield "wrong answers", f"{len(failures):,}", "none", not failures
    for name in rounds[0].held:
        slope = _line(rounds, name)
        unclear = 1.65 * slope.error * HOUR / MEGABYTE
        yield (
            f"{name}, held",
            f"{slope.slope * HOUR / MEGABYTE:+.1f} MB an hour, to be told apart from {unclear:.1f}",
            "< 1 MB an hour",
            slope.least * HOUR < MOST_AN_HOUR,
        )
        yield _still(f"{name}, open handles", [each.handles[name] for each in rounds])
        yield _still(f"{name}, tasks", [each.held[name].tasks for each in rounds])
    yield _still("connections to PostgreSQL", [each.connections for each in rounds])
    yield _still("clients of Valkey", [each.clients for each in rounds])


def _still(what: str, numbers: Sequence[int]) -> Row:
    """Hold a number to what it was: one more with each round of the second half is a leak.

    Pools come and go by some, so that one or two more say nothing.
    """
    before, after = numbers[: len(numbers) // 2 + 1], numbers[len(numbers) // 2 + 1 :]
    leaked = after[-1] - max(before) if after else 0
    return what, " ".join(map(str, numbers)), "0 leaked", leaked < len(after)


def _line(rounds: Sequence[Round], name: str) -> Line:
    half = rounds[len(rounds) // 2 :]
    return line([(each.at, each.held[name].bytes) for each in half])


def _an_hour(slope: Line) -> str:
    size = HOUR / MEGABYTE
    return f"{slope.slope * size:+.1f} ± {1.65 * slope.error * size:.1f}"


def _grown(rounds: Sequence[Round], name: str) -> str:
    """Name the types of which there are more at each count of the second half."""
    half: list[Mapping[str, int]] = [each.held[name].types for each in rounds[len(rounds) // 2 :]]
    grown = {kind: half[-1][kind] - half[0].get(kind, 0) for kind in half[-1]}
    most = sorted(grown.items(), key=lambda each: -each[1])[:TYPES_SHOWN]
    return ", ".join(f"{kind} {number:+,}" for kind, number in most if number > 0)
