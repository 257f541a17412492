"""What a rule may say is strict: students believe it."""

from datetime import date, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.mobilities.local import after, saying

from erasmus_app.errors import RuleInvalid
from erasmus_app.mobilities.basis import Absolute, Annual, Event, Relative
from erasmus_app.mobilities.days import Offset, Unit, following, plus
from erasmus_app.mobilities.local_rules import Role
from erasmus_app.mobilities.rule_checks import (
    FARTHEST,
    Written,
    content_of,
    hidden,
    problems,
)
from erasmus_app.mobilities.rules import DeadlineKind as K


def wrong(**given: Any) -> list[tuple[str, str]]:
    return [(each.field, each.code) for each in problems(saying(**given))]


def test_a_rule_that_says_everything_is_right():
    assert (
        wrong(
            basis=Annual("--02-29"),
            url="https://uni.example:8443/a?b=c#d",
            at=time(15),
            zone="Europe/Lisbon",
            activity_type="student-traineeships",
            first_year="2026/2027",
            last_year="2028/2028",
            name="§ 7 Bewerbungsfrist, «2ª fase» – č",
        )
        == []
    )


MONTH_DAYS = ("--02-30", "--13-01", "--00-10", "--4-01", "2-29", "02-29", "--02-29 ", "--٠٢-٢٩", "")


@pytest.mark.parametrize("text", MONTH_DAYS)
def test_a_day_that_no_year_has_is_refused(text: str):
    assert wrong(basis=Annual(text)) == [("monthDay", "day_invalid")]


@pytest.mark.parametrize("day", [date(1999, 12, 31), date(2101, 1, 1), date.min, date.max])
def test_a_day_that_nobody_can_mean_is_refused(day: date):
    assert wrong(basis=Absolute(day)) == [("on", "day_invalid")]


@pytest.mark.parametrize("unit", Unit)
def test_nothing_is_counted_further_than_two_years(unit: Unit):
    most = FARTHEST[unit]
    found = [
        wrong(basis=after(Event.STAY_BEGINS, amount, unit))
        for amount in (-most - 1, -most, 0, most, most + 1, 2**63)
    ]

    refused = [("offset", "offset_invalid")]
    assert found == [refused, [], [], [], refused, refused]


def test_a_kind_is_counted_from_what_comes_before_it():
    assert wrong(basis=after(Event.TRANSCRIPT_ISSUED, 1)) == [("event", "event_invalid")]
    assert wrong(kind=K.RECOGNITION, basis=after(Event.TRANSCRIPT_ISSUED, 1)) == []
    assert wrong(kind=K.EXTENSION_REQUEST, basis=after(Event.CHANGE_REQUESTED, 1)) == [
        ("event", "event_invalid")
    ]
    assert wrong(kind=K.CHANGE_AGREED, basis=after(Event.CHANGE_REQUESTED, 1)) == []


URLS = {
    "http": "http://uni.example/",
    "a script": "javascript:alert(1)",
    "no host": "https:///path",
    "a blank": "https://uni.example/a b",
    "another line": "https://uni.example/\nx",
    "a name and password": "https://uni.example@evil.example/",
    "a port that is none": "https://uni.example:port/",
    "a backslash": "https://uni.example\\@evil.example/",
    "no ASCII": "https://unì.example/",
    "an address that is none": "https://[::1/",
    "too long": "https://uni.example/" + "a" * 500,
    "nothing": "",
}


@pytest.mark.parametrize("url", URLS.values(), ids=URLS)
def test_a_link_is_https_and_leads_where_it_says(url: str):
    assert wrong(url=url) == [("url", "url_invalid")]


NAMES = {
    "nothing": "",
    "blanks": "  ",
    "a blank at its end": "Call ",
    "a line of its own": "Call\nhere",
    "a direction turned": "Call \u202eereh",
    "an isolate": "Call \u2066here",
    "a character that is not seen": "Ca\u200bll",
    "a line separator": "Call\u2028here",
    "NUL": "Call\x00",
    "half a character": "Call\ud800",
    "too long": "a" * 201,
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_name_is_short_and_all_of_it_is_seen(name: str):
    assert wrong(name=name) == [("name", "text_invalid")]


@pytest.mark.parametrize(
    "zone", ["Europe/Lisboa", "CET+1", "../../etc/passwd", "", "europe/lisbon"]
)
def test_a_zone_is_one_that_there_is(zone: str):
    assert wrong(zone=zone) == [("zone", "zone_unknown")]


def test_a_time_needs_a_zone():
    assert wrong(at=time(15)) == [("zone", "zone_missing")]


VALIDITY: dict[str, tuple[dict[str, Any], list[str]]] = {
    "no year": ({"first_year": "2026"}, ["firstYear"]),
    "two years that are not in a row": ({"last_year": "2026/2028"}, ["lastYear"]),
    "years the wrong way": ({"first_year": "2027/2028", "last_year": "2026/2027"}, ["lastYear"]),
    "days the wrong way": (
        {"first_day": date(2027, 2, 1), "last_day": date(2027, 1, 31)},
        ["lastDay"],
    ),
    "days that nobody can mean": ({"first_day": date.min}, ["firstDay"]),
    "years and days": ({"first_year": "2026/2027", "last_day": date(2027, 1, 31)}, ["firstDay"]),
    "a day": ({"first_day": date(2027, 2, 1), "last_day": date(2027, 2, 1)}, []),
}


@pytest.mark.parametrize(("given", "fields"), VALIDITY.values(), ids=VALIDITY)
def test_when_a_rule_is_valid_is_years_or_days_in_their_order(given, fields):
    assert wrong(**given) == [(each, "validity_invalid") for each in fields]


def test_an_activity_is_one_of_the_network_s():
    assert wrong(activity_type="student studies") == [("activityType", "activity_invalid")]


WRITTEN: dict[str, tuple[dict[str, Any], tuple[str, str]]] = {
    "no day": ({}, ("basis_invalid", "on")),
    "two days": ({"on": date(2027, 1, 1), "month_day": "--01-01"}, ("basis_invalid", "on")),
    "a day and an offset": ({"on": date(2027, 1, 1), "offset": 0}, ("basis_invalid", "on")),
    "half an offset": ({"event": Event.ARRIVAL, "offset": 1}, ("basis_invalid", "event")),
    "an hour that is none": ({"month_day": "--01-01", "time": "24:00"}, ("time_invalid", "time")),
    "a time with seconds": ({"month_day": "--01-01", "time": "12:00:01"}, ("time_invalid", "time")),
    "a time with a zone": ({"month_day": "--01-01", "time": "12:00Z"}, ("time_invalid", "time")),
    "no time": ({"month_day": "--01-01", "time": ""}, ("time_invalid", "time")),
}


@pytest.mark.parametrize(("given", "expected"), WRITTEN.values(), ids=WRITTEN)
def test_what_is_written_has_one_day_and_a_time_that_is_one(given, expected):
    written = Written(kind=K.APPLICATION, direction=Role.OUTGOING, name="Call", **given)

    with pytest.raises(RuleInvalid) as refused:
        content_of(written)

    assert (refused.value.code, refused.value.field) == expected


def test_an_offset_of_nothing_is_an_offset():
    written = Written(
        kind=K.APPLICATION,
        direction=Role.OUTGOING,
        name="Call",
        event=Event.STAY_BEGINS,
        offset=0,
        unit=Unit.DAYS,
    )

    assert content_of(written).basis == Relative(Event.STAY_BEGINS, Offset(0, Unit.DAYS))


@given(st.text(max_size=300), st.text(max_size=20), st.integers(), st.sampled_from(Unit))
def test_whatever_passes_can_be_counted_with(name: str, month_day: str, amount: int, unit: Unit):
    day = date(2027, 1, 31)
    if not wrong(basis=Annual(month_day)):
        assert following(month_day, day) is not None
    if not wrong(basis=after(Event.STAY_BEGINS, amount, unit)):
        assert abs((plus(day, Offset(amount, unit)) - day).days) <= 732
    if not wrong(name=name):
        assert not hidden(name)
        assert name.encode().decode() == name
