"""What restarts of whole deployments stand on: apis behind a balancer, students, and a partner."""

import asyncio
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from faults.balancer import Balancer, balancing
from faults.house import HOME, House, WorkerProcess, house, until
from joserfc.jwk import ECKey

from erasmus_app.identity.models import Session
from erasmus_app.ids import AccountId, HeiId, OmobilityId
from erasmus_app.oidc.tokens import SignedTokens
from ewp.catalogue_xml import read_catalogue
from ewp.host import EwpHost, HostedHei, host_names
from ewp.host_services import CnrService, IndexFilter, OmobilitiesService
from ewp.keys import PrivateKey
from ewp.manifest import write_manifest
from ewp.signing import sign_request
from sandbox.authority import Authority
from sandbox.network import catalogue_of
from sandbox.serving import listen, origin, serving

AWAY_HEI = HeiId("partner.example")
START_SECONDS = 240.0  # of an api, on a machine that does much else
PUBLIC_URL = "https://backend.example"


@dataclass(slots=True)
class Partner:
    """A university that notes what it is asked for and told of."""

    asked: set[str] = field(default_factory=set)
    told: set[str] = field(default_factory=set)

    async def nominations(self, major: int, ids: Sequence[OmobilityId]) -> Sequence[Any]:
        self.asked |= set(ids)
        return ()

    async def nominated(self, major: int, wanted: IndexFilter) -> Sequence[OmobilityId]:
        return ()

    async def decide(self, *_: object, **__: object) -> Sequence[Any]:
        raise NotImplementedError  # nobody decides here

    async def changed(
        self, api: str, hei_id: HeiId, callers: frozenset[HeiId], ids: Sequence[OmobilityId]
    ) -> None:
        self.told |= set(ids)


@dataclass(slots=True, kw_only=True)
class Town:
    """Apis and workers, and everything around them."""

    at: House
    balancer: Balancer
    address: str  # the balancer's
    partner: Partner
    partner_key: PrivateKey
    tokens: SignedTokens
    apis: dict[int, WorkerProcess] = field(default_factory=dict)  # by port

    def start_api(self, port: int) -> None:
        self.apis[port] = self.at.start("api", listen=f"127.0.0.1:{port}")

    async def until_ready(self, *ports: int) -> None:
        async def ready() -> bool:
            return all(self.balancer.ready[port] for port in ports)

        if not await until(ready, START_SECONDS):
            raise TimeoutError(f"an api is not ready: see {self.at.folder / 'apis.log'}")

    async def student(self) -> tuple[AccountId, str]:
        """Make an account that no row tells anything; with a token good for the whole run."""
        account = await self.at.account()
        del self.at.accounts[account]
        ahead = datetime.now(UTC) + timedelta(hours=6)
        until = ahead + timedelta(days=1)
        session = await self.at.database.fetchval(
            """insert into session (account_id, kind, expires_at) values ($1, 'app', $2)
               returning session_id""",
            account,
            until,
        )
        opened = Session(account_id=account, session_id=session, expires_at=until)
        return account, self.tokens.issue(opened, ahead)

    async def zones(self, accounts: Iterable[str]) -> dict[str, str | None]:
        """Return the zone that each account has chosen."""
        rows = await self.at.database.fetch(
            """select account_id::text as account, zone from account
               where account_id::text = any($1)""",
            list(accounts),
        )
        return {row["account"]: row["zone"] for row in rows}

    def notice(self, omobility_id: str) -> tuple[str, dict[str, str], bytes]:
        """Make a signed notification of the partner's: path, headers and body."""
        path = f"/ewp/{HOME}/omobility-cnr/2"
        body = urlencode({"omobility_id": omobility_id}).encode()
        headers = sign_request(
            self.partner_key,
            method="POST",
            url=f"{PUBLIC_URL}{path}",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=body,
            now=datetime.now(UTC),
        )
        return path, dict(headers), body


async def end(process: WorkerProcess) -> tuple[float, int]:
    """Ask a process to end; how many seconds that took, and its exit status."""
    began = time.monotonic()
    process.process.send_signal(signal.SIGTERM)
    try:
        status = await asyncio.to_thread(process.process.wait, 60)
    except subprocess.TimeoutExpired:
        process.kill()
        status = -signal.SIGKILL
    return time.monotonic() - began, status


def _files(folder: Path, token_sha256: str) -> tuple[PrivateKey, SignedTokens]:
    """Write the keys and the file of covered HEIs."""
    key = PrivateKey.generate()
    (folder / "client.pem").write_bytes(key.to_pem())
    (folder / "heis.toml").write_text(
        f'[[hei]]\nid = "{HOME}"\nname = {{ en = "Covered" }}\nclient_key = "client.pem"\n'
        f'admin_emails = ["ewp@backend.example"]\nfeed_token_sha256 = ["{token_sha256}"]\n'
        '[hei.api]\nomobility-cnr = "own"\nomobilities = "own"\n',
        encoding="utf-8",
    )
    secret = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "session.pem").touch(0o600)
    (folder / "session.pem").write_bytes(secret)
    return key, SignedTokens((ECKey.import_key(secret),), PUBLIC_URL)


@asynccontextmanager
async def _network(
    folder: Path, key: PrivateKey, partner_key: PrivateKey, partner: Partner
) -> AsyncIterator[str]:
    """Run the partner and a registry that lists it and us; yields the catalogue's address."""
    door = listen()
    base = origin(door, secure=True)
    told = CnrService("omobility-cnr", 2, partner)
    hosted = {
        AWAY_HEI: HostedHei(
            hei_id=AWAY_HEI,
            names={"en": "Partner"},
            admin_emails=("ewp@partner.example",),
            admin_provider="Faults",
            base_url=base,
            client_keys=(partner_key.public,),
            server_key=partner_key,
            services=(OmobilitiesService(3, partner, most=20), told),
        ),
        HOME: HostedHei(
            hei_id=HOME,
            names={"en": "Covered"},
            admin_emails=("ewp@backend.example",),
            admin_provider="Faults",
            base_url=PUBLIC_URL,
            client_keys=(key.public,),
            server_key=key,
            services=(told,),
        ),
    }
    xml = catalogue_of([write_manifest(each.manifest()) for each in hosted.values()])
    known = read_catalogue([xml])
    host = EwpHost(hosted.get, lambda: known, hosts=host_names(base))

    async def registry(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"text/xml"), (b"cache-control", b"max-age=60")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": xml})

    tls = Authority.open(folder / "authority").server
    async with (
        serving(host, listener=door, tls=tls),  # type: ignore[arg-type]
        serving(registry) as address,
    ):
        yield f"{address}/catalogue-v1.xml"


@asynccontextmanager
async def town(
    folder: Path, *, apis: int, workers: int, lease: float, feed_token_sha256: str = "0" * 64
) -> AsyncIterator[Town]:
    """Run so many apis and workers with all that is around them, until the block is left."""
    async with AsyncExitStack() as stack:
        at = await stack.enter_async_context(house(folder, workers=0, lease=lease))
        key, tokens = _files(folder, feed_token_sha256)
        partner, partner_key = Partner(), PrivateKey.generate()
        catalogue = await stack.enter_async_context(_network(folder, key, partner_key, partner))
        at.more |= {
            "ERASMUS_APP_EWP_REGISTRY_URL": catalogue,
            "ERASMUS_APP_EWP_HEIS": str(folder / "heis.toml"),
            "ERASMUS_APP_SESSION_KEY": str(folder / "session.pem"),
            "ERASMUS_APP_OIDC_ISSUER": "https://login.example",
            "ERASMUS_APP_OIDC_CLIENT_ID": "APP-faults",
            "ERASMUS_APP_OIDC_CLIENT_SECRET": "a-secret-of-thirty-two-characters!",
            "ERASMUS_APP_CNR_DEBOUNCE_SECONDS": "0.05",
            "ERASMUS_APP_MERGE_SECONDS": "0",
            "ERASMUS_APP_LIMITS": "everything=off",  # all callers have one address
        }
        ports = []
        for _ in range(apis):
            free = listen()
            ports.append(free.getsockname()[1])
            free.close()
        balancer, address = await stack.enter_async_context(balancing(*ports))
        found = Town(
            at=at,
            balancer=balancer,
            address=address,
            partner=partner,
            partner_key=partner_key,
            tokens=tokens,
        )
        try:
            for port in ports:
                found.start_api(port)
            for _ in range(workers):
                at.start_worker()
            await found.until_ready(*ports)
            yield found
        finally:
            for each in found.apis.values():
                each.kill()
