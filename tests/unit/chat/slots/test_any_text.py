"""Nothing that is asked raises, takes long, or comes back as something that steers a screen."""

import sys
import unicodedata
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from erasmus_app.chat.slots import LANGUAGES, find_slots
from erasmus_app.chat.slots.sentence import LONGEST_TEXT
from erasmus_app.ids import HeiId

PARTNERS = {
    HeiId("uw.example"): ("University of Vienna", "Universität Wien", ""),
    HeiId("tu.example"): ("TU Wien", "ﷺ" * 50, "\u202eWien", "А Б В"),
    HeiId("."): ("-", "1", "  "),
}
PIECES = st.sampled_from(
    [
        *("15", "1", ".", "/", "-", "2027", "31", "January", "may", "next", "in", "two", "weeks"),
        *("ago", "Monday", "LA", "Wien", "TU", "@", "tu.example", "'", "st", "\u202e", "\u0301"),
        *("\u00ad", "\x00", "ﷺ", "²", "½", "٣", "\ud800", "İ", "ß", "\u200d", " ", "\n", "é"),
    ]
)
TODAYS = st.one_of(st.just(date(2026, 11, 26)), st.dates())


def is_shown(text: str) -> bool:
    return len(text) <= LONGEST_TEXT and not any(
        unicodedata.category(each) in {"Cc", "Cf", "Cs"} and each not in "\u200c\u200d"
        for each in text
    )


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(st.text(), st.lists(PIECES).map("".join), st.lists(PIECES).map(" ".join)),
    st.sampled_from([*LANGUAGES, "xx", "", "no", "sr-Latn", "\x00"]),
    TODAYS,
)
def test_any_text_in_any_language_is_read(question: str, language: str, today: date):
    found = find_slots(question, language, today=today, partners=PARTNERS)
    assert set(found.heis) <= set(PARTNERS)
    assert [each for each in (*found.dates, *found.terms) if not is_shown(each.text)] == []
    for each in found.dates:
        # One of: a day, a span, readings to choose from, or that there is none.
        assert [
            each.on is not None,
            each.first is not None and each.last is not None and each.first <= each.last,
            len(each.alternatives) > 0,
            each.impossible,
        ].count(True) == 1


def test_work_grows_with_the_length_alone():
    def work(piece: str, length: int) -> int:
        """Count the calls, also of what is written in C; no clock says anything on a busy day."""
        text, calls = (piece * length)[:length], 0

        def called(_frame: object, event: str, _argument: object) -> None:
            nonlocal calls
            calls += event in {"call", "c_call"}

        sys.setprofile(called)
        try:
            find_slots(text, "en", today=date(2026, 11, 26), partners=PARTNERS)
        finally:
            sys.setprofile(None)
        return calls

    pieces = [
        *("15.", "1 ", "15 January 2027 ", "in two ", "a.", "a@", "tu.example/", "Wienn ", "LA "),
        *("\u0301\u0323", "Vienna University of ", "2026/", "-", " . "),
    ]
    for each in pieces:
        work(each, 100)  # what is kept from then on is not counted
    # Sixteen times as long may take twenty times as much; what is squared takes 256 times.
    slow = {each: work(each, 8000) / work(each, 500) for each in pieces}
    assert {each: times for each, times in slow.items() if times > 20} == {}


def test_a_question_without_end_is_read_to_its_end():
    text = ("Is it 15.1. or 3 March at TU Wien? " * 3000)[:100_000]
    found = find_slots(text, "en", today=date(2026, 11, 26), partners=PARTNERS)
    assert len(found.dates) > 2_000
