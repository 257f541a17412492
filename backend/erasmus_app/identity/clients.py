"""Who asks for tokens in a student's name: our own app, and assistants (RFC 6749, 8252, 7591)."""

import re
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

APP = "app"
CHAT = "chat"
SCOPES = ("profile:read", "record:read", "deadlines:read", "inbox:read", CHAT, APP)
"""What can be allowed. `app` is all that the student can do; the others are for reading.

`chat` is to ask in plain words, and is answered with whatever the record says: it is had by name
alone.
"""

MOST_REDIRECTS = 20
LOOPBACKS = frozenset({"127.0.0.1", "::1", "localhost"})
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_VISIBLE = re.compile(r"[!-~]{1,2000}")


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """A public client: it has no secret, PKCE proves that the code is its own."""

    client_id: str
    names: Mapping[str, str]  # by language; "" is what it calls itself
    redirect_uris: tuple[str, ...]
    scopes: tuple[str, ...]  # what it may ask for
    is_ours: bool = False  # the operator has registered it; else it describes itself
    is_first_party: bool = False  # the student is not asked

    @property
    def host(self) -> str | None:
        """Who vouches for a client that describes itself: the host of its document."""
        return None if self.is_ours else urlsplit(self.client_id).hostname

    def name(self, language: str) -> str:
        """Return its name in a language, else in English, else as it calls itself."""
        named = self.names
        return named.get(language) or named.get("en") or next(iter(named.values()), self.client_id)

    def admits(self, redirect_uri: str) -> bool:
        """Whether an address is one that it registered, character by character.

        On this machine any port will do (RFC 8252 §7.3): an app takes the one that is free.
        """
        if redirect_uri in self.redirect_uris:
            return True
        without = _without_port(redirect_uri)
        return without is not None and any(
            without == _without_port(each) for each in self.redirect_uris
        )


class Clients(Protocol):
    """All clients."""

    async def client(self, client_id: str) -> Client | None:
        """Return a client; None where there is none of that name, or it does not describe itself.

        A client that is known by its own document is asked for it, as HTTP allows.
        """


def redirect_trouble(address: str) -> str | None:
    """Return what is wrong with an address that a client wants to register; None: nothing."""
    if _VISIBLE.fullmatch(address) is None or "\\" in address:
        return "is no address"
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return "is no address"
    if parts.fragment or "#" in address:
        return "has a fragment"
    if parts.username is not None or parts.password is not None:
        return "has a user in it"
    if parts.scheme == "https":
        return None if host else "has no host"
    if parts.scheme == "http":
        return None if host in LOOPBACKS else "is neither https nor on the device itself"
    if _SCHEME.fullmatch(parts.scheme) is None or "." not in parts.scheme:
        return "has a scheme that is nobody's own (RFC 8252 wants a reversed domain name)"
    return None


def _without_port(address: str) -> str | None:
    """Return a loopback address without its port; None for any other."""
    try:
        parts = urlsplit(address)
        if parts.scheme != "http" or parts.hostname not in LOOPBACKS or "@" in parts.netloc:
            return None
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        _ = parts.port
    except ValueError:
        return None
    return parts._replace(netloc=host).geturl()
