"""Changing preferences: what is chosen then, and what cannot be."""

from datetime import UTC, datetime, time, timedelta, timezone
from typing import Any

import pytest

from erasmus_app.notifications.catalogue import catalogue_folder, load_catalogue
from erasmus_app.notifications.models import Digest, Level, Medium, Preferences, QuietHours
from erasmus_app.notifications.wishes import LONGEST_PAUSE, Chosen, Wish, problems

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
CATEGORIES = load_catalogue(catalogue_folder()).categories
PUSH, MAIL = Medium.PUSH, Medium.MAIL
FRESH = Chosen(preferences=Preferences(), zone="Europe/Brussels")


def test_what_a_wish_does_not_name_stays():
    quiet, until = QuietHours(begin=time(21), end=time(7)), NOW + timedelta(days=3)
    wishes = [
        Wish(levels=((PUSH, "stay", Level.NONE),)),
        Wish(quiet=quiet),
        Wish(digest=Digest.DAILY),
        Wish(paused_until=until),
        Wish(zone="Atlantic/Azores"),
    ]
    chosen = FRESH
    for each in wishes:
        chosen = each.applied_to(chosen, NOW)

    assert chosen == Chosen(
        preferences=Preferences(
            levels={PUSH: {"stay": Level.NONE}},
            quiet=quiet,
            digest=Digest.DAILY,
            paused_until=until,
        ),
        zone="Atlantic/Azores",
    )
    assert Wish().applied_to(chosen, NOW) == chosen


def test_only_what_differs_from_the_defaults_is_kept():
    off = Wish(levels=((PUSH, "stay", Level.NONE), (MAIL, "stay", Level.ALL)))
    back = Wish(levels=((PUSH, "stay", Level.ALL), (MAIL, "stay", Level.IMPORTANT)))

    assert back.applied_to(off.applied_to(FRESH, NOW), NOW) == FRESH


def test_a_pause_ends_by_itself_or_by_a_wish():
    paused = Wish(paused_until=NOW + timedelta(hours=1)).applied_to(FRESH, NOW)

    assert Wish(paused_until=None).applied_to(paused, NOW) == FRESH
    assert Wish().applied_to(paused, NOW + timedelta(hours=1)) == FRESH


@pytest.mark.parametrize(
    ("wish", "found"),
    [
        ({"zone": "Mars/Olympus"}, [("zone", "zone_unknown")]),
        ({"zone": ""}, [("zone", "zone_unknown")]),
        ({"zone": "../../etc/passwd"}, [("zone", "zone_unknown")]),
        ({"levels": ((PUSH, "weather", Level.ALL),)}, [("levels", "category_unknown")]),
        (
            {"levels": ((PUSH, "stay", Level.ALL), (PUSH, "stay", Level.NONE))},
            [("levels", "level_twice")],
        ),
        ({"levels": ((PUSH, "weather", Level.ALL),) * 10_000}, [("levels", "too_many")]),
        (
            {"quiet": QuietHours(begin=time(8), end=time(8))},
            [("quietHours", "quiet_hours_empty")],
        ),
        (
            {"quiet": QuietHours(begin=time(8), end=time(7, 1))},
            [("quietHours", "quiet_hours_too_long")],
        ),
        ({"quiet": QuietHours(begin=time(8), end=time(7))}, []),
        ({"quiet": None, "paused_until": None}, []),
        ({"paused_until": NOW}, [("pausedUntil", "pause_over")]),
        ({"paused_until": NOW.replace(tzinfo=None)}, [("pausedUntil", "zone_missing")]),
        ({"paused_until": NOW.replace(year=2126)}, [("pausedUntil", "pause_too_long")]),
        (
            {"paused_until": datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-12)))},
            [("pausedUntil", "pause_too_long")],
        ),
        (
            {"paused_until": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))},
            [("pausedUntil", "pause_over")],
        ),
        ({"paused_until": NOW + LONGEST_PAUSE}, []),
        (
            {"zone": "x", "paused_until": NOW},
            [("pausedUntil", "pause_over"), ("zone", "zone_unknown")],
        ),
    ],
)
def test_what_cannot_be_is_named(wish: dict[str, Any], found: list[tuple[str, str]]):
    named = problems(Wish(**wish), CATEGORIES, NOW)

    assert [(each.field, each.code) for each in named] == found
