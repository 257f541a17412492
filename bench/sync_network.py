"""A network of many partners in one process, for `sync.py`: what they keep, and their hosts.

Every partner has an address of its own, as in life: a port of this machine. Half of the
mobilities come to the covered HEI, half leave it; its own system is here too.
"""

import asyncio
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

# This folder would hide the package `ewp` behind `ewp.py`.
sys.path.append(sys.path.pop(0))

import httpx
import msgspec
import uvicorn
import uvloop
from morning import omobility_id, partner_of
from sync_telling import Order, Telling

from ewp.catalogue_xml import read_catalogue
from ewp.host import EwpHost, HostedHei, host_names
from ewp.host_services import (
    CnrService,
    ImobilitiesService,
    OmobilitiesService,
    OmobilityLasService,
    Service,
)
from ewp.host_transcripts import ImobilityTorsService
from ewp.ids import EuropeanStudentId, HeiId, OmobilityId
from ewp.keys import PrivateKey
from ewp.manifest import write_manifest
from ewp.messages import omobilities
from ewp.signing import sign_request
from sandbox import office
from sandbox.authority import Authority
from sandbox.cast import COVERED, UNIVERSITIES, Family, Person, Student, University
from sandbox.hei import SandboxHei
from sandbox.network import catalogue_of
from sandbox.serving import listen

MOST = 20  # ids a call, as partners usually take
TRANSCRIPTS = 5  # one outgoing mobility of so many has one

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Partner(SandboxHei):
    """An HEI of the sandbox that keeps everything in memory, and notes what is fetched when."""

    def __init__(self, university: University, folder: Path) -> None:
        super().__init__(university, folder)
        self.fetched: defaultdict[str, list[float]] = defaultdict(list)

    def save(self, omobility_id: str) -> None:
        """Note the time of the change."""
        self.kept.changed[omobility_id] = datetime.now(UTC)

    async def nominations(
        self, major: int, ids: Sequence[OmobilityId]
    ) -> Sequence[omobilities.StudentMobility]:
        """Return nominations, and note who was asked for."""
        for each in ids:
            self.fetched[each].append(time.monotonic())
        return await super().nominations(major, ids)


class _Ears:
    async def changed(
        self, api: str, hei_id: HeiId, callers: frozenset[HeiId], ids: Sequence[OmobilityId]
    ) -> None:
        """Take note of nothing."""


def _university(number: int) -> University:
    hei_id = HeiId(f"partner-{number:03}.example")
    return University(
        hei_id=hei_id,
        names={"en": f"Partner University {number}"},
        country="PT",
        locality="Town",
        erasmus_code=f"XX TOWN{number:03}",
        families=(Family.NEW,),
        coordinator=Person(
            given_names="Kim", family_name="Office", position="Coordinator", email=f"io@{hei_id}"
        ),
    )


def _student(home: HeiId, number: int) -> Student:
    return Student(
        key=f"{home}-{number}",
        given_names="Sasha",
        family_name=f"Testperson {number}",
        home=home,
        esi=EuropeanStudentId(f"urn:schac:personalUniqueCode:int:esi:{home}:{number}"),
        birth_date=date(2004, 3, 9),
        nationality="PT",
        gender=0,
        email=f"s{number}@{home}",
        language="en",
    )


@dataclass(slots=True)
class Partners:
    """Everybody's data, keys and doors."""

    heis: dict[HeiId, Partner] = field(default_factory=dict)
    keys: dict[HeiId, PrivateKey] = field(default_factory=dict)
    ports: dict[HeiId, int] = field(default_factory=dict)
    hanging: frozenset[HeiId] = frozenset()
    absent: frozenset[HeiId] = frozenset()  # nothing of theirs is listed
    answers: list[float] = field(default_factory=list)  # seconds that answering took here
    catalogue_xml: bytes = b""
    backend: HostedHei | None = None

    @property
    def partners(self) -> list[HeiId]:
        return [each for each in self.heis if each != COVERED.hei_id]

    def hosted(self, hei_id: HeiId) -> HostedHei | None:
        """Return one HEI's host."""
        hei = self.heis.get(hei_id)
        if hei is None:
            return None
        return HostedHei(
            hei_id=hei_id,
            names=hei.university.names,
            admin_emails=(hei.university.coordinator.email,),
            admin_provider="Bench (Bench SIS)",
            base_url=f"https://localhost:{self.ports[hei_id]}",
            client_keys=(self.keys[hei_id].public,),
            server_key=self.keys[hei_id],
            services=() if hei_id in self.absent else _services(hei),
        )

    def publish(self) -> None:
        """Do the registry's work once."""
        assert self.backend is not None
        hosts = [self.backend, *filter(None, map(self.hosted, self.heis))]
        self.catalogue_xml = catalogue_of([write_manifest(each.manifest()) for each in hosts])


def _services(hei: Partner) -> tuple[Service, ...]:
    found: list[Service] = [
        OmobilitiesService(3, hei, most=MOST),
        OmobilityLasService(hei, most=MOST),
        ImobilitiesService(2, hei, most=MOST),
        ImobilityTorsService(3, hei, most=MOST),
    ]
    if hei.hei_id != COVERED.hei_id:
        found += [CnrService("omobility-cnr", 2, _Ears()), CnrService("imobility-cnr", 2, _Ears())]
    return tuple(found)


def made(partners: int, mobilities: int) -> Partners:
    """Make everybody and all that they keep, the same each time but for keys and times."""
    all_, folder = Partners(), Path("/nowhere")
    universities = [COVERED, *(_university(each) for each in range(partners))]
    for own in universities:  # before they know of each other: nobody asks for their agreements
        all_.heis[own.hei_id] = Partner(own, folder)
        all_.keys[own.hei_id] = PrivateKey.generate()
    UNIVERSITIES.update({own.hei_id: own for own in universities})
    home = all_.heis[COVERED.hei_id]
    for number in range(mobilities):
        partner = all_.heis[all_.partners[number // 2 % partners]]
        sender, receiver = (partner, home) if number % 2 else (home, partner)
        student = _student(sender.hei_id, number)
        name = OmobilityId(f"om-{number:06}")
        office.nominate_new(sender, student, receiver.hei_id, name)
        office.send_agreement(sender, student, receiver.hei_id, name)
        if sender is home:
            office.receive(receiver, sender.hei_id, name, "verified")
            if number // 2 % TRANSCRIPTS == 0:
                grades = ("16", "14", "18", "12")
                office.issue_transcript(receiver, student, sender.hei_id, name, grades=grades)
    return all_


class Control:
    """What the benchmark asks of this process, as JSON over HTTP."""

    def __init__(self, all_: Partners, backend: str) -> None:
        self._all = all_
        self._backend = backend
        self._telling: Telling | None = None
        self._task: asyncio.Task[None] | None = None

    async def asked(self, path: str, body: bytes) -> object:
        """Do what the path says."""
        given = msgspec.json.decode(body) if body else {}
        if path == "/objects":
            return self._objects()
        if path == "/trouble":
            self._all.hanging = frozenset(given["hanging"])
            self._all.absent = frozenset(given["absent"])
            self._all.publish()
            return {}
        if path == "/approve":
            return self._approve(given["each"])
        if path == "/approve-one":
            for hei in map(self._all.heis.__getitem__, self._all.partners):
                if given["name"] in hei.kept.new:
                    _approve(hei, given["name"])
            return {}
        if path == "/answers":
            return self._all.answers
        if path == "/tell":
            order = msgspec.json.decode(body, type=Order)
            self._telling = Telling(order, self._all.keys, self._change)
            self._task = asyncio.create_task(self._telling.run())
            return {}
        if path == "/told":
            assert self._telling is not None
            assert self._task is not None
            await self._task
            return self._telling.answers
        if path == "/fetched":
            return {
                name: times
                for hei in self._all.heis.values()
                for name, times in hei.fetched.items()
            }
        return await self._a_day(given["share"])

    def _approve(self, each: int) -> dict[str, int]:
        """Decide on one of so many incoming nominations that are open; nobody is told of it."""
        changed = 0
        for hei in map(self._all.heis.__getitem__, self._all.partners):
            still = [n for n, m in hei.kept.new.items() if m.status is omobilities.StatusV3.PENDING]
            for name in still[::each]:
                _approve(hei, name)
                changed += 1
        return {"changes": changed}

    def _change(self, number: int) -> None:
        """Decide on an incoming mobility, or record that an outgoing student has come."""
        name = omobility_id(number)
        hei = self._all.heis[partner_of(number, len(self._all.partners))]
        if number % 2:
            _approve(hei, name)
        else:
            office.confirm_arrival(hei, OmobilityId(name))

    def _objects(self) -> dict[str, int]:
        found = {"mobilities": 0, "objects": 0}
        for hei in self._all.heis.values():
            kept = hei.kept
            found["mobilities"] += len(kept.new)
            of = (kept.new, kept.agreements, kept.receptions, kept.transcripts)
            found["objects"] += sum(map(len, of))
        return found

    async def _a_day(self, share: float) -> dict[str, int]:
        """Change a share of the mobilities; the partners announce theirs, the own system cannot."""
        home, real = self._all.heis[COVERED.hei_id], 0
        arrived: dict[HeiId, list[OmobilityId]] = {}
        approved: dict[HeiId, list[OmobilityId]] = {}
        step = max(1, round(1 / share))
        for hei in map(self._all.heis.__getitem__, self._all.partners):
            for name in list(hei.kept.new)[::step]:
                _approve(hei, name)
                approved.setdefault(hei.hei_id, []).append(OmobilityId(name))
            for name in list(hei.kept.receptions)[::step]:
                office.confirm_arrival(hei, OmobilityId(name))
                arrived.setdefault(hei.hei_id, []).append(OmobilityId(name))
        for name in list(home.kept.new)[1::step]:
            _approve(home, name)
            real += 1
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            for api, told in (("omobility-cnr", approved), ("imobility-cnr", arrived)):
                for hei_id, names in told.items():
                    real += len(names)
                    for start in range(0, len(names), MOST):
                        await self._tell(http, hei_id, api, names[start : start + MOST])
        return {"changes": real}

    async def _tell(
        self, http: httpx.AsyncClient, hei_id: HeiId, api: str, names: list[OmobilityId]
    ) -> None:
        assert self._all.backend is not None
        path = f"/ewp/{COVERED.hei_id}/{api}/2"
        body = "&".join(f"omobility_id={each}" for each in names).encode()
        headers = sign_request(
            self._all.keys[hei_id],
            method="POST",
            url=f"{self._all.backend.base_url}{path}",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=body,
            now=datetime.now(UTC),
        )
        answer = await http.post(f"{self._backend}{path}", headers=headers, content=body)
        answer.raise_for_status()


def _approve(hei: Partner, name: str) -> None:
    known = hei.kept.new[name]
    hei.kept.new[name] = msgspec.structs.replace(known, status=omobilities.StatusV3.APPROVED)
    hei.save(name)


def application(all_: Partners, control: Control) -> Callable[..., Awaitable[None]]:
    """Return everything that this process answers."""
    names = frozenset(
        name for port in all_.ports.values() for name in host_names(f"https://localhost:{port}")
    )
    known = read_catalogue([all_.catalogue_xml])  # keys and places never change here
    host = EwpHost(all_.hosted, lambda: known, hosts=names)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path = scope["path"]
        if path == "/catalogue-v1.xml":
            await _answer(send, all_.catalogue_xml, b"text/xml")
        elif path.startswith("/control"):
            body, more = b"", True
            while more:
                message = await receive()
                body, more = body + message.get("body", b""), message.get("more_body", False)
            found = await control.asked(path.removeprefix("/control"), body)
            await _answer(send, msgspec.json.encode(found), b"application/json")
        elif not all_.hanging.isdisjoint(path.split("/")):
            while (await receive())["type"] != "http.disconnect":
                pass
        else:
            began = time.perf_counter()
            await host(scope, receive, send)
            all_.answers.append(time.perf_counter() - began)

    return app


async def _answer(send: Send, body: bytes, kind: bytes) -> None:
    headers = [(b"content-type", kind), (b"cache-control", b"max-age=60")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class _Server(uvicorn.Server):
    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        sys.stdout.write("up\n")
        sys.stdout.flush()


async def main(folder: Path, backend: str, partners: int, mobilities: int) -> None:
    """Serve until the process is ended; `folder` gets the backend's key and the address."""
    all_ = made(partners, mobilities)
    listeners = {hei_id: listen() for hei_id in all_.heis}
    all_.ports = {hei_id: each.getsockname()[1] for hei_id, each in listeners.items()}
    key = PrivateKey.from_pem((folder / "backend.pem").read_bytes())
    all_.backend = HostedHei(
        hei_id=COVERED.hei_id,
        names=COVERED.names,
        admin_emails=("ewp@backend.example",),
        admin_provider="The backend",
        base_url="https://backend.example",
        client_keys=(key.public,),
        server_key=key,
        services=(),
    )
    all_.publish()
    for hei_id, own in all_.keys.items():
        (folder / f"{hei_id}.pem").write_bytes(own.to_pem())
    (folder / "home").write_text(f"https://localhost:{all_.ports[COVERED.hei_id]}")
    authority = Authority.open(folder / "authority")
    config = uvicorn.Config(
        application(all_, Control(all_, backend)),
        access_log=False,
        log_config=None,
        date_header=False,
        lifespan="off",
        ssl_certfile=authority.server.chain,
        ssl_keyfile=authority.server.key,
        ws="none",
    )
    await _Server(config).serve(sockets=list(listeners.values()))


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
