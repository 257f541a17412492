"""Which tables there are, which this program was written for, and the way from one to the other.

docs/decisions/0037 has the rules: migrations go forward only, each is one transaction, and beside
each the program of the release before goes on working. A migration that ends this says so in
`schema_reach`, and older programs then refuse to start.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import asyncpg
import structlog
from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection as SqlConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from erasmus_app.errors import EngineFailed
from erasmus_app.store.database import AWAY, CONNECT_SECONDS, Database
from erasmus_app.store.sealed import Vault
from erasmus_app.store.sealing import check_keys, seal_what_is_clear

MIGRATIONS = Path(__file__).parent / "migrations"
FIRST = "0032"  # there was no release before: everything up to here is one step
LOCK = 0x45_57_50  # one step at a time, whoever takes it
LOCK_SECONDS = 1.0  # so long may queries of the running version wait behind a step that waits
AGAIN_SECONDS = 0.2
PATIENCE_SECONDS = 600.0  # that a step waits for others' transactions, trying again and again

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Standing:
    """The tables that there are, beside those that this program was written for."""

    found: str | None  # their version; None: there are no tables
    wanted: str
    oldest: str | None  # of newer tables: the oldest program that may work with them
    missing: tuple[tuple[str, str], ...]  # versions, each with what it brings

    @property
    def fits(self) -> bool:
        """Whether this program may work with them: they are its own, or a little newer."""
        return self.found == self.wanted or (self.is_newer and not self.too_new)

    @property
    def is_newer(self) -> bool:
        """Whether a newer program has upgraded them."""
        return self.found is not None and self.found > self.wanted

    @property
    def too_new(self) -> bool:
        """Whether they have lost what this program reads."""
        return self.is_newer and (self.oldest is None or self.wanted < self.oldest)

    @property
    def wrong(self) -> str | None:
        """What is wrong and what to do, in a line; None where all is well."""
        if self.too_new:
            return (
                f"the tables are of version {self.found}, which works with programs of version "
                f"{self.oldest or 'unknown'} and later; this program is of {self.wanted}: install "
                "the newer program, or restore the backup that was made before the upgrade"
            )
        if not self.fits:
            return (
                f"the tables are of version {self.found or 'none'}, this program wants "
                f"{self.wanted}: run `erasmus-app db upgrade`"
            )
        return None


async def standing(where: Database | str, scripts: Path = MIGRATIONS) -> Standing:
    """Say how the tables stand; `where` is an open database or the address of one.

    Raises:
        EngineFailed: they are of two versions at once.
    """
    if isinstance(where, Database):
        async with where.pool.acquire() as connection:
            return await _standing(connection, scripts)
    connection = await asyncpg.connect(where, timeout=CONNECT_SECONDS)
    try:
        return await _standing(connection, scripts)
    finally:
        await connection.close()


async def _standing(connection: asyncpg.Connection, scripts: Path) -> Standing:
    chain, oldest = _chain(scripts), None
    found, wanted = await _version(connection), chain[-1].revision
    newer = found is not None and found > wanted
    if newer and await connection.fetchval("select to_regclass('schema_reach') is not null"):
        oldest = await connection.fetchval("select oldest from schema_reach")
    missing = tuple(
        (each.revision, each.doc) for each in chain if found is None or each.revision > found
    )
    return Standing(found, wanted, oldest, missing)


async def _version(connection: asyncpg.Connection) -> str | None:
    if not await connection.fetchval("select to_regclass('alembic_version') is not null"):
        return None
    rows = await connection.fetch("select version_num from alembic_version order by 1")
    if len(rows) > 1:
        raise EngineFailed(
            f"the tables are of versions {' and '.join(row[0] for row in rows)} at once: a backup "
            "was restored over others; restore it into an empty database"
        )
    return str(rows[0][0]) if rows else None


async def see_tables(database: Database, *, older_too: bool = False) -> None:
    """See that this program may work with the tables, and that its keys are those of the data.

    With `older_too` tables that wait for an upgrade are let pass; `/readyz` tells of them.

    Raises:
        EngineFailed: it may not; one line with both versions and what to do.
        DataKeyMissing: see `sealing.check_keys`.
    """
    how = await standing(database)
    if how.wrong is not None and not (older_too and not how.too_new):
        raise EngineFailed(how.wrong)
    if how.fits:
        with suppress(asyncpg.ReadOnlySQLTransactionError):  # new keys are noted another time
            async with database.pool.acquire() as connection:
                await check_keys(connection, database.vault)


async def upgrade(
    dsn: str,
    keys: Vault | None = None,
    *,
    scripts: Path = MIGRATIONS,
    patience: float = PATIENCE_SECONDS,
) -> None:
    """Bring the tables up to date, step by step; processes that start together take turns.

    A step that fails, or whose process or server dies, changes nothing and can be taken again. One
    that has to wait for somebody's transaction lets others' queries through again and again.
    `keys` seal what a database of old holds in clear.

    Raises:
        EngineFailed: it cannot be done; one line with how far it came.
        DataKeyMissing: there is something to seal and no key, or sealed with another.
    """
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: asyncpg.connect(dsn, timeout=CONNECT_SECONDS),
    )
    loop = asyncio.get_running_loop()
    until, told = loop.time() + patience, None
    try:
        while True:
            came = await _one_step(engine, dsn, keys, scripts)
            if came.done:
                return
            if came.waits_for is None:
                until, told = loop.time() + patience, None
                continue
            if loop.time() > until:
                raise EngineFailed(
                    f"the upgrade has given up waiting for {came.waits_for}; the tables are as "
                    "they were: end what holds them (see pg_stat_activity), and start it again"
                )
            if told != came.waits_for:
                log.warning("upgrade.waits", why=came.waits_for, version=came.at)
            told = came.waits_for
            await asyncio.sleep(AGAIN_SECONDS)
    finally:
        await engine.dispose()


class _Came(NamedTuple):
    """How far an upgrade has come."""

    at: str | None
    done: bool = False
    waits_for: str | None = None


async def _one_step(engine: AsyncEngine, dsn: str, keys: Vault | None, scripts: Path) -> _Came:
    """Take one step, if it is our turn and there is one."""
    at: str | None = None
    try:
        async with engine.begin() as connection:
            await connection.exec_driver_sql(f"set local lock_timeout = {int(LOCK_SECONDS * 1000)}")
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None
            if not await driver.fetchval("select pg_try_advisory_xact_lock($1)", LOCK):
                return _Came(None, waits_for="another upgrade")
            how = await _standing(driver, scripts)
            at = how.found
            if how.too_new:
                raise EngineFailed(how.wrong)
            if not how.missing:
                if keys is not None:
                    await check_keys(driver, keys)
                return _Came(at, done=True)
            target = _next(at, scripts)
            if getattr(target.module, "alone", False):
                await _alone(dsn, driver, target)
            else:
                await connection.run_sync(_run_to(target.revision, scripts))
            if target.revision == FIRST:
                await seal_what_is_clear(driver, keys)
    except (*AWAY, DBAPIError) as error:
        cause = _cause(error)
        if isinstance(cause, asyncpg.LockNotAvailableError | asyncpg.DeadlockDetectedError):
            return _Came(at, waits_for="somebody's transaction")
        raise _failed(cause, at) from error
    log.info("upgrade.step", version=target.revision)
    return _Came(target.revision)


def _run_to(revision: str, scripts: Path) -> Callable[[SqlConnection], None]:
    def run(connection: SqlConnection) -> None:
        config = alembic_config(scripts)
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    return run


async def _alone(dsn: str, held: asyncpg.Connection, step: Script) -> None:
    """Run statements that PostgreSQL does in no transaction, each by itself; then note that.

    The transaction of `held` keeps other upgrades away meanwhile.
    """
    await held.execute("select")  # lets go of the last query's snapshot, which would be waited for
    text = Path(step.path).with_suffix(".sql").read_text(encoding="utf-8")
    connection = await asyncpg.connect(dsn, timeout=CONNECT_SECONDS)
    try:
        for statement in text.split(";\n"):
            if statement.strip():
                await connection.execute(statement)
    finally:
        connection.terminate()
    await held.execute("update alembic_version set version_num = $1", step.revision)


def _next(found: str | None, scripts: Path) -> Script:
    chain = _chain(scripts)
    left = [each for each in chain if found is None or each.revision > found]
    return next((each for each in left if each.revision == FIRST), left[0])


def _cause(error: BaseException) -> BaseException:
    """Return the driver's own error, which SQLAlchemy wraps twice."""
    wrapped = getattr(error, "orig", None)
    return getattr(wrapped, "__cause__", None) or wrapped or error


def _failed(cause: BaseException, at: str | None) -> EngineFailed:
    why = str(cause) or type(cause).__name__
    if isinstance(cause, asyncpg.DiskFullError):
        why = f"PostgreSQL has no room ({why}); make some"
    elif isinstance(cause, asyncpg.ReadOnlySQLTransactionError):
        why = "this PostgreSQL is read-only, a standby perhaps; name the primary"
    elif isinstance(cause, OSError | asyncpg.PostgresConnectionError | asyncpg.InterfaceError):
        why = f"PostgreSQL cannot be reached for the upgrade: {why}"
    stand = "the tables are as they were" if at is None else f"the tables are of version {at}"
    return EngineFailed(f"{why}; {stand}, and `erasmus-app db upgrade` can be started again")


def alembic_config(scripts: Path = MIGRATIONS) -> Config:
    """Return where the migrations are."""
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


@lru_cache(maxsize=8)
def _chain(scripts: Path) -> tuple[Script, ...]:
    """Return all migrations, the first one first."""
    found = ScriptDirectory.from_config(alembic_config(scripts)).walk_revisions()
    return tuple(reversed(list(found)))
