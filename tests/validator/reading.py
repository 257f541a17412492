"""Endpoints that give objects by id (§7.3) and those that list ids (§7.4), by GET and by POST."""

from datetime import UTC, datetime, timedelta
from functools import partial

from validator.results import Step, failure, notice, success, warning, worst
from validator.site import items
from validator.tables import GETS, INDEXES

UNKNOWN_HEI = "hei.that.nobody.has.example"
UNKNOWN = "unknown-7f3b21"
METHODS = ("GET", "POST")


# -- get --


def get_cases(rules, hei_id, known, most):
    """Requests by name: the form, the status, and the ids that must come back."""
    name = rules.parameter
    about = [(rules.hei, hei_id)] if rules.hei else []
    ids = [(name, known)]
    both = 200 if most > 1 else 400
    cases = {
        "known": (about + ids, 200, [known]),
        "known-and-more-parameters": ([*about, *ids, ("colour", "blue")], 200, [known]),
        "unknown": ([*about, (name, UNKNOWN)], 200, []),
        "known-and-unknown": ([*about, *ids, (name, UNKNOWN)], both, [known]),
        "nothing": ([], 400, None),
        "no-ids": (about, 400, None),
        "misspelled": ([*about, (f"{name}s", known)], 400, None),
        "too-many-known": (about + ids * (most + 1), 400, None),
        "too-many-unknown": (
            [*about, *((name, f"{UNKNOWN}-{each}") for each in range(most + 1))],
            400,
            None,
        ),
        "as-many-as-allowed": (about + ids * most, 200, [known]),
    }
    if rules.older_hei:
        cases["older-parameters"] = ([(rules.older_hei, hei_id), *ids], 200, [known])
    if rules.hei:
        strange = [(rules.hei, UNKNOWN_HEI)]
        nothing = [] if rules.unknown_hei == 200 else None
        cases |= {
            "no-hei": (ids, 400, None),
            "unknown-hei": (strange + ids, rules.unknown_hei, nothing),
            "hei-twice": (about + about + ids, 400, None),
            "hei-and-another": (about + strange + ids, 400, None),
        }
    return cases


def code_cases(rules, hei_id, known, code, most):
    """The same for codes, where an API has them: a code may be of several objects."""
    name, _ = rules.code
    about = [(rules.hei, hei_id)]
    return {
        "known-code": ([*about, (name, code)], 200),
        "unknown-code": ([*about, (name, UNKNOWN)], 200),
        "too-many-codes": (about + [(name, code)] * (most + 1), 400),
        "id-and-code": ([*about, (rules.parameter, known), (name, code)], 400),
    }


def get_steps(entry):
    rules = GETS.get(entry.key)
    if rules is None:
        return
    endpoint = "get" if "get-url" in entry.urls else "url"
    for method in METHODS:
        id_ = f"{entry.name}/{endpoint}/{method}"
        more = {"key": entry.key, "method": method}
        for case in get_cases(rules, "", "", 1):
            yield Step(f"{id_}/{case}", partial(_get, case=case, **more))
        if rules.code:
            for case in code_cases(rules, "", "", "", 1):
                yield Step(f"{id_}/{case}", partial(_get_by_code, case=case, **more))
        if not rules.is_public:
            yield Step(f"{id_}/of-others", partial(_get_of_others, **more))
        elif entry.anonymous:
            yield Step(f"{id_}/anonymous", partial(_get_anonymously, **more))


def _known(site, key):
    return next(iter(site.known.objects.get(key, [])), None)


async def _get(site, key, method, case):
    known = _known(site, key)
    if known is None:
        return notice("no object is known: not looked at")
    rules, entry = GETS[key], site.manifest.entry(key)
    cases = get_cases(rules, site.hei_id, known, entry.most(rules.limit))
    form, status, expected = cases[case]
    answer = await site.call(entry.url("get"), form, method=method)
    if status == 200:
        return site.judge_items(answer, rules.element, expected)
    return site.judge(answer, status)


async def _get_by_code(site, key, method, case):
    known, code = _known(site, key), next(iter(site.known.codes.get(key[0], [])), None)
    if known is None or code is None:
        return notice("no code is known: not looked at")
    rules, entry = GETS[key], site.manifest.entry(key)
    cases = code_cases(rules, site.hei_id, known, code, entry.most(rules.code[1]))
    form, status = cases[case]
    answer = await site.call(entry.url("get"), form, method=method)
    result = site.judge(answer, status)
    if answer.status == 200 and (len(answer.root) > 0) is not (case == "known-code"):
        return worst(result, failure(f"has {len(answer.root)} items"))
    return result


async def _get_of_others(site, key, method):
    """What is the partner's is not there for somebody else, who hears nothing of it either."""
    known = _known(site, key)
    if known is None:
        return notice("no object is known: not looked at")
    rules, entry = GETS[key], site.manifest.entry(key)
    form, _, _ = get_cases(rules, site.hei_id, known, 1)["known"]
    answer = await site.call(entry.url("get"), form, method=method, key=site.keys.other.key)
    return site.judge_items(answer, rules.element, [])


async def _get_anonymously(site, key, method):
    known = _known(site, key)
    if known is None:
        return notice("no object is known: not looked at")
    rules, entry = GETS[key], site.manifest.entry(key)
    form, _, expected = get_cases(rules, site.hei_id, known, 1)["known"]
    answer = await site.call(entry.url("get"), form, method=method, key=False)
    return site.judge_items(answer, rules.element, expected)


# -- index --

HAS, EMPTY, SOME = "the known id", "nothing", "something"


def index_cases(rules, hei_id, partner, other, year, now):
    """Requests by name: the form, the status, and what a successful answer holds."""
    about = [(rules.hei, hei_id)] if rules.hei else []
    since = "modified_since"
    ahead = (now + timedelta(days=20 * 365)).strftime("%Y-%m-%dT%H:%M:%SZ")
    cases = {
        "all": (about, 200, HAS),
        "more-parameters": ([*about, ("colour", "blue")], 200, HAS),
        "since-2000": ([*about, (since, "2000-01-01T00:00:00Z")], 200, SOME),
        "since-2000-with-a-zone": ([*about, (since, "2000-01-01T00:00:00+01:00")], 200, SOME),
        "since-in-20-years": ([*about, (since, ahead)], 200, EMPTY),
        "since-a-day": ([*about, (since, "2000-01-01")], 400, None),
        "since-in-another-form": ([*about, (since, "01.01.2000 10:00")], 400, None),
        "since-without-a-zone": ([*about, (since, "2000-01-01T00:00:00")], 400, None),
        "since-twice": (about + [(since, "2000-01-01T00:00:00Z")] * 2, 400, None),
    }
    if rules.older_hei:
        cases["older-parameters"] = ([(rules.older_hei, hei_id)], 200, HAS)
    if rules.hei:
        strange = [(rules.hei, UNKNOWN_HEI)]
        nothing = EMPTY if rules.unknown_hei == 200 else None
        cases |= {
            "no-hei": ([], 400, None),
            "unknown-hei": (strange, rules.unknown_hei, nothing),
            "hei-twice": (about + about, 400, None),
            "hei-and-another": (about + strange, 400, None),
        }
    if rules.partner:
        cases |= {
            "partner": ([*about, (rules.partner, partner)], 200, HAS),
            "unknown-partner": ([*about, (rules.partner, UNKNOWN_HEI)], 200, EMPTY),
            "partner-of-others": ([*about, (rules.partner, other)], 200, EMPTY),
            "partner-and-another": (
                [*about, (rules.partner, other), (rules.partner, partner)],
                *((200, HAS) if rules.partner_repeats else (400, None)),
            ),
        }
    if rules.has_year:
        named = "receiving_academic_year_id"
        cases |= {
            "year": ([*about, (named, year)], 200, HAS),
            "year-that-is-none": ([*about, (named, "test/test")], 400, None),
            "year-long-ago": ([*about, (named, "1653/1654")], 200, EMPTY),
        }
    return cases


def index_steps(entry):
    rules = INDEXES.get(entry.key)
    if rules is None:
        return
    endpoint = "index" if "index-url" in entry.urls else "url"
    for method in METHODS:
        id_ = f"{entry.name}/{endpoint}/{method}"
        more = {"key": entry.key, "method": method}
        for case in index_cases(rules, "", "", "", "", datetime.now(UTC)):
            yield Step(f"{id_}/{case}", partial(_index, case=case, **more))
        if not rules.is_public:
            yield Step(f"{id_}/of-others", partial(_index_of_others, **more))
        elif entry.anonymous:
            yield Step(f"{id_}/anonymous", partial(_index_anonymously, **more))


async def _index(site, key, method, case):
    known = _known(site, key)
    if known is None:
        return notice("no object is known: not looked at")
    rules, entry = INDEXES[key], site.manifest.entry(key)
    partner, other = site.keys.partner.hei_id, site.keys.other.hei_id
    year = site.known.receiving_academic_year_id
    if case == "year" and year is None:
        return notice("no academic year is known: not looked at")
    cases = index_cases(rules, site.hei_id, partner, other, year, datetime.now(UTC))
    form, status, holds = cases[case]
    answer = await site.call(entry.url("index"), form, method=method)
    result = site.judge(answer, status)
    if status != 200 or answer.status != 200:
        return result
    return worst(result, _holds(items(answer.root, rules.element), holds, known, case))


def _holds(there, holds, known, case):
    fits = {HAS: known in there, EMPTY: not there, SOME: bool(there)}[holds]
    if fits:
        return success()
    words = f"has {len(there)} ids where it must hold {holds}"
    # Who cannot tell when something changed may show more than was asked for.
    return warning(words) if case == "since-in-20-years" else failure(words)


async def _index_of_others(site, key, method):
    known = _known(site, key)
    if known is None:
        return notice("no object is known: not looked at")
    rules, entry = INDEXES[key], site.manifest.entry(key)
    form = [(rules.hei, site.hei_id)] if rules.hei else []
    answer = await site.call(entry.url("index"), form, method=method, key=site.keys.other.key)
    result = site.judge(answer, 200)
    if answer.status == 200 and known in items(answer.root, rules.element):
        return worst(result, failure("shows to somebody else what is the partner's"))
    return result


async def _index_anonymously(site, key, method):
    rules, entry = INDEXES[key], site.manifest.entry(key)
    form = [(rules.hei, site.hei_id)] if rules.hei else []
    return site.judge(await site.call(entry.url("index"), form, method=method, key=False), 200)
