"""Codes as they are made, read and told apart from what somebody asks."""

import pytest

from erasmus_app.chat.links import ALPHABET, CODE_LENGTH, code_in, new_code, shown_code


def test_a_code_is_read_as_it_is_shown_and_as_people_write_it():
    for _ in range(200):
        code = new_code()
        shown = shown_code(code)
        assert len(code) == CODE_LENGTH
        assert set(code) <= set(ALPHABET)
        for written in (code, shown, shown.lower(), f" {shown} ", shown.replace("-", " – ")):
            assert code_in(written) == code
        assert code_in(f"/start {shown}") == code
        assert code_in(f"/start@erasmus_play_bot {code.lower()}") == code
        assert code_in(f"\u2066{shown}\u2069\n") == code


@pytest.mark.parametrize(
    "text",
    [
        *("departures", "stays here", "/start", "stop", "", "22222-2222", "22222-222222"),
        *("OOOOO-11111", "wer muss noch unterschreiben?", "ABCDE-FGHJ2 please", "2" * 100_000),
    ],
)
def test_what_somebody_asks_is_no_code(text: str):
    assert code_in(text) is None


def test_codes_differ():
    assert len({new_code() for _ in range(1000)}) == 1000
