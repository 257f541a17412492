"""Jobs to deliver, by the hundred: claimed, and ended, in one statement each.

docs/decisions/0028 says why. What holds of one job (`store/jobs.py`) holds of each of many: it has
a lease, it is ended together with what is written of its delivery or not at all, and whoever has
lost the lease of one writes nothing of that one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain, count
from uuid import UUID

import asyncpg
import msgspec

from erasmus_app.ids import DeliveryId, JobId
from erasmus_app.notifications.models import PendingDelivery
from erasmus_app.store.database import Database
from erasmus_app.store.deliveries import DELIVER, FEW, fitting
from erasmus_app.store.jobs import BATCHED_ATTEMPTS, Job

CLOSED = "erasmus_lane"
"""The channel on which workers tell each other that a push service wants to hear nothing."""
MANY = FEW + 1
NOBODYS = "00000000-0000-0000-0000-000000000000"  # of a job that names no delivery


OF_A_ROW = (ValueError, asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
"""What a value raises that no column takes; asyncpg's own errors of encoding are ValueErrors."""


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """One claimed job to deliver, and the lane that it waited in."""

    job: Job
    lane: str
    delivery_id: DeliveryId


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one claimed delivery."""

    job: Job
    delivery_id: DeliveryId
    state: str | None  # the final one; None: it comes again
    attempts: int = 1  # to be counted
    code: str | None = None
    provider_id: str | None = None
    told: tuple[DeliveryId, ...] = ()  # what has gone out with it
    gone: PendingDelivery | None = None  # whose device is to be forgotten
    after: float = 0  # seconds, for one that comes again


@dataclass(frozen=True, slots=True)
class Outbox:
    """Deliveries under way, many at a time; `many` as in `DeliveryTable`."""

    database: Database
    many: Database | None = None

    async def claim(
        self,
        rooms: Mapping[str, int],
        lease: timedelta,
        worker: UUID,
        suspects: int,
        *,
        likely: int = MANY,
    ) -> list[Claimed]:
        """Take up to so many due jobs of each lane that nobody holds, the longest due first.

        `likely`: how many that will be.

        One whose workers have died several times may be why they did: of those `suspects` are
        taken at most, so that it does not take others along for ever.
        """
        # What is to be sent is read by a statement of its own, after this one: whoever let another
        # message join one of these held its job until then, and would be overlooked here.
        lanes = _given(len(rooms), "text", "integer", after=3)
        rows = await fitting(likely, self.database, self.many).fetch(
            f"""with picked as materialized (
                   select job_id from {lanes} as open (lane, room)
                   cross join lateral (
                       select job_id from job
                       where kind = '{DELIVER}' and dead_at is null and leased_by is null
                           and job.lane = open.lane and due <= now()
                           and attempts < {BATCHED_ATTEMPTS}
                       order by due limit open.room for update skip locked) as those),
               suspect as materialized (
                   select job_id from job
                   where kind = '{DELIVER}' and dead_at is null and leased_by is null
                       and lane in (select lane from {lanes} as open (lane, room))
                       and due <= now() and attempts >= {BATCHED_ATTEMPTS}
                   order by due limit $3 for update skip locked)
               update job set lease_until = now() + $1, leased_by = $2, attempts = attempts + 1
               from (table picked union all table suspect) as taken
               where job.job_id = taken.job_id
               returning job.job_id, lane, payload ->> 'delivery_id' as delivery_id, attempts,
                   requested_at, due""",  # noqa: S608 - constants
            lease,
            worker,
            suspects,
            *chain.from_iterable(rooms.items()),
        )
        rows.sort(key=lambda row: row["due"])
        return [
            Claimed(
                job=Job(
                    job_id=JobId(row["job_id"]),
                    kind=DELIVER,
                    payload={"delivery_id": row["delivery_id"]},
                    attempts=row["attempts"],
                    requested_at=row["requested_at"],
                    leased_by=worker,
                ),
                lane=row["lane"],
                delivery_id=DeliveryId(UUID(row["delivery_id"] or NOBODYS)),
            )
            for row in rows
        ]

    async def until_next(self, lanes: Sequence[str]) -> timedelta | None:
        """Return in how long the next waiting job of these lanes is due; None where none waits."""
        wait: timedelta | None = await self.database.fetchval(
            f"""select min(first) - now() from {_given(len(lanes), "text")} as open (lane)
               cross join lateral (
                   select due as first from job
                   where kind = '{DELIVER}' and dead_at is null and leased_by is null
                       and job.lane = open.lane
                   order by due limit 1) as waiting""",  # noqa: S608 - a constant
            *lanes,
        )
        return wait

    async def tell_closed(self, lane: str, seconds: float) -> None:
        """Tell all workers that nothing is to be sent from a lane for so long."""
        await self.database.execute("select pg_notify($1, $2)", CLOSED, f"{lane} {seconds:.3f}")

    async def write(self, verdicts: Sequence[Verdict], worker: UUID) -> set[JobId]:
        """End jobs with their deliveries, or give them back. Returns those that still were ours.

        Each of both kinds is one statement, hence one transaction. A job that was asked for once
        more meanwhile is left to the caller.
        """
        final = [each for each in verdicts if each.state is not None]
        back = [each for each in verdicts if each.state is None]
        written = await self._end(final, worker) if final else set()
        return written | (await self._give_back(back, worker) if back else set())

    async def _end(self, verdicts: Sequence[Verdict], worker: UUID) -> set[JobId]:
        gone = [(each.job.job_id, each.gone) for each in verdicts if each.gone is not None]
        rows = await fitting(len(verdicts), self.database, self.many).fetch(
            """with told as materialized (
                   select * from unnest($2::bigint[], $3::integer[], $4::uuid[], $5::text[],
                       $6::integer[], $7::text[], $8::text[])
                   as told (job_id, claim, delivery_id, state, attempts, code, provider_id)),
               ended as (
                   delete from job using told
                   where job.job_id = told.job_id and leased_by = $1
                       and job.attempts = claim and not again
                   returning job.job_id),
               ours as materialized (select * from told join ended using (job_id)),
               written as (
                   update delivery set state = ours.state,
                       attempts = delivery.attempts + ours.attempts, last_error = code,
                       provider_id = ours.provider_id, finished_at = now()
                   from (select delivery_id as which, ours.* from ours
                       union all
                       select carried.delivery_id, ours.* from ours
                       join delivery as carried on carried.carried_by = ours.delivery_id) as ours
                   where delivery.delivery_id = which and (delivery.state = 'pending'
                       or delivery.state = 'superseded' and which = any($13))),
               forgotten as (
                   delete from device
                   using unnest($9::bigint[], $10::uuid[], $11::uuid[], $12::timestamptz[])
                       as gone (job_id, account_id, device_id, looked_up)
                       join ended using (job_id)
                   where device.account_id = gone.account_id
                       and device.device_id = gone.device_id and registered_at <= looked_up)
               select job_id from ended""",
            worker,
            [each.job.job_id for each in verdicts],
            [each.job.attempts for each in verdicts],
            [each.delivery_id for each in verdicts],
            [each.state for each in verdicts],
            [each.attempts for each in verdicts],
            [_kept(each.code) for each in verdicts],
            [_kept(each.provider_id) for each in verdicts],
            [job for job, _ in gone],
            [each.account_id for _, each in gone],
            [each.device_id for _, each in gone],
            [each.registered_at for _, each in gone],
            [told for each in verdicts for told in each.told],  # also what was overtaken since
        )
        return {JobId(row["job_id"]) for row in rows}

    async def _give_back(self, verdicts: Sequence[Verdict], worker: UUID) -> set[JobId]:
        rows = await fitting(len(verdicts), self.database, self.many).fetch(
            """with told as materialized (
                   select * from unnest($2::bigint[], $3::integer[], $4::uuid[], $5::integer[],
                       $6::text[], $7::interval[])
                   as told (job_id, claim, delivery_id, attempts, code, wait)),
               back as (
                   update job set attempts = 0, last_error = null, again = false,
                       lease_until = null, leased_by = null,
                       due = case when again then least(due, now() + wait) else now() + wait end
                   from told where job.job_id = told.job_id and leased_by = $1
                       and job.attempts = claim
                   returning job.job_id),
               ours as materialized (select * from told join back using (job_id)),
               counted as (
                   update delivery set attempts = delivery.attempts + ours.attempts,
                       last_error = code
                   from (select delivery_id as which, ours.* from ours
                       union all
                       select carried.delivery_id, ours.* from ours
                       join delivery as carried on carried.carried_by = ours.delivery_id) as ours
                   where delivery.delivery_id = which and delivery.state = 'pending')
               select job_id from back""",
            worker,
            [each.job.job_id for each in verdicts],
            [each.job.attempts for each in verdicts],
            [each.delivery_id for each in verdicts],
            [each.attempts for each in verdicts],
            [_kept(each.code) for each in verdicts],
            [timedelta(seconds=each.after) for each in verdicts],
        )
        return {JobId(row["job_id"]) for row in rows}


def _given(rows: int, *types: str, after: int = 0) -> str:
    """Return the parameters after the first ones as so many rows.

    Of these PostgreSQL knows how many they are, and plans once; for arrays it plans each time.
    """
    number = count(after + 1)
    row = [", ".join(f"${next(number)}::{each}" for each in types) for _ in range(rows)]
    return f"(values {', '.join(f'({each})' for each in row)})"


def _kept(text: str | None) -> str | None:
    """Return a push service's word as a column can hold it: it says what it likes."""
    if text is None:
        return None
    return text[:300].replace("\0", "").encode("utf-8", "replace").decode()
