"""Until when: the days of a step, or who has not published one."""

from collections.abc import Iterable, Iterator
from zoneinfo import ZoneInfo

from erasmus_app.chat.answers.about import NEW_LINE, Days, Piece, Stay
from erasmus_app.chat.answers.origins import of_deadline, of_factsheet
from erasmus_app.chat.models import Card, CardKind
from erasmus_app.institutions.models import PageState, page_state
from erasmus_app.kit.cldr import written_day_of_year
from erasmus_app.kit.plain import web_address
from erasmus_app.mobilities.deadlines import Deadline
from erasmus_app.mobilities.rules import DeadlineKind
from erasmus_app.mobilities.undone import STEPS, undone

MOST = 3  # of one kind: several rules may name a day
MOST_LISTED = 12

_PUBLISHED = frozenset({DeadlineKind.NOMINATION, DeadlineKind.APPLICATION, DeadlineKind.DECISION})
"""What the host publishes in its factsheet, and nobody else."""


def until_when(stay: Stay, *kinds: DeadlineKind) -> Iterator[Piece]:
    """Say until when; where there is no day, whether none was published or nothing is due."""
    for kind in kinds:
        found = of_kind(stay, kind)
        if found:
            yield NEW_LINE
            yield from _compared(stay, found)
            for each in found[:MOST]:
                yield from told(stay, each)
                yield NEW_LINE
        else:
            yield from _without_a_day(stay, kind)


def your_turn(stay: Stay, kind: DeadlineKind) -> Iterator[Piece]:
    """Say that the student acts next, where that is so and is no step of its own."""
    if any(each.kind is kind and each.on and each.on >= stay.today for each in stay.of.deadlines):
        yield stay.say("next.student", step=stay.voice.what(kind, stay.mobility))


def of_kind(stay: Stay, kind: DeadlineKind) -> list[Deadline]:
    """Return what is set for a step and nothing stands in place of, the earliest first."""
    for those in (stay.of.deadlines, stay.of.foreseen):
        found = [each for each in those if each.kind is kind and each.superseded_by is None]
        if found:
            return found
    return []


def told(stay: Stay, deadline: Deadline) -> Iterator[Piece]:
    """Tell a deadline: its day, why it is that day, and where it is written."""
    yield sentence(stay, deadline)
    yield stay.voice.why(deadline)
    yield from of_deadline(stay, deadline)
    yield card(stay, deadline)
    url = web_address(deadline.source.url) if deadline.source.url else None
    if url:
        yield Card(
            kind=CardKind.LINK,
            title=stay.say("links.rule"),
            url=url,
            mobility_id=stay.of.mobility_id,
        )


def sentence(stay: Stay, deadline: Deadline) -> str:
    """Say a deadline's day, and how far off it is."""
    what = stay.voice.what(deadline.kind, stay.mobility)
    if deadline.on is None:
        if deadline.month_day is None:
            return stay.say("dates.not_known", what=what)
        month, day = int(deadline.month_day[2:4]), int(deadline.month_day[5:7])
        written = written_day_of_year(month, day, stay.voice.language)
        return stay.say("dates.without_year", what=what, date=written)
    days = (deadline.on - stay.today).days
    ends = deadline.ends_at
    if ends is None or deadline.at is None:
        if days < 0:
            return stay.say("dates.passed", what=what, date=deadline.on, days=-days)
        return stay.say("dates.ahead", what=what, date=deadline.on, days=days)
    time = f"{deadline.at:%H:%M} ({deadline.zone})"
    if ends < stay.now:
        return stay.say("dates.passed_at", what=what, date=deadline.on, time=time)
    zone = ZoneInfo(deadline.zone or "UTC")
    days = (deadline.on - stay.now.astimezone(zone).date()).days
    return stay.say("dates.ahead_at", what=what, date=deadline.on, time=time, days=days)


def card(stay: Stay, deadline: Deadline) -> Card:
    """Show a deadline."""
    return Card(
        kind=CardKind.DEADLINE,
        title=stay.voice.what(deadline.kind, stay.mobility),
        text=stay.voice.why(deadline),
        step=STEPS.get(deadline.kind),
        on=deadline.on,
        at=deadline.at,
        zone=deadline.zone,
        who_must_act=deadline.who_must_act,
        url=web_address(deadline.source.url) if deadline.source.url else None,
        mobility_id=stay.of.mobility_id,
    )


def ahead(those: Iterable[Deadline]) -> list[Deadline]:
    """Return the days that count, one for each step; those without a day are left out."""
    return [each for each in those if each.counts_first and each.on is not None]


def _compared(stay: Stay, found: list[Deadline]) -> Iterator[Piece]:
    """Echo the day that was asked about, and compare it with the day that counts."""
    last = next((each for each in found if each.counts_first), found[0])
    for asked in stay.asked.days[:MOST]:
        yield _echoed(stay, asked)
        if last.on is None:
            yield stay.say("dates.your_date_alone")
        elif asked.last <= last.on:
            if last.on < stay.today:
                continue  # it is over either way, as the next sentence says
            yield stay.say("dates.your_date_in_time", date=last.on)
        else:
            yield stay.say("dates.your_date_late", date=last.on)


def _echoed(stay: Stay, asked: Days) -> str:
    days = [stay.voice.day(each.isoformat()) for each in (asked.first, asked.last)]
    return stay.say("dates.your_date", date=" – ".join(dict.fromkeys(days)))


def _without_a_day(stay: Stay, kind: DeadlineKind) -> Iterator[Piece]:
    what, mobility = stay.voice.what(kind, stay.mobility), stay.mobility
    yield NEW_LINE
    for asked in stay.asked.days[:MOST]:
        yield _echoed(stay, asked)
        yield stay.say("dates.your_date_alone")
    if kind in _PUBLISHED:
        yield stay.say("dates.not_published", what=what, hei=stay.host)
        yield from factsheet_state(stay)
    elif kind in undone(mobility, stay.of.heard, stay.today):
        yield stay.say("dates.not_set", what=what)
    else:
        yield stay.say("dates.step_over", what=what)


def factsheet_state(stay: Stay) -> Iterator[Piece]:
    """Say whether the host has a factsheet, where it does not say what was asked."""
    match page_state(stay.of.factsheet):
        case PageState.PUBLISHED:
            yield of_factsheet(stay)
        case PageState.NOT_PUBLISHED:
            yield stay.say("requirements.no_factsheet", hei=stay.host)
            yield of_factsheet(stay)
        case PageState.NOT_ASKED | PageState.SILENT:
            yield stay.say("requirements.factsheet_unread", hei=stay.host)
