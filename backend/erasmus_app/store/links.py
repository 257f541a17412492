"""Links between accounts in PostgreSQL: proved, decided, undone; what was moved is written down."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from erasmus_app.errors import LoginFailed
from erasmus_app.identity.claiming import is_address
from erasmus_app.identity.linking import (
    FRESH,
    UNDO,
    Evidence,
    Link,
    LinkState,
    Login,
    OfficeLink,
    Side,
    evidence,
)
from erasmus_app.identity.models import Proved
from erasmus_app.ids import AccountId, HeiId
from erasmus_app.store import jobs
from erasmus_app.store.accounts import REVOKED
from erasmus_app.store.database import Database
from erasmus_app.store.moving import give_back, lock_accounts, move_all, split_off
from erasmus_app.store.sealed import vault_of

MAIL_LINKED = "mail-linked"
"""The job that tells both logins' addresses that they were joined."""
_LINK = """link_id, state, evidence, begun_at, decided_at,
    kept_account_id as kept, joined_account_id as joined"""


@dataclass(frozen=True, slots=True)
class LinkTable:
    """All links; see `identity.linking.LinkStore`."""

    database: Database

    async def login_of(self, session: UUID, now: datetime) -> tuple[datetime, bool] | None:
        """Return when an open session's login was, and whether it is a browser's."""
        row = await self.database.fetchrow(
            """select coalesce(authenticated_at, created_at) as at, kind from session
               where session_id = $1 and revoked_at is null and expires_at > $2""",
            session,
            now,
        )
        return (row["at"], row["kind"] == "browser") if row else None

    async def links(self, account: AccountId) -> list[Link]:
        """Return the account's links, the latest first."""
        rows = await self.database.fetch(
            f"""select {_LINK} from account_link
                where kept_account_id = $1 or joined_account_id = $1
                order by begun_at desc, link_id""",  # noqa: S608 - a constant
            account,
        )
        return [_link(row) for row in rows]

    async def connect(self, account: AccountId, proved: Proved, now: datetime) -> Link:
        """Join two accounts that were proved, or note that somebody has to decide.

        Raises:
            LoginFailed: it is the account's own login, one of both is to be erased, or somebody
                has refused it lately.
        """
        other = proved.account_id
        if account == other:
            raise LoginFailed("link_own", "That login leads to this account already.")
        async with self.database.transaction() as connection:
            await lock_accounts(connection, [account, other])
            owner = await connection.fetchval(
                "select account_id from account_identity where issuer = $1 and subject = $2",
                proved.issuer,
                proved.subject,
            )
            alive = await connection.fetchval(
                "select 1 from account_identity where account_id = $1 limit 1", account
            )
            if owner != other or not alive:  # one was joined with another account meanwhile
                raise LoginFailed("link_unknown", "This is over. Please begin again.")
            kept, joined = await _by_age(connection, account, other)
            found = evidence(
                await _logins(connection, account, now), await _logins(connection, other, now)
            )
            if found is Evidence.NONE:
                await _not_refused(connection, kept, joined, now)
                return await _note(connection, kept, joined, LinkState.WAITING, found, now)
            return await _join(connection, kept, joined, found, now)

    async def told(self, link: UUID) -> tuple[str, list[str]]:
        """Return the language and the verified addresses of an account that was joined."""
        vault = self.database.vault
        rows = await self.database.fetch(
            """select language, issuer, subject, account_identity.email from account_link
               join account on account_id = kept_account_id
               join account_identity using (account_id)
               where link_id = $1 and state = 'joined' and email_verified
                   and account_identity.email is not null
               order by account_identity.last_login_at desc""",
            link,
        )
        found = (
            vault.open(
                row["email"], "account_identity.email", row["issuer"], row["subject"]
            ).decode()
            for row in rows
        )
        addresses = {each.casefold(): each for each in found if is_address(each)}
        return (rows[0]["language"] if rows else "en"), list(addresses.values())

    async def open_at(self, domains: Sequence[str]) -> list[OfficeLink]:
        """Return the undecided links of accounts whose only homes are these, the oldest first."""
        rows = await self.database.fetch(
            f"""select {_LINK} from account_link where state in ('check', 'waiting')
                and (select bool_and(home = any($1)) from account_identity,
                         unnest(home_hei_ids) as home
                     where account_id in (kept_account_id, joined_account_id))
                order by begun_at, link_id""",  # noqa: S608 - a constant
            list(domains),
        )
        return [
            OfficeLink(
                link=_link(row),
                kept=await self._side(row["kept"]),
                joined=await self._side(row["joined"]),
            )
            for row in rows
        ]

    async def _side(self, account: UUID) -> Side:
        vault = self.database.vault
        row = await self.database.fetchrow(
            """select display_name, email, array(select distinct unnest(home_hei_ids)
                   from account_identity mine where mine.account_id = account.account_id) as homes
               from account where account_id = $1""",
            account,
        )
        if row is None:  # it was erased just now
            return Side(name=None, email=None, homes=())
        return Side(
            name=vault.open_text(row["display_name"], "account.display_name", account),
            email=vault.open_text(row["email"], "account.email", account),
            homes=tuple(HeiId(each) for each in row["homes"]),
        )

    async def decide(self, link: UUID, by: AccountId, accept: bool, now: datetime) -> Link | None:
        """Join or refuse as a coordinator decides; None where there is nothing to decide."""
        async with self.database.transaction() as connection:
            row = await connection.fetchrow(
                f"select {_LINK} from account_link where link_id = $1",  # noqa: S608 - a constant
                link,
            )
            if row is None or by in (row["kept"], row["joined"]):
                return None
            await lock_accounts(connection, [row["kept"], row["joined"]])
            still = await connection.fetchval(
                "select state from account_link where link_id = $1 for update", link
            )
            if still not in (LinkState.CHECK, LinkState.WAITING):
                return None
            if not accept:
                return await _note(
                    connection,
                    row["kept"],
                    row["joined"],
                    LinkState.REFUSED,
                    Evidence(row["evidence"]),
                    now,
                    by,
                )
            return await _join(connection, row["kept"], row["joined"], Evidence.DECIDED, now, by)

    async def undo(self, account: AccountId, link: UUID, session: UUID, now: datetime) -> bool:
        """Take two accounts apart again; False where there is no such link, or it is too late.

        All sessions but the one that asks are over: nobody can tell whose login each stands on.
        """
        async with self.database.transaction() as connection:
            joined = await connection.fetchval(
                """select joined_account_id from account_link
                   where link_id = $1 and kept_account_id = $2 and state = 'joined'
                       and decided_at > $3""",
                link,
                account,
                now - UNDO,
            )
            if joined is None:
                return False
            await lock_accounts(connection, [account, joined])
            moved = await connection.fetchval(
                # Where none of its logins is left here, nobody is to have anything back.
                """update account_link set state = 'undone', decided_at = $2, decided_by = $3
                   where link_id = $1 and state = 'joined' and exists (
                       select 1 from account_identity where account_id = $3
                           and moved -> 'identities' ? identity_id::text)
                   returning moved""",
                link,
                now,
                account,
            )
            if moved is None:
                return False
            await give_back(connection, account, joined, moved)
            await _end_sessions(connection, account, keep=session)
        return True

    async def unlink(self, account: AccountId, identity: UUID, session: UUID) -> bool:
        """Let an identity have an account of its own; False for the last one, and for others'."""
        async with self.database.transaction() as connection:
            await lock_accounts(connection, [account])
            owned = await connection.fetch(
                "select identity_id from account_identity where account_id = $1", account
            )
            if len(owned) < 2 or identity not in {row["identity_id"] for row in owned}:
                return False
            await split_off(connection, account, identity)
            await _end_sessions(connection, account, keep=session)
        return True


async def _by_age(
    connection: asyncpg.Connection, one: AccountId, other: AccountId
) -> tuple[AccountId, AccountId]:
    """Return the older account and the newer one. Raises LoginFailed where one is to be erased."""
    rows = await connection.fetch(
        """select account_id, exists (
               select 1 from erasure where erasure.account_id = account.account_id
                   and cancelled_at is null and executed_at is null) as leaves
           from account where account_id = any($1) order by created_at, account_id""",
        [one, other],
    )
    if len(rows) < 2 or any(row["leaves"] for row in rows):
        raise LoginFailed("link_erasure", "One of the two accounts is to be erased.")
    return AccountId(rows[0]["account_id"]), AccountId(rows[1]["account_id"])


async def _logins(
    connection: asyncpg.Connection, account: AccountId, now: datetime
) -> Sequence[Login]:
    vault = vault_of(connection)
    rows = await connection.fetch(
        """select issuer, subject, home_hei_ids, email, email_verified, last_login_at, array(
               select esi_key from identity_esi join account_esi using (account_id, esi_key)
               where identity_esi.identity_id = account_identity.identity_id
                   and identity_esi.current and hold is distinct from 'case') as keys
           from account_identity where account_id = $1""",
        account,
    )
    return [
        Login(
            esi_keys=frozenset(row["keys"]),
            homes=frozenset(HeiId(each) for each in row["home_hei_ids"]),
            email=vault.open_text(
                row["email"], "account_identity.email", row["issuer"], row["subject"]
            )
            # An HEI may give an address to another student: it counts where it was proved now.
            if row["email_verified"] and row["last_login_at"] > now - 2 * FRESH
            else None,
        )
        for row in rows
    ]


async def _not_refused(
    connection: asyncpg.Connection, kept: AccountId, joined: AccountId, now: datetime
) -> None:
    refused = await connection.fetchval(
        """select 1 from account_link where kept_account_id = $1 and joined_account_id = $2
               and state = 'refused' and decided_at > $3 limit 1""",
        kept,
        joined,
        now - UNDO,
    )
    if refused:
        raise LoginFailed("link_refused", "The international office has refused this.")


async def _note(
    connection: asyncpg.Connection,
    kept: AccountId,
    joined: AccountId,
    state: LinkState,
    found: Evidence,
    now: datetime,
    by: AccountId | None = None,
) -> Link:
    """Write where the link of two accounts stands; an open one goes on."""
    decided = None if state is LinkState.WAITING else now
    given = (kept, joined, state.value, found.value, decided, by)
    row = await connection.fetchrow(
        f"""update account_link set state = $3, evidence = $4, decided_at = $5, decided_by = $6
            where kept_account_id = $1 and joined_account_id = $2
                and state in ('check', 'waiting') returning {_LINK}""",  # noqa: S608 - a constant
        *given,
    ) or await connection.fetchrow(
        f"""insert into account_link (kept_account_id, joined_account_id, state, evidence,
                decided_at, decided_by, begun_at) values ($1, $2, $3, $4, $5, $6, $7)
            returning {_LINK}""",  # noqa: S608 - a constant
        *given,
        now,
    )
    return _link(row)


async def _join(
    connection: asyncpg.Connection,
    kept: AccountId,
    joined: AccountId,
    found: Evidence,
    now: datetime,
    by: AccountId | None = None,
) -> Link:
    moved = await move_all(connection, joined, kept)
    await connection.execute(  # a check that began the other way round is over with this
        """delete from account_link where kept_account_id = $2 and joined_account_id = $1
               and state in ('check', 'waiting')""",
        kept,
        joined,
    )
    await _end_sessions(connection, joined, keep=None)
    await connection.execute(  # until it is undone nobody is there; a login names itself anew
        "update account set display_name = null, email = null where account_id = $1", joined
    )
    link = await _note(connection, kept, joined, LinkState.JOINED, found, now, by)
    await connection.execute(
        "update account_link set moved = $2 where link_id = $1", link.link_id, moved
    )
    await jobs.enqueue(
        connection,
        MAIL_LINKED,
        {"link_id": str(link.link_id)},
        dedupe_key=f"{MAIL_LINKED} {link.link_id}",
        due=now,
    )
    return link


async def _end_sessions(
    connection: asyncpg.Connection, account: AccountId, *, keep: UUID | None
) -> None:
    await connection.execute(
        """with ended as (update session set revoked_at = now()
               where account_id = $1 and session_id is distinct from $2 and revoked_at is null
               returning session_id),
           silenced as (delete from device where session_id in (select session_id from ended))
           select pg_notify($3, '') from ended""",
        account,
        keep,
        REVOKED,
    )


def _link(row: asyncpg.Record) -> Link:
    return Link(
        link_id=row["link_id"],
        state=LinkState(row["state"]),
        evidence=Evidence(row["evidence"]),
        begun_at=row["begun_at"],
        decided_at=row["decided_at"],
        kept=AccountId(row["kept"]),
        joined=AccountId(row["joined"]),
    )
