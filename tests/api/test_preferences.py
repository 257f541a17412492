"""Choosing what one hears, over HTTP, as the app does."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from testbed import Bed

from erasmus_app.cli.phones import Phone

OPERATIONS = Path(__file__).parents[2] / "graphql" / "operations" / "preferences.graphql"
DOCUMENT = OPERATIONS.read_text(encoding="utf-8")
CATEGORIES = ["nomination", "account", "stay", "deadline", "agreement", "transcript"]


async def asked(bed: Bed, phone: Phone, name: str, **variables: Any) -> dict[str, Any]:
    answer = await bed.http.post(
        f"{bed.address}/graphql",
        json={"query": DOCUMENT, "operationName": name, "variables": variables},
        headers={"authorization": f"Bearer {phone.token}", "accept-language": phone.language},
    )
    data: dict[str, Any] = answer.raise_for_status().json()["data"]
    return data


async def chosen(bed: Bed, phone: Phone) -> dict[str, Any]:
    found: dict[str, Any] = (await asked(bed, phone, "Preferences"))["me"][
        "notificationPreferences"
    ]
    return found


async def choose(bed: Bed, phone: Phone, **preferences: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await asked(bed, phone, "SetPreferences", preferences=preferences))[
        "setNotificationPreferences"
    ]
    return found


def a_category(category: str, label: str, push: str = "ALL", mail: str = "IMPORTANT") -> Any:
    media = [{"medium": "PUSH", "level": push}, {"medium": "MAIL", "level": mail}]
    return {"category": category, "label": label, "media": media}


async def test_who_has_chosen_nothing_has_what_most_would(bed: Bed):
    phone = await bed.signed_in("ines", language="de")

    assert await chosen(bed, phone) == {
        "categories": [
            a_category("nomination", "Nominierung und Zusage"),
            a_category("account", "Persönliche Daten"),
            a_category("stay", "Ankunft, Aufenthalt und Rückkehr"),
            a_category("deadline", "Fristen und Erinnerungen"),
            a_category("agreement", "Learning Agreement"),
            a_category("transcript", "Transcript of Records"),
        ],
        "quietHours": {"begin": "22:00", "end": "08:00"},
        "zone": "Europe/Brussels",
        "digest": "OFF",
        "pausedUntil": None,
    }


async def test_what_is_chosen_stays_until_it_is_changed_and_is_nobody_else_s(bed: Bed):
    phone, other = await bed.signed_in("ines"), await bed.signed_in("tiago")
    fresh = await chosen(bed, other)
    until = (datetime.now(UTC) + timedelta(days=3)).replace(microsecond=0)

    answer = await choose(
        bed,
        phone,
        levels=[
            {"category": "stay", "medium": "PUSH", "level": "NONE"},
            {"category": "stay", "medium": "MAIL", "level": "ALL"},
        ],
        quietHours={"begin": "23:30", "end": "07:15"},
        zone="Atlantic/Azores",
    )
    assert answer["__typename"] == "NotificationPreferences"
    await choose(bed, phone, digest="WEEKLY", pausedUntil=until.isoformat())

    found = await chosen(bed, phone)
    assert found.pop("categories")[2] == a_category(
        "stay", "Arrival, stay and return", "NONE", "ALL"
    )
    assert found == {
        "quietHours": {"begin": "23:30", "end": "07:15"},
        "zone": "Atlantic/Azores",
        "digest": "WEEKLY",
        "pausedUntil": until.isoformat(),
    }
    assert await chosen(bed, other) == fresh
    back = await choose(bed, phone, quietHours=None, pausedUntil=None, digest="OFF")
    assert (back["quietHours"], back["pausedUntil"], back["digest"]) == (None, None, "OFF")


LATER = {"pausedUntil": "2126-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("preferences", "problems"),
    [
        ({"zone": "Mars/Olympus"}, [("zone", "zone_unknown")]),
        ({"zone": None}, [("zone", "zone_unknown")]),
        ({"digest": None}, [("digest", "digest_missing")]),
        ({"quietHours": {"begin": "22:00", "end": "22:00"}}, [("quietHours", "quiet_hours_empty")]),
        (
            {"quietHours": {"begin": "22:00", "end": "21:30"}},
            [("quietHours", "quiet_hours_too_long")],
        ),
        ({"quietHours": {"begin": "24:00", "end": "08:00"}}, [("quietHours", "time_invalid")]),
        ({"quietHours": {"begin": "22:00:00", "end": "8"}}, [("quietHours", "time_invalid")]),
        ({"quietHours": {"begin": "٢٢:٠٠", "end": "08:00"}}, [("quietHours", "time_invalid")]),
        ({"pausedUntil": "2020-01-01T00:00:00Z"}, [("pausedUntil", "pause_over")]),
        ({"pausedUntil": "2027-01-01T00:00:00"}, [("pausedUntil", "zone_missing")]),
        (LATER, [("pausedUntil", "pause_too_long")]),
        (
            {"levels": [{"category": "weather", "medium": "PUSH", "level": "ALL"}], **LATER},
            [("levels", "category_unknown"), ("pausedUntil", "pause_too_long")],
        ),
        (
            {"levels": [{"category": "stay", "medium": "PUSH", "level": "ALL"}] * 1000},
            [("levels", "too_many")],
        ),
    ],
)
async def test_what_cannot_be_is_named_and_nothing_is_changed(
    bed: Bed, preferences: dict[str, Any], problems: list[tuple[str, str]]
):
    phone = await bed.signed_in("ines")
    before = await chosen(bed, phone)
    wished = {"levels": [{"category": "stay", "medium": "MAIL", "level": "NONE"}]} | preferences

    refused = await choose(bed, phone, **wished)

    assert refused["__typename"] == "NotificationPreferencesRefused"
    assert [(each["field"], each["code"]) for each in refused["problems"]] == problems
    assert await chosen(bed, phone) == before


@pytest.mark.parametrize("preferences", [{"digest": "HOURLY"}, {"pausedUntil": "tomorrow"}])
async def test_what_is_no_value_at_all_is_an_error_of_the_request(
    bed: Bed, preferences: dict[str, Any]
):
    phone = await bed.signed_in("ines")
    answer = await bed.http.post(
        f"{bed.address}/graphql",
        json={
            "query": DOCUMENT,
            "operationName": "SetPreferences",
            "variables": {"preferences": preferences},
        },
        headers={"authorization": f"Bearer {phone.token}"},
    )

    assert answer.json()["errors"]
    assert answer.status_code < 500
