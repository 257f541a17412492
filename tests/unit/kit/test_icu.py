"""The reader of translators' texts: ICU's message format, the part that we have."""

import re

import pytest

from erasmus_app.kit.cldr import written_number
from erasmus_app.kit.icu import message, one_stop

PLURAL = "{n, plural, one {# kurs} few {# kursy} many {# kursów} other {# kursu}}"
KEPT = "{n, plural, =0 {none} one {# of {hei}} other {# '#' of {hei}''s}}"


def said(text: str, language: str = "en", **values: str) -> str:
    """Fill a text; values that are numbers are written as its language writes them."""
    fractions = frozenset(values)
    shown = {key: written_number(value, language) for key, value in values.items()}
    return message(text, language, fractions=fractions).filled(shown)


@pytest.mark.parametrize(
    ("number", "written"),
    [
        ("0", "0 kursów"),
        ("1", "1 kurs"),
        ("2", "2 kursy"),
        ("5", "5 kursów"),
        ("12", "12 kursów"),
        ("22", "22 kursy"),
        ("7.5", "7,5 kursu"),
        ("30.0", "30 kursów"),
    ],
)
def test_a_number_takes_the_form_that_its_language_wants(number: str, written: str):
    assert said(PLURAL, "pl", n=number) == written


@pytest.mark.parametrize(
    ("number", "written"),
    [("0", "none"), ("1", "1 of Porto"), ("1234", "1,234 # of Porto's")],
)
def test_an_exact_number_goes_before_its_category_and_quotes_are_as_icu_has_them(
    number: str, written: str
):
    assert said(KEPT, n=number, hei="Porto") == written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("l'été", "l'été"),
        ("it''s", "it's"),
        ("'{n}' is {n}", "{n} is 1"),
        ("'{''}' {n}", "{'} 1"),
        ("# {n}", "# 1"),
        ("{ n }", "1"),
        ("100 % {n}", "100 % 1"),
    ],
)
def test_apostrophes_quote_braces_and_nothing_else(text: str, written: str):
    assert said(text, n="1") == written


def test_a_select_goes_by_the_word_and_a_plural_in_it_by_the_number():
    text = (
        "{who, select, host {{n, plural, one {# day at {hei}} other {# days at {hei}}}}"
        " other {elsewhere}}"
    )

    assert said(text, who="host", n="2", hei="Porto") == "2 days at Porto"
    assert said(text, who="home", n="2", hei="Porto") == "elsewhere"


def test_what_is_no_number_takes_the_branch_of_all_others():
    assert said("{n, plural, one {one} other {# of them}}", n="many") == "many of them"


@pytest.mark.parametrize(
    ("text", "once"),
    [
        ("до 30 юни 2027 г..", "до 30 юни 2027 г."),
        ("wait...", "wait..."),
        ("Inc.. and so on..", "Inc. and so on."),
    ],
)
def test_a_value_that_ends_in_a_full_stop_ends_the_sentence(text: str, once: str):
    assert one_stop(text) == once


def test_values_are_never_read_as_texts():
    assert said("{hei}", hei="{n, plural, other {x}} '{'") == "{n, plural, other {x}} '{'"


def test_a_texts_length_is_that_of_its_longest_branches():
    read = message("{n, plural, one {# course} other {# courses}} at {hei}", "en")

    assert read.holes == {"n", "hei"}
    assert read.longest({"n": "999", "hei": "x" * 10}) == len("999 courses at ") + 10


@pytest.mark.parametrize(
    ("text", "language", "refusal"),
    [
        ("{", "en", "a name in small letters is wanted at character 2"),
        ("}", "en", "a closing brace without an opening one"),
        ("{}", "en", "a name in small letters is wanted at character 2"),
        ("{0}", "en", "a name in small letters is wanted at character 2"),
        ("{n!r}", "en", "{n}: , or } is wanted where '!' stands"),
        ("{n.x}", "en", "{n}: , or } is wanted where '.' stands"),
        ("{n", "en", "{n}: , or } is wanted where the end stands"),
        ("{n, number}", "en", "{n}: 'number' is neither plural nor select"),
        ("{n, plural, other {#}", "en", "{n}: a branch is wanted at character 22"),
        ("{n, plural, other {#", "en", "{n}: the branch 'other' has no end"),
        ("{n, plural, one {#}}", "en", "{n}: lacks the branch 'other'"),
        ("{n, plural, other {#}}", "en", "{n}: the plural lacks 'one'"),
        (
            "{n, plural, one {#} few {#} other {#}}",
            "en",
            "{n}: the plural has, and its language has not, 'few'",
        ),
        ("{n, plural, one {#} few {#} other {#}}", "pl", "{n}: the plural lacks 'many'"),
        ("{n, plural, offset:1 one {#} other {#}}", "en", "{n}: 'offset' is no plural category"),
        ("{n, plural, one {a} one {b} other {c}}", "en", "{n}: 'one' stands there twice, or in a"),
        ("{n, select, =1 {a} other {c}}", "en", "{n}: '=1' stands there twice, or in a select"),
        ("l'{hei}", "en", "an apostrophe quotes a brace, and no other one ends that"),
        ("{n, select, other {" * 6, "en", "{n}: more than 4 choices within each other"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, language: str, refusal: str):
    with pytest.raises(ValueError, match=re.escape(refusal)) as refused:
        message(text, language)

    assert str(refused.value).startswith(refusal)
