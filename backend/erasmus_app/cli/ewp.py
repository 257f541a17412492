"""`erasmus-app ewp`: the network from the command line, with the keys of the covered HEIs."""

import argparse
import asyncio
import hashlib
import os
import secrets
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog
from rich.console import Console
from rich.text import Text

from erasmus_app.cli import ewp_calls, ewp_findings
from erasmus_app.cli.ewp_doctor import doctor
from erasmus_app.cli.ewp_findings import console_of, rows_of
from erasmus_app.cli.ewp_manifest import check_manifest
from erasmus_app.cli.ewp_tools import (
    CommandFailed,
    NotFetched,
    one_line,
    opened,
    opened_with_heis,
    read_key,
)
from erasmus_app.ids import HeiId
from erasmus_app.settings import load_settings
from ewp.catalogue import Catalogue
from ewp.errors import EwpError
from ewp.keys import PrivateKey
from ewp.manifest import write_manifest


def run(given: argparse.Namespace) -> int:
    """Run one command of `ewp`. Raises AppError, with a message of one line."""
    if given.ewp == "keys":
        return new_key(given.file, given.bits) if given.what == "new" else show_key(given.file)
    if given.ewp == "feed-token":
        return new_feed_token()
    commands: dict[str, Callable[[argparse.Namespace], Awaitable[int]]] = {
        "hei": hei,
        "echo": ewp_calls.echo,
        "get": ewp_calls.get,
        "index": ewp_calls.index,
        "manifest": manifest,
        "doctor": check,
    }
    before = structlog.get_config()  # what the toolkit logs, the commands say in words
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    try:
        return asyncio.run(_awaited(commands[given.ewp](given)))
    except EwpError as error:
        raise CommandFailed(one_line(error)) from error
    finally:
        structlog.configure(**before)


async def _awaited(command: Awaitable[int]) -> int:
    return await command


async def hei(given: argparse.Namespace) -> int:
    """Show what the catalogue knows of an HEI, or search for one."""
    async with opened(load_settings(os.environ)) as tools:
        catalogue = await tools.catalogue()
    console = console_of()
    if given.find:
        found = find(catalogue, given.hei)
        for hei_id in found:
            codes = ", ".join(_others(catalogue, hei_id, "erasmus"))
            name = one_line(catalogue.name(hei_id, "en") or "")
            line = Text(hei_id, style="bold").append(f"  {name}", style="not bold")
            console.print(line.append(f"  {codes}" if codes else "", style="dim"))
        if not found:
            raise CommandFailed(f"no HEI has {one_line(given.hei)!r} in its name or code")
        return 0
    hei_id = HeiId(given.hei.lower())
    if not catalogue.covers(hei_id):
        raise CommandFailed(f"the catalogue has no {one_line(hei_id)}; try: ewp hei --find TEXT")
    _show_hei(console, catalogue, hei_id)
    return 0


def find(catalogue: Catalogue, text: str) -> list[HeiId]:
    """Return the HEIs with that text in their name, id or Erasmus code, in order."""
    wanted = " ".join(text.split()).casefold()
    found = []
    for hei_id in sorted(catalogue.hei_ids):
        listed = catalogue.listed(hei_id)
        names = [name for _, name in listed.names] if listed else []
        texts = [hei_id, *names, *_others(catalogue, hei_id, "erasmus")]
        # Erasmus codes are padded with blanks, which few people type.
        if any(wanted in " ".join(each.split()).casefold() for each in texts):
            found.append(hei_id)
    return found


def _others(catalogue: Catalogue, hei_id: HeiId, type_: str) -> list[str]:
    listed = catalogue.listed(hei_id)
    return [one_line(value) for kind, value in listed.other_ids if kind == type_] if listed else []


def _show_hei(console: Console, catalogue: Catalogue, hei_id: HeiId) -> None:
    console.print(Text(hei_id, style="bold"))
    listed = catalogue.listed(hei_id)
    rows: list[tuple[str, str]] = []
    if listed is not None:
        rows = [(f"name {language or ''}".strip(), name) for language, name in listed.names]
        rows += listed.other_ids
    rows_of(console, rows)
    hosts = [host for host in catalogue.hosts if hei_id in host.hei_ids]
    for number, host in enumerate(hosts, 1):
        console.print(Text(f"\nhost {number} of {len(hosts)}", style="bold"))
        rows = [("provider", host.admin_provider or "not said")]
        rows += [("admin", each) for each in host.admin_emails]
        rows += [("notes", host.admin_notes)] if host.admin_notes else []
        rows += [("client key", each) for each in sorted(host.client_keys)]
        rows += [("server key", each) for each in sorted(host.server_keys)]
        rows_of(console, rows)
        for entry in sorted(host.entries, key=lambda each: (each.api, each.major)):
            usable = "" if entry.usable else "  (cannot be called: no security of today)"
            console.print(Text(f"{entry.api} {entry.version}{usable}"))
            limits = [(name, str(limit)) for name, limit in entry.limits.items()]
            security = (
                f"callers {' or '.join(sorted(entry.client_auth)) or 'unknown'}, "
                f"answers {' and '.join(sorted(entry.server_auth)) or 'unknown'}"
            )
            rows_of(console, [*entry.urls.items(), *limits, ("security", security)])


async def manifest(given: argparse.Namespace) -> int:
    """Print the manifest that we serve, or hold one against the registry's rules."""
    if given.check is None:
        if given.hei is None:
            raise CommandFailed("manifest: name a covered HEI, or --check URL")
        async with opened_with_heis(os.environ) as tools:
            ours = tools.covered(given.hei)
            client, server = read_key(ours.client_key), read_key(ours.server_key or ours.client_key)
            xml = write_manifest(tools.hosted(ours, client, server).manifest())
        sys.stdout.write(xml.decode())
        return 0
    async with opened(load_settings(os.environ)) as tools:
        try:
            body, _ = await tools.fetch(given.check)
        except NotFetched as error:
            raise CommandFailed(f"{one_line(given.check)} does not come: {error}") from error
        try:
            catalogue = await tools.catalogue()
        except CommandFailed:
            catalogue = None
    found = check_manifest(body, given.check, catalogue)
    ewp_findings.show(console_of(), found)
    return ewp_findings.status_of(found)


async def check(given: argparse.Namespace) -> int:
    """Run the doctor."""
    found = await doctor(os.environ, given.hei, given.partner)
    if given.json:
        print(ewp_findings.as_json(found))
    else:
        ewp_findings.show(console_of(), found)
    return ewp_findings.status_of(found)


def new_key(path: Path, bits: int) -> int:
    """Make a key that nobody else may read; never over another."""
    made = PrivateKey.generate(bits)
    try:
        # Made with its mode: there is no moment in which others could read it.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise CommandFailed(f"{path} is there already; a key is never overwritten") from error
    except OSError as error:
        raise CommandFailed(f"{path}: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(made.to_pem())
        file.flush()
        os.fsync(file.fileno())
    print(made.key_id)
    return 0


def new_feed_token() -> int:
    """Make a token for an HEI's own system; nothing of it is kept here."""
    token = secrets.token_urlsafe(32)
    print(f"token   {token}")
    print(f"sha256  {hashlib.sha256(token.encode()).hexdigest()}")
    return 0


def show_key(path: Path) -> int:
    """Print a key's fingerprint, and what a manifest carries of it."""
    key = read_key(path)
    print(key.key_id)
    print(key.public.to_base64_der())
    return 0
