"""What clients of our authorisation server were allowed, in PostgreSQL."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from erasmus_app.identity.authorization import CodeForClient
from erasmus_app.identity.models import REFRESH_LIFETIME, ConnectedApp, Session
from erasmus_app.ids import AccountId
from erasmus_app.store.accounts import SESSION_COLUMNS, AccountTable, session_of
from erasmus_app.store.database import Database


@dataclass(frozen=True, slots=True)
class GrantTable:
    """Sessions with a client's name on them, see `identity.authorization.Grants`."""

    database: Database
    accounts: AccountTable

    async def open_grant(self, code: CodeForClient, secret: bytes, until: datetime) -> None:
        """Open a session for a client whose refresh token has this SHA-256."""
        request = code.request
        await self.database.execute(
            """insert into session (session_id, account_id, kind, refresh_sha256, expires_at,
                   provider, authenticated_at, client_id, scopes, resource)
               values ($1, $2, 'app', $3, $4, $5, $6, $7, $8, $9)""",
            code.session_id,
            code.account_id,
            secret,
            until,
            code.provider,
            code.authenticated_at,
            request.client_id,
            list(request.scopes),
            request.resource,
        )

    async def rotate(
        self, old: bytes, new: bytes, now: datetime, client_id: str | None = None
    ) -> Session | None:
        """Swap a refresh token's hash, see `AccountTable.rotate`."""
        return await self.accounts.rotate(old, new, now, client_id)

    async def by_refresh(self, secret: bytes) -> Session | None:
        """Return the open session whose current or spent refresh token has this hash."""
        row = await self.database.fetchrow(
            f"""select {SESSION_COLUMNS} from session
                where kind = 'app' and revoked_at is null and expires_at > now()
                    and (refresh_sha256 = $1 or session_id in (
                        select session_id from spent_refresh where refresh_sha256 = $1))""",  # noqa: S608 - a constant
            secret,
        )
        return session_of(row) if row else None

    async def revoke(self, session: UUID) -> str | None:
        """End a session, see `AccountTable.revoke`."""
        return await self.accounts.revoke(session)

    async def connected(self, account: AccountId, now: datetime) -> list[ConnectedApp]:
        """Return the clients that an account is connected to, the last used first."""
        rows = await self.database.fetch(
            """select account_id, session_id, client_id, scopes, created_at, refreshed_at,
                   expires_at
               from session
               where account_id = $1 and client_id is not null and revoked_at is null
                   and expires_at > $2 and refreshed_at > $3
               order by refreshed_at desc, session_id""",
            account,
            now,
            now - REFRESH_LIFETIME,
        )
        return [
            ConnectedApp(
                account_id=AccountId(row["account_id"]),
                session_id=row["session_id"],
                client_id=row["client_id"],
                scopes=tuple(row["scopes"]),
                connected_at=row["created_at"],
                last_used_at=row["refreshed_at"],
                expires_at=row["expires_at"],
            )
            for row in rows
        ]

    async def disconnect(self, account: AccountId, session: UUID) -> bool:
        """End a client's session; False where the account has no such open one."""
        return await self.accounts.revoke_client(account, session)
