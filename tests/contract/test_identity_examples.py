"""Every published login, at a provider on a socket: who is let in as whom, and who is not."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import msgspec
import pytest
from unit.sandbox.hand_clock import HandClock

from erasmus_app.errors import LoginFailed
from erasmus_app.identity.claims import FEIDE, Identity, Role, moved_subject
from erasmus_app.identity.esi import esi_key
from erasmus_app.identity.models import LoginUnderWay
from erasmus_app.identity.providers import SCOPES, ProviderConfig, myacademicid
from erasmus_app.oidc.provider import OpenIdProvider
from ewp.ids import HeiId
from sandbox import login
from sandbox.login import Client, LoginFault, LoginProvider
from sandbox.login_people import Identity as Person

EXAMPLES = Path(__file__).parents[2] / "../shared/identity/examples/oidc"
pytestmark = pytest.mark.skipif(
    not EXAMPLES.is_dir(), reason="../shared is not here: published logins to compare with"
)
ISSUER, FEIDES = "https://proxy.acc.erasmus.eduteams.org", "https://auth.dataporten.no"
EXTENDED = "https://api.dataporten.no/userinfo/v1/userinfo"
BACK, SECRET = "https://app.example/auth/callback", "a-secret-of-thirty-two-characters!"
CLIENT = "APP-00000000-0000-4000-8000-000000000001"
FEIDE_CLIENT = "00000000-0000-4000-8000-00000000c11e"
STATE = LoginUnderWay(state="s", nonce="n-0S6_WzA2Mj-fictitious", verifier="v" * 48, cookie="c")
NOW = datetime.fromtimestamp(1767225700, UTC)


def example(name: str) -> dict[str, Any]:
    return json.loads((EXAMPLES / name).read_text())


def published(key: str) -> list[Any]:
    """A list of the file of refusals; none where the examples are not here."""
    return example("reject-id-tokens.json")[key] if EXAMPLES.is_dir() else []


class AtTheSocket(httpx.AsyncHTTPTransport):
    """Takes what is meant for the published hosts to the provider on this machine."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(scheme="http", host="127.0.0.1", port=self.port)
        return await super().handle_async_request(request)


@asynccontextmanager
async def at(person: Person, *, feide: bool = False) -> AsyncIterator[tuple[LoginProvider, Any]]:
    """Run the provider with one person; yield it and what logs that person in."""
    issuer, client = (FEIDES, FEIDE_CLIENT) if feide else (ISSUER, CLIENT)
    config = myacademicid(issuer, client, SECRET)
    if feide:
        config = ProviderConfig(
            name="feide",
            issuer=issuer,
            client_id=client,
            client_secret=SECRET,
            scopes=SCOPES["feide"],
            claims=FEIDE,
            extended_userinfo=EXTENDED,
        )
    clock, listener = HandClock(), login.listen()
    clock.now = NOW
    app = Client(client_id=client, secret=SECRET, redirect_uris=(BACK,))
    async with (
        login.running(
            clients=[app], people=[person], issuer=issuer, listener=listener, now=clock
        ) as provider,
        httpx.AsyncClient(transport=AtTheSocket(listener.getsockname()[1])) as http,
    ):
        ours = OpenIdProvider(http=http, config=config, redirect_uri=BACK, clock=clock)

        async def log_in() -> Identity:
            answer = await http.get(await ours.authorization_url(STATE, hint=person.key))
            back = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
            return await ours.identity(back["code"], STATE, back["iss"])

        yield provider, log_in


def told(userinfo: dict[str, Any], further: dict[str, Any] | None = None) -> Person:
    return Person(
        key="who",
        given_name="",
        family_name="",
        email="",
        role="",
        told=userinfo,
        told_further=further,
    )


ACCEPTED = [
    "guest-eidas",
    "guest-google",
    "staff",
    "student-esi-changed",
    "student-italy",
    "student-no-esi",
    "student-norway",
    "student-spain",
    "student-sub-scope-moved",
    "student-two-esi",
    "student-two-homes",
]


def as_expected(found: Identity, expected: dict[str, Any]) -> dict[str, Any]:
    """What the example says, as far as it says it, of what was found."""
    roles = [each.value for each in found.roles if each is not Role.GUEST]
    by_hei = {
        hei: [each.value for each in msgspec.structs.replace(found, affiliations=theirs).roles]
        for hei in sorted({each.partition("@")[2] for each in found.affiliations})
        if (theirs := tuple(a for a in found.affiliations if a.endswith(f"@{hei}")))
    }
    every = {
        "roles": by_hei.get(expected.get("home_hei"), roles)
        if "roles_by_hei" in expected
        else roles,
        "roles_by_hei": by_hei,
        "home_hei": next(iter(found.home_hei_ids), None),
        "esi": [esi_key(each) for each in found.esis],
        "email_verified": found.email_verified,
    }
    return {name: value for name, value in every.items() if name in expected}


def in_keys(expected: dict[str, Any]) -> dict[str, Any]:
    """What the example says, with ESIs as they are compared."""
    names = ("roles", "roles_by_hei", "home_hei", "email_verified")
    found = {name: expected[name] for name in names if name in expected}
    return found | {"esi": [esi_key(e) for e in expected["esi"]] if "esi" in expected else []}


@pytest.mark.parametrize("name", ACCEPTED)
async def test_each_published_identity_is_let_in_as_it_should_be(name: str):
    case = example(f"{name}.json")
    async with at(told(case["userinfo"])) as (provider, log_in):
        provider.instead = case["id_token_payload"]
        found = await log_in()

    expected = case["expect"]
    seen = as_expected(found, expected)
    assert seen == {key: value for key, value in in_keys(expected).items() if key in seen}
    assert found.subject == case["userinfo"]["sub"].lower()
    assert found.authenticated_at == datetime.fromtimestamp(1767225590, UTC)


def test_no_published_identity_is_left_out():
    files = {each.stem for each in EXAMPLES.glob("*.json")}
    elsewhere = {"discovery-assumed", "feide-direct", "introspection", "reject-id-tokens"}

    assert files == {*ACCEPTED, *elsewhere, "reserved-test-account"}


async def test_a_subject_that_moved_is_known_for_a_candidate_and_no_more():
    before = example("student-norway.json")["userinfo"]["sub"]

    assert moved_subject(example("student-sub-scope-moved.json")["userinfo"]["sub"]) == before
    assert moved_subject("0a1b@other.example") is None


async def test_feides_student_is_one_and_has_no_identifier():
    case = example("feide-direct.json")
    who = told(case["userinfo"], case["extended_userinfo"])
    async with at(who, feide=True) as (provider, log_in):
        provider.instead = case["id_token_payload"]
        found = await log_in()

    assert found == Identity(
        issuer=FEIDES,
        subject="00000000-0000-4000-8000-00000000fe1d",
        display_name="Test Student One",
        email="test.student.one@uni-nord.example",
        home_hei_ids=(HeiId("uni-nord.example"),),
        affiliations=("student@uni-nord.example", "member@uni-nord.example"),
        esis=(),
        missing=(),
        received=tuple(sorted({**case["userinfo"], **case["extended_userinfo"]})),
        authenticated_at=datetime.fromtimestamp(1767225590, UTC),
    )
    assert as_expected(found, case["expect"]) == in_keys(case["expect"])


async def test_a_guest_at_feide_is_nobodys_student():
    case = example("feide-direct.json")
    bare = {name: case["userinfo"][name] for name in ("sub", "name", "email")}
    async with at(told(bare), feide=True) as (provider, log_in):
        provider.instead = case["id_token_payload"]
        found = await log_in()

    assert (found.roles, found.affiliations) == ((Role.GUEST,), ())
    assert found.missing == (FEIDE.principal, "eduPersonAffiliation")


REFUSED = {  # what is wrong with the token: the code of our refusal
    "iss_mismatch": "id_token_refused",
    "aud_mismatch": "id_token_refused",
    "expired": "id_token_refused",
    "nonce_mismatch": "id_token_refused",
    "nonce_missing": "id_token_refused",
    "sub_scope_not_allowed": "subject_refused",
    "sub_not_hex": "subject_refused",
    "sub_missing": "id_token_refused",
    "azp_missing_with_two_audiences": "id_token_refused",
    "userinfo_sub_differs": "userinfo_mismatch",
    "alg_none": "id_token_refused",
    "alg_hs256": "id_token_refused",
}
GOOD = example("reject-id-tokens.json")["good"] if EXAMPLES.is_dir() else {}
BY_FAULT = {"alg_none": LoginFault.ALG_NONE, "alg_hs256": LoginFault.ALG_HS256}


@pytest.mark.parametrize(
    "case",
    [each for key in ("bad", "bad_pairs", "bad_headers") for each in published(key)],
    ids=lambda case: case["reason"],
)
async def test_each_published_refusal_is_one(case: dict[str, Any]):
    payload = case.get("id_token_payload", GOOD)
    who = told({"sub": case.get("userinfo_sub", payload.get("sub", GOOD["sub"]))})
    async with at(who) as (provider, log_in):
        provider.instead = payload
        if case["reason"] in BY_FAULT:
            provider.faults.set(BY_FAULT[case["reason"]], 1)
        with pytest.raises(LoginFailed) as refused:
            await log_in()

    assert refused.value.code == REFUSED[case["reason"]]


async def test_the_token_that_those_spoil_is_good():
    async with at(told({"sub": GOOD["sub"]})) as (provider, log_in):
        provider.instead = GOOD
        assert (await log_in()).subject == GOOD["sub"]


async def test_the_reserved_account_is_refused():
    case = example("reserved-test-account.json")
    async with at(told(case["userinfo"])) as (provider, log_in):
        provider.instead = case["id_token_payload"]
        with pytest.raises(LoginFailed) as refused:
            await log_in()

    assert refused.value.code == "subject_refused"
