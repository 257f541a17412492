"""Clients of our authorisation server: registered by the operator, or described by themselves.

For the latter see draft-ietf-oauth-client-id-metadata-document.
"""

import re
import time
import tomllib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec
import structlog

from erasmus_app.errors import SettingsInvalid
from erasmus_app.identity.clients import (
    APP,
    MOST_REDIRECTS,
    SCOPES,
    Client,
    redirect_trouble,
)
from erasmus_app.oidc.documents import DocumentRefused
from erasmus_app.settings import PREFIX

MOST_CLIENTS = 500  # that describe themselves, in memory
SHORTEST, USUAL, LONGEST = 60.0, 3600.0, 86400.0  # seconds that a document is good for
LONGEST_NAME = 60
NO_SECRET = "none"  # noqa: S105 - the name of a method
_FILE = f"{PREFIX}OAUTH_CLIENTS"
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=(\d{1,9})", re.ASCII | re.IGNORECASE)

log = structlog.get_logger(__name__)


class Documents(Protocol):
    """Fetches strangers' documents without being led anywhere inside."""

    async def get(self, address: str) -> tuple[bytes, Mapping[str, str]]:
        """Return a JSON document and its headers. Raises DocumentRefused."""


class _File(msgspec.Struct, forbid_unknown_fields=True):
    client: tuple[dict[str, Any], ...] = ()


class _Registered(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A `[[client]]` as it is written."""

    id: str
    name: dict[str, str]
    redirect_uris: tuple[str, ...]
    scopes: tuple[str, ...]
    first_party: bool = False


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    """What a client's document says, as far as it matters here (RFC 7591 §2)."""

    client_id: str
    client_name: str
    redirect_uris: tuple[str, ...]
    scope: str | None = None
    token_endpoint_auth_method: str = NO_SECRET
    client_secret: Any = None
    client_secret_expires_at: Any = None


def load_clients(path: Path | None) -> dict[str, Client]:
    """Return the clients of the file that the setting names, by id.

    Raises:
        SettingsInvalid: a name or a value is wrong, or two clients share an id.
    """
    if path is None:
        return {}
    where = f"{_FILE}: {path}"
    try:
        tables = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File).client
    except (OSError, ValueError) as error:
        raise SettingsInvalid(f"{where}: {error}") from error
    found: dict[str, Client] = {}
    for number, content in enumerate(tables, 1):
        named = f"{where}: {content.get('id') or f'client number {number}'}"
        try:
            client = _registered(msgspec.convert(content, _Registered))
        except ValueError as error:
            raise SettingsInvalid(f"{named}: {error}") from error
        if client.client_id in found:
            raise SettingsInvalid(f"{named}: id: is two clients'")
        found[client.client_id] = client
    return found


def _registered(table: _Registered) -> Client:
    """Return what a table means. Raises ValueError, which says what is wrong with it."""
    if not table.id or "://" in table.id or not table.id.isprintable():
        raise ValueError("id: wants a name, and no address; those describe themselves")
    if not table.name or not all(table.name.values()):
        raise ValueError("name: wants a text for each language, as { en = ... }")
    _check_redirects(table.redirect_uris)
    if not table.scopes or not set(table.scopes) <= set(SCOPES):
        raise ValueError(f"scopes: wants some of {', '.join(SCOPES)}")
    web = all(urlsplit(each).scheme == "https" for each in table.redirect_uris)
    if table.first_party and not web:  # any app on a phone may take another's private scheme
        raise ValueError("first_party: wants https redirect_uris, which nobody else can claim")
    return Client(
        client_id=table.id,
        names=table.name,
        redirect_uris=table.redirect_uris,
        scopes=table.scopes,
        is_ours=True,
        is_first_party=table.first_party,
    )


def _check_redirects(addresses: tuple[str, ...]) -> None:
    if not 0 < len(addresses) <= MOST_REDIRECTS:
        raise ValueError(f"redirect_uris: wants one, and at most {MOST_REDIRECTS}")
    for each in addresses:
        if (trouble := redirect_trouble(each)) is not None:
            raise ValueError(f"redirect_uris: {each!r} {trouble}")


@dataclass(slots=True)
class KnownClients:
    """Registered clients, and documents as long as they are good."""

    registered: Mapping[str, Client]
    documents: Documents | None  # None: nobody describes themselves here
    _kept: OrderedDict[str, tuple[float, Client | None]] = field(default_factory=OrderedDict)

    async def client(self, client_id: str) -> Client | None:
        """Return a client, see `identity.clients.Clients`."""
        if (known := self.registered.get(client_id)) is not None:
            return known
        if self.documents is None or not is_document_address(client_id):
            return None
        until, kept = self._kept.get(client_id, (0.0, None))
        if time.monotonic() < until:
            return kept
        client, seconds = await self._described(self.documents, client_id)
        self._kept[client_id] = time.monotonic() + seconds, client
        while len(self._kept) > MOST_CLIENTS:
            self._kept.popitem(last=False)
        return client

    async def _described(self, documents: Documents, client_id: str) -> tuple[Client | None, float]:
        try:
            content, headers = await documents.get(client_id)
            client = read_document(client_id, content)
        except (DocumentRefused, ValueError) as error:
            reason = error.code if isinstance(error, DocumentRefused) else "unfit"
            log.info("oauth.client_refused", host=urlsplit(client_id).hostname, reason=reason)
            return None, SHORTEST
        found = _MAX_AGE.search(headers.get("cache-control", ""))
        seconds = float(found.group(1)) if found else USUAL
        return client, min(max(seconds, SHORTEST), LONGEST)


def is_document_address(client_id: str) -> bool:
    """Whether a client id is the address of a document: https, with a path, and nothing to hide."""
    if len(client_id) > 500 or not client_id.isascii() or not client_id.isprintable():
        return False
    try:
        parts = urlsplit(client_id)
        _ = parts.port
    except ValueError:
        return False
    steps = parts.path.split("/")
    return (
        parts.scheme == "https"
        and bool(parts.hostname)
        and parts.username is None
        and parts.password is None
        and parts.path not in {"", "/"}
        and not {".", ".."} & set(steps)
        and not set(client_id) & set("#\\ ")
    )


def read_document(client_id: str, content: bytes) -> Client:
    """Read what a client says of itself. Raises ValueError where it does not fit."""
    document = msgspec.json.decode(content, type=_Document)
    if document.client_id != client_id:
        raise ValueError("client_id: is another document's")
    if document.token_endpoint_auth_method != NO_SECRET or document.client_secret is not None:
        raise ValueError("token_endpoint_auth_method: a client of this kind has no secret")
    name = " ".join(document.client_name.split())
    if not name or not name.isprintable() or len(name) > LONGEST_NAME:
        raise ValueError("client_name: is none")
    _check_redirects(document.redirect_uris)
    readable = tuple(each for each in SCOPES if each != APP)
    asked = readable if document.scope is None else document.scope.split()
    scopes = tuple(each for each in readable if each in asked)
    if not scopes:
        raise ValueError("scope: nothing of it is to be had")
    return Client(
        client_id=client_id,
        names={"": name},
        redirect_uris=document.redirect_uris,
        scopes=scopes,
    )
