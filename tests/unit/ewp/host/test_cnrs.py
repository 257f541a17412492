"""Change notifications: taken from whoever signs, believed of the master (guide §3.4)."""

import pytest
from lxml import etree
from unit.ewp.host.world import MONTFORT, NOBODYS, PARTNER, RIBEIRA, SPECS, THIRD, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")

HEI = "/ewp/lindental.example"
MASTERS = {
    ("omobility-cnr", 1): "sending_hei_id",
    ("omobility-cnr", 2): None,
    ("imobility-cnr", 1): "receiving_hei_id",
    ("imobility-cnr", 2): None,
    ("omobility-la-cnr", 1): "sending_hei_id",
    ("imobility-tor-cnr", 1): "receiving_hei_id",
    ("imobility-tor-cnr", 2): None,
}


@pytest.fixture(params=MASTERS, ids=lambda each: "-".join(map(str, each)))
def cnr(request):
    return request.param


def form(cnr, *ids, master=RIBEIRA):
    name = MASTERS[cnr]
    given = [f"{name}={master}"] if name and master else []
    return "&".join([*given, *(f"omobility_id={each}" for each in ids)])


def target(cnr):
    return f"{HEI}/{cnr[0]}/{cnr[1]}"


async def test_ids_are_passed_on_once_and_the_answer_is_empty(world, cnr):
    answer = await world.post(target(cnr), form(cnr, "om-7", "om-1", "om-7"))

    api, major = cnr
    root = etree.fromstring(answer.content)
    assert (answer.status_code, root.tag, len(root), root.text) == (
        200,
        f"{{{SPECS}api-{api}/tree/stable-v{major}}}{api}-response",
        0,
        None,
    )
    assert world.kept.heard == [(api, "lindental.example", [RIBEIRA], ["om-7", "om-1"])]


async def test_what_foreigners_tell_counts_for_nothing(world, cnr):
    for key in (THIRD, NOBODYS):
        assert (await world.post(target(cnr), form(cnr, "om-1"), key=key)).status_code == 200

    of_its_own = [[], []] if MASTERS[cnr] else [[MONTFORT], []]
    assert [callers for _, _, callers, _ in world.kept.heard] == of_its_own


async def test_a_notification_needs_ids_within_the_limit(world, cnr):
    told = [
        refusal(await world.post(target(cnr), form(cnr, *ids))) for ids in ([], [""], ["om-1"] * 4)
    ]

    assert told == [
        (400, "omobility_id: is required"),
        (400, "omobility_id: is required"),
        (400, "omobility_id: 4 values, limit is 3"),
    ]
    assert world.kept.heard == []


async def test_the_older_family_names_the_master_once(world, cnr):
    if (name := MASTERS[cnr]) is None:
        assert (
            await world.post(target(cnr), "omobility_id=a&sending_hei_id=b&sending_hei_id=b")
        ).status_code == 200
        assert world.kept.heard == [(cnr[0], "lindental.example", [RIBEIRA], ["a"])]
        return

    without = await world.post(target(cnr), form(cnr, "om-1", master=None))
    twice = await world.post(target(cnr), form(cnr, "om-1") + f"&{name}={RIBEIRA}")

    assert refusal(without) == (400, f"{name}: is required")
    assert refusal(twice) == (400, f"{name}: may be given once, not 2 times")
    assert world.kept.heard == []


async def test_the_master_is_named_in_any_case(world, cnr):
    await world.post(target(cnr), form(cnr, "om-1", master="Ribeira.Example"), key=PARTNER)

    assert world.kept.heard == [(cnr[0], "lindental.example", [RIBEIRA], ["om-1"])]


async def test_what_cannot_be_stored_is_to_be_sent_again(world, cnr):
    world.kept.broken = True

    answer = await world.post(target(cnr), form(cnr, "om-1"))

    assert refusal(answer) == (500, "an error of ours; please try again later")
