"""Which messages are mailed, and when."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from erasmus_app.ids import AccountId, InboxEntryId
from erasmus_app.notifications.mailing import (
    DUE,
    TOGETHER,
    Fate,
    Reader,
    Rhythm,
    Unseen,
    Verdict,
    mail_id,
    verdict,
    verdicts,
)
from erasmus_app.notifications.models import (
    Digest,
    Kind,
    Level,
    Medium,
    Preferences,
    QuietHours,
    Urgency,
)
from erasmus_app.notifications.preferences import spread_of
from erasmus_app.notifications.wishes import Chosen

TOLD = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
RHYTHM = Rhythm(after=24 * HOUR, urgent_after=4 * HOUR)
MOVE = Kind(category="nomination", your_move=True, obsolete_by=("nomination_refused",))
URGENT = Kind(category="nomination", urgency=Urgency.HIGH)
NEWS = Kind(category="nomination")
READER = Reader(
    account_id=AccountId(UUID(int=1)),
    address_id=UUID(int=2),
    address="ines@post.example",
    stop_token="t",
    language="pt",
    has_device=True,
)


def unseen(n: int = 1, **changed: Any) -> Unseen:
    values = {
        "entry_id": InboxEntryId(UUID(int=n)),
        "mobility_id": None,
        "kind": "nomination_accepted",
        "arguments": {},
        "planned_at": TOLD,
        "mail_id": None,
        "attempts": 0,
        "is_seen": False,
        "happened_since": frozenset(),
    }
    return Unseen(**values | changed)


def said(
    kind: Kind = MOVE,
    *,
    after: timedelta = timedelta(0),
    has_device: bool = True,
    preferences: Preferences | None = None,
    zone: str = "UTC",
    **changed: Any,
) -> Verdict:
    reader = msgspec.structs.replace(READER, has_device=has_device)
    chosen = Chosen(preferences=preferences or Preferences(), zone=zone)
    return verdict(unseen(**changed), kind, reader, chosen, RHYTHM, TOLD + after)


def later(after: timedelta) -> Verdict:
    return Verdict(fate=Fate.LATER, at=TOLD + after)


def dropped(why: str) -> Verdict:
    return Verdict(fate=Fate.DROPPED, why=why)


@pytest.mark.parametrize(("kind", "wait"), [(MOVE, 24 * HOUR), (URGENT, 4 * HOUR)])
def test_a_message_has_its_time_to_be_seen_and_an_urgent_one_less(kind: Kind, wait: timedelta):
    assert said(kind) == later(wait)
    assert said(kind, after=wait - timedelta(seconds=1)) == later(wait)
    assert said(kind, after=wait) == DUE


def test_without_a_device_it_is_mailed_at_once():
    assert said(has_device=False) == DUE


@pytest.mark.parametrize("after", [timedelta(0), DAY])
def test_what_was_seen_or_overtaken_is_not_mailed(after: timedelta):
    assert said(after=after, is_seen=True) == dropped("seen")
    overtaken = said(after=after, happened_since=frozenset({"nomination_refused", "nominated"}))
    assert overtaken == dropped("overtaken")
    assert said(after=DAY, happened_since=frozenset({"nominated"})) == DUE


def test_only_what_matters_is_mailed_unless_the_student_wants_it_otherwise():
    everything = Preferences(levels={Medium.MAIL: {"nomination": Level.ALL}})
    nothing = Preferences(levels={Medium.MAIL: {"nomination": Level.NONE}})

    assert said(NEWS, after=DAY) == dropped("not_wanted")
    assert said(NEWS, after=DAY, preferences=everything) == DUE
    assert said(URGENT, after=DAY, preferences=nothing) == dropped("not_wanted")


def test_mail_wakes_nobody_so_quiet_hours_are_not_looked_at():
    always = Preferences(quiet=QuietHours(begin=time(11), end=time(14)))
    assert said(after=DAY, preferences=always) == DUE


def test_what_a_digest_gathers_has_its_time_to_be_seen_from_the_digest_on():
    daily = Preferences(digest=Digest.DAILY)
    morning = timedelta(hours=20) + spread_of(READER.account_id)  # eight o'clock of the next day

    assert said(after=DAY, preferences=daily) == later(morning + DAY)
    assert said(after=morning + DAY, preferences=daily) == DUE
    assert said(has_device=False, preferences=daily) == later(morning)
    assert said(URGENT, preferences=daily) == later(4 * HOUR)


def test_a_pause_holds_mail_and_what_was_told_in_it_has_its_time_from_its_end_on():
    paused = Preferences(paused_until=TOLD + 3 * DAY)

    assert said(URGENT, after=DAY, preferences=paused) == later(3 * DAY + 4 * HOUR)
    assert said(has_device=False, after=DAY, preferences=paused) == later(3 * DAY)
    assert said(after=4 * DAY, preferences=paused) == DUE


def test_a_reminder_is_mailed_while_its_day_lasts_and_not_after():
    kind = Kind(category="deadline", your_move=True)
    today, tomorrow = {"date": "2026-11-20"}, {"date": "2026-11-21"}

    assert said(kind, arguments=today) == later(4 * HOUR)
    assert said(kind, arguments=today, after=4 * HOUR) == DUE
    assert said(kind, arguments=today, after=13 * HOUR) == dropped("too_late")
    assert said(kind, arguments=today, after=13 * HOUR, zone="America/New_York") == DUE
    assert said(kind, arguments=tomorrow) == later(24 * HOUR)


def test_what_says_nothing_new_any_more_is_not_tried_again():
    ends = 24 * HOUR + timedelta(hours=MOVE.ttl_hours)

    assert said(after=ends - HOUR) == DUE
    assert said(after=ends) == Verdict(fate=Fate.EXPIRED, why="expired")


def test_what_is_nearly_due_goes_along_and_nothing_goes_early_by_itself():
    first, near = unseen(1), unseen(2, planned_at=TOLD + TOGETHER)
    far = unseen(3, planned_at=TOLD + TOGETHER + timedelta(seconds=1))
    chosen = Chosen(preferences=Preferences(), zone="UTC")

    def fates(now: datetime, *found: Unseen) -> list[Fate]:
        kinds = {"nomination_accepted": MOVE}
        given = verdicts(found, kinds, READER, chosen, RHYTHM, now)
        return [given[each.entry_id].fate for each in found]

    assert fates(TOLD + DAY, first, near, far) == [Fate.DUE, Fate.DUE, Fate.LATER]
    assert fates(TOLD + DAY, near, far) == [Fate.LATER, Fate.LATER]


def test_the_same_messages_to_the_same_address_are_the_same_mail():
    one, other = InboxEntryId(UUID(int=1)), InboxEntryId(UUID(int=2))

    assert mail_id(UUID(int=9), [one, other]) == mail_id(UUID(int=9), [other, one])
    assert len({mail_id(UUID(int=a), e) for a in (8, 9) for e in ([one], [one, other])}) == 4
