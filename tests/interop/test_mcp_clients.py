"""The official clients of the Model Context Protocol against ours: they sign in and call it all."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from assistants import BACK, LEGACY, MODERN, Assistant, Kept, clients_file, granted
from interop.certified import HERE, NODE
from mcp.shared.auth import OAuthToken
from testbed import Bed, bed_running

from erasmus_app.api.mcp.tools import BY_NAME, TOOLS

ARGUMENTS = {"explain_step": {"step": "la-signed"}, "ask": {"question": "What is due next?"}}
FIELDS = {each.name: set(each.output_schema["required"]) for each in TOOLS}
PACKAGES = HERE / "node_modules" / "@modelcontextprotocol"
INSPECTOR = PACKAGES / "inspector/clients/launcher/build/index.js"
with_node = pytest.mark.skipif(
    NODE is None or not INSPECTOR.is_file(),
    reason="Node or the packages are not here; `make test-interop` installs those",
)


@pytest.fixture
async def bed(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Bed]:
    async with bed_running(dsn, valkey, tmp_path, oauth_clients=clients_file(tmp_path)) as bed:
        await bed.take(3)  # a nomination, and what comes of it
        await bed.until_idle()
        yield bed


@pytest.mark.parametrize("mode", [MODERN, "auto", LEGACY])
async def test_the_python_client_signs_in_and_calls_every_tool(bed: Bed, mode: str):
    assistant = Assistant(bed, "ines")
    async with assistant.connected(mode) as client:
        listed = (await client.list_tools()).tools
        for each in listed:  # the client holds each result beside the schema
            result = await client.call_tool(each.name, ARGUMENTS.get(each.name, {}))
            assert (each.name, result.is_error) == (each.name, False), result.content
        version = client.protocol_version

    assert [each.name for each in listed] == [each.name for each in TOOLS]
    assert version == ("2025-11-25" if mode == LEGACY else MODERN)
    [asked] = assistant.asked
    assert asked["resource"] == assistant.address
    assert asked["scope"] == "record:read deadlines:read inbox:read"


@pytest.mark.parametrize("mode", [MODERN, LEGACY])
async def test_a_client_asks_for_more_when_a_tool_needs_it(bed: Bed, mode: str):
    phone = await bed.signed_in("ines")
    login = bed.app.services.login
    assert login is not None
    session = await login.session(bearer=phone.token, cookie=None)
    token = await granted(bed, session.account_id, "deadlines:read")
    kept = Kept(tokens=OAuthToken(access_token=token, scope="deadlines:read"))
    assistant = Assistant(bed, "ines", kept)
    async with assistant.connected(mode) as client:
        due = await client.call_tool("get_deadlines", {})
        before = len(assistant.asked)
        grades = await client.call_tool("get_transcript", {})
        [asked] = assistant.asked

    assert (due.is_error, before, grades.is_error) == (False, 0, False)
    assert set(asked["scope"].split()) == {"deadlines:read", "record:read"}


async def test_a_client_that_describes_itself_needs_nobody_to_register_it(bed: Bed):
    address = "https://helper.example/client.json"
    document = {
        "client_id": address,
        "client_name": "Helper",
        "redirect_uris": [BACK],
        "token_endpoint_auth_method": "none",
    }

    class Documents:
        async def get(self, address: str) -> tuple[bytes, dict[str, str]]:
            assert address == document["client_id"]
            return json.dumps(document).encode(), {}

    authorization = bed.app.services.authorization
    assert authorization is not None
    authorization.clients.documents = Documents()  # type: ignore[attr-defined]
    assistant = Assistant(bed, "ines", Kept(client=None), address)
    async with assistant.connected() as client:
        found = await client.call_tool("get_overview", {})

    assert (found.is_error, assistant.asked[0]["client_id"]) == (False, address)


def node(bed: Bed, *arguments: str) -> Any:
    """A program of Node's that trusts the sandbox's authority."""
    assert NODE is not None
    trusted = {"NODE_EXTRA_CA_CERTS": str(bed.app.services.settings.tls_ca_file)}
    return asyncio.create_subprocess_exec(
        NODE,
        *arguments,
        cwd=HERE,
        env=dict(os.environ) | trusted,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@with_node
@pytest.mark.parametrize("mode", [MODERN, LEGACY])
async def test_the_typescript_client_signs_in_and_calls_every_tool(bed: Bed, mode: str):
    assistant = Assistant(bed, "ines")
    given = {
        "url": assistant.address,
        "mode": mode,
        "back": BACK,
        "client": "assistant",
        "arguments": ARGUMENTS,
    }
    process = await node(bed, "mcp_client.mjs", json.dumps(given))
    async with asyncio.timeout(60):
        if line := await process.stdout.readline():
            query = await assistant.allowed(json.loads(line)["authorize"])
            process.stdin.write(f"{query}\n".encode())
        out, err = await process.communicate()

    assert (process.returncode, err.decode()) == (0, ""), err.decode()
    found = json.loads(out)
    assert found["version"] == ("2025-11-25" if mode == LEGACY else MODERN)
    assert found["server"]["name"] == "erasmus-app"
    assert {name: each["isError"] for name, each in found["results"].items()} == dict.fromkeys(
        BY_NAME, False
    )
    for name, each in found["results"].items():
        assert FIELDS[name] <= set(each["fields"]), name


async def inspected(bed: Bed, token: str, *more: str) -> dict[str, Any]:
    """What the official inspector says of a method."""
    process = await node(
        bed,
        *(str(INSPECTOR), "--cli", f"{bed.app.services.settings.public_url}/mcp"),
        *("--transport", "http", "--header", f"Authorization: Bearer {token}", *more),
    )
    async with asyncio.timeout(90):
        out, err = await process.communicate()
    assert process.returncode == 0, (out + err).decode()
    found: dict[str, Any] = json.loads(out)
    return found


@with_node
async def test_the_inspector_lists_and_calls_every_tool(bed: Bed):
    token = await Assistant(bed, "ines").token()
    listed = await inspected(bed, token, "--method", "tools/list", "--strict")
    for each in listed["tools"]:
        given = [f"{name}={value}" for name, value in ARGUMENTS.get(each["name"], {}).items()]
        more = ["--tool-arg", *given] if given else []
        call = ("--method", "tools/call", "--tool-name", each["name"], *more)
        result = await inspected(bed, token, *call)
        assert result.get("isError", False) is False, result
        assert FIELDS[each["name"]] <= set(result["structuredContent"])

    assert [each["name"] for each in listed["tools"]] == list(BY_NAME)
