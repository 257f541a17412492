"""`python -m sandbox FOLDER BACKEND`: the whole play network in one process, on loopback.

BACKEND is `host:port` of the backend's plain HTTP listener. Once everything listens, one line of
JSON goes to standard output: the backend's settings, and where the control API is. The process
ends with SIGTERM, or when its standard input is closed: so it cannot outlive who started it.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import msgspec
import structlog

from sandbox.authority import Authority
from sandbox.cast import COVERED, STUDENTS, UNIVERSITIES
from sandbox.hei import SandboxHei
from sandbox.login import Client
from sandbox.login import running as running_login
from sandbox.network import Network, kept_key
from sandbox.push import PushService, running_push
from sandbox.serving import listen, origin, serving
from sandbox.story import Story
from sandbox.terminator import terminating

APP_LINK = "eu.erasmus-app.play:/signed-in"
CLIENT_ID, CLIENT_SECRET = "APP-00000000-0000-4000-8000-000000000001", "sandbox-secret"
DOORS = ("backend", "network", "login", "push", "push_tokens", "control")

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def doors(folder: Path) -> dict[str, socket.socket]:
    """Bind every port; the same ones at each run, so that addresses outlive a restart."""
    file = folder / "ports.json"
    known: dict[str, int] = {}
    if file.is_file():
        known = msgspec.json.decode(file.read_bytes(), type=dict[str, int])
    bound: dict[str, socket.socket] = {}
    for name in DOORS:
        try:
            bound[name] = listen(known.get(name, 0))
        except OSError as error:
            raise SystemExit(
                f"port {known.get(name)} of the sandbox ({name}) is in use; "
                f"free it, or remove {file} to have others chosen"
            ) from error
    ports = {name: each.getsockname()[1] for name, each in bound.items()}
    file.write_bytes(msgspec.json.encode(ports))
    return bound


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

    def __init__(self, network: Network, story: Story, push: PushService) -> None:
        self._network, self._story, self._push = network, story, push

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


async def main(folder: Path, backend: tuple[str, int]) -> None:
    """Run until told to stop."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    authority = Authority.open(folder / "authority")
    bound = doors(folder)
    secure = {name: origin(each, secure=True) for name, each in bound.items()}
    issuer = origin(bound["login"], secure=False)
    browser = f"http://{backend[0]}:{backend[1]}"
    keys = folder / "keys"
    keys.mkdir(exist_ok=True)
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(
            httpx.AsyncClient(verify=authority.client_context(), trust_env=False, timeout=20)
        )
        network = Network(
            heis={each: SandboxHei(of, folder) for each, of in UNIVERSITIES.items()},
            keys={each: kept_key(keys / f"{each}.pem") for each in UNIVERSITIES},
            base_url=secure["network"],
            backend_manifest=f"{secure['backend']}/ewp/{COVERED.hei_id}/manifest.xml",
            http=http,
        )
        host = network.host()

        async def hosts(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["path"] == "/catalogue-v1.xml":
                await network.registry(scope, send)
            else:
                await host(scope, receive, send)

        push = await stack.enter_async_context(
            running_push(
                folder / "push",
                authority,
                listener=bound["push"],
                token_listener=bound["push_tokens"],
            )
        )
        client = Client(
            client_id=CLIENT_ID,
            secret=CLIENT_SECRET,
            redirect_uris=(f"{browser}/auth/callback",),
        )
        await stack.enter_async_context(
            running_login(clients=[client], issuer=issuer, listener=bound["login"])
        )
        control = Control(network, Story(network, folder / "story"), push)

        async def controlled(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                await control.answer(scope["path"], await _whole_body(receive), send)

        await stack.enter_async_context(
            serving(hosts, listener=bound["network"], tls=authority.server)
        )
        await stack.enter_async_context(serving(controlled, listener=bound["control"]))
        await stack.enter_async_context(
            terminating(backend, authority.server_context(), listener=bound["backend"])
        )
        await network.read_manifests()
        reading = asyncio.create_task(_read_for_ever(network))
        stack.callback(reading.cancel)
        heis = _covered(folder, secure["network"])
        sys.stdout.write(
            msgspec.json.encode(
                {
                    "control": origin(bound["control"], secure=False),
                    "app_link": APP_LINK,
                    "students": {
                        key: {"key": key, "name": each.given_names, "language": each.language}
                        for key, each in STUDENTS.items()
                    },
                    "environment": {
                        "ERASMUS_APP_LISTEN": f"{backend[0]}:{backend[1]}",
                        "ERASMUS_APP_PUBLIC_URL": secure["backend"],
                        "ERASMUS_APP_LOGIN_URL": browser,
                        "ERASMUS_APP_TLS_CA_FILE": str(authority.ca_file),
                        "ERASMUS_APP_OIDC_ISSUER": issuer,
                        "ERASMUS_APP_OIDC_CLIENT_ID": CLIENT_ID,
                        "ERASMUS_APP_OIDC_CLIENT_SECRET": CLIENT_SECRET,
                        "ERASMUS_APP_APP_LINKS": APP_LINK,
                        "ERASMUS_APP_EWP_REGISTRY_URL": f"{secure['network']}/catalogue-v1.xml",
                        "ERASMUS_APP_EWP_HEIS": str(heis),
                        "ERASMUS_APP_FCM_CREDENTIALS": str(push.service_account_file),
                        "ERASMUS_APP_FCM_URL": push.url,
                    },
                }
            ).decode()
            + "\n"
        )
        sys.stdout.flush()
        loop = asyncio.get_running_loop()
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


async def _read_for_ever(network: Network) -> None:
    while True:
        with contextlib.suppress(httpx.HTTPError):
            complete = await network.read_manifests()
            await asyncio.sleep(20 if complete else 0.5)


def _covered(folder: Path, network: str) -> Path:
    """Write the file of covered HEIs, and the key that the backend signs with for this one."""
    kept_key(folder / "keys" / "backend.pem")
    names = ", ".join(f'{lang} = "{name}"' for lang, name in COVERED.names.items())
    path = folder / "heis.toml"
    path.write_text(
        f'[[hei]]\nid = "{COVERED.hei_id}"\nname = {{ {names} }}\n'
        f'client_key = "keys/backend.pem"\nadmin_emails = ["{COVERED.coordinator.email}"]\n'
        f'own_system = "{network}/ewp/{COVERED.hei_id}/manifest.xml"\n\n[hei.api]\n'
        'omobility-cnr = "own"\nomobility-la-cnr = "own"\nimobility-cnr = "own"\n',
        encoding="utf-8",
    )
    return path


if __name__ == "__main__":
    host, _, port = sys.argv[2].rpartition(":")
    asyncio.run(main(Path(sys.argv[1]).resolve(), (host, int(port))))
