"""`erasmus-app dead` and `erasmus-app deliveries`: what was given up, and what to do about it.

Nothing that is printed is a student's: kinds, codes, universities and ids of our own. Whatever
changes something is noted first, with who did it.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec
import structlog

from erasmus_app.cli.student import opened, who
from erasmus_app.kit.clock import utc_now
from erasmus_app.settings import Settings
from erasmus_app.store.database import Database
from erasmus_app.store.dead_jobs import PROMISED, Chosen, DeadJob, DeadJobs
from erasmus_app.store.failed_deliveries import ChosenDeliveries, EndedGroup, FailedDeliveries
from erasmus_app.store.operator_log import OperatorLog

MOST_LINES = 200
LATELY = timedelta(days=7)  # expired deliveries are shown for so long

log = structlog.get_logger(__name__)


async def run(given: argparse.Namespace, settings: Settings) -> int:
    """Run one command; status 1 where there is nothing of the kind."""
    async with opened(settings) as database:
        if given.what == "log":
            return await _log(database)
        if given.command == "dead":
            return await _jobs(given, database)
        return await _deliveries(given, database)


async def _jobs(given: argparse.Namespace, database: Database) -> int:
    table = DeadJobs(database)
    chosen = Chosen(
        job_id=given.id, kind=given.kind, code=given.code, older_than=_days(given.older_than)
    )
    groups, now = await table.groups(chosen), utc_now()
    found = sum(each.jobs for each in groups)
    if given.what == "show":
        return _shown(await table.newest(chosen, 1))
    if given.what == "list":
        if given.each:
            return listed(
                ("job", "kind", "code", "died", "attempts", "about"),
                [_line(each, now) for each in await table.newest(chosen, MOST_LINES)],
                f"{found} dead jobs",
            )
        return listed(
            ("jobs", "kind", "code", "last", "first"),
            [
                (str(e.jobs), e.kind, e.code or "-", ago(e.last_at, now), ago(e.first_at, now))
                for e in groups
            ],
            f"{found} dead jobs",
        )
    if not _allowed(given, found):
        return 1
    if given.dry_run:
        print(f"{found} dead jobs are meant; nothing was done.")
        return 0
    await noted(database, given.by, _command(given), found)
    if given.what == "replay":
        done = await table.replay(chosen)
        left = found - done
        print(f"{done} dead jobs wait again.")
        if left > 0:
            print(f"{left} stay: their like waits already. They may be discarded.")
    else:
        done = await table.discard(chosen)
        print(f"{done} dead jobs are gone.")
        if any(each.kind in PROMISED for each in groups):
            print(f"Those of {' and '.join(PROMISED)} stay: a student waits for them. Replay them.")
    log.info("operator.acted", command=_command(given), rows=done)
    return 0


async def _deliveries(given: argparse.Namespace, database: Database) -> int:
    table = FailedDeliveries(database)
    chosen = ChosenDeliveries(
        delivery_id=given.id,
        kind=given.kind,
        code=given.code,
        channel=given.channel,
        older_than=_days(given.older_than),
    )
    groups, now = await table.groups(chosen), utc_now()
    if given.what == "show":
        return _shown(await table.newest(chosen, 1))
    if given.what == "list":
        if given.each:
            return listed(
                ("delivery", "channel", "kind", "code", "failed", "today"),
                [
                    (
                        str(each.delivery_id),
                        each.channel,
                        each.kind,
                        each.code or "-",
                        ago(each.finished_at, now),
                        each.standing,
                    )
                    for each in await table.newest(chosen, MOST_LINES)
                ],
                f"{_sum(groups)} failed deliveries",
            )
        return await _ended(table, chosen, groups, now)
    worth = _sum(each for each in groups if each.standing == "worth_telling")
    found = worth if given.what == "replay" else _sum(groups)
    if not _allowed(given, _sum(groups)):
        return 1
    if given.dry_run:
        print(f"{found} failed deliveries are meant; nothing was done.")
        return 0
    await noted(database, given.by, _command(given), found)
    if given.what == "replay":
        done = await table.replay(chosen)
        print(f"{done} deliveries are on their way again.")
        if left := _sum(await table.groups(chosen)):
            print(f"{left} stay: it is too late for them. They may be discarded.")
    else:
        done = await table.discard(chosen)
        print(f"{done} failed deliveries count as expired now.")
    log.info("operator.acted", command=_command(given), rows=done)
    return 0


async def _ended(
    table: FailedDeliveries,
    chosen: ChosenDeliveries,
    groups: Sequence[EndedGroup],
    now: datetime,
) -> int:
    expired = await table.expired(LATELY) if chosen == ChosenDeliveries() else []
    status = listed(
        ("deliveries", "state", "channel", "kind", "code", "today", "last", "first"),
        [
            (
                str(each.deliveries),
                each.state,
                each.channel,
                each.kind,
                each.code or "-",
                each.standing,
                ago(each.last_at, now),
                ago(each.first_at, now),
            )
            for each in (*groups, *expired)
        ],
        f"{_sum(groups)} failed deliveries",
    )
    if expired:
        print(f"{_sum(expired)} expired in the last {LATELY.days} days.")
    return status


async def _log(database: Database) -> int:
    acts, now = await OperatorLog(database).latest(MOST_LINES), utc_now()
    return listed(
        ("when", "who", "rows", "command"),
        [(ago(each.at, now), each.actor, str(each.rows), each.command) for each in acts],
        f"{len(acts)} acts",
    )


async def noted(database: Database, by: str | None, command: str, rows: int) -> None:
    """Write down who did what, to how many rows."""
    await OperatorLog(database).note(who(by), command, rows)


def _command(given: argparse.Namespace) -> str:
    """Write the command as it was given."""
    parts = [given.command, given.what]
    if given.id is not None:
        parts.append(str(given.id))
    parts += [
        f"--{name.replace('_', '-')} {value}"
        for name in ("kind", "code", "channel", "older_than")
        if (value := getattr(given, name, None)) is not None
    ]
    if given.all:
        parts.append("--all")
    return " ".join(parts)


def _allowed(given: argparse.Namespace, found: int) -> bool:
    """Whether something is named, and is there; says so where not."""
    named = (given.id, given.kind, given.code, getattr(given, "channel", None), given.older_than)
    if not given.all and all(each is None for each in named):
        print("Name which, or give --all.", file=sys.stderr)
        return False
    if not found:
        print("There is none.", file=sys.stderr)
    return found > 0


def _shown(found: Sequence[msgspec.Struct]) -> int:
    if not found:
        print("There is none.", file=sys.stderr)
        return 1
    print(msgspec.json.format(msgspec.json.encode(found[0]), indent=2).decode())
    return 0


def listed(head: tuple[str, ...], lines: Sequence[tuple[str, ...]], summary: str) -> int:
    """Print a table, the last column as long as it is, and what it comes to."""
    if lines:
        table = [head, *lines]
        widths = [max(len(line[place]) for line in table) for place in range(len(head))]
        for line in table:
            cells = (text.ljust(width) for text, width in zip(line, widths, strict=True))
            print("  ".join(cells).rstrip())
    print(f"{summary}.")
    return 0


def _line(job: DeadJob, now: datetime) -> tuple[str, ...]:
    about = " ".join(f"{name}={value}" for name, value in job.about.items())
    return (
        str(job.job_id),
        job.kind,
        job.code or "-",
        ago(job.dead_at, now),
        str(job.attempts),
        "its like waits" if job.like_waits else about,
    )


def _sum(groups: Iterable[EndedGroup]) -> int:
    return sum(each.deliveries for each in groups)


def _days(days: float | None) -> timedelta | None:
    return None if days is None else timedelta(days=days)


def ago(moment: datetime, now: datetime) -> str:
    """Say how long ago something was, by the largest unit."""
    seconds = max((now - moment).total_seconds(), 0)
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds)} s"
