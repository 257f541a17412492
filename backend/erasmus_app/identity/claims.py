"""What a login provider says about somebody (identity guide §1.6 to §1.9)."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from erasmus_app.identity.esi import esi_key, is_esi
from erasmus_app.ids import EuropeanStudentId, HeiId

SUBJECT = re.compile(
    r"[0-9a-f]{1,64}@(?:myacademicid\.org|erasmus\.eduteams\.org)", re.IGNORECASE | re.ASCII
)
RESERVED = frozenset({"test@erasmus.eduteams.org", "test@myacademicid.org"})
EXPECTED = (
    "name",
    "email",
    "schac_home_organization",
    "schac_personal_unique_code",
    "voperson_external_affiliation",
)
_ROLES = {"student": "student", "staff": "staff", "faculty": "staff", "employee": "staff"}


class Role(StrEnum):
    """What somebody is, at one HEI or at none."""

    STUDENT = "student"
    STAFF = "staff"
    GUEST = "guest"


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """One login identity: the issuer's word, in our terms. Personal but for the lists of names."""

    issuer: str
    subject: str  # lower case
    display_name: str | None
    email: str | None
    home_hei_ids: tuple[HeiId, ...]
    affiliations: tuple[str, ...]  # `value@scope`, lower case
    esis: tuple[EuropeanStudentId, ...]
    missing: tuple[str, ...]  # names of expected claims that brought nothing of use

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


def identity_of(issuer: str, claims: Mapping[str, Any]) -> Identity:
    """Read userinfo. A container claim's values that are not ESIs are dropped (§1.8)."""
    affiliations = values(claims, "voperson_external_affiliation") or values(
        claims,
        "voperson_external_affilliation",  # a spelling that some servers had
    )
    esis: dict[str, EuropeanStudentId] = {}
    for value in values(claims, "schac_personal_unique_code"):
        if is_esi(value):
            esi = EuropeanStudentId(value.strip())
            esis.setdefault(esi_key(esi), esi)
    missing = {name for name in EXPECTED if not values(claims, name)}
    if affiliations:
        missing.discard("voperson_external_affiliation")
    if not esis:  # the claim may hold other codes: the ESI was not released all the same
        missing.add("schac_personal_unique_code")
    homes = (each.strip().lower() for each in values(claims, "schac_home_organization"))
    return Identity(
        issuer=issuer,
        subject=str(claims["sub"]).lower(),
        display_name=next(iter(values(claims, "name")), None),
        email=next(iter(values(claims, "email")), None),
        home_hei_ids=tuple(HeiId(each) for each in dict.fromkeys(homes)),
        affiliations=tuple(dict.fromkeys(each.strip().lower() for each in affiliations)),
        esis=tuple(esis.values()),
        missing=tuple(name for name in EXPECTED if name in missing),
    )
