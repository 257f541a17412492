"""Joining a further login with an account: both are proved, or somebody decides (guide §1.10)."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Protocol
from urllib.parse import urlencode
from uuid import UUID

import msgspec

from erasmus_app.errors import LoginFailed
from erasmus_app.identity.models import Finished, LinkWish, LoginUnderWay, Proved, Session
from erasmus_app.identity.roles import HeiRules, Standing
from erasmus_app.identity.service import LoginService, is_local
from erasmus_app.ids import AccountId, HeiId
from erasmus_app.kit.clock import Clock

FRESH = timedelta(minutes=5)
"""How long ago either login may be when two are joined."""
UNDO = timedelta(days=30)
"""How long two that were joined can be taken apart again."""


class LinkState(StrEnum):
    """Where a link between two accounts stands."""

    CHECK = "check"  # one ESI turned up at both; nobody has proved anything
    WAITING = "waiting"  # both were proved, and a coordinator decides
    JOINED = "joined"
    UNDONE = "undone"
    REFUSED = "refused"


class Evidence(StrEnum):
    """What speaks for two logins being one person's."""

    ESI = "esi"
    HOME_AND_EMAIL = "home-and-email"  # the same HEI, and the same verified address there
    NONE = "none"  # both were proved, and nothing in them says the same
    DECIDED = "decided"  # by a coordinator


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """What is compared of one identity. Personal."""

    esi_keys: frozenset[str]  # without those that differ from somebody's in letter case alone
    homes: frozenset[HeiId]
    email: str | None  # verified, else None


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A link between two accounts, as their owner sees it. Times are UTC."""

    link_id: UUID
    state: LinkState
    evidence: Evidence
    begun_at: datetime
    decided_at: datetime | None
    kept: AccountId
    joined: AccountId

    def undoable_until(self) -> datetime | None:
        """Until when it can be undone."""
        if self.state is not LinkState.JOINED or self.decided_at is None:
            return None
        return self.decided_at + UNDO


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One account of a link, as an office sees it. Personal."""

    name: str | None
    email: str | None
    homes: tuple[HeiId, ...]


class OfficeLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link that an office has to decide about."""

    link: Link
    kept: Side
    joined: Side


def evidence(account: Sequence[Login], other: Sequence[Login]) -> Evidence:
    """Say what two accounts' logins have in common that only one person can have.

    The same home and address count for nothing where each side has an ESI, and none is the same:
    an HEI gives one student no two.
    """
    ours = frozenset().union(*(each.esi_keys for each in account))
    theirs = frozenset().union(*(each.esi_keys for each in other))
    if ours & theirs:
        return Evidence.ESI
    if ours and theirs:
        return Evidence.NONE
    for one in account:
        for two in other:
            same_mail = one.email and two.email and one.email.casefold() == two.email.casefold()
            if same_mail and one.homes & two.homes:
                return Evidence.HOME_AND_EMAIL
    return Evidence.NONE


class LinkTickets(Protocol):
    """Wishes and proofs on their way through a browser; each is taken once."""

    async def keep_wish(self, ticket: str, wish: LinkWish) -> None:
        """Keep a wish for five minutes."""

    async def take_wish(self, ticket: str) -> LinkWish | None:
        """Return a wish and forget it."""

    async def keep_proof(self, code: str, proved: Proved) -> None:
        """Keep a proof for a minute."""

    async def take_proof(self, code: str) -> Proved | None:
        """Return a proof and forget it."""


class LinkStore(Protocol):
    """Links between accounts."""

    async def login_of(self, session: UUID, now: datetime) -> tuple[datetime, bool] | None:
        """Return when an open session's login was, and whether it is a browser's."""

    async def connect(self, account: AccountId, proved: Proved, now: datetime) -> Link:
        """Join two accounts that were proved, or note that somebody has to decide.

        Raises:
            LoginFailed: it is the account's own login, or one of both is to be erased.
        """

    async def links(self, account: AccountId) -> list[Link]:
        """Return the account's links, the latest first."""

    async def open_at(self, domains: Sequence[str]) -> list[OfficeLink]:
        """Return the undecided links of accounts whose only homes are these, the oldest first.

        An account without any home, as a guest's, may be one of the two.
        """

    async def decide(self, link: UUID, by: AccountId, accept: bool, now: datetime) -> Link | None:
        """Join or refuse as a coordinator decides; None where there is nothing to decide."""

    async def undo(self, account: AccountId, link: UUID, session: UUID, now: datetime) -> bool:
        """Take two accounts apart again; False where there is no such link, or it is too late."""

    async def unlink(self, account: AccountId, identity: UUID, session: UUID) -> bool:
        """Let an identity have an account of its own; False for the last one, and for others'."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkService:
    """Adding a login to an account."""

    login: LoginService
    tickets: LinkTickets
    store: LinkStore
    clock: Clock
    heis: Mapping[HeiId, HeiRules]

    @property
    def options(self) -> Sequence[str]:
        """The names of the providers that a further login may be at."""
        return tuple(self.login.providers)

    async def begin(self, session: Session, provider: str, return_to: str | None) -> str:
        """Return a ticket with which the browser goes on, good for five minutes and one login.

        Raises:
            LoginFailed: the session's login is older than five minutes (`login_not_fresh`), there
                is no such provider, or the address to return to is not allowed.
        """
        if provider not in self.login.providers:
            raise LoginFailed("provider_unknown", "There is no such login here.")
        found = await self.store.login_of(session.session_id, self.clock())
        if found is None or found[0] < self.clock() - FRESH:
            raise _stale()
        target = return_to or ("/auth/doctor" if found[1] else "")
        if not (is_local(target) if found[1] else target in self.login.app_links):
            raise LoginFailed("return_refused", "That address is not registered here.")
        ticket = secrets.token_urlsafe(32)
        wish = LinkWish(
            account_id=session.account_id,
            session_id=session.session_id,
            provider=provider,
            return_to=target,
            is_browser=found[1],
        )
        await self.tickets.keep_wish(ticket, wish)
        return ticket

    async def start(self, ticket: str, cookie: str | None) -> tuple[str, LoginUnderWay]:
        """Send the browser to the further login. A browser's wish is for that browser alone.

        Raises:
            LoginFailed: the ticket is unknown, used or over, or another browser's.
        """
        wish = await self.tickets.take_wish(ticket)
        if wish is None:
            raise LoginFailed("link_unknown", "This is over. Please begin again where you began.")
        if wish.is_browser:
            await self._same_browser(wish, cookie)
        return await self.login.start(
            app_challenge=None,
            return_to=None,
            hint=None,
            provider=wish.provider,
            fresh=True,  # whoever is still logged in at the provider need not be the one who asks
            link=wish,
        )

    async def came_back(self, finished: Finished, cookie: str | None) -> Finished:
        """Join at once for a browser; give an app a code, with which it completes it itself.

        An app's wish is not completed by the browser: it could be anybody's, who was sent the
        address. The code goes to the app on this device, and is good for the session that asked.

        Raises:
            LoginFailed: the browser is not the one that asked, or what `connect` raises.
            NotSignedIn: the browser's session is over.
        """
        proved = finished.proved
        assert proved is not None
        if proved.wish.is_browser:
            await self._same_browser(proved.wish, cookie)
            await self._connect(proved)
            return finished
        code = secrets.token_urlsafe(32)
        await self.tickets.keep_proof(code, proved)
        joined = "&" if "?" in finished.return_to else "?"
        address = f"{finished.return_to}{joined}{urlencode({'link_code': code})}"
        return msgspec.structs.replace(finished, return_to=address)

    async def complete(self, session: Session, code: str) -> Link:
        """Join what an app's code proves.

        Raises:
            LoginFailed: the code is unknown, used or over, or was asked for by another session.
        """
        proved = await self.tickets.take_proof(code)
        if proved is None or proved.wish.session_id != session.session_id:
            raise LoginFailed("link_unknown", "This is over. Please begin again.")
        return await self._connect(proved)

    async def waiting(self, hei: HeiId) -> Sequence[OfficeLink]:
        """Return what a coordinator of this HEI may decide."""
        return await self.store.open_at(self._domains(hei))

    async def decide(self, standing: Standing, link: UUID, accept: bool) -> Link | None:
        """Decide as a coordinator; None where there is nothing that they have to decide.

        Whoever decides must be a coordinator of an HEI that each of both accounts with a home
        among the covered HEIs names, so that no office opens another one's students' papers.
        """
        for hei in standing.coordinated:
            if any(each.link.link_id == link for each in await self.waiting(hei)):
                return await self.store.decide(link, standing.account_id, accept, self.clock())
        return None

    def _domains(self, hei: HeiId) -> Sequence[str]:
        rules = self.heis.get(hei)
        return (hei, *(rules.domains if rules else ()))

    async def _connect(self, proved: Proved) -> Link:
        now = self.clock()
        found = await self.store.login_of(proved.wish.session_id, now)
        if found is None or found[0] < now - FRESH or proved.at < now - FRESH:
            raise _stale()
        return await self.store.connect(proved.wish.account_id, proved, now)

    async def _same_browser(self, wish: LinkWish, cookie: str | None) -> None:
        held = await self.login.session(bearer=None, cookie=cookie or "")
        if held.session_id != wish.session_id:
            raise LoginFailed("login_other_browser", "This was started in another browser.")


def _stale() -> LoginFailed:
    return LoginFailed(
        "login_not_fresh",
        "Both logins must be less than five minutes old. Sign in anew, then add the other login.",
        status=HTTPStatus.FORBIDDEN,
    )
