"""A covered HEI's own manifest: whatever comes in its place, the last good one stays."""

import gzip
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs
from unit.ewp.registries import Clock, Registry, listening
from unit.ewp.stranger import Stranger

from erasmus_app.ids import HeiId
from erasmus_app.institutions.models import CoveredHei
from erasmus_app.partners.own_systems import OwnSystems
from ewp.keys import PublicKey
from ewp.manifest import Manifest, Offer, write_manifest

RIBEIRA = HeiId("ribeira.example")
KEY = PublicKey.from_base64_der(Stranger().base64_der)


def a_manifest(hei_id: str) -> bytes:
    return write_manifest(
        Manifest(
            url=f"https://sis.{hei_id}/manifest.xml",
            hei_id=HeiId(hei_id),
            names={"en": "A University"},
            admin_emails=(f"ewp@{hei_id}",),
            admin_provider="SIS",
            offers=(
                Offer(
                    api="omobilities",
                    version="3.0.0",
                    major=3,
                    children=(("get-url", f"https://sis.{hei_id}/get"),),
                ),
            ),
            client_keys=(KEY,),
            server_keys=(KEY,),
        )
    )


GOOD = a_manifest(RIBEIRA)
BOMB = gzip.compress(b"<a>" * 20_000_000, 1)
HOSTILE = {
    "another HEI's": ({"document": a_manifest("montfort.example")}, "own_system.of_another_hei"),
    "an HTML page": ({"document": b"<html>Please log in"}, "own_system.unreadable"),
    "nothing": ({"document": b""}, "own_system.unreadable"),
    "a server error": ({"status": 503}, "own_system.unreadable"),
    "without end": ({"endless": b"a" * 100_000}, "own_system.unreadable"),
    "a bomb": ({"document": BOMB, "encoding": "gzip"}, "own_system.unreadable"),
    "a bomb in a bomb": (
        {"document": gzip.compress(BOMB), "encoding": "gzip, gzip"},
        "own_system.unreadable",
    ),
    "a redirect to nowhere": (
        {"status": 302, "location": "mailto:a@b.example"},
        "own_system.unreadable",
    ),
    "half of it": ({"document": GOOD, "cut": True}, "own_system.unreadable"),
}


@pytest.mark.parametrize(("does", "event"), HOSTILE.values(), ids=HOSTILE)
async def test_what_is_no_manifest_of_the_hei_leaves_the_last_good_one(does, event):
    async with listening(Registry(document=GOOD)) as served, httpx.AsyncClient() as http:
        hei = CoveredHei(
            id=RIBEIRA,
            name={"en": "Ribeira"},
            client_key=Path("k.pem"),
            admin_emails=(),
            own_system=served.url,
        )
        systems = OwnSystems(http, {RIBEIRA: hei}, Clock())
        await systems.read()
        good = systems.of(RIBEIRA)
        served.does(**does)

        with capture_logs() as logs:
            await systems.read()

    assert good is not None
    assert systems.of(RIBEIRA) is good
    assert [each["event"] for each in logs] == [event]
