"""What is shown on paper: a year's rates, and from measured costs what Europe needs."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from rich.console import Console
from rich.table import Table
from scale.costs import Cost
from scale.model import Year

RATES = tomllib.loads((Path(__file__).parent / "rates.toml").read_text(encoding="utf-8"))
WHAT = {
    "starts": "app starts",
    "refreshes": "tokens renewed",
    "changes": "changes of exchanges, per tenant",
    "notifications": "change notifications (CNRs)",
    "pushes": "pushes",
    "questions": "questions to the chat",
    "logins": "logins",
}
USED = 0.4  # of a core, at the busiest second: the rest is for what nobody foresees
OF_ACTIVE = (
    *("mobility", "source_document", "event", "inbox_entry", "delivery", "device", "session"),
    *("person_esi", "screen"),
)
GB = 1e9


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the tables are, with their indexes."""

    whole: float  # bytes
    of_active: float  # of each student with a stay
    of_all: float  # of each student
    largest: dict[str, float]  # bytes, of the largest tables, for each student with a stay

    @classmethod
    async def read(cls, connection: asyncpg.Connection, active: int, students: int) -> "Sizes":
        """Read them from the server."""
        rows = await connection.fetch(
            """select relname, pg_total_relation_size(oid)::float8 as size from pg_class
               where relnamespace = 'public'::regnamespace and relkind = 'r' order by size desc"""
        )
        sizes = {row["relname"]: row["size"] for row in rows}
        theirs = sum(size for name, size in sizes.items() if name in OF_ACTIVE)
        return cls(
            whole=await connection.fetchval("select pg_database_size(current_database())"),
            of_active=theirs / active,
            of_all=(sum(sizes.values()) - theirs) / students,
            largest={
                name: size / active for name, size in list(sizes.items())[:6] if name in OF_ACTIVE
            },
        )


def the_year(console: Console, year: Year) -> None:
    """Show what a year brings, and its busiest hour and second."""
    of = year.of
    table = Table(
        "what",
        *("millions a year", "a second of the busiest hour", "when", "in its busiest second"),
        title=f"{of.students:,} students, {of.active:,} with a stay, {of.heis:,} HEIs",
    )
    for name, title in WHAT.items():
        hour = year.busiest(name)
        table.add_row(
            title,
            f"{year.total(name) / 1e6:,.1f}",
            f"{getattr(hour, name) / 3600:,.1f}",
            f"{hour.at:%H h}, each day" if year.is_daily(name) else f"{hour.at:%a %d %b, %H h}",
            f"{year.second(name):,.0f}",
        )
    table.add_row(
        "everybody opens the app within an hour", "", f"{everybody(year):,.0f}", "any day", ""
    )
    a_year = year.polled * 86_400 * 365 / 1e6
    table.add_row(
        "objects that polls read again", f"{a_year:,.0f}", f"{year.polled:,.0f}", "always", ""
    )
    console.print(table)


def everybody(year: Year) -> float:
    """Return the app starts a second where all who have the app open it within an hour."""
    return year.of.active * year.of.with_app / 3600


def needs(console: Console, year: Year, costs: Sequence[Cost], sizes: Sizes) -> None:
    """Show what the busiest second takes of cores, and the year of disks."""
    kept, _, change, anew, push = costs
    starts = everybody(year) + year.second("starts")
    told = year.second("pushes")
    rows = {
        "app starts": (starts, RATES["app_start"]["api"], "api", kept.postgres),
        "app starts after a change": (told, anew.ours + RATES["app_start"]["api"], "api",
                                      anew.postgres),
        "changes": (year.second("changes"), RATES["change"]["worker"], "worker", change.postgres),
        "objects that polls read again": (year.polled, RATES["change"]["worker"], "worker",
                                          change.postgres),
        "pushes": (told, RATES["push"]["worker"], "worker", push.postgres),
        "questions": (year.second("questions"), RATES["question"]["api"], "api", 0.0),
    }  # fmt: skip
    table = Table("work", "a second", "process", "its cores", "PostgreSQL's cores")
    cores = dict.fromkeys(("api", "worker", "PostgreSQL"), 0.0)
    for name, (rate, cpu, process, theirs) in rows.items():
        cores[process] += rate * cpu
        cores["PostgreSQL"] += rate * theirs
        table.add_row(name, f"{rate:,.0f}", process, f"{rate * cpu:.2f}", f"{rate * theirs:.2f}")
    console.print(table)
    for name, used in cores.items():
        console.print(f"{name}: {used:.2f} cores busy; {used / USED:.1f} at {USED:.0%} use")
    of = year.of
    disk = sizes.of_active * of.active + sizes.of_all * of.students
    wal = (
        year.total("changes") * (change.wal + anew.wal)
        + year.total("pushes") * push.wal
        + year.total("starts") * kept.wal
    )
    console.print(
        f"disk: {sizes.of_active / 1e3:.1f} kB for each with a stay, {sizes.of_all / 1e3:.2f} kB "
        f"for each in the records: {disk / GB:,.0f} GB; WAL {wal / GB:,.0f} GB a year"
    )
    largest = ", ".join(f"{name} {size / 1e3:.1f} kB" for name, size in sizes.largest.items())
    console.print(f"largest, for each with a stay: {largest}")
