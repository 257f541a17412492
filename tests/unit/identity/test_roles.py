"""Who somebody is at which HEI, by the table of the guide (§1.8)."""

from datetime import timedelta
from uuid import UUID

import msgspec
import pytest
from factories import AT

from erasmus_app.identity.roles import (
    LIFETIME,
    HeiRole,
    HeiRules,
    KnownIdentity,
    RoleAt,
    Standing,
    hei_of,
    is_named,
    standing_of,
)
from erasmus_app.ids import AccountId, HeiId

ISSUER, FEIDE = "https://login.example", "https://feide.example"
ACCOUNT = AccountId(UUID(int=7))
MARTA = "0a1b@myacademicid.org"
HEIS = {
    HeiId("ribeira.example"): HeiRules(
        id=HeiId("ribeira.example"),
        domains=("ribeira-uni.example", "alumni.clairval.example"),
        coordinators=(MARTA.upper(), f"{FEIDE} Kari"),
    ),
    HeiId("clairval.example"): HeiRules(id=HeiId("clairval.example")),
    HeiId("arts.ribeira.example"): HeiRules(id=HeiId("arts.ribeira.example")),
}


def an_identity(
    *affiliations: str, homes: tuple[str, ...] = ("ribeira.example",), **more: object
) -> KnownIdentity:
    known = KnownIdentity(
        issuer=ISSUER,
        subject="ffff@myacademicid.org",
        home_hei_ids=tuple(HeiId(each) for each in homes),
        affiliations=affiliations,
        last_login_at=AT,
    )
    return msgspec.structs.replace(known, **more)


def standing(*identities: KnownIdentity, days: float = 0, administrators: tuple[str, ...] = ()):
    now = AT + timedelta(days=days)
    return standing_of(ACCOUNT, identities, HEIS, now, issuer=ISSUER, administrators=administrators)


def told(found: Standing) -> list[str]:
    return [f"{each.role}@{each.hei}" for each in found.roles]


@pytest.mark.parametrize(
    ("affiliations", "roles"),
    [
        (["student@ribeira.example", "member@ribeira.example"], ["student@ribeira.example"]),
        (["member@ribeira.example"], []),
        (["staff@ribeira.example"], ["staff@ribeira.example"]),
        (["faculty@ribeira.example", "employee@ribeira.example"], ["staff@ribeira.example"]),
        (
            ["student@ribeira.example", "employee@ribeira.example"],
            ["staff@ribeira.example", "student@ribeira.example"],
        ),
        (
            ["student@ribeira.example", "employee@clairval.example"],
            ["staff@clairval.example", "student@ribeira.example"],
        ),
        (["student@fc.ribeira.example"], ["student@ribeira.example"]),
        (["student@arts.ribeira.example"], ["student@arts.ribeira.example"]),
        (["staff@x.arts.ribeira.example"], ["staff@arts.ribeira.example"]),
        (["staff@ribeira-uni.example"], ["staff@ribeira.example"]),
        (["staff@it.ribeira-uni.example"], ["staff@ribeira.example"]),
        (["staff@alumni.clairval.example"], ["staff@ribeira.example"]),  # the alias is nearer
        (["staff@evilribeira.example"], []),
        (["staff@ribeira.example.evil.example"], []),
        (["staff@example"], []),
        (["staff@elsewhere.example"], []),  # not covered: nothing to decide here
        (["student@elsewhere.example"], ["student@elsewhere.example"]),
        (["alum@ribeira.example"], ["former@ribeira.example"]),
        (["affiliate@ribeira.example"], ["former@ribeira.example"]),
        (["library-walk-in@ribeira.example"], ["former@ribeira.example"]),
        (["student", "student@", "@ribeira.example", "dean@ribeira.example"], []),
        (["student@evil@ribeira.example"], []),
        ([], []),
    ],
)  # fmt: skip
def test_roles_are_those_of_scoped_affiliations(affiliations: list[str], roles: list[str]):
    assert told(standing(an_identity(*affiliations))) == roles


def test_a_scope_below_a_home_that_is_not_covered_is_that_home():
    found = an_identity("student@phys.elsewhere.example", homes=("elsewhere.example",))

    assert told(standing(found)) == ["student@elsewhere.example"]


@pytest.mark.parametrize(
    ("subject", "issuer", "affiliation", "is_coordinator"),
    [
        (MARTA, ISSUER, "staff@ribeira.example", True),
        (MARTA, ISSUER, "employee@it.ribeira.example", True),
        (MARTA, ISSUER, "student@ribeira.example", False),  # named, but the HEI says no staff
        (MARTA, ISSUER, "staff@clairval.example", False),  # named by another HEI
        ("0a1c@myacademicid.org", ISSUER, "staff@ribeira.example", False),
        (MARTA, FEIDE, "staff@ribeira.example", False),  # another provider says what it likes
        ("Kari", FEIDE, "staff@ribeira.example", True),
        ("kari", FEIDE, "staff@ribeira.example", False),  # it tells letter case apart
        ("Kari", ISSUER, "staff@ribeira.example", False),
    ],
)
def test_a_coordinator_is_named_by_the_file_and_staff_by_the_login(
    subject: str, issuer: str, affiliation: str, is_coordinator: bool
):
    found = standing(an_identity(affiliation, subject=subject, issuer=issuer))

    assert found.coordinates(HeiId("ribeira.example")) is is_coordinator
    assert found.coordinated == ((HeiId("ribeira.example"),) if is_coordinator else ())
    assert not found.coordinates(HeiId("clairval.example"))


def test_nobody_is_named_at_the_first_provider_where_there_is_none():
    assert not is_named(an_identity(subject=MARTA), [MARTA], None)
    assert is_named(an_identity(subject=MARTA), [f"{ISSUER} {MARTA}"], None)


def test_an_administrator_is_named_by_the_setting_alone():
    found = standing(an_identity(subject=MARTA), administrators=(MARTA,))

    assert (found.is_administrator, found.roles) == (True, ())
    assert not standing(an_identity(), administrators=(MARTA,)).is_administrator
    late = LIFETIME.days
    old = standing(an_identity(subject=MARTA), days=late, administrators=(MARTA,))
    assert not old.is_administrator


def test_roles_are_over_a_year_after_the_login_that_brought_them():
    student = an_identity("student@ribeira.example")
    staff = an_identity("staff@clairval.example", last_login_at=AT + timedelta(days=30))

    assert told(standing(student, staff, days=364)) == [
        "staff@clairval.example",
        "student@ribeira.example",
    ]
    assert told(standing(student, staff, days=365)) == ["staff@clairval.example"]
    assert told(standing(student, staff, days=395)) == []


@pytest.mark.parametrize(
    ("identities", "is_guest", "is_past_only"),
    [
        ([an_identity(homes=())], True, False),
        ([an_identity()], False, False),  # the HEI says who it is, and no more
        ([an_identity("member@ribeira.example", homes=())], False, False),
        ([an_identity("alum@ribeira.example")], False, True),
        ([an_identity("alum@ribeira.example", "student@clairval.example")], False, False),
        ([an_identity("alum@ribeira.example", "staff@ribeira.example")], False, False),
        ([an_identity(homes=()), an_identity("student@ribeira.example")], False, False),
        ([], True, False),
    ],
)
def test_who_is_a_guest_and_who_sees_the_past_only(
    identities: list[KnownIdentity], is_guest: bool, is_past_only: bool
):
    found = standing(*identities)

    assert (found.is_guest, found.is_past_only) == (is_guest, is_past_only)


def test_a_domain_that_is_nobodys_stands_for_no_hei():
    assert hei_of("", HEIS) is None
    assert hei_of("example", HEIS) is None
    assert standing(an_identity("student@ribeira.example")).is_at(
        HeiId("ribeira.example"), HeiRole.STUDENT
    )
    assert (
        RoleAt(hei=HeiId("ribeira.example"), role=HeiRole.STUDENT)
        == standing(an_identity("student@ribeira.example")).roles[0]
    )
