"""The login as a browser and as an app live through it."""

import re
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from databases import until
from testbed import Bed

from sandbox.login import LoginFault
from sandbox.world import APP_LINK

CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"  # RFC 7636, appendix B
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


async def as_browser(bed: Bed, **query: str) -> httpx.Response:
    """Follow a login to the answer of our callback."""
    bed.http.cookies.clear()
    left = await bed.http.get(f"{bed.address}/auth/login", params={"login_hint": "ines"} | query)
    provider = await bed.http.get(left.headers["location"])
    return await bed.http.get(provider.headers["location"])


async def as_app(bed: Bed, key: str = "ines") -> str:
    back = await as_browser(bed, app_challenge=CHALLENGE, return_to=APP_LINK, login_hint=key)
    assert back.headers["location"].startswith(f"{APP_LINK}?code=")
    return parse_qs(urlsplit(back.headers["location"]).query)["code"][0]


async def token(bed: Bed, **form: str) -> httpx.Response:
    return await bed.http.post(f"{bed.address}/auth/token", data=form)


async def me(bed: Bed, **headers: str) -> int:
    answer = await bed.http.post(
        f"{bed.address}/graphql", json={"query": "{ me { id } }"}, headers=headers
    )
    return answer.status_code


async def test_a_browser_comes_back_with_a_cookie_and_leaves_without_one(bed: Bed):
    back = await as_browser(bed, return_to="/graphql")

    assert (back.status_code, back.headers["location"]) == (302, "/graphql")
    cookie = next(each for each in back.headers.get_list("set-cookie") if "session=" in each)
    assert re.fullmatch(
        r"erasmus-session=[\w-]+; HttpOnly; Max-Age=43200; Path=/; SameSite=lax", cookie
    )
    assert await me(bed) == 200
    out = await bed.http.post(f"{bed.address}/auth/logout")
    assert (out.status_code, await me(bed)) == (200, 401)
    there = f"{bed.world.login.issuer}/OIDC/end_session?client_id="
    assert out.json()["provider_logout_url"].startswith(there)
    assert (await bed.http.get(out.json()["provider_logout_url"])).status_code == 200


async def test_an_app_swaps_its_code_once_and_refreshes_with_ever_new_tokens(bed: Bed):
    code = await as_app(bed)
    first = await token(bed, grant_type="authorization_code", code=code, code_verifier=VERIFIER)
    again = await token(bed, grant_type="authorization_code", code=code, code_verifier=VERIFIER)
    tokens = first.json()
    bed.http.cookies.clear()

    assert {name: type(value) for name, value in tokens.items()} == {
        "access_token": str,
        "refresh_token": str,
        "expires_in": int,
        "token_type": str,
    }
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert await me(bed, authorization=f"Bearer {tokens['access_token']}") == 200

    new = await token(bed, grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert new.json()["refresh_token"] != tokens["refresh_token"]
    lost = await token(bed, grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert lost.json()["refresh_token"] == new.json()["refresh_token"]  # its answer was lost

    form = {"grant_type": "refresh_token", "refresh_token": new.json()["refresh_token"]}
    newer = (await token(bed, **form)).json()["access_token"]
    assert await me(bed, authorization=f"Bearer {newer}") == 200
    stolen = await token(bed, grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")

    async def is_out() -> bool:
        return await me(bed, authorization=f"Bearer {newer}") == 401

    await until(is_out)


SESSIONS = "{ me { sessions { id kind isCurrent } } }"
END = "mutation($id: ID!) { endSession(id: $id) }"


async def test_a_student_sees_where_they_are_signed_in_and_signs_a_lost_phone_out(bed: Bed):
    lost, here = await bed.signed_in("ines"), await bed.signed_in("ines")
    other = await bed.signed_in("camille")
    [current, older] = (await bed.ask(here, SESSIONS))["me"]["sessions"]
    [strangers] = (await bed.ask(other, SESSIONS))["me"]["sessions"]

    assert (current["kind"], current["isCurrent"], older["isCurrent"]) == ("APP", True, False)
    assert await bed.ask(here, END, id=strangers["id"]) == {"endSession": False}
    assert await bed.ask(here, END, id="unheard") == {"endSession": False}
    assert await bed.ask(here, END, id=older["id"]) == {"endSession": True}

    async def is_out() -> bool:
        return await me(bed, authorization=f"Bearer {lost.token}") == 401

    await until(is_out)
    assert (await bed.ask(here, SESSIONS))["me"]["sessions"] == [current]
    assert await bed.ask(here, "mutation { endOtherSessions }") == {"endOtherSessions": 0}
    assert await me(bed, authorization=f"Bearer {other.token}") == 200


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "unsupported_grant_type"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code", "code": "guessed"}, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "guessed"}, "invalid_grant"),
    ],
)
async def test_a_token_request_that_proves_nothing_is_refused_as_oauth_says(
    bed: Bed, form: dict[str, str], error: str
):
    answer = await token(bed, **form)

    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert answer.headers["cache-control"] == "no-store"


async def test_a_code_is_worth_nothing_to_who_has_not_the_verifier(bed: Bed):
    answer = await token(
        bed,
        grant_type="authorization_code",
        code=await as_app(bed),
        code_verifier=VERIFIER.replace("d", "e"),
    )

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"return_to": "https://evil.example/"}, "return_refused"),
        ({"return_to": "//evil.example/"}, "return_refused"),
        ({"return_to": "/\\evil.example"}, "return_refused"),
        ({"app_challenge": CHALLENGE, "return_to": "other.app:/signed-in"}, "return_refused"),
        ({"app_challenge": "short", "return_to": APP_LINK}, "challenge_invalid"),
    ],
)
async def test_a_login_leads_nowhere_that_is_not_registered(
    bed: Bed, query: dict[str, str], code: str
):
    answer = await bed.http.get(f"{bed.address}/auth/login", params=query)

    assert answer.status_code == 400
    assert f"<small>{code}</small>" in answer.text
    assert "set-cookie" not in answer.headers


async def test_the_way_back_is_for_the_browser_that_left_and_once(bed: Bed):
    left = await bed.http.get(f"{bed.address}/auth/login", params={"login_hint": "ines"})
    provider = await bed.http.get(left.headers["location"])
    back = provider.headers["location"]
    bed.http.cookies.clear()

    stranger = await bed.http.get(back)
    assert (stranger.status_code, "login_other_browser" in stranger.text) == (400, True)
    again = await bed.http.get(back)
    assert (again.status_code, "login_unknown" in again.text) == (400, True)


async def test_a_provider_that_lies_lets_nobody_in(bed: Bed):
    for fault in (LoginFault.WRONG_ISS, LoginFault.TOKEN_DOWN):
        bed.world.login.faults.set(fault, 1)
        answer = await as_browser(bed)
        assert answer.status_code >= 400, fault
        assert await me(bed) == 401


async def test_a_student_without_an_identifier_is_told_what_is_missing(bed: Bed):
    phone = await bed.signed_in("beatriz")
    login = "{ me { login { homeInstitutions hasStudentIdentifier } } }"

    assert (await bed.ask(phone, login))["me"] == {
        "login": {"homeInstitutions": ["ribeira.example"], "hasStudentIdentifier": False}
    }
