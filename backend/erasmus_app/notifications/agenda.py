"""What a student's calendar shows of their mobilities: deadlines and the stay.

An entry keeps its id for as long as it is about the same thing, whatever becomes of its day, so
that a calendar moves it and does not show it twice (RFC 5545 §3.8.4.7). What was shown is
remembered: whoever changes an entry says so by its sequence number, and what is not to be done any
more is cancelled before it is left out.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta

import msgspec

from erasmus_app.ids import HeiId, MobilityId
from erasmus_app.mobilities.deadlines import Deadline
from erasmus_app.mobilities.models import Mobility
from erasmus_app.mobilities.ports import StoredMobility
from erasmus_app.mobilities.state import MobilityState, state
from erasmus_app.mobilities.stays import planned_end, planned_start, plausible
from erasmus_app.mobilities.steps import Party

STAY = "stay"
REMEMBERED = timedelta(days=60)  # what is over stays in calendars this long, and cancelled ones too
_OFF = {MobilityState.CANCELLED, MobilityState.REJECTED}


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the calendar. It names universities and a day, and nobody."""

    uid: str  # stable: what it is about, of which mobility
    what: str  # a kind of deadline, or `STAY`
    sending_hei_id: HeiId
    receiving_hei_id: HeiId
    on: date  # of a stay its first day
    until: date | None = None  # the last day of a stay, included
    at: time | None = None  # of the day, in `zone`
    zone: str | None = None  # of `at`, an IANA name
    is_students: bool = False  # whether it is the student who must act

    @property
    def last(self) -> date:
        """The last day that it covers."""
        return self.until or self.on


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as calendars have last seen it."""

    entry: Entry
    sequence: int = 0  # grows with every change of what it says, RFC 5545 §3.8.7.4
    changed_at: datetime  # UTC
    cancelled: bool = False


def uid_of(mobility: MobilityId, what: str) -> str:
    """Return the id of an entry. It tells nothing but to us."""
    return f"{what}.{mobility}@erasmus-app"


def entries_of(
    stored: StoredMobility, deadlines: Iterable[Deadline], today: date
) -> Iterator[tuple[Entry, Deadline | None]]:
    """Yield what the calendar shows of a mobility on a day of its student, and what is behind it.

    Of several days for one thing the one to keep; nothing without a day, nor of a mobility that
    was called off.
    """
    mobility = stored.mobility
    if state(mobility, today) in _OFF:
        return
    first, last = stay_of(mobility)
    if first is not None:
        stay = Entry(
            uid=uid_of(stored.mobility_id, STAY),
            what=STAY,
            sending_hei_id=mobility.sending_hei_id,
            receiving_hei_id=mobility.receiving_hei_id,
            on=first,
            until=last if last is not None and last > first else None,
        )
        yield stay, None
    for each in deadlines:
        if each.counts_first and each.on is not None:
            timed = each.at is not None and each.zone is not None
            entry = Entry(
                uid=uid_of(stored.mobility_id, each.kind),
                what=each.kind.value,
                sending_hei_id=mobility.sending_hei_id,
                receiving_hei_id=mobility.receiving_hei_id,
                on=each.on,
                at=each.at if timed else None,
                zone=each.zone if timed else None,
                is_students=each.who_must_act is Party.STUDENT,
            )
            yield entry, each


def stay_of(mobility: Mobility) -> tuple[date | None, date | None]:
    """Return the first and the last day: as the host has recorded them, else as they are planned.

    A month without a day is none: a calendar would show the first of it as if somebody had said so.
    """
    reception = mobility.reception.value if mobility.reception else None
    days: list[date | None] = []
    for recorded, planned in (
        (reception.actual_arrival if reception else None, planned_start(mobility)),
        (reception.actual_departure if reception else None, planned_end(mobility)),
    ):
        exact = planned[0] if planned is not None and planned[1] else None
        days.append(plausible(recorded) or exact)
    return days[0], days[1]


def published(
    before: Mapping[str, Published], entries: Iterable[Entry], today: date, now: datetime
) -> dict[str, Published]:
    """Return what calendars are to see now; `before` is what they have seen.

    What has gone before its day is cancelled; what has gone since is over, and stays as it was.
    Either is forgotten some time after its day.
    """
    there = {each.uid: each for each in entries}
    found = {uid: _again(before.get(uid), entry, now) for uid, entry in there.items()}
    for uid, known in before.items():
        if uid in there:
            continue
        if not known.cancelled and known.entry.last >= today:
            found[uid] = Published(
                entry=known.entry, sequence=known.sequence + 1, changed_at=now, cancelled=True
            )
        else:
            found[uid] = known
    return {
        uid: each
        for uid, each in sorted(found.items())
        if uid in there or _is_remembered(each, today)
    }


def _is_remembered(known: Published, today: date) -> bool:
    return max(known.entry.last, known.changed_at.date()) + REMEMBERED >= today


def _again(known: Published | None, entry: Entry, now: datetime) -> Published:
    if known is None:
        return Published(entry=entry, changed_at=now)
    if known.entry == entry and not known.cancelled:
        return known
    return Published(entry=entry, sequence=known.sequence + 1, changed_at=now)
