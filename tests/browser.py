"""A real Chromium, over its debugging pipe: pages as a person has them.

async with chromium() as browser:
    await browser.go("https://...")
"""

import asyncio
import base64
import json
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WHY_NOT = "Chromium is not here" if CHROMIUM is None else None
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
PATIENCE = 20
SILENT = {"InlineTextBox", "StaticText", "generic", "none", "ListMarker", "paragraph"}
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--no-first-run", "--disable-background-networking", "--remote-debugging-pipe"),
)
AT_3_AND_4 = """import os, sys
there = [os.dup2(int(each), 20 + n) for n, each in enumerate(sys.argv[1:3])]
for n, each in enumerate(there):
    os.dup2(each, 3 + n)
os.execv(sys.argv[3], sys.argv[3:])"""
"""Starts a program with two pipes where Chromium looks for them."""
KEYS = {
    "Tab": {"key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9},
    "Enter": {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"},
}


@dataclass(slots=True)
class Browser:
    """One page of it."""

    writer: Any
    answers: dict[int, asyncio.Future[Any]] = field(default_factory=dict)
    loaded: asyncio.Event = field(default_factory=asyncio.Event)
    session: str | None = None
    last: int = 0

    async def send(self, method: str, **params: Any) -> Any:
        """Call a method of the DevTools protocol."""
        self.last += 1
        message = {"id": self.last, "method": method, "params": params}
        if self.session is not None:
            message["sessionId"] = self.session
        future = self.answers[self.last] = asyncio.get_running_loop().create_future()
        os.write(self.writer, json.dumps(message).encode() + b"\0")
        async with asyncio.timeout(PATIENCE):
            return await future

    def received(self, message: dict[str, Any]) -> None:
        future = self.answers.pop(message.get("id", 0), None)
        if future is not None and not future.done():
            if "error" in message:
                future.set_exception(RuntimeError(message["error"]["message"]))
            else:
                future.set_result(message["result"])
        if message.get("method") == "Page.loadEventFired":
            self.loaded.set()

    async def go(self, address: str) -> None:
        """Open a page and wait until it is there."""
        self.loaded.clear()
        await self.send("Page.navigate", url=address)
        async with asyncio.timeout(PATIENCE):
            await self.loaded.wait()

    async def press(self, key: str) -> None:
        for kind in ("keyDown", "keyUp"):
            await self.send("Input.dispatchKeyEvent", type=kind, **KEYS[key])

    async def evaluate(self, expression: str) -> Any:
        found = await self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        return found["result"].get("value")

    async def tree(self) -> list[tuple[str, str]]:
        """What a screen reader says: role and name, in order."""
        found = (await self.send("Accessibility.getFullAXTree"))["nodes"]
        nodes = {each["nodeId"]: each for each in found}
        said: list[tuple[str, str]] = []

        def walk(node: dict[str, Any]) -> None:
            role = node.get("role", {}).get("value", "")
            if not node["ignored"] and role not in SILENT:
                said.append((role, node.get("name", {}).get("value", "")))
            for each in node.get("childIds", ()):
                if each in nodes:
                    walk(nodes[each])

        walk(found[0])
        return said

    async def look(self, *, dark: bool = False) -> None:
        """Be a phone, in daylight or at night."""
        await self.send("Emulation.setDeviceMetricsOverride", **PHONE)
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.send("Emulation.setEmulatedMedia", features=[feature])

    async def screenshot(self, path: Path) -> None:
        shot = await self.send("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(shot["data"]))


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run a browser of its own, with one page and nothing remembered."""
    assert CHROMIUM is not None
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", AT_3_AND_4, str(theirs_in), str(theirs_out), CHROMIUM),
            *(*FLAGS, f"--user-data-dir={profile}"),
            pass_fds=(theirs_in, theirs_out),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        reader = asyncio.StreamReader(limit=50_000_000)
        pipe = os.fdopen(ours_in, "rb")  # closed with the transport
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        browser = Browser(ours_out)
        listening = asyncio.create_task(_listen(reader, browser))
        try:
            await _first_page(browser)
            yield browser
        finally:
            process.kill()
            await process.wait()
            await listening
            transport.close()
            os.close(ours_out)


async def _listen(reader: asyncio.StreamReader, browser: Browser) -> None:
    while True:
        try:
            message = await reader.readuntil(b"\0")
        except asyncio.IncompleteReadError:
            return
        browser.received(json.loads(message[:-1]))


async def _first_page(browser: Browser) -> None:
    target = await browser.send("Target.createTarget", url="about:blank")
    attached = await browser.send(
        "Target.attachToTarget", targetId=target["targetId"], flatten=True
    )
    browser.session = attached["sessionId"]
    await browser.send("Page.enable")
    await browser.send("Accessibility.enable")
