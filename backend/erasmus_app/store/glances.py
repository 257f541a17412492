"""A student's first screen in one statement: on the way to the database and back only once.

Each part is what the table that it is of would answer (`AccountTable.account`, `RecordTable`,
`InboxTable`, `IdentityTable`); tests hold them beside each other.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import asyncpg
import msgspec

from erasmus_app.glance import Glance, Wanted
from erasmus_app.identity.roles import KnownIdentity
from erasmus_app.ids import AccountId, HeiId
from erasmus_app.mobilities.models import Api
from erasmus_app.mobilities.ports import StoredMobility
from erasmus_app.notifications.models import InboxEntry
from erasmus_app.store.accounts import account_of
from erasmus_app.store.database import Database
from erasmus_app.store.deliveries import entry_of
from erasmus_app.store.polls import CONFIRMED_BY_INDEX
from erasmus_app.store.records import stored_of
from erasmus_app.store.sealed import Vault

_RECORD = ("mobility_id", "person_id", "version", "changed_at", "record", "sealed", "confirmed")
_ENTRY = ("inbox_entry_id", "mobility_id", "kind", "arguments", "created_at", "read_at")

_IDENTITY = tuple[str, str, tuple[HeiId, ...], tuple[str, ...], datetime]
_read_identities = msgspec.json.Decoder(list[_IDENTITY]).decode
_read_confirmed = msgspec.json.Decoder(dict[Api, datetime]).decode


def _gathered(prefix: str, names: tuple[str, ...], order: str) -> str:
    """Return the columns of some rows as arrays, one for each, all in one order."""
    return ", ".join(f"array_agg({each} order by {order}) as {prefix}_{each}" for each in names)


_MOBILITIES = f"""
    left join lateral (
        select {_gathered("r", _RECORD, "changed_at desc, mobility_id")}
        from (
            select mobility_id, person_id, version, changed_at, record::text as record, sealed,
                {CONFIRMED_BY_INDEX.replace(" as confirmed", "::text as confirmed")}
            from account_person join mobility using (tenant, person_id)
            where account_person.account_id = account.account_id
        ) as mine
    ) as records on true"""  # noqa: S608 - constants
_INBOX = f"""
    left join lateral (
        select {_gathered("e", _ENTRY, "created_at desc, inbox_entry_id desc")}
        from (
            select {", ".join(_ENTRY)} from inbox_entry
            where inbox_entry.account_id = account.account_id
            order by created_at desc, inbox_entry_id desc limit $2
        ) as newest
    ) as entries on true"""  # noqa: S608 - constants
_UNREAD = """, (select count(*) from inbox_entry
    where inbox_entry.account_id = account.account_id and read_at is null) as unread"""


@lru_cache
def _statement(mobilities: bool, unread: bool, inbox: bool) -> str:
    records = "".join(f", r_{name}" for name in _RECORD) if mobilities else ""
    entries = "".join(f", e_{name}" for name in _ENTRY) if inbox else ""
    return f"""select account_id, language, zone, display_name, latest.home_hei_ids,
            latest.affiliations, exists (select 1 from account_esi e
                where e.account_id = account.account_id and current) as has_esi,
            (select jsonb_agg(jsonb_build_array(issuer, subject, home_hei_ids, affiliations,
                    last_login_at) order by last_login_at desc, identity_id)::text
                from account_identity i where i.account_id = account.account_id) as identities
            {records}{entries}{_UNREAD if unread else ""}
        from account
        join lateral (
            select home_hei_ids, affiliations from account_identity i
            where i.account_id = account.account_id order by last_login_at desc limit 1
        ) as latest on true
        {_MOBILITIES if mobilities else ""}{_INBOX if inbox else ""}
        where account.account_id = $1"""  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class GlanceTable:
    """The first screens of all accounts over one database."""

    database: Database

    async def glance(self, account: AccountId, wanted: Wanted) -> Glance | None:
        """Return what is wanted of an account; None where there is no such one."""
        statement = _statement(wanted.mobilities, wanted.unread, wanted.inbox > 0)
        more = (wanted.inbox,) if wanted.inbox > 0 else ()
        row = await self.database.fetchrow(statement, account, *more)
        if row is None:
            return None
        vault = self.database.vault
        return Glance(
            account=account_of(row, vault),
            identities=[
                KnownIdentity(
                    issuer=issuer,
                    subject=subject,
                    home_hei_ids=homes,
                    affiliations=affiliations,
                    last_login_at=at,
                )
                for issuer, subject, homes, affiliations, at in _read_identities(row["identities"])
            ],
            mobilities=_records(row, account, vault) if wanted.mobilities else None,
            unread=row["unread"] if wanted.unread else None,
            inbox=_entries(row, account, vault) if wanted.inbox > 0 else None,
        )


def _rows(row: asyncpg.Record, prefix: str, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the rows that were gathered into arrays, one for each column."""
    columns = [row[f"{prefix}_{name}"] or () for name in names]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _records(row: asyncpg.Record, account: AccountId, vault: Vault) -> list[StoredMobility]:
    return [
        stored_of(each, vault, account, _read_confirmed(each["confirmed"] or "{}"))
        for each in _rows(row, "r", _RECORD)
    ]


def _entries(row: asyncpg.Record, account: AccountId, vault: Vault) -> list[InboxEntry]:
    return [entry_of(each | {"account_id": account}, vault) for each in _rows(row, "e", _ENTRY)]
