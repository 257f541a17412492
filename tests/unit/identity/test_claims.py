from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erasmus_app.identity.claims import (
    EXPECTED,
    FEIDE,
    Identity,
    Role,
    identity_of,
    is_subject,
    moved_subject,
    values,
)

ISSUER = "https://login.example"
ESI = "urn:schac:personalUniqueCode:int:esi:ribeira.example:1"
CLAIMS: dict[str, Any] = {
    "sub": "0a1B2c@myacademicid.org",
    "name": "Inês Ferreira",
    "email": "ines@ribeira.example",
    "schac_home_organization": ["Ribeira.example"],
    "schac_personal_unique_code": [ESI],
    "voperson_external_affiliation": ["student@ribeira.example", "member@ribeira.example"],
}
KNOWN = Identity(
    issuer=ISSUER,
    subject="0a1b2c@myacademicid.org",
    display_name="Inês Ferreira",
    email="ines@ribeira.example",
    home_hei_ids=("ribeira.example",),
    affiliations=("student@ribeira.example", "member@ribeira.example"),
    esis=(ESI,),
    missing=(),
    received=tuple(sorted(CLAIMS)),
)


def read(**other: Any) -> Identity:
    return identity_of(ISSUER, {k: v for k, v in (CLAIMS | other).items() if v is not None})


def test_an_identity_is_the_issuers_word_in_our_terms():
    assert read() == KNOWN


@pytest.mark.parametrize(
    ("claim", "found"),
    [
        ("one", ("one",)),
        (["one", "two"], ("one", "two")),
        (["one", "", "  ", None, 7, ["two"]], ("one",)),
        ("", ()),
        (None, ()),
        ({"one": "two"}, ()),
        (7, ()),
    ],
)
def test_a_claim_is_a_text_or_a_list_and_anything_else_is_left_out(claim, found):
    assert values({"claim": claim}, "claim") == found
    assert values({}, "claim") == ()


def test_a_list_of_one_and_a_text_are_the_same():
    texts = {
        name: claim[0] if isinstance(claim, list) else [claim]
        for name, claim in CLAIMS.items()
        if name not in {"sub", "voperson_external_affiliation"}
    }

    assert read(**texts) == KNOWN


def test_what_did_not_come_is_named_never_shown():
    assert read(**dict.fromkeys(EXPECTED)).missing == EXPECTED
    assert read(email=None, name=["", 3]).missing == ("name", "email")


def test_codes_that_are_no_esi_are_dropped_and_count_as_none():
    other = "urn:schac:personalUniqueCode:pt:ribeira.example:badge:7"
    second = "urn:schac:personalUniqueCode:int:esi:PT:9"

    assert read(schac_personal_unique_code=[other, ESI, second, ESI.upper()]).esis == (ESI, second)
    without = read(schac_personal_unique_code=[other, "2027001"])
    assert (without.esis, without.missing) == ((), ("schac_personal_unique_code",))


def test_a_spelling_that_some_servers_had_is_read_and_nothing_is_missing():
    misspelt = read(
        voperson_external_affiliation=None,
        voperson_external_affilliation="student@ribeira.example",
    )

    assert (misspelt.roles, misspelt.missing) == ((Role.STUDENT,), ())


@pytest.mark.parametrize(
    ("affiliations", "home", "roles"),
    [
        (["student@a.example"], ["a.example"], (Role.STUDENT,)),
        (["Student@A.example", "employee@a.example"], ["a.example"], (Role.STUDENT, Role.STAFF)),
        (["faculty@a.example", "member@a.example"], ["a.example"], (Role.STAFF,)),
        (["student@a.example", "staff@b.example"], ["a.example"], (Role.STUDENT, Role.STAFF)),
        (["alum@a.example"], ["a.example"], ()),
        (["affiliate@a.example", "library-walk-in@a.example"], ["a.example"], ()),
        ([], ["a.example"], ()),
        ([], [], (Role.GUEST,)),
    ],
)
def test_roles_come_from_affiliations_and_who_has_neither_is_a_guest(affiliations, home, roles):
    found = read(voperson_external_affiliation=affiliations, schac_home_organization=home)

    assert found.roles == roles


def test_who_may_not_say_so_makes_nobody_a_student():
    found = identity_of(ISSUER, CLAIMS, can_assert_student=False)

    assert (found.affiliations, found.esis, found.missing) == (("member@ribeira.example",), (), ())


@pytest.mark.parametrize(
    ("trusted", "claims", "verified"),
    [
        (True, {}, True),
        (True, {"email_verified": True}, True),
        (True, {"email_verified": False}, False),
        (True, {"email_verified": "true"}, False),
        (True, {"email": None}, False),
        (False, {"email_verified": True}, False),
    ],
)
def test_an_address_is_verified_by_an_issuer_whom_we_trust_with_it(trusted, claims, verified):
    found = identity_of(ISSUER, CLAIMS | claims, trust_email=trusted)

    assert found.email_verified is verified


PRINCIPAL, AFFILIATION = FEIDE.principal, FEIDE.affiliations


@pytest.mark.parametrize(
    ("told", "homes", "affiliations"),
    [
        (
            {
                PRINCIPAL: "Ines@Ribeira.example",
                AFFILIATION: ["Student", "member"],
            },
            ("ribeira.example",),
            ("student@ribeira.example", "member@ribeira.example"),
        ),
        (
            {
                PRINCIPAL: "i@ribeira.example",
                AFFILIATION: "staff@lab.ribeira.example",
            },
            ("ribeira.example",),
            ("staff@lab.ribeira.example",),
        ),
        ({PRINCIPAL: "no-realm", AFFILIATION: ["student"]}, (), ()),
        ({AFFILIATION: ["student"]}, (), ()),  # a guest of Feide's
        ({}, (), ()),
    ],
)
def test_where_feides_people_are_at_home_is_in_their_principal_name(told, homes, affiliations):
    found = identity_of(ISSUER, {"sub": "F-1"} | told, FEIDE, fold_subject=False)

    assert (found.subject, found.home_hei_ids, found.affiliations) == ("F-1", homes, affiliations)


@pytest.mark.parametrize(
    ("subject", "other"),
    [
        ("0A@MyAcademicID.org", "0a@erasmus.eduteams.org"),
        ("0a@erasmus.eduteams.org", "0a@myacademicid.org"),
        ("0a@elsewhere.example", None),
        ("0a", None),
    ],
)
def test_a_subject_that_moved_had_the_same_code_in_the_other_scope(subject, other):
    assert moved_subject(subject) == other


@pytest.mark.parametrize(
    ("subject", "allowed"),
    [
        ("4f759078f5625b6974101e1cf59934adfcc0d59e@erasmus.eduteams.org", True),
        ("4F@MyAcademicID.org", True),
        ("a" * 64 + "@myacademicid.org", True),
        ("a" * 65 + "@myacademicid.org", False),
        ("@myacademicid.org", False),
        ("4g@myacademicid.org", False),
        ("4f@other.example", False),
        ("4f@myacademicid.org.evil.example", False),
        ("4f@myacademicidXorg", False),
        ("4f@myacademicid.org\n", False),
        ("4f@era\N{LATIN SMALL LETTER LONG S}mus.eduteams.org", False),
        ("test@myacademicid.org", False),
        ("TEST@erasmus.eduteams.org", False),
        ("", False),
    ],
)
def test_a_subject_has_the_providers_form_and_is_no_monitoring_account(subject, allowed):
    assert is_subject(subject) is allowed


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.fixed_dictionaries(dict.fromkeys(EXPECTED, JSON)))
def test_whatever_a_provider_sends_is_read(claims):
    found = identity_of(ISSUER, claims | {"sub": "a@myacademicid.org"})

    assert set(found.missing) <= set(EXPECTED)
    assert all(isinstance(each, str) for each in found.home_hei_ids + found.affiliations)
