import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erasmus_app.identity.claims import EXPECTED, Identity, Role, identity_of, is_subject, values
from erasmus_app.identity.esi import esi_key

ISSUER = "https://login.example"
EXAMPLES = Path(__file__).parents[3] / "../shared/identity/examples/oidc"
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


@pytest.mark.skipif(
    not EXAMPLES.is_dir(), reason="../shared is not here: published logins to compare with"
)
def test_the_published_logins():
    seen = 0
    for path in sorted(EXAMPLES.glob("*.json")):
        case = json.loads(path.read_text())
        if case.get("provider") != "myacademicid" or "userinfo" not in case:
            continue
        expected = case["expect"]
        seen += 1
        assert is_subject(case["userinfo"]["sub"]) is (expected["login"] != "reject"), path.name
        found = identity_of(ISSUER, case["userinfo"])
        if "roles" in expected and "roles_by_hei" not in expected:  # ours are over all HEIs
            roles = [each.value for each in found.roles if each is not Role.GUEST]
            assert roles == expected["roles"], path.name
        if "home_hei" in expected:
            assert next(iter(found.home_hei_ids), None) == expected["home_hei"], path.name
        if "esi" in expected:
            keys = [esi_key(each) for each in found.esis]  # we keep what came, in any case
            assert keys == [esi_key(each) for each in expected["esi"]], path.name
    assert seen > 5
