"""Statistics: figures by year, for the statistics portal and the HEI itself (guide §3.5)."""

import pytest
from unit.ewp.host.counted import COMING_IN, GOING_OUT, ISSUED, NOMINATED
from unit.ewp.host.test_cnrs import MASTERS
from unit.ewp.host.world import COUNTER, NOBODYS, OWN, PARTNER, UNKNOWN, refusal, told

from ewp.host_services import CnrService
from ewp.messages import imobility_tors, omobility_stats

pytestmark = pytest.mark.asyncio(loop_scope="module")

HEI = "/ewp/lindental.example"
STATS = {
    "omobility-stats/1": (omobility_stats.read_response, NOMINATED),
    "omobility-las/1/stats": (omobility_stats.read_outgoing_las, GOING_OUT),
    "omobility-la-cnr/1/stats": (omobility_stats.read_incoming_las, COMING_IN),
    "imobility-tor-stats/1": (imobility_tors.read_stats_response, ISSUED),
}


@pytest.fixture(params=STATS)
def path(request):
    return request.param


async def test_the_portal_and_the_university_itself_read_the_figures(world, path):
    read, figures = STATS[path]

    for key in (COUNTER, OWN):
        answer = await world.ask(f"{HEI}/{path}", key=key)
        assert (answer.status_code, read(answer.content)) == (200, (figures,))
    assert read((await world.ask(f"{HEI}/{path}?year=2026", key=COUNTER)).content) == (figures,)


async def test_nobody_else_is_let_in_and_nothing_is_counted_for_them(world, path):
    for key in (PARTNER, NOBODYS):
        told = refusal(await world.ask(f"{HEI}/{path}", key=key))
        assert told == (403, "statistics are for the statistics portal")
    assert refusal(await world.ask(f"{HEI}/{path}", key=UNKNOWN))[0] == 403
    assert refusal(await world.ask(f"{HEI}/{path}", after={"authorization": None}))[0] == 401
    assert world.kept.asked == []


async def test_statistics_are_only_got(world, path):
    for method in ("POST", "PUT", "DELETE"):
        answer = await world.ask(f"{HEI}/{path}", method=method, key=COUNTER)
        assert refusal(answer) == (405, "takes GET only")


async def test_a_university_that_counts_nothing_serves_no_figures(world):
    for api in ("omobility-cnr/2", "imobility-cnr/1", "omobilities/3"):
        assert (await world.ask(f"{HEI}/{api}/stats", key=COUNTER)).status_code == 404


async def test_figures_that_cannot_be_had_are_an_error_of_ours(world, path):
    world.kept.broken = True

    answer = await world.ask(f"{HEI}/{path}", key=COUNTER)

    failed = "an error of ours; please try again later"
    assert told(answer) == (500, "error-response", [failed])


async def test_only_notifications_of_agreements_have_a_place_for_figures(world):
    kept = world.kept
    [with_figures] = [
        api
        for api, major in MASTERS
        if "stats" in CnrService(api, major, kept, stats=kept).endpoints
    ]

    assert with_figures == "omobility-la-cnr"
    for api, major in MASTERS:
        children = dict(CnrService(api, major, kept, stats=kept).offer("").children)
        assert ("stats-url" in children) is (api == with_figures)
