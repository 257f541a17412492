"""Partners, as a check sees them: what they speak, whether echo works, what their clock says."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

from erasmus_app.cli.ewp_findings import Finding, span
from erasmus_app.cli.ewp_tools import Tools
from erasmus_app.errors import EngineFailed
from erasmus_app.ids import HeiId
from ewp.catalogue import Catalogue
from ewp.client import EwpClient
from ewp.errors import (
    EwpError,
    PartnerError,
    PartnerRefused,
    PartnerUnreachable,
    ReplyNotTrusted,
)
from ewp.keys import PrivateKey

SOME_SECONDS = timedelta(seconds=5)
SIGNATURES_END = timedelta(minutes=5)  # a date further off is refused (guide §2.3)
AT_ONCE = 8  # partners
ECHO = "is anybody there?"


def clock(tools: Tools, about: str, url: str, *, ours: bool) -> Iterator[Finding]:
    """Compare the clock of who has answered with ours; `ours` says whose is to be mended."""
    ahead = tools.clocks.of(url)
    if ahead is None:
        return
    if abs(ahead) <= SOME_SECONDS:
        if ours:
            yield Finding.ok("clock", "within seconds of the registry's")
        return
    side = "ahead of" if ahead > timedelta() else "behind"
    words = f"the clock of {about} is {span(abs(ahead))} {side} this machine's"
    do = "set this machine's clock by NTP" if ours else "one of the two is wrong; tell them"
    if abs(ahead) >= SIGNATURES_END:
        yield Finding.problem("clock", f"{words}: signatures are refused", do)
    else:
        yield Finding.warning("clock", words, do)


async def known_partners(
    tools: Tools, tenants: Iterable[HeiId]
) -> tuple[list[HeiId], list[Finding]]:
    """Return the partners that the record knows, where a database is configured."""
    if tools.settings.database_url is None:
        return [], []
    from erasmus_app.store.database import AWAY, open_database

    sql = """select distinct hei_id from poll_state
             where tenant = any($1) and hei_id <> tenant order by 1"""
    try:
        async with open_database(
            tools.settings.database_url, direct=tools.settings.database_direct_url, size=1
        ) as database:
            rows = await database.fetch(sql, list(tenants))
    except EngineFailed as error:
        return [], [Finding.problem("database", str(error))]
    except AWAY as error:
        do = "are the tables there? erasmus-app db upgrade"
        return [], [Finding.problem("database", f"partners cannot be read: {error}", do)]
    return [HeiId(row["hei_id"]) for row in rows], []


async def every_partner(
    tools: Tools,
    catalogue: Catalogue,
    calling: Mapping[HeiId, PrivateKey],
    partners: Iterable[HeiId],
) -> list[Finding]:
    """Check partners, several at once, in the order given."""
    client, slots = tools.client(catalogue), asyncio.Semaphore(AT_ONCE)

    async def one(partner: HeiId) -> list[Finding]:
        if not catalogue.covers(partner):
            words = "the catalogue does not know it"
            return [Finding.problem(partner, words, "search: erasmus-app ewp hei --find TEXT")]
        async with slots:
            found = [Finding.ok(partner, f"speaks {speaks(catalogue, partner) or 'nothing'}")]
            for hei, key in calling.items():
                found.append(await echoed(client, catalogue, hei, key, partner))
        entry = catalogue.entry(partner, "echo", 2)
        if entry is not None:
            found += clock(tools, partner, entry.urls.get("url", ""), ours=False)
        return found

    return [line for lines in await asyncio.gather(*map(one, partners)) for line in lines]


async def echoed(
    client: EwpClient, catalogue: Catalogue, hei: HeiId, key: PrivateKey, partner: HeiId
) -> Finding:
    """Call a partner's echo for a covered HEI."""
    try:
        answer = await client.echo(key, partner, [ECHO])
    except EwpError as error:
        words, do, theirs = explain(error, catalogue, hei, key)
        line = Finding.warning if theirs else Finding.problem
        return line(partner, f"echo for {hei} fails: {words}", do)
    if answer.hei_ids != (hei,):
        took = ", ".join(answer.hei_ids) or "nobody"
        do = "is client_key the right file, and listed for this HEI alone?"
        return Finding.problem(partner, f"echo takes {hei} for {took}", do)
    if answer.echoes != (ECHO,):
        return Finding.warning(partner, f"echo for {hei} gives other words back", "tell them")
    return Finding.ok(partner, f"echo works for {hei}")


def explain(
    error: EwpError, catalogue: Catalogue, hei: HeiId, key: PrivateKey
) -> tuple[str, str | None, bool]:
    """Return a failed call in words, what to do, and whether it is the partner's to mend."""
    words = str(error)
    if isinstance(error, PartnerError):
        words = words.removeprefix(f"{error.hei_id}: ")
    if isinstance(error, PartnerRefused):
        if hei not in catalogue.heis_of_client_key(key.key_id):
            do = f"the catalogue does not list our key for {hei}: {key.key_id}"
        elif error.status in {401, 403}:
            do = "the catalogue lists our key; a new one needs 20 minutes, up to 3 hours"
        else:
            do = "it does not like how we sign: is this machine's clock right?"
        return words, do, False
    if isinstance(error, ReplyNotTrusted):
        return words, "it answers, but not with a key that the catalogue lists; tell them", False
    if isinstance(error, PartnerUnreachable):
        return words, "try later; if it stays, write to its admins: erasmus-app ewp hei", True
    return words, None, True


def speaks(catalogue: Catalogue, hei: HeiId) -> str:
    """Return the APIs and majors that an HEI serves in a way that we can call."""
    hosts = [host for host in catalogue.hosts if hei in host.hei_ids]
    apis = sorted({each.api for host in hosts for each in host.entries} - {"discovery"})
    majors = {api: sorted(catalogue.majors(hei, api)) for api in apis}
    return ", ".join(
        f"{api} {' and '.join(map(str, found))}" for api, found in majors.items() if found
    )
