"""Which account has which ESI (identity guide §1.8, §2.2). Within the transaction of a login."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import asyncpg
import structlog

from erasmus_app.identity.esi import differ_in_case
from erasmus_app.ids import EuropeanStudentId
from erasmus_app.store.claims import flag_account
from erasmus_app.store.sealed import Vault, vault_of

log = structlog.get_logger(__name__)


async def lock_esis(connection: asyncpg.Connection, keys: Iterable[str]) -> None:
    """Let nobody else look for, or make, an account or a person of these ESIs meanwhile.

    Two who do so at once would not see each other, and the student not the mobility.
    """
    for key in sorted(set(keys)):  # in one order for all, so that nobody waits in a circle
        await connection.execute(
            "select pg_advisory_xact_lock(hashtextextended($1, 0))", f"esi {key}"
        )


async def note_esis(
    connection: asyncpg.Connection,
    account: UUID,
    identity: UUID,
    esis: Sequence[EuropeanStudentId],
) -> None:
    """Note what an identity's login brought, and let its account see every person of these ESIs.

    One that another account has stays there: this account sees nothing by it, and a linking check
    begins. What another identity of the account brought is as it was; and a login without any ESI
    changes nothing, since a claim that is missing is none that has changed.
    """
    vault = vault_of(connection)
    found = {vault.esi_key(each): each for each in esis}
    await lock_esis(connection, found)
    if found:
        await connection.execute(
            """update identity_esi set current = false
               where identity_id = $1 and current and esi_key <> all($2)""",
            identity,
            list(found),
        )
    for key, esi in found.items():
        await connection.execute(
            """insert into account_esi (account_id, esi_key, esi, hold) values ($1, $2, $3, $4)
               on conflict (account_id, esi_key)
               do update set last_seen_at = now(), hold = excluded.hold""",
            account,
            key,
            vault.seal(esi.encode(), "account_esi.esi", account, key),
            await _hold(connection, vault, account, key, esi),
        )
        await connection.execute(
            """insert into identity_esi (identity_id, account_id, esi_key) values ($1, $2, $3)
               on conflict (identity_id, esi_key)
               do update set current = true, last_seen_at = now()""",
            identity,
            account,
            key,
        )
    await see_persons(connection, account)
    await flag_account(connection, account)


async def see_persons(connection: asyncpg.Connection, account: UUID) -> None:
    """Say which of the account's ESIs are current, and show it the persons of those it holds."""
    await connection.execute(
        """update account_esi set current = not current
           where account_id = $1 and current <> exists (
               select 1 from identity_esi brought where brought.account_id = $1
                   and brought.esi_key = account_esi.esi_key and brought.current)""",
        account,
    )
    await connection.execute(
        """insert into account_person (account_id, tenant, person_id)
           select $1, tenant, person_id from account_esi join person_esi using (esi_key)
           where account_id = $1 and hold is null
           on conflict do nothing""",
        account,
    )


async def _hold(
    connection: asyncpg.Connection,
    vault: Vault,
    account: UUID,
    key: str,
    esi: EuropeanStudentId,
) -> str | None:
    """Return why the account shall see nothing by this ESI, which is locked; None: it may."""
    rows = await connection.fetch(
        "select account_id, esi, hold from account_esi where esi_key = $1 order by first_seen_at",
        key,
    )
    own = next((row for row in rows if row["account_id"] == account), None)
    others = [row for row in rows if row["account_id"] != account]
    holder = next((row["account_id"] for row in others if row["hold"] != "elsewhere"), None)
    in_case = any(
        differ_in_case(
            vault.open(row["esi"], "account_esi.esi", row["account_id"], key).decode(), esi
        )
        for row in others
    )
    if holder is None or (own is not None and own["hold"] != "elsewhere"):
        return "case" if in_case else None
    if in_case:  # two people, it may be: neither gets what comes from now on (§2.2)
        log.warning("login.esi_differs_in_case", account_id=account, other_account_id=holder)
        await connection.execute(
            "update account_esi set hold = 'case' where account_id = $1 and esi_key = $2",
            holder,
            key,
        )
    log.info("login.esi_held_elsewhere", account_id=account, other_account_id=holder)
    await connection.execute(
        """insert into account_link (kept_account_id, joined_account_id, state, evidence)
           values ($1, $2, 'check', 'esi') on conflict do nothing""",
        holder,
        account,
    )
    return "elsewhere"
