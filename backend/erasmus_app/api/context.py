"""What a resolver may reach."""

from dataclasses import dataclass, field
from datetime import date

from strawberry.types import Info as StrawberryInfo

from erasmus_app.identity.doctor import Diagnosis
from erasmus_app.identity.models import Session
from erasmus_app.identity.roles import Standing
from erasmus_app.services import Services


@dataclass(kw_only=True, slots=True)
class Context:
    """One signed-in request."""

    services: Services
    session: Session
    language: str  # of texts, by `Accept-Language`
    today: date  # UTC
    refusals: set[str] = field(default_factory=set)
    _standing: Standing | None = field(default=None, repr=False)
    _logins: list[Diagnosis] | None = field(default=None, repr=False)

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
