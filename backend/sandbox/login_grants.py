"""What an app may ask of the sandbox login, and what it is given: codes and tokens."""

import base64
import binascii
import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import unquote_plus

import msgspec
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from sandbox.login_people import CLAIMS_OF_SCOPE, Identity

CODE_LIFETIME = timedelta(seconds=60)
REFRESH_LIFETIME = timedelta(days=30)
SCOPES = ("openid", "offline_access", *CLAIMS_OF_SCOPE)


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """An application registered with the provider."""

    client_id: str
    secret: str | None  # None: a public client, which must use PKCE
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...] = ()
    name: str = "Erasmus+ App"


class LoginRefused(Exception):
    """An OAuth error: `code` is the specification's, the message is for the client's developer."""

    def __init__(
        self, code: str, message: str, *, status: int = 400, redirect: "Redirect | None" = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.redirect = redirect  # None: the browser must not be sent anywhere


class Redirect(msgspec.Struct, frozen=True, kw_only=True):
    """Where an authorization's answer goes."""

    uri: str
    state: str | None


class AuthorizationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request to log somebody in, checked."""

    client: Client
    redirect: Redirect
    scopes: tuple[str, ...]  # granted; unknown ones are left out without a word
    nonce: str | None
    challenge: str | None
    login_hint: str | None
    silent: bool  # prompt=none
    cancelled: bool  # the person on the page would rather not


def read_authorization(
    parameters: Sequence[tuple[str, str]], clients: Mapping[str, Client], *, pkce_required: bool
) -> AuthorizationRequest:
    """Check an authorization request (RFC 6749 §4.1.1, RFC 7636, OpenID Connect Core §3.1.2).

    Raises:
        LoginRefused: with `redirect` only where the redirect address can be trusted.
    """
    given = dict(parameters)
    if len(given) != len(parameters):
        raise LoginRefused("invalid_request", "A parameter came twice.")
    client = clients.get(given.get("client_id", ""))
    if client is None:
        raise LoginRefused("unauthorized_client", "This client_id is not registered.")
    if given.get("redirect_uri") not in client.redirect_uris:
        raise LoginRefused("invalid_request", "This redirect_uri is not registered.")
    redirect = Redirect(uri=given["redirect_uri"], state=given.get("state"))
    scopes = tuple(dict.fromkeys(each for each in given.get("scope", "").split() if each in SCOPES))
    if (refused := _refusal(given, client, scopes, pkce_required=pkce_required)) is not None:
        raise LoginRefused(*refused, redirect=redirect)
    return AuthorizationRequest(
        client=client,
        redirect=redirect,
        scopes=scopes,
        nonce=given.get("nonce"),
        challenge=given.get("code_challenge"),
        login_hint=given.get("login_hint"),
        silent="none" in given.get("prompt", "").split(),
        cancelled="cancel" in given,
    )


def _refusal(
    given: Mapping[str, str], client: Client, scopes: Sequence[str], *, pkce_required: bool
) -> tuple[str, str] | None:
    if "request" in given:
        return "request_not_supported", "Request objects are not supported."
    if "request_uri" in given:
        return "request_uri_not_supported", "Request objects are not supported."
    if given.get("response_type") != "code":
        return "unsupported_response_type", "Only response_type=code is supported."
    if given.get("response_mode", "query") != "query":
        return "invalid_request", "Only response_mode=query is supported."
    if "openid" not in scopes:
        return "invalid_scope", "The scope openid is missing."
    challenge = given.get("code_challenge")
    if challenge is None and (pkce_required or client.secret is None):
        return "invalid_request", "PKCE is required: code_challenge is missing."
    if challenge is not None and given.get("code_challenge_method") != "S256":
        return "invalid_request", "Only code_challenge_method=S256 is supported."
    if challenge is not None and len(challenge) != 43:
        return "invalid_request", "code_challenge is no SHA-256 in base64url."
    return None


def authenticated_client(
    clients: Mapping[str, Client], authorization: str | None, form: Mapping[str, str]
) -> Client:
    """Return the client that calls: by basic authentication, by its form, or a public one.

    Raises:
        LoginRefused: `invalid_client`, or `invalid_request` for two ways at once.
    """
    name, secret = form.get("client_id", ""), form.get("client_secret")
    if authorization is not None:
        if secret is not None:
            raise LoginRefused("invalid_request", "The client authenticates twice.")
        name, secret = _basic(authorization)
        if form.get("client_id", name) != name:
            raise LoginRefused("invalid_request", "Two client_ids.")
    client = clients.get(name)
    if client is None or not hmac.compare_digest(
        (client.secret or "").encode(), (secret or "").encode()
    ):
        raise LoginRefused("invalid_client", "Unknown client or wrong secret.", status=401)
    return client


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, value = authorization.partition(" ")
    try:
        name, colon, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (ValueError, binascii.Error) as error:
        raise LoginRefused("invalid_client", "No basic authentication.", status=401) from error
    if scheme.lower() != "basic" or not colon:
        raise LoginRefused("invalid_client", "No basic authentication.", status=401)
    return unquote_plus(name), unquote_plus(secret)  # RFC 6749 §2.3.1


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What one login of one person allows one client."""

    id: str  # tokens of one grant are revoked together
    identity: Identity
    client: Client
    scopes: tuple[str, ...]
    nonce: str | None
    logged_in_at: datetime


class _Code(msgspec.Struct, kw_only=True):
    grant: Grant
    redirect_uri: str
    challenge: str | None
    expires_at: datetime
    used: bool = False


class _Refresh(msgspec.Struct, kw_only=True):
    grant: Grant
    expires_at: datetime
    used: bool = False


class Grants:
    """Codes and refresh tokens handed out, each good for one use; all in memory."""

    def __init__(self) -> None:
        self._codes: dict[str, _Code] = {}
        self._refresh: dict[str, _Refresh] = {}
        self._revoked: set[str] = set()

    def code(self, request: AuthorizationRequest, identity: Identity, now: datetime) -> str:
        """Make a code for somebody who has logged in."""
        self._codes = {code: each for code, each in self._codes.items() if each.expires_at > now}
        grant = Grant(
            id=secrets.token_urlsafe(12),
            identity=identity,
            client=request.client,
            scopes=request.scopes,
            nonce=request.nonce,
            logged_in_at=now,
        )
        code = secrets.token_urlsafe(24)
        self._codes[code] = _Code(
            grant=grant,
            redirect_uri=request.redirect.uri,
            challenge=request.challenge,
            expires_at=now + CODE_LIFETIME,
        )
        return code

    def by_code(self, client: Client, form: Mapping[str, str], now: datetime) -> Grant:
        """Swap a code. A second use revokes what the first gave (RFC 6749 §4.1.2).

        Raises:
            LoginRefused: `invalid_grant`.
        """
        code = self._codes.get(form.get("code", ""))
        if code is None or code.grant.client != client:
            raise LoginRefused("invalid_grant", "This code is unknown.")
        if code.used:
            self._revoked.add(code.grant.id)
            raise LoginRefused("invalid_grant", "This code was used before.")
        code.used = True
        if now >= code.expires_at:
            raise LoginRefused("invalid_grant", "This code has expired.")
        if form.get("redirect_uri") != code.redirect_uri:
            raise LoginRefused("invalid_grant", "This is another redirect_uri.")
        verifier = form.get("code_verifier")
        if (verifier is None) != (code.challenge is None):
            raise LoginRefused("invalid_grant", "code_verifier and code_challenge go together.")
        if verifier is not None and create_s256_code_challenge(verifier) != code.challenge:
            raise LoginRefused("invalid_grant", "code_verifier is wrong.")
        return code.grant

    def refresh_token(self, grant: Grant, now: datetime) -> str:
        """Make a refresh token."""
        token = secrets.token_urlsafe(32)
        self._refresh[token] = _Refresh(grant=grant, expires_at=now + REFRESH_LIFETIME)
        return token

    def by_refresh_token(self, client: Client, form: Mapping[str, str], now: datetime) -> Grant:
        """Swap a refresh token. A second use revokes the whole family (RFC 9700 §4.14).

        Raises:
            LoginRefused: `invalid_grant` or `invalid_scope`.
        """
        found = self._refresh.get(form.get("refresh_token", ""))
        if found is None or found.grant.client != client or self.is_revoked(found.grant.id):
            raise LoginRefused("invalid_grant", "This refresh token is unknown.")
        if found.used:
            self._revoked.add(found.grant.id)
            raise LoginRefused("invalid_grant", "This refresh token was used before.")
        if now >= found.expires_at:
            raise LoginRefused("invalid_grant", "This refresh token has expired.")
        wanted = tuple(form.get("scope", " ".join(found.grant.scopes)).split())
        if not set(wanted) <= set(found.grant.scopes):
            raise LoginRefused("invalid_scope", "A refresh gives no further scopes.")
        found.used = True
        return msgspec.structs.replace(found.grant, scopes=wanted, nonce=None)

    def is_revoked(self, grant_id: str) -> bool:
        """Whether the tokens of a grant are void."""
        return grant_id in self._revoked
