"""`make bench-auth`: what it costs to know who is asking, and a whole login.

How it is measured, and how to read it: `bench/README.md`.
"""

import argparse
import asyncio
import base64
import hashlib
import os
import platform
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

# This folder would hide packages behind its files.
sys.path.append(sys.path.pop(0))

import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from house import backend_process, cpu_seconds, fresh_database, until_ready
from joserfc.jwk import ECKey
from measuring import load, processor, side_by_side
from rich.console import Console
from rows import WIDTH, Row, duration, rate, row, show, table, times, yes_or_no

from erasmus_app.identity.models import Session
from erasmus_app.ids import AccountId
from erasmus_app.oidc.tokens import MOST_CACHED, SignedTokens
from erasmus_app.store.embedded import engines
from sandbox import login
from sandbox.login import Client
from sandbox.login_people import PEOPLE
from sandbox.serving import listen

SECRET, CLIENT = "a-secret-of-thirty-two-characters!", "APP-bench"
APP_LINK = "https://app.example/signed-in"
TOKENS = MOST_CACHED + 2_000  # in turns: each has been forgotten when it comes again
AIM = 1e-4  # seconds of CPU for one token
AT_ONCE = 8


def token_rows() -> Iterable[Row]:
    """Measure our access tokens against what the elliptic curve alone costs."""
    now, key = datetime.now(UTC), ECKey.generate_key("P-256", private=True)
    ours = SignedTokens((key,), "https://backend.example")
    session = Session(
        account_id=AccountId(uuid4()), session_id=uuid4(), expires_at=now + timedelta(days=30)
    )
    bare, digest = ec.generate_private_key(ec.SECP256R1()), ec.ECDSA(hashes.SHA256())
    message = b"x" * 400  # as long as what a token signs
    signature, public = bare.sign(message, digest), bare.public_key()
    tokens = [ours.issue(session, now) for _ in range(TOKENS)]
    turn = iter(range(sys.maxsize))

    def never_seen() -> None:
        if ours.read(tokens[next(turn) % TOKENS], now) is None:
            raise AssertionError("a good token was refused")

    spoilt = tokens[0][:-8] + ("AAAAAAAA" if not tokens[0].endswith("AAAAAAAA") else "BBBBBBBB")

    def refused() -> None:
        if ours.read(spoilt, now) is not None:
            raise AssertionError("a spoilt token was read")

    found = side_by_side(
        {
            "issue": lambda: ours.issue(session, now),
            "sign": lambda: bare.sign(message, digest),
            "never seen": never_seen,
            "verify": lambda: public.verify(signature, message, digest),
            "refused": refused,
        }
    )
    ours.read(tokens[-1], now)
    again = side_by_side(
        {
            "again": lambda: ours.read(tokens[-1], now),
            "hash": lambda: hashlib.sha256(tokens[-1].encode()).digest(),
        }
    )
    sign, verify = ("ECDSA sign", found["sign"]), ("ECDSA verify", found["verify"])
    yield row("Issue an access token", found["issue"], limit=sign)
    yield row("Verify one never seen", found["never seen"], limit=verify, under=AIM)
    yield row("Refuse a spoilt one", found["refused"], limit=verify, under=AIM)
    yield row("Verify one seen before", again["again"], limit=("SHA-256", again["hash"]), under=AIM)


@contextmanager
def provider_process(folder: Path, redirect_uri: str) -> Iterator[tuple[str, int]]:
    """Run the sandbox's login provider by itself; yields its issuer and process id."""
    process = subprocess.Popen(
        [sys.executable, __file__, "--provider", redirect_uri],
        stdout=subprocess.PIPE,
        stderr=(folder / "provider.log").open("wb"),
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), process.pid
    finally:
        process.kill()
        process.wait()


async def serve_provider(redirect_uri: str) -> None:
    """Be the login provider, until killed."""
    app = Client(client_id=CLIENT, secret=SECRET, redirect_uris=(redirect_uri,))
    async with login.running(clients=[app], people=PEOPLE) as provider:
        print(provider.issuer, flush=True)
        os.dup2(2, 1)  # what it logs, nobody reads from the pipe
        await asyncio.Event().wait()


def challenge_of(verifier: str) -> str:
    """Return a PKCE challenge, S256."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().strip("=")


async def log_in(http: httpx.AsyncClient, backend: str, key: str) -> str:
    """Go an app's whole way through our backend: five requests; return the access token."""
    verifier = secrets.token_urlsafe(48)
    query = {
        "app_challenge": challenge_of(verifier),
        "return_to": APP_LINK,
        "login_hint": key,
    }
    left = await http.get(f"{backend}/auth/login", params=query)
    back = await http.get(left.headers["location"])
    app = await http.get(back.headers["location"], headers={"cookie": cookie_of(left)})
    form = {
        "grant_type": "authorization_code",
        "code": parse_qs(urlsplit(app.headers["location"]).query)["code"][0],
        "code_verifier": verifier,
    }
    tokens = await http.post(f"{backend}/auth/token", data=form)
    token: str = tokens.raise_for_status().json()["access_token"]
    return token


async def provider_alone(http: httpx.AsyncClient, issuer: str, redirect_uri: str, key: str) -> None:
    """Ask the provider what a login asks it, and check nothing of it."""
    verifier = secrets.token_urlsafe(48)
    query = {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": redirect_uri,
        "scope": "openid profile email",
        "state": "s",
        "nonce": "n",
        "code_challenge": challenge_of(verifier),
        "code_challenge_method": "S256",
        "login_hint": key,
    }
    back = await http.get(f"{issuer}/OIDC/authorization", params=query)
    form = {
        "grant_type": "authorization_code",
        "code": parse_qs(urlsplit(back.headers["location"]).query)["code"][0],
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
    }
    tokens = await http.post(f"{issuer}/OIDC/token", data=form, auth=(CLIENT, SECRET))
    bearer = {"authorization": f"Bearer {tokens.json()['access_token']}"}
    (await http.get(f"{issuer}/OIDC/userinfo", headers=bearer)).raise_for_status()


def cookie_of(answer: httpx.Response) -> str:
    """Return the cookie that an answer sets: each login here is a browser of its own."""
    return answer.headers["set-cookie"].partition(";")[0]


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[str, str, int, int]]:
    """Run engines, provider and API; yields the two addresses and process ids."""
    listener = listen()
    port = listener.getsockname()[1]
    listener.close()
    backend = f"http://127.0.0.1:{port}"
    redirect_uri = f"{backend}/auth/callback"
    async with engines(folder / "engines") as own:
        database = await fresh_database(own, "logins")
        with provider_process(folder, redirect_uri) as (issuer, provider):
            settings = {
                "LISTEN": f"127.0.0.1:{port}",
                "PUBLIC_URL": "https://backend.example",
                "LOGIN_URL": backend,
                "OIDC_ISSUER": issuer,
                "OIDC_CLIENT_ID": CLIENT,
                "OIDC_CLIENT_SECRET": SECRET,
                "APP_LINKS": APP_LINK,
                "DATABASE_URL": database,
                "REDIS_URL": own.redis_url,
                "DATA_KEYS": str(folder / "engines" / "data-keys"),
                "DATA_DIR": str(folder / "data"),
            }
            environment = {f"ERASMUS_APP_{name}": value for name, value in settings.items()}
            with backend_process("api", environment, folder / "api.log") as api:
                await until_ready(backend, "/livez")
                yield backend, issuer, api, provider


async def login_rows(logins: int) -> list[tuple[str, str, str, str]]:
    """Measure whole logins, one after the other and several at once."""
    with tempfile.TemporaryDirectory() as name:
        async with (
            running(Path(name)) as (backend, issuer, api, provider),
            httpx.AsyncClient(trust_env=False) as http,
        ):
            keys = [each.key for each in PEOPLE]
            for key in keys:  # their accounts, and everything that is read once
                await log_in(http, backend, key)
                http.cookies.clear()
            alone, whole, cpu = [], [], {api: cpu_seconds(api), provider: cpu_seconds(provider)}
            for number in range(logins):
                key = keys[number % len(keys)]
                began = time.perf_counter()
                await log_in(http, backend, key)
                whole.append(time.perf_counter() - began)
                http.cookies.clear()
            used = (cpu_seconds(api) - cpu[api]) / logins
            theirs = (cpu_seconds(provider) - cpu[provider]) / logins
            for number in range(logins):  # afterwards, as the provider's CPU is counted
                began = time.perf_counter()
                await provider_alone(
                    http, issuer, f"{backend}/auth/callback", keys[number % len(keys)]
                )
                alone.append(time.perf_counter() - began)
            began = time.perf_counter()
            await asyncio.gather(
                *(many(http, backend, keys, logins // AT_ONCE) for _ in range(AT_ONCE))
            )
            together = (time.perf_counter() - began) / (logins // AT_ONCE * AT_ONCE)
    ratio = statistics.median(whole) / statistics.median(alone)
    return [
        ("login, median", duration(statistics.median(whole)), "", ""),
        ("login, p99", duration(sorted(whole)[int(logins * 0.99) - 1]), "", ""),
        ("its limit: the provider alone", duration(statistics.median(alone)), "", ""),
        ("ratio", times(ratio), "< 5 ×", yes_or_no(ratio < 5)),
        ("CPU of the API", f"{duration(used)} each", "", ""),
        ("CPU of the provider", f"{duration(theirs)} each", "", ""),
        (f"{AT_ONCE} at once", rate(1 / together), "", ""),
    ]


async def many(http: httpx.AsyncClient, backend: str, keys: list[str], number: int) -> None:
    """Log in this often."""
    for each in range(number):
        await log_in(http, backend, keys[each % len(keys)])


def main(logins: int) -> None:
    """Print both tables."""
    console = Console(width=WIDTH, highlight=False)
    console.print(f"{processor()}, load {load()}, Python {platform.python_version()}")
    console.print("", table("Access tokens, ES256", token_rows()), sep="\n")
    show("Logins of an app, through provider and database", asyncio.run(login_rows(logins)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--logins", type=int, default=400)
    parser.add_argument("--provider", metavar="REDIRECT_URI", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.provider:
        asyncio.run(serve_provider(given.provider))
    else:
        main(given.logins)
