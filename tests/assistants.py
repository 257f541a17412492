"""An assistant as its students know it: the official MCP client, and the browser beside it."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from secrets import token_bytes
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
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

from erasmus_app.identity.authorization import AuthorizationRequest, CodeForClient
from erasmus_app.identity.models import Session
from erasmus_app.ids import AccountId

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
    client: OAuthClientInformationFull | None = field(
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

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


@dataclass
class Assistant:
    """An assistant of one student's, who sits before the browser and allows what is asked."""

    bed: Bed
    student: str
    kept: Kept = field(default_factory=Kept)
    document: str | None = None  # where it describes itself
    asked: list[dict[str, str]] = field(default_factory=list)  # what the browser was sent with
    _answer: AuthorizationCodeResult | None = None

    @property
    def address(self) -> str:
        return f"{self.bed.app.services.settings.public_url}/mcp"

    async def _allow(self, address: str) -> None:
        self._answer = AuthorizationCodeResult(**query_of(f"?{await self.allowed(address)}"))

    async def allowed(self, address: str) -> str:
        """Sit before the browser and allow it; return the query with which it went back."""
        self.asked.append(query_of(address))
        http = self.bed.http
        await log_in(self.bed, self.student)
        page = await http.get(address)
        question = page.text.partition('name="question" value="')[2].partition('"')[0]
        form = {"question": question, "answer": "allow"}
        back = await http.post(address.partition("?")[0], data=form)
        http.cookies.clear()
        return urlsplit(back.headers["location"]).query

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
            client_metadata_url=self.document,
        )

    @asynccontextmanager
    async def connected(self, mode: str = MODERN, **headers: str) -> AsyncIterator[Client]:
        """Connect over TLS, as from elsewhere; sign in where that is asked for."""
        trust = ssl.create_default_context(cafile=str(self.bed.app.services.settings.tls_ca_file))
        async with httpx2.AsyncClient(
            auth=self._sign_in(),
            verify=trust,
            headers=headers,
            trust_env=False,
            timeout=20,
            # Signing in takes a while, after which the server may be about to hang up.
            limits=httpx2.Limits(keepalive_expiry=1),
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


async def granted(
    bed: Bed,
    account: AccountId,
    *scopes: str,
    resource: str | None = None,
    until: timedelta = timedelta(days=9),
) -> str:
    """An access token of an assistant's, as if the student had allowed it just now."""
    authorization, now = bed.app.services.authorization, bed.app.services.clock()
    assert authorization is not None
    request = AuthorizationRequest(
        client_id="assistant",
        redirect_uri=BACK,
        challenge="c" * 43,
        scopes=scopes,
        resource=authorization.resources[1] if resource is None else resource,
    )
    code = CodeForClient(request=request, session_id=uuid4(), account_id=account)
    await authorization.grants.open_grant(code, token_bytes(32), now + until)
    session = Session(
        account_id=account,
        session_id=code.session_id,
        expires_at=now + until,
        client_id=request.client_id,
        scopes=request.scopes,
        resource=request.resource,
    )
    return authorization.tokens.issue(session, now)


async def said(
    bed: Bed,
    token: str | None,
    method: str,
    parameters: dict[str, Any] | None = None,
    version: str = MODERN,
    **headers: str,
) -> httpx.Response:
    """One message to `/mcp` as it goes over the wire, of either generation."""
    given = dict(parameters or {})
    more = {"accept": "application/json, text/event-stream", "mcp-protocol-version": version}
    if version >= MODERN:
        more["mcp-method"] = method
        if "name" in given:
            more["mcp-name"] = given["name"]
        given["_meta"] = given.get("_meta", {}) | {
            "io.modelcontextprotocol/protocolVersion": version,
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        }
    if token is not None:
        more["authorization"] = f"Bearer {token}"
    return await bed.http.post(
        f"{bed.address}/mcp",
        json={"jsonrpc": "2.0", "id": 1, "method": method, "params": given},
        headers=more | headers,
    )


async def called(
    bed: Bed, token: str, name: str, version: str = MODERN, **arguments: Any
) -> dict[str, Any]:
    """What a tool answered; it has to answer."""
    answer = await said(bed, token, "tools/call", {"name": name, "arguments": arguments}, version)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["result"]
    return found
