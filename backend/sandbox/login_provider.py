"""What the sandbox's OpenID provider decides; `sandbox.login` puts HTTP around it."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec
import structlog

from sandbox.clock import Clock, utc_now
from sandbox.login_grants import (
    SCOPES,
    AuthorizationRequest,
    Client,
    Grant,
    Grants,
    LoginRefused,
    Redirect,
    authenticated_client,
    read_authorization,
)
from sandbox.login_page import choice_page, farewell_page
from sandbox.login_people import PEOPLE, Identity
from sandbox.login_tokens import Faults, KeyRing, LoginFault, at_hash, signed_id_token

ACCESS_LIFETIME = timedelta(seconds=3600)
ID_TOKEN_LIFETIME = timedelta(seconds=3600)

log = structlog.get_logger(__name__)


class LoginSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the provider behaves."""

    pkce_required: bool = True
    refresh_tokens: bool = True  # given with the scope offline_access
    end_session: bool = True  # MyAcademicID shows no trace of it; see both
    access_lifetime: timedelta = ACCESS_LIFETIME
    id_token_lifetime: timedelta = ID_TOKEN_LIFETIME


class _AccessToken(msgspec.Struct, frozen=True, kw_only=True):
    grant: Grant
    claims: dict[str, Any]


class LoginProvider:
    """The provider: its clients, keys, codes and tokens, all in memory."""

    def __init__(
        self,
        *,
        issuer: str,
        clients: Sequence[Client],
        people: Sequence[Identity] = PEOPLE,
        settings: LoginSettings | None = None,
        now: Clock = utc_now,
    ) -> None:
        self.issuer = issuer
        self.people = tuple(people)
        self.settings = settings or LoginSettings()
        self.keys = KeyRing()
        self.faults = Faults()
        self.instead: dict[str, Any] | None = None  # what ID tokens say, word for word
        self._clients = {each.client_id: each for each in clients}
        self._grants = Grants()
        self._access: dict[str, _AccessToken] = {}
        self._now = now

    def register(self, client: Client) -> None:
        """Add a client, or replace the one of that id."""
        self._clients[client.client_id] = client

    def person(self, hint: str | None) -> Identity | None:
        """Find somebody by key or e-mail address."""
        return next((each for each in self.people if hint in {each.key, each.email}), None)

    def discovery(self) -> dict[str, Any]:
        """Return the provider's metadata (OpenID Connect Discovery §3)."""
        base = f"{self.issuer.rstrip('/')}/OIDC"
        wrong = self.faults.take(LoginFault.DISCOVERY_ISS)
        found: dict[str, Any] = {
            "issuer": "https://another-login.example" if wrong else self.issuer,
            "authorization_endpoint": f"{base}/authorization",
            "token_endpoint": f"{base}/token",
            "userinfo_endpoint": f"{base}/userinfo",
            "introspection_endpoint": f"{base}/introspect",
            "jwks_uri": f"{base}/jwks",
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code"],
            "scopes_supported": list(SCOPES),
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": [
                "client_secret_basic",
                "client_secret_post",
                "none",
            ],
            "request_uri_parameter_supported": False,
            "authorization_response_iss_parameter_supported": True,
        }
        if self.settings.refresh_tokens:
            found["grant_types_supported"].append("refresh_token")
        if self.settings.end_session:
            found["end_session_endpoint"] = f"{base}/end_session"
        return found

    def authorize(self, parameters: Sequence[tuple[str, str]]) -> tuple[str | None, str]:
        """Decide about an authorization request.

        Returns:
            Where to send the browser, and no page; or no address, and the page to show.

        Raises:
            LoginRefused: and the browser may be sent nowhere.
        """
        try:
            request = read_authorization(
                parameters, self._clients, pkce_required=self.settings.pkce_required
            )
        except LoginRefused as refused:
            if refused.redirect is None:
                raise
            return self._sent_back(refused.redirect, refused.code, str(refused)), ""
        person = self.person(request.login_hint)
        if request.cancelled:
            return self._sent_back(request.redirect, "access_denied", "The person cancelled."), ""
        if person is not None:
            return self._logged_in(request, person), ""
        if request.silent:
            return self._sent_back(request.redirect, "login_required", "Nobody is logged in."), ""
        return None, choice_page(request.client.name, self.people, parameters)

    def _sent_back(self, redirect: Redirect, error: str, description: str) -> str:
        return self._back(redirect, {"error": error, "error_description": description})

    def _logged_in(self, request: AuthorizationRequest, person: Identity) -> str:
        code = self._grants.code(request, person, self._now())
        log.info("login.code_issued", client_id=request.client.client_id)
        granted = {"scope": " ".join(request.scopes), "client_id": request.client.client_id}
        return self._back(request.redirect, {"code": code, **granted})

    def _back(self, redirect: Redirect, answer: Mapping[str, str]) -> str:
        wrong = self.faults.take(LoginFault.REDIRECT_ISS)
        query = {**answer, "iss": "https://another-login.example" if wrong else self.issuer}
        if redirect.state is not None:
            query["state"] = redirect.state
        joint = "&" if "?" in redirect.uri else "?"
        return f"{redirect.uri}{joint}{urlencode(query)}"

    def token(self, authorization: str | None, form: Mapping[str, str]) -> dict[str, Any]:
        """Answer the token endpoint. Raises LoginRefused."""
        client = authenticated_client(self._clients, authorization, form)
        now = self._now()
        kind = form.get("grant_type")
        if kind == "authorization_code":
            grant = self._grants.by_code(client, form, now)
        elif kind == "refresh_token" and self.settings.refresh_tokens:
            grant = self._grants.by_refresh_token(client, form, now)
        else:
            raise LoginRefused("unsupported_grant_type", "This grant type is not supported.")
        access = self._access_token(grant)
        answer = {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": int(self.settings.access_lifetime.total_seconds()),
            "scope": " ".join(grant.scopes),
            "id_token": self._id_token(grant, access),
        }
        if "offline_access" in grant.scopes and self.settings.refresh_tokens:
            answer["refresh_token"] = self._grants.refresh_token(grant, now)
        return answer

    def _access_token(self, grant: Grant) -> str:
        now = int(self._now().timestamp())
        self._access = {jti: each for jti, each in self._access.items() if each.claims["exp"] > now}
        claims = {
            "iss": self.issuer,
            "sub": grant.identity.subject,
            "aud": [grant.client.client_id],
            "client_id": grant.client.client_id,
            "scope": " ".join(grant.scopes),
            "iat": now,
            "exp": now + int(self.settings.access_lifetime.total_seconds()),
            "jti": secrets.token_urlsafe(12),
        }
        self._access[str(claims["jti"])] = _AccessToken(grant=grant, claims=claims)
        return self.keys.sign(claims, typ="at+jwt")

    def _id_token(self, grant: Grant, access_token: str) -> str:
        now = int(self._now().timestamp())
        claims = {
            "iss": self.issuer,
            "sub": grant.identity.subject,
            "aud": grant.client.client_id,
            "iat": now,
            "exp": now + int(self.settings.id_token_lifetime.total_seconds()),
            "auth_time": int(grant.logged_in_at.timestamp()),
            "nonce": grant.nonce,
            "at_hash": at_hash(access_token),
            "voperson_id": grant.identity.claims(grant.scopes).get("voperson_id"),
        }
        claims = claims if self.instead is None else self.instead
        return signed_id_token(self.keys, self.faults, claims, grant.client.secret or "public")

    def _valid(self, token: str) -> _AccessToken | None:
        claims = self.keys.read(token, typ="at+jwt")
        found = self._access.get(str(claims.get("jti"))) if claims else None
        if found is None or found.claims["exp"] <= self._now().timestamp():
            return None
        return None if self._grants.is_revoked(found.grant.id) else found

    def userinfo(self, token: str) -> dict[str, Any]:
        """Answer userinfo. Raises LoginRefused, status 401."""
        found = self._valid(token)
        if found is None:
            raise LoginRefused("invalid_token", "The access token is not valid.", status=401)
        claims = found.grant.identity.claims(found.grant.scopes)
        if self.faults.take(LoginFault.USERINFO_SUB):
            other = next(each for each in self.people if each != found.grant.identity)
            claims["sub"] = other.subject
        return claims

    def extended_userinfo(self, token: str) -> dict[str, Any] | None:
        """Answer extended userinfo, None for whom it does not know (identity guide §3.2).

        Raises LoginRefused, status 401.
        """
        found = self._valid(token)
        if found is None:
            raise LoginRefused("invalid_token", "The access token is not valid.", status=401)
        return found.grant.identity.told_further

    def introspect(self, authorization: str | None, form: Mapping[str, str]) -> dict[str, Any]:
        """Answer introspection (RFC 7662). Raises LoginRefused."""
        authenticated_client(self._clients, authorization, form)
        found = self._valid(form.get("token", ""))
        if found is None:
            return {"active": False}
        claims = found.grant.identity.claims(found.grant.scopes)
        here = ("email", "voperson_id", "schac_home_organization", "voperson_external_affiliation")
        told = {name: claims[name] for name in here if name in claims}
        own = {name: value for name, value in found.claims.items() if name != "jti"}
        return {"active": True, "token_type": "Bearer", **own, **told}

    def end_session(self, parameters: Mapping[str, str]) -> tuple[str | None, str]:
        """Answer a logout by an address to go to, or by a page. Raises LoginRefused."""
        hint = self.keys.read(parameters.get("id_token_hint", ""), typ="JWT") or {}
        client = self._clients.get(str(parameters.get("client_id", hint.get("aud"))))
        wanted = parameters.get("post_logout_redirect_uri")
        if wanted is None:
            return None, farewell_page()
        if client is None or wanted not in client.post_logout_redirect_uris:
            raise LoginRefused("invalid_request", "This post_logout_redirect_uri is not known.")
        state = parameters.get("state")
        return (wanted if state is None else f"{wanted}?{urlencode({'state': state})}"), ""
