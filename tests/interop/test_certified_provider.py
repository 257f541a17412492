"""Logins through a certified OpenID provider that is not ours, with the claims of MyAcademicID."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import pytest
from interop.certified import SECRET, WHY_NOT, Certified, Person, certified
from testbed import Bed, bed_running

from erasmus_app.identity.claims import FEIDE
from erasmus_app.identity.esi import is_esi
from sandbox.login_people import CLAIMS_OF_SCOPE, PEOPLE
from sandbox.world import APP_LINK

pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
EXAMPLES = Path(__file__).parents[2] / "../shared/identity/examples/oidc"
ELSEWHERE = {"discovery-assumed", "introspection", "reject-id-tokens"}  # nobody's identity
FEIDE_SCOPES = {
    "userid": (),
    "userid-feide": (FEIDE.principal,),
    "userinfo-name": ("name",),
    "email": ("email", "email_verified"),
    "groups-org": (),
}
CHOICE = """
[[provider]]
name = "feide"
issuer = "{issuer}"
client_id = "north"
client_secret = "{secret}"
mapper = "feide"
can_assert_student = true
extended_userinfo = "{issuer}/userinfo/extended"
"""


def published() -> dict[str, Any]:
    """The identities of the examples, by name."""
    found = {each.stem: each for each in EXAMPLES.glob("*.json") if each.stem not in ELSEWHERE}
    return {name: json.loads(path.read_text()) for name, path in sorted(found.items())}


EXAMPLE = published()
OURS = {each.key: each.claims({"openid", *CLAIMS_OF_SCOPE}) for each in PEOPLE if each.told is None}
AT_MYACADEMICID = OURS | {
    name: case["userinfo"]
    for name, case in EXAMPLE.items()
    if case["provider"] == "myacademicid" and case["expect"]["login"] != "reject"
}
KARI = Person(
    key="kari",
    userinfo={
        "sub": "6f0c0de5-0000-4000-8000-00000000fe1d",
        "name": "Kari Nordmann",
        "email": "kari@nord.example",
        "email_verified": False,
        FEIDE.principal: "kari@nord.example",
    },
    further={"eduPersonAffiliation": ["student", "member"]},
)
AT_FEIDE = [
    KARI,
    *(
        Person(key=name, userinfo=case["userinfo"], further=case["extended_userinfo"])
        for name, case in EXAMPLE.items()
        if case["provider"] == "feide"
    ),
]
RESERVED = Person(key="monitor", userinfo={"sub": "test@myacademicid.org", "name": "test"})


@dataclass
class Both:
    """A backend, and two certified providers before it."""

    bed: Bed
    academic: Certified
    feide: Certified

    async def log_in(self, key: str, way: str = "/auth", **query: str) -> httpx.Response:
        """Go a browser's whole way, and return where it ends."""
        http = self.bed.http
        http.cookies.clear()
        return await self.go_on(f"{self.bed.address}{way}/login", login_hint=key, **query)

    async def go_on(self, address: str, **query: str) -> httpx.Response:
        """Follow redirects as long as they lead to this backend or to a provider."""
        answer = await self.bed.http.get(address, params=query or None)
        while answer.is_redirect:
            target = urljoin(str(answer.url), answer.headers["location"])
            parts = urlsplit(target)
            if parts.hostname != "127.0.0.1" or parts.path == "/graphql":
                break
            answer = await self.bed.http.get(target)
        return answer

    async def me(self) -> dict[str, Any]:
        query = (
            "{ me { displayName login { homeInstitutions affiliations hasStudentIdentifier } } }"
        )
        answer = await self.bed.http.post(f"{self.bed.address}/graphql", json={"query": query})
        return answer.raise_for_status().json()["data"]["me"]


@pytest.fixture
async def both(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Both]:
    people = [Person(key=name, userinfo=told) for name, told in AT_MYACADEMICID.items()]
    scopes = {"openid": ["sub"], **CLAIMS_OF_SCOPE}
    file = tmp_path / "providers.toml"
    async with (
        certified([*people, RESERVED], scopes) as academic,
        certified(AT_FEIDE, {"openid": ["sub"], **FEIDE_SCOPES}) as feide,
    ):
        file.write_text(CHOICE.format(issuer=feide.issuer, secret=SECRET), encoding="utf-8")
        async with bed_running(
            dsn,
            valkey,
            tmp_path,
            worker=False,
            oidc_issuer=academic.issuer,
            oidc_client_id="APP-1",
            oidc_client_secret=SECRET,
            oidc_providers=str(file),
        ) as bed:
            await academic.register("APP-1", f"{bed.address}/auth/callback")
            await feide.register("north", f"{bed.address}/auth/feide/callback", "RS256")
            yield Both(bed=bed, academic=academic, feide=feide)


def as_list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


def reason(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.text.partition("<small>")[2].partition("</small>")[0]


async def test_everybody_is_let_in_as_the_provider_describes_them(both: Both):
    seen = {}
    for key in AT_MYACADEMICID:
        answer = await both.log_in(key)
        assert answer.headers.get("location") == "/graphql", (key, answer.text)
        seen[key] = await both.me()

    assert seen == {
        key: {
            "displayName": told["name"],
            "login": {
                "homeInstitutions": as_list(told.get("schac_home_organization")),
                "affiliations": as_list(told.get("voperson_external_affiliation")),
                "hasStudentIdentifier": any(
                    is_esi(each) for each in as_list(told.get("schac_personal_unique_code"))
                ),
            },
        }
        for key, told in AT_MYACADEMICID.items()
    }


async def test_feides_people_are_let_in_by_settings_alone(both: Both):
    for who in AT_FEIDE:
        answer = await both.log_in(who.key, "/auth/feide")
        assert answer.headers.get("location") == "/graphql", (who.key, answer.text)
        home = who.userinfo[FEIDE.principal].partition("@")[2]
        assert await both.me() == {
            "displayName": who.userinfo["name"],
            "login": {
                "homeInstitutions": [home],
                "affiliations": [f"student@{home}", f"member@{home}"],
                "hasStudentIdentifier": False,
            },
        }


async def test_the_reserved_account_and_one_that_the_provider_refuses_stay_outside(both: Both):
    assert reason(await both.log_in("monitor")) == (403, "subject_refused")
    assert reason(await both.log_in("nobody")) == (400, "provider_refused")
    assert await both.bed.app.database.fetchval("select count(*) from account") == 0


async def test_an_app_comes_by_its_link_and_a_provider_session_ends_at_the_provider(both: Both):
    phone = await both.bed.http.get(
        f"{both.bed.address}/auth/login",
        params={
            "app_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            "return_to": APP_LINK,
            "login_hint": "ines",
        },
    )
    back = await both.go_on(phone.headers["location"])
    code = parse_qs(urlsplit(back.headers["location"]).query)["code"][0]
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    }
    tokens = (await both.bed.http.post(f"{both.bed.address}/auth/token", data=form)).json()
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}
    out = (await both.bed.http.post(f"{both.bed.address}/auth/logout", headers=bearer)).json()
    page = await both.bed.http.get(out["provider_logout_url"])

    assert back.headers["location"].startswith(f"{APP_LINK}?code=")
    assert out["provider_logout_url"].startswith(f"{both.academic.issuer}/session/end?")
    assert (page.status_code, "sign-out" in page.text.lower()) == (200, True)


async def test_a_fresh_login_is_asked_for_and_proven(both: Both):
    await both.log_in("ines")
    before = await both.bed.app.database.fetchval("select max(authenticated_at) from session")
    http, address = both.bed.http, both.bed.address
    old = await http.get(f"{address}/auth/login", params={"login_hint": "ines"})
    await both.go_on(old.headers["location"])
    same = await both.bed.app.database.fetchval("select max(authenticated_at) from session")
    fresh = await http.get(f"{address}/auth/login", params={"login_hint": "ines", "fresh": True})
    asked = parse_qs(urlsplit(fresh.headers["location"]).query)
    answer = await both.go_on(fresh.headers["location"])

    assert same == before
    assert (asked["prompt"], asked["max_age"]) == (["login"], ["60"])
    assert answer.headers.get("location") == "/graphql", answer.text


async def test_new_keys_of_the_provider_are_fetched_when_a_token_names_one(both: Both):
    await both.log_in("ines")
    port = urlsplit(both.academic.issuer).port
    assert port is not None
    both.academic.process.kill()
    await both.academic.process.wait()
    people = [Person(key="tiago", userinfo=AT_MYACADEMICID["tiago"])]
    async with certified(people, {"openid": ["sub"], **CLAIMS_OF_SCOPE}, port=port) as again:
        await again.register("APP-1", f"{both.bed.address}/auth/callback")
        answer = await both.log_in("tiago")

    assert again.issuer == both.academic.issuer
    assert answer.headers.get("location") == "/graphql", answer.text


async def test_a_provider_that_is_down_is_named_and_sessions_go_on(both: Both):
    http, address = both.bed.http, both.bed.address
    await both.log_in("ines")
    on_its_way = await http.get(f"{address}/auth/login", params={"login_hint": "tiago"})
    back = await http.get(on_its_way.headers["location"])
    while not back.headers["location"].startswith(address):
        back = await http.get(urljoin(str(back.url), back.headers["location"]))
    for each in (both.academic, both.feide):
        each.process.kill()
        await each.process.wait()

    assert reason(await http.get(back.headers["location"])) == (503, "provider_down")
    assert reason(await http.get(f"{address}/auth/feide/login")) == (503, "provider_down")
    assert (await both.me())["displayName"] == AT_MYACADEMICID["ines"]["name"]
