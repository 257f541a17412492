"""The servers of `make bench-graphql`, each on the first core, and `wrk` on the other.

Ours runs as in production; `home_limit.py` and `graphql_peers/` are what it stands beside.
"""

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import httpx
import psutil
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from home_students import ABROAD, HOME, NAMES
from house import cpu_seconds, until
from joserfc.jwk import ECKey

from erasmus_app.identity.models import Session
from erasmus_app.ids import AccountId
from erasmus_app.oidc.tokens import SignedTokens
from ewp.keys import PrivateKey
from sandbox.serving import listen

HERE = Path(__file__).parent
PEERS = HERE / "graphql_peers"
GRAPHQL = HERE.parent / "graphql"
OPERATIONS = {
    "home": (GRAPHQL / "operations" / "home.graphql").read_text(encoding="utf-8"),
    "five": "{ me { displayName mobilities { id state } } }",
}
OURS, LIMIT, MERCURIUS, YOGA, APOLLO = "ours", "the limit", "Mercurius", "Yoga", "Apollo"
PUBLIC_URL = "https://backend.example"
CONNECTIONS = 16
START_SECONDS = 20
FOREIGN = 0.06  # of the machine, used by others: the round says nothing
SERVER_CORE, LOAD_CORE = "0", "1"


class Round(NamedTuple):
    """One server under load for some seconds."""

    per_second: float
    p50: float  # seconds
    p99: float
    cpu: float  # seconds of the server's, per request


@dataclass
class Bench:
    """Engines, a database, keys, and the servers that were started before them."""

    folder: Path
    database: str
    redis: str
    foreign: float = FOREIGN
    ports: dict[str, int] = field(default_factory=dict)
    pids: dict[str, int] = field(default_factory=dict)
    data_key: bytes = field(default_factory=lambda: os.urandom(32))

    @property
    def environment(self) -> dict[str, str]:
        """The settings of ours, but for the address."""
        return {
            "ERASMUS_APP_PUBLIC_URL": PUBLIC_URL,
            "ERASMUS_APP_DRAIN_SECONDS": "0",
            "ERASMUS_APP_OIDC_ISSUER": "https://login.example",
            "ERASMUS_APP_OIDC_CLIENT_ID": "APP-bench",
            "ERASMUS_APP_OIDC_CLIENT_SECRET": "a-secret-of-thirty-two-characters!",
            "ERASMUS_APP_SESSION_KEY": str(self.folder / "session.pem"),
            "ERASMUS_APP_DATABASE_URL": self.database,
            "ERASMUS_APP_REDIS_URL": self.redis,
            "ERASMUS_APP_DATA_KEYS": str(self.folder / "data-keys"),
            "ERASMUS_APP_DATA_DIR": str(self.folder / "data"),
            "ERASMUS_APP_EWP_HEIS": str(self.folder / "heis.toml"),
            "ERASMUS_APP_EWP_REGISTRY_URL": "http://127.0.0.1:9/nobody-listens-here",
            # Counted as ever, and never refused: a thousand students ask like a million.
            "ERASMUS_APP_LIMITS": "reading=1000000000/60,reading_session=1000000000/60",
        }

    def write_files(self) -> None:
        """Make the keys, and the file of covered HEIs that gives them their names."""
        key = ec.generate_private_key(ec.SECP256R1())
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        (self.folder / "session.pem").write_bytes(secret)
        (self.folder / "public.pem").write_bytes(public)
        (self.folder / "client.pem").write_bytes(PrivateKey.generate().to_pem())
        (self.folder / "heis.toml").write_text(
            "".join(
                f'[[hei]]\nid = "{hei}"\nname = {{ en = "{NAMES[hei]}" }}\n'
                'client_key = "client.pem"\nadmin_emails = ["ewp@backend.example"]\n'
                for hei in (HOME, ABROAD)
            ),
            encoding="utf-8",
        )

    def tokens(self, accounts: list[UUID]) -> list[str]:
        """Sign a token for each; they last as long as the whole run."""
        tokens = SignedTokens(
            (ECKey.import_key((self.folder / "session.pem").read_bytes()),), PUBLIC_URL
        )
        ahead = datetime.now(UTC) + timedelta(hours=6)
        until = ahead + timedelta(days=1)
        return [
            tokens.issue(
                Session(account_id=AccountId(each), session_id=UUID(int=n + 1), expires_at=until),
                ahead,
            )
            for n, each in enumerate(accounts)
        ]

    @contextmanager
    def server(self, name: str, command: list[str], more: dict[str, str]) -> Iterator[None]:
        """Run a server on the first core."""
        listener = listen()
        port = listener.getsockname()[1]
        listener.close()
        given = {"PORT": str(port), "ERASMUS_APP_LISTEN": f"127.0.0.1:{port}"}
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                ["taskset", "-c", SERVER_CORE, *command],
                env={**os.environ, "NODE_ENV": "production"} | more | given,
                stdout=log,
                stderr=log,
            )
        self.ports[name], self.pids[name] = port, process.pid
        try:
            yield
        finally:
            process.terminate()
            process.wait()

    def servers(self, *, peers: bool) -> ExitStack:
        """Run all of them."""
        stack = ExitStack()
        ours = [sys.executable, "-m", "erasmus_app.cli", "api"]
        stack.enter_context(self.server(OURS, ours, self.environment))
        if not peers:
            return stack
        limit = [sys.executable, str(HERE / "home_limit.py")]
        stack.enter_context(self.server(LIMIT, limit, self.environment))
        shared = {
            "SCHEMA": str(GRAPHQL / "schema.graphql"),
            "ISSUER": PUBLIC_URL,
            "PUBLIC_KEY": str(self.folder / "public.pem"),
            "DATA_KEY": self.data_key.hex(),
            "DATABASE_URL": self.database.partition("?")[0],
        }
        for name in (MERCURIUS, YOGA, APOLLO):
            program = str(PEERS / f"{name.lower()}.mjs")
            stack.enter_context(self.server(name, ["node", program], shared))
        return stack

    async def ask(self, http: httpx.AsyncClient, name: str, token: str, query: str) -> bytes:
        """Ask one server; return the bytes that it answers, without a newline at their end."""
        answer = await http.post(
            f"http://127.0.0.1:{self.ports[name]}/graphql",
            json={"query": query},
            headers={"authorization": f"Bearer {token}"},
        )
        return answer.content.rstrip(b"\n")

    async def until_up(self, token: str) -> None:
        """Wait for all of them."""
        async with httpx.AsyncClient(trust_env=False) as http:
            for name in self.ports:

                async def up(name: str = name) -> bool:
                    try:
                        return (await self.ask(http, name, token, OPERATIONS["home"]))[:1] == b"{"
                    except httpx.HTTPError:
                        return False

                try:
                    async with asyncio.timeout(START_SECONDS):
                        await until(up, name)
                except TimeoutError as error:
                    log = (self.folder / f"{name}.log").read_text()
                    raise RuntimeError(f"{name} does not start: {log[-2000:]}") from error

    def measured(self, name: str, seconds: int) -> Round | None:
        """Let `wrk` ask one server; None where others used the machine meanwhile."""
        known = psutil.Process().children(recursive=True)

        def used() -> float:
            own = resource.getrusage(resource.RUSAGE_CHILDREN)
            self_ = resource.getrusage(resource.RUSAGE_SELF)
            children = sum(sum(each.cpu_times()[:2]) for each in known if each.is_running())
            return own.ru_utime + own.ru_stime + self_.ru_utime + self_.ru_stime + children

        command = ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{CONNECTIONS}"]
        command += [f"-d{seconds}s", "-s", str(HERE / "home.lua")]
        before, busy, cpu = used(), _busy(), cpu_seconds(self.pids[name])
        began = time.monotonic()
        printed = subprocess.run(
            [*command, f"http://127.0.0.1:{self.ports[name]}"],
            env={
                **os.environ,
                "TOKENS": str(self.folder / "tokens"),
                "BODY": str(self.folder / "body"),
            },
            capture_output=True,
            check=True,
        ).stdout
        took = time.monotonic() - began
        said = json.loads(printed.splitlines()[-1])
        if said["errors"]:
            raise RuntimeError(f"{name}: {said['errors']} requests failed")
        cpu = cpu_seconds(self.pids[name]) - cpu
        foreign = (_busy() - busy - (used() - before)) / took / (os.cpu_count() or 1)
        if foreign > self.foreign:
            return None
        return Round(
            per_second=said["requests"] / said["micros"] * 1e6,
            p50=said["p50"] / 1e6,
            p99=said["p99"] / 1e6,
            cpu=cpu / said["requests"],
        )

    def tokens_again(self) -> list[str]:
        """Return the tokens that were given last."""
        return (self.folder / "tokens").read_text().splitlines()

    def load_with(self, query: str, tokens: list[str]) -> None:
        """Say what `wrk` sends."""
        (self.folder / "tokens").write_text("\n".join(tokens))
        (self.folder / "body").write_bytes(json.dumps({"query": query}).encode())


def _busy() -> float:
    """Return the seconds that all cores have worked since the machine's start."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    return sum(int(fields[n]) for n in (0, 1, 2, 5, 6)) / os.sysconf("SC_CLK_TCK")
