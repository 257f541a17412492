"""Accounts and their sessions in PostgreSQL."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
import structlog

from erasmus_app.identity.claims import Identity, moved_subject
from erasmus_app.identity.models import (
    REFRESH_LIFETIME,
    RETRY_LIFETIME,
    Account,
    OpenSession,
    Session,
)
from erasmus_app.identity.providers import DEFAULT
from erasmus_app.identity.roles import KnownIdentity
from erasmus_app.ids import AccountId, HeiId
from erasmus_app.store.database import AWAY, Database
from erasmus_app.store.devices import SEEN, UNSEEN
from erasmus_app.store.esis import note_esis
from erasmus_app.store.sealed import Vault
from erasmus_app.telemetry.metrics import REFRESH_REUSE

log = structlog.get_logger(__name__)

REVOKED = "session_revoked"
"""The channel on which API processes hear that some session was ended."""

SESSION_COLUMNS = (
    "account_id, session_id, expires_at, authenticated_at, client_id, scopes, resource"
)


def account_of(row: asyncpg.Record, vault: Vault) -> Account:
    """Read an account, with what its latest identity said."""
    return Account(
        account_id=AccountId(row["account_id"]),
        language=row["language"],
        zone=row["zone"],
        display_name=vault.open_text(
            row["display_name"], "account.display_name", row["account_id"]
        ),
        home_hei_ids=tuple(HeiId(each) for each in row["home_hei_ids"]),
        affiliations=tuple(row["affiliations"]),
        has_esi=row["has_esi"],
    )


@dataclass(frozen=True, slots=True)
class AccountTable:
    """All accounts."""

    database: Database

    async def signed_in(self, identity: Identity, language: str) -> AccountId:
        """Find or make the account; note its ESIs; let it see every person who has one of them."""
        async with self.database.transaction() as connection:
            await connection.execute(
                "select pg_advisory_xact_lock(hashtextextended($1, 0))",
                f"identity {identity.issuer} {identity.subject}",
            )
            account = await self._account_of(connection, identity, language)
            which = await self._note_identity(connection, identity, account)
            await note_esis(connection, account, which, identity.esis)
        return AccountId(account)

    async def _account_of(
        self, connection: asyncpg.Connection, identity: Identity, language: str
    ) -> UUID:
        account: UUID | None = await connection.fetchval(
            "select account_id from account_identity where issuer = $1 and subject = $2",
            identity.issuer,
            identity.subject,
        )
        if account is None:
            account = await connection.fetchval(
                "insert into account (language) values ($1) returning account_id", language
            )
            before = await connection.fetchval(
                "select account_id from account_identity where issuer = $1 and subject = $2",
                identity.issuer,
                moved_subject(identity.subject),
            )
            if before is not None:  # never joined by that alone: whoever it is proves it by linking
                log.info("login.subject_moved", account_id=account, other_account_id=before)
        assert account is not None
        return account

    async def _note_identity(
        self, connection: asyncpg.Connection, identity: Identity, account: UUID
    ) -> UUID:
        vault = self.database.vault
        which: UUID = await connection.fetchval(
            """insert into account_identity (issuer, subject, account_id, home_hei_ids,
                   affiliations, email, email_verified, received, missing)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
               on conflict (issuer, subject) do update set home_hei_ids = excluded.home_hei_ids,
                   affiliations = excluded.affiliations, last_login_at = now(),
                   email = excluded.email, email_verified = excluded.email_verified,
                   received = excluded.received, missing = excluded.missing
               returning identity_id""",
            identity.issuer,
            identity.subject,
            account,
            list(identity.home_hei_ids),
            list(identity.affiliations),
            vault.seal_text(
                identity.email, "account_identity.email", identity.issuer, identity.subject
            ),
            identity.email_verified,
            list(identity.received),
            list(identity.missing),
        )
        await connection.execute(
            """update account set display_name = $2, email = $3, last_login_at = now()
               where account_id = $1""",
            account,
            vault.seal_text(identity.display_name, "account.display_name", account),
            vault.seal_text(identity.email, "account.email", account),
        )
        return which

    async def identities(self, account: AccountId) -> list[KnownIdentity]:
        """Return what the latest login of each of the account's identities said of roles."""
        rows = await self.database.fetch(
            """select issuer, subject, home_hei_ids, affiliations, last_login_at
               from account_identity where account_id = $1 order by issuer, subject""",
            account,
        )
        return [
            KnownIdentity(
                issuer=row["issuer"],
                subject=row["subject"],
                home_hei_ids=tuple(HeiId(each) for each in row["home_hei_ids"]),
                affiliations=tuple(row["affiliations"]),
                last_login_at=row["last_login_at"],
            )
            for row in rows
        ]

    async def account(self, account: AccountId) -> Account | None:
        """Return an account with what its latest identity said."""
        row = await self.database.fetchrow(
            """select account_id, language, zone, display_name, home_hei_ids, affiliations,
                   exists (select 1 from account_esi e where e.account_id = account.account_id
                       and current) as has_esi
               from account join account_identity using (account_id)
               where account_id = $1 order by account_identity.last_login_at desc limit 1""",
            account,
        )
        return account_of(row, self.database.vault) if row else None

    async def open_session(
        self,
        account: AccountId,
        kind: str,
        secret: bytes,
        expires_at: datetime,
        *,
        provider: str = DEFAULT,
        authenticated_at: datetime | None = None,
    ) -> UUID:
        """Open a session whose secret has this SHA-256, after a login at that provider."""
        session: UUID = await self.database.fetchval(
            """insert into session
                   (account_id, kind, refresh_sha256, expires_at, provider, authenticated_at)
               values ($1, $2, $3, $4, $5, $6) returning session_id""",
            account,
            kind,
            secret,
            expires_at,
            provider,
            authenticated_at,
        )
        return session

    async def rotate(
        self, old: bytes, new: bytes, now: datetime, client_id: str | None = None
    ) -> Session | None:
        """Swap a refresh token's hash. One that was swapped before ends its session (RFC 9700).

        `client_id` is the client that brings it, which must be the one that it was given to; None
        for our own app. Not so where the same swap is asked for again within a minute, and nobody
        has used what it led to: an app asked twice at once, or the answer was lost.
        """
        row = await self.database.fetchrow(
            f"""with rotated as (
                    update session set refresh_sha256 = $2, refreshed_at = $3
                    where refresh_sha256 = $1 and kind = 'app' and revoked_at is null
                        and expires_at > $3 and refreshed_at > $4
                        and client_id is not distinct from $5
                    returning {SESSION_COLUMNS}),
                seen as (update device set {SEEN} from rotated
                    where device.session_id = rotated.session_id and {UNSEEN}),
                spent as (insert into spent_refresh (refresh_sha256, session_id, spent_at)
                    select $1, session_id, $3 from rotated),
                forgotten as (delete from spent_refresh
                    where session_id = (select session_id from rotated) and spent_at <= $4)
                select * from rotated""",  # noqa: S608 - constants
            old,
            new,
            now,
            now - REFRESH_LIFETIME,
            client_id,
        )
        if row is None:
            return await self._not_rotated(old, new, now, client_id)
        return session_of(row)

    async def _not_rotated(
        self, old: bytes, new: bytes, now: datetime, client_id: str | None
    ) -> Session | None:
        """Return the session of a swap that was made a moment ago; else end what was stolen."""
        async with self.database.transaction() as connection:
            again = await connection.fetchrow(
                f"""select {SESSION_COLUMNS}
                    from session join spent_refresh spent using (session_id)
                    where spent.refresh_sha256 = $1 and session.refresh_sha256 = $2
                        and spent_at > $4 and revoked_at is null and expires_at > $3
                        and client_id is not distinct from $5""",  # noqa: S608 - a constant
                old,
                new,
                now,
                now - RETRY_LIFETIME,
                client_id,
            )
            if again is None:
                ended = await connection.fetch(
                    """with ended as (
                           update session set revoked_at = $2 from spent_refresh
                           where spent_refresh.session_id = session.session_id
                               and spent_refresh.refresh_sha256 = $1 and revoked_at is null
                           returning session.session_id),
                       silenced as (delete from device
                           where session_id in (select session_id from ended))
                       select pg_notify($3, '') from ended""",
                    old,
                    now,
                    REVOKED,
                )
                REFRESH_REUSE.inc(len(ended))
        return session_of(again) if again else None

    async def by_secret(self, secret: bytes, now: datetime) -> Session | None:
        """Return the browser session with this hash; its device has been heard of."""
        row = await self.database.fetchrow(
            f"""select {SESSION_COLUMNS}, exists (select from device
                    where device.session_id = session.session_id and {UNSEEN}) as is_unseen
                from session
                where refresh_sha256 = $1 and kind = 'browser' and revoked_at is null
                    and expires_at > $2""",  # noqa: S608 - constants
            secret,
            now,
        )
        if row and row["is_unseen"]:
            with suppress(*AWAY):  # whoever only reads is served though nothing can be written
                await self.database.execute(
                    f"update device set {SEEN} where session_id = $1 and {UNSEEN}",  # noqa: S608
                    row["session_id"],
                )
        return session_of(row) if row else None

    async def revoke(self, session: UUID) -> str | None:
        """End a session, and silence its devices; return its provider where it was open."""
        ended = await self._end("session_id = $1", session)
        return next(iter(ended), None)

    async def revoke_own(self, account: AccountId, session: UUID) -> bool:
        """End a session of the account's; False where it has no such open one."""
        return bool(await self._end("session_id = $1 and account_id = $2", session, account))

    async def revoke_client(self, account: AccountId, session: UUID) -> bool:
        """End a client's session of the account's; False where it has no such open one."""
        which = "session_id = $1 and account_id = $2 and client_id is not null"
        return bool(await self._end(which, session, account))

    async def revoke_others(self, account: AccountId, session: UUID) -> int:
        """End all sessions of the account's but this one; return how many those were."""
        return len(await self._end("session_id <> $1 and account_id = $2", session, account))

    async def _end(self, which: str, *given: UUID) -> list[str]:
        """End open sessions, forget the devices that they registered, let every process know.

        Returns each one's provider.
        """
        ended = await self.database.fetch(
            f"""with ended as (update session set revoked_at = now()
                    where {which} and revoked_at is null and expires_at > now()
                    returning session_id, provider),
                silenced as (delete from device
                    where session_id in (select session_id from ended))
                select provider, pg_notify('{REVOKED}', '') from ended""",  # noqa: S608 - constants
            *given,
        )
        return [row["provider"] for row in ended]

    async def sessions(self, account: AccountId, now: datetime) -> list[OpenSession]:
        """Return the account's open sessions, the last used first."""
        rows = await self.database.fetch(
            """select account_id, session_id, kind, created_at, refreshed_at, expires_at,
                   (select platform from device where device.session_id = session.session_id
                    order by last_seen_at desc limit 1) as platform
               from session
               where account_id = $1 and revoked_at is null and expires_at > $2
                   and (kind = 'browser' or refreshed_at > $3) and client_id is null
               order by refreshed_at desc, session_id""",
            account,
            now,
            now - REFRESH_LIFETIME,
        )
        return [OpenSession(**dict(row)) for row in rows]

    async def is_open(self, session: UUID, now: datetime) -> bool:
        """Return whether a session has been neither ended nor outlived."""
        found = await self.database.fetchval(
            """select 1 from session
               where session_id = $1 and revoked_at is null and expires_at > $2""",
            session,
            now,
        )
        return found is not None


def session_of(row: asyncpg.Record) -> Session:
    """Read a row of `SESSION_COLUMNS`."""
    return Session(
        account_id=AccountId(row["account_id"]),
        session_id=row["session_id"],
        expires_at=row["expires_at"],
        authenticated_at=row["authenticated_at"],
        client_id=row["client_id"],
        scopes=None if row["scopes"] is None else tuple(row["scopes"]),
        resource=row["resource"],
    )
