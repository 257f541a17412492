"""What one answer leads to: merge, diff, and in one transaction all that follows.

A partner's answer and what a covered HEI's own system gives take the same way:

    record (version + 1) + source document + events + inbox entries + jobs for delivery
"""

from dataclasses import dataclass
from datetime import UTC

import msgspec

from erasmus_app.kit.clock import Clock
from erasmus_app.mobilities.changes import changes
from erasmus_app.mobilities.consolidate import AbsenceRules, is_known, merge, needs_confirmation
from erasmus_app.mobilities.events import MobilityEvent
from erasmus_app.mobilities.ports import Answer, RecordChange, StoredMobility, Teller
from erasmus_app.mobilities.refreshes import REFRESH, Refresh


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer has changed for somebody who reads the record."""

    stored: StoredMobility
    happened: tuple[MobilityEvent, ...]  # empty: nothing that a student should hear
    silent: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class TakingIn:
    """Takes answers into the records."""

    absences: AbsenceRules
    tell: Teller
    clock: Clock

    async def __call__(self, change: RecordChange, answer: Answer, *, silent: bool) -> Taken | None:
        """Bring one mobility up to date within `change`; None where there is nothing new.

        A first synchronisation is `silent` about what it finds, not about what changed since a
        notification of the partner's brought it here.
        """
        reading, now = answer.reading, self.clock()
        before = change.before.mobility if change.before else None
        after = merge(before, reading, self.absences)
        if after is None or after == before:
            return None
        if before is None and await change.is_forgotten(after):
            return None  # who wanted to be forgotten does not come back with the next poll
        silent = silent and not is_known(before, reading.api)
        happened = tuple(changes(before, after, now.astimezone(UTC).date()))
        stored = await change.save(after, answer, silent=silent)
        await change.record_events(happened, silent=silent)
        if not silent:
            await self.tell(change, happened, stored, now)
        look_again = needs_confirmation(after, reading.api, self.absences)
        if look_again is not None:
            again = Refresh(
                tenant=reading.tenant,
                api=reading.api,
                hei_id=reading.hei_id,
                sending_hei_id=reading.sending_hei_id,
                omobility_id=reading.omobility_id,
            )
            await change.enqueue(
                REFRESH,
                msgspec.to_builtins(again),
                dedupe_key=f"{again.dedupe_key} confirm",
                due=max(look_again, now),
            )
        return Taken(stored=stored, happened=happened, silent=silent)
