"""Which days of the programme's and our own suit a stay: they are made for semesters."""

from datetime import date

from erasmus_app.mobilities.models import Mobility
from erasmus_app.mobilities.rules import DeadlineKind
from erasmus_app.mobilities.stays import planned_end, planned_start

_ON_THE_SPOT = frozenset({DeadlineKind.CHANGE_REQUEST, DeadlineKind.ARRIVAL_CONFIRMED})
"""What is done while the student is there."""


def fits(kind: DeadlineKind, on: date | None, mobility: Mobility, oldest: date) -> bool:
    """Whether a day can be one of this stay, which may last five days.

    What is to be done there has no day after the end, and a longer stay none before the start.
    That a certificate has come nobody tells, so its day is shown until `oldest` is past it.
    """
    if on is None:
        return True
    if kind is DeadlineKind.CERTIFICATE:
        return on >= oldest
    if kind is DeadlineKind.EXTENSION_REQUEST:
        start = planned_start(mobility)
        return start is None or on >= start[0]
    end = planned_end(mobility)
    return kind not in _ON_THE_SPOT or end is None or on <= end[0]
