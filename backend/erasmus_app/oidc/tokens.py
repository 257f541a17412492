"""Our own access tokens: ES256, ten minutes, for us alone (RFC 9068)."""

import base64
import hashlib
import hmac
import os
import secrets
from collections import OrderedDict
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from erasmus_app.errors import SettingsInvalid
from erasmus_app.identity.models import ACCESS_LIFETIME, Session
from erasmus_app.ids import AccountId

MOST_CACHED = 10_000


class SignedTokens:
    """Signs and reads access tokens; a verified one is remembered until it is over."""

    def __init__(self, key: ECKey, audience: str) -> None:
        self._key = key
        self._audience = audience
        self._kid = key.thumbprint()
        private = str(key.as_dict(private=True)["d"])
        self._secret = hmac.digest(private.encode(), b"refresh tokens", "sha256")
        self._seen: OrderedDict[bytes, Session] = OrderedDict()

    def issue(self, session: Session, now: datetime) -> str:
        """Sign a token for ten minutes, or until the session is over."""
        until = min(now + ACCESS_LIFETIME, session.expires_at)
        claims = {
            "iss": self._audience,
            "aud": self._audience,
            "sub": str(session.account_id),
            "sid": str(session.session_id),
            "iat": int(now.timestamp()),
            "exp": int(until.timestamp()),
            "jti": secrets.token_urlsafe(12),
        }
        return jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": self._kid}, claims, self._key)

    def successor(self, refresh_token: str) -> str:
        """Return the refresh token that follows another: the same one whenever it is asked for."""
        found = hmac.digest(self._secret, refresh_token.encode(errors="surrogatepass"), "sha256")
        return base64.urlsafe_b64encode(found).decode("ascii").rstrip("=")

    def read(self, token: str, now: datetime) -> Session | None:
        """Return what a token proves; None for anything wrong with it."""
        name = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = self._seen.get(name)
        if known is None:
            known = self._verified(token)
            if known is None:
                return None
            self._seen[name] = known
            while len(self._seen) > MOST_CACHED:
                self._seen.popitem(last=False)
        return known if now < known.expires_at else None

    def _verified(self, token: str) -> Session | None:
        try:
            read = jwt.decode(token, self._key, algorithms=["ES256"])
            claims = read.claims
            if read.header.get("typ") != "at+jwt" or claims["aud"] != self._audience:
                return None
            if claims["iss"] != self._audience:
                return None
            return Session(
                account_id=AccountId(UUID(claims["sub"])),
                session_id=UUID(claims["sid"]),
                expires_at=datetime.fromtimestamp(claims["exp"], UTC),
            )
        except (JoseError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
            return None


def session_key(path: Path | None, data_dir: Path) -> ECKey:
    """Read the signing key; where none is named, one of our own, made at the first start.

    Raises:
        SettingsInvalid: the file holds no P-256 private key.
    """
    own = data_dir / "session-key.pem"
    if path is None and not own.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        building = own.with_name(f"{own.name}.{os.getpid()}")
        building.touch(0o600)
        building.write_bytes(ECKey.generate_key("P-256", private=True).as_pem(private=True))
        try:
            os.link(building, own)  # the first of two processes wins
        except FileExistsError:
            pass
        finally:
            building.unlink()
    try:
        key = ECKey.import_key((path or own).read_bytes())
    except (OSError, ValueError, TypeError, JoseError) as error:  # TypeError: encrypted
        raise SettingsInvalid(f"ERASMUS_APP_SESSION_KEY: {path or own}: {error}") from error
    if not key.is_private or key.curve_name != "P-256":
        raise SettingsInvalid(f"ERASMUS_APP_SESSION_KEY: {path or own}: not a private P-256 key")
    return key
