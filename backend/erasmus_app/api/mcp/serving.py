"""The one module that imports the official library `mcp`; `door` loads it when it is needed.

Of the library the protocol is used, of both generations: 2026-07-28, whose requests each say all
there is to say, and the ones that begin with `initialize`. Neither has sessions here: each request
is answered by itself, by whichever process it comes to.
"""

import asyncio
import logging
from contextlib import suppress
from typing import Any

import msgspec
import structlog
from litestar.types import HTTPScope, Receive, Send
from mcp.server.caching import CacheHint
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    ToolAnnotations,
)
from mcp_types import Tool as ToolOfProtocol
from starlette.requests import Request

from erasmus_app.api.mcp.door import CALL, LARGEST_BODY, Call
from erasmus_app.api.mcp.reader import ToolRefused, reader_of
from erasmus_app.api.mcp.tools import BY_NAME, INSTRUCTIONS, TOOLS
from erasmus_app.telemetry.traces import current
from ewp.errors import place_of

NAME, TITLE, VERSION = "erasmus-app", "Erasmus+ App", "1"
HOUR = 3_600_000  # milliseconds
MOST_OF_A_NAME = 64  # that an answer repeats

log = structlog.get_logger(__name__)

Context = ServerRequestContext[dict[str, Any], Request]


class Served:
    """The library's session manager, running in a task of its own."""

    def __init__(self) -> None:
        server: Server[dict[str, Any]] = Server(
            NAME,
            version=VERSION,
            title=TITLE,
            instructions=INSTRUCTIONS,
            on_list_tools=_list,
            on_call_tool=_call,
            # The list is the same for everybody, and says nothing of anybody.
            cache_hints={
                "tools/list": CacheHint(ttl_ms=HOUR, scope="public"),
                "server/discover": CacheHint(ttl_ms=HOUR, scope="public"),
            },
            get_tool_input_schema=lambda name: BY_NAME[name].input_schema,
        )
        server.middleware.clear()  # traces of calls: errors in them may repeat what a student has
        self._manager = StreamableHTTPSessionManager(
            server, json_response=True, stateless=True, max_request_body_size=LARGEST_BODY
        )
        self._ready, self._over = asyncio.Event(), asyncio.Event()
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        """Hold the manager open: what it waits with has to end in the task that began it."""
        async with self._manager.run():
            self._ready.set()
            await self._over.wait()

    async def ready(self) -> None:
        """Wait until requests can be taken."""
        await self._ready.wait()

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        given: Any = scope
        await self._manager.handle_request(given, receive, send)  # type: ignore[arg-type]

    async def close(self) -> None:
        """End it."""
        self._over.set()
        with suppress(asyncio.CancelledError):
            await self._task


async def serving() -> Served:
    """Return what serves, ready."""
    # It logs what was sent to it, and what was wrong in our answers, word by word.
    logging.getLogger("mcp").setLevel(logging.CRITICAL + 1)
    served = Served()
    await served.ready()
    return served


async def _list(_context: Context, _params: PaginatedRequestParams | None) -> ListToolsResult:
    return ListToolsResult(tools=_TOOLS)


async def _call(context: Context, params: CallToolRequestParams) -> CallToolResult:
    tool = BY_NAME.get(params.name)
    if tool is None:
        raise MCPError(INVALID_PARAMS, f"there is no tool {params.name[:MOST_OF_A_NAME]!r}")
    assert context.request is not None
    call: Call = context.request.scope[CALL]
    if lacks := tool.lacks(call.session.scopes or ()):  # which the door has looked at before
        raise MCPError(INVALID_PARAMS, f"the student has not allowed this app {lacks[0]}")
    here = current()
    here.note(tool=tool.name)
    # An assistant's trace belongs to ours and is not ours to continue: we decide what is traced.
    carrier = (params.meta or {}).get("traceparent") if params.meta is not None else None
    if isinstance(carrier, str):
        here.linked(carrier)
    try:
        wanted = tool.read(params.arguments or {})
        reader = await reader_of(
            call.services, call.session, call.headers, getattr(wanted, "language", None)
        )
        result = await tool.run(reader, wanted)
    except ToolRefused as error:
        return CallToolResult(content=[TextContent(text=str(error))], is_error=True)
    except Exception as error:  # noqa: BLE001 - whatever it is, an assistant learns nothing of it
        log.error(  # noqa: TRY400 - nor does the log
            "mcp.tool_failed",
            tool=tool.name,
            error=type(error).__name__,
            where=place_of(error),
            session_id=str(call.session.session_id),
        )
        raise MCPError(INTERNAL_ERROR, "an error of ours") from None
    return CallToolResult(
        content=[TextContent(text=msgspec.json.encode(result).decode())],
        structured_content=msgspec.to_builtins(result),
    )


_TOOLS = [
    ToolOfProtocol(
        name=each.name,
        title=each.title,
        description=each.said,
        input_schema=each.input_schema,
        output_schema=each.output_schema,
        annotations=ToolAnnotations(
            title=each.title,
            read_only_hint=True,
            destructive_hint=False,
            idempotent_hint=True,
            open_world_hint=False,
        ),
        _meta={"scopes": sorted(each.scopes)},
    )
    for each in TOOLS
]
