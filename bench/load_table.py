"""What a morning brought, beside what it should bring: for `load.py`."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from inside import Inside
from load_clients import Asked, Results
from load_students import number_of, target_of
from measuring import load, processor
from morning import Scale
from rich.console import Console
from rich.table import Table
from rows import empty_table, megabytes, yes_or_no
from sync_telling import Answer
from watching import Watch

OURS = ("api", "worker", "PostgreSQL", "Valkey")
READS = ("first screen", "inbox")
AIM_READ, AIM_P95, AIM_P99 = 0.1, 5.0, 30.0  # seconds: a read; from a notification to its push
MAY_GROW = 0.05  # of its memory, in the second half: tokens that were seen are still being kept
FEWEST = 6  # samples of a process: its second half needs three for a line
LATE = 0.05  # seconds: a generator that is later than that says little of what it measures


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """One push, as FCM wrote it down."""

    at: float  # seconds since the epoch
    device: str
    message: str | None  # None: it wakes the app and shows nothing
    status: int


def read(record: Path) -> list[Push]:
    """Read what FCM has written down so far."""
    whole = record.read_bytes().rpartition(b"\n")[0]
    decode = msgspec.json.Decoder(Push).decode
    found = [decode(each) for each in whole.split(b"\n") if each]
    return [each for each in found if each.message is not None]


@dataclass(kw_only=True)
class Found:
    """What a morning brought."""

    scale: Scale
    changed: dict[int, float]  # which mobilities, and when
    apps: Results
    told: list[Answer]
    watch: Watch
    events: int  # new ones, that are told
    held: dict[str, Inside] = field(default_factory=dict)  # where processes ran with `watched.py`
    waits: list[float] = field(default_factory=list)  # seconds from a notification to its push
    pushes: Counter[str] = field(default_factory=Counter)  # that FCM took, by phone
    refused: int = 0  # by FCM

    def note(self, push: Push, begin: float) -> None:
        """Take in what FCM has written down."""
        if push.status != 200:
            self.refused += 1
            return
        self.pushes[push.device] += 1
        due = self.changed.get(number_of(push.device))
        if due is not None and due >= self.scale.warm:
            self.waits.append(push.at - begin - due)


def at(values: Sequence[float], share: float) -> float:
    """Return the value below which this share of them lies; endless where there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("inf")


def show(found: Found) -> bool:
    """Print all of it; returns whether every aim is met."""
    console = Console(soft_wrap=True)
    console.print(f"{processor()}, {os.cpu_count()} cores; wanted by {load()} at the end")
    console.print(_times(found))
    console.print(_processes(found))
    if found.held:
        console.print(_pauses(found.held))
    rows = list(_aims(found))
    table = empty_table("The aims", "measured", "aim", "ratio", "met")
    for what, figure, aim, ratio, met in rows:
        table.add_row(what, figure, aim, ratio, yes_or_no(met))
    console.print(table)
    for each in found.apps.errors:
        console.print(each, markup=False)
    return all(met for *_, met in rows)


def _times(found: Found) -> Table:
    table = empty_table("Requests", "a second", "all", "wrong", "p50", "p95", "p99", "most")

    def add(what: str, waits: Sequence[float], wrong: int, unit: float = 1e3) -> None:
        shares = (at(waits, share) for share in (0.5, 0.95, 0.99, 1))
        name = "ms" if unit == 1e3 else "s"
        table.add_row(
            what,
            f"{len(waits) / found.scale.seconds:,.1f}",
            f"{len(waits):,}",
            f"{wrong:,}",
            *(f"{each * unit:,.1f} {name}" for each in shares),
        )

    for what, asked in found.apps.asked.items():
        add(what, _waits(found, asked), sum(not each.good for each in asked))
    told = [each for each in found.told if each.due >= found.scale.warm]
    add("notification", [each.waited for each in told], sum(each.status != 200 for each in told))
    add("notification → push", found.waits, found.refused, 1)
    return table


def _waits(found: Found, asked: Sequence[Asked]) -> list[float]:
    return [each.waited for each in asked if each.due >= found.scale.warm]


def _processes(found: Found) -> Table:
    watch = found.watch
    table = empty_table(
        f"Processes, {watch.seconds:.0f} s", "CPU", "memory, begin", "middle", "end",
        "second half, an hour", "handles", "threads",
    )  # fmt: skip
    for name, cpu in watch.cpu.items():
        share = f"{cpu / watch.seconds:.1%}"
        if len(watch.uses.get(name, ())) < FEWEST:
            table.add_row(name, share)
            continue
        begin, middle, end = watch.halves(name)
        slope = watch.memory_line(name)
        table.add_row(
            name,
            share,
            *(megabytes(each.memory) for each in (begin, middle, end)),
            f"{slope.slope * 3600 / 1e6:+.1f} ± {1.65 * slope.error * 3600 / 1e6:.1f} MB",
            f"{begin.handles} {middle.handles} {end.handles}",
            str(end.threads),
        )
    ours = sum(cpu for name, cpu in watch.cpu.items() if name.startswith(OURS))
    table.add_row("api, worker and engines together", f"{ours / watch.seconds:.1%}")
    foreign = watch.busy - sum(watch.cpu.values())
    table.add_row("others on this machine", f"{foreign / watch.seconds:.1%}")
    return table


def _pauses(held: dict[str, Inside]) -> Table:
    """Show how long the collector has stopped each process since its start."""
    table = empty_table("The collector's pauses", "objects", "young", "middle", "old", "longest")
    for name, each in held.items():
        seconds = (f"{number:,}: {took * 1e3:,.0f} ms" for number, took, _ in each.pauses)
        longest = max(most for *_, most in each.pauses)
        table.add_row(name, f"{each.objects:,}", *seconds, f"{longest * 1e3:,.0f} ms")
    return table


def _aims(found: Found) -> Iterator[tuple[str, str, str, str, bool]]:
    apps = found.apps
    wrong = sum(not each.good for asked in apps.asked.values() for each in asked)
    wrong += sum(each.status != 200 for each in found.told) + found.refused
    yield "wrong answers, of any kind", f"{wrong:,}", "none", "", wrong == 0
    reads = [wait for what in READS for wait in _waits(found, apps.asked.get(what, []))]
    yield _under("reads, p99", at(reads, 0.99), AIM_READ, "ms", 1e3)
    yield _under("notification → push, p95", at(found.waits, 0.95), AIM_P95, "s", 1)
    yield _under("notification → push, p99", at(found.waits, 0.99), AIM_P99, "s", 1)
    changes = len(found.changed)
    once = sum(found.pushes[target_of(each)] == 1 for each in found.changed)
    others = sum(found.pushes.values()) - sum(found.pushes[target_of(n)] for n in found.changed)
    yield "events", f"{found.events:,}", f"{changes:,} changes", "", found.events == changes
    yield "changes of one push", f"{once:,}", f"{changes:,}", "", once == changes
    yield "pushes of no change", f"{others:,}", "none", "", others == 0
    yield "changes unheard of in open apps", f"{apps.unheard:,}", "none", "", not apps.unheard
    yield "pushes too late for who taps them", f"{apps.unpushed:,}", "none", "", not apps.unpushed
    for name in found.watch.uses:
        if name.startswith(("api", "worker")):
            _, middle, end = found.watch.halves(name)
            grown = end.memory / middle.memory - 1
            what, flat = f"memory of {name}, second half", grown < MAY_GROW
            yield what, f"{grown:+.1%}", f"< {MAY_GROW:.0%}", "", flat
    yield _under("the apps' own lateness, p99", at(apps.late, 0.99), LATE, "ms", 1e3)


def _under(
    what: str, value: float, aim: float, unit: str, size: float
) -> tuple[str, str, str, str, bool]:
    figures = f"{value * size:,.1f} {unit}", f"< {aim * size:,.0f} {unit}"
    return what, *figures, f"{value / aim:.2f}", value < aim
