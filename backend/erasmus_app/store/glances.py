"""A student's first screen: as it was kept, else in one statement from the tables that it is of.

Each part is what its table would answer (`AccountTable.account`, `RecordTable`, `InboxTable`,
`IdentityTable`); tests hold them beside each other.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from erasmus_app import mobilities
from erasmus_app.glance import Glance, Wanted
from erasmus_app.identity.models import Account
from erasmus_app.identity.roles import KnownIdentity
from erasmus_app.ids import AccountId, HeiId
from erasmus_app.mobilities.brief import Brief, brief
from erasmus_app.mobilities.models import Api
from erasmus_app.mobilities.ports import StoredMobility
from erasmus_app.mobilities.state import next_turn
from erasmus_app.notifications.models import InboxEntry
from erasmus_app.store.accounts import account_of
from erasmus_app.store.database import Database
from erasmus_app.store.inbox import entry_of
from erasmus_app.store.polls import CONFIRMED_BY_INDEX
from erasmus_app.store.records import stored_of
from erasmus_app.store.screens import ScreenTable
from erasmus_app.store.sealed import Vault

MESSAGES = 6  # of a screen that is kept
_WHOLE = Wanted(mobilities=True, records=True, unread=True, inbox=MESSAGES)

_RECORD = (
    *("mobility_id", "person_id", "version", "changed_at", "record", "sealed", "seen"),
    "confirmed",
)
_ENTRY = ("inbox_entry_id", "mobility_id", "kind", "arguments", "created_at", "read_at", "place")

_IDENTITY = tuple[str, str, tuple[HeiId, ...], tuple[str, ...], datetime]
_read_identities = msgspec.json.Decoder(list[_IDENTITY]).decode
_read_confirmed = msgspec.json.Decoder(dict[Api, datetime]).decode


class _Screen(msgspec.Struct, frozen=True, array_like=True):
    """A screen as it is kept: what it shows from one day on, and before another."""

    made_by: str
    since: date
    until: date | None
    account: Account
    identities: list[KnownIdentity]
    briefs: list[Brief]
    unread: int
    inbox: list[InboxEntry]

    def holds(self, today: date) -> bool:
        """Whether it is what would be read today."""
        known = self.made_by == _maker() and self.since <= today
        return known and (self.until is None or today < self.until)


_write = msgspec.json.Encoder().encode
_read_screen = msgspec.json.Decoder(_Screen).decode


@cache
def _maker() -> str:
    """Return the name of the program that makes screens: another one after an upgrade."""
    files = sorted(Path(mobilities.__file__).parent.glob("*.*"))
    read = hashlib.blake2b(digest_size=8)
    for each in (Path(__file__), *files):
        if each.is_file():
            read.update(each.read_bytes())
    return read.hexdigest()


def _gathered(prefix: str, names: tuple[str, ...], order: str) -> str:
    """Return the columns of some rows as arrays, one for each, all in one order."""
    return ", ".join(f"array_agg({each} order by {order}) as {prefix}_{each}" for each in names)


_MOBILITIES = f"""
    left join lateral (
        select {_gathered("r", _RECORD, "changed_at desc, mobility_id")}
        from (
            select mobility_id, person_id, version, changed_at, record::text as record, sealed,
                seen::text as seen,
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
    return f"""select stamp, account_id, language, zone, display_name, latest.home_hei_ids,
            latest.affiliations, exists (select 1 from account_esi e
                where e.account_id = account.account_id and current) as has_esi,
            (select jsonb_agg(jsonb_build_array(issuer, subject, home_hei_ids, affiliations,
                    last_login_at) order by last_login_at desc, identity_id)::text
                from account_identity i where i.account_id = account.account_id) as identities
            {records}{entries}{_UNREAD if unread else ""}
        from account
        join screen using (account_id)
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
    screens: ScreenTable = field(init=False)

    def __post_init__(self) -> None:
        """Read kept screens over the same database."""
        object.__setattr__(self, "screens", ScreenTable(self.database))

    async def glance(self, account: AccountId, wanted: Wanted, today: date) -> Glance | None:
        """Return what is wanted of an account, as it stands today; None where there is no such."""
        if wanted.records or wanted.inbox > MESSAGES:
            found = await self._read(account, wanted)
            return found[0] if found else None
        known = await self.screens.screen(account)
        kept = _opened(known, today) if known is not None else None
        if kept is None:
            found = await self._read(account, _WHOLE)
            if found is None:
                return None
            kept = _screen(found[0], today)
            await self.screens.keep(account, _write(kept), found[1])
        return Glance(
            account=kept.account,
            identities=kept.identities,
            briefs=kept.briefs,
            unread=kept.unread,
            inbox=kept.inbox,
        )

    async def _read(self, account: AccountId, wanted: Wanted) -> tuple[Glance, int] | None:
        """Read the tables, and with them the screen's stamp of that moment."""
        statement = _statement(wanted.mobilities, wanted.unread, wanted.inbox > 0)
        more = (wanted.inbox,) if wanted.inbox > 0 else ()
        row = await self.database.fetchrow(statement, account, *more)
        if row is None:
            return None
        vault = self.database.vault
        glance = Glance(
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
        return glance, row["stamp"]


def screen_of(found: Glance, today: date) -> bytes:
    """Return the content of a screen, made of everything that a screen shows."""
    return _write(_screen(found, today))


def _screen(found: Glance, today: date) -> _Screen:
    """Return the screen of everything that was read."""
    mobilities = found.mobilities or []
    turns = (next_turn(each.mobility, today) for each in mobilities)
    return _Screen(
        made_by=_maker(),
        since=today,
        until=min((each for each in turns if each is not None), default=None),
        account=found.account,
        identities=found.identities,
        briefs=[brief(each, today) for each in mobilities],
        unread=found.unread or 0,
        inbox=found.inbox or [],
    )


def _opened(content: bytes, today: date) -> _Screen | None:
    """Return a screen that was kept; None where it is another program's, or holds no longer."""
    try:
        kept = _read_screen(content)
    except msgspec.DecodeError:  # of another shape
        return None
    return kept if kept.holds(today) else None


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
