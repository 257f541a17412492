"""`python -m sandbox FOLDER BACKEND`: the whole play network in one process, on loopback.

BACKEND is `host:port` of the backend's plain HTTP listener. Once everything listens, one line of
JSON goes to standard output: the backend's settings, and where the control API is. The process
ends with SIGTERM, or when its standard input is closed: so it cannot outlive who started it.
SANDBOX_LOGIN may name another address for its login, as 0.0.0.0:8011 inside a container.
"""

import asyncio
import contextlib
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec
import structlog

from sandbox.cast import STUDENTS
from sandbox.serving import serving
from sandbox.world import APP_LINK, DoorTaken, Receive, Scope, Send, World, world


async def _whole_body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)


async def _json(send: Send, status: int, value: object) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": msgspec.json.encode(value)})


class Control:
    """How a test or the show steers the sandbox. On loopback, for nobody else."""

    def __init__(self, around: World) -> None:
        self._network, self._story, self._push = around.network, around.story, around.push
        self._web_push = around.web_push

    async def answer(self, path: str, body: bytes, send: Send) -> None:
        """Answer one request; its body is a JSON object, or empty."""
        given: dict[str, Any] = msgspec.json.decode(body) if body else {}
        match path:
            case "/story/next":
                await _json(send, 200, await self._story.next())
            case "/story":
                of = len(self._story.steps)
                await _json(send, 200, {"taken": self._story.taken, "of": of})
            case "/phones":
                await _json(send, 200, {"fid": self._push.register()})
            case "/phones/wait":
                await _json(send, 200, await self._pushes(**given))
            case "/browsers":
                browser = self._web_push.subscribe(**given)
                subscription = self._web_push.subscription(browser)
                await _json(send, 200, {"browser": browser, "subscription": subscription})
            case "/browsers/wait":
                await _json(send, 200, await self._shown(**given))
            case "/push/faults":
                self._push.fail_next(**given)
                await _json(send, 200, {})
            case "/registry/read":
                await _json(send, 200, {"complete": await self._network.read_manifests()})
            case _:
                await _json(send, 404, {"error": "no such control"})

    async def _pushes(self, fid: str, known: int, seconds: float) -> list[dict[str, str]]:
        """Return what a phone got beyond the pushes known, once there is any; else nothing."""
        with contextlib.suppress(TimeoutError):
            received = await self._push.wait(fid, known + 1, seconds)
            return [{"title": each.title, "body": each.body} for each in received[known:]]
        return []

    async def _shown(self, browser: str, known: int, seconds: float) -> list[dict[str, str]]:
        """Return what a browser showed beyond the messages known, as `_pushes`."""
        with contextlib.suppress(TimeoutError):
            received = await self._web_push.wait(browser, known + 1, seconds)
            return [each.content["notification"] for each in received[known:]]
        return []


async def main(
    folder: Path, backend: tuple[str, int], login: tuple[str, int] | None = None
) -> None:
    """Run until told to stop."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    async with world(folder, backend, login) as running:
        control = Control(running)

        async def controlled(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                await control.answer(scope["path"], await _whole_body(receive), send)

        async with serving(controlled, listener=running.control) as address:
            ready = {
                "control": address,
                "app_link": APP_LINK,
                "students": {
                    key: {"key": key, "name": each.given_names, "language": each.language}
                    for key, each in STUDENTS.items()
                },
                "environment": running.environment,
            }
            sys.stdout.write(msgspec.json.encode(ready).decode() + "\n")
            sys.stdout.flush()
            for name in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(name, stop.set)
            threading.Thread(target=_until_closed, args=(loop, stop), daemon=True).start()
            await stop.wait()


def _until_closed(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Wait for the end of standard input: who started us is gone."""
    with contextlib.suppress(OSError):
        while os.read(0, 1024):
            pass
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(stop.set)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


if __name__ == "__main__":
    elsewhere = os.environ.get("SANDBOX_LOGIN")
    try:
        asyncio.run(
            main(
                Path(sys.argv[1]).resolve(),
                _address(sys.argv[2]),
                _address(elsewhere) if elsewhere else None,
            )
        )
    except DoorTaken as error:
        sys.exit(str(error))
