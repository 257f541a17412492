"""What identity wishes for."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from erasmus_app.identity.claims import Identity
from erasmus_app.identity.models import Account, CodeForApp, LoginUnderWay, OpenSession, Session
from erasmus_app.identity.providers import DEFAULT
from erasmus_app.ids import AccountId


class LoginProvider(Protocol):
    """An OpenID provider; MyAcademicID in production."""

    async def authorization_url(self, login: LoginUnderWay, *, hint: str | None) -> str:
        """Return where to send the browser. Raises LoginFailed where the provider is down."""

    async def logout_url(self) -> str | None:
        """Return where a browser ends its session at the provider; None where that is not offered.

        Raises LoginFailed where the provider is down.
        """

    async def identity(self, code: str, login: LoginUnderWay, issuer: str | None) -> Identity:
        """Swap the code and verify everything. Raises LoginFailed."""


class LoginStates(Protocol):
    """Logins under way and one-time codes; may be lost, is used once."""

    async def keep_login(self, login: LoginUnderWay) -> None:
        """Keep a login for ten minutes."""

    async def take_login(self, state: str) -> LoginUnderWay | None:
        """Return a login and forget it."""

    async def begun(self, state: str) -> LoginUnderWay | None:
        """Return a login that was begun within the hour, be it over or used; without its secrets.

        Only what the browser wished for and the cookie that it was given are left of it.
        """

    async def keep_code(self, code: str, what: CodeForApp) -> None:
        """Keep a one-time code for a minute."""

    async def take_code(self, code: str) -> CodeForApp | None:
        """Return what a code stands for and forget it."""


class AccountStore(Protocol):
    """Accounts and their sessions."""

    async def signed_in(self, identity: Identity, language: str) -> AccountId:
        """Find or make the account of an identity; note its ESIs and link its persons."""

    async def account(self, account: AccountId) -> Account | None:
        """Return an account."""

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

    async def rotate(self, old: bytes, new: bytes, now: datetime) -> Session | None:
        """Swap a refresh token's hash; one used twice ends its session.

        Not so where the same swap is asked for again soon, and nobody has used the new one yet.
        """

    async def by_secret(self, secret: bytes, now: datetime) -> Session | None:
        """Return the browser session with this hash."""

    async def revoke(self, session: UUID) -> str | None:
        """End a session, and silence its devices; return its provider where it was open."""

    async def is_open(self, session: UUID, now: datetime) -> bool:
        """Return whether a session has been neither ended nor outlived."""

    async def sessions(self, account: AccountId, now: datetime) -> list[OpenSession]:
        """Return the account's open sessions, the last used first."""

    async def revoke_own(self, account: AccountId, session: UUID) -> bool:
        """End a session of the account's; False where it has no such open one."""

    async def revoke_others(self, account: AccountId, session: UUID) -> int:
        """End all sessions of the account's but this one; return how many those were."""


class Revocations(Protocol):
    """The sessions that were ended lately, at hand without asking anybody."""

    def has(self, session: UUID) -> bool | None:
        """Return whether a session was ended; None where that is not known right now."""


class AccessTokens(Protocol):
    """Signs and reads our own access tokens."""

    def issue(self, session: Session, now: datetime) -> str:
        """Sign a token for ten minutes, or until the session is over."""

    def read(self, token: str, now: datetime) -> Session | None:
        """Return what a token proves; None for anything wrong with it."""

    def successor(self, refresh_token: str) -> str:
        """Return the refresh token that follows another; nobody else can tell it."""
