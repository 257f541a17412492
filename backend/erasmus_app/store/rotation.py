"""Sealing anew with the first key what other keys have sealed."""

from collections import Counter

import asyncpg

from erasmus_app.store.database import Database
from erasmus_app.store.sealed import Vault
from erasmus_app.store.sealing import COLUMNS, batches, replace


async def reseal(database: Database) -> tuple[dict[str, int], list[str]]:
    """Seal everything with the first key; return how many values by column, and the keys left.

    It goes on beside everything else, batch by batch, and where it is broken off it is begun again
    without doing twice what was done. A value that was written meanwhile is left as it is: whoever
    wrote it has the first key, or the key stands among those that are still needed.
    """
    done: Counter[str] = Counter()
    async with database.pool.acquire() as connection:
        for column in COLUMNS:
            other = f"substr({{0}}, 2, 4) <> '\\x{database.vault.first.hex()}'"
            async for batch in batches(connection, column, other):
                for row in batch:
                    place = column.place(row)
                    clear = database.vault.open(row[column.column], *place)
                    await replace(connection, column, row, database.vault.seal(clear, *place), {})
                done[column.name] += len(batch)
        return dict(done), await _retire(connection, database.vault)


async def _retire(connection: asyncpg.Connection, vault: Vault) -> list[str]:
    """Forget the keys that no value is sealed with any more; return those that are needed."""
    used = {vault.first.hex()}
    for column in COLUMNS:
        rows = await connection.fetch(
            f"""select distinct substr({column.column}, 2, 4) as id from {column.table}
                where {column.column} is not null"""  # noqa: S608 - constants
        )
        used |= {row["id"].hex() for row in rows}
    await connection.execute(
        "delete from data_key where kind = 'data' and key_id <> all($1::text[])", sorted(used)
    )
    return sorted(used - {vault.first.hex()})
