import re
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
import pytest
import pytest_asyncio
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet
from unit.sandbox.hand_clock import HandClock

from sandbox import login
from sandbox.login import Client, LoginFault, LoginSettings
from sandbox.login_people import PEOPLE

BACK = "https://app.example/auth/callback"
SECRET = "a-secret-of-at-least-thirty-two-characters"
APP = Client(
    client_id="APP-5d0c7c0e-0001",
    secret=SECRET,
    redirect_uris=(BACK, f"{BACK}?from=app"),
    post_logout_redirect_uris=("https://app.example/bye",),
)
PUBLIC = Client(client_id="APP-public", secret=None, redirect_uris=(BACK,))
SCOPES = (
    "openid profile email voperson_id schac_home_organization schac_personal_unique_code "
    "voperson_external_affiliation eduperson_assurance"
)
VERIFIER = "v" * 48
REQUEST = {
    "response_type": "code",
    "client_id": APP.client_id,
    "redirect_uri": BACK,
    "scope": SCOPES,
    "state": "a state",
    "nonce": "a nonce",
    "code_challenge": create_s256_code_challenge(VERIFIER),
    "code_challenge_method": "S256",
}


pytestmark = pytest.mark.asyncio(loop_scope="module")  # one provider for all, as it would be


@pytest.fixture(scope="module")
def clock() -> HandClock:
    return HandClock()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running_provider(clock):
    async with login.running(clients=[APP, PUBLIC], now=clock) as provider:
        yield provider


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http(running_provider):
    async with httpx.AsyncClient(base_url=running_provider.issuer) as http:
        yield http


@pytest.fixture
def provider(running_provider):
    yield running_provider
    running_provider.faults.clear()


async def ask(http, hint="ines", **changes):
    """Send the browser to the authorization page; a change to None leaves a parameter out."""
    wanted = {**REQUEST, "login_hint": hint, **changes}
    query = {name: value for name, value in wanted.items() if value is not None}
    return await http.get("/OIDC/authorization", params=query)


async def answer_of(http, hint="ines", **changes):
    """What the browser brings back to the app."""
    answer = await ask(http, hint, **changes)
    assert answer.status_code == 302, answer.text
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


async def swap(http, code, *, auth=(APP.client_id, SECRET), **changes):
    wanted = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": BACK,
        "code_verifier": VERIFIER,
        **changes,
    }
    form = {name: value for name, value in wanted.items() if value is not None}
    return await http.post("/OIDC/token", data=form, auth=auth)


async def tokens_of(http, hint="ines", **changes):
    answer = await swap(http, (await answer_of(http, hint, **changes))["code"])
    assert answer.status_code == 200, answer.text
    return answer.json()


async def userinfo(http, tokens):
    headers = {"authorization": f"Bearer {tokens['access_token']}"} if tokens else {}
    return await http.get("/OIDC/userinfo", headers=headers)


async def verified(http, token):
    keys = KeySet.import_key_set((await http.get("/OIDC/jwks")).json())
    return jwt.decode(token, keys, algorithms=["ES256"])


def subject(key):
    return next(each.subject for each in PEOPLE if each.key == key)


async def test_discovery_names_the_issuer_and_where_everything_is(provider, http):
    found = (await http.get("/.well-known/openid-configuration")).json()

    base = f"{provider.issuer}/OIDC"
    assert found["issuer"] == provider.issuer
    assert {
        name: value for name, value in found.items() if name.endswith(("_endpoint", "_uri"))
    } == {
        "authorization_endpoint": f"{base}/authorization",
        "token_endpoint": f"{base}/token",
        "userinfo_endpoint": f"{base}/userinfo",
        "introspection_endpoint": f"{base}/introspect",
        "jwks_uri": f"{base}/jwks",
        "end_session_endpoint": f"{base}/end_session",
    }
    assert found["authorization_response_iss_parameter_supported"] is True


@pytest.mark.filterwarnings("ignore:.*httpx2.*")
async def test_an_ordinary_client_library_logs_a_student_in(provider):
    from authlib.integrations.httpx_client import AsyncOAuth2Client

    async with AsyncOAuth2Client(
        client_id=APP.client_id,
        client_secret=SECRET,
        redirect_uri=BACK,
        scope=SCOPES,
        code_challenge_method="S256",
    ) as client:
        metadata = (
            await client.request(
                "GET", f"{provider.issuer}/.well-known/openid-configuration", withhold_token=True
            )
        ).json()
        address, state = client.create_authorization_url(
            metadata["authorization_endpoint"],
            code_verifier=VERIFIER,
            nonce="n-1",
            login_hint="camille",
        )
        page = await client.request("GET", address, withhold_token=True)
        tokens = await client.fetch_token(
            metadata["token_endpoint"],
            authorization_response=page.headers["location"],
            code_verifier=VERIFIER,
            state=state,
        )
        claims = (await client.get(metadata["userinfo_endpoint"])).json()
        keys = KeySet.import_key_set((await client.get(metadata["jwks_uri"])).json())

    token = jwt.decode(tokens["id_token"], keys, algorithms=["ES256"])
    CodeIDToken(
        token.claims,
        token.header,
        options={
            "iss": {"essential": True, "value": provider.issuer},
            "aud": {"essential": True, "value": APP.client_id},
        },
        params={"nonce": "n-1", "access_token": tokens["access_token"]},
    ).validate()
    assert claims == {
        "sub": token.claims["sub"],
        "voperson_id": token.claims["sub"],
        "name": "Camille Renard",
        "given_name": "Camille",
        "family_name": "Renard",
        "email": "camille.renard@etu.clairval.example",
        "schac_home_organization": ["clairval.example"],
        "schac_personal_unique_code": [
            "urn:schac:personalUniqueCode:int:esi:clairval.example:E77120"
        ],
        "voperson_external_affiliation": ["student@clairval.example", "member@clairval.example"],
        "eduperson_assurance": [
            "https://refeds.org/assurance",
            "https://refeds.org/assurance/ID/unique",
            "https://refeds.org/assurance/IAP/low",
            "https://refeds.org/assurance/ATP/ePA-1m",
        ],
    }


async def test_the_id_token_carries_identifiers_only(provider, http, clock):
    tokens = await tokens_of(http)
    token = await verified(http, tokens["id_token"])

    second = int(clock.now.timestamp())
    assert token.header == {"alg": "ES256", "kid": provider.keys.current.kid, "typ": "JWT"}
    claims = dict(token.claims)
    claims.pop("at_hash")
    assert claims == {
        "iss": provider.issuer,
        "sub": subject("ines"),
        "aud": APP.client_id,
        "iat": second,
        "exp": second + 3600,
        "auth_time": second,
        "nonce": "a nonce",
        "voperson_id": subject("ines"),
    }


async def test_the_redirect_brings_all_that_myacademicid_sends(provider, http):
    answer = await answer_of(http)
    answer.pop("code")

    assert answer == {
        "state": "a state",
        "scope": SCOPES,
        "iss": provider.issuer,
        "client_id": APP.client_id,
    }


async def test_a_redirect_address_keeps_its_own_query(http):
    answer = await ask(http, redirect_uri=f"{BACK}?from=app")

    assert answer.headers["location"].startswith(f"{BACK}?from=app&code=")


async def test_subjects_have_the_provider_s_form_and_differ():
    subjects = [each.subject for each in PEOPLE]

    assert len(set(subjects)) == len(PEOPLE)
    assert all(re.fullmatch(r"[0-9a-f]{40}@myacademicid\.org", each) for each in subjects)


async def test_single_values_come_as_text_where_the_university_sends_them_so(http):
    claims = (await userinfo(http, await tokens_of(http, "zofia"))).json()

    assert claims["schac_home_organization"] == "jezioro.example"
    assert claims["schac_personal_unique_code"].endswith(":jezioro.example:310442")


@pytest.mark.parametrize(
    ("hint", "home", "esis"),
    [("guest", None, 0), ("beatriz", ["ribeira.example"], 0), ("emil", ["lindental.example"], 3)],
)
async def test_people_bring_what_their_login_would(http, hint, home, esis):
    claims = (await userinfo(http, await tokens_of(http, hint))).json()

    codes = claims.get("schac_personal_unique_code", [])
    assert (claims.get("schac_home_organization"), len(codes)) == (home, esis)


async def test_a_coordinator_is_staff_and_employee_of_the_home(http):
    claims = (await userinfo(http, await tokens_of(http, "marta"))).json()

    assert claims["voperson_external_affiliation"] == [
        "employee@ribeira.example",
        "staff@ribeira.example",
        "member@ribeira.example",
    ]


async def test_scopes_that_were_not_asked_for_give_nothing_and_unknown_ones_are_ignored(http):
    tokens = await tokens_of(http, scope="openid email unheard_of")

    claims = (await userinfo(http, tokens)).json()
    assert (tokens["scope"], sorted(claims)) == ("openid email", ["email", "sub"])


async def test_the_page_offers_everybody_and_repeats_the_request(http):
    page = await ask(http, hint=None)

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    keys = re.findall(r'<button name="login_hint" value="([a-z]+)">', page.text)
    assert keys == [each.key for each in PEOPLE]
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page.text))
    assert hidden == REQUEST
    assert "Sandbox login: everybody here is invented" in page.text


async def test_the_page_escapes_what_the_request_says(http):
    page = await ask(http, hint='"><script>alert(1)</script>', state='"><script>alert(1)</script>')

    assert page.status_code == 200
    assert "<script" not in page.text


async def test_the_page_s_policy_names_its_style(http):
    import base64
    import hashlib

    page = await ask(http, hint=None)
    style = re.search(r"<style>(.*)</style>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in page.headers["content-security-policy"]


async def test_a_form_may_ask_as_well(http):
    answer = await http.post("/OIDC/authorization", data={**REQUEST, "login_hint": "tiago"})

    assert answer.status_code == 302
    assert answer.headers["location"].startswith(f"{BACK}?code=")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"request": "e30."}, "request_not_supported"),
        ({"prompt": "none", "login_hint": None}, "login_required"),
        ({"cancel": "yes"}, "access_denied"),
    ],
)
async def test_a_refusal_goes_back_with_state_and_issuer(provider, http, changes, error):
    answer = await answer_of(http, **changes)
    answer.pop("error_description")

    assert answer == {"error": error, "state": "a state", "iss": provider.issuer}


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "APP-unknown"},
        {"redirect_uri": f"{BACK}/"},
        {"redirect_uri": f"{BACK}?from=elsewhere"},
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": None},
    ],
)
async def test_a_browser_is_sent_nowhere_that_is_not_registered(http, changes):
    answer = await ask(http, **changes)

    assert (answer.status_code, "location" in answer.headers) == (400, False)


async def test_a_parameter_that_comes_twice_is_refused(http):
    query = urlencode([*REQUEST.items(), ("state", "another")])

    assert (await http.get(f"/OIDC/authorization?{query}")).status_code == 400


async def test_pkce_may_be_left_out_only_where_the_settings_say_so():
    async with (
        login.running(clients=[APP], settings=LoginSettings(pkce_required=False)) as provider,
        httpx.AsyncClient(base_url=provider.issuer) as http,
    ):
        answer = await answer_of(http, code_challenge=None, code_challenge_method=None)
        with_verifier = await swap(http, answer["code"])
        answer = await answer_of(http, code_challenge=None, code_challenge_method=None)
        without = await swap(http, answer["code"], code_verifier=None)

    assert (with_verifier.status_code, without.status_code) == (400, 200)


async def test_a_client_may_authenticate_by_its_form(http):
    code = (await answer_of(http))["code"]
    answer = await swap(http, code, auth=None, client_id=APP.client_id, client_secret=SECRET)

    assert answer.status_code == 200


async def test_a_public_client_needs_no_secret(http):
    code = (await answer_of(http, client_id=PUBLIC.client_id))["code"]
    answer = await swap(http, code, auth=None, client_id=PUBLIC.client_id)

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("auth", "changes", "status", "error"),
    [
        ((APP.client_id, "wrong"), {}, 401, "invalid_client"),
        (("APP-unknown", SECRET), {}, 401, "invalid_client"),
        (None, {}, 401, "invalid_client"),
        (None, {"client_id": APP.client_id}, 401, "invalid_client"),
        ((APP.client_id, SECRET), {"client_secret": SECRET}, 400, "invalid_request"),
        ((PUBLIC.client_id, ""), {}, 400, "invalid_grant"),
        ((APP.client_id, SECRET), {"code_verifier": "w" * 48}, 400, "invalid_grant"),
        ((APP.client_id, SECRET), {"code_verifier": None}, 400, "invalid_grant"),
        ((APP.client_id, SECRET), {"redirect_uri": f"{BACK}/"}, 400, "invalid_grant"),
        ((APP.client_id, SECRET), {"code": "guessed"}, 400, "invalid_grant"),
        ((APP.client_id, SECRET), {"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
async def test_the_token_endpoint_refuses_what_does_not_fit(http, auth, changes, status, error):
    code = (await answer_of(http))["code"]
    answer = await swap(http, **{"code": code, "auth": auth, **changes})

    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.headers["cache-control"] == "no-store"


async def test_a_code_lives_for_a_minute(http, clock):
    codes = [(await answer_of(http))["code"] for _ in range(2)]
    clock.advance(seconds=59)
    in_time = await swap(http, codes[0])
    clock.advance(seconds=1)
    late = await swap(http, codes[1])

    assert (in_time.status_code, late.status_code) == (200, 400)


async def test_a_code_used_twice_voids_what_it_gave(http):
    code = (await answer_of(http))["code"]
    tokens = (await swap(http, code)).json()
    before = await userinfo(http, tokens)
    again = await swap(http, code)
    after = await userinfo(http, tokens)

    assert (before.status_code, again.status_code, after.status_code) == (200, 400, 401)


async def test_an_access_token_ends_after_an_hour(http, clock):
    tokens = await tokens_of(http)
    clock.advance(seconds=3599)
    before = await userinfo(http, tokens)
    clock.advance(seconds=2)
    after = await userinfo(http, tokens)

    assert (before.status_code, after.status_code) == (200, 401)
    assert after.headers["www-authenticate"] == 'Bearer error="invalid_token"'


async def test_userinfo_takes_whole_access_tokens_alone(http):
    tokens = await tokens_of(http)
    wrong = [
        {},
        {"access_token": tokens["id_token"]},
        {"access_token": tokens["access_token"][:-2]},
        {"access_token": "guessed"},
    ]

    assert [(await userinfo(http, each)).status_code for each in wrong] == [401] * 4


async def refresh(http, token, **more):
    form = {"grant_type": "refresh_token", "refresh_token": token, **more}
    return await http.post("/OIDC/token", data=form, auth=(APP.client_id, SECRET))


async def test_refresh_tokens_rotate_and_a_used_one_ends_the_family(http):
    first = await tokens_of(http, scope=f"{SCOPES} offline_access")
    second = (await refresh(http, first["refresh_token"])).json()
    fresh = await userinfo(http, second)
    reused = await refresh(http, first["refresh_token"])
    after = await refresh(http, second["refresh_token"])

    assert fresh.json()["sub"] == subject("ines")
    assert "nonce" not in (await verified(http, second["id_token"])).claims
    assert [each.json()["error"] for each in (reused, after)] == ["invalid_grant"] * 2
    assert (await userinfo(http, second)).status_code == 401


async def test_a_refresh_gives_no_further_scopes(http):
    first = await tokens_of(http, scope="openid offline_access")
    answer = await refresh(http, first["refresh_token"], scope="openid email")

    assert answer.json()["error"] == "invalid_scope"


async def test_without_offline_access_there_is_no_refresh_token(http):
    assert "refresh_token" not in await tokens_of(http)


async def test_introspection_tells_what_a_token_is_good_for(provider, http, clock):
    tokens = await tokens_of(http, scope="openid email schac_personal_unique_code")
    form = {"token": tokens["access_token"]}
    answer = await http.post("/OIDC/introspect", data=form, auth=(APP.client_id, SECRET))

    second = int(clock.now.timestamp())
    assert answer.json() == {
        "active": True,
        "scope": "openid email schac_personal_unique_code",
        "client_id": APP.client_id,
        "exp": second + 3600,
        "iat": second,
        "sub": subject("ines"),
        "iss": provider.issuer,
        "token_type": "Bearer",
        "aud": [APP.client_id],
        "email": "ines.duarte@alunos.ribeira.example",
    }


async def test_introspection_is_for_clients_and_says_little_about_others(http):
    other = await http.post(
        "/OIDC/introspect", data={"token": "guessed"}, auth=(APP.client_id, SECRET)
    )
    stranger = await http.post("/OIDC/introspect", data={"token": "guessed"})

    assert (other.json(), stranger.status_code) == ({"active": False}, 401)


async def test_a_new_key_signs_and_the_old_one_stays_published_unless_told(http):
    old = await tokens_of(http)
    kid = (await http.post("/sandbox/keys", json={})).json()["kid"]
    new = await tokens_of(http)

    assert (await verified(http, new["id_token"])).header["kid"] == kid
    await verified(http, old["id_token"])
    await http.post("/sandbox/keys", json={"keep_old": False})
    assert len((await http.get("/OIDC/jwks")).json()["keys"]) == 1


async def test_the_key_set_is_public_parts_only(http):
    (key,) = (await http.get("/OIDC/jwks")).json()["keys"]

    assert sorted(key) == ["alg", "crv", "kid", "kty", "use", "x", "y"]


async def test_logout_leads_back_where_the_client_said(http):
    tokens = await tokens_of(http)
    query = {
        "id_token_hint": tokens["id_token"],
        "post_logout_redirect_uri": "https://app.example/bye",
        "state": "s",
    }
    back = await http.get("/OIDC/end_session", params=query)
    query["post_logout_redirect_uri"] = "https://evil.example/"
    elsewhere = await http.get("/OIDC/end_session", params=query)
    nowhere = await http.get("/OIDC/end_session")

    assert back.headers["location"] == "https://app.example/bye?state=s"
    assert (elsewhere.status_code, nowhere.status_code) == (400, 200)


@pytest.mark.parametrize(
    ("fault", "claim", "wrong"),
    [
        (LoginFault.WRONG_ISS, "iss", "https://another-login.example"),
        (LoginFault.WRONG_AUD, "aud", "APP-another"),
        (LoginFault.WRONG_AZP, "azp", "APP-another"),
        (LoginFault.WRONG_NONCE, "nonce", "another-nonce"),
        (LoginFault.NO_NONCE, "nonce", None),
    ],
)
async def test_a_claim_goes_wrong_on_demand_and_once(provider, http, fault, claim, wrong):
    right = (await verified(http, (await tokens_of(http))["id_token"])).claims.get(claim)
    await http.put("/sandbox/faults", json={fault: 1})
    first = (await verified(http, (await tokens_of(http))["id_token"])).claims.get(claim)
    second = (await verified(http, (await tokens_of(http))["id_token"])).claims.get(claim)

    assert (first, second) == (wrong, right)


async def test_an_id_token_expires_on_demand(provider, http, clock):
    provider.faults.set(LoginFault.EXPIRED, 1)
    claims = (await verified(http, (await tokens_of(http))["id_token"])).claims

    assert claims["iat"] < claims["exp"] < clock.now.timestamp() - 60


@pytest.mark.parametrize(
    ("fault", "algorithm", "published"),
    [
        (LoginFault.ALG_NONE, "none", False),
        (LoginFault.ALG_HS256, "HS256", False),
        (LoginFault.UNKNOWN_KID, "ES256", False),
        (LoginFault.WRONG_SIGNATURE, "ES256", True),
    ],
)
async def test_a_signature_goes_wrong_on_demand(provider, http, fault, algorithm, published):
    import base64
    import json

    provider.faults.set(fault, 1)
    token = (await tokens_of(http))["id_token"]
    first = token.split(".")[0]
    header = json.loads(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)))

    kids = {key["kid"] for key in (await http.get("/OIDC/jwks")).json()["keys"]}
    assert (header["alg"], header.get("kid") in kids) == (algorithm, published)
    with pytest.raises((ValueError, Exception), match=r"."):
        await verified(http, token)


async def test_userinfo_speaks_of_somebody_else_on_demand(provider, http):
    provider.faults.set(LoginFault.USERINFO_SUB, 1)
    tokens = await tokens_of(http)

    assert (await userinfo(http, tokens)).json()["sub"] != subject("ines")
    assert (await userinfo(http, tokens)).json()["sub"] == subject("ines")


async def test_the_redirect_names_another_issuer_on_demand(provider, http):
    provider.faults.set(LoginFault.REDIRECT_ISS, 1)

    assert (await answer_of(http))["iss"] == "https://another-login.example"


@pytest.mark.parametrize(
    ("fault", "path"),
    [
        ("discovery_down", "/.well-known/openid-configuration"),
        ("jwks_down", "/OIDC/jwks"),
        ("userinfo_down", "/OIDC/userinfo"),
        ("authorization_down", "/OIDC/authorization"),
    ],
)
async def test_an_endpoint_is_down_until_told_otherwise(provider, http, fault, path):
    switched = await http.put("/sandbox/faults", json={fault: None})
    down = [(await http.get(path)).status_code for _ in range(3)]
    await http.delete("/sandbox/faults")
    left = await http.get("/sandbox/faults")

    assert (switched.json(), down, left.json()) == ({fault: None}, [500] * 3, {})
    assert (await http.get(path)).status_code != 500


async def test_an_unheard_of_fault_is_refused(http):
    assert (await http.put("/sandbox/faults", json={"sleepy": 1})).status_code == 400


async def test_a_connection_is_cut_on_demand(provider, http):
    provider.faults.set(LoginFault.CUT, 1)
    with pytest.raises(httpx.RemoteProtocolError):
        await http.get("/OIDC/jwks")

    assert (await http.get("/OIDC/jwks")).status_code == 200


async def test_a_provider_may_be_https_under_a_name_of_its_own(authority):
    async with (
        login.running(clients=[APP], tls=authority.server) as provider,
        httpx.AsyncClient(verify=authority.client_context(), base_url=provider.issuer) as http,
    ):
        assert provider.issuer.startswith("https://localhost:")
        assert (await tokens_of(http))["token_type"] == "Bearer"
    async with login.running(clients=[APP], issuer="https://login.ribeira.example") as provider:
        assert provider.discovery()["jwks_uri"] == "https://login.ribeira.example/OIDC/jwks"


async def test_the_sandbox_s_people_are_listed_for_the_demonstration(http):
    listed = (await http.get("/sandbox/identities")).json()

    assert listed[0] == {
        "key": "ines",
        "name": "Inês Duarte",
        "role": "Student",
        "home": "Universidade da Ribeira",
    }
    assert [each["key"] for each in listed] == [each.key for each in PEOPLE]


async def test_the_query_of_a_chosen_person_logs_in_as_the_page_s_buttons_do(http):
    page = await ask(http, hint=None)
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page.text)
    answer = await http.get("/OIDC/authorization", params=[*hidden, ("login_hint", "jonas")])

    code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
    assert (await swap(http, code)).status_code == 200
