"""What a resolver may reach."""

from dataclasses import dataclass, field
from datetime import date

from strawberry.types import Info as StrawberryInfo

from erasmus_app.identity.doctor import Diagnosis
from erasmus_app.identity.models import Account, Session
from erasmus_app.identity.roles import Standing
from erasmus_app.services import Services


@dataclass(kw_only=True, slots=True)
class Context:
    """One signed-in request."""

    services: Services
    session: Session
    language: str  # of texts, by `Accept-Language`
    today: date  # UTC
    _standing: Standing | None = field(default=None, repr=False)

    _account: Account | None = field(default=None, repr=False)

    _logins: list[Diagnosis] | None = field(default=None, repr=False)

    async def account(self) -> Account | None:
        """Return the account that asks, None once it is erased; read once."""
        login = self.services.login
        if self._account is None and login is not None:
            self._account = await login.account(self.session.account_id)
        return self._account

    async def logins(self) -> list[Diagnosis]:
        """Return the account's logins, as the doctor sees them; read once."""
        if self._logins is None:
            self._logins = await self.services.doctor.look(self.session.account_id)
        return self._logins

    async def standing(self) -> Standing:
        """Return what the account may act as; read once for the whole request."""
        if self._standing is None:
            self._standing = await self.services.standings.of(self.session)
        return self._standing


Info = StrawberryInfo[Context, None]
