"""The official clients of the Model Context Protocol against ours: they sign in and call it all."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from assistants import LEGACY, MODERN, Assistant, clients_file
from testbed import Bed, bed_running

from erasmus_app.api.mcp.tools import TOOLS

ARGUMENTS = {"explain_step": {"step": "la-signed"}}


@pytest.fixture
async def bed(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Bed]:
    async with bed_running(dsn, valkey, tmp_path, oauth_clients=clients_file(tmp_path)) as bed:
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
