"""What HEIs publish for everybody, in PostgreSQL: one row an HEI, whoever asked; no tenant's."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Generic

import asyncpg
import msgspec

from erasmus_app.ids import HeiId
from erasmus_app.institutions.models import KnownPage, PageT
from erasmus_app.institutions.ports import PageAnswer
from erasmus_app.store.database import Database

_encode = msgspec.json.Encoder().encode
_KNOWN = "hei_id, value::text as value, fetched_at, last_confirmed_at, revision, last_error"
_SENT = "xml = excluded.xml, more_xml = excluded.more_xml,"


class PageTable(Generic[PageT]):
    """One kind of page over one database."""

    def __init__(
        self,
        database: Database,
        table: str,
        kind: type[PageT],
        on_change: str | None = None,
        *,
        as_sent: bool = True,
    ) -> None:
        """`table` holds pages of `kind`; `on_change` is a statement with the HEI as `$1`.

        `as_sent` is whether it has columns for the answers themselves; the fingerprint is always
        kept.
        """
        self.database = database
        self._table = table
        self._as_sent = as_sent
        self._on_change = on_change
        self._decode = msgspec.json.Decoder(kind).decode

    async def page(self, hei: HeiId) -> KnownPage[PageT] | None:
        """Return what is known of an HEI's page; None where nobody has asked yet."""
        return (await self.pages([hei]))[0]

    async def pages(self, heis: Sequence[HeiId]) -> list[KnownPage[PageT] | None]:
        """Return the same of several HEIs, in their order, by one read."""
        rows = await self.database.fetch(
            f"select {_KNOWN} from {self._table} where hei_id = any($1::text[])",  # noqa: S608 - ours
            list(heis),
        )
        found = {row["hei_id"]: self._known(row) for row in rows}
        return [found.get(each) for each in heis]

    async def save(
        self, hei: HeiId, tenant: HeiId, answer: PageAnswer[PageT], at: datetime
    ) -> bool:
        """Keep an answer. `at` is when the call began.

        Returns whether the content is another than before.
        """
        value = _encode(answer.value).decode() if answer.value is not None else None
        async with self.database.transaction() as connection:
            row = await connection.fetchrow(
                f"select {_KNOWN} from {self._table} where hei_id = $1 for update",  # noqa: S608 - ours
                hei,
            )
            known = self._known(row) if row else None
            changed = known is None or not known.revision or known.value != answer.value
            await connection.execute(
                f"""insert into {self._table} as known (hei_id, asked_as, value,
                       {"xml, more_xml," if self._as_sent else ""}
                       sha256, signed_by, last_error,
                       revision, fetched_at, last_confirmed_at, last_attempt_at)
                   values ($1, $2, $3::text::jsonb, {"$9, $10," if self._as_sent else ""}
                       $4, $5, $8, 1, $6, $6, $6)
                   on conflict (hei_id) do update set
                       asked_as = excluded.asked_as, value = excluded.value,
                       {_SENT if self._as_sent else ""}
                       sha256 = excluded.sha256, signed_by = excluded.signed_by,
                       revision = known.revision + $7,
                       fetched_at =
                           case $7 when 0 then known.fetched_at else excluded.fetched_at end,
                       last_confirmed_at = excluded.last_confirmed_at,
                       last_attempt_at = excluded.last_attempt_at,
                       last_error = excluded.last_error, failures = 0""",  # noqa: S608 - ours
                hei,
                tenant,
                value,
                hashlib.sha256(b"".join((answer.xml, *answer.more_xml))).digest(),
                answer.signed_by,
                at,
                int(changed),
                answer.lacking,
                *((answer.xml, list(answer.more_xml)) if self._as_sent else ()),
            )
            if changed and self._on_change is not None:
                await connection.execute(self._on_change, hei)
        return changed

    async def failed(self, hei: HeiId, tenant: HeiId, code: str, at: datetime) -> int:
        """Note a failed attempt; what was said last stays. Returns how many failed in a row."""
        failures: int = await self.database.fetchval(
            f"""insert into {self._table} as known
                   (hei_id, asked_as, last_attempt_at, last_error, failures)
               values ($1, $2, $3, $4, 1)
               on conflict (hei_id) do update set
                   last_attempt_at = excluded.last_attempt_at, last_error = excluded.last_error,
                   failures = known.failures + 1
               returning failures""",  # noqa: S608 - ours
            hei,
            tenant,
            at,
            code,
        )
        return failures

    def _known(self, row: asyncpg.Record) -> KnownPage[PageT]:
        return KnownPage(
            value=self._decode(row["value"]) if row["value"] is not None else None,
            fetched_at=row["fetched_at"],
            last_confirmed_at=row["last_confirmed_at"],
            revision=row["revision"],
            last_error=row["last_error"],
        )
