"""Dates as students write them: which day is meant, or that it is not sure."""

from datetime import date

from erasmus_app.chat.slots import FoundDate, find_slots

TODAY = date(2026, 11, 26)  # a Thursday


def dates(question: str, language: str = "en", today: date = TODAY) -> tuple[FoundDate, ...]:
    return find_slots(question, language, today=today, partners={}).dates


def days(question: str, language: str = "en", today: date = TODAY) -> list[str]:
    """Return each date shortly: a day, "one|other", "first/last", or "none" where there is none."""
    return [
        "none"
        if each.impossible
        else str(each.on or "|".join(map(str, each.alternatives)) or f"{each.first}/{each.last}")
        for each in dates(question, language, today)
    ]


def all_days(asked: dict[str, list[str]], language: str = "en") -> dict[str, list[str]]:
    return {question: days(question, language) for question in asked}


def test_what_is_found_says_all_that_is_known_of_it():
    assert dates("By Monday, 15 January, or in two weeks?") == (
        FoundDate(
            text="Monday, 15 January", alternatives=(date(2027, 1, 15),), is_year_assumed=True
        ),
        FoundDate(text="in two weeks", on=date(2026, 12, 10), is_relative=True),
    )
    assert dates("In March 2027, or on 31 April?") == (
        FoundDate(text="March 2027", first=date(2027, 3, 1), last=date(2027, 3, 31)),
        FoundDate(text="31 April", impossible=True),
    )


def test_english_numbers_that_two_orders_fit_are_both_and_no_day():
    asked = {
        "03/04/2027": ["2027-04-03|2027-03-04"],
        "3-4-27": ["2027-04-03|2027-03-04"],
        "03/04": ["2027-04-03|2027-03-04"],
        "04/04/2027": ["2027-04-04"],
        "13/04/2027": ["2027-04-13"],
        "04/13/2027": ["2027-04-13"],
        "3.4.2027": ["2027-04-03"],
        "2027-03-04": ["2027-03-04"],
        "Saturday 03/04/2027": ["2027-04-03"],
        "Thursday, 03/04/2027": ["2027-03-04"],
        "Friday 03/04/2027": ["2027-04-03|2027-03-04"],
    }
    assert all_days(asked) == asked


def test_other_languages_write_numbers_in_their_own_order():
    asked = {
        ("de", "am 03.04.2027"): ["2027-04-03"],
        ("de", "am 3.4. oder 15.01."): ["2027-04-03", "2027-01-15"],
        ("fr", "le 03/04/2027"): ["2027-04-03"],
        ("nl", "op 05-03 of 5-3-2027"): ["2027-03-05", "2027-03-05"],
        ("cs", "do 15. 1. 2027"): ["2027-01-15"],
        ("hu", "2027. 03. 04. és 03.04."): ["2027-03-04", "2027-03-04"],
        ("lt", "iki 03-04"): ["2027-03-04"],
        ("sv", "27-01-15 eller 3/4"): ["2027-01-15", "2027-04-03"],
        ("da", "15/1-2027 eller 15/1 2027"): ["2027-01-15", "2027-01-15"],
        ("mt", "03/04"): ["2027-04-03"],
    }
    assert {(language, asks): days(asks, language) for language, asks in asked} == asked


def test_the_american_order_in_another_language_is_a_question_back():
    (found,) = dates("am 01/15/2027", "de")
    assert (found.on, found.alternatives) == (None, (date(2027, 1, 15),))


def test_what_only_looks_like_a_date_is_none():
    asked = [
        *("24/7", "1/2 of the grant", "2-3 weeks", "at 10.30", "15.30", "version 1.2.3.4"),
        *("192.168.1.1", "7.5 ECTS", "7,5", "B2", "March 2 weeks", "27/28", "20270115"),
        *("in 2 weeks after my arrival", "May I ask?", "may", "I march on", "€ 15.05"),
        *("v2.5.", "room 3.4", "100%", "1:15", "15", "2027", "in 99999999 years", "in 9999 years"),
    ]
    assert {each: days(each) for each in asked} == {each: [] for each in asked}
    others = {
        "tr": "2 ara sınavım var",
        "pt": "a segunda parcela, e olá",
        "ro": "în mai multe luni",
        "pl": "Jakie mają terminy?",
        "el": "η τρίτη δόση",
        "cs": "2 pro mě",
        "de": "Guten Morgen, um 15.10 Uhr",
        "es": "por la mañana",
        "nl": "10-12 ECTS",
        "sr": "недеља",
        "sv": "var är mitt LA",
    }
    assert [(each, asks) for each, asks in others.items() if days(asks, each)] == []


def test_days_that_do_not_exist_are_said_to_be_none_and_never_moved():
    asked = {
        "31 April": ["none"],
        "31 April 2027": ["none"],
        "31.04.2027": ["none"],
        "29 February 2027": ["none"],
        "29/02/2027": ["none"],
        "2027-02-30": ["none"],
        "32 January": ["none"],
        "0 January": ["none"],
    }
    assert all_days(asked) == asked


def test_a_leap_day_without_a_year_is_in_a_leap_year():
    assert days("29 February", today=date(2026, 11, 26)) == ["2028-02-29"]
    assert days("29 February", today=date(2028, 6, 1)) == ["2028-02-29"]
    assert days("29.2.", "de", today=date(2096, 9, 1)) == ["2104-02-29"]


def test_a_day_without_a_year_is_the_nearest_and_at_most_half_a_year_ago():
    asked = {
        "26 November": ["2026-11-26"],
        "27 May": ["2026-05-27"],  # 183 days ago
        "26 May": ["2027-05-26"],
        "1 January": ["2027-01-01"],
        "31 December": ["2026-12-31"],
        "in June": ["2026-06-01/2026-06-30"],
        "in May": ["2027-05-01/2027-05-31"],
        "in November": ["2026-11-01/2026-11-30"],
        "in October": ["2026-10-01/2026-10-31"],
    }
    assert all_days(asked) == asked
    assert all(each.is_year_assumed for question in asked for each in dates(question))


def test_the_ends_of_the_calendar_are_no_trouble():
    asked = {
        "31/12/1900": ["1900-12-31"],
        "1 January 1900": ["1900-01-01"],
        "31.12.9999": ["9999-12-31"],
        "December 9999": ["9999-12-01/9999-12-31"],
    }
    assert all_days(asked) == asked
    last, first = date(9999, 12, 31), date(1, 1, 1)
    assert days("tomorrow, next week, next month, in 999 years, Monday", today=last) == []
    assert days("yesterday, last week, 2 years ago, last month", today=first) == []


def test_weekdays_are_the_next_ones():
    asked = {
        "on Monday": ["2026-11-30"],
        "on Thursday": ["2026-12-03"],  # today is one
        "next Monday": ["2026-11-30"],
        "next Friday": ["2026-11-27|2026-12-04"],  # tomorrow, or in the next week
        "last Thursday": ["2026-11-19"],
        "last Wednesday": ["2026-11-25"],
        "Monday next week": ["2026-11-30"],
        "next week on Friday": ["2026-12-04"],
        "Friday 15 January": ["2027-01-15"],
        "Thursday 15 January": ["2027-01-15"],  # it is a Friday: an alternative, and no day
    }
    assert all_days(asked) == asked
    assert [each.on for each in dates("Thursday 15 January")] == [None]


def test_what_is_counted_from_today():
    asked = {
        "today, tomorrow and yesterday": ["2026-11-26", "2026-11-27", "2026-11-25"],
        "the day after tomorrow": ["2026-11-28"],
        "in 3 days, in twelve weeks": ["2026-11-29", "2027-02-18"],
        "in 3 months": ["2027-02-26"],
        "a week ago, 2 months ago": ["2026-11-19", "2026-09-26"],
        "this week": ["2026-11-23/2026-11-29"],
        "next week": ["2026-11-30/2026-12-06"],
        "this weekend": ["2026-11-28/2026-11-29"],
        "next month": ["2026-12-01/2026-12-31"],
        "end of the month": ["2026-11-30"],
        "next year": ["2027-01-01/2027-12-31"],
    }
    assert all_days(asked) == asked
    assert all(each.is_relative for question in asked for each in dates(question))
    assert days("in 3 months", today=date(2026, 11, 30)) == ["2027-02-28"]


def test_ranges_name_both_days():
    asked = {
        "5-7 March 2027": ["2027-03-05", "2027-03-07"],
        "the 5th to the 7th of March": ["2027-03-05", "2027-03-07"],
        "from 5 March to 7 April 2027": ["2027-03-05", "2027-04-07"],
        "my exam is 12/12 at 14:00": ["2026-12-12"],
        "15/01/2027–16/01/2027": ["2027-01-15", "2027-01-16"],
    }
    assert all_days(asked) == asked
    assert days("15./16. Januar", "de") == ["2027-01-15", "2027-01-16"]


def test_forms_of_writing_a_day_and_a_month():
    asked = {
        ("en", "the 1st of March, Jan 5th, MAY 5, 15 Jan 27, Jan '27"): [
            *("2027-03-01", "2027-01-05", "2027-05-05", "2027-01-15", "2027-01-01/2027-01-31"),
        ],
        ("fr", "le 1er janvier, 2 fév. 2027"): ["2027-01-01", "2027-02-02"],
        ("es", "el 1 de enero del 2027, 2 sept"): ["2027-01-01", "2026-09-02"],
        ("fi", "tammikuun 15. päivä, tammikuussa"): ["2027-01-15", "2027-01-01/2027-01-31"],
        ("hu", "január 15-én, január 15-ig"): ["2027-01-15", "2027-01-15"],
        ("lt", "sausio 15 d., 2027 m. sausio 15 dieną"): ["2027-01-15", "2027-01-15"],
        ("sk", "15. januára, v januári"): ["2027-01-15", "2027-01-01/2027-01-31"],
        ("sr", "15. januara, u januaru, 15. јануара"): [
            *("2027-01-15", "2027-01-01/2027-01-31", "2027-01-15"),
        ],
        ("nb", "15. januar 2027"): ["2027-01-15"],  # a library said the 23rd
        ("de", "15. Jänner, 1. Maerz"): ["2027-01-15", "2027-03-01"],
        ("tr", "15 Ocak'a kadar, Mart'ta, HAZİRAN 2027"): [
            *("2027-01-15", "2027-03-01/2027-03-31", "2027-06-01/2027-06-30"),
        ],
        ("el", "1η Μαΐου, τον Μάη, 5 Ιουνιου"): [
            *("2027-05-01", "2027-05-01/2027-05-31", "2026-06-05"),
        ],
        ("bg", "1-ви март 2027"): ["2027-03-01"],
        ("sv", "den 5:e mars"): ["2027-03-05"],
        ("it", "15 January 2027"): ["2027-01-15"],  # in English, in an Italian sentence
        ("xx", "15 January 2027"): ["2027-01-15"],
        ("no", "i morgen"): ["2026-11-27"],
    }
    assert {(language, asks): days(asks, language) for language, asks in asked} == asked


def test_academic_years_are_no_days():
    found = find_slots("2026/27, 2027-2028 and 2027-01", "en", today=TODAY, partners={})
    assert found.years == ("2026/2027", "2027/2028")
    assert [each.first for each in found.dates] == [date(2027, 1, 1)]
