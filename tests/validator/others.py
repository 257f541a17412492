"""What else is looked at (§7.5): units, courses, decisions, notifications, figures, files."""

from datetime import date, timedelta
from functools import partial
from urllib.parse import quote

from lxml import etree
from validator.entries import SPECS
from validator.reading import UNKNOWN, UNKNOWN_HEI, _known
from validator.results import Step, failure, notice, success, worst
from validator.site import Update
from validator.tables import CNRS, STATS, UPDATES

NOT_KNOWN = notice("no object is known: not looked at")


def other_steps(entry):
    if entry.api == "institutions":
        for check in (_root_unit_is_listed, _listed_units_are_there):
            yield _step(entry, "url/GET", check)
    if entry.api == "courses":
        yield from _course_steps(entry)
    if entry.key in UPDATES:
        yield from _update_steps(entry)
    if entry.key in CNRS:
        yield from _cnr_steps(entry)
    for element in entry.urls:
        if (entry.api, element) in STATS:
            yield from _stats_steps(entry, element)
    if entry.api == "file":
        for case in FILES:
            yield Step(f"{entry.name}/url/GET/{case}", partial(_file, key=entry.key, case=case))
    if entry.api == "monitoring":
        for case in REPORTS:
            yield Step(f"{entry.name}/url/POST/{case}", partial(_report, key=entry.key, case=case))


def _step(entry, where, check, name=None, **more):
    name = name or check.__name__.strip("_").replace("_", "-")
    return Step(f"{entry.name}/{where}/{name}", partial(check, key=entry.key, **more))


# -- Institutions and their units --


async def _institution(site, key):
    url = site.manifest.entry(key).urls["url"]
    answer = await site.call(url, [("hei_id", site.hei_id)])
    hei = answer.root.find("{*}hei")
    return site.judge(answer, 200), etree.Element("nothing") if hei is None else hei


async def _root_unit_is_listed(site, key):
    result, hei = await _institution(site, key)
    root = hei.findtext("{*}root-ounit-id")
    if root is None or root in [each.text for each in hei.findall("{*}ounit-id")]:
        return result
    return worst(result, failure("root-ounit-id is not listed among the units"))


async def _listed_units_are_there(site, key):
    """A reference to what the same caller cannot read may not be published (§3.3)."""
    result, hei = await _institution(site, key)
    ids = [each.text for each in hei.findall("{*}ounit-id")]
    units = next((e for e in site.manifest.entries if e.api == "organizational-units"), None)
    if units is None:
        return worst(result, notice("the host serves no units")) if ids else result
    there = 0
    for each in ids:
        form = [("hei_id", site.hei_id), ("ounit_id", each)]
        answer = await site.call(units.urls["url"], form)
        result = worst(result, site.judge(answer, 200))
        there += len(answer.root) if answer.status == 200 else 0
    if there != len(ids):
        return worst(result, failure(f"lists {len(ids)} units, of which {there} are there"))
    return result


# -- Courses --


def _course_steps(entry):
    for method in ("GET", "POST"):
        for check in (_before_filters, _after_filters, _at_a_day_filters):
            yield _step(entry, f"url/{method}", check, method=method)
        for name in ("lois_before", "lois_after", "los_at_date"):
            for case, values in (("bad", ["01/02/2026"]), ("twice", ["2026-02-01"] * 2)):
                id_ = f"{name.replace('_', '-')}-{case}"
                form = [(name, each) for each in values]
                yield _step(entry, f"url/{method}", _bad_days, id_, method=method, days=form)


async def _instances(site, key, method, *days):
    """The judgement, and the days of each instance of a known course."""
    form = [("hei_id", site.hei_id), ("los_id", _known(site, key)), *days]
    answer = await site.call(site.manifest.entry(key).urls["url"], form, method=method)
    held = answer.root.iter("{*}learningOpportunityInstance") if answer.status == 200 else ()
    found = [tuple(_day(each, name) for name in ("start", "end")) for each in held]
    return site.judge_items(answer, "los-id", [_known(site, key)]), found


def _day(instance, name):
    return date.fromisoformat(instance.findtext(f"{{*}}{name}"))


async def _filters(site, key, method, name, day_of, keeps):
    """Filter by a day of each instance: those that do not fit are gone, all others are there."""
    if _known(site, key) is None:
        return NOT_KNOWN
    result, everything = await _instances(site, key, method)
    if not everything:
        return worst(result, notice("the known course has no instance: not looked at"))
    for instance in everything:
        day = day_of(instance)
        judged, there = await _instances(site, key, method, (name, day.isoformat()))
        expected = [each for each in everything if keeps(each, day)]
        result = worst(result, judged)
        if sorted(there) != sorted(expected):
            words = f"{name} leaves {len(there)} instances where {len(expected)} fit"
            return worst(result, failure(words))
    return result


async def _before_filters(site, key, method):
    """Those that have ended before that day stay: the day after an end keeps it, the end not."""
    ended = partial(_filters, site, key, method, "lois_before", keeps=lambda i, day: i[1] < day)
    day = timedelta(days=1)
    return worst(await ended(day_of=lambda i: i[1]), await ended(day_of=lambda i: i[1] + day))


async def _after_filters(site, key, method):
    begun = partial(_filters, site, key, method, "lois_after", keeps=lambda i, day: i[0] > day)
    day_before = timedelta(days=1)
    return worst(
        await begun(day_of=lambda i: i[0]), await begun(day_of=lambda i: i[0] - day_before)
    )


async def _at_a_day_filters(site, key, method):
    held = partial(
        _filters, site, key, method, "los_at_date", keeps=lambda i, day: i[0] <= day <= i[1]
    )
    day = timedelta(days=1)
    return worst(await held(day_of=lambda i: i[0]), await held(day_of=lambda i: i[1] + day))


async def _bad_days(site, key, method, days):
    form = [("hei_id", site.hei_id), ("los_id", _known(site, key) or UNKNOWN), *days]
    answer = await site.call(site.manifest.entry(key).urls["url"], form, method=method)
    return site.judge(answer, 400)


# -- Decisions on proposals --

SIGNATURE = (
    "<signature><la:signer-name>Vera Proof</la:signer-name>"
    "<la:signer-position>Coordinator</la:signer-position>"
    "<la:signer-email>vera.proof@validator.example</la:signer-email>"
    "<la:timestamp>2026-02-01T12:00:00+01:00</la:timestamp></signature>"
)
COMMENT = "<comment>Another course, please.</comment>"


def _agreement(operation, sending):
    return _request("omobility-las", 1, f"<sending-hei-id>{sending}</sending-hei-id>{operation}")


def _request(api, major, content):
    spec = f"{SPECS}api-{api}/blob/stable-v{major}/endpoints"
    return (
        f'<{api}-update-request xmlns="{spec}/update-request.xsd" '
        f'xmlns:la="{spec}/get-response.xsd">{content}</{api}-update-request>'
    ).encode()


def _operation(name, omobility_id, proposal, more=""):
    """`proposal` is an element and its content."""
    element, value = proposal
    return (
        f"<{name}><omobility-id>{omobility_id}</omobility-id>"
        f"<{element}>{value}</{element}>{more}</{name}>"
    )


def update_cases(key, hei_id, update):
    """Requests by name: the body, and the statuses. `update` waits for the partner."""
    is_agreement = key == ("omobility-las", 1)
    whole = partial(_agreement, sending=hei_id) if is_agreement else partial(_request, *key)
    signature = SIGNATURE if is_agreement else ""
    refusal = "comment-proposal-v1" if is_agreement else "reject-proposal-v1"
    element = "changes-proposal-id" if is_agreement else "proposal-id"
    proposal, strange = (element, update.proposal_id), (element, UNKNOWN)
    approve = partial(_operation, "approve-proposal-v1", more=signature)
    refuse = partial(_operation, refusal, update.omobility_id)
    unknown = approve(update.omobility_id, strange)
    cases = {
        "known": (whole(approve(update.omobility_id, proposal)), (200, 409)),
        "unknown-mobility": (whole(approve(UNKNOWN, proposal)), (400,)),
        "unknown-proposal": (whole(unknown), (409,)),
        "unknown-proposal-refused": (whole(refuse(strange, COMMENT + signature)), (409,)),
        "no-comment": (whole(refuse(strange, signature)), (400,)),
        "no-operation": (whole(""), (400,)),
        "unknown-operation": (whole(unknown.replace("approve", "praise")), (400,)),
        "no-proposal": (whole(unknown.replace("proposal-id>", "else>")), (400,)),
        "unknown-elements": (
            whole(unknown.replace("</approve", '<x xmlns="urn:x">1</x></approve')),
            (409,),
        ),
        "cut-off": (whole(unknown)[:-9], (400,)),
        "with-a-doctype": (b"<!DOCTYPE a>" + whole(unknown), (400,)),
        "nothing": (b" ", (400,)),
    }
    if is_agreement:
        cases["no-signature"] = (whole(unknown.replace(SIGNATURE, "")), (400,))
        cases["of-another-hei"] = (_agreement(unknown, UNKNOWN_HEI), (400,))
    return cases


def _update_steps(entry):
    for case in update_cases(entry.key, "", Update("", "")):
        for kind in ("text/xml", "application/xml; charset=utf-8"):
            tail = kind.partition("/")[0]
            yield _step(entry, f"update/POST-{tail}", _update, case, case=case, kind=kind)
    yield _step(entry, "update/POST", _update_of_others, "of-others")


async def _update(site, key, case, kind):
    update = site.known.updates.get(key)
    if update is None:
        return NOT_KNOWN
    body, statuses = update_cases(key, site.hei_id, update)[case]
    url = site.manifest.entry(key).urls["update-url"]
    return site.judge(await site.call(url, method="POST", body=body, kind=kind), *statuses)


async def _update_of_others(site, key):
    """Only the receiving HEI decides."""
    update = site.known.updates.get(key)
    if update is None:
        return NOT_KNOWN
    body, _ = update_cases(key, site.hei_id, update)["known"]
    url = site.manifest.entry(key).urls["update-url"]
    answer = await site.call(
        url, method="POST", body=body, kind="text/xml", key=site.keys.other.key
    )
    return site.judge(answer, 400)


# -- Notifications --


def cnr_cases(rules, teller, most):
    """Requests by name: the form, and the status."""
    masters, name, only = rules
    about = [(each, teller) for each in masters]
    most = only or most
    cases = {
        "dummy-id": ([*about, (name, UNKNOWN)], 200),
        "as-many-as-allowed": (
            [*about, *((name, f"{UNKNOWN}-{each}") for each in range(most))],
            200,
        ),
        "more-parameters": ([*about, (name, UNKNOWN), ("colour", "blue")], 200),
        "no-id": (about, 400),
        "misspelled": ([*about, (f"{name}s", UNKNOWN)], 400),
        "too-many": ([*about, *[(name, UNKNOWN)] * (most + 1)], 400),
    }
    if masters:
        cases |= {
            "no-hei": ([(name, UNKNOWN)], 400),
            "hei-twice": ([*about, *about, (name, UNKNOWN)], 400),
            "hei-of-others": ([*((each, UNKNOWN_HEI) for each in masters), (name, UNKNOWN)], 200),
        }
    return cases


def _cnr_steps(entry):
    for case in cnr_cases(CNRS[entry.key], "", 1):
        yield _step(entry, "url/POST", _cnr, case, case=case)
    yield _step(entry, "url/POST", _cnr_in_the_query, "query-is-ignored")


async def _cnr(site, key, case):
    entry = site.manifest.entry(key)
    cases = cnr_cases(CNRS[key], site.keys.partner.hei_id, _limit(entry))
    form, status = cases[case]
    answer = await site.call(entry.urls["url"], form, method="POST")
    result = site.judge(answer, status)
    if answer.status == 200 and (len(answer.root) or (answer.root.text or "").strip()):
        return worst(result, failure("the answer to a notification must be empty"))
    return result


def _limit(entry):
    return next(iter(entry.limits.values()), 1)


async def _cnr_in_the_query(site, key):
    form, _ = cnr_cases(CNRS[key], site.keys.partner.hei_id, 1)["dummy-id"]
    query = "&".join(f"{name}={quote(value)}" for name, value in form)
    answer = await site.call(f"{site.manifest.entry(key).urls['url']}?{query}", method="POST")
    return site.judge(answer, 400)


# -- Figures, files, reports --


def _stats_steps(entry, element):
    endpoint = element.removesuffix("-url")
    for check in (_own_figures, _figures_of_others):
        yield _step(entry, f"{endpoint}/GET", check, element=element)


async def _own_figures(site, key, element):
    if site.keys.own is None:
        return notice("the HEI's own key is not at hand: not looked at")
    url = site.manifest.entry(key).urls[element]
    answer = await site.call(url, key=site.keys.own.key)
    result = site.judge(answer, 200)
    years = [each.text for each in answer.root.iter("{*}receiving-academic-year-id")]
    if len(years) != len(set(years)):
        return worst(result, failure("has a year twice"))
    return result


async def _figures_of_others(site, key, element):
    """Statistics are the portal's; whether anybody else is let in is the host's own choice."""
    url = site.manifest.entry(key).urls[element]
    return site.judge(await site.call(url), 200, 403)


FILES = {
    "known": (None, 200),
    "unknown": ([("file_id", UNKNOWN)], 404),  # our choice, as no code is fixed
    "nothing": ([], 400),
    "misspelled": ([("file", UNKNOWN)], 400),
    "twice": ([("file_id", UNKNOWN)] * 2, 400),
}


async def _file(site, key, case):
    form, status = FILES[case]
    url = site.manifest.entry(key).urls["url"]
    if form is None:
        known = _known(site, key)
        if known is None:
            return NOT_KNOWN
        answer = await site.call(url, [("file_id", known)])
        result = site.judge(answer, status, xml=False)
        typed = "/" in answer.headers.get("content-type", "")
        return worst(result, success() if typed else failure("a file must say its type"))
    return site.judge(await site.call(url, form), status)


_SILENT = [("server_hei_id", "silent.example"), ("api_name", "omobilities")]
REPORTS = {
    "whole": (
        [*_SILENT, ("endpoint_name", "get"), ("http_code", "503"), ("client_message", "no")],
        200,
    ),
    "no-answer": ([*_SILENT, ("endpoint_name", "get"), ("http_code", "")], 200),
    "nothing": ([], 400),
    "no-api": (_SILENT[:1], 400),
    "twice": ([*_SILENT, *_SILENT], 400),
}


async def _report(site, key, case):
    form, status = REPORTS[case]
    url = site.manifest.entry(key).urls["url"]
    return site.judge(await site.call(url, form, method="POST"), status)
