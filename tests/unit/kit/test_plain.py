"""Strangers' words among ours."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erasmus_app.kit.plain import mail_address, paragraphs, plain, shown, web_address


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("Faculté des lettres", "Faculté des lettres"),
        (" two\n\tlines ", "two lines"),
        ("\u202egnp.exe\u202c", "gnp.exe"),
        ("a\x00b\x1b[31m", "ab[31m"),
        ("می\u200cخواهم", "می\u200cخواهم"),  # a joiner that Persian is spelled with
        ("x" * 30, "xxxxxxxxx…"),
    ],
)
def test_a_text_is_one_line_without_what_steers_a_screen(given_text: str, expected: str):
    assert plain(given_text, 10 if given_text.startswith("xxx") else 2000) == expected


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("Not taught:\r\n - Rivers \n\n\n\nAsk\u202e me.\n\n", "Not taught:\n- Rivers\n\nAsk me."),
        ("a\u2028b\x0bc", "a\nb\nc"),
        ("\n \u200b \n", ""),
        ("x\n" * 30, "x\nx\nx\nx\nx…"),
    ],
)
def test_a_text_of_several_lines_keeps_them_and_nothing_that_steers_a_screen(given_text, expected):
    assert paragraphs(given_text, 10 if given_text.startswith("x") else 2000) == expected


@given(st.text())
def test_nothing_that_steers_a_screen_is_left(text: str):
    found = plain(text)

    odd = [each for each in found if unicodedata.category(each)[0] == "C"]
    assert set(odd) <= {"\u200c", "\u200d"}
    assert plain(found) == found


def test_a_text_of_which_nothing_is_left_is_none():
    assert (shown(None), shown("\u200b\u2066 "), shown(" a ")) == (None, None, "a")


@pytest.mark.parametrize(
    "address",
    [
        "https://uni.example",
        "HTTP://uni.example:8080/a?b=c@d#e",
        "https://universität.example/straße",
    ],
)
def test_an_address_is_shown_as_it_was_given(address: str):
    assert web_address(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "javascript://uni.example/%0aalert(1)",
        "javascript:alert(1)",
        "ftp://uni.example",
        "https://",
        "https:///nowhere",
        "https://uni.example@evil.example",
        "https://uni.example\\@evil.example",
        "https://uni.example/\u202efdp",
        "https://uni.example/ a",
        "https://uni.example/" + "a" * 2000,
    ],
)
def test_an_address_that_may_lead_elsewhere_is_not_shown(address: str):
    assert web_address(address) is None


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("io@uni.example", "io@uni.example"),
        (None, None),
        ("io", None),
        ("io@uni", None),
        ("Office <io@uni.example>", None),
        ("io@uni.example,x@evil.example", None),
        ("io@uni.example\u200b", None),
        ("io@uni.example?bcc=x@evil.example", None),
    ],
)
def test_an_e_mail_address_is_shown_as_it_was_given_or_not_at_all(
    address: str | None, expected: str | None
):
    assert mail_address(address) == expected
