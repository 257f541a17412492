"""Our authorisation server: clients get tokens in a student's name (RFC 6749, 7636, 8707, 9207).

The login itself stays at MyAcademicID; whoever comes here has a browser session of ours.
"""

import base64
import hashlib
import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import urlencode
from uuid import UUID, uuid4

import msgspec

from erasmus_app.errors import LoginFailed
from erasmus_app.identity.clients import APP, CHAT, SCOPES, Client, Clients
from erasmus_app.identity.models import (
    ACCESS_LIFETIME,
    SESSION_LIFETIME,
    ConnectedApp,
    Session,
    Tokens,
)
from erasmus_app.identity.ports import AccessTokens
from erasmus_app.identity.providers import DEFAULT
from erasmus_app.ids import AccountId
from erasmus_app.kit.clock import Clock

GRANT_LIFETIME = timedelta(days=90)
"""After which an assistant asks again, however often it was used; our own app has longer."""

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_LONGEST_STATE = 1_000
_ONCE = frozenset(
    {
        *("client_id", "redirect_uri", "response_type", "response_mode", "scope", "state"),
        *("code_challenge", "code_challenge_method", "resource", "prompt"),
    }
)


class AuthorizationRefused(LoginFailed):
    """A request that is not granted. `address` is where the browser goes with that.

    Where there is none, nobody has proved whose request it was, and only a page may say so.
    """

    def __init__(self, code: str, message: str, address: str | None = None) -> None:
        super().__init__(code, message)
        self.address = address


class AuthorizationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request whose client, address and form were found right."""

    client_id: str
    redirect_uri: str
    challenge: str  # PKCE, S256
    scopes: tuple[str, ...]
    resource: str
    state: str | None = None


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A request whose student is looking at the consent page."""

    request: AuthorizationRequest
    session_id: UUID  # of the browser that was shown it


class CodeForClient(msgspec.Struct, frozen=True, kw_only=True):
    """What an authorization code stands for."""

    request: AuthorizationRequest
    session_id: UUID  # that it leads to: known beforehand, so that it can be ended in any order
    account_id: AccountId
    provider: str = DEFAULT
    authenticated_at: datetime | None = None


class ClientTokens(Tokens, frozen=True, kw_only=True):
    """What a client gets (RFC 6749 §5.1)."""

    scope: str


class Authorizations(Protocol):
    """Requests that wait for an answer, and codes; may be lost, each is used once."""

    async def keep_waiting(self, name: str, what: Waiting) -> None:
        """Keep a request for ten minutes."""

    async def take_waiting(self, name: str) -> Waiting | None:
        """Return a request and forget it."""

    async def keep_authorization(self, code: str, what: CodeForClient) -> None:
        """Keep a code for a minute, and for a while longer which session it leads to."""

    async def take_authorization(self, code: str) -> CodeForClient | None:
        """Return what a code stands for and forget it."""

    async def replayed(self, code: str) -> UUID | None:
        """Note that a used code came again; return which session it leads to, None for no code."""

    async def was_replayed(self, code: str) -> bool:
        """Return whether a used code came again meanwhile."""


class Grants(Protocol):
    """What clients were allowed: sessions with a client's name on them."""

    async def open_grant(self, code: CodeForClient, secret: bytes, until: datetime) -> None:
        """Open a session for a client whose refresh token has this SHA-256."""

    async def rotate(
        self, old: bytes, new: bytes, now: datetime, client_id: str | None = None
    ) -> Session | None:
        """Swap a refresh token's hash, see `identity.ports.AccountStore`."""

    async def by_refresh(self, secret: bytes) -> Session | None:
        """Return the open session whose current or spent refresh token has this hash."""

    async def revoke(self, session: UUID) -> str | None:
        """End a session."""

    async def connected(self, account: AccountId, now: datetime) -> list[ConnectedApp]:
        """Return the clients that an account is connected to, the last used first."""

    async def disconnect(self, account: AccountId, session: UUID) -> bool:
        """End a client's session; False where the account has no such open one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AuthorizationService:
    """Answers authorization and token requests."""

    issuer: str
    resources: Sequence[str]  # what tokens can be for; the first where a request names none
    clients: Clients
    states: Authorizations
    grants: Grants
    tokens: AccessTokens
    clock: Clock

    async def read(self, given: Sequence[tuple[str, str]]) -> tuple[Client, AuthorizationRequest]:
        """Read a request's parameters, as they came.

        Raises:
            AuthorizationRefused: with an address once client and address are proven.
        """
        values = dict(given)
        names = [name for name, _ in given]
        twice = {name for name in names if name in _ONCE and names.count(name) > 1}
        client_id = values.get("client_id", "")
        client = None if "client_id" in twice else await self.clients.client(client_id)
        if client is None:
            raise AuthorizationRefused("client_unknown", "No such app is known here.")
        redirect_uri = values.get("redirect_uri", "")
        if "redirect_uri" in twice or not client.admits(redirect_uri):
            raise AuthorizationRefused(
                "redirect_refused",
                "The app's address to be answered at is not its own.",
            )
        state = None if "state" in twice else values.get("state")
        try:
            return client, self._request(client, values, twice, redirect_uri)
        except LoginFailed as error:
            query = {"error": error.code, "error_description": str(error)}
            address = self._back(redirect_uri, state, query)
            raise AuthorizationRefused(error.code, str(error), address) from error

    def _request(
        self, client: Client, values: Mapping[str, str], twice: Collection[str], redirect_uri: str
    ) -> AuthorizationRequest:
        if twice:
            raise LoginFailed("invalid_request", f"{min(twice)}: came twice")
        if values.get("response_type") != "code":
            raise LoginFailed("unsupported_response_type", "response_type: code")
        if values.get("response_mode", "query") != "query":
            raise LoginFailed("invalid_request", "response_mode: query")
        for name in ("request", "request_uri"):
            if name in values:
                raise LoginFailed(f"{name}_not_supported", f"{name}: is not supported")
        challenge = values.get("code_challenge", "")
        if values.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(challenge):
            raise LoginFailed("invalid_request", "code_challenge: PKCE with S256 is needed")
        state = values.get("state")
        if state is not None and len(state) > _LONGEST_STATE:
            raise LoginFailed("invalid_request", "state: is too long")
        if "none" in values.get("prompt", "").split():
            raise LoginFailed("interaction_required", "prompt: the student has to be asked")
        return AuthorizationRequest(
            client_id=client.client_id,
            redirect_uri=redirect_uri,
            challenge=challenge,
            scopes=_scopes(values.get("scope"), client.scopes, by_name=(APP, CHAT)),
            resource=self._resource(values.get("resource")),
            state=state,
        )

    def _resource(self, wanted: str | None) -> str:
        if wanted is None:
            return self.resources[0]
        if wanted.rstrip("/") not in self.resources:
            raise LoginFailed("invalid_target", "resource: is none of ours")
        return wanted.rstrip("/")

    async def ask(self, request: AuthorizationRequest, session: Session) -> str:
        """Keep a request until its student has answered; return the name of the question."""
        name = secrets.token_urlsafe(32)
        await self.states.keep_waiting(
            name, Waiting(request=request, session_id=session.session_id)
        )
        return name

    async def answer(self, name: str, session: Session, *, allowed: bool) -> str:
        """Take the student's answer; return where the browser goes with it.

        Raises:
            AuthorizationRefused: the question is not this browser's, was answered, or is over.
        """
        waiting = await self.states.take_waiting(name)
        if waiting is None or waiting.session_id != session.session_id:
            raise AuthorizationRefused(
                "question_over", "This question was answered already, or is too old."
            )
        if not allowed:
            query = {"error": "access_denied", "error_description": "The student said no."}
            return self._back(waiting.request.redirect_uri, waiting.request.state, query)
        return await self.allow(waiting.request, session)

    async def allow(self, request: AuthorizationRequest, session: Session) -> str:
        """Give a code; return where the browser goes with it."""
        code = secrets.token_urlsafe(32)
        await self.states.keep_authorization(
            code,
            CodeForClient(
                request=request,
                session_id=uuid4(),
                account_id=session.account_id,
                authenticated_at=session.authenticated_at,
            ),
        )
        return self._back(request.redirect_uri, request.state, {"code": code})

    def _back(self, redirect_uri: str, state: str | None, query: Mapping[str, str]) -> str:
        """Return the way back to a client, with who answers on it (RFC 9207)."""
        every = dict(query) | ({} if state is None else {"state": state}) | {"iss": self.issuer}
        return f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{urlencode(every)}"

    async def swap(self, given: Mapping[str, str]) -> ClientTokens:
        """Give tokens for a code. One that comes twice ends what the first gave.

        Raises:
            LoginFailed: `invalid_grant`, `invalid_target`.
        """
        code = given.get("code", "")
        what = await self.states.take_authorization(code)
        if what is None:
            if (session := await self.states.replayed(code)) is not None:
                await self.grants.revoke(session)
            raise LoginFailed("invalid_grant", "the code is unknown, used or over")
        request, verifier = what.request, given.get("code_verifier", "")
        fits = (
            given.get("client_id") == request.client_id
            and given.get("redirect_uri") == request.redirect_uri
            and _VERIFIER.fullmatch(verifier) is not None
            and secrets.compare_digest(_challenge_of(verifier), request.challenge)
        )
        if not fits:
            raise LoginFailed(
                "invalid_grant", "the code was given to somebody else, or another way"
            )
        self._same_resource(given, request.resource)
        client = await self.clients.client(request.client_id)
        if client is None:
            raise LoginFailed("invalid_client", "the client is none any more")
        refresh, now = secrets.token_urlsafe(32), self.clock()
        until = now + (SESSION_LIFETIME if APP in request.scopes else GRANT_LIFETIME)
        await self.grants.open_grant(what, _sha256(refresh), until)
        if await self.states.was_replayed(code):  # before there was a session to be ended
            await self.grants.revoke(what.session_id)
            raise LoginFailed("invalid_grant", "the code came twice")
        return self._tokens(
            Session(
                account_id=what.account_id,
                session_id=what.session_id,
                expires_at=until,
                authenticated_at=what.authenticated_at,
                client_id=request.client_id,
                scopes=request.scopes,
                resource=request.resource,
            ),
            refresh,
            now,
        )

    async def refresh(self, given: Mapping[str, str]) -> ClientTokens:
        """Swap a refresh token for new tokens, for less than before where less is asked for.

        Raises:
            LoginFailed: `invalid_grant`, `invalid_scope`, `invalid_target`.
        """
        token, client_id = given.get("refresh_token", ""), given.get("client_id", "")
        held = await self.grants.by_refresh(_sha256(token))
        if held is not None and held.client_id == client_id:  # nothing is spent on a wrong wish
            _scopes(given.get("scope"), held.scopes or ())
            self._same_resource(given, held.resource or "")
        new, now = self.tokens.successor(token), self.clock()
        session = await self.grants.rotate(_sha256(token), _sha256(new), now, client_id)
        if session is None:
            raise LoginFailed("invalid_grant", "the refresh token is unknown, used or over")
        scopes = _scopes(given.get("scope"), session.scopes or ())
        return self._tokens(msgspec.structs.replace(session, scopes=scopes), new, now)

    async def revoke(self, token: str, client_id: str | None) -> None:
        """End what a refresh or access token belongs to (RFC 7009); an unknown one is over.

        Raises:
            LoginFailed: `unauthorized_client`: it is another client's.
        """
        session = await self.grants.by_refresh(_sha256(token))
        session = session or self.tokens.read(token, self.clock())
        if session is None:
            return
        if session.client_id != client_id:
            raise LoginFailed("unauthorized_client", "the token was given to another client")
        await self.grants.revoke(session.session_id)

    async def connected(self, account: AccountId) -> list[ConnectedApp]:
        """Return the clients that an account is connected to, the last used first."""
        return await self.grants.connected(account, self.clock())

    async def disconnect(self, account: AccountId, session: UUID) -> bool:
        """End a client's session; False where the account has no such open one."""
        return await self.grants.disconnect(account, session)

    def _same_resource(self, given: Mapping[str, str], granted: str) -> None:
        if given.get("resource", granted).rstrip("/") != granted:
            raise LoginFailed("invalid_target", "resource: another one was allowed")

    def _tokens(self, session: Session, refresh: str, now: datetime) -> ClientTokens:
        return ClientTokens(
            access_token=self.tokens.issue(session, now),
            refresh_token=refresh,
            expires_in=int(min(ACCESS_LIFETIME, session.expires_at - now).total_seconds()),
            scope=" ".join(session.scopes or ()),
        )


def _scopes(
    wanted: str | None, allowed: Collection[str], by_name: Collection[str] = (APP,)
) -> tuple[str, ...]:
    """Return the scopes of a request, in our order; without a wish all but those `by_name`."""
    if wanted is None:
        found = [each for each in SCOPES if each in allowed and each not in by_name]
        found = found or list(allowed)
    else:
        asked = wanted.split()
        if not asked or not set(asked) <= set(allowed):
            raise LoginFailed("invalid_scope", "scope: asks for what is not to be had")
        found = [each for each in SCOPES if each in asked]
    return tuple(found)


def _challenge_of(verifier: str) -> str:
    return base64.urlsafe_b64encode(_sha256(verifier)).decode("ascii").rstrip("=")


def _sha256(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).digest()
