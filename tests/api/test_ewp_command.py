"""`erasmus-app ewp` in the sandbox's network, and in one where things are not as they should be."""

import asyncio
import json
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from pooler import past
from testbed import Bed
from unit.ewp.host.world import Kept

from erasmus_app.api.ewp.hosted import PROVIDER
from erasmus_app.cli import main
from erasmus_app.institutions.models import CNR_APIS, ApiMode
from ewp.catalogue import Host
from ewp.host_agreements import IiasApprovalService, IiasService
from ewp.host_calls import Call, Endpoint
from ewp.keys import PrivateKey
from sandbox.cast import UNIVERSITIES
from sandbox.serving import listen, origin, serving
from sandbox.world import World

OURS, PARTNER, OTHER = "ribeira.example", "lindental.example", "clairval.example"
LOGGED = '{"ts": '  # by the backend, which runs in this process
SERVED = "courses 1, echo 2, factsheet 1"


@dataclass
class Desk:
    """Somebody at a terminal of 60 columns."""

    bed: Bed
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    files: Path

    async def __call__(self, line: str, **settings: str) -> tuple[int, str, str]:
        with self.monkeypatch.context() as terminal:
            more = {f"ERASMUS_APP_{name.upper()}": value for name, value in settings.items()}
            for name, value in (self.bed.world.environment | more).items():
                terminal.setenv(name, value)
            terminal.setenv("ERASMUS_APP_DATA_DIR", str(self.files))
            terminal.setenv("COLUMNS", "60")
            status = await asyncio.to_thread(main, ["ewp", *line.split()])
        shown = self.capsys.readouterr()
        said = [line for line in shown.err.splitlines(keepends=True) if not line.startswith(LOGGED)]
        return status, shown.out, "".join(said)

    async def bad(self, line: str = "", **settings: str) -> list[tuple[str, str, str]]:
        """What the doctor finds amiss."""
        status, out, _ = await self(f"doctor --json {line}", **settings)
        found = [
            (each["level"], each["about"], each["words"])
            for each in json.loads(out)["findings"]
            if each["level"] != "ok"
        ]
        assert status == any(level == "problem" for level, _, _ in found)
        return found

    def with_key(self, pem: bytes) -> str:
        """The covered HEIs' file, with another key in the place of ours."""
        (self.files / "other.pem").write_bytes(pem)
        (self.files / "other.pem").chmod(0o600)
        heis = Path(self.bed.world.environment["ERASMUS_APP_EWP_HEIS"])
        text = heis.read_text().replace("keys/backend.pem", str(self.files / "other.pem"))
        (self.files / "heis.toml").write_text(text)
        return str(self.files / "heis.toml")


@pytest.fixture
def desk(
    bed: Bed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Desk:
    (tmp_path / "desk").mkdir()
    return Desk(bed, monkeypatch, capsys, tmp_path / "desk")


def our_manifest(world: World) -> str:
    return f"{world.environment['ERASMUS_APP_PUBLIC_URL']}/ewp/{OURS}/manifest.xml"


def addresses(host: Host) -> set[str]:
    return {url for entry in host.entries for url in entry.urls.values()}


def unfolded(text: str) -> str:
    """Without the blanks and line ends that a narrow terminal brings."""
    return "".join(text.split())


async def test_where_all_is_well_the_doctor_finds_nothing_amiss(desk: Desk, dsn: str):
    await desk.bed.app.database.pool.execute(
        "insert into poll_state (tenant, hei_id, api) values ($1, $2, 'omobilities'), "
        "($1, $1, 'omobilities')",
        OURS,
        OTHER,
    )

    way_past = {"database_direct_url": direct} if (direct := past(dsn)) else {}
    status, out, _ = await desk(f"doctor --json --partner {PARTNER}", database_url=dsn, **way_past)

    assert status == 0
    document = json.loads(out)
    manifest = our_manifest(desk.bed.world)
    found = [(each["about"], each["words"].split(", im")[0]) for each in document["findings"]]
    assert document["counts"] == {"ok": len(found), "problem": 0, "warning": 0}
    covered, known = desk.bed.app.services.heis[OURS], desk.bed.world.network.catalogue
    listed = next(host for host in known.hosts if manifest in addresses(host))
    assert found == [
        ("settings", "readable; 1 covered HEIs"),
        (OURS, "keys readable: client key 2048 bits and server key 2048 bits"),
        ("registry", "reachable; it lists 4 HEIs"),
        ("clock", "within seconds of the registry's"),
        (OURS, f"our manifest is at {manifest}"),
        (OURS, f"listed with exactly our keys and {len(listed.entries)} endpoints"),
        *((OURS, f"{api}: {covered.mode(api)}") for api in sorted(CNR_APIS)),
        (OURS, f"its own system serves {SERVED}, iias 7, iias-approval 2"),
        (PARTNER, f"speaks {SERVED}, iias 7, iias-approval 2"),
        (PARTNER, f"echo works for {OURS}"),
        (OTHER, f"speaks {SERVED}, iias 6"),
        (OTHER, f"echo works for {OURS}"),
    ]


async def test_each_command_shows_what_it_found(desk: Desk):
    world = desk.bed.world
    name = UNIVERSITIES[PARTNER].names["en"]
    signed = world.network.keys[PARTNER].key_id

    status, out, _ = await desk(f"hei {PARTNER.upper()}")
    assert status == 0
    assert max(map(len, out.splitlines())) <= 60
    for piece in (name, signed, f"{world.network.base_url}/ewp/{PARTNER}/omobilities/3/get"):
        assert unfolded(piece) in unfolded(out)
    assert "callers httpsig, answers" in out

    assert await desk("hei --find LINDENTAL") == (0, f"{PARTNER}  {name}\n", "")

    for line in (f"echo {PARTNER} a b a", f"echo {PARTNER} a b a --get --as {OURS}"):
        status, out, _ = await desk(line)
        words = (
            f"ok call: {PARTNER} answered ok signature: signed by {PARTNER} with key {signed} "
            f"ok who: it takes us for {OURS} ok words: all 3 came back as they were"
        )
        assert (status, unfolded(out)) == (0, unfolded(words)), line

    status, out, _ = await desk(f"get institutions {PARTNER}")
    assert status == 0
    assert "names 2.value" in out
    assert unfolded(name) in unfolded(out)

    status, out, error = await desk(f"get omobilities {OURS} x --major 2 --xml")
    assert (status, out.count("<omobilities-get-response"), out.count("stable-v2")) == (0, 1, 1)
    assert "signed by" in error

    status, out, _ = await desk(f"index omobility-las {PARTNER} --since 2020-01-01T00:00:00Z")
    assert (status, out.splitlines()[0]) == (0, "0 in the answer")

    served = (await desk.bed.http.get(f"{desk.bed.address}/ewp/{OURS}/manifest.xml")).text
    assert await desk(f"manifest {OURS}") == (0, served, "")

    status, out, _ = await desk(f"manifest --check {our_manifest(world)}")
    assert (status, out.split(":")[0]) == (0, "warning manifest")


async def test_what_cannot_be_done_is_one_line_and_status_2(desk: Desk):
    unknown = "the catalogue has no nobody.example; try: ewp hei --find TEXT"
    for line, words in {
        "hei nobody.example": unknown,
        "echo nobody.example": unknown,
        "hei --find nobody": "no HEI has 'nobody' in its name or code",
        f"echo {PARTNER} --as {OTHER}": f"{OTHER} is not covered here; covered are {OURS}",
        f"doctor {OTHER}": f"{OTHER} is not covered here; covered are {OURS}",
        f"get omobilities {PARTNER} x --major 2": (
            f"{PARTNER} does not serve omobilities 2; of this API it has only 3"
        ),
        f"get omobilities {PARTNER}": "omobilities: give at least one omobility_id",
        f"index imobilities {PARTNER}": f"{PARTNER}: imobilities 2 has no url for us",
    }.items():
        assert await desk(line) == (2, "", f"erasmus-app: {words}\n"), line


async def test_a_key_that_is_not_ours_is_named_and_so_is_what_to_do(desk: Desk):
    keys = desk.bed.world.network.keys

    garbage = desk.with_key(b"-----BEGIN PRIVATE KEY-----\n")
    wrong = f"{desk.files / 'other.pem'}: not an unencrypted private key in PEM"
    assert await desk(f"echo {PARTNER}", ewp_heis=garbage) == (2, "", f"erasmus-app: {wrong}\n")
    assert await desk.bad(ewp_heis=garbage) == [
        ("problem", OURS, f"client key: {wrong}"),
        ("problem", OURS, f"server key: {wrong}"),
    ]

    new = PrivateKey.generate()
    unlisted = desk.with_key(new.to_pem())
    status, out, _ = await desk(f"echo {PARTNER}", ewp_heis=unlisted)
    assert status == 1
    assert unfolded(f"does not list our key for {OURS}: {new.key_id}") in unfolded(out)
    found = await desk.bad(ewp_heis=unlisted)
    today = PrivateKey.from_pem(
        (
            Path(desk.bed.world.environment["ERASMUS_APP_EWP_HEIS"]).parent / "keys" / "backend.pem"
        ).read_bytes()
    ).key_id
    assert found == [
        ("problem", OURS, f"{our_manifest(desk.bed.world)} is not what these settings make"),
        ("problem", OURS, f"the catalogue does not list our client key {new.key_id}"),
        ("warning", OURS, f"the catalogue lists client keys that are not ours today: {today}"),
        ("problem", OURS, f"the catalogue does not list our server key {new.key_id}"),
        ("warning", OURS, f"the catalogue lists server keys that are not ours today: {today}"),
    ]

    stolen = desk.with_key(keys[OTHER].to_pem())
    status, out, _ = await desk(f"echo {PARTNER}", ewp_heis=stolen)
    assert status == 1
    assert unfolded(f"it takes us for {OTHER}, not for {OURS}") in unfolded(out)
    found = await desk.bad(f"--partner {PARTNER}", ewp_heis=stolen)
    assert ("problem", OURS, f"the catalogue lists its client key for {OTHER}") in found
    assert ("problem", PARTNER, f"echo takes {OURS} for {OTHER}") in found


async def test_what_is_down_or_elsewhere_is_told_apart(desk: Desk):
    world = desk.bed.world
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nowhere = f"https://localhost:{taken.getsockname()[1]}"
    url = f"{nowhere}/catalogue-v1.xml"

    assert await desk(f"hei {PARTNER}", ewp_registry_url=url) == (
        2,
        "",
        f"erasmus-app: the registry gives no catalogue: {url}\n",
    )
    ((level, about, words),) = await desk.bad(ewp_registry_url=url)
    assert (level, about) == ("problem", "registry")
    assert words.startswith(f"no catalogue from {url}: ")
    assert words.endswith("; there is no copy either")

    world.network.down.add(PARTNER)
    status, out, _ = await desk(f"echo {PARTNER}")
    assert (status, "status 503" in out) == (1, True)
    assert await desk.bad(f"--partner {PARTNER} --partner nobody.example") == [
        ("warning", PARTNER, f"echo for {OURS} fails: status 503: (no error-response)"),
        ("problem", "nobody.example", "the catalogue does not know it"),
    ]

    found = await desk.bad(public_url=nowhere)
    assert [(level, words.split(":")[0]) for level, _, words in found] == [
        ("problem", "our manifest at https"),
        ("problem", "the catalogue does not list our manifest"),
        *(
            ("problem", f"{api} is to be ours, but {PROVIDER} holds it")
            for api in sorted(CNR_APIS)
            if desk.bed.app.services.heis[OURS].mode(api) is ApiMode.OWN
        ),
    ]

    none = desk.files / "no.pem"
    assert await desk.bad(tls_ca_file=str(none)) == [
        ("problem", "settings", f"ERASMUS_APP_TLS_CA_FILE: there is no file {none}")
    ]


async def test_a_clock_that_is_off_is_a_finding(desk: Desk):
    skew = [timedelta()]

    async def registry(scope, receive, send):
        date = format_datetime(datetime.now(UTC) + skew[-1], usegmt=True).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"date", date)]})
        await send({"type": "http.response.body", "body": desk.bed.world.network.catalogue_xml})

    listener = listen()
    url = f"{origin(listener, secure=True)}/catalogue-v1.xml"
    async with serving(registry, listener=listener, tls=desk.bed.world.authority.server):
        assert await desk.bad(ewp_registry_url=url) == []
        for ahead, level, words in (
            (timedelta(minutes=20), "problem", "minutes ahead of this machine's: signatures are"),
            (timedelta(minutes=-20), "problem", "minutes behind this machine's: signatures are"),
            (timedelta(minutes=1), "warning", "seconds ahead of this machine's"),
        ):
            skew.append(ahead)
            ((found, about, said),) = await desk.bad(ewp_registry_url=url)
            assert (found, about) == (level, "clock")
            assert words in said


async def test_agreements_are_shown_and_their_hashes_checked(desk: Desk):
    network, kept = desk.bed.world.network, Kept()
    services = (
        IiasService(6, kept),
        IiasService(7, kept),
        IiasApprovalService(1, kept),
        IiasApprovalService(2, kept),
    )
    network.instead[PARTNER] = services
    await network.read_manifests()

    status, out, _ = await desk(f"index iias {PARTNER}")
    assert (status, out.splitlines()[:3]) == (0, ["2 in the answer", "  L/1", "  L/3"])

    status, out, _ = await desk(f"get iias {PARTNER} L/1 L/3 L/9")
    assert status == 0
    for row in (
        f"studies {OURS} to {PARTNER}, 2026/2027 to 2028/2029, 3 a year, 15 months a year in all",
        "ok hash: L/1: the hash fits",
        "ok hash: L/3: the hash fits",
    ):
        assert unfolded(row) in unfolded(out)

    status, out, _ = await desk(f"get iias {PARTNER} L/1 --major 6")
    assert (status, unfolded("L/1: the hash fits") in unfolded(out), "pdf" in out) == (0, 1, 0)
    status, out, error = await desk(f"get iias {PARTNER} L/1 --xml")
    assert (status, out.count("<iia-hash>")) == (0, 1)
    assert unfolded("ok hash: L/1: the hash fits") in unfolded(error)

    for line in (f"get iias-approval {PARTNER} r-1", f"get iias-approval {PARTNER} r-1 --major 1"):
        status, out, _ = await desk(line)
        assert (status, out.splitlines()[0]) == (0, "1 in the answer")
        assert "1" * 20 in out

    network.instead[PARTNER] = (Altered(kept, b"L/1/theirs", b""), *services[2:])
    status, out, _ = await desk(f"get iias {PARTNER} L/1")
    assert status == 1
    assert unfolded("problem hash: L/1: the hash does not fit; what came has") in unfolded(out)
    network.instead[PARTNER] = (Altered(kept, b"7/endpoints", b"8/endpoints"), *services[2:])
    status, _, error = await desk(f"get iias {PARTNER} L/1 --xml")
    assert status == 1
    assert unfolded("hash: cannot be checked: is no iias-get-response") in unfolded(error)


class Altered(IiasService):
    """A partner whose answers are not what it hashed."""

    def __init__(self, kept: Kept, old: bytes, new: bytes) -> None:
        super().__init__(7, kept)
        object.__setattr__(self, "change", (old, new))

    @property
    def endpoints(self) -> dict[str, Endpoint]:
        whole = super().endpoints["get"]

        async def altered(call: Call) -> bytes:
            answer = await whole.handle(call)
            assert self.change[0] in answer
            return answer.replace(*self.change)

        return {**super().endpoints, "get": Endpoint(whole.methods, altered)}
