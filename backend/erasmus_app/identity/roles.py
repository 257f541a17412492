"""Who somebody is at which HEI, from what their logins said (identity guide §1.8, §1.10)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from erasmus_app.ids import AccountId, HeiId

LIFETIME = timedelta(days=365)
"""A role is over this long after the last login that brought it."""


class HeiRole(StrEnum):
    """What somebody is at one HEI."""

    STUDENT = "student"
    FORMER = "former"  # alum, affiliate: sees their own past mobilities, and no more
    STAFF = "staff"  # of a covered HEI
    COORDINATOR = "coordinator"  # staff whom the file of HEIs names


_ROLES = {
    "student": HeiRole.STUDENT,
    "staff": HeiRole.STAFF,
    "faculty": HeiRole.STAFF,
    "employee": HeiRole.STAFF,
    "alum": HeiRole.FORMER,
    "affiliate": HeiRole.FORMER,
    "library-walk-in": HeiRole.FORMER,
}


class HeiRules(msgspec.Struct, frozen=True, kw_only=True):
    """What the file of HEIs says about people of one covered HEI."""

    id: HeiId
    domains: tuple[str, ...] = ()  # that stand for the HEI in logins, beside its id
    coordinators: tuple[str, ...] = ()  # as for `is_named`


class KnownIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """What an identity's latest login said of roles."""

    issuer: str
    subject: str
    home_hei_ids: tuple[HeiId, ...]
    affiliations: tuple[str, ...]  # `value@scope`, lower case
    last_login_at: datetime  # UTC


class RoleAt(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A role, and where."""

    hei: HeiId
    role: HeiRole


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What an account may act as, right now: what authorisation asks about."""

    account_id: AccountId
    roles: tuple[RoleAt, ...] = ()  # sorted by HEI
    is_administrator: bool = False
    is_guest: bool = False  # no login names an HEI: no student features

    def is_at(self, hei: HeiId, role: HeiRole) -> bool:
        """Whether the account has this role at this HEI."""
        return RoleAt(hei=hei, role=role) in self.roles

    def coordinates(self, hei: HeiId) -> bool:
        """Whether the account is a coordinator of this covered HEI."""
        return self.is_at(hei, HeiRole.COORDINATOR)

    @property
    def coordinated(self) -> tuple[HeiId, ...]:
        """The covered HEIs whose coordinator the account is."""
        return tuple(each.hei for each in self.roles if each.role is HeiRole.COORDINATOR)

    @property
    def is_past_only(self) -> bool:
        """Whether a former student is all that somebody is: only past mobilities are shown."""
        return bool(self.roles) and all(each.role is HeiRole.FORMER for each in self.roles)


def standing_of(
    account: AccountId,
    identities: Sequence[KnownIdentity],
    heis: Mapping[HeiId, HeiRules],
    now: datetime,
    *,
    issuer: str | None,
    administrators: Iterable[str] = (),
) -> Standing:
    """Return what an account may act as.

    Args:
        account: whose.
        identities: all of the account's.
        heis: the covered HEIs.
        now: UTC; logins older than `LIFETIME` count no more.
        issuer: whose subjects stand in lists of names without their issuer.
        administrators: names, as for `is_named`.
    """
    live = [each for each in identities if now - each.last_login_at < LIFETIME]
    roles = {role for each in live for role in _roles_of(each, heis, issuer)}
    return Standing(
        account_id=account,
        roles=tuple(sorted(roles)),
        is_administrator=any(is_named(each, administrators, issuer) for each in live),
        is_guest=not any(each.home_hei_ids or each.affiliations for each in live),
    )


def hei_of(domain: str, heis: Mapping[HeiId, HeiRules]) -> HeiId | None:
    """Return the covered HEI that a domain stands for: its own, an alias, or one below these.

    Where several do, the nearest: a faculty that is an HEI of its own is not its university.
    """
    while domain:
        for hei in heis.values():
            if domain == hei.id or domain in hei.domains:
                return hei.id
        domain = domain.partition(".")[2]
    return None


def is_named(identity: KnownIdentity, names: Iterable[str], issuer: str | None) -> bool:
    """Whether a list names an identity: `subject` at `issuer`, or `issuer subject` anywhere.

    Letter case says nothing in the subjects of `issuer`; elsewhere it may tell two people apart.
    """
    for name in names:
        who, _, subject = name.strip().rpartition(" ")
        expected = who.strip() or issuer
        if identity.issuer != expected:
            continue
        if identity.subject == subject:
            return True
        if expected == issuer and identity.subject.casefold() == subject.casefold():
            return True
    return False


def home_of(scope: str, homes: Sequence[HeiId], heis: Mapping[HeiId, HeiRules]) -> HeiId:
    """Return the HEI that an affiliation's scope means: covered, a home, or what it says itself."""
    if (covered := hei_of(scope, heis)) is not None:
        return covered
    above = [home for home in homes if scope == home or scope.endswith(f".{home}")]
    return max(above, key=len) if above else HeiId(scope)


def _roles_of(
    identity: KnownIdentity, heis: Mapping[HeiId, HeiRules], issuer: str | None
) -> Iterable[RoleAt]:
    for affiliation in identity.affiliations:
        kind, _, scope = affiliation.rpartition("@")
        role = _ROLES.get(kind)
        if role is None or not scope:
            continue
        hei = home_of(scope, identity.home_hei_ids, heis)
        if role is not HeiRole.STAFF:
            yield RoleAt(hei=hei, role=role)
        elif (rules := heis.get(hei)) is not None:  # staff of others has nothing to decide here
            yield RoleAt(hei=hei, role=role)
            if is_named(identity, rules.coordinators, issuer):
                yield RoleAt(hei=hei, role=HeiRole.COORDINATOR)
