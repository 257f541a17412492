"""The covered HEIs' own EWP hosts: nobody else tells us of what they change (guide §6.2)."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

import httpx
import structlog

from erasmus_app.ids import HeiId
from erasmus_app.institutions.models import CoveredHei
from erasmus_app.kit.clock import Clock
from ewp import bodies
from ewp.catalogue import Catalogue
from ewp.client import EwpClient
from ewp.errors import MessageInvalid, XmlRefused
from ewp.manifest import LARGEST_MANIFEST, read_manifest

AGAIN_SECONDS = 300.0  # as often as the registry reads manifests
SECONDS = 10.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OwnSystem:
    """One HEI's own host, and the client that knows its keys."""

    catalogue: Catalogue
    client: EwpClient


class OwnSystems:
    """Reads the manifests that `own_system` names; they are believed by their address (TLS).

    A manifest that cannot be read, or that is not about the HEI, leaves the last good one.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        heis: Mapping[HeiId, CoveredHei],
        clock: Clock,
        timeout_seconds: float = 10,
    ) -> None:
        self._http = http
        self._clock = clock
        self._timeout = timeout_seconds
        self._addresses = {hei.id: hei.own_system for hei in heis.values() if hei.own_system}
        self._found: dict[HeiId, OwnSystem] = {}

    def of(self, hei: HeiId) -> OwnSystem | None:
        """Return the HEI's own host; None where no manifest of it was read."""
        return self._found.get(hei)

    async def read(self) -> None:
        """Read every manifest once."""
        await asyncio.gather(*(self._one(hei, url) for hei, url in self._addresses.items()))

    async def keep_reading(self) -> None:
        """Read them again and again, until cancelled."""
        while True:
            await asyncio.sleep(AGAIN_SECONDS)
            await self.read()

    async def _one(self, hei: HeiId, url: str) -> None:
        try:
            found = read_manifest(await self._fetched(url))
        except (
            httpx.HTTPError,
            httpx.InvalidURL,  # of a redirect: it is read although none is followed
            OSError,
            TimeoutError,
            XmlRefused,
            MessageInvalid,
        ) as error:
            log.warning("own_system.unreadable", hei_id=hei, error=type(error).__name__)
            return
        if not found.covers(hei):
            log.warning("own_system.of_another_hei", hei_id=hei)
            return
        client = EwpClient(self._http, lambda: found, now=self._clock, silent_seconds=self._timeout)
        self._found[hei] = OwnSystem(found, client)

    async def _fetched(self, url: str) -> bytes:
        headers = {"Accept-Encoding": bodies.ENCODING}
        async with (
            asyncio.timeout(SECONDS),
            self._http.stream("GET", url, headers=headers, follow_redirects=False) as answer,
        ):
            if answer.status_code != HTTPStatus.OK:
                raise httpx.HTTPError(f"status {answer.status_code}")
            return b"".join(await bodies.read(answer, LARGEST_MANIFEST))
