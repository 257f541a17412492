"""What browsers are told with every answer, and what pages of other sites can do: every route."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from api.test_sockets import cookie_of
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from testbed import Bed, bed_running

from erasmus_app.api.browsers import ALWAYS, OPEN
from erasmus_app.app import create_app

APP = "https://app.uni.example"
FOREIGN = [
    *("https://evil.example", "null", f"{APP}.evil.example", f"{APP}:8443", f"{APP}/"),
    *("http://app.uni.example", "https://APP.uni.example", "https://uni.example", ""),
]
ME = {"query": "{ me { displayName } }"}
WAYS = {"/graphql": ["GET", "POST"], "/mcp": ["POST"], "/ewp": ["POST"]}  # of what is mounted


@pytest.fixture
async def open_bed(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Bed]:
    """A backend whose operator has named one web app."""
    async with bed_running(dsn, valkey, tmp_path, worker=False, app_origins=APP) as bed:
        yield bed


def routes(bed: Bed) -> Iterator[tuple[str, str, str]]:
    """Every method and path, with its rule; a parameter stands for something that there is not."""
    for route in create_app(bed.app).framework.routes:
        found: list[Any] = (
            route.route_handlers if isinstance(route, HTTPRoute) else [route.route_handler]
        )
        path = re.sub(r"\{\w+:uuid\}", str(UUID(int=1)), route.path)
        path = re.sub(r"\{\w+:\w+\}", "unknown", path)
        for handler in found:
            methods = handler.http_methods if isinstance(handler, HTTPRouteHandler) else WAYS[path]
            for method in sorted(methods):
                yield method, path, handler.opt.get("access", "public")


async def asked(bed: Bed, method: str, path: str, **headers: str | None) -> httpx.Response:
    bed.http.cookies.clear()
    given = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
    body: dict[str, Any] = {"json": ME} if path == "/graphql" and method == "POST" else {}
    return await bed.http.request(method, bed.address + path, headers=given, **body)


def cors(answer: httpx.Response) -> dict[str, str]:
    start = "access-control-"
    return {k.removeprefix(start): v for k, v in answer.headers.items() if k.startswith(start)}


async def test_every_answer_of_every_route_tells_browsers_how_to_treat_it(bed: Bed):
    token = f"Bearer {(await bed.signed_in('ines')).token}"
    every = [each[:2] for each in routes(bed)]
    others = [("GET", "/nothing"), ("HEAD", "/livez"), ("PUT", "/graphql"), ("GET", "/graphql/x")]
    wrong, seen = [], set()
    for method, path in [*every, *others]:
        for authorization in (None, token):
            answer = await asked(bed, method, path, authorization=authorization)
            got, where = answer.headers, f"{method} {path} ({answer.status_code})"
            wrong += [f"{where}: {n.decode()}" for n, _ in ALWAYS if n.decode() not in got]
            policy = got["content-security-policy"]
            if "default-src 'none'" not in policy or "frame-ancestors 'none'" not in policy:
                wrong.append(f"{where}: {policy}")
            if "text/html" in got.get("content-type", "") and "permissions-policy" not in got:
                wrong.append(f"{where}: a page without a permissions policy")
            if got["x-content-type-options"] != "nosniff" or got["x-frame-options"] != "DENY":
                wrong.append(f"{where}: may be sniffed or framed")
            public = path.startswith(("/.well-known/", "/status"))
            if got["cache-control"] not in {"no-store", "private, no-cache"} and not public:
                wrong.append(f"{where}: {got['cache-control']}")
            wrong += [f"{where}: {n}" for n in ("x-powered-by", "set-cookie2") if n in got]
            seen.add(answer.status_code)

    assert wrong == []
    assert len(every) > 45
    assert {200, 302, 400, 401, 404, 405} <= seen


async def test_a_browser_is_held_to_tls_where_the_address_is_not_this_machines(
    dsn: str, valkey: str, tmp_path: Path
):
    public = "https://erasmus.uni.example"
    async with bed_running(
        dsn, valkey, tmp_path, worker=False, public_url=public, prepare=None
    ) as bed:
        answers = [await asked(bed, "GET", each) for each in ("/livez", "/graphql", "/nothing")]

    said = {each.headers["strict-transport-security"] for each in answers}
    assert said == {"max-age=31536000"}


async def test_pages_of_other_origins_read_nothing_unless_an_operator_has_named_them(bed: Bed):
    token = f"Bearer {(await bed.signed_in('ines')).token}"
    for method, path, _ in routes(bed):
        for verb in {method, "OPTIONS"}:
            more = {"access_control_request_method": method, "authorization": token}
            answer = await asked(bed, verb, path, origin=APP, **more)
            assert cors(answer) == {}, f"{verb} {path}"


async def test_a_named_app_may_call_what_apps_need_and_never_with_a_cookie(open_bed: Bed):
    opened = set()
    for method, path, rule in routes(open_bed):
        wish = {"access_control_request_method": method}
        said = await asked(open_bed, "OPTIONS", path, origin=APP, **wish)
        if not path.startswith(OPEN):
            assert cors(said) == {}, path
            continue
        opened.add(rule)
        assert (said.status_code, cors(said), said.headers["vary"]) == (
            204,
            {
                "allow-origin": APP,
                "allow-methods": "GET, POST",
                "allow-headers": "accept, accept-language, authorization, content-type, "
                "if-none-match",
                "max-age": "7200",
            },
            "Origin",
        )
        answer = await asked(open_bed, method, path, origin=APP)
        assert cors(answer)["allow-origin"] == APP
        assert "Origin" in answer.headers.get_list("vary", split_commas=True)
        for origin in FOREIGN:
            for verb in (method, "OPTIONS"):
                refused = await asked(open_bed, verb, path, origin=origin, **wish)
                assert cors(refused) == {}, f"{verb} {path} of {origin}"
                assert verb == "OPTIONS" or "Origin" in refused.headers["vary"]
    assert {"feed", "ewp", "assistant"} & opened == set()

    cookie = await cookie_of(open_bed, "ines")
    bearer = f"Bearer {(await open_bed.signed_in('ines')).token}"
    mine = await asked(open_bed, "POST", "/graphql", origin=APP, authorization=bearer)
    by_cookie = await asked(open_bed, "POST", "/graphql", origin=APP, cookie=cookie)
    assert mine.json() == {"data": {"me": {"displayName": "Inês Duarte"}}}
    assert (cors(mine)["allow-origin"], "etag" in cors(mine)["expose-headers"]) == (APP, True)
    assert by_cookie.status_code == 401


async def test_a_cookie_is_good_on_pages_of_this_site_alone(bed: Bed):
    cookie = await cookie_of(bed, "ines")
    ours = bed.app.services.settings.browser_url
    guarded = [each for each in routes(bed) if each[2] in {"signed_in", "asking"}]
    guarded = [each for each in guarded if each[1] != "/auth/logout" and each[0] != "OPTIONS"]
    assert len(guarded) > 4
    for method, path, _ in guarded:
        for origin in [*FOREIGN[:-1], APP, f"{ours}0", ours.replace("http:", "https:")]:
            answer = await asked(bed, method, path, cookie=cookie, origin=origin)
            expected = 405 if (method, path) == ("GET", "/graphql") else 401
            assert answer.status_code == expected, f"{method} {path} from {origin}"
        answer = await asked(bed, method, path, cookie=cookie, origin=ours)
        assert answer.status_code != 401, f"{method} {path}"

    stranger = await asked(bed, "POST", "/auth/logout", cookie=cookie, origin="https://uni.example")
    still = await asked(bed, "POST", "/graphql", cookie=cookie)
    left = await asked(bed, "POST", "/auth/logout", cookie=cookie, origin=ours)
    gone = await asked(bed, "POST", "/graphql", cookie=cookie)
    statuses = [each.status_code for each in (stranger, still, left, gone)]
    assert statuses == [401, 200, 200, 401]


FORMS = {
    "a form": ("application/x-www-form-urlencoded", b"query={me{id}}"),
    "a form with files": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="query"\r\n\r\n{me{id}}\r\n--x--\r\n',
    ),
    "text": ("text/plain", b'{"query": "{ me { id } }", "question": "?"}'),
    "text that says it is JSON": ("text/plain; application/json", b'{"query": "{ me { id } }"}'),
    "nothing": ("", b'{"query": "{ me { id } }", "question": "?"}'),
    "a document": ("application/graphql", b"{ me { id } }"),
}
"""What a page can send without a browser asking us first, and what GraphQL servers took once."""


async def test_what_a_page_can_send_unasked_is_no_request(bed: Bed):
    cookie = await cookie_of(bed, "ines")
    found = {}
    for name, (kind, body) in FORMS.items():
        headers = {"cookie": cookie} | ({"content-type": kind} if kind else {})
        found[name] = [
            (await bed.http.post(bed.address + path, content=body, headers=headers)).status_code
            for path in ("/graphql", "/chat", "/mcp")
        ]
    assert found == {each: [415, 400, 401] for each in FORMS}


async def test_a_cookie_is_not_for_scripts_and_stays_away_from_other_sites_requests(bed: Bed):
    left = await bed.http.get(f"{bed.address}/auth/login", params={"login_hint": "ines"})
    provider = await bed.http.get(left.headers["location"])
    back = await bed.http.get(provider.headers["location"])
    bed.http.cookies.clear()

    kept = [*left.headers.get_list("set-cookie"), *back.headers.get_list("set-cookie")]
    assert len(kept) == 2
    for each in kept:
        words = {part.strip().lower() for part in each.split(";")}
        assert {"httponly", "samesite=lax", "path=/"} <= words
        assert not any(part.startswith("domain") for part in words)
