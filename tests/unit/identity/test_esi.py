import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erasmus_app.identity.esi import LONGEST, esi_key, is_esi
from erasmus_app.ids import EuropeanStudentId

START = "urn:schac:personalUniqueCode:int:esi:"
EXAMPLES = Path(__file__).parents[3] / "../shared/identity/examples/esi"
published = pytest.mark.skipif(
    not EXAMPLES.is_dir(), reason="../shared is not here: published cases to compare with"
)

ESIS = [
    "urn:schac:personalUniqueCode:int:esi:ribeira.example:2027001",
    "urn:schac:personalUniqueCode:int:esi:letras.ribeira.example:7",
    "urn:schac:personalUniqueCode:int:esi:fr:0ABC12345X",
    "urn:schac:personalUniqueCode:int:esi:PL:1",
    "urn:schac:personalUniqueCode:int:esi:BE-WAL:12",
    "URN:SCHAC:PERSONALUNIQUECODE:INT:ESI:RIBEIRA.EXAMPLE:A",
    "urn:schac:personalUniqueCode:int:esi:ribeira.example:a:b",
    "urn:schac:personalUniqueCode:int:esi:ribeira.example:12%2F34",
    "urn:schac:personalUniqueCode:int:esi:ribeira.example:()+,-.:=@;$_!*'",
    "  urn:schac:personalUniqueCode:int:esi:ribeira.example:1\n",
    START + "ribeira.example:" + "9" * (LONGEST - len(START + "ribeira.example:")),
]
NO_ESIS = [
    "",
    "2027001",
    "ribeira.example:2027001",
    START,
    START + "2027001",
    START + "ribeira.example:",
    START + ":1",
    START + "ribeira:1",
    START + "zz:1",
    START + "UK:1",
    START + "P:1",
    START + "-ribeira.example:1",
    START + "ribeira..example:1",
    START + "ribeira.example:1 2",
    START + "ribeira.example:1/2",
    START + "ribeira.example:%2",
    START + "ribeira.example:é",
    START + "ribeira.example:1\n2",
    "urn:schac:personalUniqueCode:pt:esi:ribeira.example:1",
    "xurn:schac:personalUniqueCode:int:esi:ribeira.example:1",
    START + "ribeira.example:" + "9" * (LONGEST - len(START + "ribeira.example:") + 1),
    # Letters that fold to ASCII ones: the key would be another student's.
    START + "ribeira.example:\N{KELVIN SIGN}1",
    START + "\N{KELVIN SIGN}R:1",
    "urn:\N{LATIN SMALL LETTER LONG S}chac:personalUniqueCode:int:esi:ribeira.example:1",
]


@pytest.mark.parametrize("text", ESIS)
def test_an_esi_names_a_country_or_an_institution_in_any_case(text: str):
    assert is_esi(text)
    assert is_esi(text.upper())
    assert is_esi(text.lower())


@pytest.mark.parametrize("text", NO_ESIS)
def test_anything_else_is_never_matched_across_universities(text: str):
    assert not is_esi(text)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (START + "SI:48Ab", START + "si:48aB", True),
        (START + "r.example:12", f"  {START.upper()}R.EXAMPLE:12\n", True),
        (START + "r.example:12", START + "r.example:012", False),
        (START + "r.example:12", START + "l.example:12", False),
        (START + "r.example:%2d", START + "r.example:-", False),
    ],
)
def test_case_and_blanks_around_do_not_count_and_everything_else_does(one, other, same):
    assert (esi_key(EuropeanStudentId(one)) == esi_key(EuropeanStudentId(other))) is same


@given(st.one_of(st.text(), st.text().map(START.__add__), st.sampled_from(ESIS + NO_ESIS)))
def test_any_text_is_an_esi_or_none_and_its_key_says_the_same(text: str):
    found = is_esi(text)

    assert found in {True, False}
    if found:
        key = esi_key(EuropeanStudentId(text))
        assert key.isascii()
        assert is_esi(key)
        assert esi_key(EuropeanStudentId(key)) == key


@published
def test_the_published_cases():
    cases = json.loads((EXAMPLES / "esi-cases.json").read_text())["cases"]

    assert [is_esi(each["in"]) for each in cases] == [each["valid"] for each in cases]
    keyed = [each for each in cases if "key" in each]
    assert [esi_key(each["in"]) for each in keyed] == [each["key"] for each in keyed]


@published
def test_the_published_pairs():
    pairs = json.loads((EXAMPLES / "same-student.json").read_text())["pairs"]

    for pair in pairs:
        assert (esi_key(pair["a"]) == esi_key(pair["b"])) is (pair["same"] is True)
