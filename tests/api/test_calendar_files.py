"""Entries as iCalendar: what only comes by way of a time and a zone, or of a hostile name."""

from datetime import UTC, date, datetime, time
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar

from erasmus_app.api.rest.calendar import written
from erasmus_app.ids import HeiId
from erasmus_app.notifications.agenda import STAY, Entry, Published
from erasmus_app.notifications.agenda_words import load_agenda_words
from erasmus_app.notifications.calendars import Shown
from erasmus_app.notifications.catalogue import catalogue_folder

HOME, HOST = HeiId("ribeira.example"), HeiId("lindental.example")
AT = datetime(2026, 11, 2, 9, tzinfo=UTC)


def services(name: str = "Lindental") -> SimpleNamespace:
    return SimpleNamespace(
        agenda=load_agenda_words(catalogue_folder(), ("en", "el")),
        names=SimpleNamespace(name=lambda hei, language: name),
    )


def one(language: str = "en", name: str = "Lindental", **given) -> bytes:
    known = {"uid": "x.1@erasmus-app", "sending_hei_id": HOME, "receiving_hei_id": HOST}
    entry = Entry(**(known | given))
    shown = Shown(published=Published(entry=entry, changed_at=AT), deadline=None)
    return written([shown], language, services(name))


@pytest.mark.parametrize(
    ("on", "moment"),
    [
        (date(2027, 2, 15), datetime(2027, 2, 15, 15, tzinfo=UTC)),
        (date(2027, 3, 28), datetime(2027, 3, 28, 14, tzinfo=UTC)),  # clocks went on that night
        (date(2028, 2, 29), datetime(2028, 2, 29, 15, tzinfo=UTC)),
    ],
)
def test_a_time_of_a_zone_is_that_moment_and_brings_its_zone_along(on, moment):
    content = one(what="application", on=on, at=time(15), zone="Europe/Lisbon", is_students=True)
    calendar = Calendar.from_ical(content)
    [event] = calendar.walk("VEVENT")
    start = event.decoded("DTSTART")

    assert start.astimezone(UTC) == moment
    assert start.replace(tzinfo=None) == datetime.combine(on, time(15))
    assert "DTEND" not in event
    assert [str(each["TZID"]) for each in calendar.walk("VTIMEZONE")] == ["Europe/Lisbon"]
    assert [str(each["TRIGGER"].to_ical(), "ascii") for each in event.walk("VALARM")] == [
        "-P7D",
        "-P1D",
    ]


def test_a_stay_covers_its_last_day():
    [event] = Calendar.from_ical(one(what=STAY, on=date(2027, 3, 1), until=date(2027, 7, 15))).walk(
        "VEVENT"
    )

    assert (event.decoded("DTSTART"), event.decoded("DTEND")) == (
        date(2027, 3, 1),
        date(2027, 7, 16),
    )
    assert event.walk("VALARM") == []


def test_the_same_entries_are_the_same_bytes():
    given = {"what": STAY, "on": date(2027, 3, 1)}
    assert one(**given) == one(**given)


def test_a_name_adds_no_line_of_its_own_and_long_lines_are_folded_between_characters():
    evil = "Πανεπιστήμιο\r\nBEGIN:VALARM\nATTACH:https://evil.example;,\\n" + "ψ" * 200
    content = one("el", evil, what=STAY, on=date(2027, 3, 1))

    assert max(len(line) for line in content.split(b"\r\n")) <= 75
    content.decode("utf-8")
    assert b"\nBEGIN:VALARM" not in content
    assert b"\nATTACH" not in content
    [event] = Calendar.from_ical(content).walk("VEVENT")
    assert "ψ" * 200 in str(event["SUMMARY"])


def test_a_cancelled_entry_says_so_and_rings_no_more():
    entry = Entry(
        uid="x.1@erasmus-app",
        what="application",
        sending_hei_id=HOME,
        receiving_hei_id=HOST,
        on=date(2027, 2, 15),
        is_students=True,
    )
    known = Published(entry=entry, sequence=3, changed_at=AT, cancelled=True)
    content = written([Shown(published=known, deadline=None)], "en", services())
    [event] = Calendar.from_ical(content).walk("VEVENT")

    assert (str(event["STATUS"]), int(event["SEQUENCE"])) == ("CANCELLED", 3)
    assert event.decoded("DTSTAMP") == AT.astimezone(ZoneInfo("UTC"))
    assert event.walk("VALARM") == []
