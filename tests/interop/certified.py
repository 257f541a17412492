"""The certified provider `oidc-provider` in a process of its own: see `provider.mjs`."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey, RSAKey

HERE = Path(__file__).parent
NODE = shutil.which("node")
WHY_NOT = (
    "Node is not here"
    if NODE is None
    else None
    if (HERE / "node_modules" / "oidc-provider").is_dir()
    else "oidc-provider is not installed; `make test-interop` does that"
)
SECRET = "a-secret-of-thirty-two-characters!"


@dataclass(slots=True, kw_only=True)
class Person:
    """Somebody who can log in, by the hint `key`."""

    key: str
    userinfo: Mapping[str, Any]
    further: Mapping[str, Any] | None = None  # of an extended userinfo


@dataclass(slots=True, kw_only=True)
class Certified:
    """The running provider."""

    issuer: str
    process: asyncio.subprocess.Process

    async def register(self, client_id: str, redirect_uri: str, algorithm: str = "ES256") -> None:
        """Make a confidential client known, as the provider's operator does."""
        client = {
            "client_id": client_id,
            "client_secret": SECRET,
            "redirect_uris": [redirect_uri],
            "id_token_signed_response_alg": algorithm,
            "require_auth_time": True,
        }
        assert await _say(self.process, client) == {"registered": client_id}


@asynccontextmanager
async def certified(
    people: Collection[Person], scopes: Mapping[str, Collection[str]], *, port: int = 0
) -> AsyncIterator[Certified]:
    """Run it, with keys that nobody has seen before."""
    assert NODE is not None
    process = await asyncio.create_subprocess_exec(
        NODE,
        "provider.mjs",
        cwd=HERE,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,  # it warns that all of it is kept in memory
    )
    keys = (ECKey.generate_key("P-256"), RSAKey.generate_key(2048))
    given = {
        "port": port,
        "people": [
            {"key": each.key, "userinfo": each.userinfo, "further": each.further} for each in people
        ],
        "keys": [each.as_dict(private=True) | {"use": "sig"} for each in keys],
        "scopes": {name: list(claims) for name, claims in scopes.items()},
    }
    try:
        answer = await _say(process, given)
        yield Certified(issuer=answer["issuer"], process=process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(10):
            await process.wait()


async def _say(process: asyncio.subprocess.Process, what: object) -> Any:
    """Send a line and return the one that answers it."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(what).encode() + b"\n")
    await process.stdin.drain()
    async with asyncio.timeout(20):
        return json.loads(await process.stdout.readline())
