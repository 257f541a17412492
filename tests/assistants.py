"""An assistant as its students know it: the official MCP client, and the browser beside it."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp.client.auth import OAuthClientProvider
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)
from testbed import Bed

BACK = "http://127.0.0.1/back"
READING = ("profile:read", "record:read", "deadlines:read", "inbox:read")
CLIENTS = f"""
[[client]]
id = "assistant"
name = {{ en = "Study Helper" }}
redirect_uris = ["{BACK}"]
scopes = ["profile:read", "record:read", "deadlines:read", "inbox:read"]
"""
MODERN, LEGACY = "2026-07-28", "legacy"


def clients_file(folder: Path) -> str:
    """A file of the clients that an operator has registered."""
    file = folder / "clients.toml"
    file.write_text(CLIENTS, encoding="utf-8")
    return str(file)


async def log_in(bed: Bed, key: str = "ines") -> None:
    """Sign a student in to this browser."""
    bed.http.cookies.clear()
    left = await bed.http.get(f"{bed.address}/auth/login", params={"login_hint": key})
    provider = await bed.http.get(left.headers["location"])
    await bed.http.get(provider.headers["location"])


def query_of(address: str) -> dict[str, str]:
    return {name: value for name, [value] in parse_qs(urlsplit(address).query).items()}


@dataclass
class Kept:
    """What the client keeps between its runs: which client it is, and tokens."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull = field(
        default_factory=lambda: OAuthClientInformationFull(
            client_id="assistant",
            redirect_uris=[BACK],  # type: ignore[list-item] - pydantic makes it one
            token_endpoint_auth_method="none",
        )
    )

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


@dataclass
class Assistant:
    """An assistant of one student's, who sits before the browser and allows what is asked."""

    bed: Bed
    student: str
    kept: Kept = field(default_factory=Kept)
    asked: list[dict[str, str]] = field(default_factory=list)  # what the browser was sent with
    _answer: AuthorizationCodeResult | None = None

    @property
    def address(self) -> str:
        return f"{self.bed.app.services.settings.public_url}/mcp"

    async def _allow(self, address: str) -> None:
        self.asked.append(query_of(address))
        http = self.bed.http
        await log_in(self.bed, self.student)
        page = await http.get(address)
        question = page.text.partition('name="question" value="')[2].partition('"')[0]
        form = {"question": question, "answer": "allow"}
        back = await http.post(address.partition("?")[0], data=form)
        http.cookies.clear()
        given = query_of(back.headers["location"])
        self._answer = AuthorizationCodeResult(**given)

    async def _answered(self) -> AuthorizationCodeResult:
        assert self._answer is not None
        return self._answer

    def _sign_in(self) -> OAuthClientProvider:
        return OAuthClientProvider(
            server_url=self.address,
            client_metadata=OAuthClientMetadata(
                redirect_uris=[BACK],  # type: ignore[list-item] - as above
                token_endpoint_auth_method="none",
            ),
            storage=self.kept,
            redirect_handler=self._allow,
            callback_handler=self._answered,
        )

    @asynccontextmanager
    async def connected(self, mode: str = MODERN, **headers: str) -> AsyncIterator[Client]:
        """Connect over TLS, as from elsewhere; sign in where that is asked for."""
        trust = ssl.create_default_context(cafile=str(self.bed.app.services.settings.tls_ca_file))
        async with httpx2.AsyncClient(
            auth=self._sign_in(), verify=trust, headers=headers, trust_env=False, timeout=20
        ) as http:
            transport: Any = streamable_http_client(self.address, http_client=http)
            async with Client(transport, mode=mode) as client:
                yield client

    async def token(self) -> str:
        """An access token, got the whole way."""
        async with self.connected() as client:
            await client.list_tools()
        assert self.kept.tokens is not None
        return self.kept.tokens.access_token
