"""Partners through the toolkit's client, over real sockets: whom, how, and how many at once."""

from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from unit.ewp.client.partner import HEI, KEY, OTHER, Calls
from unit.ewp.client.partner import calling as calling_partner
from unit.ewp.stranger import NOW

from erasmus_app.errors import PartnerBusy, PartnerFailed
from erasmus_app.ids import HeiId
from erasmus_app.mobilities.models import Api
from erasmus_app.partners.breakers import Breakers
from erasmus_app.partners.network import EwpPartners
from erasmus_app.partners.own_systems import OwnSystems
from ewp.messages import imobility_tors, omobilities

TENANT, ASKED = HeiId(OTHER), HeiId(HEI)
SINCE = datetime.fromisoformat("2026-11-25T09:30:00+00:00")


@pytest.fixture
async def calls() -> AsyncIterator[Calls]:
    async with calling_partner() as calls:
        yield calls


@pytest.fixture
def partners(calls: Calls) -> EwpPartners:
    return EwpPartners(
        client=calls.client(),
        catalogue=lambda: calls.catalogue,
        own_systems=OwnSystems(calls.http, {}, lambda: NOW),
        keys={TENANT: KEY, ASKED: KEY},
        breakers=Breakers(lambda: NOW),
        clock=lambda: NOW,
    )


def knows(calls: Calls, api: str, version: str, *urls: str) -> None:
    calls.know(calls.partner.entry(api, version, urls=urls or ("get-url", "index-url")))


@pytest.mark.parametrize(
    ("version", "tenant", "expected"),
    [
        ("2.0.0", TENANT, [("receiving_hei_id", HEI), ("sending_hei_id", OTHER)]),
        ("2.0.0", ASKED, [("receiving_hei_id", HEI)]),
        ("3.0.0", TENANT, []),
    ],
    ids=["of us", "of the HEI's own system", "in version 3"],
)
async def test_the_index_of_transcripts_is_asked_for_those_of_our_students(
    calls: Calls, partners: EwpPartners, version: str, tenant: HeiId, expected: list
):
    knows(calls, "imobility-tors", version)
    major = int(version[0])
    calls.partner.body = imobility_tors.write_index_response(["om-1"], major=major)

    found = await partners.index(tenant, ASKED, Api.IMOBILITY_TORS, modified_since=SINCE)
    assert found == ["om-1"]
    [heard] = calls.heard()
    since = [("modified_since", "2026-11-25T09:30:00+00:00")]
    assert heard.parameters == expected + since


async def test_where_there_is_no_index_that_is_said_without_a_call(
    calls: Calls, partners: EwpPartners
):
    knows(calls, "imobility-tors", "3.0.0", "get-url")
    assert await partners.index(TENANT, ASKED, Api.IMOBILITY_TORS, modified_since=None) is None
    knows(calls, "imobilities", "2.0.0", "get-url")
    assert await partners.index(TENANT, ASKED, Api.IMOBILITIES, modified_since=None) is None

    assert calls.heard() == []


async def test_an_api_that_is_listed_no_more_has_not_said_that_nothing_changed(
    calls: Calls, partners: EwpPartners
):
    knows(calls, "omobility-las", "1.2.0")

    with pytest.raises(PartnerFailed) as failed:
        await partners.index(TENANT, ASKED, Api.OMOBILITIES, modified_since=SINCE)
    assert (failed.value.code, failed.value.retry) == ("api_not_served", True)


async def test_a_host_that_has_no_place_left_is_not_asked(calls: Calls, partners: EwpPartners):
    knows(calls, "omobilities", "3.0.0")
    calls.partner.body = omobilities.write_index_response(["om-1"], major=3)
    about = (TENANT, ASKED, Api.OMOBILITIES)
    with ExitStack() as taken:
        for _ in range(2):
            taken.enter_context(partners.turn(*about))
        with pytest.raises(PartnerBusy) as busy:
            taken.enter_context(partners.turn(*about))
        with partners.turn(*about, urgent=True):
            assert await partners.index(*about, modified_since=SINCE - timedelta(days=1))
    assert busy.value.after > 0
    with partners.turn(*about):
        pass


class Ledger:
    """Remembers what was noted."""

    def __init__(self) -> None:
        self.noted: list[tuple[object, ...]] = []

    async def answered(self, *call: object) -> None:
        self.noted.append(call)

    async def failed(self, *call: object) -> None:
        self.noted.append(call)

    async def left_alone(self, *call: object) -> None:
        self.noted.append(("left alone", *call))


async def test_how_each_call_went_is_noted_and_none_that_was_not_made(
    calls: Calls, partners: EwpPartners
):
    knows(calls, "omobilities", "3.0.0")
    ledger, about = Ledger(), (TENANT, ASKED, Api.OMOBILITIES)
    partners = replace(partners, ledger=ledger)
    how = []

    async def asked() -> None:
        try:
            await partners.index(*about, modified_since=SINCE - timedelta(days=1))
        except PartnerFailed as failed:
            how.append((failed.code, failed.how))

    calls.partner.body = omobilities.write_index_response(["om-1"], major=3)
    await asked()
    calls.partner.body = b"<html/>"
    await asked()
    calls.partner.status = 503
    await asked()
    await asked()  # it is left alone by now

    [well, misfit, silent, resting] = ledger.noted
    assert well == (TENANT, ASKED, "omobilities")
    assert misfit == (TENANT, ASKED, "omobilities", "reply_invalid", None)
    assert silent[:4] == (TENANT, ASKED, "omobilities", "partner_unreachable")
    assert isinstance(silent[4], datetime)
    assert silent[4] > NOW
    assert resting == ("left alone", TENANT, ASKED, "omobilities", silent[4])
    assert how == [
        ("reply_invalid", None),
        ("partner_unreachable", "status 503"),
        ("partner_unreachable", "left alone"),
    ]
