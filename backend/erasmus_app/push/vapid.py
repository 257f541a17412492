"""Who sends, proved to push services: VAPID, RFC 8292."""

import base64
from collections import OrderedDict
from datetime import datetime, timedelta
from pathlib import Path

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from erasmus_app.errors import SettingsInvalid
from erasmus_app.kit.files import made_once

LIFETIME = timedelta(hours=20)  # a push service takes a day at most, and its clock may be off
KEPT = timedelta(hours=12)
MOST_KEPT = 1000  # origins


class Vapid:
    """Our key, and the proofs made with it; each is for one origin."""

    def __init__(self, key: ECKey, contact: str) -> None:
        """Take the key, and where an operator of a push service finds us: mailto: or https:."""
        self._key = key
        self._contact = contact
        self._kept: OrderedDict[str, tuple[str, datetime]] = OrderedDict()
        self.public_key = _point(key)

    def header(self, origin: str, now: datetime) -> str:
        """Return the value of `Authorization` for an origin."""
        known, until = self._kept.get(origin, ("", now))
        if now < until:
            return known
        claims = {
            "aud": origin,
            "exp": int((now + LIFETIME).timestamp()),
            "sub": self._contact,
        }
        token = jwt.encode({"alg": "ES256", "typ": "JWT"}, claims, self._key)
        made = f"vapid t={token}, k={self.public_key}"
        self._kept[origin] = (made, now + KEPT)
        self._kept.move_to_end(origin)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return made


def vapid_key(path: Path | None, data_dir: Path) -> ECKey:
    """Read the key that the setting names; where it names none, our own, made at the first start.

    Raises:
        SettingsInvalid: the file holds no P-256 private key.
    """
    where = path or made_once(data_dir / "vapid-key.pem", _made)
    try:
        key = ECKey.import_key(where.read_bytes())
        fits = key.is_private and key.curve_name == "P-256"
    except (OSError, ValueError, TypeError, JoseError) as error:  # TypeError: encrypted
        raise SettingsInvalid(f"ERASMUS_APP_VAPID_KEY: {where}: {error}") from error
    if not fits:
        raise SettingsInvalid(f"ERASMUS_APP_VAPID_KEY: {where}: not a private P-256 key")
    return key


def _made() -> bytes:
    return ECKey.generate_key("P-256", private=True).as_pem(private=True)


def _point(key: ECKey) -> str:
    """Write the public key as browsers take it: the uncompressed point, base64url."""
    numbers = key.as_dict(private=False)
    x, y = (base64.urlsafe_b64decode(f"{numbers[each]}==").rjust(32, b"\0") for each in ("x", "y"))
    return base64.urlsafe_b64encode(b"\x04" + x + y).decode("ascii").rstrip("=")
