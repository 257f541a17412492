"""MyAcademicID, or any OpenID provider, through its discovery document (identity guide §1)."""

import asyncio
import base64
import contextlib
import hashlib
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlencode

import httpx
import structlog
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet

from erasmus_app.errors import LoginFailed
from erasmus_app.identity.claims import Identity, identity_of
from erasmus_app.identity.models import LoginUnderWay
from erasmus_app.kit.clock import Clock

SCOPES = (
    "openid profile email voperson_id schac_home_organization schac_personal_unique_code "
    "voperson_external_affiliation"
)
KEEP_SECONDS = 3600.0  # discovery and keys
LEEWAY = 60  # seconds
MOST_SECONDS = 20.0  # for one call
ASYMMETRIC = frozenset(
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
)
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")

log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class OpenIdProvider:
    """One provider, by its issuer; every endpoint comes from discovery."""

    http: httpx.AsyncClient
    issuer: str
    client_id: str
    client_secret: str
    redirect_uri: str
    clock: Clock
    _metadata: dict[str, Any] | None = None
    _metadata_at: float = field(default=0.0)
    _keys: KeySet | None = None
    _keys_at: float = field(default=0.0)

    async def authorization_url(self, login: LoginUnderWay, *, hint: str | None) -> str:
        """Return where to send the browser: code flow, PKCE S256, state, nonce."""
        metadata = await self._discovery()
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": SCOPES,
            "state": login.state,
            "nonce": login.nonce,
            "code_challenge": create_s256_code_challenge(login.verifier),
            "code_challenge_method": "S256",
        }
        if hint is not None:
            query["login_hint"] = hint
        endpoint = metadata["authorization_endpoint"]
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    async def identity(self, code: str, login: LoginUnderWay, issuer: str | None) -> Identity:
        """Swap the code, verify the ID token, ask userinfo, compare. Raises LoginFailed."""
        metadata = await self._discovery()
        promised = metadata.get("authorization_response_iss_parameter_supported") is True
        if issuer != self.issuer and (issuer is not None or promised):
            raise LoginFailed("issuer_mixed_up", "The answer came from another login provider.")
        tokens = await self._tokens(metadata, code, login)
        access_token = str(tokens.get("access_token", ""))
        claims = await self._verified(
            metadata, str(tokens.get("id_token", "")), login.nonce, access_token
        )
        userinfo = await self._json(
            "GET",
            metadata["userinfo_endpoint"],
            headers={"authorization": f"Bearer {access_token}"},
        )
        if not isinstance(userinfo, dict) or userinfo.get("sub") != claims["sub"]:
            raise LoginFailed("userinfo_mismatch", "The login provider contradicts itself.")
        return identity_of(self.issuer, userinfo)

    async def _discovery(self) -> dict[str, Any]:
        if self._metadata is None or time.monotonic() - self._metadata_at > KEEP_SECONDS:
            address = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
            try:
                found = await self._json("GET", address)
            except LoginFailed:
                if self._metadata is None:
                    raise
                return self._metadata  # an hour old is better than none
            if not isinstance(found, dict) or found.get("issuer") != self.issuer:
                raise LoginFailed(
                    "issuer_mismatch", "The login provider does not say who it is.", status=502
                )
            if not all(isinstance(found.get(name), str) for name in ENDPOINTS):
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
            auth=httpx.BasicAuth(quote_plus(self.client_id), quote_plus(self.client_secret)),
        )
        if not isinstance(answer, dict):
            raise LoginFailed("provider_invalid", "The login provider's answer makes no sense.")
        return answer

    async def _verified(
        self, metadata: dict[str, Any], id_token: str, nonce: str, access_token: str
    ) -> dict[str, Any]:
        offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
        algorithms = [each for each in ASYMMETRIC if isinstance(offered, list) and each in offered]
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
                if again or not _may_be_rotation(error):
                    raise _refused(type(error).__name__) from error
        claims: dict[str, Any] = token.claims if token else {}
        now = self.clock().timestamp()
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        checks = {
            "iss": claims.get("iss") == self.issuer,
            "aud": self.client_id in audiences,
            "azp": claims.get("azp", self.client_id) == self.client_id
            and (len(audiences) == 1 or "azp" in claims),
            "exp": _number(claims.get("exp")) > now - LEEWAY,
            "iat": 0 < _number(claims.get("iat")) < now + LEEWAY,
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

    async def _json(self, method: str, address: str, **more: Any) -> Any:
        try:
            async with asyncio.timeout(MOST_SECONDS):  # also where it answers drop by drop
                answer = await self.http.request(method, address, follow_redirects=False, **more)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            log.warning("login.provider_down", error=type(error).__name__)
            raise LoginFailed(
                "provider_down", "The login provider cannot be reached. Try again soon.", status=503
            ) from error
        if answer.status_code >= 500:
            raise LoginFailed(
                "provider_down", "The login provider has a problem. Try again soon.", status=503
            )
        if answer.status_code != 200:
            raise LoginFailed("provider_refused", "The login provider refused this login.")
        try:
            return answer.json()
        except ValueError as error:
            raise LoginFailed(
                "provider_invalid", "The login provider's answer makes no sense.", status=502
            ) from error


def _refused(why: str) -> LoginFailed:
    log.warning("login.id_token_refused", why=why)
    return LoginFailed("id_token_refused", "The login provider's answer cannot be trusted.")


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
