"""`erasmus-app db`: how the tables stand, their upgrade and partitions, sealing them anew."""

import sys

import asyncpg

from erasmus_app.cli.process import with_engines
from erasmus_app.settings import Settings
from erasmus_app.store import database, partitioning, versions
from erasmus_app.store.rotation import reseal
from erasmus_app.store.sealed import load_vault


async def upgrade(settings: Settings) -> int:
    """Bring the tables up to date."""
    async with with_engines(settings) as complete:
        assert complete.database_url is not None
        vault = load_vault(settings.data_keys, settings.data_dir)
        await versions.upgrade(complete.database_direct_url or complete.database_url, vault)
    return 0


async def status(settings: Settings) -> int:
    """Print how the tables stand; the status is 1 where this program may not work with them."""
    async with with_engines(settings) as complete:
        assert complete.database_url is not None
        async with database.open_database(complete.database_url, size=1) as tables:
            how = await versions.standing(tables)
            read_only = await tables.fetchval("select current_setting('transaction_read_only')")
    print(f"tables: {how.found or 'none'}{', read-only' if read_only == 'on' else ''}")
    print(f"program: {how.wanted}")
    if how.is_newer:
        print(f"may work with them: programs of {how.oldest or 'unknown'} and later")
    for version, brings in how.missing:
        print(f"missing: {version} {brings}")
    if how.wrong is not None:
        print(how.wrong)
    return 0 if how.fits else 1


async def rotate_keys(settings: Settings) -> int:
    """Seal everything anew with the first data key, beside whatever else is running."""
    vault = load_vault(settings.data_keys, settings.data_dir)
    async with with_engines(settings) as complete:
        assert complete.database_url is not None
        async with database.open_database(
            complete.database_url, vault, direct=complete.database_direct_url, size=1
        ) as tables:
            await versions.see_tables(tables)
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
        how = await versions.standing(address)
        if how.wrong is not None:
            print(how.wrong, file=sys.stderr)
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
