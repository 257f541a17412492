"""Partitions of the tables that grow with students (docs/decisions/0043).

All of it is one transaction that holds the tables, for an operator to start while nothing else
runs. What the program does with the tables is the same before and after.
"""

from collections.abc import Mapping

import asyncpg

PARTITIONED_BY: Mapping[str, str] = {
    "mobility": "tenant",
    "source_document": "tenant",
    "event": "tenant",
    "access_log": "tenant",
    "inbox_entry": "account_id",
    "delivery": "account_id",
    "screen": "account_id",
}
"""Tables that hold the bulk, with the column by whose hash they are partitioned."""

MOST_PARTS = 256

_REFERENCES = """
    select conrelid::regclass::text as of, conname as name, pg_get_constraintdef(oid) as says
    from pg_constraint
    where contype = 'f' and conparentid = 0
        and (conrelid = $1::regclass or confrelid = $1::regclass)"""
_KEYS = """
    select conname as name, pg_get_constraintdef(oid) as says from pg_constraint
    where contype in ('p', 'u') and conrelid = $1::regclass order by contype"""
_INDEXES = """
    select pg_get_indexdef(indexrelid) as says from pg_index
    where indrelid = $1::regclass
        and not exists (select from pg_constraint where conindid = indexrelid)"""
_TRIGGERS = """
    select pg_get_triggerdef(oid) as says from pg_trigger
    where tgrelid = $1::regclass and not tgisinternal"""
_COLUMNS = """
    select attname as name, attidentity <> '' as counted, attstattarget as sampled
    from pg_attribute
    where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = ''
    order by attnum"""
_OPTIONS = "select unnest(reloptions) as says from pg_class where oid = $1::regclass"


async def partitions(connection: asyncpg.Connection) -> dict[str, int]:
    """Return those of the tables that have partitions, with how many."""
    rows = await connection.fetch(
        """select relname as name, count(inhrelid) as parts
           from pg_class left join pg_inherits on inhparent = pg_class.oid
           where relkind = 'p' and relnamespace = current_schema()::regnamespace
           group by relname"""
    )
    return {row["name"]: row["parts"] for row in rows}


async def partition(connection: asyncpg.Connection, parts: int) -> list[str]:
    """Partition what is not yet into so many `parts`; return the names of those tables.

    Raises:
        ValueError: `parts` is not between 2 and `MOST_PARTS`.
    """
    if not 2 <= parts <= MOST_PARTS:
        raise ValueError(f"parts: {parts} is not between 2 and {MOST_PARTS}")
    async with connection.transaction():
        there = await partitions(connection)
        names = [name for name in PARTITIONED_BY if name not in there]
        for name in names:
            await connection.execute(f"lock table {name} in access exclusive mode")
        for name in names:
            await _partition(connection, name, parts)
    for name in names:
        await connection.execute(f"analyze {name}")
    return names


async def _partition(connection: asyncpg.Connection, name: str, parts: int) -> None:
    references = await connection.fetch(_REFERENCES, name)
    keys = await connection.fetch(_KEYS, name)
    indexes = await connection.fetch(_INDEXES, name)
    triggers = await connection.fetch(_TRIGGERS, name)
    columns = await connection.fetch(_COLUMNS, name)
    options = [each["says"] for each in await connection.fetch(_OPTIONS, name)]
    kept = f"with ({', '.join(options)})" if options else ""
    whole = f"{name}_whole"
    for each in references:
        await connection.execute(f'alter table {each["of"]} drop constraint "{each["name"]}"')
    await connection.execute(f"alter table {name} rename to {whole}")
    await connection.execute(
        f"create table {name} (like {whole} including all excluding indexes) "
        f"partition by hash ({PARTITIONED_BY[name]})"
    )
    for part in range(parts):
        await connection.execute(
            f"create table {name}_{part} partition of {name} "
            f"for values with (modulus {parts}, remainder {part}) {kept}"
        )
    for each in columns:
        if each["sampled"] is not None:
            await connection.execute(
                f"alter table {name} alter column {each['name']} set statistics {each['sampled']}"
            )
    listed = ", ".join(each["name"] for each in columns)
    await connection.execute(
        f"insert into {name} ({listed}) overriding system value "  # noqa: S608
        f"select {listed} from {whole}"
    )
    for each in (each["name"] for each in columns if each["counted"]):
        await connection.execute(
            f"""select setval(pg_get_serial_sequence('{name}', '{each}'),
                    nextval(pg_get_serial_sequence('{whole}', '{each}')))"""
        )
    await connection.execute(f"drop table {whole}")
    for each in keys:
        await connection.execute(
            f'alter table {name} add constraint "{each["name"]}" {each["says"]}'
        )
    for each in indexes:
        await connection.execute(each["says"])
    for each in references:
        await connection.execute(
            f'alter table {each["of"]} add constraint "{each["name"]}" {each["says"]}'
        )
    for each in triggers:
        await connection.execute(each["says"])
