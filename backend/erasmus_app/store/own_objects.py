"""The covered HEIs' own data and partners' decisions about them, in PostgreSQL."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import asyncpg
import msgspec

from erasmus_app.ids import HeiId, OmobilityId
from erasmus_app.kit.clock import Clock, utc_now
from erasmus_app.mobilities.own import (
    ANNOUNCE,
    Announcement,
    Decision,
    KeptObject,
    Operation,
    OwnObject,
    Place,
    Wanted,
)
from erasmus_app.mobilities.ports import RecordChange
from erasmus_app.store import jobs
from erasmus_app.store.database import Database
from erasmus_app.store.records import lock_mobilities, record_within
from erasmus_app.store.sealed import Vault, vault_of

_KEPT = "api, major, sending_hei_id, object_id, partner_hei_id, xml, sha256, revision, changed_at"
_DECISION = """api, omobility_id, proposal_id, operation, partner_hei_id, comment, request,
    request_id, decided_at"""


def _xml_at(hei: HeiId, api: str, sending: HeiId, object_id: str) -> tuple[str, ...]:
    return ("own_object.xml", hei, api, sending, object_id)


def _decision_at(column: str, hei: HeiId, decision: Decision | asyncpg.Record) -> tuple[str, ...]:
    parts = ("api", "omobility_id", "proposal_id")
    named = [
        getattr(decision, each) if isinstance(decision, Decision) else decision[each]
        for each in parts
    ]
    return (f"own_decision.{column}", hei, *named)


def _kept(row: asyncpg.Record, hei: HeiId, vault: Vault) -> KeptObject:
    xml, place = row["xml"], (hei, row["api"], row["sending_hei_id"], row["object_id"])
    return KeptObject(
        api=row["api"],
        major=row["major"],
        sending_hei_id=HeiId(row["sending_hei_id"]),
        object_id=row["object_id"],
        partner=row["partner_hei_id"],
        xml=None if xml is None else vault.open(xml, *_xml_at(*place)),
        sha256=row["sha256"],
        revision=row["revision"],
        changed_at=row["changed_at"],
    )


def _decision(row: asyncpg.Record, hei: HeiId, vault: Vault) -> Decision:
    return Decision(
        api=row["api"],
        omobility_id=OmobilityId(row["omobility_id"]),
        proposal_id=row["proposal_id"],
        operation=Operation(row["operation"]),
        partner=row["partner_hei_id"],
        comment=vault.open_text(row["comment"], *_decision_at("comment", hei, row)),
        request=vault.open(row["request"], *_decision_at("request", hei, row)),
        request_id=row["request_id"],
        decided_at=row["decided_at"],
    )


@dataclass(frozen=True, slots=True)
class OwnObjectTable:
    """The own data of all covered HEIs, see `mobilities.own.OwnStore`."""

    database: Database
    clock: Clock = utc_now

    @asynccontextmanager
    async def change(self, hei: HeiId) -> AsyncIterator["OwnChangeRows"]:
        """Open a transaction on one HEI's own data; others who want the same HEI's wait."""
        async with self.database.locked(f"own {hei}") as connection:
            yield OwnChangeRows(connection, hei, self.clock)

    async def objects(
        self, hei: HeiId, api: str, majors: Sequence[int], ids: Sequence[str]
    ) -> list[KeptObject]:
        """Return what is there of these ids, in the order of ids."""
        rows = await self.database.fetch(
            f"""select {_KEPT} from own_object
                where tenant = $1 and api = $2 and object_id = any($3) and major = any($4)
                    and removed_at is null
                order by array_position($3::text[], object_id::text), sending_hei_id""",  # noqa: S608 - a constant
            hei,
            api,
            list(ids),
            list(majors),
        )
        return [_kept(row, hei, self.database.vault) for row in rows]

    async def with_code(self, hei: HeiId, api: str, codes: Sequence[str]) -> list[KeptObject]:
        """Return the objects whose kind is one of these, in the order of their ids."""
        rows = await self.database.fetch(
            f"""select {_KEPT} from own_object
                where tenant = $1 and api = $2 and kind = any($3) and removed_at is null
                order by object_id""",  # noqa: S608 - a constant
            hei,
            api,
            list(codes),
        )
        return [_kept(row, hei, self.database.vault) for row in rows]

    async def index(
        self, hei: HeiId, api: str, majors: Sequence[int], wanted: Wanted
    ) -> list[OmobilityId]:
        """Return the ids of what is there and asked for, in their order."""
        rows = await self.database.fetch(
            """select distinct object_id from own_object
               where tenant = $1 and api = $2 and major = any($3) and removed_at is null
                   and ($1 = any($4::text[]) or partner_hei_id = any($4::text[]))
                   and ($5::text[] is null or partner_hei_id = any($5::text[]))
                   and ($6::text is null or receiving_academic_year_id = $6)
                   and ($7::text is null or student_key = $7)
                   and ($8::text is null or kind = $8)
                   and ($9::timestamptz is null or changed_at >= $9)
               order by object_id""",
            hei,
            api,
            list(majors),
            sorted(wanted.parties),
            sorted(wanted.receiving_hei_ids) or None,
            wanted.receiving_academic_year_id,
            None
            if wanted.student_key is None
            else self.database.vault.hashed("esi", wanted.student_key),
            wanted.kind,
            wanted.modified_since,
        )
        return [OmobilityId(row["object_id"]) for row in rows]

    async def decisions_since(
        self, hei: HeiId, since: datetime | None, limit: int
    ) -> list[Decision]:
        """Return what partners decided, in the order of their decisions."""
        rows = await self.database.fetch(
            f"""select {_DECISION} from own_decision
                where tenant = $1 and ($2::timestamptz is null or decided_at >= $2)
                order by decided_at, decision_id limit $3""",  # noqa: S608 - a constant
            hei,
            since,
            limit,
        )
        return [_decision(row, hei, self.database.vault) for row in rows]

    async def to_announce(self, of: Announcement, limit: int) -> list[KeptObject]:
        """Return objects whose last change the partner was not told of, the oldest change first."""
        rows = await self.database.fetch(
            f"""select {_KEPT} from own_object
                where tenant = $1 and api = $2 and partner_hei_id = $3 and major = $4
                    and announced_revision < revision
                order by changed_at, object_id limit $5""",  # noqa: S608 - a constant
            of.tenant,
            of.api,
            of.partner,
            of.major,
            limit,
        )
        return [_kept(row, of.tenant, self.database.vault) for row in rows]

    async def announced(self, hei: HeiId, objects: Sequence[KeptObject]) -> None:
        """Note that these changes need no more telling; a later change does."""
        await self.database.pool.executemany(
            """update own_object set announced_revision = greatest(announced_revision, $5)
               where tenant = $1 and api = $2 and sending_hei_id = $3 and object_id = $4""",
            [
                (hei, each.api, each.sending_hei_id, each.object_id, each.revision)
                for each in objects
            ],
        )


@dataclass(frozen=True, slots=True)
class OwnChangeRows:
    """One transaction on one HEI's own data, see `mobilities.own.OwnChange`."""

    connection: asyncpg.Connection
    hei: HeiId
    clock: Clock

    def _all_kept(self, rows: Sequence[asyncpg.Record]) -> list[KeptObject]:
        vault = vault_of(self.connection)
        return [_kept(row, self.hei, vault) for row in rows]

    async def known(self, api: str, places: Sequence[Place]) -> dict[Place, KeptObject]:
        """Return what is kept of these objects, removed ones too."""
        rows = await self.connection.fetch(
            f"""select {_KEPT} from own_object
                join unnest($3::text[], $4::text[]) as asked (sending_hei_id, object_id)
                    using (sending_hei_id, object_id)
                where tenant = $1 and api = $2""",  # noqa: S608 - a constant
            self.hei,
            api,
            [sending for sending, _ in places],
            [object_id for _, object_id in places],
        )
        found = self._all_kept(rows)
        return {each.place: each for each in found}

    async def others(
        self, api: str, major: int, sending: HeiId | None, places: Iterable[Place]
    ) -> list[KeptObject]:
        """Return what is there of that version besides these; of one sending HEI, where said."""
        rows = await self.connection.fetch(
            f"""select {_KEPT} from own_object
                where tenant = $1 and api = $2 and major = $3 and removed_at is null
                    and ($4::text is null or sending_hei_id = $4)
                order by sending_hei_id, object_id""",  # noqa: S608 - a constant
            self.hei,
            api,
            major,
            sending,
        )
        listed = set(places)
        return [each for each in self._all_kept(rows) if each.place not in listed]

    async def senders(self, ids: Sequence[str]) -> dict[str, list[HeiId]]:
        """Return who sends these incoming mobilities, by what the records know."""
        rows = await self.connection.fetch(
            """select distinct omobility_id, sending_hei_id from mobility
               where tenant = $1 and receiving_hei_id = $1 and omobility_id = any($2)
               order by omobility_id, sending_hei_id""",
            self.hei,
            list(ids),
        )
        found: dict[str, list[HeiId]] = {}
        for row in rows:
            found.setdefault(row["omobility_id"], []).append(HeiId(row["sending_hei_id"]))
        return found

    async def decisions(self, api: str, objects: Sequence[OwnObject]) -> dict[Place, Decision]:
        """Return what was decided about the objects' present proposals."""
        asked = [each for each in objects if each.proposal_id is not None]
        rows = await self.connection.fetch(
            f"""select {_DECISION} from own_decision
                join unnest($3::text[], $4::text[]) as asked (omobility_id, proposal_id)
                    using (omobility_id, proposal_id)
                where tenant = $1 and api = $2""",  # noqa: S608 - a constant
            self.hei,
            api,
            [each.object_id for each in asked],
            [each.proposal_id for each in asked],
        )
        vault = vault_of(self.connection)
        return {(self.hei, row["omobility_id"]): _decision(row, self.hei, vault) for row in rows}

    async def lock(self, places: Sequence[Place]) -> None:
        """Keep everybody else from these mobilities' records until the end."""
        await lock_mobilities(self.connection, self.hei, places)

    async def record(self, place: Place) -> RecordChange:
        """Open a mobility's record within this transaction."""
        sending, object_id = place
        return await record_within(
            self.connection, self.hei, sending, OmobilityId(object_id), self.clock
        )

    async def put(self, own: OwnObject, at: datetime, *, tell_partner: bool) -> None:
        """Keep an object's new content."""
        vault = vault_of(self.connection)
        place = _xml_at(self.hei, own.api, own.sending_hei_id, own.object_id)
        await self.connection.execute(
            """insert into own_object as known (tenant, api, sending_hei_id, object_id, major,
                   partner_hei_id, receiving_academic_year_id, student_key, kind, xml, sha256,
                   changed_at, confirmed_at, announced_revision)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12,
                   case when $13 then 0 else 1 end)
               on conflict (tenant, api, sending_hei_id, object_id) do update set
                   major = excluded.major,
                   partner_hei_id = excluded.partner_hei_id,
                   receiving_academic_year_id = excluded.receiving_academic_year_id,
                   student_key = excluded.student_key,
                   kind = excluded.kind,
                   xml = excluded.xml,
                   sha256 = excluded.sha256,
                   changed_at = greatest(excluded.changed_at, known.changed_at),
                   confirmed_at = excluded.confirmed_at,
                   removed_at = null,
                   revision = known.revision + 1,
                   announced_revision =
                       case when $13 then known.announced_revision else known.revision + 1 end""",
            self.hei,
            own.api,
            own.sending_hei_id,
            own.object_id,
            own.major,
            own.partner,
            own.receiving_academic_year_id,
            None if own.student_key is None else vault.hashed("esi", own.student_key),
            own.kind,
            vault.seal(own.document.xml, *place),
            own.document.sha256,
            at,
            tell_partner,
        )

    async def confirm(self, api: str, places: Sequence[Place], at: datetime) -> None:
        """Note that the HEI said the same again."""
        await self.connection.execute(
            """update own_object set confirmed_at = greatest(confirmed_at, $5)
               from unnest($3::text[], $4::text[]) as same (sending, id)
               where tenant = $1 and api = $2 and sending_hei_id = sending and object_id = id""",
            self.hei,
            api,
            [sending for sending, _ in places],
            [object_id for _, object_id in places],
            at,
        )

    async def remove(self, known: KeptObject, at: datetime, *, tell_partner: bool) -> None:
        """Forget an object's content, and keep that it is gone."""
        await self.connection.execute(
            """update own_object set xml = null, sha256 = null, student_key = null, kind = null,
                   removed_at = $5, changed_at = greatest(changed_at, $5), confirmed_at = $5,
                   revision = revision + 1,
                   announced_revision =
                       case when $6 then announced_revision else revision + 1 end
               where tenant = $1 and api = $2 and sending_hei_id = $3 and object_id = $4""",
            self.hei,
            known.api,
            known.sending_hei_id,
            known.object_id,
            at,
            tell_partner,
        )

    async def note_decision(self, decision: Decision) -> Decision:
        """Keep a partner's decision; returns it with its time.

        The time is the database's after the lock, so that decisions of one HEI have the order in
        which they can be seen.
        """
        vault = vault_of(self.connection)
        at: datetime = await self.connection.fetchval(
            """insert into own_decision (tenant, api, omobility_id, proposal_id, operation,
                   partner_hei_id, comment, request, request_id, decided_at)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9, clock_timestamp())
               returning decided_at""",
            self.hei,
            decision.api,
            decision.omobility_id,
            decision.proposal_id,
            decision.operation.value,
            decision.partner,
            vault.seal_text(decision.comment, *_decision_at("comment", self.hei, decision)),
            vault.seal(decision.request, *_decision_at("request", self.hei, decision)),
            decision.request_id,
        )
        return msgspec.structs.replace(decision, decided_at=at)

    async def begins(self, api: str, at: datetime) -> bool:
        """Return whether this is the first that the HEI says in that API, and note that it did."""
        before = await self.connection.fetchval(
            """select first_sync_done_at from poll_state
               where tenant = $1 and hei_id = $1 and api = $2""",
            self.hei,
            api,
        )
        if before is None:
            await self.connection.execute(
                """insert into poll_state (tenant, hei_id, api, first_sync_done_at, last_attempt_at)
                   values ($1, $1, $2, $3, $3)
                   on conflict (tenant, hei_id, api) do update
                   set first_sync_done_at = excluded.first_sync_done_at""",
                self.hei,
                api,
                at,
            )
        return before is None

    async def announce(self, partner: HeiId, api: str, major: int) -> None:
        """Write the job that tells the partner."""
        job = Announcement(tenant=self.hei, partner=partner, api=api, major=major)
        await jobs.enqueue(
            self.connection, ANNOUNCE, msgspec.to_builtins(job), dedupe_key=job.dedupe_key
        )
