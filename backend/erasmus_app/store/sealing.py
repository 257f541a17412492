"""Every sealed column, and going through them: at the upgrade, and when keys rotate."""

import hmac
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

import asyncpg

from erasmus_app.errors import DataKeyMissing
from erasmus_app.store.sealed import CLEAR, Place, Vault, present
from erasmus_app.store.sealed_records import split_of_old

BATCH = 500
CLEAR_KEY = "clear "  # what migration 0007 puts before a student's key that is to be hashed
_PROOF = "data_key.proof"


class SealedColumn(NamedTuple):
    """A sealed column, and the columns that its values are bound to; those are one row's alone."""

    table: str
    column: str
    row: tuple[str, ...]
    hashed: tuple[str, str] | None = None  # of `row`, the keyed hash, and of what kind it is

    @property
    def name(self) -> str:
        """What stands first in the place of each value."""
        return f"{self.table}.{self.column}"

    def place(self, row: asyncpg.Record) -> tuple[Place, ...]:
        """Return what a row's value is bound to."""
        return (self.name, *(row[each] for each in self.row))


COLUMNS = (
    SealedColumn("account", "display_name", ("account_id",)),
    SealedColumn("account", "email", ("account_id",)),
    SealedColumn("account_identity", "email", ("issuer", "subject")),
    SealedColumn("account_esi", "esi", ("account_id", "esi_key"), ("esi_key", "esi")),
    SealedColumn("person_esi", "esi", ("tenant", "esi_key"), ("esi_key", "esi")),
    SealedColumn("mobility", "sealed", ("tenant", "sending_hei_id", "omobility_id")),
    SealedColumn(
        "source_document", "xml", ("tenant", "api", "hei_id", "sending_hei_id", "object_id")
    ),
    SealedColumn("own_object", "xml", ("tenant", "api", "sending_hei_id", "object_id")),
    SealedColumn("own_decision", "comment", ("tenant", "api", "omobility_id", "proposal_id")),
    SealedColumn("own_decision", "request", ("tenant", "api", "omobility_id", "proposal_id")),
    SealedColumn("event", "detail", ("tenant", "mobility_id", "event_id")),
    SealedColumn("inbox_entry", "arguments", ("account_id", "inbox_entry_id")),
    SealedColumn("device", "target", ("target_kind", "target_key"), ("target_key", "target")),
    SealedColumn("mail_address", "address", ("address_id",)),
    SealedColumn("export_part", "content", ("export_id", "part")),
    SealedColumn("preference", "content", ("account_id",)),
    SealedColumn("screen", "sealed", ("account_id",)),
    SealedColumn("calendar_entry", "content", ("account_id", "uid")),
    SealedColumn("unanswered_question", "text", ("tenant", "question_id")),
    SealedColumn("chat_link", "sender", ("sender_key",)),
    SealedColumn("chat_message", "content", ("message_key",)),
)


async def check_keys(connection: asyncpg.Connection, vault: Vault) -> None:
    """See that the keys are those of this database, and note those that are new.

    Raises:
        DataKeyMissing: something is sealed with a key that is not given, or ESIs were looked up
            with another one. Nothing is changed.
    """
    known = await connection.fetch("select kind, key_id, proof from data_key")
    for row in known:
        if row["kind"] == "data":
            vault.open(row["proof"], _PROOF, row["key_id"])
        elif not hmac.compare_digest(row["proof"], _lookup_proof(vault)):
            raise DataKeyMissing(
                "ERASMUS_APP_DATA_KEYS: the lookup key is not the one that this database was "
                "written with; ESIs would not be found"
            )
    first = vault.first.hex()
    if all((row["kind"], row["key_id"]) != ("data", first) for row in known):
        await connection.execute(
            """insert into data_key (kind, key_id, proof)
               values ('data', $1, $2), ('lookup', 'lookup', $3) on conflict do nothing""",
            first,
            vault.seal(b"", _PROOF, first),
            _lookup_proof(vault),
        )
        await check_keys(connection, vault)  # another process may have been first, with others


async def seal_what_is_clear(connection: asyncpg.Connection, keys: Vault | None) -> int:
    """Seal what migration 0007 left in clear, in the caller's transaction; return how many.

    Raises:
        DataKeyMissing: there is something, and no key.
    """
    if await connection.fetchval("select 1 from data_key limit 1"):
        return 0  # it was done before any key was noted
    done = 0
    there = {
        tuple(row)
        for row in await connection.fetch(
            """select table_name, column_name from information_schema.columns
               where table_schema = current_schema()"""
        )
    }
    for column in COLUMNS:
        if (column.table, column.column) not in there:
            continue  # a later migration brings it, and it has held nothing in clear
        async for batch in batches(connection, column, "substr({0}, 1, 1) = '\\x00'"):
            vault = present(keys)
            for row in batch:
                clear = row[column.column].removeprefix(CLEAR)
                if column.table == "mobility":
                    frame, sealed = split_of_old(clear, vault)
                    await replace(connection, column, row, sealed, {"record": frame})
                    continue
                changed: dict[str, str] = {}
                if column.hashed is not None:
                    name, kind = column.hashed
                    changed = {name: vault.hashed(kind, row[name])}
                place = [changed.get(each, row[each]) for each in column.row]
                sealed = vault.seal(clear, column.name, *place)
                await replace(connection, column, row, sealed, changed)
            done += len(batch)
    await _hash_students(connection, keys)
    return done


async def _hash_students(connection: asyncpg.Connection, keys: Vault | None) -> None:
    """Look-ups by student of the HEIs' own data go by hash from now on."""
    rows = await connection.fetch(
        f"select distinct student_key from own_object where student_key like '{CLEAR_KEY}%'"  # noqa: S608 - a constant
    )
    for row in rows:
        await connection.execute(
            "update own_object set student_key = $2 where student_key = $1",
            row["student_key"],
            present(keys).hashed("esi", row["student_key"].removeprefix(CLEAR_KEY)),
        )


async def batches(
    connection: asyncpg.Connection, column: SealedColumn, which: str
) -> AsyncIterator[Sequence[asyncpg.Record]]:
    """Yield rows in the order of what their values are bound to, a batch at a time."""
    row = ", ".join(column.row)
    after = ""
    last: tuple[object, ...] = ()
    while True:
        batch = await connection.fetch(
            f"""select {row}, {column.column} from {column.table}
                where {which.format(column.column)} {after} order by {row} limit {BATCH}""",  # noqa: S608 - constants
            *last,
        )
        if not batch:
            return
        last = tuple(batch[-1][each] for each in column.row)
        numbers = ", ".join(f"${n}" for n in range(1, len(last) + 1))
        after = f"and ({row}) > ({numbers})"
        yield batch


async def replace(
    connection: asyncpg.Connection,
    column: SealedColumn,
    row: asyncpg.Record,
    sealed: bytes,
    changed: dict[str, str],
) -> None:
    """Write a row's value anew where it is still the one that was read."""
    given: list[object] = [sealed, row[column.column], *(row[each] for each in column.row)]
    where = " and ".join(f"{each} = ${n}" for n, each in enumerate(column.row, 3))
    values = f"{column.column} = $1"
    for name, value in changed.items():
        given.append(value)
        cast = "::text::jsonb" if name == "record" else ""
        values += f", {name} = ${len(given)}{cast}"
    await connection.execute(
        f"update {column.table} set {values} where {column.column} = $2 and {where}",  # noqa: S608 - constants
        *given,
    )


def _lookup_proof(vault: Vault) -> bytes:
    return bytes.fromhex(vault.hashed("proof", ""))
