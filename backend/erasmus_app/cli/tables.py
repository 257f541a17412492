"""`erasmus-app db`: the upgrade of the tables, their partitions, sealing what is in them anew."""

import sys

import asyncpg

from erasmus_app.cli.process import with_engines
from erasmus_app.settings import Settings
from erasmus_app.store import database, partitioning
from erasmus_app.store.rotation import reseal
from erasmus_app.store.sealed import load_vault


async def upgrade(settings: Settings) -> int:
    """Bring the tables up to date."""
    async with with_engines(settings) as complete:
        assert complete.database_url is not None
        vault = load_vault(settings.data_keys, settings.data_dir)
        await database.upgrade(complete.database_direct_url or complete.database_url, vault)
    return 0


async def rotate_keys(settings: Settings) -> int:
    """Seal everything anew with the first data key, beside whatever else is running."""
    vault = load_vault(settings.data_keys, settings.data_dir)
    async with with_engines(settings) as complete:
        assert complete.database_url is not None
        async with database.open_database(
            complete.database_url, vault, direct=complete.database_direct_url, size=1
        ) as tables:
            await database.see_keys(tables)
            done, left = await reseal(tables)
    for column, values in sorted(done.items()):
        print(f"{column}: {values}")
    print(f"keys that are still needed: {', '.join(left)}" if left else "one key is needed now")
    return 0


async def partition(settings: Settings, parts: int) -> int:
    """Partition what grows with students, in one transaction."""
    async with with_engines(settings) as complete:
        address = complete.database_direct_url or complete.database_url
        assert address is not None
        if not await database.is_current(address):
            print("the tables are not up to date: erasmus-app db upgrade", file=sys.stderr)
            return 1
        connection = await asyncpg.connect(address)
        try:
            done = await partitioning.partition(connection, parts)
            there = await partitioning.partitions(connection)
        except ValueError as error:
            print(f"--{error}", file=sys.stderr)
            return 2
        finally:
            await connection.close()
    for name in partitioning.PARTITIONED_BY:
        print(f"{name}: {there[name]} partitions{'' if name in done else ', as before'}")
    return 0
