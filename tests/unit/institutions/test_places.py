"""Languages and trees of what institutions publish."""

import pytest

from erasmus_app.ids import OunitId
from erasmus_app.institutions.places import OrganizationalUnit, Words, as_a_tree, in_language

SAID = (
    Words(text="ohne"),
    Words(text="deutsch", language="de"),
    Words(text="english", language="en"),
)


@pytest.mark.parametrize(
    ("language", "expected"), [("de-AT", "deutsch"), ("pt", "english"), ("en", "english")]
)
def test_a_text_is_in_the_wanted_language_else_in_english(language: str, expected: str):
    assert in_language(SAID, language) == expected


def test_else_it_is_in_no_stated_language_else_in_any():
    assert in_language(SAID[:2], "pt") == "ohne"
    assert in_language(SAID[1:2], "pt") == "deutsch"
    assert in_language((), "pt") is None


def unit(name: str, parent: str | None = None) -> OrganizationalUnit:
    return OrganizationalUnit(
        ounit_id=OunitId(name),
        names=(Words(text=name),),
        parent_id=OunitId(parent) if parent else None,
    )


def tree(*units: OrganizationalUnit, root: str | None = None) -> list[tuple[str, int]]:
    found = as_a_tree(units, OunitId(root) if root else None)
    return [(each.ounit_id, depth) for each, depth in found]


def test_units_stand_behind_what_they_are_a_part_of_the_root_first():
    assert tree(
        unit("b1", "b"),
        unit("beside"),
        unit("a", "root"),
        unit("b", "root"),
        unit("a1", "a"),
        unit("root"),
        unit("b2", "b"),
        root="root",
    ) == [("root", 0), ("a", 1), ("a1", 2), ("b", 1), ("b1", 2), ("b2", 2), ("beside", 0)]


def test_a_unit_of_one_that_nobody_shows_stands_at_the_top():
    assert tree(unit("a", "hidden"), unit("a1", "a")) == [("a", 0), ("a1", 1)]


def test_units_that_are_each_other_s_parents_are_there_once():
    assert tree(unit("a", "b"), unit("b", "a"), unit("own", "own"), unit("c", "b")) == [
        ("a", 0),
        ("b", 1),
        ("c", 2),
        ("own", 0),
    ]


def test_a_unit_that_is_there_twice_is_there_once():
    assert tree(unit("a"), unit("a")) == [("a", 0)]


def test_a_chain_of_five_hundred_is_no_deeper_than_it_is():
    chain = [unit("0"), *(unit(str(n), str(n - 1)) for n in range(1, 500))]

    assert tree(*reversed(chain)) == [(str(n), n) for n in range(500)]
