"""A second login provider, by settings alone: Feide beside MyAcademicID."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from testbed import Bed, bed_running

from erasmus_app.identity.claims import FEIDE
from sandbox import login
from sandbox.login import Client, LoginProvider
from sandbox.login_people import Identity

CHOICE = """
[[provider]]
name = "feide"
issuer = "{issuer}"
client_id = "north"
client_secret = "a-secret-of-thirty-two-characters!"
mapper = "feide"
can_assert_student = true
extended_userinfo = "{issuer}/userinfo/v1/userinfo"
"""
KARI = Identity(
    key="kari",
    given_name="Kari",
    family_name="Nordmann",
    email="kari@nord.example",
    role="Student",
    told={
        "sub": "6f0c0de5-0000-4000-8000-00000000fe1d",
        "name": "Kari Nordmann",
        "email": "kari@nord.example",
        "email_verified": False,
        FEIDE.principal: "kari@nord.example",
    },
    told_further={"eduPersonAffiliation": ["student", "member"]},
)


@dataclass
class Two:
    """A backend with two providers."""

    bed: Bed
    feide: LoginProvider

    async def back_from(self, way: str, key: str = "kari") -> str:
        """Begin a login there; return where its provider sends the browser."""
        http, address = self.bed.http, self.bed.address
        http.cookies.clear()
        left = await http.get(f"{address}{way}/login", params={"login_hint": key})
        return (await http.get(left.headers["location"])).headers["location"]


@pytest.fixture
async def two(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Two]:
    async with login.running(clients=[], people=[KARI]) as feide:
        file = tmp_path / "providers.toml"
        file.write_text(CHOICE.format(issuer=feide.issuer), encoding="utf-8")
        async with bed_running(
            dsn, valkey, tmp_path, worker=False, oidc_providers=str(file)
        ) as bed:
            client = Client(
                client_id="north",
                secret="a-secret-of-thirty-two-characters!",
                redirect_uris=(f"{bed.address}/auth/feide/callback",),
            )
            feide.register(client)
            yield Two(bed=bed, feide=feide)


async def me(bed: Bed) -> dict:
    query = "{ me { displayName login { homeInstitutions affiliations hasStudentIdentifier } } }"
    answer = await bed.http.post(f"{bed.address}/graphql", json={"query": query})
    return answer.json()["data"]["me"]


def reason(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.text.partition("<small>")[2].partition("</small>")[0]


async def test_a_student_of_the_second_provider_is_one_beside_those_of_the_first(two: Two):
    back = await two.back_from("/auth/feide")
    assert (await two.bed.http.get(back)).status_code == 302

    assert await me(two.bed) == {
        "displayName": "Kari Nordmann",
        "login": {
            "homeInstitutions": ["nord.example"],
            "affiliations": ["student@nord.example", "member@nord.example"],
            "hasStudentIdentifier": False,
        },
    }
    assert (await two.bed.http.get(await two.back_from("/auth", "ines"))).status_code == 302
    assert (await me(two.bed))["displayName"].startswith("Inês")
    left = await two.bed.http.post(f"{two.bed.address}/auth/logout")
    assert left.json()["provider_logout_url"].startswith(two.bed.world.login.issuer)


async def test_an_answer_by_another_providers_way_is_refused(two: Two):
    mixed = {}
    for way, key, other in (("/auth/feide", "kari", "/auth"), ("/auth", "ines", "/auth/feide")):
        back = await two.back_from(way, key)
        query = {name: value[0] for name, value in parse_qs(urlsplit(back).query).items()}
        answer = await two.bed.http.get(f"{two.bed.address}{other}/callback", params=query)
        mixed[way, other] = reason(answer)

    back = await two.back_from("/auth/feide")
    query = {name: value[0] for name, value in parse_qs(urlsplit(back).query).items()}
    query["iss"] = two.bed.world.login.issuer  # the attacker's provider says that it was another
    answer = await two.bed.http.get(f"{two.bed.address}/auth/feide/callback", params=query)

    assert mixed == {
        ("/auth/feide", "/auth"): (400, "provider_mixed_up"),
        ("/auth", "/auth/feide"): (400, "provider_mixed_up"),
    }
    assert reason(answer) == (400, "issuer_mixed_up")
    assert await two.bed.app.database.fetchval("select count(*) from session") == 0


@pytest.mark.parametrize("name", ["unheard", "myacademicid", "Feide", "feide%0a", "<b>"])
async def test_a_provider_that_is_not_configured_is_none(two: Two, name: str):
    http, address = two.bed.http, two.bed.address
    begun = await http.get(f"{address}/auth/{name}/login")
    ended = await http.get(f"{address}/auth/{name}/callback?state=s&code=c")

    assert reason(begun) == (404, "provider_unknown")
    assert reason(ended) == (400, "login_unknown")
    assert "<b>" not in begun.text + ended.text


async def test_one_that_is_down_leaves_the_other_alone(two: Two):
    two.feide.faults.set(login.LoginFault.DISCOVERY_DOWN, None)
    answer = await two.bed.http.get(f"{two.bed.address}/auth/feide/login")

    assert reason(answer) == (503, "provider_down")
    assert 'href="/auth/feide/login"' in answer.text
    assert (await two.bed.http.get(await two.back_from("/auth", "ines"))).status_code == 302
