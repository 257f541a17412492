import pytest
from hypothesis import given
from hypothesis import strategies as st

from erasmus_app.kit.languages import accepted, choose

OURS = ("de", "en", "pt", "pt-BR", "sr-Latn")


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        ("de", "de"),
        ("DE-at", "de"),
        ("pt-br", "pt-BR"),
        ("pt_BR", "pt-BR"),
        ("pt-PT", "pt"),
        ("sr-Latn-RS", "sr-Latn"),
        ("sr", "en"),
        ("fi", "en"),
        ("", "en"),
        ("-", "en"),
        ("d", "en"),
    ],
)
def test_a_language_is_the_exact_one_else_a_wider_one_else_english(wanted: str, chosen: str):
    assert choose(wanted, OURS) == chosen


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        ("no", "nb"),
        ("no-NO", "nb"),
        ("nb-NO", "nb"),
        ("nn-NO", "nn"),
        ("mo", "ro"),
        ("mo-MD", "ro"),
        ("sh", "sr"),
        ("sr-Latn-RS", "sr"),
        ("sr-Cyrl", "sr"),
        ("pt-BR", "pt"),
        ("en-US", "en"),
        ("hr-BA", "hr"),
        ("bs", "en"),
    ],
)
def test_an_old_or_a_wide_tag_finds_the_language_that_it_means(wanted: str, chosen: str):
    ours = ("en", "hr", "nb", "nn", "pt", "ro", "sr")

    assert choose(wanted, ours) == chosen
    assert accepted(f"{wanted}, en;q=0.1", ours, "en") == chosen


def test_a_name_in_norwegian_of_no_kind_is_found_by_readers_of_either():
    assert [choose(each, ("en", "no")) for each in ("nb", "nn")] == ["no", "no"]
    assert choose("nn", ("en", "nb")) == "nb"


def test_there_may_be_none_that_fits():
    assert choose("fi", ["de", "pl"]) is None
    assert choose("fi", []) is None


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        ("", "en"),
        ("de", "de"),
        ("fi, de", "de"),
        ("de-CH, fr;q=0.9", "de"),
        ("en;q=0.5, de;q=0.9, pt;q=0.7", "de"),
        ("en;q=0.5,pt;q=0.5", "en"),
        ("pt-BR, pt;q=0.9", "pt-BR"),
        ("pt-PT, pt-BR;q=0.9", "pt"),
        ("de ; Q = 0.3 , pt ; q=0.8", "pt"),
        ("de;q=0.3;level=1, pt;q=0.2", "de"),
        ("fi, *", "en"),
        ("*;q=0.5, de;q=0.1", "en"),
        ("de;q=0", "en"),
        ("de;q=0, pt;q=0.1", "pt"),
        ("de;q=2, pt", "pt"),
        ("de;q=-1, pt;q=0.1", "pt"),
        ("de;q=nan, pt;q=0.1", "pt"),
        ("de;q=inf, pt;q=0.1", "pt"),
        ("de;q=, pt;q=0.1", "pt"),
        ("de;q=high, pt;q=0.1", "pt"),
        (",,;q=1,, de", "de"),
        ("fi," * 20 + "de", "en"),
        ("d" * 100_000, "en"),
    ],
)
def test_a_browser_gets_the_language_that_it_wants_most(header: str, chosen: str):
    assert accepted(header, OURS, "en") == chosen


@given(st.one_of(st.text(), st.text("deptnq=;,*.-0159 ")))
def test_any_header_gives_a_language_that_is_offered(header: str):
    assert accepted(header, OURS, "en") in OURS
    assert choose(header, OURS) in OURS
