"""Factsheets of partners in PostgreSQL. They are public: one row an HEI, whoever asked."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

import asyncpg
import msgspec

from erasmus_app.ids import HeiId
from erasmus_app.institutions.models import Factsheet, KnownFactsheet
from erasmus_app.institutions.ports import FactsheetAnswer
from erasmus_app.store.database import Database

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Factsheet).decode

_KNOWN = "value::text as value, fetched_at, last_confirmed_at, revision, last_error"


def _known(row: asyncpg.Record) -> KnownFactsheet:
    return KnownFactsheet(
        value=_decode(row["value"]) if row["value"] is not None else None,
        fetched_at=row["fetched_at"],
        last_confirmed_at=row["last_confirmed_at"],
        revision=row["revision"],
        last_error=row["last_error"],
    )


@dataclass(frozen=True, slots=True)
class FactsheetTable:
    """The factsheets over one database."""

    database: Database

    async def factsheet(self, hei: HeiId) -> KnownFactsheet | None:
        """Return what is known of an HEI's factsheet; None where nobody has asked yet."""
        row = await self.database.fetchrow(
            f"select {_KNOWN} from factsheet where hei_id = $1",  # noqa: S608 - a constant
            hei,
        )
        return _known(row) if row else None

    async def save(self, hei: HeiId, tenant: HeiId, answer: FactsheetAnswer, at: datetime) -> bool:
        """Keep an answer; where it says something new, let the HEI's mobilities be looked at.

        `at` is when the call began. Returns whether the content is another than before.
        """
        value = _encode(answer.value).decode() if answer.value is not None else None
        async with self.database.transaction() as connection:
            row = await connection.fetchrow(
                f"""select {_KNOWN} from factsheet where hei_id = $1 for update""",  # noqa: S608 - a constant
                hei,
            )
            known = _known(row) if row else KnownFactsheet(value=None)
            changed = known.revision == 0 or known.value != answer.value
            await connection.execute(
                """insert into factsheet as known (hei_id, asked_as, value, xml, sha256, signed_by,
                       revision, fetched_at, last_confirmed_at, last_attempt_at)
                   values ($1, $2, $3::text::jsonb, $4, $5, $6, 1, $7, $7, $7)
                   on conflict (hei_id) do update set
                       asked_as = excluded.asked_as, value = excluded.value, xml = excluded.xml,
                       sha256 = excluded.sha256, signed_by = excluded.signed_by,
                       revision = known.revision + $8,
                       fetched_at =
                           case $8 when 0 then known.fetched_at else excluded.fetched_at end,
                       last_confirmed_at = excluded.last_confirmed_at,
                       last_attempt_at = excluded.last_attempt_at,
                       last_error = null, failures = 0""",
                hei,
                tenant,
                value,
                answer.xml,
                hashlib.sha256(answer.xml).digest(),
                answer.signed_by,
                at,
                int(changed),
            )
            if changed:
                await connection.execute(
                    "update mobility set next_look_at = '-infinity' where receiving_hei_id = $1",
                    hei,
                )
        return changed

    async def failed(self, hei: HeiId, tenant: HeiId, code: str, at: datetime) -> int:
        """Note a failed attempt; what was said last stays. Returns how many failed in a row."""
        failures: int = await self.database.fetchval(
            """insert into factsheet as known
                   (hei_id, asked_as, last_attempt_at, last_error, failures)
               values ($1, $2, $3, $4, 1)
               on conflict (hei_id) do update set
                   last_attempt_at = excluded.last_attempt_at, last_error = excluded.last_error,
                   failures = known.failures + 1
               returning failures""",
            hei,
            tenant,
            at,
            code,
        )
        return failures
