"""Transcripts of records: what is answered, filtered, empty or refused (guide §4.6).

Who may `get` what stands with the other APIs, in test_access.py.
"""

from datetime import timedelta

import msgspec
import pytest
from unit.ewp.host.issued import ISSUED, transcript
from unit.ewp.host.world import (
    MONTFORT,
    NOBODYS,
    OWN,
    PARTNER,
    RIBEIRA,
    THIRD,
    ids,
    refusal,
    told,
)

from ewp.messages import imobility_tors

pytestmark = pytest.mark.asyncio(loop_scope="module")

TORS = "/ewp/lindental.example/imobility-tors"
HERE = "receiving_hei_id=lindental.example"
EVERYBODY = [PARTNER, THIRD, OWN, NOBODYS]
MINE, THEIRS = ["in-1", "in-3"], ["in-2"]


async def test_a_partner_reads_what_was_issued(world):
    older = await world.ask(f"{TORS}/2/get?{HERE}&omobility_id=in-1")
    newer = await world.ask(f"{TORS}/3/get?omobility_id=in-1")

    issued = transcript("in-1")
    assert imobility_tors.read_get_response(newer.content) == (issued,)
    learner = msgspec.structs.replace(issued.elmo.learner, alternative_name=None)
    without = msgspec.structs.replace(
        issued,
        elmo=msgspec.structs.replace(issued.elmo, learner=learner),
        receiving_academic_year_id=None,
    )
    assert imobility_tors.read_get_response(older.content) == (without,)


def since(moment):
    return f"modified_since={moment:%Y-%m-%dT%H:%M:%SZ}"


AFTER = since(ISSUED + timedelta(seconds=1))
INDEXES = [
    ("2", HERE, [MINE, THEIRS, ["in-1", "in-2", "in-3"], []]),
    ("2", HERE.upper().replace("RECEIVING_HEI_ID", "receiving_hei_id"), [MINE, THEIRS]),
    ("2", f"{HERE}&{since(ISSUED)}", [MINE, THEIRS]),
    ("2", f"{HERE}&{AFTER}", [[], [], [], []]),
    ("2", f"{HERE}&sending_hei_id={MONTFORT}", [[], THEIRS, THEIRS, []]),
    ("2", f"{HERE}&sending_hei_id={RIBEIRA.upper()}&sending_hei_id={RIBEIRA}", [MINE, [], MINE]),
    ("2", f"{HERE}&sending_hei_id={RIBEIRA}&sending_hei_id=unheard.example", [MINE, [], MINE]),
    ("2", f"{HERE}&sending_hei_id=unheard.example", [[], [], [], []]),
    ("2", f"{HERE}&receiving_academic_year_id=2027/2028", [MINE, THEIRS]),
    ("2", "receiving_hei_id=unheard.example", [[], [], [], []]),
    ("2", "receiving_hei_id=ribeira.example", [[], [], [], []]),
    ("3", "", [MINE, THEIRS, ["in-1", "in-2", "in-3"], []]),
    ("3", "receiving_academic_year_id=2027/2028", [["in-3"], [], ["in-3"], []]),
    ("3", f"receiving_academic_year_id=1653/1654&{HERE}", [[], [], [], []]),
    ("3", AFTER, [[], [], [], []]),
    ("3", f"receiving_hei_id=unheard.example&{HERE}&sending_hei_id=x.example", [MINE, THEIRS]),
]


@pytest.mark.parametrize(("major", "form", "shown"), INDEXES)
async def test_an_index_is_what_the_caller_may_see_and_asks_for(world, major, form, shown):
    assert [
        ids(await world.post(f"{TORS}/{major}/index", form, key=key))
        for key, _ in zip(EVERYBODY, shown, strict=False)
    ] == shown


async def test_another_receiving_hei_is_an_empty_answer_and_no_error(world):
    answers = [
        await world.ask(f"{TORS}/2/{endpoint}?receiving_hei_id=unheard.example&omobility_id=in-1")
        for endpoint in ("get", "index")
    ]

    assert [told(each)[:2] for each in answers] == [
        (200, "imobility-tors-get-response"),
        (200, "imobility-tors-index-response"),
    ]
    assert [ids(each) for each in answers] == [[], []]


async def test_nothing_is_looked_up_for_who_may_see_nothing(world):
    for form in ("omobility_id=in-1", f"omobility_id=in-1&{HERE}"):
        assert ids(await world.post(f"{TORS}/3/get", form, key=NOBODYS)) == []

    assert ids(await world.post(f"{TORS}/2/index", HERE, key=NOBODYS)) == []
    assert world.kept.asked == []


YEAR = "receiving_academic_year_id"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("2/get?omobility_id=in-1", "receiving_hei_id: is required"),
        (f"2/get?{HERE}&{HERE}&omobility_id=a", "receiving_hei_id: may be given once, not 2 times"),
        (f"2/get?{HERE}", "omobility_id: is required"),
        ("3/get", "omobility_id: is required"),
        ("3/get?" + "&".join(["omobility_id=a"] * 4), "omobility_id: 4 values, limit is 3"),
        ("2/index", "receiving_hei_id: is required"),
        (f"2/index?{HERE}&receiving_hei_id=x", "receiving_hei_id: may be given once, not 2 times"),
        (f"3/index?{YEAR}=test/test", f"{YEAR}: must be YYYY/YYYY"),
        (f"3/index?{YEAR}=2026/2027&{YEAR}=2026/2027", f"{YEAR}: may be given once, not 2 times"),
        *(
            (f"{version}modified_since=2026-02-12", "modified_since: must be a date and time")
            for version in (f"2/index?{HERE}&", "3/index?")
        ),
    ],
)
async def test_what_is_asked_wrongly_is_refused(world, call, message):
    status, words = refusal(await world.ask(f"{TORS}/{call}"))

    assert (status, words[: len(message)]) == (400, message)


async def test_a_broken_store_says_nothing_of_anybody(world):
    world.kept.broken = True

    for call in ("get?omobility_id=in-1", "index"):
        answer = await world.ask(f"{TORS}/3/{call}")
        assert refusal(answer) == (500, "an error of ours; please try again later")


async def test_transcripts_can_only_be_asked_for(world):
    for call in ("2/get", "2/index", "3/get", "3/index"):
        answer = await world.ask(f"{TORS}/{call}", method="PUT")
        assert answer.status_code == 405
    assert (await world.post_xml(f"{TORS}/3/update", b"<a/>")).status_code == 404
