"""What every `erasmus-app ewp` command stands on: settings, the catalogue, signed calls."""

import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from erasmus_app.api.ewp.hosted import hosted_heis
from erasmus_app.errors import AppError
from erasmus_app.ids import HeiId
from erasmus_app.institutions.models import CoveredHei
from erasmus_app.kit.clock import Clock, utc_now
from erasmus_app.kit.trust import trusting
from erasmus_app.mobilities.figures import Agreements, Nominations, Transcripts
from erasmus_app.mobilities.own import Decision, OwnStore
from erasmus_app.settings import Settings, load_heis, load_settings
from ewp import bodies
from ewp.catalogue import Catalogue
from ewp.client import EwpClient
from ewp.errors import KeyInvalid
from ewp.host import HostedHei
from ewp.keys import PrivateKey
from ewp.manifest import LARGEST_MANIFEST
from ewp.registry import PRODUCTION, CatalogueKeeper

FRESH = timedelta(minutes=5)  # as long as the registry lets its answer be kept
SECONDS = 10.0


class CommandFailed(AppError):
    """A command that cannot do what it was asked; the message is one line."""

    code = "command_failed"


class NotFetched(Exception):
    """A document that did not come; the message says why in words."""


class TooLarge(NotFetched):
    """A document that went on and on."""


class Clocks:
    """How far the clocks of those who answer are from ours, by their `Date` headers."""

    def __init__(self, now: Clock) -> None:
        self._now = now
        self.ahead: dict[str, timedelta] = {}  # by host and port; below zero: it is behind

    async def note(self, answer: httpx.Response) -> None:
        """Look at an answer's headers, for httpx."""
        try:
            date = parsedate_to_datetime(answer.headers["date"])
            age = timedelta(seconds=int(answer.headers.get("age", "0")))
            ahead = date + age - self._now() if date.tzinfo is not None else None
        except (KeyError, ValueError, OverflowError):
            return
        if ahead is not None:
            self.ahead[answer.url.netloc.decode("ascii")] = ahead

    def of(self, url: str) -> timedelta | None:
        """Return how far ahead of ours the clock at an address is, once it has answered."""
        return self.ahead.get(httpx.URL(url).netloc.decode("ascii"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Tools:
    """What a command holds while it runs."""

    settings: Settings
    http: httpx.AsyncClient
    registry_url: str
    clocks: Clocks
    now: Clock
    heis: Mapping[HeiId, CoveredHei] = field(default_factory=dict)

    def covered(self, name: str | None) -> CoveredHei:
        """Return the covered HEI of that name, or the only one. Raises CommandFailed."""
        if name is None and len(self.heis) == 1:
            return next(iter(self.heis.values()))
        known = ", ".join(self.heis) or "none: ERASMUS_APP_EWP_HEIS names no file"
        if name is None:
            raise CommandFailed(f"--as: say which HEI's key signs; covered are {known}")
        hei = self.heis.get(HeiId(name.lower()))
        if hei is None:
            raise CommandFailed(f"{one_line(name)} is not covered here; covered are {known}")
        return hei

    async def catalogue(self) -> Catalogue:
        """Return the catalogue: a copy that a service has just made, else the registry's own.

        Nothing is written, since these files are the services'. Raises CommandFailed.
        """
        copy = CatalogueKeeper(self.http, self.registry_url, self.copy_path, now=self.now)
        if await copy.load() and copy.age is not None and copy.age < FRESH:
            return copy.current
        asked = CatalogueKeeper(self.http, self.registry_url, now=self.now)
        if await asked.refresh(force=True):
            return asked.current
        if copy.age is not None and not copy.stale:
            return copy.current
        raise CommandFailed(f"the registry gives no catalogue: {self.registry_url}")

    @property
    def copy_path(self) -> Path:
        """Where the services keep the catalogue."""
        return self.settings.data_dir / "catalogue.xml"

    def client(self, catalogue: Catalogue) -> EwpClient:
        """Return a client for the partners of a catalogue."""
        return EwpClient(self.http, lambda: catalogue, now=self.now)

    def hosted(self, hei: CoveredHei, client: PrivateKey, server: PrivateKey) -> HostedHei:
        """Return what we serve for a covered HEI, as the API does."""
        only = {hei.id: hei}
        nothing = _Nothing()
        made = hosted_heis(
            self.settings, only, {hei.id: client}, {hei.id: server}, nothing, nothing, nothing
        )
        return made[hei.id]

    async def fetch(self, url: str) -> tuple[bytes, dict[str, Any] | None]:
        """Get a document as the registry would, and the certificate that it came under.

        Raises:
            NotFetched: with the reason in words.
        """
        headers = {"Accept-Encoding": bodies.ENCODING}
        try:
            async with self.http.stream(
                "GET", url, headers=headers, timeout=SECONDS, follow_redirects=False
            ) as answer:
                if answer.status_code != HTTPStatus.OK:
                    raise NotFetched(f"the answer is {answer.status_code} in place of 200")
                body = b"".join(await bodies.read(answer, LARGEST_MANIFEST))
                stream = answer.extensions.get("network_stream")
                tls = stream.get_extra_info("ssl_object") if stream is not None else None
                certificate = tls.getpeercert() if tls is not None else None
        except bodies.BodyOverlong as error:
            raise TooLarge(f"it is over {LARGEST_MANIFEST} bytes") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise NotFetched(_why(error)) from error
        return body, certificate


class _Nothing:
    """Takes the place of queue and data where nothing is received or read."""

    @property
    def store(self) -> OwnStore:
        """Never asked for."""
        raise NotImplementedError

    async def decide(self, hei: HeiId, callers: frozenset[HeiId], decision: Decision) -> None:
        """Do nothing."""

    async def nominations(self, hei: HeiId) -> Sequence[Nominations]:
        """Never asked for."""
        raise NotImplementedError

    async def agreements(self, hei: HeiId, *, outgoing: bool) -> Sequence[Agreements]:
        """Never asked for."""
        raise NotImplementedError

    async def transcripts(self, hei: HeiId) -> Sequence[Transcripts]:
        """Never asked for."""
        raise NotImplementedError

    async def write(self, kind: str, jobs: Mapping[str, Any], *, after: timedelta) -> None:
        """Do nothing."""


@asynccontextmanager
async def opened(settings: Settings, *, now: Clock = utc_now) -> AsyncIterator[Tools]:
    """Open what commands need; HEIs are read by those who need them."""
    trust = trusting(settings.tls_ca_file)
    clocks = Clocks(now)
    async with httpx.AsyncClient(
        verify=trust,
        timeout=SECONDS,
        trust_env=False,
        event_hooks={"response": [clocks.note]},
    ) as http:
        yield Tools(
            settings=settings,
            http=http,
            registry_url=settings.ewp_registry_url or PRODUCTION,
            clocks=clocks,
            now=now,
        )


@asynccontextmanager
async def opened_with_heis(environment: Mapping[str, str]) -> AsyncIterator[Tools]:
    """Open what commands need that act for a covered HEI. Raises SettingsInvalid."""
    settings = load_settings(environment)
    heis = load_heis(settings.ewp_heis)
    async with opened(settings) as tools:
        yield replace(tools, heis=heis)


def read_key(path: Path) -> PrivateKey:
    """Read a private key's file. Raises CommandFailed."""
    try:
        return PrivateKey.from_pem(path.read_bytes())
    except OSError as error:
        raise CommandFailed(f"{path}: {error.strerror}") from error
    except KeyInvalid as error:
        raise CommandFailed(f"{path}: {error}") from error


def shown(text: str) -> str:
    """Return foreign text without what a terminal might take for a command."""
    return "".join(each if each.isprintable() or each == "\n" else "\ufffd" for each in text)


def one_line(text: object) -> str:
    """Return foreign text as one line that a terminal can show."""
    return shown(" ".join(str(text).split()))


def is_https(url: str) -> bool:
    """Whether an address is one that the registry lets stand: https, a host, no fragment."""
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and bool(parts.hostname) and "#" not in url
    except ValueError:
        return False


def _why(error: BaseException) -> str:
    if isinstance(error, httpx.TimeoutException):
        return f"no answer in {SECONDS:.0f} seconds"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not accepted: {cause.verify_message}"
        cause = cause.__cause__ or cause.__context__
    return one_line(error) or type(error).__name__
