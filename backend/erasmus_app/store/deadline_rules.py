"""Rules of deadlines in PostgreSQL, version by version, and in the memory of each process.

There are few: some dozens an HEI. Whoever shows deadlines reads them from memory; a NOTIFY, and a
glance twice a minute for who missed one, say that there are others.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
import msgspec
import structlog

from erasmus_app.ids import AccountId, HeiId
from erasmus_app.mobilities.local_rules import NO_RULES, LocalRule, Role, RuleBook, RuleContent
from erasmus_app.store.database import AWAY, Database
from erasmus_app.store.jobs import enqueue

CHANGED = "deadline_rules"
LOOK_AGAIN = "look-again"
OFTEN = 30.0  # seconds between two glances, where nothing is heard
AGAIN_AFTER_FAILURE = 1.0

_RULE = "tenant, rule_id, version, content::text as content, ended, changed_at, changed_by"
_encode = msgspec.json.Encoder().encode
_content = msgspec.json.Decoder(RuleContent).decode

log = structlog.get_logger(__name__)


class LookAgain(msgspec.Struct, frozen=True, kw_only=True):
    """Have every mobility looked at that a rule of an HEI may be for."""

    hei_id: HeiId
    role: Role


def _rule(row: asyncpg.Record) -> LocalRule:
    return LocalRule(
        rule_id=row["rule_id"],
        hei_id=HeiId(row["tenant"]),
        version=row["version"],
        content=_content(row["content"]),
        changed_at=row["changed_at"],
        changed_by=AccountId(row["changed_by"]) if row["changed_by"] else None,
        is_ended=row["ended"],
    )


@dataclass(slots=True)
class RuleTable:
    """The rules of all HEIs over one database; what `LocalRules` and `RuleStore` ask for."""

    database: Database
    _book: RuleBook = field(default=NO_RULES)

    @property
    def book(self) -> RuleBook:
        """What is known by now."""
        return self._book

    async def refresh(self) -> RuleBook:
        """Return the rules as they are; where none was changed, one look at an index."""
        revision = await self.database.fetchval(
            "select coalesce(max(revision), 0) from deadline_rule"
        )
        if revision == self._book.revision:
            return self._book
        rows = await self.database.fetch(
            f"""select distinct on (tenant, rule_id) {_RULE}, revision from deadline_rule
                order by tenant, rule_id, version desc"""  # noqa: S608 - a constant
        )
        newest = max((row["revision"] for row in rows), default=0)
        if newest >= self._book.revision:  # another reading may have been faster
            self._book = RuleBook.of(map(_rule, rows), newest)
        return self._book

    async def refreshed(self) -> bool:
        """Read the rules if they can be read; what was read before counts until then."""
        try:
            await self.refresh()
        except (*AWAY, asyncpg.UndefinedTableError) as error:  # `/readyz` tells of tables of old
            log.warning("deadline_rules.unreadable", error=type(error).__name__)
            return False
        return True

    async def keep(self) -> None:
        """Read whenever the database says so, and now and then, until cancelled."""
        async with self.database.listening(CHANGED) as heard:
            while True:
                heard.clear()
                wait = OFTEN if await self.refreshed() else AGAIN_AFTER_FAILURE
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await heard.wait()

    @asynccontextmanager
    async def change(self, hei: HeiId) -> AsyncIterator["RuleChangeRow"]:
        """Open a transaction on an HEI's rules; all writers wait for each other.

        After it the rules are known to this process at once.
        """
        async with self.database.locked("deadline_rule") as connection:
            rows = await connection.fetch(
                f"""select distinct on (rule_id) {_RULE} from deadline_rule
                    where tenant = $1 order by rule_id, version desc""",  # noqa: S608 - a constant
                hei,
            )
            yield RuleChangeRow(connection, [_rule(row) for row in rows])
        await self.refreshed()  # it is written, whether or not it can be read right now

    async def rule(self, rule_id: UUID) -> LocalRule | None:
        """Return the newest version of a rule."""
        row = await self.database.fetchrow(
            f"""select {_RULE} from deadline_rule
                where rule_id = $1 order by version desc limit 1""",  # noqa: S608 - a constant
            rule_id,
        )
        return _rule(row) if row else None

    async def history(self, hei: HeiId) -> list[LocalRule]:
        """Return every version of an HEI's rules, the newest of each first."""
        rows = await self.database.fetch(
            f"""select {_RULE} from deadline_rule
                where tenant = $1 order by rule_id, version desc""",  # noqa: S608 - a constant
            hei,
        )
        return [_rule(row) for row in rows]


@dataclass(slots=True)
class RuleChangeRow:
    """One transaction on the rules of one HEI, see `rule_service.RuleChange`."""

    connection: asyncpg.Connection
    rules: Sequence[LocalRule]

    async def append(self, rule: LocalRule) -> None:
        """Write a version; tell the processes, and have what it is for looked at again."""
        await self.connection.execute(
            """insert into deadline_rule
                   (tenant, rule_id, version, content, ended, changed_at, changed_by)
               values ($1, $2, $3, $4::text::jsonb, $5, $6, $7)""",
            rule.hei_id,
            rule.rule_id,
            rule.version,
            _encode(rule.content).decode(),
            rule.is_ended,
            rule.changed_at,
            rule.changed_by,
        )
        role = rule.content.scope.role
        assert role is not None  # no rule without one passes its checks
        await enqueue(
            self.connection,
            LOOK_AGAIN,
            msgspec.to_builtins(LookAgain(hei_id=rule.hei_id, role=role)),
            dedupe_key=f"{LOOK_AGAIN} {role} {rule.hei_id}",
        )
        await self.connection.execute(f"notify {CHANGED}")


async def look_again(
    database: Database, of: LookAgain, after: tuple[str, str] | None, limit: int
) -> tuple[str, str] | None:
    """Have a page of mobilities looked at soon; return where it ended, None at the end.

    Those that are due by now come before: they were waiting already.
    """
    outgoing = of.role is Role.OUTGOING
    hei = "sending_hei_id" if outgoing else "receiving_hei_id"
    place = ("omobility_id", "tenant") if outgoing else ("mobility_id", "tenant")
    kind = "text" if outgoing else "uuid"
    # The first half alone is what the index knows.
    behind = f"""and {place[0]} >= $3::text::{kind}
        and ({place[0]}, {place[1]}) > ($3::text::{kind}, $4)"""
    row = await database.fetchrow(
        f"""with page as materialized (
                select tenant, mobility_id, omobility_id from mobility
                where {hei} = $1 {behind if after else ""}
                order by {place[0]}, {place[1]} limit $2
            ), due as (
                update mobility set next_look_at = now() from page
                where mobility.mobility_id = page.mobility_id
                    and (next_look_at is null or next_look_at > now())
            )
            select count(*) over () as found, {place[0]}::text as first, tenant::text as second
            from page order by {place[0]} desc, {place[1]} desc limit 1""",  # noqa: S608 - constants
        of.hei_id,
        limit,
        *(after or ()),
    )
    if row is None or row["found"] < limit:
        return None
    return row["first"], row["second"]
