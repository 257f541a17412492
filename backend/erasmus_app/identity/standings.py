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
        return await self.of_account(session.account_id)

    async def of_account(self, account: AccountId) -> Standing:
        """Return what an account may act as, without a session of its."""
        return self._by(account, await self.store.identities(account))

    def by(self, session: Session, identities: Sequence[KnownIdentity]) -> Standing:
        """Return what a session's account may act as, by its identities."""
        return self._by(session.account_id, identities)

    def _by(self, account: AccountId, identities: Sequence[KnownIdentity]) -> Standing:
        return standing_of(
            account,
            identities,
            self.heis,
            self.clock(),
            issuer=self.issuer,
            administrators=self.administrators,
        )
