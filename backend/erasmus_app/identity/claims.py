"""What a login provider says about somebody (identity guide §1.6 to §1.9, §3.2)."""

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from erasmus_app.identity.esi import esi_key, is_esi
from erasmus_app.ids import EuropeanStudentId, HeiId

SUBJECT = re.compile(
    r"[0-9a-f]{1,64}@(?:myacademicid\.org|erasmus\.eduteams\.org)", re.IGNORECASE | re.ASCII
)
_OTHER_SCOPE = {
    "erasmus.eduteams.org": "myacademicid.org",
    "myacademicid.org": "erasmus.eduteams.org",
}
RESERVED = frozenset({"test@erasmus.eduteams.org", "test@myacademicid.org"})
MOST_NAMES = 50  # of claims; no provider has more that we asked for
_ROLES = {"student": "student", "staff": "staff", "faculty": "staff", "employee": "staff"}


class ClaimNames(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Under which names a provider's userinfo tells what we ask for; "" is told by none."""

    name: str = "name"
    email: str = "email"
    homes: str = "schac_home_organization"
    codes: str = "schac_personal_unique_code"  # ESIs among others
    affiliations: str = "voperson_external_affiliation"
    affiliations_too: str = ""  # read where the one before brought nothing
    principal: str = ""  # `user@hei`: the HEI where `homes` is silent, the scope of affiliations

    @property
    def expected(self) -> tuple[str, ...]:
        """The claims that a student's login should bring."""
        home = self.homes or self.principal
        every = (self.name, self.email, home, self.codes, self.affiliations)
        return tuple(each for each in every if each)


MYACADEMICID = ClaimNames(
    affiliations_too="voperson_external_affilliation"  # a spelling that some servers had
)
FEIDE = ClaimNames(  # §3.2: its people have no ESI
    homes="",
    codes="",
    affiliations="eduPersonAffiliation",
    principal="https://n.feide.no/claims/eduPersonPrincipalName",
)
EXPECTED = MYACADEMICID.expected


class Role(StrEnum):
    """What somebody is, at one HEI or at none."""

    STUDENT = "student"
    STAFF = "staff"
    GUEST = "guest"


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """One login identity: the issuer's word, in our terms. Personal but for the lists of names."""

    issuer: str
    subject: str  # lower case where the provider tells none apart
    display_name: str | None
    email: str | None
    home_hei_ids: tuple[HeiId, ...]
    affiliations: tuple[str, ...]  # `value@scope`, lower case
    esis: tuple[EuropeanStudentId, ...]
    missing: tuple[str, ...]  # names of expected claims that brought nothing of use
    received: tuple[str, ...] = ()  # names of the claims that came
    email_verified: bool = False
    authenticated_at: datetime | None = None  # UTC; None: the provider does not say when

    @property
    def roles(self) -> tuple[Role, ...]:
        """The roles that the affiliations give; a guest has none."""
        kinds = {_ROLES.get(each.partition("@")[0]) for each in self.affiliations}
        found = tuple(Role(each) for each in ("student", "staff") if each in kinds)
        return found or ((Role.GUEST,) if not self.home_hei_ids else ())


def values(claims: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return a claim that may come as one text or as a list; anything else is left out."""
    value = claims.get(name)
    if isinstance(value, str):
        return (value,) if value.strip() else ()
    if isinstance(value, list):
        return tuple(each for each in value if isinstance(each, str) and each.strip())
    return ()


def is_subject(subject: str) -> bool:
    """Whether a `sub` has MyAcademicID's form and is no monitoring account."""
    return SUBJECT.fullmatch(subject) is not None and subject.lower() not in RESERVED


def moved_subject(subject: str) -> str | None:
    """Return the same MyAcademicID subject in the other scope, which somebody may have had before.

    Whoever has it is a candidate for linking, and nothing more (§1.6): two people could be meant.
    """
    code, _, scope = subject.lower().partition("@")
    return f"{code}@{_OTHER_SCOPE[scope]}" if scope in _OTHER_SCOPE else None


def identity_of(
    issuer: str,
    claims: Mapping[str, Any],
    names: ClaimNames = MYACADEMICID,
    *,
    fold_subject: bool = True,
    trust_email: bool = False,
    can_assert_student: bool = True,
) -> Identity:
    """Read userinfo. A container claim's values that are not ESIs are dropped (§1.8).

    Args:
        issuer: whose word it is.
        claims: userinfo's answer; its `sub` has been compared with the ID token's.
        names: under which names it tells what.
        fold_subject: letter case in `sub` says nothing.
        trust_email: the issuer has checked the address, unless it says that it has not.
        can_assert_student: whether its word makes somebody a student.
    """
    principal = next(iter(values(claims, names.principal)), "").strip().lower()
    realm = principal.rpartition("@")[2] if "@" in principal else ""
    homes = [each.strip().lower() for each in values(claims, names.homes)] or [realm]
    told = values(claims, names.affiliations) or values(claims, names.affiliations_too)
    affiliations = [each.strip().lower() for each in told]
    if names.principal:  # values without a scope of their own count where the principal is at home
        scoped = (each if "@" in each else f"{each}@{realm}" for each in affiliations)
        affiliations = [each for each in scoped if not each.endswith("@")]
    esis: dict[str, EuropeanStudentId] = {}
    for value in values(claims, names.codes):
        if is_esi(value):
            esi = EuropeanStudentId(value.strip())
            esis.setdefault(esi_key(esi), esi)
    brought = {
        names.name: values(claims, names.name),
        names.email: values(claims, names.email),
        names.homes or names.principal: homes if homes != [""] else (),
        names.codes: esis,  # the claim may hold other codes: the ESI was not released all the same
        names.affiliations: told,
    }
    if not can_assert_student:
        affiliations, esis = [each for each in affiliations if not _of_student(each)], {}
    email = next(iter(values(claims, names.email)), None)
    subject = str(claims["sub"])
    return Identity(
        issuer=issuer,
        subject=subject.lower() if fold_subject else subject,
        display_name=next(iter(values(claims, names.name)), None),
        email=email,
        home_hei_ids=tuple(HeiId(each) for each in dict.fromkeys(homes) if each),
        affiliations=tuple(dict.fromkeys(affiliations)),
        esis=tuple(esis.values()),
        missing=tuple(name for name in names.expected if not brought[name]),
        received=tuple(sorted(each for each in claims if _is_name(each))[:MOST_NAMES]),
        email_verified=trust_email and bool(email) and claims.get("email_verified", True) is True,
    )


def _is_name(claim: str) -> bool:
    """Whether a claim's name is one: a short word or address, with no room for a value."""
    return re.fullmatch(r"[!-~]{1,100}", claim) is not None


def _of_student(affiliation: str) -> bool:
    return affiliation.partition("@")[0] == "student"
