"""What a year leaves in the tables beside a student and the stay: documents, events, messages.

Sizes and counts are those of `model.py`; values are sealed as the backend seals them. What was once
sent and what nobody reads again is random bytes of the right size: sealed, it looks the same.
"""

import os
from datetime import timedelta
from functools import partial
from itertools import accumulate
from typing import Any
from uuid import UUID

import msgspec
from home_students import ABROAD, AT, KINDS, MESSAGES, Rows, Student
from scale.model import REMINDERS, STEPS, Assumptions, shares

from erasmus_app.ids import DeviceId, HeiId, InboxEntryId
from erasmus_app.mobilities.models import Api
from erasmus_app.notifications.policy import delivery_id
from erasmus_app.store.sealed import Vault

CHANGES = round(sum(step.times for step in STEPS))  # of a stay, each an event and a message
PUSHES = CHANGES + round(REMINDERS)
XML = {Api.OMOBILITIES: 4_000, Api.OMOBILITY_LAS: 18_000}  # bytes, as partners send them
TARGET_KIND = "fid"
DETAIL, TARGET = 120, 160  # bytes
KEPT = timedelta(days=365)


def home_of(number: int, heis: int) -> HeiId:
    """Return the HEI of a student, so that each has its share of any run of numbers."""
    ends = _ends(heis)
    at = (number * 0.6180339887498949) % 1.0  # spread evenly, and the same every time
    low, high = 0, heis - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if at < ends[middle] else (middle + 1, high)
    return HeiId(f"uni{low}.example")


_made: dict[int, list[float]] = {}


def _ends(heis: int) -> list[float]:
    if heis not in _made:
        _made[heis] = list(accumulate(shares(heis)))
    return _made[heis]


def rows_of_a_year(students: list[Student], of: Assumptions, vault: Vault) -> list[Rows]:
    """Return the rows of their events, documents, messages, devices and deliveries."""
    noise = partial(os.urandom)
    known: list[tuple[Any, ...]] = []
    sessions: list[tuple[Any, ...]] = []
    devices: list[tuple[Any, ...]] = []
    documents: list[tuple[Any, ...]] = []
    events: list[tuple[Any, ...]] = []
    entries: list[tuple[Any, ...]] = []
    deliveries: list[tuple[Any, ...]] = []
    for place, student in enumerate(students):
        me, person, home = student.account, student.person, student.home
        key = me.hex * 2
        known.append((home, key, person, vault.seal(noise(40), "person_esi.esi", home, key)))
        with_app = place % 100 < of.with_app * 100
        second = place % 100 < of.with_app * 100 * (of.devices - 1)
        mine = [DeviceId(UUID(bytes=noise(16), version=4)) for _ in range(with_app + second)]
        for device in mine:
            target = vault.seal(noise(TARGET), "device.target", TARGET_KIND, device.hex)
            session = UUID(bytes=noise(16), version=4)
            sessions.append((session, me, "app", noise(32), AT, AT, AT + KEPT))
            devices.append(
                (me, device, "android", TARGET_KIND, target, "en", device.hex, session, AT, AT)
            )
        for _, stay in student.stays:
            name = str(stay.mobility.omobility_id)
            for api, size in XML.items():
                row = (home, api.value, home, home, name)
                xml = vault.seal(noise(size), "source_document.xml", *row)
                documents.append((*row, 2, xml, noise(32), noise(32).hex(), AT, AT, 1))
            for turn in range(CHANGES):
                event = UUID(bytes=noise(16), version=5)
                detail = vault.seal(noise(DETAIL), "event.detail", home, stay.mobility_id, event)
                kind = KINDS[turn % len(KINDS)]
                events.append(
                    (home, person, event, stay.mobility_id, "NOMINATED", kind, detail, False, AT)
                )
        arguments = msgspec.json.encode({"sending_hei": home, "receiving_hei": ABROAD})
        for turn in range(PUSHES - MESSAGES):
            entry = InboxEntryId(UUID(bytes=noise(16), version=5))
            told = vault.seal(arguments, "inbox_entry.arguments", me, entry)
            at = AT - timedelta(days=turn + 1)
            stay_id = student.stays[0][1].mobility_id
            entries.append(
                (me, entry, home, stay_id, entry, KINDS[turn % len(KINDS)], told, at, at, -turn)
            )
            for device in mine:
                made = delivery_id(entry, device, "fcm")
                deliveries.append(
                    (made, me, entry, device, "fcm", "accepted", 1, noise(12).hex(), at, at, at)
                )
    return [
        ("person_esi", ["tenant", "esi_key", "person_id", "esi"], known),
        (
            "session",
            ["session_id", "account_id", "kind", "refresh_sha256", "created_at", "refreshed_at",
             "expires_at"],
            sessions,
        ),
        (
            "device",
            ["account_id", "device_id", "platform", "target_kind", "target", "language",
             "target_key", "session_id", "registered_at", "last_seen_at"],
            devices,
        ),
        (
            "source_document",
            ["tenant", "api", "hei_id", "sending_hei_id", "object_id", "major", "xml", "sha256",
             "signed_by", "fetched_at", "last_confirmed_at", "revision"],
            documents,
        ),
        (
            "event",
            ["tenant", "person_id", "event_id", "mobility_id", "step", "kind", "detail", "silent",
             "happened_at"],
            events,
        ),
        (
            "inbox_entry",
            ["account_id", "inbox_entry_id", "tenant", "mobility_id", "event_id", "kind",
             "arguments", "created_at", "read_at", "place"],
            entries,
        ),
        (
            "delivery",
            ["delivery_id", "account_id", "inbox_entry_id", "device_id", "channel", "state",
             "attempts", "provider_id", "created_at", "expires_at", "finished_at"],
            deliveries,
        ),
    ]  # fmt: skip
