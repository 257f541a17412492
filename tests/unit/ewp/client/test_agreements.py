"""Asking a stranger about agreements: who is named how in each version, and what is believed."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from unit.ewp.catalogues import SPECS
from unit.ewp.client.partner import HEI, KEY, OTHER

from ewp.client_agreements import AgreementsClient
from ewp.errors import ApiNotServed, ReplyInvalid
from ewp.messages import cnr, iias, iias_approval

SAMPLES = Path(__file__).parents[3] / "samples/ewp"
IIAS = ("get-url", "index-url", "stats-url")
LIMITS = "<max-iia-ids>2</max-iia-ids><max-iia-codes>2</max-iia-codes>"
NOTIFIED = {
    ("iia-cnr", 2): [("notifier_hei_id", OTHER)],
    ("iia-cnr", 3): [],
    ("iia-approval-cnr", 1): [("approving_hei_id", OTHER), ("owner_hei_id", HEI)],
    ("iia-approval-cnr", 2): [],
}


@pytest.fixture
def agreements(calls):
    return AgreementsClient(calls.client(), KEY, OTHER)


def iias_of(calls, major):
    """An entry `iias` of that version; the partner answers with a copy of its own."""
    calls.partner.body = copy_of(HEI, major)
    return calls.know(calls.partner.entry("iias", f"{major}.0.0", urls=IIAS, limits=LIMITS))


def copy_of(hei_id, major):
    first = {6: "clairval.example", 7: "Lindental.example"}[major]
    text = (SAMPLES / f"iias-{major}-get-response.xml").read_text()
    return text.replace(f"<hei-id>{first}<", f"<hei-id>{hei_id}<", 1).encode()


def asked(calls):
    return [each.parameters for each in calls.heard()]


async def test_version_6_is_asked_by_id_or_by_code_and_told_whom_is_asked(calls, agreements):
    entry = iias_of(calls, 6)

    await agreements.get(HEI, entry, ["a", "b", "a", "c"])
    await agreements.get_by_code(HEI, entry, ["L 1"], with_pdf=True)

    assert asked(calls) == [
        [("hei_id", HEI), ("send_pdf", "false"), ("iia_id", "a"), ("iia_id", "b")],
        [("hei_id", HEI), ("send_pdf", "false"), ("iia_id", "c")],
        [("hei_id", HEI), ("send_pdf", "true"), ("iia_code", "L 1")],
    ]


async def test_version_7_is_asked_for_one_copy_at_a_time(calls, agreements):
    entry = iias_of(calls, 7)

    found = await agreements.get(HEI, entry, ["a", "b", "a"])

    assert asked(calls) == [[("iia_id", "a")], [("iia_id", "b")]]
    assert len(found) == 2
    with pytest.raises(ApiNotServed, match="by iia_id only"):
        await agreements.get_by_code(HEI, entry, ["L 1"])
    assert len(calls.partner.heard) == 2


@pytest.mark.parametrize("major", [6, 7])
async def test_a_copy_comes_with_what_its_bytes_say_of_its_hash(calls, agreements, major):
    entry = iias_of(calls, major)
    [fits] = await agreements.get(HEI, entry, ["a"])
    calls.partner.body = copy_of(HEI, major).replace(b"2026/2027", b"2025/2026", 1)

    [changed] = await agreements.get(HEI, entry, ["a"])

    assert (fits.fits, changed.fits) == (True, False)
    assert fits.iia.partners[0].hei_id == HEI
    assert "its hash does not fit" in changed.obstacles


@pytest.mark.parametrize("major", [6, 7])
async def test_nobody_speaks_of_agreements_of_another_hei(calls, agreements, major):
    entry = iias_of(calls, major)
    calls.partner.body = copy_of("montfort.example", major)

    with pytest.raises(ReplyInvalid, match="an agreement whose first partner is another HEI"):
        await agreements.get(HEI, entry, ["a"])


@pytest.mark.parametrize(
    ("major", "named"), [(6, [("hei_id", HEI), ("partner_hei_id", OTHER)]), (7, [])]
)
async def test_an_index_is_asked_for_our_agreements(calls, agreements, major, named):
    entry = iias_of(calls, major)
    calls.partner.body = iias.write_index_response(["a", "L/2"], major=major)

    found = [
        await agreements.index(HEI, entry),
        await agreements.index(
            HEI,
            entry,
            receiving_academic_year_ids=["2026/2027", "2027/2028"],
            modified_since=datetime(2026, 2, 3, 4, 5, 6, tzinfo=timezone(timedelta(hours=1))),
        ),
    ]

    assert found == [("a", "L/2")] * 2
    assert asked(calls) == [
        named,
        [
            *named,
            ("receiving_academic_year_id", "2026/2027"),
            ("receiving_academic_year_id", "2027/2028"),
            ("modified_since", "2026-02-03T04:05:06+01:00"),
        ],
    ]


async def test_ones_own_system_is_asked_for_all_agreements(calls):
    entry = iias_of(calls, 6)
    calls.partner.body = iias.write_index_response([], major=6)

    assert await AgreementsClient(calls.client(), KEY, HEI).index(HEI, entry) == ()
    assert asked(calls) == [[("hei_id", HEI)]]


@pytest.mark.parametrize(
    ("major", "named"),
    [
        (1, [("approving_hei_id", HEI), ("owner_hei_id", OTHER), ("send_pdf", "false")]),
        (2, []),
    ],
)
async def test_approvals_are_asked_for_by_the_ids_of_our_copies(calls, agreements, major, named):
    limits = "<max-iia-ids>2</max-iia-ids>"
    entry = calls.know(calls.partner.entry("iias-approval", f"{major}.0.0", limits=limits))
    calls.partner.body = (SAMPLES / f"iias-approval-{major}-response.xml").read_bytes()

    found = await agreements.approvals(HEI, entry, ["r-0042", "r-0043"])

    assert asked(calls) == [[*named, ("iia_id", "r-0042"), ("iia_id", "r-0043")]]
    assert found == iias_approval.read_response(calls.partner.body)


@pytest.mark.parametrize("major", [6, 7])
async def test_statistics_are_got(calls, agreements, major):
    entry = iias_of(calls, major)
    figures = iias.IiaStats(
        iia_fetchable=4,
        iia_local_unapproved_partner_approved=1,
        iia_local_approved_partner_unapproved=0,
        iia_both_approved=2,
    )
    calls.partner.body = iias.write_stats_response(figures, major=major)

    assert await agreements.stats(HEI, entry) == figures
    assert [(each.method, each.target) for each in calls.heard()] == [("GET", "/api/stats-url")]


@pytest.mark.parametrize(("api", "major"), NOTIFIED)
@pytest.mark.parametrize("limits", ["", LIMITS])
async def test_each_changed_agreement_is_announced_by_a_call_of_its_own(
    calls, agreements, api, major, limits
):
    entry = calls.know(calls.partner.entry(api, f"{major}.0.0", limits=limits))
    calls.partner.body = cnr.write_cnr_response(api, major)

    await agreements.announce(HEI, entry, ["L/1", "L/2", "L/1"])

    named = NOTIFIED[api, major]
    assert asked(calls) == [[*named, ("iia_id", "L/1")], [*named, ("iia_id", "L/2")]]
    assert {each.method for each in calls.partner.heard} == {"POST"}


@pytest.mark.parametrize(("api", "major"), NOTIFIED)
async def test_an_answer_to_an_announcement_has_to_be_one(calls, agreements, api, major):
    entry = calls.know(calls.partner.entry(api, f"{major}.0.0"))
    calls.partner.body = f'<iia-cnr-response xmlns="{SPECS}api-iia-cnr/tree/stable-v9"/>'.encode()

    with pytest.raises(ReplyInvalid):
        await agreements.announce(HEI, entry, ["L/1"])


async def test_what_is_no_answer_of_that_kind_is_not_read(calls, agreements):
    entry = iias_of(calls, 7)
    calls.partner.body = b"<html/>"

    for asking in (
        agreements.get(HEI, entry, ["a"]),
        agreements.index(HEI, entry, modified_since=datetime(2026, 1, 1, tzinfo=UTC)),
        agreements.stats(HEI, entry),
    ):
        with pytest.raises(ReplyInvalid, match="is no iias-"):
            await asking
