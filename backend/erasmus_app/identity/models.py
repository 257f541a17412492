"""Accounts, sessions, and a login under way."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from erasmus_app.identity.providers import DEFAULT
from erasmus_app.ids import AccountId, HeiId

ACCESS_LIFETIME = timedelta(minutes=10)
REFRESH_LIFETIME = timedelta(days=30)  # slides with each use
SESSION_LIFETIME = timedelta(days=180)  # absolute
BROWSER_LIFETIME = timedelta(hours=12)
CODE_LIFETIME = timedelta(seconds=60)
LOGIN_LIFETIME = timedelta(minutes=10)  # a student who wanders off starts again
WISH_LIFETIME = timedelta(hours=1)  # and then without having to say again where to
LEEWAY = timedelta(seconds=60)  # between the provider's clock and ours
RETRY_LIFETIME = timedelta(seconds=60)  # for a refresh whose answer was lost, or two at once


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who has logged in. Personal."""

    account_id: AccountId
    language: str
    zone: str
    display_name: str | None
    home_hei_ids: tuple[HeiId, ...]
    affiliations: tuple[str, ...]
    has_esi: bool


class OpenSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session of an account's, as its owner sees it in a list. Times are UTC."""

    account_id: AccountId  # whose
    session_id: UUID
    kind: str  # app, browser
    created_at: datetime
    refreshed_at: datetime  # of a browser's: when it was opened
    expires_at: datetime
    platform: str | None = None  # of the device that it registered last


class LinkWish(msgspec.Struct, frozen=True, kw_only=True):
    """Whose account a further login is to be joined with: the session that asked for it."""

    account_id: AccountId
    session_id: UUID
    provider: str  # where the further login is
    return_to: str  # app link, or a path of ours where the session is a browser's
    is_browser: bool


class LoginUnderWay(msgspec.Struct, frozen=True, kw_only=True):
    """A browser that we sent to a provider; good for ten minutes, used once."""

    provider: str = DEFAULT  # its name; the answer may come from nobody else
    state: str
    nonce: str
    verifier: str  # PKCE, ours towards the provider
    cookie: str  # binds the way back to the browser that left
    app_challenge: str | None = None  # PKCE S256, the app's towards us
    return_to: str = "/"  # app link, or a path of ours for browsers
    fresh_after: datetime | None = None  # UTC: who logged in before has to do it anew
    restarts: int = 0  # how often it was begun again by itself
    link: LinkWish | None = None  # it opens no session: it is to be joined with another


class Restarted(msgspec.Struct, frozen=True, kw_only=True):
    """A login that came back too late, or once more, and was begun again without a word."""

    address: str  # of the provider: where the browser goes
    login: LoginUnderWay


class Proved(msgspec.Struct, frozen=True, kw_only=True):
    """A further login that went through, for somebody who wants it joined with theirs."""

    wish: LinkWish
    account_id: AccountId  # the further login's
    issuer: str
    subject: str
    at: datetime  # UTC


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """A login that went through: where the browser goes now, and with what."""

    return_to: str
    code: str | None = None  # one-time code for an app
    browser_session: str | None = None  # cookie value for a browser
    missing: tuple[str, ...] = ()  # names of the claims that an HEI should have released
    proved: Proved | None = None  # nobody is signed in by it


class CodeForApp(msgspec.Struct, frozen=True, kw_only=True):
    """What a one-time code stands for."""

    account_id: AccountId
    challenge: str
    provider: str = DEFAULT
    authenticated_at: datetime | None = None


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """What an app gets from `/auth/token` (RFC 6749 §5.1)."""

    access_token: str
    refresh_token: str
    expires_in: int
    token_type: str = "Bearer"  # noqa: S105 - the scheme's name


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Who is asking: proved by an access token or a browser's cookie."""

    account_id: AccountId
    session_id: UUID
    expires_at: datetime
    authenticated_at: datetime | None = None  # at the provider, UTC; None: it does not say
    client_id: str | None = None  # of our authorisation server; None: our own app, a browser
    scopes: tuple[str, ...] | None = None  # what the client may; None: all that the student can do
    resource: str | None = None  # what its tokens are for, an address; None: all of this backend


class ConnectedApp(msgspec.Struct, frozen=True, kw_only=True):
    """A client that a student has allowed something. Times are UTC."""

    account_id: AccountId
    session_id: UUID
    client_id: str
    scopes: tuple[str, ...]
    connected_at: datetime
    last_used_at: datetime
    expires_at: datetime
