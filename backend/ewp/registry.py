"""Keeping the registry's catalogue at hand (guide §1.2, caching rules).

A document that is refused, garbage or empty never replaces a good one; the last good one is on
disk, so that a start needs no registry.
"""

import asyncio
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import structlog

from ewp import bodies, registry_copy
from ewp.catalogue import Catalogue
from ewp.catalogue_xml import DEFAULT, read_catalogue
from ewp.errors import CatalogueUnavailable, EwpError
from ewp.registry_copy import Copy

SHORTEST, LONGEST = 60.0, 3 * 3600.0  # seconds between two looks
USUAL = 15 * 60.0  # where the registry names no time
AFTER_FAILURE = 3 * 60.0
FOR_UNKNOWN_KEY = 60.0
STALE = timedelta(days=5)
TIMEOUT = httpx.Timeout(10.0)  # for the connection and for each piece
WHOLE_TIMEOUT = 120.0  # seconds for the whole document

_MAX_AGE = re.compile(r"(?:^|[,\s])max-age=\"?([0-9]{1,9})", re.IGNORECASE)

PRODUCTION = "https://registry.erasmuswithoutpaper.eu/catalogue-v1.xml"  # guide §1.2

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
        """Fetch from `url`; keep the last good copy at `path`, in a folder that exists.

        `shortest` is the least number of seconds between two looks, for a registry of one's own.
        """
        self._http, self._url, self._path = http, url, path
        self._now = now
        self._shortest = shortest
        self._current: Catalogue | None = None
        self._copy = Copy(url=url)
        self._loaded = path is None
        self._due: datetime | None = None  # None: at once
        self._failed = False
        self._looked_for_key_at: datetime | None = None
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
        """How long ago the registry last confirmed the catalogue; over STALE, mistrust it."""
        if self.last_success_at is None:
            return None
        return max(self._now() - self.last_success_at, timedelta())

    @property
    def stale(self) -> bool:
        """Whether there is no catalogue, or only one that nobody has confirmed for five days."""
        return self.age is None or self.age > STALE

    @property
    def wait(self) -> float:
        """Seconds until the registry is asked again; 0 when it is due."""
        if self._due is None:
            return 0.0
        seconds = (self._due - self._now()).total_seconds()
        return max(seconds, 0.0) if seconds <= LONGEST else 0.0  # more: the clock was put back

    async def load(self) -> bool:
        """Take the copy on disk, unless it is another registry's or damaged; say if there is one.

        Later calls do nothing.
        """
        async with self._lock:
            await self._load()
            return self._current is not None

    async def start(self) -> None:
        """Load the copy on disk, then ask the registry; its being away does not stop a start."""
        await self.load()
        await self.refresh()

    async def refresh(self, *, force: bool = False) -> bool:
        """Ask the registry when it is time to, or at once with `force`.

        Return whether the catalogue is as fresh as it should be. A bad answer replaces nothing and
        is never raised.
        """
        async with self._lock:
            await self._load()
            if self.wait and not force:
                return not self._failed
            return await self._ask()

    async def refresh_for_unknown_key(self) -> bool:
        """Look early, since an unknown key may be a new one; at most once a minute.

        Return whether the registry was asked and answered.
        """
        now = self._now()
        last = self._looked_for_key_at
        if last is not None and timedelta() <= now - last < timedelta(seconds=FOR_UNKNOWN_KEY):
            return False
        if self._failed and self.wait:
            return False
        self._looked_for_key_at = now
        return await self.refresh(force=True)

    async def run(self) -> None:
        """Refresh for ever, as often as the registry's headers say."""
        while True:
            await self.refresh()
            await asyncio.sleep(max(self.wait, 0.1))

    async def _load(self) -> None:
        if self._loaded or self._path is None:
            return
        self._loaded = True
        try:
            found = await asyncio.to_thread(_read_copy, self._path, self._url)
        except (OSError, EwpError) as error:
            log.warning("catalogue.copy_refused", code=_code(error))
            return
        if found is not None:
            self._current, self._copy, confirmed = found
            self.last_success_at = min(confirmed, self._now())

    async def _ask(self) -> bool:
        started = time.monotonic()
        wait, code = AFTER_FAILURE, ""
        try:
            async with asyncio.timeout(WHOLE_TIMEOUT):
                wait = await self._fetch()
        except (httpx.HTTPError, httpx.InvalidURL, EwpError, OSError) as error:
            code = _code(error)
        except Exception:
            # Whatever a document can provoke: the next one may be better.
            code = "unexpected"
            log.exception("catalogue.failed")
        self._failed = bool(code)
        self._due = self._now() + timedelta(seconds=wait)
        if code:
            log.warning("catalogue.unavailable", code=code)
            return False
        self.last_success_at = self._now()
        log.info(
            "catalogue.refreshed",
            heis=len(self.current.hei_ids),
            hosts=len(self.current.hosts),
            seconds=round(time.monotonic() - started, 3),
        )
        return True

    async def _fetch(self) -> float:
        """Get what is new, if anything, and return the seconds until the next look."""
        conditions = {
            "If-None-Match": self._copy.etag,
            "If-Modified-Since": self._copy.last_modified,
        }
        known = {name: value for name, value in conditions.items() if value and self._current}
        headers = {"Accept-Encoding": bodies.ENCODING} | known
        async with self._http.stream(
            "GET", self._url, headers=headers, timeout=TIMEOUT, follow_redirects=False
        ) as answer:
            wait = _interval(answer.headers.get("cache-control", ""), self._shortest)
            if answer.status_code == httpx.codes.NOT_MODIFIED and known:
                await self._confirm_copy()
                return wait
            if answer.status_code != httpx.codes.OK:
                raise _Answered(answer.status_code)
            try:
                pieces = await bodies.read(answer, DEFAULT.bytes)
            except bodies.BodyOverlong as error:
                raise CatalogueUnavailable(f"the catalogue: {error}") from error
        # In a thread, as it takes most of a second: requests go on being answered meanwhile.
        self._current = await asyncio.to_thread(read_catalogue, pieces)
        self._copy = Copy(
            url=self._url,
            etag=answer.headers.get("etag"),
            last_modified=answer.headers.get("last-modified"),
        )
        await self._keep_copy(pieces)
        return wait

    async def _keep_copy(self, pieces: list[bytes]) -> None:
        if self._path is None:
            return
        try:
            await asyncio.to_thread(
                registry_copy.write, self._path, pieces, self._copy, self._now()
            )
        except OSError as error:  # a full disk does not make the catalogue worse
            log.warning("catalogue.not_kept", code=_code(error))

    async def _confirm_copy(self) -> None:
        if self._path is None:
            return
        try:
            await asyncio.to_thread(registry_copy.confirm, self._path, self._now())
        except OSError as error:
            log.warning("catalogue.not_kept", code=_code(error))


class _Answered(CatalogueUnavailable):
    """Another status than 200 and 304."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the registry answered {status}")
        self.code = f"http_{status}"


def _interval(cache_control: str, shortest: float) -> float:
    found = _MAX_AGE.search(cache_control)
    return min(max(float(found[1]) if found else USUAL, shortest), LONGEST)


def _read_copy(path: Path, url: str) -> tuple[Catalogue, Copy, datetime] | None:
    found = registry_copy.read(path)
    if found is None or found.copy.url != url:
        return None
    return read_catalogue([found.document]), found.copy, found.confirmed_at


def _code(error: Exception) -> str:
    """Return what a log may say of an error."""
    if isinstance(error, EwpError):
        return error.code
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return "timeout"
    if isinstance(error, httpx.HTTPError | httpx.InvalidURL):
        return "unreachable"
    return type(error).__name__
