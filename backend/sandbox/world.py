"""The whole play network together: registry, universities, login, push, TLS before the backend."""

import asyncio
import contextlib
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec

from sandbox.authority import Authority
from sandbox.cast import COVERED, UNIVERSITIES
from sandbox.hei import SandboxHei
from sandbox.login import Client, LoginProvider
from sandbox.login import running as running_login
from sandbox.mail import MailSink
from sandbox.mail import running as running_mail
from sandbox.network import Network, kept_key
from sandbox.push import PushService, running_push
from sandbox.serving import LOOPBACK, here, listen, origin, serving
from sandbox.story import Story
from sandbox.terminator import terminating
from sandbox.web_push import WebPushService, running_web_push

APP_LINK = "eu.erasmus-app.play:/signed-in"
CLIENT_ID, CLIENT_SECRET = "APP-00000000-0000-4000-8000-000000000001", "sandbox-secret"
DOORS = ("backend", "network", "login", "push", "push_tokens", "control", "web_push")
NOT_LENT = range(20_000, 32_768)  # Linux lends ports from there on to whoever calls out

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class DoorTaken(Exception):
    """A port that the sandbox had before is somebody else's now; the message says what to do."""


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)  # megabytes, and private keys
class World:
    """What runs, and the settings with which a backend takes part in it."""

    network: Network
    story: Story
    push: PushService
    web_push: WebPushService
    login: LoginProvider
    mail: MailSink
    authority: Authority
    control: socket.socket  # bound, for whoever steers
    environment: dict[str, str]


def doors(folder: Path, login: tuple[str, int] | None = None) -> dict[str, socket.socket]:
    """Bind every port; the same ones at each run, so that addresses outlive a restart.

    Args:
        folder: keeps which ports they are.
        login: where the login listens, if it is to be reached from elsewhere.

    Raises:
        DoorTaken: one of them is in use.
    """
    file = folder / "ports.json"
    known: dict[str, int] = {}
    if file.is_file():
        known = msgspec.json.decode(file.read_bytes(), type=dict[str, int])
    bound: dict[str, socket.socket] = {}
    named = {name: (LOOPBACK, port) for name, port in known.items()}
    if login is not None:
        named["login"] = login
    for name in DOORS:
        host, port = named.get(name, (LOOPBACK, None))
        try:
            bound[name] = _new_door() if port is None else listen(port, host=host)
        except OSError as error:
            for each in bound.values():
                each.close()
            raise DoorTaken(
                f"port {port} of the sandbox ({name}) is in use; "
                f"free it, or remove {file} to have others chosen"
            ) from error
    ports = {name: each.getsockname()[1] for name, each in bound.items()}
    file.write_bytes(msgspec.json.encode(ports))
    return bound


def _new_door() -> socket.socket:
    """Bind a port below those that the system lends: nobody calls out from it while we are away."""
    for _ in range(100):
        with contextlib.suppress(OSError):
            return listen(secrets.choice(NOT_LENT))
    return listen()


@asynccontextmanager
async def world(
    folder: Path, backend: tuple[str, int], login: tuple[str, int] | None = None
) -> AsyncIterator[World]:
    """Run the network for a backend whose plain HTTP listener is, or will be, at `backend`.

    Args:
        folder: keeps keys, ports, what the universities know, and how far the story is.
        backend: IP address and port.
        login: likewise, of the login, if browsers elsewhere are to reach it.

    Raises:
        DoorTaken: a port of an earlier run is in use.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    authority = Authority.open(folder / "authority")
    keys = folder / "keys"
    keys.mkdir(exist_ok=True)
    async with AsyncExitStack() as stack:
        bound = doors(folder, login)
        for each in bound.values():
            stack.callback(each.close)
        secure = {name: origin(each, secure=True) for name, each in bound.items()}
        browser = f"http://{here(backend[0])}:{backend[1]}"
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
        push = await stack.enter_async_context(
            running_push(
                folder / "push",
                authority,
                listener=bound["push"],
                token_listener=bound["push_tokens"],
            )
        )
        web_push = await stack.enter_async_context(
            running_web_push(folder / "web_push", authority, listener=bound["web_push"])
        )
        client = Client(
            client_id=CLIENT_ID,
            secret=CLIENT_SECRET,
            redirect_uris=(f"{browser}/auth/callback",),
        )
        signing_in = await stack.enter_async_context(
            running_login(
                clients=[client],
                issuer=origin(bound["login"], secure=False),
                listener=bound["login"],
            )
        )
        post = await stack.enter_async_context(running_mail())
        await stack.enter_async_context(
            serving(_hosts(network), listener=bound["network"], tls=authority.server)
        )
        await stack.enter_async_context(
            terminating(
                (here(backend[0]), backend[1]),
                authority.server_context(),
                listener=bound["backend"],
            )
        )
        stack.push_async_callback(http.aclose)  # first: servers wait for its goodbye
        await network.read_manifests(of_backend=False)  # which may wait for us
        reading = asyncio.create_task(_read_for_ever(network))
        stack.push_async_callback(_cancelled, reading)
        yield World(
            network=network,
            story=Story(network, folder / "story"),
            push=push,
            web_push=web_push,
            login=signing_in,
            mail=post,
            authority=authority,
            control=bound["control"],
            environment={
                "ERASMUS_APP_LISTEN": f"{backend[0]}:{backend[1]}",
                "ERASMUS_APP_PUBLIC_URL": secure["backend"],
                "ERASMUS_APP_LOGIN_URL": browser,
                "ERASMUS_APP_TLS_CA_FILE": str(authority.ca_file),
                "ERASMUS_APP_OIDC_ISSUER": signing_in.issuer,
                "ERASMUS_APP_OIDC_CLIENT_ID": CLIENT_ID,
                "ERASMUS_APP_OIDC_CLIENT_SECRET": CLIENT_SECRET,
                "ERASMUS_APP_APP_LINKS": APP_LINK,
                "ERASMUS_APP_EWP_REGISTRY_URL": f"{secure['network']}/catalogue-v1.xml",
                "ERASMUS_APP_EWP_NETWORKS": "127.0.0.0/8, ::1/128",
                "ERASMUS_APP_EWP_HEIS": str(_covered(folder, secure["network"])),
                "ERASMUS_APP_FCM_CREDENTIALS": str(push.service_account_file),
                "ERASMUS_APP_FCM_URL": push.url,
                "ERASMUS_APP_WEB_PUSH_NETWORKS": "127.0.0.0/8",
                "ERASMUS_APP_SMTP_URL": post.url,
            },
        )


def _hosts(network: Network) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    host = network.host()

    async def hosts(scope: Scope, receive: Receive, send: Send) -> None:
        parts = scope["path"].split("/") if scope["type"] == "http" else []
        if parts == ["", "catalogue-v1.xml"]:
            await network.registry(scope, send)
        elif not network.hanging.isdisjoint(parts):
            while (await receive())["type"] != "http.disconnect":
                pass
        elif not network.down.isdisjoint(parts):
            await send({"type": "http.response.start", "status": 503, "headers": []})
            await send({"type": "http.response.body", "body": b"down for maintenance"})
        else:
            await host(scope, receive, send)

    return hosts


async def _read_for_ever(network: Network) -> None:
    while True:
        with contextlib.suppress(httpx.HTTPError):
            complete = await network.read_manifests()
            await asyncio.sleep(20 if complete else 0.5)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _covered(folder: Path, network: str) -> Path:
    """Write the file of covered HEIs, and the key that the backend signs with for this one."""
    kept_key(folder / "keys" / "backend.pem")
    names = ", ".join(f'{lang} = "{name}"' for lang, name in COVERED.names.items())
    path = folder / "heis.toml"
    path.write_text(
        f'[[hei]]\nid = "{COVERED.hei_id}"\nname = {{ {names} }}\n'
        f'client_key = "keys/backend.pem"\nadmin_emails = ["{COVERED.coordinator.email}"]\n'
        f'own_system = "{network}/ewp/{COVERED.hei_id}/manifest.xml"\n\n[hei.api]\n'
        'omobility-cnr = "own"\nomobility-la-cnr = "own"\nimobility-cnr = "own"\n'
        'imobility-tor-cnr = "own"\n',
        encoding="utf-8",
    )
    return path
