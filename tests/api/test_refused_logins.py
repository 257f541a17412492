"""What is wrong with a login, and what becomes of it: one table, played through the whole house."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from structlog.testing import capture_logs
from testbed import Bed

from sandbox.login import LoginFault
from sandbox.login_people import PEOPLE
from sandbox.world import APP_LINK

CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"  # RFC 7636, appendix B
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

BY_THE_PROVIDER: dict[LoginFault, tuple[int, str]] = {
    # the ID token: OpenID Connect Core §3.1.3.7
    LoginFault.WRONG_ISS: (400, "id_token_refused"),
    LoginFault.WRONG_AUD: (400, "id_token_refused"),
    LoginFault.WRONG_AZP: (400, "id_token_refused"),
    LoginFault.NO_AZP: (400, "id_token_refused"),
    LoginFault.NO_SUB: (400, "id_token_refused"),
    LoginFault.EXPIRED: (400, "id_token_refused"),
    LoginFault.FUTURE: (400, "id_token_refused"),
    LoginFault.WRONG_NONCE: (400, "id_token_refused"),
    LoginFault.NO_NONCE: (400, "id_token_refused"),
    LoginFault.WRONG_AT_HASH: (400, "id_token_refused"),
    # its header and signature: RFC 8725 §3
    LoginFault.ALG_NONE: (400, "id_token_refused"),
    LoginFault.ALG_HS256: (400, "id_token_refused"),
    LoginFault.ALG_HS256_KEY: (400, "id_token_refused"),
    LoginFault.OTHER_TYP: (400, "id_token_refused"),
    LoginFault.OWN_KEY: (400, "id_token_refused"),
    LoginFault.UNKNOWN_KID: (400, "id_token_refused"),
    LoginFault.WRONG_SIGNATURE: (400, "id_token_refused"),
    # who it is: identity guide §1.6, §1.8
    LoginFault.SUB_SCOPE: (403, "subject_refused"),
    LoginFault.SUB_NOT_HEX: (403, "subject_refused"),
    LoginFault.SUB_RESERVED: (403, "subject_refused"),
    LoginFault.USERINFO_SUB: (400, "userinfo_mismatch"),
    # from whom: RFC 9207, RFC 9700 §4.4
    LoginFault.REDIRECT_ISS: (400, "issuer_mixed_up"),
    # nothing, or half of it
    LoginFault.TOKEN_DOWN: (503, "provider_down"),
    LoginFault.USERINFO_DOWN: (503, "provider_down"),
}
BEFORE = {  # the browser never comes back from these
    LoginFault.DISCOVERY_ISS,
    LoginFault.DISCOVERY_DOWN,
    LoginFault.AUTHORIZATION_DOWN,
    LoginFault.JWKS_DOWN,  # asked once an hour; see tests/unit/oidc
    LoginFault.CUT,
}
WHERE_FRESH = {LoginFault.NO_AUTH_TIME, LoginFault.OLD_AUTH_TIME}


def reason(page: str) -> str:
    return page.partition("<small>")[2].partition("</small>")[0]


async def come_back(bed: Bed, **query: Any) -> str:
    """Go to the provider; return where it sends the browser."""
    bed.http.cookies.clear()
    left = await bed.http.get(f"{bed.address}/auth/login", params={"login_hint": "ines"} | query)
    assert left.status_code == 302, left.text
    return (await bed.http.get(left.headers["location"])).headers["location"]


async def test_each_fault_of_the_provider_has_its_refusal_and_leaves_nothing(bed: Bed):
    found, said = {}, ""
    await come_back(bed)  # discovery is known
    for fault in BY_THE_PROVIDER:
        bed.world.login.faults.set(fault, 1)
        with capture_logs() as logs:
            answer = await bed.http.get(await come_back(bed))
        found[fault] = answer.status_code, reason(answer.text)
        said += f"{logs} {answer.text}"
        assert "set-cookie" not in answer.headers, fault
        assert bed.world.login.faults.active == {}, fault

    assert found == BY_THE_PROVIDER
    ines = next(each for each in PEOPLE if each.key == "ines")
    assert [each for each in (ines.subject, ines.name, ines.email, "eyJ") if each in said] == []
    counts = "select (select count(*) from account), (select count(*) from session)"
    assert tuple(await bed.app.database.fetchrow(counts)) == (0, 0)


def test_no_fault_that_the_sandbox_has_is_left_out():
    assert {*BY_THE_PROVIDER, *BEFORE, *WHERE_FRESH} == set(LoginFault)


@pytest.mark.parametrize("fault", sorted(WHERE_FRESH))
async def test_a_fresh_login_that_the_provider_does_not_date_is_refused(
    bed: Bed, fault: LoginFault
):
    bed.world.login.faults.set(fault, None)
    anyhow = await bed.http.get(await come_back(bed))
    anew = await bed.http.get(await come_back(bed, fresh="true"))
    bed.world.login.faults.clear()
    dated = await bed.http.get(await come_back(bed, fresh="true"))

    assert (anyhow.status_code, dated.status_code) == (302, 302)
    assert (anew.status_code, reason(anew.text)) == (400, "login_not_fresh")


async def test_each_error_that_a_way_back_may_bring_has_its_refusal(bed: Bed):
    expected = {
        "access_denied": (400, "provider_refused"),
        "invalid_scope": (400, "provider_refused"),
        "<script>alert(1)</script>": (400, "provider_refused"),
        "server_error": (503, "provider_down"),
        "temporarily_unavailable": (503, "provider_down"),
    }
    found = {}
    for error in expected:
        query = parse_qs(urlsplit(await come_back(bed)).query)
        answer = await bed.http.get(
            f"{bed.address}/auth/callback", params={"state": query["state"][0], "error": error}
        )
        found[error] = answer.status_code, reason(answer.text)
        assert "<script>" not in answer.text

    assert found == expected
    for query in ({}, {"code": "c"}, {"state": "s"}, {"state": "s", "code": "c"}):
        answer = await bed.http.get(f"{bed.address}/auth/callback", params=query)
        assert (answer.status_code, reason(answer.text)) == (400, "login_unknown"), query


async def test_a_provider_that_is_down_stops_new_logins_and_no_session(bed: Bed):
    phone = await bed.signed_in("ines")
    way = await bed.http.get(await come_back(bed, app_challenge=CHALLENGE, return_to=APP_LINK))
    tokens = (await swapped(bed, way)).json()
    for fault in (LoginFault.DISCOVERY_DOWN, LoginFault.TOKEN_DOWN, LoginFault.USERINFO_DOWN):
        bed.world.login.faults.set(fault, None)
    bed.http.cookies.clear()
    answer = await bed.http.get(await come_back(bed))

    assert (answer.status_code, reason(answer.text)) == (503, "provider_down")
    assert (await bed.ask(phone, "{ me { displayName } }"))["me"]["displayName"]
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert (await bed.http.post(f"{bed.address}/auth/token", data=form)).status_code == 200


async def test_a_login_that_took_too_long_is_begun_again_without_a_word(bed: Bed):
    back = await come_back(bed, app_challenge=CHALLENGE, return_to=APP_LINK)
    await forget_logins(bed)  # ten minutes are over
    again = await bed.http.get(back)
    assert again.headers["location"].startswith(bed.world.login.issuer)
    person = await bed.http.get(again.headers["location"] + "&login_hint=ines")
    done = await bed.http.get(person.headers["location"])

    assert (await swapped(bed, done)).status_code == 200
    await forget_logins(bed)
    round_again = await bed.http.get(person.headers["location"])
    assert (round_again.status_code, reason(round_again.text)) == (400, "login_loop")


async def swapped(bed: Bed, answer: httpx.Response) -> httpx.Response:
    """Swap the code that an app was sent back with."""
    code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}
    return await bed.http.post(f"{bed.address}/auth/token", data=form)


async def forget_logins(bed: Bed) -> None:
    redis = bed.app.services.login.states.redis  # type: ignore[union-attr]
    if keys := await redis.keys("login:*"):
        await redis.delete(*keys)


async def test_a_way_back_that_is_loaded_again_goes_where_the_first_went(bed: Bed):
    back = await come_back(bed, return_to="/graphql?tab=2")
    first, second, third = [await bed.http.get(back) for _ in range(3)]

    seen = [(each.status_code, each.headers["location"]) for each in (first, second, third)]
    assert seen == [(302, "/graphql?tab=2")] * 3
    assert await bed.app.database.fetchval("select count(*) from session") == 1


async def test_two_logins_in_two_tabs_do_not_know_of_each_other(bed: Bed):
    bed.http.cookies.clear()
    ways = []
    for path in ("/graphql?tab=1", "/graphql?tab=2"):
        query = {"login_hint": "ines", "return_to": path}
        left = await bed.http.get(f"{bed.address}/auth/login", params=query)
        ways.append((await bed.http.get(left.headers["location"])).headers["location"])

    seen = [(await bed.http.get(each)).headers["location"] for each in ways]
    assert seen == ["/graphql?tab=1", "/graphql?tab=2"]
