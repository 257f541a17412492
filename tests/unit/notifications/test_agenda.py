"""What a calendar shows, and how it comes to know what has changed."""

from datetime import UTC, date, datetime, time, timedelta

import msgspec
import pytest
from factories import (
    TODAY,
    a_factsheet,
    a_mobility,
    a_nomination,
    a_version,
    an_agreement,
    stored,
)

from erasmus_app.errors import SettingsInvalid
from erasmus_app.ids import HeiId
from erasmus_app.mobilities.deadlines import deadlines
from erasmus_app.mobilities.models import OF_RECEIVING, Reception
from erasmus_app.mobilities.rules import load_rules
from erasmus_app.notifications.agenda import (
    REMEMBERED,
    STAY,
    Entry,
    Published,
    entries_of,
    published,
    stay_of,
    uid_of,
)
from erasmus_app.notifications.agenda_words import load_agenda_words
from erasmus_app.notifications.catalogue import catalogue_folder, load_catalogue

D, DAY = date, timedelta(days=1)
NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
LATER = NOW + timedelta(hours=5)
HOME, HOST = HeiId("ribeira.example"), HeiId("lindental.example")
RULES, FACTSHEET = load_rules(), a_factsheet()


LAST = D(2026, 11, 30)


def entry(what: str = "application", on: date = LAST, **given) -> Entry:
    known = {"uid": f"{what}.1@erasmus-app", "sending_hei_id": HOME, "receiving_hei_id": HOST}
    return Entry(what=what, on=on, **(known | given))


def shown(mobility, today: date = TODAY) -> list[tuple[str, date, date, bool]]:
    kept = stored(mobility)
    due = deadlines(mobility, FACTSHEET, RULES, OF_RECEIVING, today)
    found = [each for each, _ in entries_of(kept, due, today)]
    assert [each.uid for each in found] == [uid_of(kept.mobility_id, each.what) for each in found]
    return [(each.what, each.on, each.last, each.is_students) for each in found]


def test_a_mobility_shows_its_stay_and_of_each_deadline_the_day_that_counts():
    known = a_mobility(
        a_nomination("approved"),
        an_agreement(first=a_version(), planned_start="2027-03-01", planned_end="2027-07-15"),
        Reception(actual_arrival=D(2027, 3, 2)),
    )
    due = deadlines(known, FACTSHEET, RULES, OF_RECEIVING, D(2027, 3, 5))
    wanted = [
        (each.kind.value, each.on, each.on, each.who_must_act.value == "student")
        for each in due
        if each.counts_first and each.on is not None
    ]

    assert shown(known, D(2027, 3, 5)) == [(STAY, D(2027, 3, 2), D(2027, 7, 15), False), *wanted]
    assert {each[0] for each in wanted} >= {"change-request", "extension-request", "transcript"}


@pytest.mark.parametrize("status", ["rejected", "cancelled"])
def test_of_what_was_called_off_nothing_is_shown(status):
    known = a_mobility(
        a_nomination(status), an_agreement(planned_start="2027-03-01", planned_end="2027-07-15")
    )

    assert shown(known) == []


@pytest.mark.parametrize(
    ("start", "end", "reception", "expected"),
    [
        ("2027-03-01", "2027-07-15", None, (D(2027, 3, 1), D(2027, 7, 15))),
        ("2027-03", "2027-07", None, (None, None)),  # a month is no day
        ("2027-03", "2027-07-15", None, (None, D(2027, 7, 15))),
        (
            "2027-03-01",
            "2027-07",
            Reception(actual_arrival=D(2027, 3, 4), actual_departure=D(2027, 6, 30)),
            (D(2027, 3, 4), D(2027, 6, 30)),
        ),
        (
            "2027-03-01",
            "2027-07-15",
            Reception(actual_arrival=D(1, 1, 1)),  # a slip of somebody's pen
            (D(2027, 3, 1), D(2027, 7, 15)),
        ),
    ],
)
def test_a_stay_lasts_as_the_host_recorded_it_else_as_it_is_planned(
    start, end, reception, expected
):
    facts = [
        an_agreement(planned_start=start, planned_end=end),
        *([reception] if reception else []),
    ]

    assert stay_of(a_mobility(a_nomination("approved"), *facts)) == expected


def test_what_is_new_begins_at_nought_and_what_is_the_same_stays_to_the_byte():
    first = published({}, [entry()], TODAY, NOW)
    again = published(first, [entry()], TODAY, LATER)

    assert first == {"application.1@erasmus-app": Published(entry=entry(), changed_at=NOW)}
    assert again == first


def test_a_day_that_moves_keeps_its_id_and_counts_on():
    first = published({}, [entry()], TODAY, NOW)
    moved = published(first, [entry(on=D(2026, 12, 15))], TODAY, LATER)

    assert moved == {
        "application.1@erasmus-app": Published(
            entry=entry(on=D(2026, 12, 15)), sequence=1, changed_at=LATER
        )
    }


def test_what_is_not_to_be_done_any_more_is_cancelled_and_may_come_back():
    first = published({}, [entry()], TODAY, NOW)
    gone = published(first, [], TODAY, LATER)
    still = published(gone, [], TODAY + DAY, LATER + DAY)
    back = published(still, [entry()], TODAY + 2 * DAY, LATER + 2 * DAY)

    uid = "application.1@erasmus-app"
    assert gone == {uid: Published(entry=entry(), sequence=1, changed_at=LATER, cancelled=True)}
    assert still == gone
    assert back == {uid: Published(entry=entry(), sequence=2, changed_at=LATER + 2 * DAY)}


def test_what_is_over_stays_as_it_was_and_is_forgotten_some_time_after():
    first = published({}, [entry(on=TODAY - DAY)], TODAY, NOW)
    over = published(first, [], TODAY, LATER)
    last = published(over, [], TODAY - DAY + REMEMBERED + DAY, LATER)

    assert over == first
    assert published(over, [], TODAY - DAY + REMEMBERED, LATER) == first
    assert published(last, [], TODAY + REMEMBERED + DAY, LATER) == {}


def test_an_entry_goes_through_json_as_it_is():
    for each in (
        entry(),
        entry(STAY, until=D(2026, 12, 24)),
        entry(at=time(15), zone="Europe/Lisbon", is_students=True),
    ):
        assert msgspec.json.decode(msgspec.json.encode(each), type=Entry) == each


# Words


def names(hei: str, language: str) -> str:
    return f"<{hei.partition('.')[0]} {language}>"


def test_every_language_of_the_messages_has_a_title_of_its_own_for_each_entry():
    languages = load_catalogue(catalogue_folder()).languages
    words = load_agenda_words(catalogue_folder(), languages)

    assert words.titles.keys() == set(languages)
    for what in words.titles["en"]:
        titles = [words.title(entry(what), language, names) for language in languages]
        assert len(set(titles)) == len(titles), what
    assert words.title(entry(), "de-AT", names) == "Bewerbung bei <lindental de>"
    assert words.title(entry(), "xx", names) == "Apply to <lindental en>"
    assert (
        words.title(entry("recognition"), "en", names) == "Recognition expected from <ribeira en>"
    )


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (None, "No such file"),
        ("stay = ", "Invalid value"),
        ('stay = "In {receiving}"', "differs from what there is in: agreement-signed, application"),
        ("FULL", "stay: names other universities than the English text"),
    ],
)
def test_a_file_that_does_not_fit_is_named_with_what_is_wrong(tmp_path, text, wrong):
    (tmp_path / "agenda").mkdir()
    english = (catalogue_folder() / "agenda/en.toml").read_text(encoding="utf-8")
    (tmp_path / "agenda/en.toml").write_text(english, encoding="utf-8")
    if text is not None:
        full = english.replace('stay = "Stay: {receiving}"', 'stay = "Stay"')
        (tmp_path / "agenda/xx.toml").write_text(full if text == "FULL" else text, encoding="utf-8")

    with pytest.raises(SettingsInvalid, match=wrong) as error:
        load_agenda_words(tmp_path, ("en", "xx"))
    assert "agenda/xx.toml" in str(error.value)
