"""Set-up and security (§7.1), and echo, where all of section 2 is tried out (§7.2)."""

from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import quote
from uuid import uuid4

from lxml import etree
from unit.ewp.stranger import FORM, REQUIRED, date_of, digest_of
from validator.results import Step, failure, notice, success, warning, worst
from validator.site import SIGNED, is_https, valid
from validator.tables import RELEASED, methods_of

UNSIGNED = (401, 403)
WRONGLY_SIGNED = (400, 401)
PUBLIC = {"institutions", "organizational-units", "courses", "simple-course-replication"}
WITHOUT_SECURITY = {"discovery", "registry"}


# -- The manifest --


def manifest_steps():
    for check in (_as_a_whole, _where_it_is, _who_it_is, _keys):
        yield Step(f"manifest/{check.__name__.strip('_').replace('_', '-')}", check)


async def _as_a_whole(site):
    return valid(site.manifest.root)


async def _where_it_is(site):
    answer = await site.http.get(site.manifest.url)
    found = [success()]
    if not is_https(site.manifest.url):
        found.append(failure("is not at an https address"))
    if answer.status_code != 200 or answer.content != site.manifest.content:
        found.append(warning("is not the same when it is read again"))
    if site.manifest.entry(("discovery", 6)).urls != {"url": site.manifest.url}:
        found.append(warning("discovery names another address than that which was read"))
    return worst(*found)


async def _who_it_is(site):
    heis = len(site.manifest.hei_ids)
    return success() if heis == 1 else failure(f"covers {heis} HEIs in place of one")


async def _keys(site):
    manifest = site.manifest
    keys = {**manifest.client_keys, **manifest.server_keys}
    short = [each for each, key in keys.items() if key.key_size < 2048]
    if short:
        return failure(f"has {len(short)} keys of fewer than 2048 bits")
    return success() if manifest.server_keys else failure("has no server key")


# -- Each entry and each of its endpoints --


def entry_steps(entry):
    yield Step(f"{entry.name}/entry/declared", partial(_declared, key=entry.key))
    if entry.api in WITHOUT_SECURITY:
        return
    yield Step(f"{entry.name}/entry/secured", partial(_secured, key=entry.key))
    for element in entry.urls:
        endpoint = element.removesuffix("-url")
        more = {"key": entry.key, "element": element}
        takes = methods_of(*entry.key, element)
        for method in ("PUT", "DELETE", *sorted({"GET", "POST"} - takes)):
            id_ = f"{entry.name}/{endpoint}/{method}"
            yield Step(f"{id_}/not-taken", partial(_not_taken, method=method, **more))
        for method in sorted(takes):
            id_ = f"{entry.name}/{endpoint}/{method}"
            yield Step(f"{id_}/unknown-key", partial(_unknown_key, method=method, **more))
            if not entry.anonymous:
                yield Step(f"{id_}/unsigned", partial(_unsigned, method=method, **more))
        if "POST" in takes:
            id_ = f"{entry.name}/{endpoint}/POST/another-media-type"
            yield Step(id_, partial(_another_media_type, **more))


async def _declared(site, key):
    entry = site.manifest.entry(key)
    found = [valid(entry.element)]
    insecure = [tag for tag, url in entry.urls.items() if not is_https(url)]
    found += [failure(f"{tag} is no https address") for tag in insecure]
    if sum(each.key == key for each in site.manifest.entries) != 1:
        found.append(failure("is declared more than once"))
    newest = RELEASED.get(key)
    if newest is None:
        found.append(warning(f"{entry.version} is no version that was ever released"))
    elif entry.version != newest:
        found.append(notice(f"{entry.version} is not {newest}, the newest"))
    return worst(*found)


async def _secured(site, key):
    entry = site.manifest.entry(key)
    lists = entry.element.find("{*}http-security")
    if lists is None:
        return failure("has no http-security, hence the obsolete default")
    methods = {
        etree.QName(each).localname: {etree.QName(method).localname for method in each}
        for each in lists
    }
    clients = methods.get("client-auth-methods", set())
    servers = methods.get("server-auth-methods", set())
    found = [success()]
    if strange := (clients - {"httpsig", "anonymous", "tlscert"}) | (
        servers - {"httpsig", "tlscert"}
    ):
        found.append(failure(f"has unknown methods: {', '.join(sorted(strange))}"))
    if "httpsig" not in clients:
        found.append(warning("callers cannot sign"))
    if "httpsig" not in servers:
        found.append(notice("answers are not signed"))
    elif "tlscert" not in servers:
        found.append(warning("signs answers without tlscert beside it"))
    if any(each != {"tls"} for name, each in methods.items() if "encryption" in name):
        found.append(warning("wants encryption beyond TLS"))
    if "anonymous" in clients and entry.api == "echo":
        found.append(warning("lets strangers call the echo"))
    if "anonymous" not in clients and entry.api in PUBLIC:
        found.append(notice("has public data and lets no stranger in"))
    return worst(*found)


async def _not_taken(site, key, element, method):
    url = site.manifest.entry(key).urls[element]
    return site.judge(await site.call(url, method=method), 405)


async def _unsigned(site, key, element, method):
    url = site.manifest.entry(key).urls[element]
    return site.judge(await site.call(url, method=method, key=False), *UNSIGNED)


async def _unknown_key(site, key, element, method):
    url = site.manifest.entry(key).urls[element]
    return site.judge(await site.call(url, method=method, key=site.keys.unknown), *UNSIGNED)


async def _another_media_type(site, key, element):
    url = site.manifest.entry(key).urls[element]
    kind = FORM if element == "update-url" else "application/json"
    return site.judge(await site.call(url, method="POST", body=b"{}", kind=kind), 415)


# -- Echo --

SAID = ["a", "b", "a"]
STRANGE = "ąę ✓ +&=%/<>\"'"


def echo_steps(entry):
    for name, check in ECHO.items():
        for method in ("GET", "POST"):
            yield Step(f"{entry.name}/url/{method}/{name}", partial(check, method=method))
    yield Step(f"{entry.name}/url/POST/query-is-ignored", _query_is_ignored)


def _heard(site, answer, said, *, caller=None):
    """A good answer says who called and what was said, in that order."""
    result = site.judge(answer, 200)
    if answer.status != 200:
        return result
    told = [(etree.QName(each).localname, each.text or "") for each in answer.root]
    who = (caller or site.keys.partner).hei_id
    if told != [("hei-id", who), *(("echo", each) for each in said)]:
        return worst(result, failure("does not repeat who called and what was said"))
    return result


def _says(*said):
    async def check(site, method):
        form = [("echo", each) for each in said]
        return _heard(site, await site.call(_echo(site), form, method=method), said)

    return check


def _lets_in(make=dict):
    """A request that is unusual and right; `make` says how it is signed."""

    async def check(site, method):
        form = [("echo", each) for each in SAID]
        answer = await site.call(_echo(site), form, method=method, **make())
        return _heard(site, answer, SAID)

    return check


async def _say_a(site, method, make):
    """Say `a`, in a request that is made in an unusual way; `make` gets its body."""
    form = [("echo", "a")]
    body = b"echo=a" if method == "POST" else b""
    return await site.call(_echo(site), form, method=method, **make(body))


def _refuses(make, *statuses):
    """A request that is wrong."""

    async def check(site, method):
        return site.judge(await _say_a(site, method, make), *statuses)

    return check


async def _digest_in_another_way(site, method, make):
    return _heard(site, await _say_a(site, method, make), ["a"])


def _echo(site):
    return site.manifest.entry(("echo", 2)).urls["url"]


def _ago(minutes):
    return date_of(datetime.now(UTC) - timedelta(minutes=minutes))


def _only_original_date(minutes=0):
    names = tuple("original-date" if name == "date" else name for name in SIGNED)
    return {"before": {"original-date": _ago(minutes), "date": None}, "names": names}


def _with_more():
    return {"before": {"x-more": "1"}, "names": (*SIGNED, "x-more")}


def _without(name):
    return lambda _: {"names": tuple(each for each in SIGNED if each != name)}


async def _servers_key(site, method):
    if site.keys.server_only is None:
        return notice("no server's key is at hand: not looked at")
    answer = await site.call(_echo(site), method=method, key=site.keys.server_only)
    return site.judge(answer, 403)


async def _bad_signature(site, method):
    """What was signed was another request."""
    body = b"echo=b" if method == "POST" else None
    digest = {"before": {"digest": digest_of(body or b"")}}
    form = [] if body else [("echo", "b")]
    before = await site.call(_echo(site), form, method=method, body=body, **digest)
    changed = {"after": {"authorization": before.sent["authorization"]}}
    form = [] if body else [("echo", "c")]
    answer = await site.call(_echo(site), form, method=method, body=body, **changed)
    return site.judge(answer, *WRONGLY_SIGNED)


async def _gzip(site, method):
    answer = await site.call(
        _echo(site), [("echo", "a")], method=method, before={"accept-encoding": "gzip"}
    )
    return _heard(site, answer, ["a"])


async def _unknown_algorithm_wished(site, method):
    wish = {"accept-signature": "unknown-algorithm"}
    answer = await site.call(_echo(site), [("echo", "a")], method=method, before=wish)
    return _heard(site, answer, ["a"])


async def _query_is_ignored(site):
    url = f"{_echo(site)}?echo={quote('from the query')}"
    return _heard(site, await site.call(url, [("echo", "a")], method="POST"), ["a"])


async def _other_caller(site, method):
    other = site.keys.other
    answer = await site.call(_echo(site), method=method, key=other.key)
    return _heard(site, answer, [], caller=other)


def _digests(body):
    return {"before": {"digest": f"MD5=x,{digest_of(body)}"}}


ECHO = {
    "says-nothing": _says(),
    "says-one": _says("a"),
    "says-again": _says(*SAID),
    "says-strange-letters": _says(STRANGE, "", " "),
    "other-caller": _other_caller,
    "bad-signature": _bad_signature,
    "key-of-a-server": _servers_key,
    "another-algorithm": _refuses(lambda _: {"algorithm": "rsa-sha1"}, *WRONGLY_SIGNED),
    "listed-but-not-there": _refuses(
        lambda _: _with_more() | {"after": {"x-more": None}}, *WRONGLY_SIGNED
    ),
    **{
        f"unsigned-{name.strip('()')}": _refuses(_without(name), *WRONGLY_SIGNED)
        for name in REQUIRED
    },
    "another-order": _lets_in(lambda: {"names": tuple(reversed(SIGNED))}),
    "extra-header": _lets_in(_with_more),
    "only-original-date": _lets_in(_only_original_date),
    "both-dates": _lets_in(
        lambda: {"before": {"original-date": _ago(0)}, "names": (*SIGNED, "original-date")}
    ),
    "original-date-of-20-minutes-ago": _refuses(lambda _: _only_original_date(20), 400),
    "date-of-20-minutes-ago": _refuses(lambda _: {"before": {"date": _ago(20)}}, 400),
    "date-in-20-minutes": _refuses(lambda _: {"before": {"date": _ago(-20)}}, 400),
    "date-that-is-none": _refuses(lambda _: {"before": {"date": "today"}}, 400),
    "request-id-in-another-form": _refuses(
        lambda _: {"before": {"x-request-id": uuid4().hex.upper()}}, 400
    ),
    "wrong-digest": _refuses(lambda _: {"before": {"digest": digest_of(b"else")}}, 400),
    "digest-named-sha": _refuses(lambda body: {"before": {"digest": digest_of(body, "SHA")}}, 400),
    "unknown-algorithm-wished": _unknown_algorithm_wished,
    "algorithms-wished": _lets_in(
        lambda: {"before": {"accept-signature": "rsa-sha256, unknown-algorithm"}}
    ),
    "gzip": _gzip,
    "several-digests": partial(_digest_in_another_way, make=_digests),
    "digest-in-another-case": partial(
        _digest_in_another_way,
        make=lambda body: {"before": {"digest": digest_of(body, "shA-256")}},
    ),
}
