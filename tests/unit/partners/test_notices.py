"""Which notice a partner gets of which change, and what comes of none."""

import socket
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from unit.ewp.catalogues import a_catalogue, a_host

from erasmus_app.errors import PartnerFailed
from erasmus_app.ids import HeiId, OmobilityId
from erasmus_app.kit.clock import utc_now
from erasmus_app.partners.breakers import AT_ONCE, Breakers
from erasmus_app.partners.monitoring import Monitoring
from erasmus_app.partners.notices import EwpNotices
from ewp.catalogue import ApiEntry, ClientAuth, Host, of_hosts
from ewp.catalogue_xml import read_catalogue
from ewp.client import EwpClient
from ewp.errors import CatalogueUnavailable
from ewp.keys import PrivateKey
from ewp.messages.monitoring import PORTAL

US, THEM = HeiId("outono.example"), HeiId("lindental.example")
KEY = PrivateKey.generate()


def notices(http: httpx.AsyncClient, catalogue) -> EwpNotices:
    client = EwpClient(http, catalogue)
    return EwpNotices(
        client=client, catalogue=catalogue, keys={US: KEY}, breakers=Breakers(utc_now)
    )


async def send(notices: EwpNotices, api: str, major: int) -> bool:
    return await notices.send(US, THEM, api, major, [OmobilityId("om-1")])


async def test_a_partner_without_a_receiver_is_told_nothing():
    known = read_catalogue([a_catalogue(a_host(heis=[THEM]))])
    async with httpx.AsyncClient() as http:
        assert not await send(notices(http, lambda: known), "omobilities", 3)


async def test_without_a_catalogue_it_is_tried_later():
    def none():
        raise CatalogueUnavailable("none yet")

    async with httpx.AsyncClient() as http:
        with pytest.raises(PartnerFailed) as failed:
            await send(notices(http, none), "omobilities", 3)
    assert (failed.value.code, failed.value.retry) == ("catalogue_unavailable", True)


async def test_where_enough_calls_are_under_way_it_comes_again():
    entry = ApiEntry(
        api="omobility-cnr",
        version="2.0.0",
        major=2,
        urls={"url": "https://sis.example/cnr"},
        client_auth=frozenset({ClientAuth.HTTPSIG}),
    )
    known = of_hosts([Host(hei_ids=(THEM,), entries=(entry,))])
    async with httpx.AsyncClient() as http:
        asked = notices(http, lambda: known)
        with ExitStack() as stack:
            for _ in range(AT_ONCE):
                stack.enter_context(asked.breakers.turn(["sis.example"], urgent=True))
            with pytest.raises(PartnerFailed) as failed:
                await send(asked, "omobilities", 3)
    assert (failed.value.code, failed.value.retry) == ("partner_busy", True)
    assert failed.value.after


class Written:
    """The queue, of which only what was written counts here."""

    def __init__(self) -> None:
        self.jobs: list[tuple[str, dict[str, Any]]] = []

    async def write(self, kind: str, jobs: Mapping[str, Any], *, after: timedelta) -> None:
        self.jobs += [(kind, each) for each in jobs.values()]


async def test_a_notice_that_did_not_arrive_is_reported_to_the_statistics_portal():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    clients = frozenset({ClientAuth.HTTPSIG})
    receiver, portal = (
        ApiEntry(api=api, version=f"{n}.0.0", major=n, urls={"url": nobody}, client_auth=clients)
        for api, n in (("omobility-cnr", 2), ("monitoring", 1))
    )
    known = of_hosts(
        [
            Host(hei_ids=(THEM,), entries=(receiver,)),
            Host(hei_ids=(PORTAL,), entries=(portal,)),
        ]
    )
    queue = Written()
    async with httpx.AsyncClient() as http:
        asked = notices(http, lambda: known)
        monitoring = Monitoring(
            client=asked.client,
            catalogue=lambda: known,
            keys=asked.keys,
            breakers=asked.breakers,
            jobs=queue,
            clock=utc_now,
        )
        asked = replace(asked, monitoring=monitoring)
        for _ in range(2):  # the second time it is left alone, hence not called
            with pytest.raises(PartnerFailed, match=THEM):
                await send(asked, "omobilities", 3)

    [(kind, job)] = queue.jobs
    assert (kind, job["tenant"]) == ("report", US)
    assert {name: value for name, value in job["report"].items() if value} == {
        "server_hei_id": THEM,
        "api_name": "omobility-cnr",
        "client_message": "partner_unreachable",
    }
