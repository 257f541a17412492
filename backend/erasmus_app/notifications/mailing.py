"""Which messages are mailed, and when: those that nobody has seen elsewhere. Plain and repeatable.

docs/decisions/0025 has the reasons.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

from erasmus_app.ids import AccountId, InboxEntryId, MobilityId
from erasmus_app.notifications.models import Kind, Medium, Urgency
from erasmus_app.notifications.preferences import (
    How,
    last_day_of,
    passage,
    spread_of,
    zone_of,
)
from erasmus_app.notifications.wishes import Chosen

TOGETHER = timedelta(hours=1)  # what would be due within it goes along with a mail that goes anyway


class Unseen(msgspec.Struct, frozen=True, kw_only=True):
    """A message that is to be mailed unless something speaks against it."""

    entry_id: InboxEntryId
    mobility_id: MobilityId | None
    kind: str
    arguments: dict[str, str]
    planned_at: datetime
    mail_id: UUID | None  # the mail that it went out with, perhaps
    attempts: int
    is_seen: bool  # it was read in the inbox, or a push of it was opened
    happened_since: frozenset[str]  # kinds of events of its mobility


class Reader(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a mail goes to. Personal."""

    account_id: AccountId
    address_id: UUID
    address: str
    stop_token: str  # good for turning mails to this address off, and for nothing else
    language: str
    has_device: bool


class Rhythm(msgspec.Struct, frozen=True, kw_only=True):
    """How long a message waits to be seen on a device."""

    after: timedelta
    urgent_after: timedelta


class Fate(StrEnum):
    """What becomes of a message that was not mailed yet."""

    DUE = "due"
    LATER = "later"
    DROPPED = "dropped"  # there is no use in it, or no wish for it
    EXPIRED = "expired"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a message, and why or when."""

    fate: Fate
    why: str | None = None
    at: datetime | None = None


DUE = Verdict(fate=Fate.DUE)


def verdict(
    unseen: Unseen,
    kind: Kind,
    reader: Reader,
    chosen: Chosen,
    rhythm: Rhythm,
    now: datetime,
    *,
    early: timedelta = timedelta(0),
) -> Verdict:
    """Return whether a message is to be mailed now; `early` is how much too early it may be.

    It has its time to be seen from when a push of it may go out: a digest comes first, and a pause
    holds both. Mail wakes nobody, so quiet hours are not looked at.
    """
    if unseen.is_seen:
        return Verdict(fate=Fate.DROPPED, why="seen")
    if unseen.happened_since.intersection(kind.obsolete_by):
        return Verdict(fate=Fate.DROPPED, why="overtaken")
    last_day, zone = last_day_of(kind, unseen.arguments), zone_of(chosen.zone)
    if last_day is not None and now.astimezone(zone).date() > last_day:
        return Verdict(fate=Fate.DROPPED, why="too_late")
    told = passage(
        msgspec.structs.replace(chosen.preferences, quiet=None),
        kind,
        Medium.MAIL,
        unseen.planned_at,
        chosen.zone,
        last_day=last_day,
        spread=spread_of(reader.account_id),
    )
    if told.how is How.NEVER:
        return Verdict(fate=Fate.DROPPED, why="not_wanted")
    begins = told.at or unseen.planned_at
    due = begins + _wait(kind, reader, rhythm)
    if last_day is not None and due.astimezone(zone).date() > last_day:
        due = min(due, begins + rhythm.urgent_after)
    if now >= due + timedelta(hours=kind.ttl_hours):
        return Verdict(fate=Fate.EXPIRED, why="expired")
    return DUE if due <= now + early else Verdict(fate=Fate.LATER, at=due)


def _wait(kind: Kind, reader: Reader, rhythm: Rhythm) -> timedelta:
    if not reader.has_device:
        return timedelta(0)
    return rhythm.urgent_after if kind.urgency is Urgency.HIGH else rhythm.after


def verdicts(
    found: Sequence[Unseen],
    kinds: Mapping[str, Kind],
    reader: Reader,
    chosen: Chosen,
    rhythm: Rhythm,
    now: datetime,
) -> dict[InboxEntryId, Verdict]:
    """Return what becomes of each; where one is due, what nearly is goes along."""

    def judged(early: timedelta) -> dict[InboxEntryId, Verdict]:
        return {
            each.entry_id: verdict(each, kinds[each.kind], reader, chosen, rhythm, now, early=early)
            for each in found
        }

    said = judged(timedelta(0))
    return judged(TOGETHER) if DUE in said.values() else said


def mail_id(address: UUID, entries: Iterable[InboxEntryId]) -> UUID:
    """Return the id of a mail, the same for the same messages to the same address."""
    names = sorted(str(each) for each in entries)
    digest = hashlib.sha256("\n".join(["mail", str(address), *names]).encode()).digest()
    return UUID(bytes=digest[:16], version=5)
