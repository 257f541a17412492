"""All steps for a host: what the network's registry validator does, and some more.

    for id_, run in await steps(manifest_url, keys, known, http):
        print(id_, await run())

`plan` tells the steps by entries alone, for those who need their names before the host runs.
"""

from functools import partial

from validator import entries
from validator.agreements import agreement_steps
from validator.others import other_steps
from validator.reading import get_steps, index_steps
from validator.results import Grade, Step, notice
from validator.security import echo_steps, entry_steps, manifest_steps
from validator.site import Site
from validator.tables import CNRS, GETS, INDEXES, STATS, UPDATES

KINDS = (entry_steps, get_steps, index_steps, other_steps, agreement_steps)


def plan(declared):
    """The steps for these entries, each to be run with a `Site`."""
    found = [*manifest_steps()]
    for entry in declared:
        for kind in KINDS:
            found += kind(entry)
        if entry.key == ("echo", 2):
            found += echo_steps(entry)
        elif strange := _strange(entry):
            found.append(Step(f"{entry.name}/entry/known", partial(_nothing_known, strange)))
    return found


async def steps(manifest_url, keys, known, http):
    """The steps for the host whose manifest is there: the id of each, and what runs it.

    `keys` says who calls, `known` what is there for the partner to see. `http` must trust the
    host's certificate, and do no redirects.
    """
    site = await site_of(manifest_url, keys, known, http)
    return [(each.id, partial(each.run, site)) for each in plan(site.manifest.entries)]


def by_entry(found):
    """The steps of each entry together, by its name as their ids have it."""
    groups = {}
    for each in found:
        groups.setdefault(each.id.partition("/")[0], []).append(each)
    return groups


async def not_as_expected(site, found, others=()):
    """Run steps, one after the other: what each found that is no success, by its id.

    `others` are the ids of those that are expected to end in a notice.
    """
    strange = {}
    for each in found:
        result = await each.run(site)
        if result.grade is not (Grade.NOTICE if each.id in others else Grade.SUCCESS):
            strange[each.id] = str(result)
    return strange


async def site_of(manifest_url, keys, known, http):
    answer = await http.get(manifest_url)
    answer.raise_for_status()
    return Site(http, entries.read(manifest_url, answer.content), keys, known)


def _strange(entry):
    """Endpoints of an entry that no table knows."""
    if entry.api in {"discovery", "file", "monitoring"}:
        return []
    tables = {
        "get-url": GETS,
        "index-url": INDEXES,
        "update-url": UPDATES,
        "url": {*GETS, *INDEXES, *CNRS},
    }
    return [
        each
        for each in entry.urls
        if (entry.api, each) not in STATS and entry.key not in tables.get(each, ())
    ]


async def _nothing_known(strange, _):
    return notice(f"nothing is known of {', '.join(strange)}: only its security is looked at")
