"""Which pages may use the cookie of a browser that comes to us."""

from functools import lru_cache
from urllib.parse import urlsplit

from erasmus_app.settings import Settings

PORTS = {"http": 80, "https": 443}


def is_ours(origin: str | None, settings: Settings) -> bool:
    """Whether a page of this `Origin` is one of this site; where there is none, it is not known."""
    if origin is None:
        return False
    return _of(origin) in {_of(settings.browser_url), _of(settings.public_url)}


@lru_cache(maxsize=100)
def _of(address: str) -> tuple[str, str, int | None] | None:
    """Return scheme, host and port (RFC 6454 §4); None for what is no address of a site."""
    try:
        parts = urlsplit(address)
        port = parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return None
    if parts.scheme not in PORTS or not parts.hostname:
        return None
    return parts.scheme, parts.hostname, port
