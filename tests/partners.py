"""The sandbox's universities over https, with the registry that lists them and no backend.

@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def partners(authority, tmp_path_factory) -> AsyncIterator[Partners]:
    async with partners_running(tmp_path_factory.mktemp("partners"), authority) as partners:
        yield partners
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from ewp.host_services import Endpoint, Service
from ewp.manifest import Offer
from sandbox.authority import Authority
from sandbox.cast import UNIVERSITIES
from sandbox.hei import SandboxHei
from sandbox.network import Network, kept_key
from sandbox.serving import listen, origin, serving


@dataclass(frozen=True)
class StandIn:
    """A service in another's place, all the same but for what a subclass changes."""

    real: Service

    @property
    def api(self) -> str:
        return self.real.api

    @property
    def major(self) -> int:
        return self.real.major

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        return {name: self.changed(name, each) for name, each in self.real.endpoints.items()}

    def changed(self, name: str, endpoint: Endpoint) -> Endpoint:
        """Make one of the endpoints anew."""
        raise NotImplementedError

    def offer(self, base: str) -> Offer:
        return self.real.offer(base)


@dataclass
class Partners:
    """What a test holds in its hands."""

    network: Network
    registry: str
    keys: Path
    authority: Authority

    @property
    def http(self) -> httpx.AsyncClient:
        return self.network.http


@asynccontextmanager
async def partners_running(folder: Path, authority: Authority) -> AsyncIterator[Partners]:
    """Run them; what they know and their keys are in `folder`."""
    door = listen()
    address = origin(door, secure=True)
    async with httpx.AsyncClient(verify=authority.client_context(), trust_env=False) as http:
        network = Network(
            heis={each: SandboxHei(of, folder) for each, of in UNIVERSITIES.items()},
            keys={each: kept_key(folder / f"{each}.pem") for each in UNIVERSITIES},
            base_url=address,
            backend_manifest="",
            http=http,
        )
        host = network.host()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http" and scope["path"] == "/catalogue-v1.xml":
                await network.registry(scope, send)
            else:
                await host(scope, receive, send)

        async with serving(app, listener=door, tls=authority.server):
            await network.read_manifests(of_backend=False)
            yield Partners(network, f"{address}/catalogue-v1.xml", folder, authority)
