"""Organizational units: public, asked for by id or by code, never by both (guide §4.8)."""

from urllib.parse import quote

import pytest
from unit.ewp.host.units import UNITS
from unit.ewp.host.world import NOBODYS, PARTNER, THIRD, UNKNOWN, refusal, told

from ewp.messages.organizational_units import read_response

pytestmark = pytest.mark.asyncio(loop_scope="module")

OUNITS = "/ewp/lindental.example/organizational-units/2"
HERE = "hei_id=lindental.example"
ROOT, COMPUTING, FORMER = UNITS


def units(answer):
    assert answer.status_code == 200
    return read_response(answer.content)


@pytest.mark.parametrize(
    ("form", "found"),
    [
        ("ounit_id=thl", [ROOT]),
        ("ounit_id=inf&ounit_id=thl", [ROOT, COMPUTING]),
        ("ounit_id=old%2Finf", [FORMER]),
        ("ounit_id=thl&ounit_id=thl&ounit_id=thl", [ROOT]),
        ("ounit_id=thl&ounit_id=unknown", [ROOT]),
        ("ounit_id=unknown", []),
        ("ounit_id=THL", []),
        ("ounit_code=FB+4", [COMPUTING, FORMER]),
        ("ounit_code=0&ounit_code=FB%204", [ROOT, COMPUTING, FORMER]),
        ("ounit_code=0&ounit_code=unknown", [ROOT]),
        ("ounit_code=fb+4", []),
        ("ounit_id=thl&colour=blue", [ROOT]),
    ],
)
async def test_units_are_found_by_id_or_by_code(world, form, found):
    assert units(await world.ask(f"{OUNITS}?{HERE}&{form}")) == tuple(found)
    assert units(await world.post(OUNITS, f"{form}&{HERE}")) == tuple(found)


async def test_the_hei_is_known_in_whatever_case_it_is_written(world):
    answer = await world.ask(f"{OUNITS}?hei_id=Lindental.EXAMPLE&ounit_id=thl")

    assert units(answer) == (ROOT,)


async def test_anybody_may_ask_but_who_signs_must_sign_right(world):
    target = f"{OUNITS}?{HERE}&ounit_id=thl"

    for key in (PARTNER, THIRD, NOBODYS):
        assert units(await world.ask(target, key=key)) == (ROOT,)
    assert units(await world.ask(target, after={"authorization": None})) == (ROOT,)
    assert refusal(await world.ask(target, key=UNKNOWN))[0] == 403
    assert refusal(await world.ask(target, signed=f"{target}&ounit_id=inf"))[0] == 400


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("", "hei_id: is required"),
        ("ounit_id=thl", "hei_id: is required"),
        (f"{HERE}&{HERE}&ounit_id=thl", "hei_id: may be given once, not 2 times"),
        ("hei_id=unheard.example&ounit_id=thl", "hei_id: not an HEI of this endpoint"),
        ("hei_id=nordfjord.example&ounit_id=thl", "hei_id: not an HEI of this endpoint"),
        (HERE, "ounit_id, ounit_code: exactly one of the two is required"),
        (f"{HERE}&ounit_ids=thl", "ounit_id, ounit_code: exactly one of the two is required"),
        (
            f"{HERE}&ounit_id=thl&ounit_code=0",
            "ounit_id, ounit_code: exactly one of the two is required",
        ),
        (f"{HERE}&ounit_id=", "ounit_id: is required"),
        (f"{HERE}&ounit_code=0&ounit_code=", "ounit_code: is required"),
        (HERE + "&ounit_id=thl" * 4, "ounit_id: 4 values, limit is 3"),
        (HERE + "&ounit_code=x" * 4, "ounit_code: 4 values, limit is 3"),
    ],
)
async def test_what_is_asked_wrongly_is_refused_and_not_looked_up(world, form, words):
    assert refusal(await world.ask(f"{OUNITS}?{form}")) == (400, words)
    assert refusal(await world.post(OUNITS, form)) == (400, words)
    assert world.kept.asked == []


@pytest.mark.parametrize("value", ["a b", "é", "x" * 65, "\x00", "\n"])
async def test_what_has_not_the_form_of_an_id_is_unknown_without_being_looked_up(world, value):
    asked = f"{OUNITS}?{HERE}&ounit_id={quote(value)}"

    assert units(await world.ask(asked)) == ()
    assert world.kept.asked == []
    assert units(await world.ask(f"{asked}&ounit_id=thl")) == (ROOT,)
    assert world.kept.asked == [["thl"]]


async def test_a_code_that_xml_cannot_carry_is_unknown_without_being_looked_up(world):
    assert units(await world.ask(f"{OUNITS}?{HERE}&ounit_code=%00")) == ()
    assert world.kept.asked == []


async def test_units_can_only_be_read(world):
    for method in ("PUT", "DELETE"):
        assert (await world.ask(f"{OUNITS}?{HERE}", method=method)).status_code == 405
    assert (await world.ask(f"{OUNITS}/index?{HERE}")).status_code == 404
    assert (await world.ask(OUNITS.replace("/2", "/1"))).status_code == 404


async def test_a_broken_store_is_told_without_what_it_said(world):
    world.kept.broken = True

    answer = await world.ask(f"{OUNITS}?{HERE}&ounit_code=0")

    failed = "an error of ours; please try again later"
    assert told(answer) == (500, "error-response", [failed])
