"""MyAcademicID, or any OpenID provider, through its discovery document (identity guide §1, §3)."""

import asyncio
import base64
import contextlib
import hashlib
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import httpx
import msgspec
import structlog
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet

from erasmus_app.errors import LoginFailed
from erasmus_app.identity.claims import Identity, identity_of
from erasmus_app.identity.models import LEEWAY, LoginUnderWay
from erasmus_app.identity.providers import ProviderConfig
from erasmus_app.kit.clock import Clock
from erasmus_app.settings import LOOPBACK_NAMES
from erasmus_app.telemetry.traces import span

KEEP_SECONDS = 3600.0  # discovery and keys
AGAIN_SECONDS = 10.0  # at the least, between two readings of the keys for an unknown one
FRESH_SECONDS = 60  # asks for `auth_time` as well (OpenID Connect Core §2)
MOST_SECONDS = 20.0  # for one call
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")

log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class OpenIdProvider:
    """One provider, by its issuer; every endpoint comes from discovery.

    Of a token's header nothing is used but `alg`, `kid` and `typ`: no key, and no address of one.
    """

    http: httpx.AsyncClient
    config: ProviderConfig
    redirect_uri: str
    clock: Clock
    _metadata: dict[str, Any] | None = None
    _metadata_at: float = field(default=0.0)
    _keys: KeySet | None = None
    _keys_at: float = field(default=0.0)
    _again_at: float = field(default=float("-inf"))

    async def authorization_url(self, login: LoginUnderWay, *, hint: str | None) -> str:
        """Return where to send the browser: code flow, PKCE S256, state, nonce."""
        metadata = await self._discovery()
        query = {
            "response_type": "code",
            "client_id": self.config.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": " ".join(self.config.scopes),
            "state": login.state,
            "nonce": login.nonce,
            "code_challenge": create_s256_code_challenge(login.verifier),
            "code_challenge_method": "S256",
        }
        if hint is not None:
            query["login_hint"] = hint
        if login.fresh_after is not None:
            query |= {"prompt": "login", "max_age": str(FRESH_SECONDS)}
        return _with_query(metadata["authorization_endpoint"], query)

    async def logout_url(self) -> str | None:
        """Return where a browser ends its session there (OpenID Connect RP-Initiated Logout §2).

        Without `id_token_hint`, as ID tokens are not kept: the provider asks whoever comes.
        """
        endpoint = (await self._discovery()).get("end_session_endpoint")
        if not isinstance(endpoint, str) or not is_safe(endpoint):
            return None
        return _with_query(endpoint, {"client_id": self.config.client_id})

    async def identity(self, code: str, login: LoginUnderWay, issuer: str | None) -> Identity:
        """Swap the code, verify the ID token, ask userinfo, compare. Raises LoginFailed."""
        metadata = await self._discovery()
        promised = metadata.get("authorization_response_iss_parameter_supported") is True
        if issuer != self.config.issuer and (issuer is not None or promised):
            raise LoginFailed("issuer_mixed_up", "The answer came from another login provider.")
        tokens = await self._tokens(metadata, code, login)
        access_token = str(tokens.get("access_token", ""))
        claims = await self._verified(
            metadata, str(tokens.get("id_token", "")), login.nonce, access_token
        )
        if not self.config.admits(claims["sub"]):
            raise LoginFailed(
                "subject_refused", "This login cannot be used here.", status=HTTPStatus.FORBIDDEN
            )
        userinfo = await self._userinfo(metadata["userinfo_endpoint"], access_token)
        if userinfo.get("sub") != claims["sub"]:
            raise _contradiction()
        if self.config.extended_userinfo is not None:
            further = await self._userinfo(self.config.extended_userinfo, access_token)
            if further.get("sub", claims["sub"]) != claims["sub"]:
                raise _contradiction()
            userinfo = further | userinfo
        since = claims.get("auth_time")
        identity = identity_of(
            self.config.issuer,
            userinfo,
            self.config.claims,
            fold_subject=self.config.fold_subject,
            trust_email=self.config.trust_email,
            can_assert_student=self.config.can_assert_student,
        )
        return msgspec.structs.replace(
            identity,
            authenticated_at=None if since is None else datetime.fromtimestamp(since, UTC),
        )

    async def _userinfo(self, address: str, access_token: str) -> dict[str, Any]:
        """Ask who it is; whom the extended one does not know is told nothing of (§3.2)."""
        unknown = HTTPStatus.NOT_FOUND if address == self.config.extended_userinfo else None
        headers = {"authorization": f"Bearer {access_token}"}
        found = await self._json("GET", address, headers=headers, nobody_at=unknown)
        if not isinstance(found, dict):
            raise _contradiction()
        return found

    async def _discovery(self) -> dict[str, Any]:
        if self._metadata is None or time.monotonic() - self._metadata_at > KEEP_SECONDS:
            address = f"{self.config.issuer.rstrip('/')}/.well-known/openid-configuration"
            try:
                found = await self._json("GET", address)
            except LoginFailed:
                if self._metadata is None:
                    raise
                return self._metadata  # an hour old is better than none
            if not isinstance(found, dict) or found.get("issuer") != self.config.issuer:
                raise LoginFailed(
                    "issuer_mismatch", "The login provider does not say who it is.", status=502
                )
            if not all(is_safe(found.get(name)) for name in ENDPOINTS):
                raise LoginFailed(
                    "provider_incomplete",
                    "The login provider's document is incomplete.",
                    status=502,
                )
            self._metadata, self._metadata_at = found, time.monotonic()
        return self._metadata

    async def _tokens(
        self, metadata: dict[str, Any], code: str, login: LoginUnderWay
    ) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": login.verifier,
        }
        answer = await self._json(
            "POST",
            metadata["token_endpoint"],
            data=form,
            # both form-encoded first: RFC 6749 §2.3.1
            auth=httpx.BasicAuth(
                quote_plus(self.config.client_id), quote_plus(self.config.client_secret)
            ),
        )
        if not isinstance(answer, dict):
            raise LoginFailed("provider_invalid", "The login provider's answer makes no sense.")
        return answer

    async def _verified(
        self, metadata: dict[str, Any], id_token: str, nonce: str, access_token: str
    ) -> dict[str, Any]:
        offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
        allowed = self.config.algorithms
        algorithms = [each for each in allowed if isinstance(offered, list) and each in offered]
        if not algorithms:
            raise _refused("no algorithm")
        token = None
        for again in (False, True):  # an unknown key: the provider may have rotated
            try:
                token = jwt.decode(
                    id_token, await self._key_set(metadata, again=again), algorithms=algorithms
                )
                break
            except (JoseError, ValueError) as error:
                if again or not _may_be_rotation(error) or not self._may_read_keys_again():
                    raise _refused(type(error).__name__) from error
        claims: dict[str, Any] = token.claims if token else {}
        now, leeway = self.clock().timestamp(), LEEWAY.total_seconds()
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        checks = {
            "typ": token is not None and str(token.header.get("typ", "JWT")).upper() == "JWT",
            "iss": claims.get("iss") == self.config.issuer,
            "aud": self.config.client_id in audiences,
            "azp": claims.get("azp", self.config.client_id) == self.config.client_id
            and (len(audiences) == 1 or "azp" in claims),
            "exp": _number(claims.get("exp")) > now - leeway,
            "iat": 0 < _number(claims.get("iat")) < now + leeway,
            "auth_time": claims.get("auth_time") is None
            or 0 < _number(claims["auth_time"]) < now + leeway,
            "nonce": claims.get("nonce") == nonce,
            "sub": isinstance(claims.get("sub"), str) and bool(claims.get("sub")),
        }
        if "at_hash" in claims and token is not None:
            bits = str(token.header["alg"])[-3:]
            checks["at_hash"] = claims["at_hash"] == _half_hash(access_token, bits)
        if wrong := [name for name, right in checks.items() if not right]:
            raise _refused(" ".join(wrong))
        return claims

    async def _key_set(self, metadata: dict[str, Any], *, again: bool) -> KeySet:
        if self._keys is None or again or time.monotonic() - self._keys_at > KEEP_SECONDS:
            found = await self._json("GET", metadata["jwks_uri"])
            keys = found.get("keys") if isinstance(found, dict) else None
            self._keys = _usable(keys if isinstance(keys, list) else [])
            self._keys_at = time.monotonic()
        return self._keys

    def _may_read_keys_again(self) -> bool:
        """Whether the last unknown key is long ago: tokens must not make us ask for ever."""
        if time.monotonic() - self._again_at < AGAIN_SECONDS:
            return False
        self._again_at = time.monotonic()
        return True

    async def _json(
        self, method: str, address: str, *, nobody_at: HTTPStatus | None = None, **more: Any
    ) -> Any:
        try:
            # Also where it answers drop by drop.
            with span("login.provider", "client", **{"http.request.method": method}):
                async with asyncio.timeout(MOST_SECONDS):
                    answer = await self.http.request(
                        method, address, follow_redirects=False, **more
                    )
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            log.warning("login.provider_down", error=type(error).__name__)
            raise LoginFailed(
                "provider_down", "The login provider cannot be reached. Try again soon.", status=503
            ) from error
        if answer.status_code >= 500:
            raise LoginFailed(
                "provider_down", "The login provider has a problem. Try again soon.", status=503
            )
        if answer.status_code == nobody_at:
            return {}
        if answer.status_code != 200:
            raise LoginFailed("provider_refused", "The login provider refused this login.")
        try:
            return answer.json()
        except ValueError as error:
            raise LoginFailed(
                "provider_invalid", "The login provider's answer makes no sense.", status=502
            ) from error


def _contradiction() -> LoginFailed:
    return LoginFailed("userinfo_mismatch", "The login provider contradicts itself.")


def _refused(why: str) -> LoginFailed:
    log.warning("login.id_token_refused", why=why)
    return LoginFailed("id_token_refused", "The login provider's answer cannot be trusted.")


def _with_query(endpoint: str, query: dict[str, str]) -> str:
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"


def is_safe(endpoint: object) -> bool:
    """Whether an endpoint is https; plain http only on this machine."""
    if not isinstance(endpoint, str):
        return False
    try:
        parts = urlsplit(endpoint)
        return parts.scheme == "https" or (
            parts.scheme == "http" and parts.hostname in LOOPBACK_NAMES
        )
    except ValueError:
        return False


def _may_be_rotation(error: Exception) -> bool:
    return type(error).__name__ in {"InvalidKeyIdError", "BadSignatureError", "ValueError"}


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def _usable(keys: list[Any]) -> KeySet:
    """Return the keys that can verify a signature; one that we cannot read harms no other."""
    found: list[Key] = []
    for each in keys:
        if isinstance(each, dict) and each.get("kty") in ("RSA", "EC"):
            with contextlib.suppress(JoseError, ValueError, KeyError, TypeError, AttributeError):
                found.append(JWKRegistry.import_key(each))
    return KeySet(found)


def _half_hash(access_token: str, bits: str) -> str:
    """Return what `at_hash` must be: half of the hash that belongs to the algorithm."""
    digest = hashlib.new(f"sha{bits}", access_token.encode()).digest()
    half = digest[: len(digest) // 2]
    return base64.urlsafe_b64encode(half).decode("ascii").rstrip("=")
