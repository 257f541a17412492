"""Notifications of agreements: of one in a call, believed of the partner (guide §3.4, §4.11)."""

import pytest
from lxml import etree
from unit.ewp.host.world import LINDENTAL, MONTFORT, NOBODYS, RIBEIRA, SPECS, THIRD, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")

HEI = f"/ewp/{LINDENTAL}"
NOTIFIERS = {
    ("iia-cnr", 2): "notifier_hei_id",
    ("iia-cnr", 3): None,
    ("iia-approval-cnr", 1): "approving_hei_id",
    ("iia-approval-cnr", 2): None,
}


def notified(api, major, *ids, notifier=RIBEIRA, owner=LINDENTAL):
    """A notification of the partner's."""
    name = NOTIFIERS[api, major]
    given = [f"{name}={notifier}"] if name and notifier else []
    given += [f"owner_hei_id={owner}"] if name == "approving_hei_id" and owner else []
    return "&".join([*given, *(f"iia_id={each}" for each in ids)])


@pytest.fixture(params=NOTIFIERS, ids=lambda each: "-".join(map(str, each)))
def cnr(request):
    return request.param


async def test_the_id_is_passed_on_and_the_answer_is_empty(world, cnr):
    api, major = cnr

    for notifier in (RIBEIRA, "Ribeira.Example"):
        answer = await world.post(
            f"{HEI}/{api}/{major}", notified(api, major, "r-9", notifier=notifier)
        )
        root = etree.fromstring(answer.content)
        assert (answer.status_code, root.tag, len(root), root.text) == (
            200,
            f"{{{SPECS}api-{api}/tree/stable-v{major}}}{api}-response",
            0,
            None,
        )

    assert world.kept.heard == [(api, LINDENTAL, [RIBEIRA], "r-9")] * 2


async def test_what_foreigners_tell_counts_for_nothing(world, cnr):
    api, major = cnr

    for key in (THIRD, NOBODYS):
        answer = await world.post(f"{HEI}/{api}/{major}", notified(api, major, "r-9"), key=key)
        assert answer.status_code == 200

    of_its_own = [[], []] if NOTIFIERS[cnr] else [[MONTFORT], []]
    assert [callers for _, _, callers, _ in world.kept.heard] == of_its_own


async def test_a_notification_is_of_one_agreement(world, cnr):
    api, major = cnr
    target = f"{HEI}/{api}/{major}"

    assert [
        refusal(await world.post(target, notified(api, major, *ids)))
        for ids in ([], [""], ["r-9", "r-9"])
    ] == [
        (400, "iia_id: is required"),
        (400, "iia_id: is required"),
        (400, "iia_id: may be given once, not 2 times"),
    ]
    assert (await world.post(target, notified(api, major, "a b"))).status_code == 200
    assert world.kept.heard == []


async def test_the_older_versions_name_who_tells_once(world, cnr):
    api, major = cnr
    target, name = f"{HEI}/{api}/{major}", NOTIFIERS[cnr]
    if name is None:
        more = notified(api, major, "r-9") + "&notifier_hei_id=a&notifier_hei_id=b"
        assert (await world.post(target, more)).status_code == 200
        assert world.kept.heard == [(api, LINDENTAL, [RIBEIRA], "r-9")]
        return

    without = await world.post(target, notified(api, major, "r-9", notifier=None))
    twice = await world.post(target, f"{notified(api, major, 'r-9')}&{name}={RIBEIRA}")

    assert refusal(without) == (400, f"{name}: is required")
    assert refusal(twice) == (400, f"{name}: may be given once, not 2 times")
    assert world.kept.heard == []


@pytest.mark.parametrize(
    ("owner", "words"),
    [(None, "is required"), (RIBEIRA, "not an HEI of this endpoint")],
)
async def test_an_approval_is_told_to_the_owner_of_the_copy(world, owner, words):
    form = notified("iia-approval-cnr", 1, "L/1", owner=owner)

    assert refusal(await world.post(f"{HEI}/iia-approval-cnr/1", form)) == (
        400,
        f"owner_hei_id: {words}",
    )
    assert world.kept.heard == []


async def test_nobody_is_anonymous_and_nothing_else_than_telling_is_taken(world, cnr):
    target = f"{HEI}/{'/'.join(map(str, cnr))}"

    anonymous = await world.post(target, notified(*cnr, "r-9"), after={"authorization": None})
    assert anonymous.status_code == 401
    for method in ("GET", "PUT", "DELETE"):
        assert (await world.ask(target, method=method)).status_code == 405
    assert world.kept.heard == []


async def test_what_cannot_be_stored_is_to_be_sent_again(world, cnr):
    api, major = cnr
    world.kept.broken = True

    answer = await world.post(f"{HEI}/{api}/{major}", notified(api, major, "r-9"))

    assert refusal(answer) == (500, "an error of ours; please try again later")
