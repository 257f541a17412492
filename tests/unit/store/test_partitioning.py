"""`erasmus-app db partition`: the tables are the same afterwards, in parts."""

from pathlib import Path

import asyncpg
import pytest
from databases import PARTITIONED
from subscribers import a_message
from unit.store.samples import HOME, NOW, log_in
from unit.store.test_erasures import a_student

from erasmus_app.privacy.access import Access, ActorKind, Read
from erasmus_app.store import partitioning
from erasmus_app.store.access_log import AccessLogTable
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import Database
from erasmus_app.store.inbox import InboxTable
from erasmus_app.store.partitioning import PARTITIONED_BY, partition, partitions
from erasmus_app.store.telling import tell

VERSIONS = Path(partitioning.__file__).parent / "migrations" / "versions"

pytestmark = pytest.mark.skipif(PARTITIONED, reason="all tables are partitioned from the start")

# What makes a table what it is, by name.
SHAPES = {
    "columns": """select attname as name, format_type(atttypid, atttypmod) as type, attnotnull,
            attidentity, pg_get_expr(adbin, adrelid) as default, attgenerated, attstattarget
        from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
        where attrelid = $1::regclass and attnum > 0 order by attnum""",
    "constraints": """select conname as name, pg_get_constraintdef(oid) as says
        from pg_constraint where conrelid = $1::regclass and conparentid = 0 order by 1""",
    "references": """select conname as name, conrelid::regclass::text, pg_get_constraintdef(oid)
        from pg_constraint where confrelid = $1::regclass and conparentid = 0 order by 1""",
    "indexes": """select relname as name,
            replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ') as says
        from pg_index join pg_class on pg_class.oid = indexrelid
        where indrelid = $1::regclass order by 1""",
    "options": """select distinct unnest(reloptions) as says
        from pg_class left join pg_inherits on inhrelid = oid
        where relkind = 'r' and $1::regclass in (oid, inhparent) order by 1""",
    "triggers": """select tgname as name, pg_get_triggerdef(oid) as says
        from pg_trigger where tgrelid = $1::regclass and not tgisinternal order by 1""",
}


async def shapes(database: Database) -> dict[str, dict[str, list[tuple[object, ...]]]]:
    return {
        table: {
            what: [tuple(row) for row in await database.fetch(sql, table)]
            for what, sql in SHAPES.items()
        }
        for table in PARTITIONED_BY
    }


async def rows(database: Database) -> dict[str, list[str]]:
    return {
        table: sorted(
            row["text"] for row in await database.fetch(f"select t::text as text from {table} t")
        )
        for table in PARTITIONED_BY
    }


async def partition_now(database: Database, parts: int) -> list[str]:
    connection = await asyncpg.connect(database.direct or database.dsn)
    try:
        return await partition(connection, parts)
    finally:
        await connection.close()


async def test_columns_constraints_indexes_triggers_and_rows_stay(database: Database):
    account = await a_student(database)
    access = Access(kind=ActorKind.OPERATOR, actor="maria", purpose="request", api="student access")
    await AccessLogTable(database).note(access, [Read(tenant=HOME, subject=account)], NOW)
    before, held = await shapes(database), await rows(database)

    done = await partition_now(database, 3)

    assert done == list(PARTITIONED_BY)
    assert await shapes(database) == before
    assert await rows(database) == held
    assert all(held.values()), "a table without rows proves nothing"
    async with database.transaction() as connection:
        assert await partitions(connection) == dict.fromkeys(PARTITIONED_BY, 3)


async def test_what_an_upgrade_sets_for_a_table_reaches_each_of_its_parts(database: Database):
    before = await shapes(database)
    await partition_now(database, 3)
    for name in PARTITIONED_BY:
        for part in range(3):
            await database.execute(
                f"alter table {name}_{part} reset (autovacuum_analyze_scale_factor)"
            )
    assert await shapes(database) != before

    await database.execute((VERSIONS / "0034_analyze.sql").read_text(encoding="utf-8"))

    assert await shapes(database) == before


async def test_messages_keep_the_order_of_the_inbox(database: Database):
    await partition_now(database, 4)
    account = await log_in(AccountTable(database))
    async with database.transaction() as connection:
        for number in range(1, 8):
            await tell(connection, a_message(account, number), NOW)
    inbox = InboxTable(database)

    shown = await inbox.entries(account, first=100, after=None)

    assert [each.place for each in shown] == [7, 6, 5, 4, 3, 2, 1]


async def test_what_is_partitioned_is_left_alone(database: Database):
    await partition_now(database, 2)

    assert await partition_now(database, 5) == []


@pytest.mark.parametrize("parts", [1, 257])
async def test_too_few_or_too_many_parts_are_refused(database: Database, parts: int):
    with pytest.raises(ValueError, match=f"parts: {parts} is not between 2 and 256"):
        await partition_now(database, parts)
