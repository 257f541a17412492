"""The daily look: what the calendar makes due, told once (guide §5.3 and §5.4).

A mobility is looked at when it or its host's factsheet has changed, and on the days on which a
reminder of it belongs; the rest of its life it costs nothing. After downtime the looks that were
missed are one look each, and only the nearest reminder of a deadline is told.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from erasmus_app.institutions.ports import FactsheetSource
from erasmus_app.mobilities.dues import day_of_all, look, moment_of_all
from erasmus_app.mobilities.refreshes import heard
from erasmus_app.services import Services
from erasmus_app.store.database import AWAY
from erasmus_app.store.jobs import Again, Job, ensure
from erasmus_app.store.looks import (
    Key,
    LookTable,
    looked,
    not_yet_recorded,
    seen_before,
)
from erasmus_app.store.records import RecordTable
from erasmus_app.store.telling import Teller
from erasmus_app.store.waits import WaitTable
from erasmus_app.telemetry.metrics import REMINDER_LATENESS
from ewp.errors import place_of

REMIND = "remind"
PAGE = 200
LONGEST_WAIT = 60.0  # seconds between two glances at what is due
PUT_OFF = timedelta(hours=1)
AT_ONCE = "-infinity"  # of a look that a change asks for: nothing was due before
NOBODYS_ZONE = "UTC"  # of a mobility whose student has not signed in

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reminder:
    """Handles the recurring job `remind`."""

    services: Services
    records: RecordTable
    looks: LookTable
    factsheets: FactsheetSource

    async def start(self) -> None:
        """Make sure that the recurring job is there."""
        await ensure(self.looks.database, REMIND, {REMIND: {}})

    async def __call__(self, _job: Job) -> None:
        """Look at everything that is due now, in pages, and come again."""
        try:
            await self._bring_waits_up()
            while page := await self.looks.due(self.services.clock(), PAGE):
                for key in page:
                    await self._look_safely(key)
        except AWAY as error:
            log.warning("remind.database_away", error=type(error).__name__)
        except Exception as error:  # noqa: BLE001 - a recurring job has no last attempt
            log.error("remind.broken", error=type(error).__name__, where=place_of(error))  # noqa: TRY400
        raise Again(min(LONGEST_WAIT, self.services.settings.poll_seconds))

    async def _bring_waits_up(self) -> None:
        """See that the offices' lists say what holds on this day (UTC)."""
        waits, today = WaitTable(self.looks.database), self.services.clock().astimezone(UTC).date()
        while await waits.bring_up(today, PAGE) == PAGE:
            pass

    async def _look_safely(self, key: Key) -> None:
        try:
            await self.look_at(key)
        except AWAY:
            raise
        except Exception as error:  # noqa: BLE001 - one mobility must not hold up the others
            tenant, sending, omobility_id = key
            log.error(  # noqa: TRY400 - where, but not what it says: that may be a student's
                "remind.failed",
                tenant=tenant,
                sending_hei_id=sending,
                omobility_id=omobility_id,
                error=type(error).__name__,
                where=place_of(error),
            )
            await self.looks.put_off(key, self.services.clock() + PUT_OFF)

    async def look_at(self, key: Key) -> None:
        """Look at one mobility, and tell what is new, in one transaction."""
        services, now = self.services, self.services.clock()
        hour = services.rules.ours.hour
        async with self.records.change(*key) as change:
            stored = change.before
            if stored is None:
                return
            mobility = stored.mobility
            readers = await change.readers()
            zones = {each.zone for each in readers} or {NOBODYS_ZONE}
            before = await seen_before(change)
            silent = before.silent
            factsheet = await services.factsheets.factsheet(mobility.receiving_hei_id)
            # After `seen_before`: a rule that is set from now on has it looked at once more.
            book = await services.local_rules.refresh()
            today, zone = day_of_all(now, zones, hour)
            found = look(
                mobility,
                factsheet,
                services.rules,
                services.messages.ladders,
                heard(mobility, services.heis.get(mobility.tenant), services.source),
                before.seen,
                today,
                book,
                zone,
            )
            fresh = await not_yet_recorded(change, found.events)
            await change.record_events(found.covered, silent=True)
            await change.record_events(fresh, silent=silent)
            if not silent:
                tell = Teller(services.messages, services.settings.merge_for, services.heis)
                await tell(change, fresh, stored, now)
            again = found.next_day
            await looked(
                change,
                before,
                found.seen,
                moment_of_all(again, zones, hour) if again else None,
                # Until the host's factsheet was asked for, its deadlines are still to be found.
                silently=silent
                and factsheet is None
                and self.factsheets.serves(mobility.receiving_hei_id, mobility.tenant),
            )
        if fresh:
            if not silent and before.due is not None and before.due != AT_ONCE:
                late = services.clock() - datetime.fromisoformat(before.due)
                REMINDER_LATENESS.observe(max(late.total_seconds(), 0.0))
            log.info(
                "mobility.due",
                tenant=mobility.tenant,
                sending_hei_id=mobility.sending_hei_id,
                omobility_id=mobility.omobility_id,
                steps=[event.step.value for event in fresh],
                silent=silent,
            )
