"""What is kept of a question that was not answered has nothing personal in it."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erasmus_app.chat.stripping import (
    HIDDEN,
    OwnWords,
    folded,
    names_of,
    shown,
    stripped,
    words_of,
)

PUBLIC = words_of(
    "where is my deposit who has to sign the learning agreement of for at and I did can you call "
    "me on write to when will get May am 15. januar ects "
    "wann bekomme ich mein Geld von der Universität"
)
OWN = OwnWords(
    names=names_of(["Inês Duarte", "Maria-João van der May", "m.weber@post.example"]),
    home=words_of("ribeira") - PUBLIC,
    host=words_of("Lindental") - PUBLIC,
)

KEPT = {
    "Where is my deposit?": "Where is my deposit?",
    "where is my deposit at Lindental": "where is my deposit at [host]",
    "Did LINDENTAL sign, and Ribeira?": "Did [host] sign, and [home]?",
    "write to me@uni.example!": "write to [mail]!",
    "I am ines.duarte, call me on +351 912 345 678": "I am [link], call me on [number]",
    "call me on 00351-912-345-678": "call me on [number]",
    "call 91 23 45 67 8": "call [number]",
    "my IBAN PT50 0002 0123 1234 5678 9015 4": "my [name] [number]",
    "urn:schac:personalUniqueCode:int:esi:pt:12 is me": "[number] is me",
    "my student a1234567 at": "my ⟨student⟩ [number] at",
    "see https://x.example/me?id=7 and www.me.pt": "⟨see⟩ [link] and [link]",
    "on 15.01.2027 and 2027-01-15, in 2026": "on 15.01.2027 and 2027-01-15, ⟨in⟩ 2026",
    "get 30 ECTS or B2": "get 30 ECTS ⟨or⟩ B2",
    "when will Prof. Müller sign": "when will [name]. [name] sign",
    "when will inês sign": "when will [name] sign",
    "when will INES sign": "when will [name] sign",
    "duarteines at": "[name] at",
    "May can sign": "[name] can sign",  # her own, though it is a word as well
    "where is my kaution": "where is my ⟨kaution⟩",
    "@ines_d call me": "[mail] call me",
    "Wann bekomme ich mein Geld von der Universität?": (
        "Wann bekomme ich mein Geld von der Universität?"
    ),
    "the «⟨Ana⟩» sign": "the [name] sign",
    "١٢٣٤٥٦٧ call": "[number] call",
    "call \uff11\uff12\uff13\uff14\uff15\uff16\uff17": "call [number]",
}


@pytest.mark.parametrize(("question", "kept"), KEPT.items(), ids=list(KEPT))
def test_what_is_kept(question: str, kept: str):
    found = stripped(question, PUBLIC, OWN)

    assert found is not None
    assert found.text == kept


@pytest.mark.parametrize("question", ["", "???", "kaution", "Ana Ana", "me@x.example", "123456"])
def test_of_what_teaches_nothing_nothing_is_kept(question: str):
    assert stripped(question, PUBLIC, OWN) is None


def test_a_word_that_few_have_used_is_shown_to_nobody():
    found = stripped("where is my kaution or bürgschaft", PUBLIC, OWN)

    assert found is not None
    assert found.unsure == ("kaution", "or", "burgschaft")
    assert shown(found.text, {"kaution", "burgschaft"}) == f"where is my {HIDDEN} or {HIDDEN}"
    assert shown(found.text, ()) == "where is my kaution or bürgschaft"


LETTERS = string.ascii_letters + "éüßñçøåßłİıΩσςаяЖ"
WORD = st.text(LETTERS, min_size=1, max_size=12)
NAME = st.text(LETTERS, min_size=3, max_size=12).filter(lambda each: folded(each) not in PUBLIC)
AROUND = st.lists(st.one_of(st.sampled_from(sorted(PUBLIC)), WORD), max_size=6).map(" ".join)
DIGITS = st.text("0123456789", min_size=5, max_size=16)
MARKS = st.sampled_from(["", ",", ".", "!", "?", "'s", ":", ")", "…"])


def seen_of(question: str, own: OwnWords = OWN) -> str:
    """What a coordinator may read at most, were every word used by many."""
    found = stripped(question, PUBLIC, own)
    return "" if found is None else shown(found.text, ())


@given(before=AROUND, name=NAME, mark=MARKS, after=AROUND, change=st.sampled_from("lutn"))
def test_no_name_of_the_record_survives(before, name, mark, after, change):
    change_of = {"l": str.lower, "u": str.upper, "t": str.title, "n": str}[change]
    own = OwnWords(names=words_of(name))
    text = seen_of(f"{before} {change_of(name)}{mark} {after}", own)

    around = words_of(f"{before} {after}")
    assert not (own.names - around) & words_of(text)


@given(before=AROUND, user=WORD, host=WORD, after=AROUND, mark=MARKS)
def test_no_mail_address_survives(before, user, host, after, mark):
    text = seen_of(f"{before} {user}@{host}.example{mark} {after}")

    assert "@" not in text
    assert f"{host}.example".casefold() not in text.casefold()


@given(before=AROUND, number=DIGITS, gaps=st.lists(st.sampled_from(["", " ", "-", "/"])))
def test_no_telephone_number_or_identifier_survives(before, number, gaps):
    spread = "".join(
        digit + (gaps[at] if at < len(gaps) else "") for at, digit in enumerate(number)
    )
    for each in (spread, f"+{spread}", f"a{number}", f"urn:schac:x:int:esi:pt:{number}"):
        text = seen_of(f"{before} {each} where")

        runs = re.findall(r"\d+", re.sub(r"\d\d?[./-]\d\d?[./-]?\d*|\d{4}-\d\d-\d\d", "", text))
        assert all(len(run) <= 2 or run[:2] in {"19", "20"} for run in runs), text
        assert number not in text


@given(st.text())
def test_whatever_is_typed_every_word_that_is_sure_is_public(question):
    found = stripped(question, PUBLIC, OWN)
    if found is not None:
        sure = re.sub(r"⟨[^⟩]*⟩|\[[^\]]*\]", " ", found.text)
        assert words_of(sure) <= PUBLIC
        assert shown(found.text, found.unsure).count("⟨") == 0
