"""What CLDR writes is found again: each day in each language, with and without its marks."""

import unicodedata
from datetime import date, timedelta

from babel.dates import format_date
from hypothesis import given, settings
from hypothesis import strategies as st

from erasmus_app.chat.slots import LANGUAGES, find_slots
from erasmus_app.kit.cldr import locale, written_day

TODAY = date(2026, 11, 26)
LENGTHS = ("medium", "long", "full")


def unmarked(text: str) -> str:
    """Return a text as it is typed in a hurry: without what stands above and below letters."""
    apart = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join(c for c in apart if not unicodedata.combining(c)))


def found(text: str, language: str) -> list[date | None]:
    return [each.on for each in find_slots(text, language, today=TODAY, partners={}).dates]


def written(day: date, language: str) -> set[str]:
    """Return the ways to write a day: CLDR's own, as our texts do, and in ISO's order."""
    ways = {format_date(day, length, locale(language)) for length in LENGTHS}
    ways |= {written_day(day.isoformat(), language), day.isoformat()}
    return {form for each in ways for form in (each, each.lower(), unmarked(each))}


def missed(day: date, language: str) -> list[tuple[str, str]]:
    return [(language, each) for each in written(day, language) if found(each, language) != [day]]


def test_a_day_of_each_month_is_found_again_in_all_languages():
    first = date(2027, 1, 1)
    days = [first + timedelta(days=29 * month) for month in range(13)]
    assert [each for day in days for language in LANGUAGES for each in missed(day, language)] == []


@settings(max_examples=60, deadline=None)
@given(st.dates(date(1900, 1, 1), date(9999, 12, 31)), st.sampled_from(LANGUAGES))
def test_any_day_is_found_again(day: date, language: str):
    assert missed(day, language) == []


@settings(max_examples=60, deadline=None)
@given(st.dates(TODAY - timedelta(days=180), TODAY + timedelta(days=180)))
def test_a_day_without_its_year_is_found_again_in_all_languages(day: date):
    text = {each: format_date(day, "long", locale(each)) for each in LANGUAGES}
    without = {
        each: text[each].replace(f" de {day.year}", "").replace(str(day.year), "").strip(" .")
        for each in LANGUAGES
    }
    read = {each: found(without[each], each) for each in LANGUAGES}
    assert {each: without[each] for each in LANGUAGES if read[each] != [day]} == {}
