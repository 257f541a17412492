"""Who can log in to the sandbox, with the claims that MyAcademicID would bring along."""

import hashlib
from collections.abc import Collection
from typing import Any

import msgspec

from ewp.ids import HeiId
from sandbox.cast import (
    CAMILLE,
    CLAIRVAL,
    INES,
    JONAS,
    LINDENTAL,
    RIBEIRA,
    TIAGO,
    UNIVERSITIES,
    ZOFIA,
    Student,
    University,
)

ESI_PREFIX = "urn:schac:personalUniqueCode:int:esi"

CLAIMS_OF_SCOPE = {
    "profile": ("name", "given_name", "family_name"),
    "email": ("email",),
    "voperson_id": ("voperson_id",),
    "schac_home_organization": ("schac_home_organization",),
    "schac_personal_unique_code": ("schac_personal_unique_code",),
    "voperson_external_affiliation": ("voperson_external_affiliation",),
    "eduperson_assurance": ("eduperson_assurance",),
    "eduperson_entitlement": (),
    "aarc": (
        "voperson_id",
        "schac_home_organization",
        "voperson_external_affiliation",
        "eduperson_assurance",
    ),
}
"""Which scope gives which claims (identity guide §1.5)."""

_ASSURANCE = tuple(
    f"https://refeds.org/assurance{each}" for each in ("", "/ID/unique", "/IAP/low", "/ATP/ePA-1m")
)


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who can log in."""

    key: str  # what `login_hint` names
    given_name: str
    family_name: str
    email: str
    role: str  # as the page shows it
    home: HeiId | None = None  # None: a login without an institution, as Google's
    affiliations: tuple[str, ...] = ()  # `value@scope`
    unique_codes: tuple[str, ...] = ()  # ESIs, and other codes that some HEIs send along
    single_as_text: bool = False  # a claim with one value comes as text instead of a list
    told: dict[str, Any] | None = None  # userinfo word for word, for whoever fits no other form
    told_further: dict[str, Any] | None = None  # extended userinfo, as Feide has it

    @property
    def name(self) -> str:
        """The whole name."""
        return f"{self.given_name} {self.family_name}"

    @property
    def home_name(self) -> str:
        """The home university as the page shows it."""
        if self.home is None:
            return "no university"
        return next(iter(UNIVERSITIES[self.home].names.values()))

    @property
    def subject(self) -> str:
        """`sub` as MyAcademicID forms it: hex, and its own scope; the same in every run."""
        if self.told is not None:
            return str(self.told["sub"])
        digest = hashlib.sha256(f"sandbox identity {self.key}".encode()).hexdigest()
        return f"{digest[:40]}@myacademicid.org"

    def claims(self, scopes: Collection[str]) -> dict[str, Any]:
        """Return userinfo's answer for the scopes granted (identity guide §1.6)."""
        if self.told is not None:
            return dict(self.told)
        every: dict[str, Any] = {
            "voperson_id": self.subject,
            "name": self.name,
            "given_name": self.given_name,
            "family_name": self.family_name,
            "email": self.email,
            "schac_home_organization": self._values(() if self.home is None else (self.home,)),
            "schac_personal_unique_code": self._values(self.unique_codes),
            "voperson_external_affiliation": self._values(self.affiliations),
            "eduperson_assurance": self._values(_ASSURANCE if self.home else _ASSURANCE[:2]),
        }
        granted = {claim for each in scopes for claim in CLAIMS_OF_SCOPE.get(each, ())}
        chosen = {name: value for name, value in every.items() if name in granted and value}
        return {"sub": self.subject, **chosen}

    def _values(self, values: Collection[str]) -> str | list[str]:
        if self.single_as_text and len(values) == 1:
            return next(iter(values))
        return list(values)


def _student(student: Student, *, single_as_text: bool = False) -> Identity:
    return Identity(
        key=student.key,
        given_name=student.given_names,
        family_name=student.family_name,
        email=student.email,
        role="Student",
        home=student.home,
        affiliations=(f"student@{student.home}", f"member@{student.home}"),
        unique_codes=(student.esi,),
        single_as_text=single_as_text,
    )


def _coordinator(university: University, key: str) -> Identity:
    person, home = university.coordinator, university.hei_id
    return Identity(
        key=key,
        given_name=person.given_names,
        family_name=person.family_name,
        email=person.email,
        role=person.position,
        home=home,
        affiliations=(f"employee@{home}", f"staff@{home}", f"member@{home}"),
    )


PEOPLE = (
    _student(INES),
    _student(TIAGO),
    _student(CAMILLE),
    _student(JONAS),
    _student(ZOFIA, single_as_text=True),
    _coordinator(RIBEIRA, "marta"),
    Identity(
        key="beatriz",
        given_name="Beatriz",
        family_name="Fontes",
        email="beatriz.fontes@alunos.ribeira.example",
        role="Student, her university sends no ESI",
        home=RIBEIRA.hei_id,
        affiliations=(f"student@{RIBEIRA.hei_id}",),
    ),
    Identity(
        key="emil",
        given_name="Emil",
        family_name="Osterkamp",
        email="emil.osterkamp@stud.lindental.example",
        role="Student with two ESIs",
        home=LINDENTAL.hei_id,
        affiliations=(f"student@{LINDENTAL.hei_id}", f"employee@{CLAIRVAL.hei_id}"),
        unique_codes=(
            f"{ESI_PREFIX}:{LINDENTAL.hei_id}:5519870",
            f"{ESI_PREFIX}:{CLAIRVAL.hei_id}:E70233",
            f"urn:schac:personalUniqueCode:de:{LINDENTAL.hei_id}:badge:87",
        ),
    ),
    Identity(
        key="guest",
        given_name="Noor",
        family_name="Haddad",
        email="noor.haddad@mail.example",
        role="Guest with a Google-like login",
    ),
)
"""The students of the story, and who else the rules of login are about."""
