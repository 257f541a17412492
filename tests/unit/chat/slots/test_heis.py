"""Which of a student's own partners a question names."""

from collections.abc import Collection
from datetime import date

from erasmus_app.chat.slots import find_slots
from erasmus_app.chat.slots.spelling import distance
from erasmus_app.ids import HeiId

PARTNERS: dict[HeiId, Collection[str]] = {
    HeiId(hei): names
    for hei, names in {
        "uw.example": ("University of Vienna", "Universität Wien"),
        "tuw.example": ("TU Wien", "Vienna University of Technology"),
        "leuven.example": ("KU Leuven", "Katholieke Universiteit Leuven"),
        "poli.example": ("Universitat Politècnica de Catalunya",),
        "ub.example": ("Universitat de Barcelona", "University of Barcelona"),
        "uab.example": ("Universitat Autònoma de Barcelona", "Autonomous University of Barcelona"),
        "reading.example": ("University of Reading",),
        "ntnu.example": ("Norwegian University of Science and Technology", "NTNU"),
        "uni-heidelberg.example": ("Ruprecht-Karls-Universität Heidelberg",),
        "uj.example": ("UNIWERSYTET JAGIELLOŃSKI", "Jagiellonian University in Kraków"),
        "uni.example": ("University", "The Technical University"),
        "uu.example": ("Uppsala universitet",),
        "sofia.example": ("Софийски университет «Св. Климент Охридски»", "Sofia University"),
        "paris.example": ("Université de Paris",),
        "uni-koeln.example": ("Universität zu Köln",),
        "ege.example": ("Ege Üniversitesi",),
        "dtu.example": ("Technical University of Denmark",),
        "usal.example": ("Universidad de Salamanca",),
        "napoli.example": ("Università degli Studi di Napoli",),
        "bme.example": ("Budapesti Műszaki és Gazdaságtudományi Egyetem",),
    }.items()
}


def named(question: str, language: str = "en") -> list[str]:
    found = find_slots(question, language, today=date(2026, 11, 26), partners=PARTNERS)
    return [each.removesuffix(".example") for each in found.heis]


def all_named(asked: dict[str, list[str]], language: str = "en") -> dict[str, list[str]]:
    return {question: named(question, language) for question in asked}


def test_names_acronyms_and_addresses():
    asked = {
        "Has Leuven accepted me?": ["leuven"],
        "has ku leuven accepted me?": ["leuven"],
        "the UPC nomination": ["poli"],
        "the NTNU, or ntnu?": ["ntnu"],
        "my upc nomination": ["poli"],
        "UAB or UB": ["uab", "ub"],
        "Jagiellonian": ["uj"],
        "sofia university": ["sofia"],
        "me@student.uni.example": ["uni"],
        "https://www.uni-heidelberg.example/en?x=1": ["uni-heidelberg"],
        "is it uw.example?": ["uw"],
        "uni-heidelberg": ["uni-heidelberg"],
        "I leave Uppsala for Leuven": ["uu", "leuven"],
    }
    assert all_named(asked) == asked


def test_two_partners_in_one_city_are_both_unless_more_is_said():
    asked = {
        "Vienna": ["uw", "tuw"],
        "University of Vienna": ["uw"],
        "TU Wien": ["tuw"],
        "the TU in Vienna": ["tuw"],
        "Vienna, the technical university": ["tuw"],
        "University of Vienna or TU Wien": ["uw", "tuw"],
        "barcelona": ["ub", "uab"],
        "the autonomous university of barcelona": ["uab"],
    }
    assert all_named(asked) == asked


def test_slips_and_endings():
    asked = {
        ("en", "Heidelbrg"): ["uni-heidelberg"],
        ("en", "heidelburg?"): ["uni-heidelberg"],
        ("en", "Bracelona"): ["ub", "uab"],
        ("pl", "w Krakowie"): ["uj"],
        ("pl", "uniwersytet jagiellonski"): ["uj"],
        ("es", "politécnica de Cataluña"): ["poli"],
        ("bg", "Софийския университет"): ["sofia"],
        ("hu", "a budapesti egyetemen"): ["bme"],
        ("sv", "Uppsalas universitet"): ["uu"],
        ("de", "Uni Wien"): ["uw", "tuw"],
        ("de", "in koeln, Köln oder koln"): ["uni-koeln"],
        ("en", "EGE or ege"): ["ege"],
        ("da", "i Paris"): ["paris"],
        ("et", "päris inimene"): [],  # "real"; with its own marks it is another word
        ("en", "an essay about Napoleon"): [],
        ("fi", "salasana unohtui"): [],
        ("da", "hjem til Danmark"): [],
        ("en", "the technical university of denmark"): ["dtu"],
    }
    assert {(language, asks): named(asks, language) for language, asks in asked} == asked


def test_generic_and_ordinary_words_name_nobody():
    asked = [
        *("the university", "my technical university", "University of Applied Sciences", "uni"),
        *("where is my LA", "my reading list", "the Norwegian universities", "a UK school"),
        *("a ub", "science and technology", "the viennese?", "arts", "of", "de", "TU", "Karl"),
    ]
    assert {each: named(each) for each in asked} == {each: [] for each in asked}
    assert named("the university of Reading") == named("I am in Reading") == ["reading"]


def test_only_partners_are_named_in_their_order():
    found = find_slots("Leuven, Vienna", "en", today=date(2026, 11, 26), partners={})
    assert found.heis == ()


def test_slips_are_counted_up_to_what_is_asked():
    words = {
        ("wien", "wien"): 0,
        ("wien", "wein"): 1,
        ("wien", "wienn"): 1,
        ("wien", "wie"): 1,
        ("wien", "bern"): 3,
        ("wien", "leuven"): 3,
        ("", ""): 0,
        ("ca", "abc"): 3,
    }
    assert {pair: distance(*pair, 2) for pair in words} == words
