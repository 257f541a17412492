"""What a resolver may reach."""

from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import UTC, date
from typing import TypeVar, cast

from strawberry.dataloader import DataLoader
from strawberry.types import Info as StrawberryInfo

from erasmus_app.glance import Glance, Wanted
from erasmus_app.identity.doctor import Diagnosis
from erasmus_app.identity.models import Account, Session
from erasmus_app.identity.roles import Standing
from erasmus_app.ids import HeiId
from erasmus_app.institutions.models import KnownFactsheet
from erasmus_app.institutions.places import KnownInstitution
from erasmus_app.services import Services

T = TypeVar("T")


@dataclass(kw_only=True, slots=True)
class Context:
    """One signed-in request."""

    services: Services
    session: Session
    language: str  # of texts, by `Accept-Language`
    today: date  # UTC
    wanted: Wanted = field(default_factory=Wanted)  # what the request asks for of the account
    refusals: set[str] = field(default_factory=set)
    _standing: Standing | None = field(default=None, repr=False)
    _logins: list[Diagnosis] | None = field(default=None, repr=False)
    _factsheets: DataLoader[HeiId, KnownFactsheet | None] | None = field(default=None, repr=False)
    _institutions: DataLoader[HeiId, KnownInstitution | None] | None = field(
        default=None, repr=False
    )
    _account: Account | None = field(default=None, repr=False)

    glance: Glance | None = None

    def anew(self) -> None:
        """Forget what was read: of a subscription, each event is a moment of its own."""
        self.today = self.services.clock().astimezone(UTC).date()
        self._standing = self._logins = self._account = self._factsheets = self.glance = None
        self._institutions = None

    def glanced(self) -> Glance | None:
        """Return what has been read of this session's account already."""
        found = self.glance
        mine = found is not None and found.account.account_id == self.session.account_id
        return found if mine else None

    @property
    def known_standing(self) -> Standing | None:
        """The standing, where it has been looked up already."""
        return self._standing

    async def look(self) -> Account | None:
        """Read the account, and with it what the request will ask for of it."""
        services, session = self.services, self.session
        self.glance = await services.glances.glance(session.account_id, self.wanted, self.today)
        if self.glance is None:
            return None
        self._standing = services.standings.by(session, self.glance.identities)
        return self.glance.account

    async def account(self) -> Account | None:
        """Return the account that asks, None once it is erased; read once, mostly with `me`."""
        login, glance = self.services.login, self.glanced()
        if glance is not None:
            return glance.account
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

    @property
    def factsheets(self) -> DataLoader[HeiId, KnownFactsheet | None]:
        """Loads factsheets: those of all institutions in an answer by one read."""
        if self._factsheets is None:
            self._factsheets = DataLoader(load_fn=self.services.factsheets.pages)
        return self._factsheets

    @property
    def institutions(self) -> DataLoader[HeiId, KnownInstitution | None]:
        """Loads what institutions say of themselves: all of an answer by one read."""
        if self._institutions is None:
            self._institutions = DataLoader(load_fn=self.services.institutions.pages)
        return self._institutions


Info = StrawberryInfo[Context, None]


def awaited(coming: Awaitable[T]) -> T:
    """Hand on what is still to come, from a resolver that has its value at once as a rule.

    GraphQL waits for it all the same; the type is that of the value, as the schema is made of it.
    """
    return cast("T", coming)
