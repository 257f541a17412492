"""A partner's server made by hand: it hears every byte, and answers as it is told."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import httpx
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from unit.ewp.catalogues import (
    HTTPSIG,
    SERVER_HTTPSIG,
    SERVER_TLSCERT,
    SPECS,
    a_catalogue,
    a_host,
    entry,
    security,
)
from unit.ewp.stranger import NOW, Stranger, is_signed_request

from ewp.catalogue_xml import read_catalogue
from ewp.client import EwpClient
from ewp.keys import PrivateKey

CALLER, PARTNER, THIRD = Stranger(), Stranger(), Stranger()
KEY = PrivateKey.from_pem(
    CALLER.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
)
HEI, OTHER = "ribeira.example", "montfort.example"
CNR = f'<omobility-cnr-response xmlns="{SPECS}api-omobility-cnr/tree/stable-v2"/>'.encode()


@dataclass(frozen=True)
class Heard:
    """One request as it came."""

    method: str
    target: str
    headers: dict
    body: bytes

    @property
    def parameters(self):
        """Those that count: of the body after POST, else of the query."""
        form = self.body.decode() if self.method == "POST" else self.target.partition("?")[2]
        return parse_qsl(form, keep_blank_values=True)


def an_echo(heard):
    said = "".join(f"<echo>{escape(v)}</echo>" for k, v in heard.parameters if k == "echo")
    xml = (
        f'<response xmlns="{SPECS}api-echo/tree/stable-v2"><hei-id>{HEI}</hei-id>{said}</response>'
    )
    return xml.encode()


@dataclass
class Partner:
    """`body` makes the answer's body, `headers` what is sent with it."""

    body: object = an_echo
    headers: object = PARTNER.answer  # of the request's headers and the answer's body
    status: int = 200
    heard: list = field(default_factory=list)
    raw: bytes | None = None  # sent as it is, in place of all that
    pieces: object = None  # likewise: of the request, an asynchronous iterator of bytes
    resets: bool = False  # hang up the hard way
    silent: asyncio.Event | None = None  # wait for it before answering
    under_way: int = 0
    most_under_way: int = 0
    origin: str = ""

    async def hear(self, reader, writer):
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.split("\r\n")[:-2]
            method, target, _ = first.split(" ")
            headers = {}
            for line in lines:
                name, _, value = line.partition(": ")
                assert name.lower() not in headers
                headers[name.lower()] = value
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            heard = Heard(method, target, headers, body)
            self.heard.append(heard)
            if self.silent is not None:
                await self.silent.wait()
            if self.pieces is not None:
                async for piece in self.pieces(heard):
                    writer.write(piece)
                    await writer.drain()
            else:
                writer.write(self.raw if self.raw is not None else self.written(heard))
                await writer.drain()
            if self.resets:
                writer.transport.abort()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the caller had enough
        finally:
            self.under_way -= 1
            writer.close()

    def written(self, heard):
        body = self.body(heard) if callable(self.body) else self.body
        headers = self.headers(heard.headers, body) | {"content-length": str(len(body))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return (
            f"HTTP/1.1 {self.status} So\r\n{lines}connection: close\r\n\r\n".encode("latin-1")
            + body
        )

    def catalogue(self, *, entries=None, server_keys=(PARTNER,), before=()):
        """The registry's view; `before` are hosts that are listed first."""
        if entries is None:
            entries = self.entry("echo", "2.0.1")
        return read_catalogue(
            [
                a_catalogue(
                    *before,
                    a_host(entries, [HEI], server_keys=[each.key_id for each in server_keys]),
                    a_host("", [OTHER], server_keys=[THIRD.key_id]),
                    keys={each.key_id: each.base64_der for each in (PARTNER, THIRD)},
                )
            ]
        )

    def entry(
        self, api, version, *, urls=("url",), path="/api", client=HTTPSIG, signs=True, limits=""
    ):
        servers = SERVER_TLSCERT + (SERVER_HTTPSIG if signs else "")
        inner = "".join(f"<{each}>{self.origin}{path}/{each}</{each}>" for each in urls)
        return entry(api, version, inner=inner + limits, secured=security(client, servers))


@dataclass
class Calls:
    """A client and the partner that it calls."""

    partner: Partner
    http: httpx.AsyncClient
    catalogue: object = None

    def know(self, *entries, **more):
        """Let the catalogue list these entries, and return the first."""
        self.catalogue = self.partner.catalogue(entries="".join(entries) or None, **more)
        return self.catalogue.host(self.catalogue.hosts[-2].entries[0]).entries[0]

    def client(self, **more):
        return EwpClient(self.http, lambda: self.catalogue, now=lambda: NOW, **more)

    def heard(self):
        """What the partner heard, each request with a signature that holds."""
        for each in self.partner.heard:
            assert is_signed_request(
                CALLER,
                method=each.method,
                target=each.target,
                headers=each.headers,
                body=each.body,
            )
        return self.partner.heard


@asynccontextmanager
async def calling():
    partner = Partner()
    server = await asyncio.start_server(partner.hear, "127.0.0.1", 0)
    partner.origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with httpx.AsyncClient(verify=False, trust_env=False, follow_redirects=True) as http:
        calls = Calls(partner, http)
        calls.know()
        try:
            yield calls
        finally:
            if partner.silent is not None:
                partner.silent.set()
            server.close()
            await server.wait_closed()
