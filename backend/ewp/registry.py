"""Keeping the registry's catalogue at hand (guide §1.2, caching rules)."""

import asyncio
import contextlib
import os
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import structlog

from ewp.catalogue import Catalogue
from ewp.catalogue_xml import read_catalogue
from ewp.errors import CatalogueUnavailable, EwpError

SHORTEST, LONGEST = 60.0, 3 * 3600.0  # seconds between two looks
USUAL = 15 * 60.0  # where the registry names no time
AFTER_FAILURE = 3 * 60.0
FOR_UNKNOWN_KEY = 60.0
STALE = timedelta(days=5)
LARGEST = 100_000_000  # bytes

log = structlog.get_logger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


class CatalogueKeeper:
    """The latest good catalogue, from the registry or from disk."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        url: str,
        path: Path | None = None,
        *,
        now: Callable[[], datetime] = _now,
        shortest: float = SHORTEST,
    ) -> None:
        """Fetch from `url`; keep the last good copy at `path`."""
        self._http, self._url, self._path = http, url, path
        self._now = now
        self._shortest = shortest
        self._current: Catalogue | None = None
        self._etag: str | None = None
        self._looked_for_key = 0.0
        self._next = USUAL
        self._lock = asyncio.Lock()
        self.last_success_at: datetime | None = None

    @property
    def current(self) -> Catalogue:
        """The catalogue. Raises CatalogueUnavailable before the first one is there."""
        if self._current is None:
            raise CatalogueUnavailable("no catalogue yet: the registry has not answered")
        return self._current

    @property
    def age(self) -> timedelta | None:
        """How long ago the registry last confirmed the catalogue."""
        return None if self.last_success_at is None else self._now() - self.last_success_at

    async def start(self) -> None:
        """Load the copy on disk, then ask the registry; its being away does not stop a start."""
        if self._path is not None and await asyncio.to_thread(self._path.is_file):
            with contextlib.suppress(OSError, EwpError):
                body = await asyncio.to_thread(self._path.read_bytes)
                self._current = await asyncio.to_thread(read_catalogue, [body])
                modified = (await asyncio.to_thread(self._path.stat)).st_mtime
                self.last_success_at = datetime.fromtimestamp(modified, UTC)
        await self.refresh()

    async def refresh(self) -> bool:
        """Ask the registry; return whether it answered. A bad answer replaces nothing."""
        async with self._lock:
            started = time.monotonic()
            try:
                changed = await self._fetch()
            except (httpx.HTTPError, EwpError, OSError) as error:
                log.warning("catalogue.unavailable", error=type(error).__name__)
                self._next = AFTER_FAILURE
                return False
            self.last_success_at = self._now()
            if changed:
                log.info(
                    "catalogue.refreshed",
                    heis=len(self.current.hei_ids),
                    hosts=len(self.current.hosts),
                    seconds=round(time.monotonic() - started, 3),
                )
            return True

    async def _fetch(self) -> bool:
        headers = {"If-None-Match": self._etag} if self._etag and self._current else {}
        async with self._http.stream("GET", self._url, headers=headers) as answer:
            self._next = _interval(answer.headers.get("cache-control", ""), self._shortest)
            if answer.status_code == httpx.codes.NOT_MODIFIED and self._current is not None:
                return False
            if answer.status_code != httpx.codes.OK:
                raise CatalogueUnavailable(f"the registry answered {answer.status_code}")
            body = bytearray()
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > LARGEST:
                    raise CatalogueUnavailable(f"over {LARGEST} bytes")
        found = await asyncio.to_thread(read_catalogue, [bytes(body)])
        self._current, self._etag = found, answer.headers.get("etag")
        if self._path is not None:
            await asyncio.to_thread(_keep, self._path, bytes(body))
        return True

    async def refresh_for_unknown_key(self) -> bool:
        """Look early, since an unknown key may be a new one; at most once a minute."""
        now = time.monotonic()
        if self._looked_for_key and now - self._looked_for_key < FOR_UNKNOWN_KEY:
            return False
        self._looked_for_key = now
        return await self.refresh()

    async def run(self) -> None:
        """Refresh for ever, as often as the registry's headers say."""
        while True:
            await asyncio.sleep(self._next)
            await self.refresh()


def _interval(cache_control: str, shortest: float) -> float:
    found = re.search(r"max-age=([0-9]{1,9})", cache_control)
    return min(max(float(found[1]) if found else USUAL, shortest), LONGEST)


def _keep(path: Path, body: bytes) -> None:
    """Replace the copy on disk in one step: a kill in between leaves the old one."""
    building = path.with_name(f"{path.name}.{os.getpid()}")
    with building.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    building.rename(path)
