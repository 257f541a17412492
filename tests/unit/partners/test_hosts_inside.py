"""HEIs whose addresses lead inside: nobody is connected to, whatever the name says."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from unit.ewp.client.partner import HEI, KEY, Calls, calling
from unit.ewp.registries import Clock, Registry, listening
from unit.partners.test_own_systems import GOOD, RIBEIRA

from erasmus_app.bootstrap.outgoing import partners_client
from erasmus_app.institutions.models import CoveredHei
from erasmus_app.partners.own_systems import OwnSystems
from erasmus_app.settings import Settings
from ewp.client import EwpClient
from ewp.errors import PartnerUnreachable
from ewp.ids import HeiId

LOOPBACK = ("127.0.0.0/8", "::1/128")


@pytest.fixture
async def calls() -> AsyncIterator[Calls]:
    async with calling() as calls:
        yield calls


async def echo(calls: Calls, settings: Settings) -> None:
    """Call a partner as the worker does."""
    async with partners_client(settings) as http:
        calls.http = http
        await calls.client().echo(KEY, HeiId(HEI), ["hello"])


@pytest.mark.parametrize(
    "host",
    [
        *("http://127.0.0.1", "http://localhost", "https://2130706433", "https://0x7f.1"),
        *("https://[::ffff:127.0.0.1]", "https://[::1]", "https://0.0.0.0"),
    ],
)
async def test_an_hei_that_registers_an_address_of_ours_is_not_called(calls: Calls, host: str):
    port = calls.partner.origin.rpartition(":")[2]
    calls.partner.origin = f"{host}:{port}"
    calls.know()

    with capture_logs() as logs, pytest.raises(PartnerUnreachable, match="AddressInside"):
        await echo(calls, Settings())
    assert calls.partner.heard == []
    assert [each["event"] for each in logs] == ["partner.inside"]


@pytest.mark.parametrize(
    "host",
    [
        *("10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
        *("[fd00::1]", "[fe80::1]", "[64:ff9b::a00:1]", "[2002:a00:1::]"),
    ],
)
async def test_nor_is_one_of_our_network_or_of_the_machines_keeper(calls: Calls, host: str):
    calls.partner.origin = f"https://{host}"
    calls.know()

    with pytest.raises(PartnerUnreachable, match="AddressInside"):
        await echo(calls, Settings(ewp_networks=LOOPBACK))


async def test_a_network_that_is_named_is_open(calls: Calls):
    await echo(calls, Settings(ewp_networks=LOOPBACK))

    assert len(calls.heard()) == 1


async def test_a_name_is_looked_up_once_and_connected_to_as_it_was_seen(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
):
    loop, asked = asyncio.get_running_loop(), []
    real = loop.getaddrinfo

    async def rebinding(host: Any, port: int, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        asked.append(name)
        first = "127.0.0.1" if asked.count(name) == 1 else "10.0.0.1"
        return await real(first if name == "localhost" else name, port, **more)

    monkeypatch.setattr(loop, "getaddrinfo", rebinding)
    calls.partner.origin = calls.partner.origin.replace("127.0.0.1", "localhost")
    calls.know()
    await echo(calls, Settings(ewp_networks=LOOPBACK))

    assert asked.count("localhost") == 1
    assert len(calls.heard()) == 1


async def test_a_redirect_leads_nobody_inside(calls: Calls):
    async with listening(Registry()) as inside:
        calls.partner.raw = (
            f"HTTP/1.1 302 So\r\nlocation: {inside.url}\r\ncontent-length: 0\r\n\r\n".encode()
        )
        with pytest.raises(PartnerUnreachable, match="a redirect"):
            await echo(calls, Settings(ewp_networks=LOOPBACK))

        assert inside.asked == []


async def test_an_own_system_may_be_inside_and_what_its_manifest_names_elsewhere_may_not(
    calls: Calls,
):
    async with listening(Registry(document=GOOD)) as served:
        hei = CoveredHei(
            id=RIBEIRA,
            name={"en": "Ribeira"},
            client_key=Path("k.pem"),
            admin_emails=(),
            own_system=served.url,
        )
        async with partners_client(Settings(), [hei]) as http:
            systems = OwnSystems(http, {RIBEIRA: hei}, Clock())
            await systems.read()
            assert systems.of(RIBEIRA) is not None

            client = EwpClient(http, lambda: calls.catalogue)
            with pytest.raises(PartnerUnreachable, match="AddressInside"):
                await client.echo(KEY, HeiId(HEI), ["hello"])
    assert calls.partner.heard == []
