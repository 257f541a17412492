"""Copies of agreements, by tenant, and where the reading of them stands."""

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from erasmus_app.ids import HeiId, IiaId
from erasmus_app.institutions.agreements import AgreementCopy, KnownCopy
from erasmus_app.store.database import Database

MOST_REMEMBERED = 50  # tenants whose copies are kept in memory; some megabytes each

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(AgreementCopy).decode


class ReadingState(msgspec.Struct, frozen=True, kw_only=True):
    """Where the reading of one HEI's copies stands. Times are UTC."""

    good_since: datetime | None = None  # when the last good reading began
    whole_since: datetime | None = None  # the last good one that looked at every copy


@dataclass(frozen=True, slots=True)
class AgreementTable:
    """The agreements over one database."""

    database: Database
    _remembered: OrderedDict[HeiId, tuple[str, list[KnownCopy]]] = field(
        default_factory=OrderedDict, repr=False
    )

    async def copies(self, tenant: HeiId) -> list[KnownCopy]:
        """Return every copy that a tenant has read; the list is not to be changed.

        They change once a day and are asked for by many students, so they are read anew only when
        somebody was asked since: that stands in a few short rows.
        """
        stamp: str | None = await self.database.fetchval(
            """select md5(string_agg(concat(hei_id, ' ', last_attempt_at, ' ', last_error), ' '
                                     order by hei_id))
               from agreement_state where tenant = $1""",
            tenant,
        )
        known = self._remembered.get(tenant)
        if stamp is not None and known is not None and known[0] == stamp:
            self._remembered.move_to_end(tenant)
            return known[1]
        found = await self._read(tenant)
        if stamp is not None:
            self._remembered[tenant] = (stamp, found)
            self._remembered.move_to_end(tenant)
            while len(self._remembered) > MOST_REMEMBERED:
                self._remembered.popitem(last=False)
        return found

    async def _read(self, tenant: HeiId) -> list[KnownCopy]:
        rows = await self.database.fetch(
            """select value::text as value, approved, fetched_at, last_confirmed_at, last_error
               from agreement_copy left join agreement_state using (tenant, hei_id)
               where tenant = $1 order by hei_id, iia_id""",
            tenant,
        )
        return [
            KnownCopy(
                tenant=tenant,
                copy=_decode(row["value"]),
                approved=row["approved"],
                fetched_at=row["fetched_at"],
                last_confirmed_at=row["last_confirmed_at"],
                last_error=row["last_error"],
            )
            for row in rows
        ]

    async def partners(self, tenant: HeiId) -> set[HeiId]:
        """Return the HEIs that a tenant's own copies are with."""
        rows = await self.database.fetch(
            "select distinct partner_id from agreement_copy where tenant = $1 and hei_id = $1",
            tenant,
        )
        return {row["partner_id"] for row in rows}

    async def known(self, tenant: HeiId, hei: HeiId) -> set[IiaId]:
        """Return the ids of an HEI's copies that a tenant has read."""
        rows = await self.database.fetch(
            "select iia_id from agreement_copy where tenant = $1 and hei_id = $2", tenant, hei
        )
        return {row["iia_id"] for row in rows}

    async def own_with(self, tenant: HeiId, partner: HeiId) -> list[IiaId]:
        """Return the ids of a tenant's own copies with a partner."""
        rows = await self.database.fetch(
            """select iia_id from agreement_copy
               where tenant = $1 and hei_id = $1 and partner_id = $2 order by iia_id""",
            tenant,
            partner,
        )
        return [row["iia_id"] for row in rows]

    async def state(self, tenant: HeiId, hei: HeiId) -> ReadingState:
        """Return where the reading of an HEI's copies stands."""
        row = await self.database.fetchrow(
            """select good_since, whole_since from agreement_state
               where tenant = $1 and hei_id = $2""",
            tenant,
            hei,
        )
        return ReadingState(**dict(row)) if row else ReadingState()

    async def save(self, tenant: HeiId, copies: Sequence[AgreementCopy], at: datetime) -> None:
        """Keep copies that were read at a moment."""
        for each in copies:
            await self.database.execute(
                """insert into agreement_copy as known (tenant, hei_id, iia_id, partner_id, value,
                       fetched_at, last_confirmed_at)
                   values ($1, $2, $3, $4, $5::text::jsonb, $6, $6)
                   on conflict (tenant, hei_id, iia_id) do update set
                       partner_id = excluded.partner_id, value = excluded.value,
                       fetched_at = case when known.value = excluded.value
                                         then known.fetched_at else excluded.fetched_at end,
                       last_confirmed_at = excluded.last_confirmed_at""",
                tenant,
                each.hei_id,
                each.iia_id,
                each.partner_id,
                _encode(each).decode(),
                at,
            )

    async def approved(self, tenant: HeiId, partner: HeiId, approvals: Mapping[IiaId, str]) -> None:
        """Note which of a tenant's own copies a partner has approved, and which not."""
        await self.database.execute(
            """update agreement_copy set approved = coalesce(
                   (select hash from unnest($3::text[], $4::text[]) as told (id, hash)
                    where told.id = iia_id limit 1), '')
               where tenant = $1 and hei_id = $1 and partner_id = $2""",
            tenant,
            partner,
            list(approvals),
            list(approvals.values()),
        )

    async def finished(
        self,
        tenant: HeiId,
        hei: HeiId,
        listed: Collection[IiaId],
        *,
        at: datetime,
        whole: bool,
        lacking: str | None,
    ) -> None:
        """Note that an HEI was asked at `at`: what it lists is confirmed.

        What it lists no more goes when a second answer says so: one may be a bad day's.
        `whole` is whether every copy was looked at, `lacking` why some could not be read: then
        nothing counts as confirmed, and the next reading begins where this one began.
        """
        async with self.database.transaction() as connection:
            await connection.execute(
                """delete from agreement_copy where tenant = $1 and hei_id = $2
                   and iia_id <> all($3::text[]) and missing_since is not null""",
                tenant,
                hei,
                list(listed),
            )
            await connection.execute(
                """update agreement_copy set
                       missing_since = case when iia_id = any($3::text[]) then null
                           else $4::timestamptz end,
                       last_confirmed_at = case when iia_id = any($3::text[]) and $5::boolean
                           then greatest(last_confirmed_at, $4::timestamptz)
                           else last_confirmed_at end
                   where tenant = $1 and hei_id = $2""",
                tenant,
                hei,
                list(listed),
                at,
                lacking is None,
            )
            await connection.execute(
                """insert into agreement_state as known (tenant, hei_id, good_since, whole_since,
                       last_attempt_at, last_error)
                   values ($1, $2, case when $5::text is null then $3::timestamptz end,
                       case when $4::boolean and $5::text is null then $3::timestamptz end,
                       $3::timestamptz, $5::text)
                   on conflict (tenant, hei_id) do update set
                       good_since = coalesce(excluded.good_since, known.good_since),
                       whole_since = coalesce(excluded.whole_since, known.whole_since),
                       last_attempt_at = excluded.last_attempt_at,
                       last_error = excluded.last_error, failures = 0""",
                tenant,
                hei,
                at,
                whole,
                lacking,
            )

    async def failed(self, tenant: HeiId, hei: HeiId, code: str, at: datetime) -> int:
        """Note a failed attempt; what is known stays. Returns how many failed in a row."""
        failures: int = await self.database.fetchval(
            """insert into agreement_state as known
                   (tenant, hei_id, last_attempt_at, last_error, failures)
               values ($1, $2, $3, $4, 1)
               on conflict (tenant, hei_id) do update set
                   last_attempt_at = excluded.last_attempt_at, last_error = excluded.last_error,
                   failures = known.failures + 1
               returning failures""",
            tenant,
            hei,
            at,
            code,
        )
        return failures
