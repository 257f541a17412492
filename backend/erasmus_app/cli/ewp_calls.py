"""`erasmus-app ewp echo`, `get` and `index`: calls to partners, and their answers in words."""

import argparse
import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.text import Text

from erasmus_app.cli import ewp_findings
from erasmus_app.cli.ewp_agreements import hashes_of, rows_of_agreement
from erasmus_app.cli.ewp_findings import Finding, console_of, rows_of
from erasmus_app.cli.ewp_partners import explain
from erasmus_app.cli.ewp_tools import CommandFailed, Tools, one_line, opened_with_heis, read_key
from erasmus_app.ids import HeiId
from ewp.apis import about_hei, names_of, reading
from ewp.catalogue import ApiEntry, Catalogue
from ewp.client import Parameters, Reply
from ewp.client_agreements import about_approvals, about_get
from ewp.errors import EwpError, MessageInvalid, XmlRefused
from ewp.keys import PrivateKey
from ewp.messages import (
    courses,
    factsheet,
    iias,
    iias_approval,
    imobilities,
    imobility_tors,
    institutions,
    omobilities,
    omobility_las,
    organizational_units,
)
from ewp.messages import echo as echo_messages

READERS: dict[tuple[str, str], Callable[[bytes], Sequence[Any]]] = {
    ("get", "omobilities"): omobilities.read_get_response,
    ("get", "imobilities"): imobilities.read_get_response,
    ("get", "omobility-las"): omobility_las.read_get_response,
    ("get", "institutions"): institutions.read_response,
    ("get", "factsheet"): factsheet.read_response,
    ("get", "organizational-units"): organizational_units.read_response,
    ("get", "courses"): courses.read_response,
    ("get", "imobility-tors"): imobility_tors.read_get_response,
    ("get", "iias"): iias.read_get_response,
    ("get", "iias-approval"): iias_approval.read_response,
    ("index", "omobilities"): omobilities.read_index_response,
    ("index", "omobility-las"): omobility_las.read_index_response,
    ("index", "imobility-tors"): imobility_tors.read_index_response,
    ("index", "iias"): iias.read_index_response,
}

# What can be got, each by the parameter that names its objects.
GOT = (
    "omobilities",
    "imobilities",
    "omobility-las",
    "imobility-tors",
    "institutions",
    "factsheet",
    "organizational-units",
    "courses",
    "iias",
    "iias-approval",
)


async def echo(given: argparse.Namespace) -> int:
    """Call a partner's echo and say what fitted; status 1 where something did not."""
    async with opened_with_heis(os.environ) as tools:
        ours = tools.covered(given.as_hei)
        key = read_key(ours.client_key)
        catalogue = await tools.catalogue()
        partner = _partner(catalogue, given.hei)
        entry = catalogue.entry(partner, "echo", 2)
        if entry is None:
            raise CommandFailed(f"the catalogue has no echo 2 of {partner} that we can call")
        values = given.values or ["Olá, ça va? 100 % & more"]
        found: list[Finding] = []
        try:
            reply = await tools.client(catalogue).call(
                key,
                partner,
                entry,
                parameters=[("echo", each) for each in values],
                method="GET" if given.get else "POST",
            )
            answer = echo_messages.read_response(reply.body)
        except (XmlRefused, MessageInvalid) as error:
            found = [Finding.problem("answer", f"is no echo: {error}")]
        except EwpError as error:
            words, do, _ = explain(error, catalogue, ours.id, key)
            found = [Finding.problem("call", words, do)]
        else:
            found = _fits(reply, answer, ours.id, values)
    ewp_findings.show(console_of(), found)
    return ewp_findings.status_of(found)


def _fits(
    reply: Reply, answer: echo_messages.EchoResponse, ours: HeiId, values: Sequence[str]
) -> list[Finding]:
    found = [Finding.ok("call", f"{reply.hei_id} answered"), _signer(reply)]
    if answer.hei_ids == (ours,):
        found.append(Finding.ok("who", f"it takes us for {ours}"))
    else:
        took = ", ".join(answer.hei_ids) or "nobody"
        do = "is client_key the right file, and listed for this HEI alone?"
        found.append(Finding.problem("who", f"it takes us for {took}, not for {ours}", do))
    if answer.echoes == tuple(values):
        found.append(Finding.ok("words", f"all {len(values)} came back as they were"))
    else:
        words = f"sent {list(values)}, came back {list(answer.echoes)}"
        found.append(Finding.problem("words", words, "it changes text on the way; tell them"))
    return found


def _signer(reply: Reply) -> Finding:
    if reply.signed_by is None:
        words = f"{reply.hei_id} signs nothing: its TLS certificate is all"
        return Finding.warning("signature", words)
    return Finding.ok("signature", f"signed by {reply.hei_id} with key {reply.signed_by}")


async def get(given: argparse.Namespace) -> int:
    """Ask a partner for objects by id."""
    name = names_of(given.api).objects if given.api in GOT else None
    if name is None:
        raise CommandFailed(f"{one_line(given.api)}: get is for {', '.join(GOT)}")

    async def ask(tools: Tools, catalogue: Catalogue, key: PrivateKey) -> list[Reply]:
        partner, entry = _entry(catalogue, given)
        ids = given.ids or ([partner] if name == "hei_id" else [])
        if not ids:
            raise CommandFailed(f"{given.api}: give at least one {name}")
        about = _about(entry, partner, tools.covered(given.as_hei).id)
        client = tools.client(catalogue)
        return await client.get_objects(key, partner, entry, ids, about, name=name)

    return await _call(given, "get", ask)


def _about(entry: ApiEntry, partner: HeiId, ours: HeiId) -> Parameters:
    """Return what is said to a `get` beside the ids."""
    if entry.api == "iias":
        return about_get(entry, partner)
    if entry.api == "iias-approval":
        return about_approvals(entry, partner, ours)
    return about_hei(entry.api, entry.major, partner)


async def index(given: argparse.Namespace) -> int:
    """Ask a partner for the ids that it shows us."""

    async def ask(tools: Tools, catalogue: Catalogue, key: PrivateKey) -> list[Reply]:
        partner, entry = _entry(catalogue, given)
        named = [each.partition("=")[::2] for each in given.parameters]
        parameters = about_hei(given.api, entry.major, partner)
        parameters = [each for each in parameters if each[0] not in {name for name, _ in named}]
        parameters += named
        if given.since:
            parameters.append(("modified_since", given.since))
        endpoint = reading(entry.urls, "index")
        client = tools.client(catalogue)
        return [await client.call(key, partner, entry, endpoint, parameters=parameters)]

    return await _call(given, "index", ask)


async def _call(
    given: argparse.Namespace,
    verb: str,
    ask: Callable[[Tools, Catalogue, PrivateKey], Awaitable[list[Reply]]],
) -> int:
    async with opened_with_heis(os.environ) as tools:
        ours = tools.covered(given.as_hei)
        key = read_key(ours.client_key)
        replies = await ask(tools, await tools.catalogue(), key)
    console, status = console_of(errors=given.xml), 0
    for reply in replies:
        read = READERS.get((verb, reply.api))
        if given.xml or read is None:
            sys.stdout.flush()
            sys.stdout.buffer.write(reply.body.rstrip() + b"\n")
            sys.stdout.buffer.flush()
        else:
            _show_objects(console, read(reply.body))
        found = [_signer(reply)]
        if (verb, reply.api) == ("get", "iias"):
            found += hashes_of(reply)
        ewp_findings.show(console, found)
        status = max(status, ewp_findings.status_of(found))
    return status


def _show_objects(console: Console, found: Sequence[Any]) -> None:
    console.print(Text(f"{len(found)} in the answer", style="bold"))
    for each in found:
        if isinstance(each, str):
            console.print(Text(f"  {one_line(each)}"))
        else:
            rows_of(console, list(_rows(each)))
            console.print()


def _rows(found: Any) -> Iterable[tuple[str, str]]:
    if isinstance(found, iias.Iia):
        return ((name, value) for name, value in rows_of_agreement(found) if value)
    return flat(msgspec.to_builtins(found, builtin_types=(bytes,)))


def flat(value: Any, path: str = "") -> Iterable[tuple[str, str]]:
    """Yield each leaf that says something, with its path."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from flat(each, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list | tuple):
        for number, each in enumerate(value, 1):
            yield from flat(each, f"{path} {number}")
    elif isinstance(value, bytes):
        yield path, f"{len(value)} bytes"
    elif value not in (None, ""):
        yield path, str(value)


def _partner(catalogue: Catalogue, name: str) -> HeiId:
    partner = HeiId(name.lower())
    if not catalogue.covers(partner):
        raise CommandFailed(f"the catalogue has no {one_line(name)}; try: ewp hei --find TEXT")
    return partner


def _entry(catalogue: Catalogue, given: argparse.Namespace) -> tuple[HeiId, ApiEntry]:
    partner = _partner(catalogue, given.hei)
    majors = sorted(catalogue.majors(partner, given.api))
    major = given.major if given.major is not None else max(majors, default=0)
    entry = catalogue.entry(partner, given.api, major)
    if entry is None:
        there = ", ".join(map(str, majors))
        what = f"only {there}" if there else "none that we can call"
        asked = f"{one_line(given.api)} {given.major or ''}".strip()
        raise CommandFailed(f"{partner} does not serve {asked}; of this API it has {what}")
    return partner, entry
