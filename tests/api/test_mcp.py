"""The door of `/mcp`: who gets in, with which token, from where, and what others hear."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from assistants import MODERN, called, clients_file, granted, said
from collector import collecting
from structlog.testing import capture_logs
from testbed import Bed, bed_running

from erasmus_app.api.mcp.door import LARGEST_BODY
from erasmus_app.api.mcp.tools import TOOLS
from erasmus_app.ids import AccountId
from erasmus_app.telemetry import traces

READING = ("record:read", "deadlines:read", "inbox:read")
OLD = "2025-06-18"


@pytest.fixture
async def bed(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Bed]:
    async with bed_running(
        dsn, valkey, tmp_path, worker=False, oauth_clients=clients_file(tmp_path)
    ) as bed:
        yield bed


async def account_of(bed: Bed, key: str = "ines") -> AccountId:
    phone = await bed.signed_in(key)
    session = await bed.app.services.login.session(  # type: ignore[union-attr]
        bearer=phone.token, cookie=None
    )
    return session.account_id


def issuer(bed: Bed) -> str:
    return bed.app.services.settings.public_url


def challenge(bed: Bed, first: str = "") -> str:
    return (
        f"Bearer {first}"
        f'resource_metadata="{issuer(bed)}/.well-known/oauth-protected-resource/mcp", '
        f'scope="{" ".join(READING)}"'
    )


@pytest.mark.parametrize("path", ["/mcp", ""])
async def test_who_gives_tokens_is_said_where_clients_of_both_generations_look(bed: Bed, path: str):
    answer = await bed.http.get(f"{bed.address}/.well-known/oauth-protected-resource{path}")

    assert answer.json() == {
        "resource": f"{issuer(bed)}/mcp",
        "resource_name": "Erasmus+ App",
        "authorization_servers": [issuer(bed)],
        "scopes_supported": list(READING),
        "bearer_methods_supported": ["header"],
    }


async def test_the_tools_are_described_to_everybody(bed: Bed):
    answer = await bed.http.get(f"{bed.address}/.well-known/erasmus-app/tools.json")

    names = [each["function"]["name"] for each in answer.json()["tools"]]
    assert names == [each.name for each in TOOLS]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "PUT"])
async def test_without_a_token_it_is_said_where_one_is_to_be_had(bed: Bed, method: str):
    answer = await bed.http.request(method, f"{bed.address}/mcp")

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, challenge(bed))
    assert answer.json()["error"]["message"].startswith("A token for this address is needed")


async def test_what_is_no_token_for_this_address_opens_nothing(bed: Bed):
    account = await account_of(bed)
    services = bed.app.services
    phone = await bed.signed_in("ines")
    graphql = await granted(bed, account, *READING, resource=f"{issuer(bed)}/graphql")
    prefix = await granted(bed, account, *READING, resource=f"{issuer(bed)}/mcp/")
    over = await granted(bed, account, *READING, until=timedelta(seconds=-1))
    good = await granted(bed, account, *READING)
    head, body, signature = good.split(".")
    forged = f"{head}.{body}.{signature[::-1]}"
    unsigned = f"eyJhbGciOiJub25lIn0.{body}."
    for token in (phone.token, graphql, prefix, over, forged, unsigned, "x", "a.b.c"):
        answer = await said(bed, token, "tools/list")
        assert (answer.status_code, answer.headers["www-authenticate"]) == (
            401,
            challenge(bed, 'error="invalid_token", '),
        )
    assert (await said(bed, good, "tools/list")).status_code == 200
    there = await bed.http.post(
        f"{bed.address}/graphql",
        json={"query": "{ me { id } }"},
        headers={"authorization": f"Bearer {good}", "cookie": ""},
    )
    assert there.status_code == 401  # nor is its token good there
    assert services.authorization is not None


async def test_a_browsers_cookie_opens_nothing(bed: Bed):
    left = await bed.http.get(f"{bed.address}/auth/login", params={"login_hint": "ines"})
    provider = await bed.http.get(left.headers["location"])
    await bed.http.get(provider.headers["location"])

    assert len(bed.http.cookies) > 0
    assert (await said(bed, None, "tools/list")).status_code == 401


async def test_a_token_that_was_taken_back_is_over(bed: Bed):
    account = await account_of(bed)
    token = await granted(bed, account, *READING)
    before = await said(bed, token, "tools/list")
    ended = await bed.http.post(
        f"{bed.address}/auth/revoke", data={"token": token, "client_id": "assistant"}
    )
    await asyncio.sleep(1.2)  # other processes hear of it within a second

    assert (before.status_code, ended.status_code) == (200, 200)
    assert (await said(bed, token, "tools/list")).status_code == 401


async def test_pages_of_other_sites_are_refused(bed: Bed):
    token = await granted(bed, await account_of(bed), *READING)
    public, here = issuer(bed), bed.address
    for origin in ("https://evil.example", "null", "http://localhost", f"{public}.evil.example"):
        answer = await said(bed, token, "tools/list", origin=origin)
        assert (answer.status_code, "www-authenticate" in answer.headers) == (403, False), origin
    for origin in (public, here, public.upper()):
        assert (await said(bed, token, "tools/list", origin=origin)).status_code == 200, origin


async def test_there_is_no_stream_and_no_session_to_end(bed: Bed):
    token = await granted(bed, await account_of(bed), *READING)
    for method in ("GET", "DELETE", "PUT", "HEAD"):
        answer = await bed.http.request(
            method,
            f"{bed.address}/mcp",
            headers={"authorization": f"Bearer {token}", "accept": "text/event-stream"},
        )
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def posted(bed: Bed, token: str, content: bytes, **headers: str) -> httpx.Response:
    given = {
        "authorization": f"Bearer {token}",
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
    }
    return await bed.http.post(f"{bed.address}/mcp", content=content, headers=given | headers)


async def test_what_is_no_single_message_is_refused(bed: Bed):
    token = await granted(bed, await account_of(bed), *READING)
    call = b'{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}'
    cases: dict[bytes, tuple[int, int]] = {
        b"": (400, -32700),
        b"{": (400, -32700),
        b"\xff\xfe{\x00}\x00": (400, -32700),
        b'{"a": NaN}': (400, -32700),
        b"[" * 30_000: (400, -32700),
        b"[" + call + b", " + call + b"]": (400, -32600),
        b"[]": (400, -32600),
        b"1": (400, -32600),
        b" " * LARGEST_BODY + call: (413, -32600),
    }
    for version in ({}, {"mcp-protocol-version": OLD}, {"mcp-protocol-version": MODERN}):
        for content, expected in cases.items():
            answer = await posted(bed, token, content, **version)
            found = (answer.status_code, answer.json()["error"]["code"])
            assert found == expected, content[:50]


async def test_a_body_without_an_announced_length_is_no_longer(bed: Bed):
    token = await granted(bed, await account_of(bed), *READING)

    async def for_ever() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 10_000

    answer = await bed.http.post(
        f"{bed.address}/mcp", content=for_ever(), headers={"authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 413


async def test_the_revision_is_looked_at(bed: Bed):
    token = await granted(bed, await account_of(bed), *READING)
    unknown = await said(bed, token, "tools/list", version="2031-01-01")
    differing = await said(bed, token, "tools/list", **{"mcp-protocol-version": "2031-01-01"})
    other_method = await said(bed, token, "tools/list", **{"mcp-method": "tools/call"})
    old = await said(bed, token, "tools/list", version=OLD)

    assert (unknown.status_code, unknown.json()["error"]["data"]["supported"]) == (400, [MODERN])
    assert (differing.status_code, differing.json()["error"]["code"]) == (400, -32020)
    assert (other_method.status_code, other_method.json()["error"]["code"]) == (400, -32020)
    assert (old.status_code, len(old.json()["result"]["tools"])) == (200, len(TOOLS))


async def test_what_there_is_not_is_named(bed: Bed):
    token = await granted(bed, await account_of(bed), *READING)
    for version in (MODERN, OLD):
        method = (await said(bed, token, "tools/eat", version=version)).json()["error"]
        tool = await said(
            bed, token, "tools/call", {"name": "delete_everything", "arguments": {}}, version
        )
        assert (version, method["code"]) == (version, -32601)
        assert tool.json()["error"]["code"] == -32602
        assert tool.json()["error"]["message"] == "there is no tool 'delete_everything'"
        for arguments, words in (
            ({"account": "x"}, "arguments: Object contains unknown field `account`"),
            ({"mobility": 1}, "arguments: Expected `str | null`, got `int` - at `$.mobility`"),
            ({"mobility": "x" * 201}, "arguments: Expected `str` of length <= 200"),
        ):
            result = await called(bed, token, "get_deadlines", version, **arguments)
            assert (result["isError"], result["content"][0]["text"][: len(words)]) == (True, words)


async def test_what_was_asked_for_is_cacheable_for_everybody_and_answers_for_nobody(bed: Bed):
    token = await granted(bed, await account_of(bed), *READING)
    listed = await said(bed, token, "tools/list")
    found = listed.json()["result"]
    result = await called(bed, token, "get_overview")

    assert (found["cacheScope"], found["ttlMs"], found["resultType"]) == (
        "public",
        3_600_000,
        "complete",
    )
    assert "cacheScope" not in result
    assert listed.headers["cache-control"] == "no-store"
    assert {each["name"]: each["annotations"]["readOnlyHint"] for each in found["tools"]} == {
        each.name: True for each in TOOLS
    }
    assert {each["annotations"]["openWorldHint"] for each in found["tools"]} == {False}


async def test_many_calls_at_once_wait_for_nobody_else(bed: Bed):
    token = await granted(bed, await account_of(bed), *READING)
    await called(bed, token, "get_overview")
    answers = await asyncio.gather(
        *(said(bed, token, "tools/call", {"name": "get_overview"}) for _ in range(60))
    )
    refused = [each for each in answers if each.status_code == 429]

    assert {each.status_code for each in answers} <= {200, 429}
    assert all(each.headers["retry-after"] == "1" for each in refused)
    assert (await said(bed, token, "tools/list")).status_code == 200


async def test_an_error_of_ours_tells_an_assistant_and_the_log_nothing(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
):
    token = await granted(bed, await account_of(bed), *READING)

    async def broken(*_: Any) -> None:
        raise ValueError("Inês Silva, 15 of 20")

    monkeypatch.setattr("erasmus_app.chat.knowledge.Knowledge.of", broken)
    for version in (MODERN, OLD):
        with capture_logs() as logs:
            answer = await said(bed, token, "tools/call", {"name": "get_overview"}, version)
        assert answer.json()["error"] == {"code": -32603, "message": "an error of ours"}
        assert "Inês" not in repr(logs)
        [told] = [each for each in logs if each["event"] == "mcp.tool_failed"]
        assert (told["tool"], told["error"]) == ("get_overview", "ValueError")


async def test_an_assistants_trace_is_linked_and_does_not_decide_what_is_traced(bed: Bed):
    token = await granted(bed, await account_of(bed), *READING)
    theirs = f"00-{'a' * 32}-{'b' * 16}-01"
    asked = {"name": "get_deadlines", "arguments": {}, "_meta": {"traceparent": theirs}}
    async with collecting() as (collector, url):
        traces.start("api", url, 1.0)
        answer = await said(bed, token, "tools/call", asked, traceparent=theirs)
        await asyncio.to_thread(traces.stop)

    [served] = collector.named("POST /mcp")
    assert answer.status_code == 200
    assert (served.links, served.attributes["tool"]) == (("a" * 32,), "get_deadlines")
    assert served.trace != "a" * 32
    assert (served.parent, collector.wrong) == ("", [])
