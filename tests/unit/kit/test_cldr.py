"""Days, months and numbers as the readers' languages write them."""

import pytest

from erasmus_app.kit.cldr import (
    Number,
    categories,
    is_known,
    language_name,
    month_names,
    order_of_numbers,
    weekday_names,
    written_day,
    written_day_of_year,
    written_number,
)

DAYS = {
    "bg": ("15 януари 2027\u202fг.", "януари 2027\u202fг."),
    "cs": ("15. ledna 2027", "ledna 2027"),
    "da": ("15. januar 2027", "januar 2027"),
    "de": ("15. Januar 2027", "Januar 2027"),
    "el": ("15 Ιανουαρίου 2027", "Ιανουάριος 2027"),
    "en": ("15 January 2027", "January 2027"),
    "es": ("15 de enero de 2027", "enero de 2027"),
    "et": ("15. jaanuar 2027", "jaanuar 2027"),
    "fi": ("15. tammikuuta 2027", "tammikuu 2027"),
    "fr": ("15 janvier 2027", "janvier 2027"),
    "ga": ("15 Eanáir 2027", "Eanáir 2027"),
    "hr": ("15. siječnja 2027.", "siječnja 2027."),
    "hu": ("2027. január 15.", "2027. január"),
    "is": ("15. janúar 2027", "janúar 2027"),
    "it": ("15 gennaio 2027", "gennaio 2027"),
    "lt": ("2027 m. sausio 15 d.", "2027 m. sausio"),
    "lv": ("2027. gada 15. janvāris", "2027. g. janvāris"),
    "mk": ("15 јануари 2027\u202fг.", "јануари 2027\u202fг."),
    "mt": ("15 ta’ Jannar 2027", "Jannar 2027"),
    "nb": ("15. januar 2027", "januar 2027"),
    "nl": ("15 januari 2027", "januari 2027"),
    "nn": ("15. januar 2027", "januar 2027"),
    "pl": ("15 stycznia 2027", "stycznia 2027"),
    "pt": ("15 de janeiro de 2027", "janeiro de 2027"),
    "ro": ("15 ianuarie 2027", "ianuarie 2027"),
    "sk": ("15. januára 2027", "januára 2027"),
    "sl": ("15. januarja 2027", "januarja 2027"),
    "sr": ("15. јануара 2027.", "јануара 2027."),
    "sv": ("15 januari 2027", "januari 2027"),
    "tr": ("15 Ocak 2027", "Ocak 2027"),
}


@pytest.mark.parametrize("language", DAYS)
def test_a_day_and_a_month_are_written_in_each_language_as_a_sentence_has_them(language: str):
    assert (written_day("2027-01-15", language), written_day("2027-01", language)) == DAYS[language]


@pytest.mark.parametrize(
    "value",
    ["", "soon", "2027", "2027-13-01", "2027-02-30", "0000-01-01", "2027-1-1", "٢٠٢٧-01-01"],
)
def test_what_is_no_day_stays_as_it_came(value: str):
    assert written_day(value, "en") == value


@pytest.mark.parametrize("language", ["sl", "sr"])
def test_each_month_that_cldr_has_in_the_nominative_alone_is_in_the_genitive(language: str):
    # All of these languages' months have it in -a.
    months = [written_day(f"2027-{month:02}-01", language).split()[1] for month in range(1, 13)]

    assert len(set(months)) == 12
    assert {each[-1] for each in months} == {"a" if language == "sl" else "а"}


@pytest.mark.parametrize(
    ("value", "language", "written", "category"),
    [
        ("7.5", "de", "7,5", "other"),
        ("7.50", "en", "7.5", "other"),
        ("30.0", "en", "30", "other"),
        ("1.0", "en", "1", "one"),
        ("1", "fr", "1", "one"),
        ("0", "fr", "0", "one"),
        ("2", "sl", "2", "two"),
        ("21", "mk", "21", "one"),
        ("10", "lv", "10", "zero"),
        ("7", "ga", "7", "many"),
        ("1234.5", "de", "1.234,5", "other"),
        ("-3", "en", "-3", "other"),
    ],
)
def test_a_number_is_written_and_knows_its_plural(
    value: str, language: str, written: str, category: str
):
    number = written_number(value, language)

    assert isinstance(number, Number)
    assert (number, number.category) == (written, category)


@pytest.mark.parametrize("value", ["", "many", "NaN", "Infinity", "1e9", "1_000", "٧", "9" * 33])
def test_what_is_no_number_stays_as_it_came(value: str):
    assert written_number(value, "en") == value
    assert not isinstance(written_number(value, "en"), Number)


def test_only_the_categories_that_counts_can_have_are_asked_of_a_translator():
    assert categories("cs", fractions=False) == {"one", "few", "other"}
    assert categories("cs", fractions=True) == {"one", "few", "many", "other"}
    assert categories("es", fractions=True) == {"one", "other"}  # "many" is of millions
    assert categories("mt", fractions=False) == {"one", "two", "few", "many", "other"}


@pytest.mark.parametrize("name", ["xq", "", "en.toml", "../en", "e" * 99])
def test_a_language_is_known_or_not(name: str):
    assert not is_known(name)


def test_months_and_weekdays_have_the_names_that_dates_and_lists_use():
    assert [month_names("cs", short=short)[0] for short in (False, True)] == [
        {"ledna", "leden"},
        {"led"},
    ]
    assert month_names("sl", short=False)[2] == {"marec", "marca"}  # the genitive is ours
    assert weekday_names("fi", short=False)[0] == {"maanantai", "maanantaina"}
    assert [len(month_names(each, short=False)) for each in DAYS] == [12] * len(DAYS)
    assert [len(weekday_names(each, short=True)) for each in DAYS] == [7] * len(DAYS)


def test_the_order_of_a_date_in_numbers():
    years_first = {"hu": ("ymd", "md"), "lt": ("ymd", "md"), "sv": ("ymd", "dm")}
    orders = {each: order_of_numbers(each) for each in DAYS}
    assert orders == dict.fromkeys(DAYS, ("dmy", "dm")) | years_first


@pytest.mark.parametrize(
    ("language", "written"),
    [
        *(("en", "5 May"), ("de", "5. Mai"), ("hu", "május 5."), ("sl", "5. maja")),
        *(("sr", "5. маја"), ("pl", "5 maja"), ("lt", "gegužės 5 d."), ("ga", "5 Bealtaine")),
    ],
)
def test_a_day_of_any_year_has_its_month_in_words(language: str, written: str):
    assert written_day_of_year(5, 5, language) == written


def test_a_leap_day_is_a_day_and_what_is_none_stays_a_number():
    days = [(2, 29), (2, 30), (13, 1)]

    assert [written_day_of_year(*each, "en") for each in days] == [
        "29 February",
        "30. 2.",
        "1. 13.",
    ]


@pytest.mark.parametrize(
    ("tag", "name"),
    [("de", "German"), ("pt-BR", "Portuguese"), ("EN", "English"), ("xx", None), ("../x", None)],
)
def test_a_language_is_called_by_its_name(tag: str, name: str | None):
    assert language_name(tag, "en") == name
