"""`erasmus-app student`: what an operator does when a student asks."""

import argparse
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from erasmus_app.cli.serve import with_engines
from erasmus_app.kit.clock import utc_now
from erasmus_app.settings import Settings
from erasmus_app.store.database import Database, open_database, see_keys
from erasmus_app.store.erasures import ErasureTable
from erasmus_app.store.sealed import load_vault


async def run(given: argparse.Namespace, settings: Settings) -> int:
    """Run one command; status 1 where nobody is known by that name."""
    async with _database(settings) as database:
        return await _erase(database, given.who, dry_run=given.dry_run)


async def _erase(database: Database, who: str, *, dry_run: bool) -> int:
    erasures = ErasureTable(database)
    subject = await erasures.subject(who)
    if not (subject.accounts or subject.persons or subject.shared):
        print("Nobody is known by that account id or ESI.", file=sys.stderr)
        return 1
    if dry_run:
        _print({"would_erase": await erasures.what_would_go(subject), "shared": subject.shared})
        return 0
    certificate = await erasures.erase(subject, utc_now())
    _print(msgspec.to_builtins(certificate) | {"sha256": certificate.sha256.hex()})
    return 0


def _print(what: object) -> None:
    print(msgspec.json.format(msgspec.json.encode(what), indent=2).decode())


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[Database]:
    vault = load_vault(settings.data_keys, settings.data_dir)
    async with with_engines(settings) as complete:
        assert complete.database_url is not None
        async with open_database(complete.database_url, vault, size=1) as database:
            await see_keys(database)
            yield database
