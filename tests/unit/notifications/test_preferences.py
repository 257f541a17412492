"""When a message may go out, whatever is preferred, and whatever clocks do."""

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from erasmus_app.ids import AccountId
from erasmus_app.notifications.models import Kind, Urgency
from erasmus_app.notifications.preferences import (
    AT_ONCE,
    DEFAULTS,
    NEVER,
    SILENTLY,
    SPREAD,
    Digest,
    How,
    Level,
    Medium,
    Passage,
    Preferences,
    QuietHours,
    last_day_of,
    passage,
    spread_of,
)

BRUSSELS = "Europe/Brussels"
PUSH, MAIL = Medium.PUSH, Medium.MAIL
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
PLAIN = Kind(category="stay")
MOVE = Kind(category="stay", your_move=True)
URGENT = Kind(category="agreement", urgency=Urgency.HIGH)
DUE = Kind(category="deadline")
DUE_URGENT = Kind(category="deadline", urgency=Urgency.HIGH)


def at(text: str, zone: str = BRUSSELS, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def held(text: str, zone: str = BRUSSELS) -> Passage:
    return Passage(how=How.HELD, at=at(text, zone))


def when(
    kind: Kind, now: str, *, last_day: str | None = None, medium: Medium = PUSH, **chosen: object
) -> Passage:
    preferences = Preferences(**chosen)  # type: ignore[arg-type]
    day = date.fromisoformat(last_day) if last_day else None
    return passage(preferences, kind, medium, at(now), BRUSSELS, last_day=day)


def test_by_day_everything_goes_out_at_once():
    assert [when(each, "2026-11-25 14:00") for each in (PLAIN, MOVE, URGENT, DUE)] == [AT_ONCE] * 4


def test_by_night_what_is_not_urgent_waits_for_the_morning_and_what_is_does_not_ring():
    assert when(PLAIN, "2026-11-25 22:00") == held("2026-11-26 08:00")
    assert when(PLAIN, "2026-11-26 07:59") == held("2026-11-26 08:00")
    assert when(PLAIN, "2026-11-26 08:00") == AT_ONCE
    assert when(URGENT, "2026-11-26 03:00") == SILENTLY


@pytest.mark.parametrize(
    ("now", "last_day", "urgent", "plain"),
    [
        ("2026-11-25 22:30", "2026-11-25", AT_ONCE, SILENTLY),  # too late in the morning
        ("2026-11-25 22:30", "2026-11-26", SILENTLY, held("2026-11-26 08:00")),
        ("2026-11-26 00:30", "2026-11-26", SILENTLY, held("2026-11-26 08:00")),
        ("2026-11-25 22:30", "2026-11-24", SILENTLY, held("2026-11-26 08:00")),  # is late already
    ],
)
def test_what_would_be_too_late_in_the_morning_comes_by_night(
    now: str, last_day: str, urgent: Passage, plain: Passage
):
    assert when(DUE_URGENT, now, last_day=last_day) == urgent
    assert when(DUE, now, last_day=last_day) == plain


def test_quiet_hours_may_be_by_day_or_not_at_all():
    siesta = QuietHours(begin=time(13), end=time(15, 30))

    assert when(PLAIN, "2026-11-25 13:00", quiet=siesta) == held("2026-11-25 15:30")
    assert when(PLAIN, "2026-11-25 03:00", quiet=siesta) == AT_ONCE
    assert when(PLAIN, "2026-11-25 03:00", quiet=None) == AT_ONCE


def test_a_digest_gathers_what_is_not_urgent():
    daily, weekly = Digest.DAILY, Digest.WEEKLY  # 2026-11-30 is a Monday

    assert when(PLAIN, "2026-11-25 14:00", digest=daily) == held("2026-11-26 08:00")
    assert when(PLAIN, "2026-11-26 07:00", digest=daily) == held("2026-11-26 08:00")
    assert when(MOVE, "2026-11-25 14:00", digest=weekly) == held("2026-11-30 08:00")
    assert when(PLAIN, "2026-11-30 08:00", digest=weekly) == held("2026-12-07 08:00")
    assert when(URGENT, "2026-11-25 14:00", digest=weekly) == AT_ONCE
    assert when(URGENT, "2026-11-25 23:00", digest=weekly) == SILENTLY


def test_a_digest_waits_for_quiet_hours_to_end():
    late = QuietHours(begin=time(1), end=time(11))

    daily = {"quiet": late, "digest": Digest.DAILY}
    assert when(PLAIN, "2026-11-25 14:00", **daily) == held("2026-11-26 11:00")
    assert when(PLAIN, "2026-11-26 09:00", **daily) == held("2026-11-26 11:00")


def test_a_deadline_before_the_next_digest_does_not_wait_for_it():
    weekly = {"digest": Digest.WEEKLY}

    assert when(DUE, "2026-11-25 14:00", last_day="2026-11-29", **weekly) == AT_ONCE
    assert when(DUE, "2026-11-25 23:00", last_day="2026-11-29", **weekly) == held(
        "2026-11-26 08:00"
    )
    assert when(DUE, "2026-11-25 14:00", last_day="2026-11-30", **weekly) == held(
        "2026-11-30 08:00"
    )


def test_a_pause_holds_everything_until_it_is_over_and_people_are_awake():
    pause = {"paused_until": at("2026-12-24 12:00")}

    for kind in (PLAIN, URGENT, DUE_URGENT):
        assert when(kind, "2026-11-25 14:00", last_day="2026-11-26", **pause) == held(
            "2026-12-24 12:00"
        )
    assert when(PLAIN, "2026-12-24 12:00", **pause) == AT_ONCE
    assert when(URGENT, "2026-11-25 14:00", paused_until=at("2026-12-24 02:00")) == held(
        "2026-12-24 08:00"
    )


def test_a_category_goes_over_the_media_that_are_chosen_for_it():
    some = {PUSH: {"stay": Level.NONE, "agreement": Level.IMPORTANT}, MAIL: {"stay": Level.ALL}}
    chosen = Preferences(levels=some)
    noon = at("2026-11-25 12:00")

    def wanted(kind: Kind, medium: Medium, preferences: Preferences = chosen) -> bool:
        return passage(preferences, kind, medium, noon, BRUSSELS) is not NEVER

    agreed = Kind(category="agreement")
    assert [wanted(each, PUSH) for each in (PLAIN, MOVE, URGENT, agreed, DUE)] == [
        *(False, False, True, False, True)
    ]
    assert [wanted(each, MAIL) for each in (PLAIN, MOVE, URGENT, agreed, DUE)] == [
        *(True, True, True, False, False)
    ]
    assert [wanted(each, PUSH, DEFAULTS) for each in (PLAIN, MOVE, URGENT)] == [True] * 3
    assert [wanted(each, MAIL, DEFAULTS) for each in (PLAIN, MOVE, URGENT)] == [False, True, True]


def test_the_night_on_which_the_clock_is_moved_has_one_end():
    night = Preferences(quiet=QuietHours(begin=time(22), end=time(2, 30)))

    def then(now: datetime) -> Passage:
        return passage(night, PLAIN, PUSH, now, BRUSSELS)

    # 28 March 2027: 02:30 is left out. 31 October: it comes twice, and the first one counts.
    assert then(at("2027-03-28 01:00")) == held("2027-03-28 03:30")
    assert then(at("2027-10-31 01:00")) == held("2027-10-31 02:30")
    assert then(at("2027-10-31 02:15", fold=1)) == AT_ONCE


def test_a_zone_that_this_machine_does_not_know_is_utc():
    found = passage(DEFAULTS, PLAIN, PUSH, datetime(2026, 11, 25, 23, tzinfo=UTC), "Mars/Olympus")

    assert found == Passage(how=How.HELD, at=datetime(2026, 11, 26, 8, tzinfo=UTC))


def test_mornings_are_spread_over_a_quarter_of_an_hour_and_an_account_has_its_own_moment():
    spread = [spread_of(AccountId(UUID(int=n))) for n in range(2000)]

    assert spread == [spread_of(AccountId(UUID(int=n))) for n in range(2000)]
    assert timedelta(0) <= min(spread) < timedelta(seconds=5)
    assert SPREAD - timedelta(seconds=5) <= max(spread) < SPREAD
    a_minute = [each for each in spread if each < timedelta(minutes=1)]
    assert len(a_minute) == pytest.approx(2000 / 15, rel=0.4)
    later = passage(DEFAULTS, PLAIN, PUSH, at("2026-11-25 23:00"), BRUSSELS, spread=spread[7])
    assert later.at == at("2026-11-26 08:00") + spread[7]


def test_the_last_day_of_a_message_is_that_of_its_deadline():
    assert last_day_of(DUE, {"date": "2028-02-29"}) == date(2028, 2, 29)
    assert last_day_of(DUE, {"date": "2028-02"}) is None
    assert last_day_of(DUE, {}) is None
    assert last_day_of(PLAIN, {"date": "2028-02-29"}) is None


def test_what_is_held_is_tried_for_a_day_from_then_on_and_no_shorter_than_otherwise():
    now = at("2026-11-25 23:00")
    morning = Passage(how=How.HELD, at=at("2026-11-26 08:00"))

    assert AT_ONCE.expires(now, HOUR) == now + HOUR
    assert morning.expires(now, HOUR) == at("2026-11-27 08:00")
    assert morning.expires(now, 72 * HOUR) == now + 72 * HOUR


# Whatever is chosen, in all zones

ZONES = sorted(each for each in available_timezones() if "/" in each)
times = st.times().map(lambda each: each.replace(second=0, microsecond=0))
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
moments = st.timedeltas(timedelta(0), 15 * 365 * DAY).map(lambda each: FIRST + each)
spreads = st.timedeltas(timedelta(0), SPREAD - timedelta(seconds=1))


@st.composite
def quiet_hours(draw: st.DrawFn) -> QuietHours | None:
    begin, end = draw(times), draw(times)
    minutes = (end.hour * 60 + end.minute - begin.hour * 60 - begin.minute) % (24 * 60)
    assume(0 < minutes <= 23 * 60)
    return QuietHours(begin=begin, end=end)


@st.composite
def situations(draw: st.DrawFn) -> tuple[Preferences, Kind, datetime, str, dict[str, object]]:
    now, zone = draw(moments), draw(st.sampled_from(ZONES))
    pause = draw(st.none() | st.timedeltas(-DAY, 92 * DAY))
    preferences = Preferences(
        quiet=draw(st.none() | quiet_hours()),
        digest=draw(st.sampled_from(Digest)),
        paused_until=None if pause is None else now + pause,
    )
    kind = draw(st.sampled_from([PLAIN, URGENT, DUE, DUE_URGENT]))
    days = draw(st.none() | st.integers(-3, 10))
    last_day = None if days is None else now.astimezone(ZoneInfo(zone)).date() + days * DAY
    given_too = {"last_day": last_day, "spread": draw(spreads)}
    return preferences, kind, now, zone, given_too


def a_situation(
    preferences: Preferences, now: str, zone: str
) -> tuple[Preferences, Kind, datetime, str, dict[str, object]]:
    return preferences, PLAIN, at(now, zone), zone, {"last_day": None, "spread": timedelta(0)}


LONG = QuietHours(begin=time(3), end=time(2))  # whose only hour is left out in spring


@given(situations())
@example(a_situation(DEFAULTS, "2028-02-29 23:00", "Pacific/Kiritimati"))
@example(a_situation(DEFAULTS, "2011-12-29 23:30", "Pacific/Apia"))  # the next day was none
@example(a_situation(Preferences(quiet=LONG), "2027-03-28 00:30", BRUSSELS))
@example(a_situation(Preferences(quiet=LONG, digest=Digest.WEEKLY), "2027-03-22 01:30", BRUSSELS))
@example(a_situation(Preferences(digest=Digest.DAILY), "2027-10-31 02:30", "Atlantic/Azores"))
def test_what_is_held_goes_out_later_outside_of_quiet_hours_and_is_held_once(
    situation: tuple[Preferences, Kind, datetime, str, dict[str, object]],
):
    preferences, kind, now, zone, more = situation
    found = passage(preferences, kind, PUSH, now, zone, **more)  # type: ignore[arg-type]

    assert (found.how is How.HELD) == (found.at is not None)
    if found.at is None:
        return
    assert found.at > now
    waits = max(now, preferences.paused_until or now)
    assert found.at <= waits + 9 * DAY + SPREAD
    # Its time has come: whoever looks then, and a moment later, lets it go.
    again = passage(preferences, kind, PUSH, found.at, zone, for_digest=False, **more)  # type: ignore[arg-type]
    assert again == AT_ONCE


@given(situations())
def test_what_is_urgent_waits_for_a_pause_alone_and_nothing_beyond_its_last_day(
    situation: tuple[Preferences, Kind, datetime, str, dict[str, object]],
):
    preferences, kind, now, zone, more = situation
    found = passage(preferences, kind, PUSH, now, zone, **more)  # type: ignore[arg-type]

    if preferences.paused_until is not None and preferences.paused_until > now:
        assert found.how is How.HELD
        return
    if kind.urgency is Urgency.HIGH:
        assert found in (AT_ONCE, SILENTLY)
    last_day = more["last_day"]
    if found.at is not None and isinstance(last_day, date):
        today, then = (each.astimezone(ZoneInfo(zone)).date() for each in (now, found.at))
        assert last_day < today or then <= last_day


@given(situations())
def test_nothing_rings_in_quiet_hours_but_what_cannot_wait(
    situation: tuple[Preferences, Kind, datetime, str, dict[str, object]],
):
    preferences, kind, now, zone, more = situation
    quiet = preferences.quiet
    local = now.astimezone(ZoneInfo(zone))
    assume(quiet is not None)
    assert quiet is not None
    # Told by the clock on the wall, but for days on which it is moved.
    offsets = {(local + n * 12 * HOUR).utcoffset() for n in range(-4, 5)}
    assume(len(offsets) == 1)
    wall = local.time().replace(tzinfo=None)
    inside = (
        quiet.begin <= wall < quiet.end
        if quiet.begin < quiet.end
        else not quiet.end <= wall < quiet.begin
    )
    found = passage(preferences, kind, PUSH, now, zone, for_digest=False, **more)  # type: ignore[arg-type]

    if inside and found == AT_ONCE:
        assert kind.urgency is Urgency.HIGH
        assert more["last_day"] == local.date()
    if not inside:
        assert found.how is not How.SILENTLY
