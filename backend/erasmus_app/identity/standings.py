"""Asking what an account may act as."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from erasmus_app.identity.models import Session
from erasmus_app.identity.roles import HeiRules, KnownIdentity, Standing, standing_of
from erasmus_app.ids import AccountId, HeiId
from erasmus_app.kit.clock import Clock


class KnownIdentities(Protocol):
    """The identities of accounts."""

    async def identities(self, account: AccountId) -> list[KnownIdentity]:
        """Return an account's identities; none where there is no such account."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standings:
    """Who stands where, by the logins that we know and the file of covered HEIs."""

    store: KnownIdentities
    heis: Mapping[HeiId, HeiRules]
    clock: Clock
    issuer: str | None  # whose subjects stand in the lists of names without their issuer
    administrators: tuple[str, ...] = ()

    async def of(self, session: Session) -> Standing:
        """Return what a session's account may act as, by one read of an index."""
        return self.by(session, await self.store.identities(session.account_id))

    def by(self, session: Session, identities: Sequence[KnownIdentity]) -> Standing:
        """Return what a session's account may act as, by its identities."""
        return standing_of(
            session.account_id,
            identities,
            self.heis,
            self.clock(),
            issuer=self.issuer,
            administrators=self.administrators,
        )
