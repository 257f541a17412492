"""Whose move it is, as it is kept beside a record: for lists with the longest waits first.

What is shown is always `steps.whose_move`; what is kept sorts and narrows a list down.
"""

from datetime import UTC, date, datetime

import msgspec

from erasmus_app.mobilities.models import Mobility
from erasmus_app.mobilities.state import next_turn
from erasmus_app.mobilities.stays import YEARS
from erasmus_app.mobilities.steps import Party, whose_move


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """Who has to act, and for how long this holds if no university says anything new."""

    party: Party
    since: datetime | None  # UTC; None: nobody waits, or nobody can tell since when
    until: date | None  # the first day on which it may be otherwise; None: the calendar has no say


def wait(mobility: Mobility, today: date) -> Wait:
    """Say who has to act on a day."""
    move = whose_move(mobility, today)
    until = next_turn(mobility, today)
    return Wait(party=move.party, since=credible(move.since), until=until)


def credible(since: datetime | None) -> datetime | None:
    """Leave out the year 1 or 9999, as a partner may have signed: no list begins with it."""
    return since.astimezone(UTC) if since is not None and since.year in YEARS else None
