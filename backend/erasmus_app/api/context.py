"""What a resolver may reach."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date

from strawberry.types import Info as StrawberryInfo

from erasmus_app.api.access import ORDINARY, Standing
from erasmus_app.identity.models import Session
from erasmus_app.services import Services


async def _ordinary() -> Standing:
    return ORDINARY


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """One signed-in request."""

    services: Services
    session: Session
    language: str  # of texts, by `Accept-Language`
    today: date  # UTC
    standing: Callable[[], Awaitable[Standing]] = _ordinary


Info = StrawberryInfo[Context, None]
