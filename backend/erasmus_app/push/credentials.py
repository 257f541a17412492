"""Access tokens for Google's services, refreshed beside the loop and ahead of their end."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import google.auth.exceptions
import google.auth.transport.requests
import requests
from firebase_admin import credentials
from requests.adapters import HTTPAdapter

from erasmus_app.errors import SettingsInvalid
from erasmus_app.kit.trust import trusting

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
AHEAD = timedelta(minutes=5)
TIMEOUT = 10.0  # seconds; google-auth would wait for two minutes, and everybody with it
REFUSALS = (google.auth.exceptions.GoogleAuthError, OSError, ValueError, TypeError)
"""What google-auth raises: its own errors, and whatever an answer makes it stumble over."""


class TokenRefused(Exception):
    """The token service did not give a token, or did not answer."""


class _Trusting(HTTPAdapter):
    """Trusts the authorities of this machine, and one file's beside them.

    A session's own `verify` would take the file in their place.
    """

    def __init__(self, ca_file: Path | None) -> None:
        self._context = trusting(ca_file)
        super().__init__()

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        """Make the pool with our context."""
        super().init_poolmanager(*args, ssl_context=self._context, **more)


class AccessTokens:
    """The tokens of one service account (firebase-admin's and google-auth's credentials)."""

    def __init__(self, path: Path, ca_file: Path | None) -> None:
        try:
            certificate = credentials.Certificate(str(path))
        except (OSError, ValueError) as error:
            raise SettingsInvalid(f"ERASMUS_APP_FCM_CREDENTIALS: {path}: {error}") from error
        self.project: str = certificate.project_id
        self._google: Any = certificate.get_credential().with_scopes([SCOPE])
        self._session = requests.Session()
        self._session.mount("https://", _Trusting(ca_file))
        self._session.trust_env = False
        self._lock = asyncio.Lock()

    async def token(self, *, not_this: str | None = None) -> str:
        """Return a token that lives for some minutes more, and is not the one refused.

        Raises:
            TokenRefused: there is none to be had now.
        """
        async with self._lock:  # one refresh for all who wait
            if not self._fresh() or self._google.token == not_this:
                try:
                    await asyncio.to_thread(self._refresh)
                except REFUSALS as error:
                    if self._fresh(timedelta(0)) and self._google.token != not_this:
                        return str(self._google.token)  # good for some minutes yet
                    raise TokenRefused(type(error).__name__) from error
            if not self._google.token:
                raise TokenRefused("no token in the answer")
            return str(self._google.token)

    def ready(self) -> str | None:
        """Return the token at hand that lives for some minutes more; None where there is none."""
        return str(self._google.token) if self._fresh() else None

    def _fresh(self, ahead: timedelta = AHEAD) -> bool:
        expiry: datetime | None = self._google.expiry
        if not self._google.token or expiry is None:
            return False
        return expiry.replace(tzinfo=UTC) - datetime.now(UTC) > ahead

    def _refresh(self) -> None:
        request = google.auth.transport.requests.Request(self._session)
        self._google.refresh(partial(request, timeout=TIMEOUT))

    def close(self) -> None:
        """Close the session."""
        self._session.close()
