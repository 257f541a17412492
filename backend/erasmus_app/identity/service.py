"""Logging in, and proving it afterwards."""

import base64
import hashlib
import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from urllib.parse import urlencode
from uuid import UUID

from erasmus_app.errors import LoginFailed, NotSignedIn
from erasmus_app.identity.models import (
    ACCESS_LIFETIME,
    BROWSER_LIFETIME,
    LEEWAY,
    SESSION_LIFETIME,
    Account,
    CodeForApp,
    Finished,
    LinkWish,
    LoginUnderWay,
    OpenSession,
    Proved,
    Restarted,
    Session,
    Tokens,
)
from erasmus_app.identity.ports import (
    AccessTokens,
    AccountStore,
    LoginProvider,
    LoginStates,
    Revocations,
)
from erasmus_app.identity.providers import DEFAULT
from erasmus_app.ids import AccountId
from erasmus_app.kit.clock import Clock

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_PROVIDER_TROUBLE = frozenset({"server_error", "temporarily_unavailable"})
MOST_RESTARTS = 1
"""Of a login that comes back too late: one that does so again would never end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoginService:
    """Relying party towards the providers, giver of tokens towards our apps."""

    providers: Mapping[str, LoginProvider]  # by name
    states: LoginStates
    accounts: AccountStore
    tokens: AccessTokens
    revocations: Revocations
    clock: Clock
    app_links: Collection[str]

    async def start(
        self,
        *,
        app_challenge: str | None,
        return_to: str | None,
        hint: str | None,
        provider: str = DEFAULT,
        fresh: bool = False,
        restarts: int = 0,
        link: LinkWish | None = None,
    ) -> tuple[str, LoginUnderWay]:
        """Begin a login; return where to send the browser, and what binds it to us.

        Args:
            app_challenge: the app's PKCE challenge, S256; None for a browser's login.
            return_to: an app link that is registered, or for browsers a path of this site.
            hint: handed on to the provider.
            provider: its name.
            fresh: whoever is still logged in at the provider has to log in there anew.
            restarts: how often this login was begun again by itself.
            link: whose account it is to be joined with, in place of a session.

        Raises:
            LoginFailed: the challenge or the address to return to is not allowed, there is no such
                provider, or it is down.
        """
        chosen = self._provider(provider)
        if app_challenge is None:
            target = return_to or "/graphql"
            if not is_local(target):
                raise LoginFailed("return_refused", "That address is not one of this site.")
        else:
            target = return_to or ""
            if target not in self.app_links:
                raise LoginFailed("return_refused", "That app link is not registered here.")
            if _CHALLENGE.fullmatch(app_challenge) is None:
                raise LoginFailed("challenge_invalid", "app_challenge must be a S256 challenge.")
        login = LoginUnderWay(
            provider=provider,
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            cookie=secrets.token_urlsafe(32),
            app_challenge=app_challenge,
            return_to=target,
            fresh_after=self.clock() - LEEWAY if fresh else None,
            restarts=restarts,
            link=link,
        )
        address = await chosen.authorization_url(login, hint=hint)
        await self.states.keep_login(login)
        return address, login

    def _provider(self, name: str) -> LoginProvider:
        if (found := self.providers.get(name)) is None:
            raise LoginFailed(
                "provider_unknown", "There is no such login here.", status=HTTPStatus.NOT_FOUND
            )
        return found

    async def finish(
        self,
        *,
        state: str,
        code: str,
        issuer: str | None,
        cookie: str | None,
        language: str,
        provider: str = DEFAULT,
        browser_session: str | None = None,
    ) -> Finished | Restarted:
        """Complete a login that came back.

        One that comes back too late, or a second time, goes on where the browser has a session by
        now, and is begun again once where it has none (identity guide §8).

        Args:
            state: which login it is.
            code: the provider's.
            issuer: who the answer says that it is from (RFC 9207).
            cookie: what binds the browser to this login.
            language: of a new account, BCP 47.
            provider: whose way back it came.
            browser_session: the session that the browser has already.

        Raises:
            LoginFailed: with a code that says why.
        """
        login = await self._returned(state, cookie, provider)
        if login is None:
            return await self._again(state, cookie, provider, browser_session)
        identity = await self._provider(provider).identity(code, login, issuer)
        since, now = identity.authenticated_at, self.clock()
        shown = since or (now if login.link else None)  # joining asks for two proofs, and more
        if login.fresh_after is not None and (shown is None or shown < login.fresh_after):
            raise LoginFailed("login_not_fresh", "The login provider did not ask you to log in.")
        account = await self.accounts.signed_in(identity, language)
        if login.link is not None:
            proved = Proved(
                wish=login.link,
                account_id=account,
                issuer=identity.issuer,
                subject=identity.subject,
                at=since or now,  # where the provider does not say, it was asked to do so just now
            )
            return Finished(return_to=login.link.return_to, proved=proved, missing=identity.missing)
        if login.app_challenge is None:
            secret = secrets.token_urlsafe(32)
            expires = self.clock() + BROWSER_LIFETIME
            await self.accounts.open_session(
                account,
                "browser",
                _sha256(secret),
                expires,
                provider=provider,
                authenticated_at=since,
            )
            return Finished(
                return_to=login.return_to, browser_session=secret, missing=identity.missing
            )
        one_time = secrets.token_urlsafe(32)
        what = CodeForApp(
            account_id=account,
            challenge=login.app_challenge,
            provider=provider,
            authenticated_at=since,
        )
        await self.states.keep_code(one_time, what)
        joined = "&" if "?" in login.return_to else "?"
        address = f"{login.return_to}{joined}{urlencode({'code': one_time})}"
        return Finished(return_to=address, code=one_time, missing=identity.missing)

    async def cancel(
        self, *, state: str, error: str, cookie: str | None, provider: str = DEFAULT
    ) -> LoginFailed:
        """Say why a login came back with an error (RFC 6749 §4.1.2.1); it is over with that.

        Raises:
            LoginFailed: it is none that this browser began.
        """
        if await self._returned(state, cookie, provider) is None:
            raise _unknown()
        if error in _PROVIDER_TROUBLE:
            return LoginFailed(
                "provider_down",
                "The login provider has a problem. Try again soon.",
                status=HTTPStatus.SERVICE_UNAVAILABLE,
            )
        return LoginFailed("provider_refused", "The login was cancelled, or refused.")

    async def _returned(
        self, state: str, cookie: str | None, provider: str
    ) -> LoginUnderWay | None:
        login = await self.states.take_login(state)  # first of all: it is used once
        if login is not None and not _is_cookie_of(login, cookie):
            raise LoginFailed("login_other_browser", "This login was started in another browser.")
        if login is not None and login.provider != provider:
            raise LoginFailed("provider_mixed_up", "The answer came by another provider's way.")
        return login

    async def _again(
        self, state: str, cookie: str | None, provider: str, browser_session: str | None
    ) -> Finished | Restarted:
        wish = await self.states.begun(state)
        if wish is None or not _is_cookie_of(wish, cookie) or wish.provider != provider:
            raise _unknown()
        if wish.link is not None:  # whoever asked for it begins it anew
            raise _unknown()
        if wish.app_challenge is None and browser_session is not None:
            held = await self.accounts.by_secret(_sha256(browser_session), self.clock())
            if held is not None and wish.fresh_after is None:
                return Finished(return_to=wish.return_to)
        if wish.restarts >= MOST_RESTARTS:
            raise LoginFailed(
                "login_loop", "This login goes round in circles. Please begin again in the app."
            )
        address, login = await self.start(
            app_challenge=wish.app_challenge,
            return_to=wish.return_to,
            hint=None,
            provider=provider,
            fresh=wish.fresh_after is not None,
            restarts=wish.restarts + 1,
        )
        return Restarted(address=address, login=login)

    async def swap_code(self, code: str, verifier: str) -> Tokens:
        """Give an app its tokens for a one-time code. Raises LoginFailed (`invalid_grant`)."""
        what = await self.states.take_code(code)
        if what is None or _VERIFIER.fullmatch(verifier) is None:
            raise LoginFailed("invalid_grant", "the code is unknown, used or over")
        challenge = base64.urlsafe_b64encode(_sha256(verifier)).decode("ascii").rstrip("=")
        if not secrets.compare_digest(challenge, what.challenge):
            raise LoginFailed("invalid_grant", "code_verifier does not fit")
        refresh, now = secrets.token_urlsafe(32), self.clock()
        expires = now + SESSION_LIFETIME
        session = await self.accounts.open_session(
            what.account_id,
            "app",
            _sha256(refresh),
            expires,
            provider=what.provider,
            authenticated_at=what.authenticated_at,
        )
        opened = Session(
            account_id=what.account_id,
            session_id=session,
            expires_at=expires,
            authenticated_at=what.authenticated_at,
        )
        return self._tokens(opened, refresh, now)

    async def refresh(self, token: str) -> Tokens:
        """Swap a refresh token for new tokens. Raises LoginFailed (`invalid_grant`).

        The next one follows from this one, so that an app which asks twice at once, or again after
        an answer that was lost, gets the same (docs/decisions/0008-refresh-tokens.md).
        """
        new, now = self.tokens.successor(token), self.clock()
        session = await self.accounts.rotate(_sha256(token), _sha256(new), now)
        if session is None:
            raise LoginFailed("invalid_grant", "the refresh token is unknown, used or over")
        return self._tokens(session, new, now)

    def _tokens(self, session: Session, refresh: str, now: datetime) -> Tokens:
        return Tokens(
            access_token=self.tokens.issue(session, now),
            refresh_token=refresh,
            expires_in=int(min(ACCESS_LIFETIME, session.expires_at - now).total_seconds()),
        )

    async def session(self, *, bearer: str | None, cookie: str | None) -> Session:
        """Return who is asking. Raises NotSignedIn."""
        now = self.clock()
        found: Session | None = None
        if bearer is not None:
            read = self.tokens.read(bearer, now)
            if read is not None and await self._is_open(read.session_id, now):
                found = read
        elif cookie is not None:
            found = await self.accounts.by_secret(_sha256(cookie), now)
        if found is None:
            raise NotSignedIn("There is no session, or it is over. Please sign in.")
        return found

    async def _is_open(self, session: UUID, now: datetime) -> bool:
        """Whether nobody has ended a session whose token is good; as a rule nobody is asked."""
        ended = self.revocations.has(session)
        return await self.accounts.is_open(session, now) if ended is None else not ended

    async def account(self, account: AccountId) -> Account | None:
        """Return an account."""
        return await self.accounts.account(account)

    async def sessions(self, account: AccountId) -> list[OpenSession]:
        """Return the account's open sessions, the last used first."""
        return await self.accounts.sessions(account, self.clock())

    async def end_session(self, account: AccountId, session: UUID) -> bool:
        """End a session of the account's; False where it has no such open one."""
        return await self.accounts.revoke_own(account, session)

    async def end_other_sessions(self, session: Session) -> int:
        """End all sessions of the account but the one that asks; return how many."""
        return await self.accounts.revoke_others(session.account_id, session.session_id)

    async def logout(self, session: Session) -> str | None:
        """End a session, here; return where the browser can end the provider's own, if anywhere."""
        provider = self.providers.get(await self.accounts.revoke(session.session_id) or "")
        try:
            return await provider.logout_url() if provider else None
        except LoginFailed:  # it is down, and the session over all the same
            return None


def _sha256(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).digest()


def _is_cookie_of(login: LoginUnderWay, cookie: str | None) -> bool:
    return cookie is not None and secrets.compare_digest(_sha256(cookie), _sha256(login.cookie))


def _unknown() -> LoginFailed:
    return LoginFailed("login_unknown", "This login is over. Please start again.")


def is_local(path: str) -> bool:
    """Whether a browser stays on this site: an absolute path, nothing that names a host."""
    if not path.startswith("/") or path.startswith("//"):
        return False
    return all("!" <= each <= "~" and each != "\\" for each in path)
