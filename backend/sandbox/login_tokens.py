"""The sandbox login's keys and signed tokens, and what can be made to go wrong with them."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OctKey


class LoginFault(StrEnum):
    """What the provider can be told to do wrong."""

    WRONG_ISS = "wrong_iss"  # the ID token's
    WRONG_AUD = "wrong_aud"
    WRONG_AZP = "wrong_azp"  # two audiences, and another party
    NO_AZP = "no_azp"  # two audiences, and nobody says for whom
    NO_SUB = "no_sub"
    SUB_SCOPE = "sub_scope"  # a scope that is none of the provider's
    SUB_NOT_HEX = "sub_not_hex"
    SUB_RESERVED = "sub_reserved"  # the account that watches over the provider
    EXPIRED = "expired"
    FUTURE = "future"  # issued an hour from now
    NO_AUTH_TIME = "no_auth_time"
    OLD_AUTH_TIME = "old_auth_time"  # an hour ago, whatever was asked for
    WRONG_NONCE = "wrong_nonce"
    NO_NONCE = "no_nonce"
    WRONG_AT_HASH = "wrong_at_hash"
    ALG_NONE = "alg_none"
    ALG_HS256 = "alg_hs256"  # signed with the client's secret
    ALG_HS256_KEY = "alg_hs256_key"  # signed with the published key, as if that were a secret
    OTHER_TYP = "other_typ"  # an access token's
    OWN_KEY = "own_key"  # brought along in the header: jwk, jku, x5u
    UNKNOWN_KID = "unknown_kid"  # a key that is not published
    WRONG_SIGNATURE = "wrong_signature"  # a published kid, another key
    USERINFO_SUB = "userinfo_sub"  # userinfo speaks of somebody else
    REDIRECT_ISS = "redirect_iss"  # the redirect back names another issuer (RFC 9207)
    DISCOVERY_ISS = "discovery_iss"
    DISCOVERY_DOWN = "discovery_down"  # answers 500, as do the next four
    AUTHORIZATION_DOWN = "authorization_down"
    TOKEN_DOWN = "token_down"  # noqa: S105 - the name of a fault
    USERINFO_DOWN = "userinfo_down"
    JWKS_DOWN = "jwks_down"
    CUT = "cut"  # the connection ends in the middle of any answer


class Faults:
    """The faults switched on, each for a number of times or until further notice."""

    def __init__(self) -> None:
        self._left: dict[LoginFault, int | None] = {}

    def set(self, fault: LoginFault, times: int | None = None) -> None:
        """Let a fault happen.

        Args:
            fault: which.
            times: how often; None for always, 0 for never.
        """
        self._left[fault] = times

    def clear(self) -> None:
        """Switch all off."""
        self._left.clear()

    def take(self, fault: LoginFault) -> bool:
        """Whether the fault happens now; that counts as one time."""
        left = self._left.get(fault, 0)
        if left:
            self._left[fault] = left - 1
        return left is None or left > 0

    @property
    def active(self) -> dict[LoginFault, int | None]:
        """What is still to happen."""
        return {fault: left for fault, left in self._left.items() if left != 0}


Claims = dict[str, Any]

_SPOILT: dict[LoginFault, Callable[[Claims], Claims]] = {
    LoginFault.WRONG_ISS: lambda _: {"iss": "https://another-login.example"},
    LoginFault.WRONG_AUD: lambda _: {"aud": "APP-another"},
    LoginFault.WRONG_AZP: lambda was: {"aud": [was["aud"], "APP-another"], "azp": "APP-another"},
    LoginFault.NO_AZP: lambda was: {"aud": [was["aud"], "APP-another"]},
    LoginFault.NO_SUB: lambda _: {"sub": None},
    LoginFault.SUB_SCOPE: lambda _: {"sub": "0123456789abcdef@evil.example"},
    LoginFault.SUB_NOT_HEX: lambda _: {"sub": "not-hex@myacademicid.org"},
    LoginFault.SUB_RESERVED: lambda _: {"sub": "test@myacademicid.org"},
    LoginFault.EXPIRED: lambda was: {"iat": was["iat"] - 7200, "exp": was["iat"] - 3600},
    LoginFault.FUTURE: lambda was: {"iat": was["iat"] + 3600, "exp": was["exp"] + 3600},
    LoginFault.NO_AUTH_TIME: lambda _: {"auth_time": None},
    LoginFault.OLD_AUTH_TIME: lambda was: {"auth_time": was["iat"] - 3600},
    LoginFault.WRONG_NONCE: lambda _: {"nonce": "another-nonce"},
    LoginFault.NO_NONCE: lambda _: {"nonce": None},
    LoginFault.WRONG_AT_HASH: lambda _: {"at_hash": at_hash("another token")},
}
"""What a fault does to the claims of an ID token; None leaves one out."""


def _new_key() -> ECKey:
    key = ECKey.generate_key("P-256", private=True)
    return ECKey.import_key(
        {**key.as_dict(private=True), "kid": key.thumbprint(), "use": "sig", "alg": "ES256"}
    )


class KeyRing:
    """P-256 keys: the newest signs, all are published."""

    def __init__(self) -> None:
        self._keys = [_new_key()]

    @property
    def current(self) -> ECKey:
        """The key that signs."""
        return self._keys[-1]

    def rotate(self, *, keep_old: bool = True) -> str:
        """Sign with a new key from now on; returns its kid.

        Args:
            keep_old: go on publishing the old ones, so that older tokens stay good.
        """
        self._keys = [*(self._keys if keep_old else ()), _new_key()]
        return str(self.current.kid)

    def published(self) -> dict[str, Any]:
        """Return the key set, public parts only."""
        return {"keys": [key.as_dict(private=False) for key in self._keys]}

    def sign(self, claims: dict[str, Any], *, typ: str) -> str:
        """Sign a token, ES256."""
        header = {"alg": "ES256", "kid": self.current.kid, "typ": typ}
        return jwt.encode(header, claims, self.current)

    def read(self, token: str, *, typ: str) -> dict[str, Any] | None:
        """Return a token's claims, expired or not; None where it is not ours."""
        try:
            found = jwt.decode(token, KeySet(list(self._keys)), algorithms=["ES256"])
        except (JoseError, ValueError):
            return None
        return found.claims if found.header.get("typ") == typ else None


def at_hash(access_token: str) -> str:
    """Return the left half of the token's SHA-256 (OpenID Connect Core §3.1.3.6)."""
    return _base64(hashlib.sha256(access_token.encode()).digest()[:16])


def signed_id_token(keys: KeyRing, faults: Faults, claims: Claims, secret: str) -> str:
    """Sign an ID token, after whatever fault is due has spoilt its claims or signature.

    Args:
        keys: the provider's.
        faults: what is to go wrong.
        claims: as they should be.
        secret: the client's, for the fault that signs with it.
    """
    claims = {name: value for name, value in claims.items() if value is not None}
    for fault, spoil in _SPOILT.items():
        if faults.take(fault):
            claims = {
                name: value for name, value in (claims | spoil(claims)).items() if value is not None
            }
    if faults.take(LoginFault.ALG_NONE):
        parts = (msgspec.json.encode({"alg": "none", "typ": "JWT"}), msgspec.json.encode(claims))
        return ".".join([*map(_base64, parts), ""])
    if faults.take(LoginFault.ALG_HS256):
        return jwt.encode({"alg": "HS256", "typ": "JWT"}, claims, OctKey.import_key(secret))
    if faults.take(LoginFault.ALG_HS256_KEY):
        header: Claims = {"alg": "HS256", "typ": "JWT", "kid": keys.current.kid}
        said = ".".join(_base64(msgspec.json.encode(each)) for each in (header, claims))
        published = keys.current.as_pem(private=False)  # joserfc takes no such secret
        return f"{said}.{_base64(hmac.digest(published, said.encode(), 'sha256'))}"
    if faults.take(LoginFault.OTHER_TYP):
        return keys.sign(claims, typ="at+jwt")
    if faults.take(LoginFault.OWN_KEY):
        own = _new_key()
        header = {"alg": "ES256", "kid": own.kid, "typ": "JWT"}
        header["jwk"] = own.as_dict(private=False)
        header |= dict.fromkeys(("jku", "x5u"), "https://another-login.example/keys")
        return jwt.encode(header, claims, own)
    if faults.take(LoginFault.UNKNOWN_KID):
        return KeyRing().sign(claims, typ="JWT")
    if faults.take(LoginFault.WRONG_SIGNATURE):
        header = {"alg": "ES256", "kid": keys.current.kid, "typ": "JWT"}
        return jwt.encode(header, claims, _new_key())
    return keys.sign(claims, typ="JWT")


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")
