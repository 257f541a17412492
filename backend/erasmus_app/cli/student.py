"""`erasmus-app student`: what an operator does when a student asks.

Each command leaves a row in the log that the student reads.
"""

import argparse
import getpass
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from erasmus_app.cli.process import with_engines
from erasmus_app.errors import SettingsInvalid
from erasmus_app.kit.clock import utc_now
from erasmus_app.notifications.catalogue import catalogue_folder, load_catalogue
from erasmus_app.partners.names import CatalogueNames
from erasmus_app.privacy.access import Access, ActorKind, Read
from erasmus_app.privacy.models import Subject
from erasmus_app.privacy.words import load_archive_words
from erasmus_app.settings import Settings, load_heis
from erasmus_app.store.access_log import AccessLogTable
from erasmus_app.store.consents import ConsentTable
from erasmus_app.store.database import Database, open_database
from erasmus_app.store.erasures import ErasureTable
from erasmus_app.store.exports import ExportTable
from erasmus_app.store.held import seen_by
from erasmus_app.store.sealed import load_vault
from erasmus_app.store.versions import see_tables
from erasmus_app.worker.archive import Archivist
from ewp.catalogue import Catalogue
from ewp.errors import CatalogueUnavailable

PURPOSE = "request"  # the student's
LONGEST_NAME = 80


async def run(given: argparse.Namespace, settings: Settings) -> int:
    """Run one command; status 1 where nobody is known by that name."""
    async with opened(settings) as database:
        erasures = ErasureTable(database)
        known = await erasures.subject(given.who)
        if not (known.accounts or known.persons or known.shared):
            print("Nobody is known by that account id or ESI.", file=sys.stderr)
            return 1
        async with database.pool.acquire() as connection:
            seen = await seen_by(connection, known.accounts, known.persons)
        # First the row, then the look.
        await _note(database, seen, given)
        match given.what:
            case "erase":
                await _erase(erasures, known, dry_run=given.dry_run)
            case "export":
                await _export(database, seen, settings, given.output, given.language)
            case "access":
                await _access(database, seen)
            case _:
                await _consents(database, seen)
    return 0


async def _note(database: Database, subject: Subject, given: argparse.Namespace) -> None:
    access = Access(
        kind=ActorKind.OPERATOR,
        actor=who(given.by),
        purpose=PURPOSE,
        api=f"student {given.what}",
    )
    reads = [Read(tenant=None, subject=each) for each in subject.accounts]
    reads += [Read(tenant=tenant, subject=person) for tenant, person in subject.persons]
    await AccessLogTable(database).note(access, reads, utc_now())


def who(named: str | None) -> str:
    """Return who gives a command; in a container there may be a number alone."""
    return (named or os.environ.get("SUDO_USER") or _user())[:LONGEST_NAME]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


async def _erase(erasures: ErasureTable, subject: Subject, *, dry_run: bool) -> None:
    if dry_run:
        _print({"would_erase": await erasures.what_would_go(subject), "shared": subject.shared})
        return
    certificate = await erasures.erase(subject, utc_now())
    _print(msgspec.to_builtins(certificate) | {"sha256": certificate.sha256.hex()})


async def _export(
    database: Database, subject: Subject, settings: Settings, output: Path | None, language: str
) -> None:
    path = output or Path(f"student-{utc_now():%Y%m%dT%H%M%SZ}.zip")
    archivist = Archivist(
        words=load_archive_words(catalogue_folder()),
        messages=load_catalogue(catalogue_folder()),
        names=CatalogueNames(_no_catalogue, load_heis(settings.ewp_heis)),
    )
    with _only_ours(path) as file:

        async def sink(piece: bytes) -> None:
            file.write(piece)

        async with ExportTable(database).reading(subject.accounts, subject.persons) as held:
            await archivist.write(held, language, utc_now(), sink)
    print(path)


def _only_ours(path: Path) -> BinaryIO:
    """Make a file that nobody else reads; one that is there already stays.

    Raises:
        SettingsInvalid: it cannot be made.
    """
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except OSError as error:
        raise SettingsInvalid(f"{path}: {error.strerror}") from error


def _no_catalogue() -> Catalogue:
    raise CatalogueUnavailable("a command reads none")


async def _access(database: Database, subject: Subject) -> None:
    """Print the log as the student reads it, the newest first."""
    _print([msgspec.to_builtins(each) for each in await AccessLogTable(database).whole(subject)])


async def _consents(database: Database, subject: Subject) -> None:
    table = ConsentTable(database)
    _print(
        {
            str(account): {
                "consents": msgspec.to_builtins(await table.of(account)),
                "notices": msgspec.to_builtins(await table.seen(account)),
            }
            for account in subject.accounts
        }
    )


def _print(what: object) -> None:
    print(msgspec.json.format(msgspec.json.encode(what), indent=2).decode())


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    """Open the database with the keys of the data."""
    vault = load_vault(settings.data_keys, settings.data_dir)
    async with with_engines(settings) as complete:
        assert complete.database_url is not None
        async with open_database(
            complete.database_url, vault, direct=complete.database_direct_url, size=2
        ) as database:
            await see_tables(database)
            yield database
