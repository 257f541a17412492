"""What a resolver may reach."""

from dataclasses import dataclass
from datetime import date

from strawberry.types import Info as StrawberryInfo

from erasmus_app.api.access import Ordinary, Standing
from erasmus_app.identity.models import Session
from erasmus_app.services import Services


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """One signed-in request."""

    services: Services
    session: Session
    language: str  # of texts, by `Accept-Language`
    today: date  # UTC

    async def standing(self) -> Standing:
        """Return what the account may act as."""
        return Ordinary()


Info = StrawberryInfo[Context, None]
