"""Moving what belongs to logins from one account to another, within a transaction, and back."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import asyncpg

from erasmus_app.errors import LoginFailed
from erasmus_app.ids import AccountId
from erasmus_app.store.deliveries import DELIVER
from erasmus_app.store.esis import lock_esis, see_persons
from erasmus_app.store.mails import look_at
from erasmus_app.store.preferences import take_over
from erasmus_app.store.sealed import vault_of

Moved = dict[str, Any]
"""What was moved, by ids and keyed hashes: nothing of it is readable."""


async def lock_accounts(connection: asyncpg.Connection, accounts: Iterable[AccountId]) -> None:
    """Let nobody log in to, join or part these accounts until the transaction ends.

    Raises:
        LoginFailed: somebody did so just now; it can be tried again.
    """
    which = sorted(set(accounts))
    for account in which:
        await _lock(connection, f"account {account}")
    before = await _identities(connection, which)
    for row in before:
        await _lock(connection, f"identity {row['issuer']} {row['subject']}")
    if await _identities(connection, which) != before:
        raise LoginFailed("link_busy", "Somebody is signing in just now. Please try again.")
    rows = await connection.fetch(
        "select distinct esi_key from account_esi where account_id = any($1)", which
    )
    await lock_esis(connection, [row["esi_key"] for row in rows])


async def _lock(connection: asyncpg.Connection, name: str) -> None:
    await connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", name)


async def _identities(
    connection: asyncpg.Connection, accounts: Sequence[AccountId]
) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(
        """select issuer, subject, account_id from account_identity where account_id = any($1)
           order by issuer, subject""",
        accounts,
    )
    return rows


async def move_all(connection: asyncpg.Connection, source: AccountId, target: AccountId) -> Moved:
    """Move identities, ESIs, persons, devices, feeds, chats, messages; return which.

    By that `give_back` undoes it.

    Where the target has chosen nothing of messages, what the source has chosen holds for both.

    A message about the same event that both have stays where it is.
    """
    identities = await connection.fetch(
        """update account_identity set account_id = $2 where account_id = $1
           returning identity_id""",
        source,
        target,
    )
    esis = await _move_esis(connection, source, target, [row["identity_id"] for row in identities])
    persons = await connection.fetch(
        "delete from account_person where account_id = $1 returning tenant, person_id", source
    )
    new = await connection.fetch(
        """insert into account_person (account_id, tenant, person_id)
           select $1, * from unnest($2::text[], $3::uuid[]) on conflict do nothing
           returning tenant, person_id""",
        target,
        [row["tenant"] for row in persons],
        [row["person_id"] for row in persons],
    )
    devices = await connection.fetch(  # they are the student's own; their sessions end
        """update device set account_id = $2, session_id = null where account_id = $1
           returning device_id""",
        source,
        target,
    )
    feeds = await connection.fetch(
        "update calendar_feed set account_id = $2 where account_id = $1 returning feed_id",
        source,
        target,
    )
    chats = await connection.fetch(
        "update chat_link set account_id = $2 where account_id = $1 returning link_id",
        source,
        target,
    )
    await connection.execute("delete from chat_link_code where account_id = $1", source)
    claims = await connection.fetch(
        "update mobility_claim set account_id = $2 where account_id = $1 returning claim_id",
        source,
        target,
    )
    entries = await connection.fetch(
        """select inbox_entry_id from inbox_entry mine where account_id = $1 and not exists (
               select 1 from inbox_entry other
               where other.account_id = $2 and other.event_id = mine.event_id)""",
        source,
        target,
    )
    addresses = await connection.fetch(  # where the other has none of its own
        """update mail_address set account_id = $2 where account_id = $1 and not exists (
               select from mail_address mine where mine.account_id = $2
                   and mine.confirmed_at is not null and mine.removed_at is null)
           returning address_id""",
        source,
        target,
    )
    ids = [row["inbox_entry_id"] for row in entries]
    await _move_entries(connection, source, target, ids)
    await take_over(connection, source, target)
    await see_persons(connection, target)
    return {
        "identities": [str(row["identity_id"]) for row in identities],
        "esis": esis,
        "persons": [[row["tenant"], str(row["person_id"])] for row in persons],
        "new_persons": [[row["tenant"], str(row["person_id"])] for row in new],
        "devices": [str(row["device_id"]) for row in devices],
        "feeds": [str(row["feed_id"]) for row in feeds],
        "chats": [str(row["link_id"]) for row in chats],
        "claims": [str(row["claim_id"]) for row in claims],
        "mail_addresses": [str(row["address_id"]) for row in addresses],
        "entries": [str(each) for each in ids],
    }


async def give_back(
    connection: asyncpg.Connection, source: AccountId, target: AccountId, moved: Moved
) -> None:
    """Undo `move_all`: what came from `target` goes back there, and what came since stays."""
    identities = await connection.fetch(
        """update account_identity set account_id = $2
           where account_id = $1 and identity_id = any($3) returning identity_id""",
        source,
        target,
        _uuids(moved["identities"]),
    )
    await _move_esis(connection, source, target, [row["identity_id"] for row in identities])
    for key, was_held, held in moved["esis"]:
        await _hold_again(connection, target, key, was_held)  # as before, if it is there at all
        await _hold_again(connection, source, key, "elsewhere" if held == "absent" else held)
    for account, keep, which in ((source, False, "new_persons"), (target, True, "persons")):
        tenants, persons = [each[0] for each in moved[which]], _uuids(e[1] for e in moved[which])
        await connection.execute(
            """insert into account_person (account_id, tenant, person_id)
               select $1, tenant, person_id from unnest($2::text[], $3::uuid[])
                   as back (tenant, person_id) join person using (tenant, person_id)
               on conflict do nothing"""
            if keep
            else """delete from account_person where account_id = $1
               and (tenant, person_id) in (select * from unnest($2::text[], $3::uuid[]))""",
            account,
            tenants,
            persons,
        )
    await connection.execute(
        """update device set account_id = $2, session_id = null
           where account_id = $1 and device_id = any($3)""",
        source,
        target,
        _uuids(moved["devices"]),
    )
    await connection.execute(
        "update calendar_feed set account_id = $2 where account_id = $1 and feed_id = any($3)",
        source,
        target,
        _uuids(moved.get("feeds", [])),  # there were none in what was joined earlier
    )
    await connection.execute(
        "update chat_link set account_id = $2 where account_id = $1 and link_id = any($3)",
        source,
        target,
        _uuids(moved.get("chats", [])),  # there were none in what was joined earlier
    )
    await connection.execute(
        "update mobility_claim set account_id = $2 where account_id = $1 and claim_id = any($3)",
        source,
        target,
        _uuids(moved["claims"]),
    )
    await connection.execute(
        """update mail_address set account_id = $2 where account_id = $1
           and address_id = any($3)""",
        source,
        target,
        _uuids(moved.get("mail_addresses", ())),  # joined before there were any
    )
    await _move_entries(connection, source, target, _uuids(moved["entries"]))
    await _leave_persons(connection, source, target)
    for account in (source, target):
        await see_persons(connection, account)


async def split_off(
    connection: asyncpg.Connection, account: AccountId, identity: UUID
) -> AccountId:
    """Give an identity an account of its own, with what only it brought along."""
    new = AccountId(
        await connection.fetchval(
            """insert into account (language, zone) select language, zone from account
               where account_id = $1 returning account_id""",
            account,
        )
    )
    await connection.execute(
        "update account_identity set account_id = $2 where identity_id = $1", identity, new
    )
    await take_over(connection, account, new)
    await _move_esis(connection, account, new, [identity])
    await _leave_persons(connection, account, new)
    for each in (account, new):
        await see_persons(connection, each)
    return new


async def _leave_persons(
    connection: asyncpg.Connection, source: AccountId, target: AccountId
) -> None:
    """Let the source see nobody any more whom only the target's ESIs lead to."""
    await connection.execute(
        """delete from account_person seen using person_esi
           where seen.account_id = $1 and person_esi.tenant = seen.tenant
               and person_esi.person_id = seen.person_id
               and esi_key in (select esi_key from account_esi where account_id = $2)
               and not exists (
                   select 1 from account_esi mine join person_esi also using (esi_key)
                   where mine.account_id = $1 and mine.hold is distinct from 'elsewhere'
                       and also.tenant = seen.tenant and also.person_id = seen.person_id)""",
        source,
        target,
    )


async def _move_esis(
    connection: asyncpg.Connection,
    source: AccountId,
    target: AccountId,
    identities: Sequence[UUID],
) -> list[list[str | None]]:
    """Move the ESIs that these identities brought, where no other of the source's brought them.

    Returns each one's keyed hash, its hold at the source, and at the target before ("absent" where
    it was not there).
    """
    vault = vault_of(connection)
    rows = await connection.fetch(
        """select esi_key, esi, hold, first_seen_at, last_seen_at, exists (
               select 1 from identity_esi other where other.account_id = $1
                   and other.esi_key = account_esi.esi_key
                   and other.identity_id <> all($2)) as stays
           from account_esi where account_id = $1 and esi_key in (
               select esi_key from identity_esi where identity_id = any($2))""",
        source,
        identities,
    )
    done: list[list[str | None]] = []
    for row in rows:
        key = row["esi_key"]
        there = await connection.fetchrow(
            "select hold from account_esi where account_id = $1 and esi_key = $2", target, key
        )
        done.append([key, row["hold"], there["hold"] if there else "absent"])
        # Where it stays the source goes on having it, and the target waits for it.
        hold = "elsewhere" if row["stays"] else row["hold"]
        if there is not None and "elsewhere" not in (hold, there["hold"]):
            hold = None
        elif there is not None:  # one of the two had it: whoever that was, it is one person
            hold = None if {hold, there["hold"]} != {"elsewhere"} else "elsewhere"
        clear = vault.open(row["esi"], "account_esi.esi", source, key)
        await connection.execute(
            """insert into account_esi
                   (account_id, esi_key, esi, hold, first_seen_at, last_seen_at)
               values ($1, $2, $3, $4, $5, $6)
               on conflict (account_id, esi_key) do update set hold = excluded.hold,
                   first_seen_at = least(account_esi.first_seen_at, excluded.first_seen_at)""",
            target,
            key,
            vault.seal(clear, "account_esi.esi", target, key),
            hold,
            row["first_seen_at"],
            row["last_seen_at"],
        )
    await connection.execute(
        "update identity_esi set account_id = $1 where identity_id = any($2)", target, identities
    )
    await connection.execute(
        """delete from account_esi where account_id = $1 and esi_key = any($2)
           and not exists (select 1 from identity_esi brought
               where brought.account_id = $1 and brought.esi_key = account_esi.esi_key)""",
        source,
        [row["esi_key"] for row in rows],
    )
    return done


async def _hold_again(
    connection: asyncpg.Connection, account: AccountId, key: str, hold: str | None
) -> None:
    await connection.execute(
        "update account_esi set hold = $3 where account_id = $1 and esi_key = $2",
        account,
        key,
        hold,
    )


async def _move_entries(
    connection: asyncpg.Connection, source: AccountId, target: AccountId, ids: Sequence[UUID]
) -> None:
    """Move messages, each sealed anew for its place, and what of them is on its way."""
    vault = vault_of(connection)
    rows = await connection.fetch(
        """select * from inbox_entry mine where account_id = $1 and inbox_entry_id = any($2)
           and not exists (select 1 from inbox_entry other
               where other.account_id = $3 and other.event_id = mine.event_id)""",
        source,
        ids,
        target,
    )
    for row in rows:
        place = ("inbox_entry.arguments", source, row["inbox_entry_id"])
        clear = vault.open(row["arguments"], *place)
        new = dict(row) | {
            "account_id": target,
            "place": None,  # new to whoever follows that inbox
            "arguments": vault.seal(clear, place[0], target, row["inbox_entry_id"]),
        }
        columns = ", ".join(new)
        numbers = ", ".join(f"${n}" for n in range(1, len(new) + 1))
        await connection.execute(
            f"insert into inbox_entry ({columns}) values ({numbers})",  # noqa: S608 - its columns
            *new.values(),
        )
    await connection.execute(
        "update delivery set account_id = $2 where account_id = $1 and inbox_entry_id = any($3)",
        source,
        target,
        [row["inbox_entry_id"] for row in rows],
    )
    mailed = await connection.fetch(
        """update mail_delivery set account_id = $2, mail_id = null
           where account_id = $1 and inbox_entry_id = any($3) returning 1""",
        source,
        target,
        [row["inbox_entry_id"] for row in rows],
    )
    if mailed:
        await look_at(connection, target)
    await connection.execute(  # what is held goes out as the target wants it: looked at when it is
        """update job set due = now() where leased_by is null and dead_at is null
               and dedupe_key in (
                   select $3 || delivery_id::text from delivery
                   where account_id = $1 and inbox_entry_id = any($2) and held_until > now()
                       and state = 'pending')""",
        target,
        [row["inbox_entry_id"] for row in rows],
        f"{DELIVER} ",
    )
    await connection.execute(
        "delete from inbox_entry where account_id = $1 and inbox_entry_id = any($2)",
        source,
        [row["inbox_entry_id"] for row in rows],
    )


def _uuids(texts: Iterable[str]) -> list[UUID]:
    return [UUID(each) for each in texts]
