"""What is under way to each push service, and how much more of it may be."""

from collections import deque
from dataclasses import dataclass, field

from erasmus_app.ids import JobId
from erasmus_app.notifications.models import PendingDelivery
from erasmus_app.notifications.ports import Push, WideChannel
from erasmus_app.store.outbox import Claimed
from erasmus_app.telemetry.traces import OFF, Span
from erasmus_app.worker.window import Window

MOST_CLAIMED = 500  # jobs of a lane in one claim


@dataclass(slots=True, eq=False)
class Item:
    """One delivery under way."""

    claimed: Claimed
    pending: PendingDelivery
    push: Push
    read_at: float  # the loop's clock
    began: float = 0.0
    attempt: Span = OFF  # of a trace


@dataclass(slots=True, eq=False)
class Lane:
    """One channel's deliveries under way in this process."""

    name: str
    window: Window
    wide: WideChannel | None = None  # where its channel is one
    ready: deque[Item] = field(default_factory=deque)
    sending: dict[JobId, Item] = field(default_factory=dict)
    told_until: float = 0.0  # the loop's clock: until then all workers know it to be closed

    def closed(self) -> float | None:
        """Return for how many seconds its service wants to hear nothing; None where it listens."""
        return None if self.wide is None else self.wide.closed()

    def room(self) -> int:
        """Return how many more to claim; none until that is worth a claim."""
        if self.closed() is not None:
            return 0
        # Half a window lies ready, so that the next ones start as soon as others have ended.
        room = int(self.window.size * 1.5) + 1 - len(self.sending) - len(self.ready)
        if self.wide is not None:  # and no more than its pace lets through
            room = min(room, self.wide.room() - len(self.ready))
        worth = min(self.window.size / 4, MOST_CLAIMED)
        return min(room, MOST_CLAIMED) if room >= worth or not self.sending else 0
