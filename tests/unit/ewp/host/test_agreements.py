"""Agreements and approvals as strangers ask for them (guide §4.11)."""

from urllib.parse import quote

import pytest
from unit.ewp.host.agreed import AGREED, STATS
from unit.ewp.host.world import (
    LINDENTAL,
    MONTFORT,
    NOBODYS,
    OWN,
    PARTNER,
    RIBEIRA,
    THIRD,
    UNKNOWN,
    refusal,
    told,
)

from ewp.messages import iia_hash, iias, iias_approval

pytestmark = pytest.mark.asyncio(loop_scope="module")

HEI = f"/ewp/{LINDENTAL}"
GETS = {6: f"{HEI}/iias/6/get", 7: f"{HEI}/iias/7/get"}
INDEXES = {6: f"{HEI}/iias/6/index", 7: f"{HEI}/iias/7/index"}
HERE = {6: f"hei_id={LINDENTAL}&", 7: ""}
APPROVALS = {1: f"{HEI}/iias-approval/1", 2: f"{HEI}/iias-approval/2"}
OF_RIBEIRA = f"approving_hei_id={LINDENTAL}&owner_hei_id={RIBEIRA}&"
EVERYBODY = [PARTNER, THIRD, OWN, NOBODYS]


def shown(answer):
    """The ids of the copies in an answer, each of which is Lindental's and carries its hash."""
    assert answer.status_code == 200
    checked = iia_hash.read_checked(answer.content)
    assert all(each.fits for each in checked)
    assert {each.iia.partners[0].hei_id for each in checked} <= {LINDENTAL}
    return [each.iia.partners[0].iia_id for each in checked]


def listed(answer):
    assert answer.status_code == 200
    return list(iias.read_index_response(answer.content))


# -- Copies --


@pytest.mark.parametrize("major", GETS)
@pytest.mark.parametrize(
    ("id_", "seen"),
    [
        ("L/1", [1, 0, 1, 0]),
        ("L/2", [0, 1, 1, 0]),
        ("X/9", [0, 0, 0, 0]),
        ("unheard", [0, 0, 0, 0]),
    ],
)
async def test_both_partners_see_a_copy_and_nobody_else(world, major, id_, seen):
    form = f"{HERE[major]}iia_id={id_}"

    by_get = [shown(await world.ask(f"{GETS[major]}?{form}", key=key)) for key in EVERYBODY]
    by_post = [shown(await world.post(GETS[major], form, key=key)) for key in EVERYBODY]

    assert by_get == by_post == [[id_] * times for times in seen]


async def test_a_copy_of_version_7_is_shown_whole_with_a_hash_of_its_own(world):
    answer = await world.ask(f"{GETS[7]}?iia_id=L/1")

    assert iias.read_get_response(answer.content) == (iia_hash.sealed(AGREED["L/1"]),)


@pytest.mark.parametrize(
    ("form", "seen"),
    [
        ("iia_id=L/1&iia_id=L/3&iia_id=unheard", ["L/1", "L/3"]),
        ("iia_id=L/1&iia_id=L/2", ["L/1"]),
        ("iia_id=l/1", []),
        ("iia_code=LIN+1", ["L/1", "L/3"]),
        ("iia_code=LIN+2", []),
        ("iia_code=LIN+1&iia_code=unheard", ["L/1", "L/3"]),
        ("iia_code=lin+1", []),
        ("iia_id=L/1&colour=blue", ["L/1"]),
    ],
)
async def test_version_6_is_asked_by_id_or_by_code(world, form, seen):
    assert shown(await world.post(GETS[6], HERE[6] + form)) == seen
    assert shown(await world.ask(f"{GETS[6]}?hei_id=Lindental.EXAMPLE&{form}")) == seen


@pytest.mark.parametrize(
    ("asked", "pdf"),
    [("", None), ("&send_pdf=false", None), ("&send_pdf=true", b"%PDF-1.7 signed")],
)
async def test_version_6_sends_a_pdf_to_who_asks_for_it(world, asked, pdf):
    answer = await world.ask(f"{GETS[6]}?{HERE[6]}iia_id=L/1{asked}")

    assert [each.pdf for each in iias.read_get_response(answer.content)] == [pdf]


BOTH = "iia_id, iia_code: exactly one of the two is required"


@pytest.mark.parametrize(
    ("major", "form", "words"),
    [
        (6, "", "hei_id: is required"),
        (6, "iia_id=L/1", "hei_id: is required"),
        (6, "hei_id=unheard.example&iia_id=L/1", "hei_id: not an HEI of this endpoint"),
        (6, "hei_id=nordfjord.example&iia_id=L/1", "hei_id: not an HEI of this endpoint"),
        (6, HERE[6] * 2 + "iia_id=L/1", "hei_id: may be given once, not 2 times"),
        (6, HERE[6], BOTH),
        (6, f"{HERE[6]}iia_ids=L/1", BOTH),
        (6, f"{HERE[6]}iia_id=L/1&iia_code=LIN+1", BOTH),
        (6, f"{HERE[6]}iia_id=", "iia_id: is required"),
        (6, f"{HERE[6]}iia_code=", "iia_code: is required"),
        (6, HERE[6] + "iia_id=L/1&" * 4, "iia_id: 4 values, limit is 3"),
        (6, HERE[6] + "iia_code=x&" * 4, "iia_code: 4 values, limit is 3"),
        (6, f"{HERE[6]}iia_id=L/1&send_pdf=yes", "send_pdf: must be true or false"),
        (6, f"{HERE[6]}iia_id=L/1&send_pdf=", "send_pdf: must be true or false"),
        (
            6,
            f"{HERE[6]}iia_id=L/1&send_pdf=true&send_pdf=true",
            "send_pdf: may be given once, not 2 times",
        ),
        (7, "", "iia_id: is required"),
        (7, "iia_id=", "iia_id: is required"),
        (7, "iia_code=LIN+1", "iia_id: is required"),
        (7, "iia_id=L/1&iia_id=L/1", "iia_id: 2 values, limit is 1"),
        (7, "iia_id=L/1&iia_id=unheard", "iia_id: 2 values, limit is 1"),
    ],
)
async def test_what_is_asked_wrongly_is_refused_and_not_looked_up(world, major, form, words):
    assert refusal(await world.ask(f"{GETS[major]}?{form}")) == (400, words)
    assert refusal(await world.post(GETS[major], form)) == (400, words)
    assert world.kept.asked == []


async def test_exactly_the_limit_is_answered(world):
    assert shown(await world.ask(f"{GETS[6]}?{HERE[6]}" + "iia_id=L/1&" * 3)) == ["L/1"]
    assert shown(await world.ask(f"{GETS[6]}?{HERE[6]}" + "iia_code=LIN+1&" * 3)) == ["L/1", "L/3"]


async def test_parameters_of_version_6_are_ignored_in_version_7(world):
    form = "iia_id=L/1&hei_id=unheard.example&hei_id=b&send_pdf=perhaps&iia_code=LIN+1"

    assert shown(await world.post(GETS[7], form)) == ["L/1"]


@pytest.mark.parametrize("value", ["a b", "é", "x" * 65, "\x00", "\n"])
async def test_what_cannot_be_an_id_is_unknown_without_being_looked_up(world, value):
    for major, here in HERE.items():
        assert shown(await world.ask(f"{GETS[major]}?{here}iia_id={quote(value)}")) == []
    assert shown(await world.ask(f"{GETS[6]}?{HERE[6]}iia_code=%00")) == []
    assert world.kept.asked == []


async def test_who_covers_nothing_is_not_looked_up_for(world):
    for major, here in HERE.items():
        assert shown(await world.ask(f"{GETS[major]}?{here}iia_id=L/1", key=NOBODYS)) == []
        assert listed(await world.ask(f"{INDEXES[major]}?{here}", key=NOBODYS)) == []
    assert world.kept.asked == []


# -- Indexes --


@pytest.mark.parametrize(
    ("major", "filters", "seen"),
    [
        *((major, "", [["L/1", "L/3"], ["L/2"], ["L/1", "L/2", "L/3"], []]) for major in (6, 7)),
        *(
            (major, f"receiving_academic_year_id={year}", seen)
            for major in (6, 7)
            for year, seen in {
                "2026/2027": [["L/1"], ["L/2"], ["L/1", "L/2"], []],
                "2027/2028": [["L/1"], [], ["L/1"], []],
                "2029/2030": [["L/3"], [], ["L/3"], []],
                "2030/2031": [[], [], [], []],
                "1653/1654": [[], [], [], []],
                "2028/2029&receiving_academic_year_id=2029/2030": [
                    ["L/1", "L/3"],
                    [],
                    ["L/1", "L/3"],
                    [],
                ],
            }.items()
        ),
        (6, f"partner_hei_id={RIBEIRA}", [["L/1", "L/3"], [], ["L/1", "L/3"], []]),
        (6, f"partner_hei_id={MONTFORT.upper()}", [[], ["L/2"], ["L/2"], []]),
        (6, "partner_hei_id=unheard.example", [[], [], [], []]),
        (6, f"partner_hei_id={LINDENTAL}", [[], [], [], []]),
        (7, "partner_hei_id=unheard.example", [["L/1", "L/3"], ["L/2"]]),
        (6, "modified_since=2000-01-01T00:00:00Z", [["L/1", "L/3"], ["L/2"]]),
        (7, "modified_since=2046-01-01T00:00:00Z", [[], [], [], []]),
    ],
)
async def test_an_index_is_what_the_caller_may_see_and_asks_for(world, major, filters, seen):
    form = HERE[major] + filters

    found = [
        listed(await world.post(INDEXES[major], form, key=key))
        for key, _ in zip(EVERYBODY, seen, strict=False)
    ]

    assert found == seen


@pytest.mark.parametrize(
    ("major", "form", "words"),
    [
        (6, "", "hei_id: is required"),
        (6, f"{HERE[6]}hei_id=unheard.example", "hei_id: may be given once, not 2 times"),
        (6, "hei_id=unheard.example", "hei_id: not an HEI of this endpoint"),
        (
            6,
            f"{HERE[6]}partner_hei_id={RIBEIRA}&partner_hei_id=unheard.example",
            "partner_hei_id: may be given once, not 2 times",
        ),
        *(
            (major, f"{HERE[major]}{name}={value}", f"{name}: {words}")
            for major in (6, 7)
            for name, value, words in (
                ("receiving_academic_year_id", "test/test", "must be YYYY/YYYY"),
                ("receiving_academic_year_id", "", "must be YYYY/YYYY"),
                (
                    "receiving_academic_year_id",
                    "2026/2027&receiving_academic_year_id=2027",
                    "must be YYYY/YYYY",
                ),
                ("modified_since", "2026-02-20", "must be a date and time with a zone"),
                (
                    "modified_since",
                    "2000-01-01T00:00:00Z&modified_since=2000-01-01T00:00:00Z",
                    "may be given once, not 2 times",
                ),
            )
        ),
    ],
)
async def test_an_index_that_is_asked_wrongly_is_refused(world, major, form, words):
    assert refusal(await world.ask(f"{INDEXES[major]}?{form}")) == (400, words)
    assert refusal(await world.post(INDEXES[major], form)) == (400, words)
    assert world.kept.asked == []


async def test_what_is_listed_can_be_got(world):
    for major, here in HERE.items():
        for key in EVERYBODY:
            for id_ in listed(await world.ask(f"{INDEXES[major]}?{here}", key=key)):
                got = await world.ask(f"{GETS[major]}?{here}iia_id={id_}", key=key)
                assert shown(got) == [id_]


# -- Statistics --


@pytest.mark.parametrize("major", [6, 7])
async def test_statistics_are_for_whoever_signs(world, major):
    for key in (*EVERYBODY, PARTNER):
        answer = await world.ask(f"{HEI}/iias/{major}/stats", key=key)
        assert iias.read_stats_response(answer.content) == STATS
        assert str(iias.STATS_NAMESPACE[major]).encode() in answer.content
    assert refusal(await world.ask(f"{HEI}/iias/{major}/stats", key=UNKNOWN))[0] == 403
    assert (await world.post(f"{HEI}/iias/{major}/stats", "")).status_code == 405


# -- Approvals --


@pytest.mark.parametrize("major", APPROVALS)
async def test_an_owner_is_told_which_of_its_own_copies_are_approved(world, major):
    async def told_to(key, owner):
        named = f"approving_hei_id={LINDENTAL}&owner_hei_id={owner}&" if major == 1 else ""
        form = f"{named}iia_id=r-1&iia_id=r-2&iia_id=unheard"
        by_get = await world.ask(f"{APPROVALS[major]}?{form}", key=key)
        by_post = await world.post(APPROVALS[major], form, key=key)
        assert by_get.content == by_post.content
        found = iias_approval.read_response(by_get.content)
        return [
            (each.iia_id, each.conditions_hash if major == 1 else each.iia_hash) for each in found
        ]

    assert await told_to(PARTNER, "Ribeira.Example") == [("r-1", "1" * 64), ("r-2", "2" * 64)]
    assert await told_to(THIRD, MONTFORT) == [("r-1", "3" * 64)]
    assert await told_to(OWN, LINDENTAL) == []
    assert await told_to(NOBODYS, RIBEIRA) == []


@pytest.mark.parametrize("owner", [MONTFORT, "unheard.example", LINDENTAL])
async def test_of_others_copies_nothing_is_told(world, owner):
    form = f"approving_hei_id={LINDENTAL}&owner_hei_id={owner}&iia_id=r-1"

    assert told(await world.post(APPROVALS[1], form)) == (200, "iias-approval-response", [None])
    assert world.kept.asked == []


async def test_the_signed_pdf_of_version_1_is_sent_to_who_asks_for_it(world):
    async def pdfs(asked):
        answer = await world.post(APPROVALS[1], f"{OF_RIBEIRA}iia_id=r-1{asked}")
        return [each.pdf for each in iias_approval.read_response(answer.content)]

    assert await pdfs("") == await pdfs("&send_pdf=false") == [None]
    assert await pdfs("&send_pdf=true") == [b"%PDF-1.7 ours"]


@pytest.mark.parametrize(
    ("major", "form", "words"),
    [
        (1, "iia_id=r-1", "approving_hei_id: is required"),
        (1, f"approving_hei_id={LINDENTAL}&iia_id=r-1", "owner_hei_id: is required"),
        (
            1,
            f"approving_hei_id=unheard.example&owner_hei_id={RIBEIRA}&iia_id=r-1",
            "approving_hei_id: not an HEI of this endpoint",
        ),
        (
            1,
            f"{OF_RIBEIRA}owner_hei_id={RIBEIRA}&iia_id=r-1",
            "owner_hei_id: may be given once, not 2 times",
        ),
        (1, OF_RIBEIRA, "iia_id: is required"),
        (1, f"{OF_RIBEIRA}iia_id=r-1&send_pdf=1", "send_pdf: must be true or false"),
        (1, OF_RIBEIRA + "iia_id=r-1&" * 4, "iia_id: 4 values, limit is 3"),
        (2, "", "iia_id: is required"),
        (2, "iia_id=r-1&" * 4, "iia_id: 4 values, limit is 3"),
    ],
)
async def test_approvals_that_are_asked_for_wrongly_are_refused(world, major, form, words):
    assert refusal(await world.ask(f"{APPROVALS[major]}?{form}")) == (400, words)
    assert refusal(await world.post(APPROVALS[major], form)) == (400, words)
    assert world.kept.asked == []


# -- All of them --

PATHS = [
    *(f"iias/{major}/{endpoint}" for major in (6, 7) for endpoint in ("get", "index", "stats")),
    *(f"iias-approval/{major}" for major in (1, 2)),
]


@pytest.mark.parametrize("path", PATHS)
async def test_nobody_is_anonymous_and_nothing_else_than_asking_is_taken(world, path):
    target = f"{HEI}/{path}"

    anonymous = await world.post(target, "iia_id=L/1", after={"authorization": None})
    assert anonymous.status_code == 401
    for method in ("PUT", "DELETE"):
        assert (await world.ask(target, method=method)).status_code == 405


async def test_a_broken_store_is_told_without_what_it_said(world):
    world.kept.broken = True

    answer = await world.ask(f"{GETS[7]}?iia_id=L/1")

    assert refusal(answer) == (500, "an error of ours; please try again later")
