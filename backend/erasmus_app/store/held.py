"""Everything that is held of a student, table by table: what an archive is written from.

Every table that knows a student is an area here or is left out with a reason; tests hold the two
lists against `holdings`. An area shows all columns but those that it names as withheld, so that a
column which is added later is shown without anybody having to remember it.
"""

import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import asyncpg
import msgspec

from erasmus_app.ids import AccountId, HeiId, PersonId
from erasmus_app.privacy.access import ActorKind
from erasmus_app.privacy.models import Subject
from erasmus_app.store.consents import subject_key
from erasmus_app.store.holdings import ERASED
from erasmus_app.store.sealed import vault_of
from erasmus_app.store.sealed_records import joined
from erasmus_app.store.sealing import COLUMNS

_PAGE = 50  # rows fetched at once

_ROWS = {each.table: each.rows for each in ERASED}
_ACCOUNTS = "account_id = any($1::uuid[])"
_KEYS = "subject_key = any($4::text[])"
_SUBJECTS = """(tenant = '' and subject_id = any($1::uuid[]))
    or (tenant, subject_id) in (select * from unnest($2::text[], $3::uuid[]))"""


class Area(NamedTuple):
    """A table of an archive: its rows' order, which rows, and the columns that are not shown."""

    table: str
    order: str
    withheld: frozenset[str] = frozenset()
    rows: str | None = None  # as `holdings.Holding`, with `$4` the keys of consents

    @property
    def condition(self) -> str:
        """Which rows are the student's."""
        return self.rows or _ROWS[self.table]


AREAS = (
    Area("account", "account_id"),
    Area("account_identity", "issuer, subject"),
    Area("account_esi", "first_seen_at, esi_key", frozenset({"esi_key"})),
    Area("identity_esi", "identity_id, esi_key", frozenset({"esi_key"})),
    # Of the other account no more than that there is one.
    Area(
        "account_link",
        "begun_at, link_id",
        frozenset({"kept_account_id", "joined_account_id", "moved", "decided_by"}),
    ),
    Area(
        "mobility_claim",
        "begun_at, claim_id",
        frozenset({"code_key", "code_until", "tries", "mail_key", "decided_by"}),
    ),
    # Whoever else sees the same person is somebody else's data.
    Area("account_person", "tenant, person_id", rows=_ACCOUNTS),
    Area("person", "tenant, person_id"),
    Area("person_esi", "tenant, esi_key", frozenset({"esi_key"})),
    Area("mobility", "created_at, mobility_id", frozenset({"sealed", "frame"})),
    Area("source_document", "sending_hei_id, object_id, api, hei_id, tenant", frozenset({"xml"})),
    Area("event", "happened_at, event_id"),
    Area("inbox_entry", "created_at, inbox_entry_id"),
    Area("delivery", "created_at, delivery_id", frozenset({"trace"})),
    Area("mail_delivery", "planned_at, inbox_entry_id", frozenset({"mail_id"})),
    Area(
        "mail_address",
        "asked_at, address_id",
        frozenset({"address_key", "code_key", "code_until", "tries"}),
    ),
    Area("webhook_delivery", "created_at, webhook_id"),
    Area("device", "registered_at, device_id", frozenset({"target", "target_key"})),
    Area("preference", "account_id"),
    Area("session", "created_at, session_id", frozenset({"refresh_sha256"})),
    Area("notice_seen", "seen_at, version"),
    Area("calendar_feed", "created_at, feed_id", frozenset({"secret_sha256"})),
    Area("calendar_entry", "uid"),
    Area("chat_link", "linked_at, link_id", frozenset({"sender_key"})),
    Area("consent", "given_at, consent_id", frozenset({"subject_key"}), _KEYS),
    Area(
        "unanswered_question",
        "month, question_id",
        frozenset({"text_key", "askers", "unsure", "verdict", "intent"}),
        "askers && $4::text[]",
    ),
    Area("access_log", "first_at, access_id", frozenset({"hour"}), _SUBJECTS),
    Area("export", "requested_at, export_id"),
    Area("erasure", "requested_at, erasure_id", rows=_ACCOUNTS),
)

LEFT_OUT = {  # by table, which text of the archive says why
    "job": "jobs",
    "recent_fetch": "jobs",
    "screen": "screens",
    "spent_refresh": "secrets",
    "chat_link_code": "secrets",
    "chat_message": "jobs",
    "export_part": "archives",
    "own_object": "university",
    "own_decision": "university",
    "deadline_rule": "university",
    "forgotten": "forgotten",
}
WITHHELD = ("secrets", "device_address", "lookup_keys", "comments", "staff_names")
"""What columns and documents are withheld for; texts of the archive as well."""


@dataclass(frozen=True, slots=True)
class Held:
    """One student's rows, read in one transaction that sees one state of all of them."""

    connection: asyncpg.Connection
    subject: Subject

    async def rows(self, area: Area) -> AsyncIterator[dict[str, Any]]:
        """Yield an area's rows, opened, in order; never more than a page of them in memory.

        Raises:
            DataKeyMissing, SealBroken: a sealed value cannot be opened.
        """
        async for row in self._fetched(area):
            yield self._shown(area, row)

    async def documents(self) -> AsyncIterator[tuple[str, str, bytes]]:
        """Yield of each source document its name in the archive, its API, and its XML."""
        area = next(each for each in AREAS if each.table == "source_document")
        async for row in self._fetched(area):
            if row["xml"] is not None:
                yield document_name(row), row["api"], self._opened(area.table, row)["xml"]

    async def _fetched(self, area: Area) -> AsyncIterator[asyncpg.Record]:
        frame = ", record::text as frame" if area.table == "mobility" else ""
        cursor = self.connection.cursor(
            f"select *{frame} from {area.table} where $1::uuid[] is not null "  # noqa: S608 - constants
            "and $2::text[] is not null and $3::uuid[] is not null and $4::text[] is not null "
            f"and ({area.condition}) order by {area.order}",
            *self._given,
            prefetch=1 if area.table == "source_document" else _PAGE,  # one may have megabytes
        )
        async for row in cursor:
            yield row

    @property
    def _given(self) -> tuple[object, ...]:
        subject, vault = self.subject, vault_of(self.connection)
        return (
            list(subject.accounts),
            [tenant for tenant, _ in subject.persons],
            [person for _, person in subject.persons],
            [subject_key(vault, each) for each in subject.accounts],
        )

    def _opened(self, table: str, row: asyncpg.Record) -> dict[str, bytes]:
        vault = vault_of(self.connection)
        return {
            each.column: vault.open(row[each.column], *each.place(row))
            for each in COLUMNS
            if each.table == table and row[each.column] is not None
        }

    def _shown(self, area: Area, row: asyncpg.Record) -> dict[str, Any]:
        if area.table == "mobility":
            opened: Mapping[str, Any] = {
                "record": joined(
                    {"record": row["frame"], "sealed": row["sealed"]}, vault_of(self.connection)
                )
            }
        elif area.table in {"event", "inbox_entry", "preference", "calendar_entry"}:
            raw = self._opened(area.table, row)
            opened = {name: msgspec.json.decode(value) for name, value in raw.items()}
        elif area.table == "source_document":
            opened = {"file": document_name(row) if row["xml"] is not None else None}
        elif area.table == "device":
            opened = {}
        else:
            raw = self._opened(area.table, row)
            opened = {name: value.decode() for name, value in raw.items()}
        shown = {
            name: opened.get(name, value.hex() if isinstance(value, bytes) else value)
            for name, value in row.items()
            if name not in area.withheld
        }
        if area.table == "access_log" and row["actor_kind"] != ActorKind.PARTNER:
            shown["actor"] = None  # a colleague's name is the colleague's
        return shown | {name: value for name, value in opened.items() if name == "file"}


def document_name(row: asyncpg.Record) -> str:
    """Return a source document's name in the archive; of our words, and no longer than paths are.

    Ids of the network may hold anything, so a hash stands for the row's place.
    """
    place = (row["tenant"], row["hei_id"], row["sending_hei_id"], row["object_id"])
    short = msgspec.json.encode(place)
    return f"sources/{row['api']}-{row['hei_id'][:80]}-{hashlib.sha256(short).hexdigest()[:12]}.xml"


async def seen_by(
    connection: asyncpg.Connection,
    accounts: tuple[AccountId, ...],
    persons: tuple[tuple[HeiId, PersonId], ...] = (),
) -> Subject:
    """Return accounts with all the persons they may see, also those that another login sees."""
    rows = await connection.fetch(
        """select tenant, person_id from account_person where account_id = any($1::uuid[])
           union select * from unnest($2::text[], $3::uuid[]) order by 1, 2""",
        list(accounts),
        [tenant for tenant, _ in persons],
        [person for _, person in persons],
    )
    found = tuple((HeiId(row["tenant"]), PersonId(row["person_id"])) for row in rows)
    return Subject(accounts=accounts, persons=found)
