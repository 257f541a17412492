"""Consolidated records, the documents behind them, and what happened, in PostgreSQL."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec

from erasmus_app.errors import Misfit
from erasmus_app.identity.esi import is_esi
from erasmus_app.ids import (
    AccountId,
    EuropeanStudentId,
    HeiId,
    MobilityId,
    OmobilityId,
    PersonId,
)
from erasmus_app.kit.clock import Clock, utc_now
from erasmus_app.mobilities.awaited import awaited
from erasmus_app.mobilities.consolidate import confirmed_by_index
from erasmus_app.mobilities.events import MobilityEvent
from erasmus_app.mobilities.models import Api, Mobility, Source
from erasmus_app.mobilities.ports import Answer, Reader, StoredMobility
from erasmus_app.mobilities.seen import Seen
from erasmus_app.store import jobs, persons
from erasmus_app.store.database import Database, lock_key
from erasmus_app.store.forgotten import is_forgotten
from erasmus_app.store.polls import CONFIRMED_BY_INDEX, as_of_indexes
from erasmus_app.store.sealed import Vault, vault_of
from erasmus_app.store.sealed_records import joined, split
from erasmus_app.store.waits import beside
from erasmus_app.telemetry.metrics import OTHER, REFUSED

_encode = msgspec.json.Encoder().encode
_seen = msgspec.json.Decoder(Seen).decode

STORED = "mobility_id, person_id, version, changed_at, record::text as record, sealed"

_RECORD_VERSION = """
    select left(encode(sha256(convert_to(coalesce(string_agg(
        concat_ws(' ', mobility_id, version, receiving_hei_id, coalesce(revision, 0)),
        ',' order by mobility_id), ''), 'UTF8')), 'hex'), 32)
    from account_person
    join mobility using (tenant, person_id)
    left join factsheet on factsheet.hei_id = mobility.receiving_hei_id
    where account_id = $1"""
"""Of rows alone, so that every process and the one after a restart say the same."""


def read_stored(row: Mapping[str, Any], vault: Vault) -> StoredMobility:
    """Read a record as it is kept: the columns of `STORED`."""
    return StoredMobility(
        mobility_id=MobilityId(row["mobility_id"]),
        person_id=PersonId(row["person_id"]),
        version=row["version"],
        changed_at=row["changed_at"],
        mobility=joined(row, vault),
    )


def stored_of(
    row: Mapping[str, Any], vault: Vault, account: AccountId, confirmed: dict[Api, datetime]
) -> StoredMobility:
    """Read a record as an account's; `confirmed` says as of when indexes have told of changes."""
    stored = read_stored(row, vault)
    mobility = confirmed_by_index(stored.mobility, confirmed)
    seen = _seen(row["seen"]) if row["seen"] else None
    return msgspec.structs.replace(stored, mobility=mobility, account_id=account, seen=seen)


async def lock_mobilities(
    connection: asyncpg.Connection, tenant: HeiId, places: Iterable[tuple[HeiId, str]]
) -> None:
    """Let nobody else read or change the records of these mobilities until the transaction ends."""
    names = (_lock_of(tenant, sending, omobility_id) for sending, omobility_id in places)
    await connection.execute(
        "select pg_advisory_xact_lock(key) from unnest($1::bigint[]) as key",
        sorted(set(map(lock_key, names))),  # in one order for all, so that nobody waits in a circle
    )


def _lock_of(tenant: HeiId, sending: HeiId, omobility_id: str) -> str:
    """Return the name under which those wait who want the same mobility."""
    return f"{tenant} {sending} {omobility_id}"


async def record_within(
    connection: asyncpg.Connection,
    tenant: HeiId,
    sending: HeiId,
    omobility_id: OmobilityId,
    clock: Clock,
) -> "RecordChangeRow":
    """Open one mobility, which is locked, within a transaction."""
    row = await connection.fetchrow(
        f"""select {STORED} from mobility
            where tenant = $1 and sending_hei_id = $2 and omobility_id = $3""",  # noqa: S608 - a constant
        tenant,
        sending,
        omobility_id,
    )
    before = read_stored(row, vault_of(connection)) if row else None
    return RecordChangeRow(connection, before, clock)


@dataclass(frozen=True, slots=True)
class RecordTable:
    """The records of all tenants over one database."""

    database: Database
    clock: Clock = utc_now

    async def mobilities_of(self, account: AccountId) -> list[StoredMobility]:
        """Return everything that the account may see, newest change first. One indexed read."""
        rows = await self.database.fetch(
            f"""select account_id, {STORED}, seen::text as seen, {CONFIRMED_BY_INDEX}
                from account_person
                join mobility using (tenant, person_id)
                where account_id = $1 order by changed_at desc, mobility_id""",  # noqa: S608 - constants
            account,
        )
        vault = self.database.vault
        return [stored_of(row, vault, account, as_of_indexes(row)) for row in rows]

    async def record_version(self, account: AccountId) -> str:
        """Return what is another whenever what the account may see is. One indexed read."""
        version: str = await self.database.fetchval(_RECORD_VERSION, account)
        return version

    @asynccontextmanager
    async def change(
        self,
        tenant: HeiId,
        sending: HeiId,
        omobility_id: OmobilityId,
        *,
        silent: bool = False,
        heard_at: datetime | None = None,
    ) -> AsyncIterator["RecordChangeRow"]:
        """Open a transaction on one mobility; others who want the same one wait (guide §6.5).

        `heard_at`: when the notification came that it goes back to; the deliveries keep that.

        A crash of the server may lose the last of the silent ones. What says that they are done is
        written after them, and on disk only with them: they are made once more.
        """
        async with self.database.locked(
            _lock_of(tenant, sending, omobility_id), at_leisure=silent, heard_at=heard_at
        ) as connection:
            yield await record_within(connection, tenant, sending, omobility_id, self.clock)

    async def link(self, account: AccountId, esis: Sequence[EuropeanStudentId]) -> int:
        """Let the account see every person with one of the ESIs; return how many are new."""
        linked = await self.database.fetch(
            """insert into account_person (account_id, tenant, person_id)
               select $1, tenant, person_id from person_esi where esi_key = any($2)
               on conflict do nothing returning 1""",
            account,
            [self.database.vault.esi_key(each) for each in esis if is_esi(each)],
        )
        return len(linked)

    async def partners(self, tenant: HeiId) -> set[HeiId]:
        """Return the other HEIs of the mobilities that `tenant` has had, in either direction.

        Who has received students of the HEI sends it some as well, under the same agreement: each
        of them is asked for all that it may know (guide §6.4).
        """
        rows = await self.database.fetch(
            """select distinct case when sending_hei_id = $1 then receiving_hei_id
                                    else sending_hei_id end as hei_id
               from mobility where tenant = $1""",
            tenant,
        )
        return {row["hei_id"] for row in rows}

    async def hosts(self, tenant: HeiId) -> set[HeiId]:
        """Return the receiving HEIs of the mobilities that `tenant` has had."""
        rows = await self.database.fetch(
            "select distinct receiving_hei_id from mobility where tenant = $1", tenant
        )
        return {row["receiving_hei_id"] for row in rows}

    async def institutions(self, tenant: HeiId) -> set[HeiId]:
        """Return both ends of the mobilities that `tenant` has had, and the tenant itself."""
        rows = await self.database.fetch(
            """select distinct sending_hei_id as hei_id from mobility where tenant = $1
               union select distinct receiving_hei_id from mobility where tenant = $1""",
            tenant,
        )
        return {tenant, *(row["hei_id"] for row in rows)}

    async def quarantine(self, tenant: HeiId, api: Api, hei: HeiId, misfit: Misfit) -> None:
        """Keep the fingerprint of an answer that does not fit; the last good copy stays."""
        await self.database.execute(
            """insert into quarantine (tenant, api, hei_id, sha256, size, reason)
               values ($1, $2, $3, $4, $5, $6)
               on conflict (tenant, api, hei_id, sha256)
               do update set times = quarantine.times + 1, last_seen_at = now()""",
            tenant,
            api.value,
            hei,
            misfit.sha256,
            misfit.size,
            misfit.reason,
        )

    async def count_refusal(self, hei: HeiId, api: str, reason: str) -> None:
        """Count what was refused at the door of `hei`, by day (UTC)."""
        REFUSED[api or OTHER, reason].inc()
        await self.database.execute(
            """insert into refusal (tenant, api, reason, day)
               values ($1, $2, $3, (now() at time zone 'utc')::date)
               on conflict (tenant, api, reason, day) do update set times = refusal.times + 1""",
            hei,
            api,
            reason,
        )


@dataclass(slots=True)
class RecordChangeRow:
    """One transaction on one mobility, see `mobilities.ports.RecordChange`."""

    connection: asyncpg.Connection
    before: StoredMobility | None
    clock: Clock

    async def readers(self) -> list[Reader]:
        """Return the accounts that may see the mobility's person."""
        if self.before is None:
            return []
        mobility = self.before.mobility
        rows = await self.connection.fetch(
            """select account_id, language, zone from account_person join account using (account_id)
               where tenant = $1 and person_id = $2 order by account_id""",
            mobility.tenant,
            self.before.person_id,
        )
        return [
            Reader(
                account_id=AccountId(row["account_id"]), language=row["language"], zone=row["zone"]
            )
            for row in rows
        ]

    async def save(
        self, after: Mobility, answer: Answer | None, *, silent: bool = False
    ) -> StoredMobility:
        """Write the record and the document; version + 1 where more than its age has changed.

        With a new version, what is due is looked at again; `silent` makes that look a silent one.
        """
        vault = vault_of(self.connection)
        document = _DOCUMENT if answer else ""
        given = _document(after, answer, vault) if answer else ()
        news = _encode(awaited(after)).decode()
        record, sealed = split(after, vault)
        waits = beside(after, self.clock().astimezone(UTC).date())
        n = len(given)  # of the parameters, the document's come first
        if self.before is None:
            # It is as old as its writing: polls that began while it waited have not seen it.
            row = await self.connection.fetchrow(
                f"""{document} insert into mobility (tenant, person_id, sending_hei_id,
                        omobility_id, receiving_hei_id, record, awaited, look_silently,
                        found_silently, sealed, waits_for, waiting_since, waits_until,
                        academic_year, esi_state, created_at)
                    values (${n + 1}, ${n + 2}, ${n + 3}, ${n + 4}, ${n + 5},
                        ${n + 6}::text::jsonb, ${n + 7}::text::jsonb, ${n + 8}, ${n + 8}, ${n + 9},
                        ${n + 10}, coalesce(${n + 11}::timestamptz, 'infinity'), ${n + 12},
                        ${n + 13}, ${n + 14}, clock_timestamp())
                    returning mobility_id, person_id, version, changed_at""",  # noqa: S608 - constants and numbers
                *given,
                after.tenant,
                await persons.found_or_made(self.connection, after),
                after.sending_hei_id,
                after.omobility_id,
                after.receiving_hei_id,
                record,
                news,
                silent,
                sealed,
                *waits,
            )
        else:
            before = self.before
            person = before.person_id
            if persons.esis_of(after) != persons.esis_of(before.mobility):
                person = await persons.known_by_now(self.connection, after, person)
            row = await self.connection.fetchrow(
                f"""{document} update mobility set record = ${n + 4}::text::jsonb,
                        receiving_hei_id = ${n + 5}, version = version + ${n + 6},
                        person_id = ${n + 7}, awaited = ${n + 8}::text::jsonb,
                        changed_at = case ${n + 6} when 0 then changed_at else now() end,
                        next_look_at =
                            case ${n + 6} when 0 then next_look_at else '-infinity' end,
                        look_silently = look_silently or ${n + 9}, sealed = ${n + 10},
                        waits_for = ${n + 11},
                        waiting_since = coalesce(${n + 12}::timestamptz, 'infinity'),
                        waits_until = ${n + 13}, academic_year = ${n + 14}, esi_state = ${n + 15}
                    where tenant = ${n + 1} and person_id = ${n + 2} and mobility_id = ${n + 3}
                    returning mobility_id, person_id, version, changed_at""",  # noqa: S608 - constants and numbers
                *given,
                after.tenant,
                before.person_id,
                before.mobility_id,
                record,
                after.receiving_hei_id,
                int(_content(after) != _content(before.mobility)),
                person,
                news,
                silent,
                sealed,
                *waits,
            )
            if person != before.person_id:
                await persons.moved(self.connection, before, person)
        self.before = StoredMobility(
            mobility_id=MobilityId(row["mobility_id"]),
            person_id=PersonId(row["person_id"]),
            version=row["version"],
            changed_at=row["changed_at"],
            mobility=after,
        )
        return self.before

    async def is_forgotten(self, after: Mobility) -> bool:
        """Return whether it was erased lately, or is a student's who was."""
        return await is_forgotten(self.connection, after)

    async def record_events(self, events: Sequence[MobilityEvent], *, silent: bool) -> None:
        """Append events; one that is there already stays as it is."""
        if self.before is None or not events:
            return
        vault = vault_of(self.connection)
        await self.connection.executemany(
            """insert into event (tenant, person_id, event_id, mobility_id, step, kind, detail,
                   silent)
               values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing""",
            [
                (
                    self.before.mobility.tenant,
                    self.before.person_id,
                    event.event_id,
                    self.before.mobility_id,
                    event.step.value,
                    event.kind,
                    vault.seal(
                        _encode(event.detail),
                        "event.detail",
                        self.before.mobility.tenant,
                        self.before.mobility_id,
                        event.event_id,
                    ),
                    silent,
                )
                for event in events
            ],
        )

    async def enqueue(
        self, kind: str, payload: Any, *, dedupe_key: str, due: datetime | None = None
    ) -> None:
        """Write a job in the same transaction."""
        await jobs.enqueue(self.connection, kind, payload, dedupe_key=dedupe_key, due=due)


def _content(mobility: Mobility) -> tuple[object, ...]:
    """Return what a reader can tell apart but for its age: only this makes a new version."""
    facts = (mobility.nomination, mobility.reception, mobility.agreement, mobility.transcript)
    return (
        mobility.receiving_hei_id,
        *((fact.value, fact.source.revision, fact.source.last_error) for fact in facts if fact),
    )


_DOCUMENT = """with document as (
    insert into source_document (tenant, api, hei_id, sending_hei_id, object_id, major,
        xml, sha256, signed_by, fetched_at, last_confirmed_at, missing_since, revision)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
    on conflict (tenant, api, hei_id, sending_hei_id, object_id) do update set
        major = excluded.major,
        xml = coalesce(excluded.xml, source_document.xml),
        sha256 = coalesce(excluded.sha256, source_document.sha256),
        signed_by = coalesce(excluded.signed_by, source_document.signed_by),
        fetched_at = excluded.fetched_at,
        last_confirmed_at = excluded.last_confirmed_at,
        missing_since = excluded.missing_since,
        revision = excluded.revision,
        last_attempt_at = null,
        last_error = null)"""
"""Written with the record in one statement."""


def _document(after: Mobility, answer: Answer, vault: Vault) -> tuple[object, ...]:
    """Return the parameters of `_DOCUMENT`."""
    reading, document = answer.reading, answer.document
    source = _source(after, reading.api)
    row = (
        after.tenant,
        reading.api.value,
        reading.hei_id,
        reading.sending_hei_id,
        reading.omobility_id,
    )
    return (
        *row,
        reading.major,
        vault.seal(document.xml, "source_document.xml", *row) if document else None,
        document.sha256 if document else None,
        document.signed_by if document else None,
        source.fetched_at if source else reading.at,
        source.last_confirmed_at if source else reading.at,
        source.missing_since if source else None,
        source.revision if source else 1,
    )


def _source(mobility: Mobility, api: Api) -> Source | None:
    return next((each for each in mobility.sources() if each.api is api), None)
