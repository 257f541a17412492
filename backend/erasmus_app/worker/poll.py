"""The safety net under CNRs, and the only way to hear of a covered HEI's own changes (guide §6.2).

One recurring job `plan-polls` looks whom to ask for what; each pair of partner and API has one
recurring job `poll`. Both are rows like all work, so that a restart loses none.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
import structlog

from erasmus_app.errors import AppError, PartnerFailed
from erasmus_app.ids import HeiId, OmobilityId
from erasmus_app.institutions.models import ApiMode, CoveredHei
from erasmus_app.mobilities.models import OF_RECEIVING, Api
from erasmus_app.mobilities.refreshes import CNR_OF, Refresh
from erasmus_app.services import Services
from erasmus_app.store.database import Database
from erasmus_app.store.jobs import Again, Job, Retry, ensure
from erasmus_app.store.records import RecordTable
from erasmus_app.worker.refresh import Refresher
from ewp.errors import EwpError, place_of

POLL = "poll"
PLAN = "plan-polls"
BATCH = 200  # mobilities; a whole university's answers would fill the memory

log = structlog.get_logger(__name__)


class Poll(msgspec.Struct, frozen=True, kw_only=True):
    """Ask `hei_id` as `tenant` what is new in `api`."""

    tenant: HeiId
    hei_id: HeiId
    api: Api

    @property
    def dedupe_key(self) -> str:
        """One recurring job per partner and API."""
        return f"{POLL} {self.tenant} {self.hei_id} {self.api}"


class PollState(msgspec.Struct, frozen=True, kw_only=True):
    """Where the poller stands with one partner and API. Times are UTC."""

    last_success_began_at: datetime | None = None
    last_full_sweep_at: datetime | None = None
    first_sync_done_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Poller:
    """Asks partners at intervals, with an overlap, and sweeps everything now and then."""

    services: Services
    database: Database
    records: RecordTable
    refresher: Refresher

    async def start(self) -> None:
        """Make sure that the recurring job is there."""
        await ensure(self.database, PLAN, {}, PLAN)

    async def plan(self, _job: Job) -> None:
        """Handle `plan-polls`: see to it that everybody who may know something is asked."""
        try:
            for tenant in self.services.heis.values():
                await self._plan(tenant)
        except Exception as error:  # noqa: BLE001 - a recurring job has no last attempt
            log.error("poll.not_planned", code=code_of(error), where=place_of(error))  # noqa: TRY400
        raise Again(min(60.0, self.services.settings.poll_seconds))

    async def _plan(self, tenant: CoveredHei) -> None:
        heis = {tenant.id, *await self.records.partners(tenant.id)}
        wanted = {(api, hei) for hei in heis for api in Api}
        for api, hei in sorted(wanted):
            off = tenant.mode(CNR_OF[api]) is ApiMode.OFF
            ours = hei == tenant.id and tenant.serves(api.value)  # its system tells us itself
            if not off and not ours and self.services.source.serves(hei, api, tenant.id):
                poll = Poll(tenant=tenant.id, hei_id=hei, api=api)
                await ensure(self.database, POLL, msgspec.to_builtins(poll), poll.dedupe_key)

    async def poll(self, job: Job) -> None:
        """Handle one `poll`, and come again whatever it brings."""
        asked = msgspec.convert(job.payload, Poll)
        try:
            await self._ask(asked)
        except (PartnerFailed, Retry) as error:
            log.warning("poll.failed", hei_id=asked.hei_id, api=asked.api, code=error.code)
            await self._note(asked, error=error.code)
        except Exception as error:  # noqa: BLE001 - a recurring job has no last attempt
            about = {"hei_id": asked.hei_id, "api": asked.api, "code": code_of(error)}
            log.error("poll.broken", where=place_of(error), **about)  # noqa: TRY400
        jitter = random.uniform(0.9, 1.1)  # noqa: S311 - no secret
        raise Again(self.services.settings.poll_seconds * jitter)

    async def _ask(self, asked: Poll) -> None:
        settings, now = self.services.settings, self.services.clock()
        state = await self._state(asked)
        sweep = state.last_full_sweep_at is None or (
            now - state.last_full_sweep_at >= timedelta(seconds=settings.sweep_seconds)
        )
        since = None
        if not sweep and state.last_success_began_at is not None:
            since = state.last_success_began_at - timedelta(seconds=settings.poll_overlap_seconds)
        known = await self.records.ids_at(asked.tenant, asked.api, asked.hei_id)
        if asked.api in OF_RECEIVING:  # no index: the ids that we know
            ids = known
        else:
            try:
                listed = await self.services.source.index(
                    asked.tenant, asked.hei_id, asked.api, modified_since=since
                )
            except PartnerFailed as error:
                for sending, of_sender in known.items():  # the student sees since when
                    await self.refresher.note_failure(
                        asked.tenant, asked.hei_id, asked.api, sending, of_sender, error
                    )
                raise
            # What is known and no longer listed may be deleted, sent back, or merely unchanged.
            # A deletion leaves no trace in a filtered index, so known ones are always asked for.
            own = known.get(asked.hei_id, [])
            ids = {asked.hei_id: list(dict.fromkeys([*listed, *own]))}
        silent = state.first_sync_done_at is None
        for sending, of_sender in ids.items():
            # What the partner has just told of is news, and that job's.
            here = await self._not_announced(asked, sending, of_sender) if silent else of_sender
            for start in range(0, len(here), BATCH):  # what is read is written before the next
                some = here[start : start + BATCH]
                await self.refresher.refresh(
                    asked.tenant, asked.hei_id, asked.api, sending, some, silent=silent
                )
        await self._note(asked, began=now, sweep=sweep)

    async def _not_announced(
        self, asked: Poll, sending: HeiId, ids: Sequence[OmobilityId]
    ) -> list[OmobilityId]:
        """Leave out the mobilities that a notification's job is about to fetch."""
        keys = {
            Refresh(
                tenant=asked.tenant,
                api=asked.api,
                hei_id=asked.hei_id,
                sending_hei_id=sending,
                omobility_id=each,
            ).dedupe_key: each
            for each in ids
        }
        rows = await self.database.fetch(
            "select dedupe_key from job where dedupe_key = any($1) and dead_at is null", list(keys)
        )
        announced = {keys[row["dedupe_key"]] for row in rows}
        return [each for each in ids if each not in announced]

    async def _state(self, asked: Poll) -> PollState:
        row = await self.database.fetchrow(
            """select last_success_began_at, last_full_sweep_at, first_sync_done_at
               from poll_state where tenant = $1 and hei_id = $2 and api = $3""",
            asked.tenant,
            asked.hei_id,
            asked.api.value,
        )
        return PollState(**dict(row)) if row else PollState()

    async def _note(
        self,
        asked: Poll,
        *,
        began: datetime | None = None,
        sweep: bool = False,
        error: str | None = None,
    ) -> None:
        await self.database.execute(
            """insert into poll_state as known (tenant, hei_id, api, last_success_began_at,
                   last_full_sweep_at, first_sync_done_at, last_attempt_at, last_error)
               values ($1, $2, $3, $4::timestamptz, case when $5 then $4::timestamptz end,
                   $4::timestamptz, now(), $6)
               on conflict (tenant, hei_id, api) do update set
                   last_success_began_at =
                       coalesce(excluded.last_success_began_at, known.last_success_began_at),
                   last_full_sweep_at =
                       coalesce(excluded.last_full_sweep_at, known.last_full_sweep_at),
                   first_sync_done_at =
                       coalesce(known.first_sync_done_at, excluded.first_sync_done_at),
                   last_attempt_at = excluded.last_attempt_at,
                   last_error = excluded.last_error""",
            asked.tenant,
            asked.hei_id,
            asked.api.value,
            began,
            sweep,
            error,
        )


def code_of(error: Exception) -> str:
    """Return a stable code for a log: what an unexpected error says may be personal."""
    return error.code if isinstance(error, AppError | EwpError) else type(error).__name__
