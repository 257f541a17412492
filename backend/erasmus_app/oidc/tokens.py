"""Our own access tokens: ES256, ten minutes, for us alone (RFC 9068)."""

import base64
import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, GuestProtocol

from erasmus_app.errors import SettingsInvalid
from erasmus_app.identity.models import ACCESS_LIFETIME, Session
from erasmus_app.ids import AccountId
from erasmus_app.kit.files import made_once

MOST_CACHED = 10_000


class SignedTokens:
    """Signs and reads access tokens; a verified one is remembered until it is over."""

    def __init__(self, keys: Sequence[ECKey], audience: str) -> None:
        """Take the keys: the first signs, what any of them signed is good."""
        key = keys[0]
        self._key = key
        self._audience = audience
        self._kid = key.thumbprint()
        self._by_kid = {each.thumbprint(): each for each in keys}
        private = str(key.as_dict(private=True)["d"])
        self._secret = hmac.digest(private.encode(), b"refresh tokens", "sha256")
        self._seen: OrderedDict[bytes, Session] = OrderedDict()

    def issue(self, session: Session, now: datetime) -> str:
        """Sign a token for ten minutes, or until the session is over."""
        until = min(now + ACCESS_LIFETIME, session.expires_at)
        claims = {
            "iss": self._audience,
            "aud": session.resource or self._audience,
            "sub": str(session.account_id),
            "sid": str(session.session_id),
            "iat": int(now.timestamp()),
            "exp": int(until.timestamp()),
            "jti": secrets.token_urlsafe(12),
        }
        if session.authenticated_at is not None:  # RFC 9068 §2.2.1
            claims["auth_time"] = int(session.authenticated_at.timestamp())
        if session.client_id is not None:  # RFC 9068 §2.2, §2.2.3
            claims |= {"client_id": session.client_id, "scope": " ".join(session.scopes or ())}
        header = {"alg": "ES256", "typ": "at+jwt", "kid": self._kid}
        token = jwt.encode(header, claims, self._key)
        self._remember(_name(token), _session(claims))  # whoever has it comes with it next
        return token

    def successor(self, refresh_token: str) -> str:
        """Return the refresh token that follows another: the same one whenever it is asked for."""
        found = hmac.digest(self._secret, refresh_token.encode(errors="surrogatepass"), "sha256")
        return base64.urlsafe_b64encode(found).decode("ascii").rstrip("=")

    def read(self, token: str, now: datetime) -> Session | None:
        """Return what a token proves; None for anything wrong with it.

        A client's is for one resource alone, which is for whoever asks to compare.
        """
        name = _name(token)
        known = self._seen.get(name)
        if known is None:
            known = self._verified(token)
            if known is None:
                return None
            self._remember(name, known)
        return known if now < known.expires_at else None

    def _remember(self, name: bytes, session: Session) -> None:
        self._seen[name] = session
        while len(self._seen) > MOST_CACHED:
            self._seen.popitem(last=False)

    def _verified(self, token: str) -> Session | None:
        try:
            read = jwt.decode(token, self._named, algorithms=["ES256"])
            claims = read.claims
            if read.header.get("typ") != "at+jwt" or claims["iss"] != self._audience:
                return None
            client_id, audience = claims.get("client_id"), claims["aud"]
            if client_id is None and audience != self._audience:
                return None
            return _session(claims)
        except (JoseError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
            return None

    def _named(self, token: GuestProtocol) -> ECKey:
        """Return the key that a token's `kid` names. Raises KeyError: none of ours."""
        return self._by_kid[str(token.headers().get("kid", self._kid))]


def _name(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _session(claims: Mapping[str, Any]) -> Session:
    """Return what claims say. Raises KeyError, ValueError, TypeError where they say it wrongly."""
    client_id, since = claims.get("client_id"), claims.get("auth_time")
    return Session(
        account_id=AccountId(UUID(claims["sub"])),
        session_id=UUID(claims["sid"]),
        expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        authenticated_at=None if since is None else datetime.fromtimestamp(since, UTC),
        client_id=client_id,
        scopes=None if client_id is None else tuple(claims["scope"].split()),
        resource=None if client_id is None else claims["aud"],
    )


def session_keys(path: Path | None, data_dir: Path) -> tuple[ECKey, ...]:
    """Read the keys, the one that signs first.

    Of a folder that is the last by name; the others go on proving what they signed. Where none is
    named there is one of our own, made at the first start.

    Raises:
        SettingsInvalid: a file holds no P-256 private key, or the folder no file.
    """
    if path is None or not path.is_dir():
        return (_one_key(path, data_dir),)
    files = sorted(path.glob("*.pem"), reverse=True)
    if not files:
        raise SettingsInvalid(f"ERASMUS_APP_SESSION_KEY: {path}: there is no key, no *.pem")
    return tuple(_one_key(each, data_dir) for each in files)


def _one_key(path: Path | None, data_dir: Path) -> ECKey:
    own = path or made_once(data_dir / "session-key.pem", _new_key)
    try:
        key = ECKey.import_key(own.read_bytes())
    except (OSError, ValueError, TypeError, JoseError) as error:  # TypeError: encrypted
        raise SettingsInvalid(f"ERASMUS_APP_SESSION_KEY: {own}: {error}") from error
    if not key.is_private or key.curve_name != "P-256":
        raise SettingsInvalid(f"ERASMUS_APP_SESSION_KEY: {own}: not a private P-256 key")
    return key


def _new_key() -> bytes:
    return ECKey.generate_key("P-256", private=True).as_pem(private=True)
