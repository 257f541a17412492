"""Logging in at the sandbox's provider, and at one that does what a test tells it to."""

import base64
import hashlib
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import msgspec
import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from structlog.testing import capture_logs
from unit.sandbox.hand_clock import HandClock

from erasmus_app.errors import LoginFailed
from erasmus_app.identity.claims import FEIDE, Identity
from erasmus_app.identity.models import LoginUnderWay
from erasmus_app.identity.providers import DEFAULT, SCOPES, ProviderConfig, myacademicid
from erasmus_app.oidc import provider as provider_module
from erasmus_app.oidc.provider import OpenIdProvider
from sandbox import login
from sandbox.login import Client, LoginFault, LoginProvider
from sandbox.login_people import PEOPLE

BACK = "https://app.example/auth/callback"
SECRET = "a+secret%of &thirty-two characters: ä"  # as a portal may make it
APP = Client(client_id="APP-5d0c7c0e", secret=SECRET, redirect_uris=(BACK,))
LOGIN = LoginUnderWay(state="a-state", nonce="a-nonce", verifier="v" * 48, cookie="c")

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one provider for all


@pytest.fixture(scope="module")
def clock() -> HandClock:
    return HandClock()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running_provider(clock: HandClock):
    async with login.running(clients=[APP], now=clock) as provider:
        yield provider


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http():
    async with httpx.AsyncClient(timeout=20, trust_env=False) as http:
        yield http


@pytest.fixture
def sandbox(running_provider: LoginProvider):
    yield running_provider
    running_provider.faults.clear()


@pytest.fixture
def ours(sandbox: LoginProvider, http: httpx.AsyncClient, clock: HandClock) -> OpenIdProvider:
    return a_provider(http, sandbox.issuer, clock)


def a_provider(http: httpx.AsyncClient, issuer: str, clock: Any) -> OpenIdProvider:
    return OpenIdProvider(
        http=http,
        config=myacademicid(issuer, APP.client_id, SECRET),
        redirect_uri=BACK,
        clock=clock,
    )


async def returned(ours: OpenIdProvider, key: str, **changed: str) -> dict[str, str]:
    """Let the browser go to the provider and come back with its answer."""
    address = await ours.authorization_url(LOGIN, hint=key)
    answer = await ours.http.get(address)
    assert answer.status_code == 302, answer.text
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query)) | changed


async def identity(ours: OpenIdProvider, key: str = "ines", login: LoginUnderWay = LOGIN):
    back = await returned(ours, key)
    assert back["state"] == LOGIN.state
    return await ours.identity(back["code"], login, back["iss"])


def person(key: str):
    return next(each for each in PEOPLE if each.key == key)


ESI = "urn:schac:personalUniqueCode:int:esi"
NONE_BUT_NAME = (
    "schac_home_organization",
    "schac_personal_unique_code",
    "voperson_external_affiliation",
)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (
            "ines",  # lists
            {
                "home_hei_ids": ("ribeira.example",),
                "affiliations": ("student@ribeira.example", "member@ribeira.example"),
                "esis": person("ines").unique_codes,
                "missing": (),
            },
        ),
        (
            "zofia",  # one value comes as text
            {
                "home_hei_ids": (person("zofia").home,),
                "affiliations": person("zofia").affiliations,
                "esis": person("zofia").unique_codes,
                "missing": (),
            },
        ),
        (
            "marta",
            {
                "home_hei_ids": ("ribeira.example",),
                "affiliations": person("marta").affiliations,
                "esis": (),
                "missing": ("schac_personal_unique_code",),
            },
        ),
        (
            "beatriz",
            {
                "home_hei_ids": ("ribeira.example",),
                "affiliations": ("student@ribeira.example",),
                "esis": (),
                "missing": ("schac_personal_unique_code",),
            },
        ),
        (
            "emil",  # two ESIs, and a code that is none
            {
                "home_hei_ids": ("lindental.example",),
                "affiliations": person("emil").affiliations,
                "esis": (f"{ESI}:lindental.example:5519870", f"{ESI}:clairval.example:E70233"),
                "missing": (),
            },
        ),
        (
            "guest",
            {"home_hei_ids": (), "affiliations": (), "esis": (), "missing": NONE_BUT_NAME},
        ),
    ],
)
async def test_each_kind_of_person_logs_in(
    sandbox: LoginProvider,
    ours: OpenIdProvider,
    clock: HandClock,
    key: str,
    expected: dict[str, Any],
):
    who = person(key)

    assert await identity(ours, key) == Identity(
        issuer=sandbox.issuer,
        subject=who.subject,
        display_name=who.name,
        email=who.email,
        email_verified=True,
        authenticated_at=clock().replace(microsecond=0),
        received=tuple(sorted(who.claims(SCOPES[DEFAULT]))),
        **expected,
    )


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        *(
            (each, "id_token_refused")
            for each in (
                LoginFault.WRONG_ISS,
                LoginFault.WRONG_AUD,
                LoginFault.WRONG_AZP,
                LoginFault.NO_AZP,
                LoginFault.NO_SUB,
                LoginFault.FUTURE,
                LoginFault.ALG_HS256_KEY,
                LoginFault.OTHER_TYP,
                LoginFault.OWN_KEY,
                LoginFault.EXPIRED,
                LoginFault.WRONG_NONCE,
                LoginFault.NO_NONCE,
                LoginFault.WRONG_AT_HASH,
                LoginFault.ALG_NONE,
                LoginFault.ALG_HS256,
                LoginFault.UNKNOWN_KID,
                LoginFault.WRONG_SIGNATURE,
            )
        ),
        (LoginFault.SUB_SCOPE, "subject_refused"),
        (LoginFault.SUB_NOT_HEX, "subject_refused"),
        (LoginFault.SUB_RESERVED, "subject_refused"),
        (LoginFault.USERINFO_SUB, "userinfo_mismatch"),
        (LoginFault.REDIRECT_ISS, "issuer_mixed_up"),
        (LoginFault.TOKEN_DOWN, "provider_down"),
        (LoginFault.USERINFO_DOWN, "provider_down"),
        (LoginFault.JWKS_DOWN, "provider_down"),
        (LoginFault.CUT, "provider_down"),
    ],
)
async def test_each_fault_ends_the_login_and_tells_nothing_personal(
    sandbox: LoginProvider, ours: OpenIdProvider, fault: LoginFault, code: str
):
    await ours.authorization_url(LOGIN, hint=None)  # discovery is known
    if fault is LoginFault.REDIRECT_ISS:
        sandbox.faults.set(fault, 1)
    back = await returned(ours, "ines")
    if fault is not LoginFault.REDIRECT_ISS:
        sandbox.faults.set(fault, 1)
    with capture_logs() as logs, pytest.raises(LoginFailed) as refused:
        await ours.identity(back["code"], LOGIN, back["iss"])

    assert (refused.value.code, sandbox.faults.active) == (code, {})
    ines = person("ines")
    said = f"{refused.value} {logs}"
    secrets = (ines.subject, ines.name, ines.email, SECRET, back["code"], LOGIN.nonce, "eyJ")
    assert [each for each in secrets if each in said] == []


@pytest.mark.parametrize(
    ("fault", "code"),
    [(LoginFault.DISCOVERY_ISS, "issuer_mismatch"), (LoginFault.DISCOVERY_DOWN, "provider_down")],
)
async def test_a_provider_that_cannot_be_known_gets_no_browser(
    sandbox: LoginProvider, ours: OpenIdProvider, fault: LoginFault, code: str
):
    sandbox.faults.set(fault, 1)
    with pytest.raises(LoginFailed) as refused:
        await ours.authorization_url(LOGIN, hint=None)

    assert refused.value.code == code
    assert (await identity(ours)).display_name == person("ines").name  # well again


async def test_discovery_is_kept_for_an_hour_and_the_old_one_is_better_than_none(
    sandbox: LoginProvider, ours: OpenIdProvider, monkeypatch: pytest.MonkeyPatch
):
    await identity(ours)
    sandbox.faults.set(LoginFault.DISCOVERY_DOWN, None)
    monkeypatch.setattr(provider_module, "KEEP_SECONDS", -1.0)  # an hour is over

    assert (await identity(ours)).subject == person("ines").subject


@pytest.mark.parametrize("keep_old", [True, False])
async def test_a_rotation_of_keys_is_followed_at_once(
    sandbox: LoginProvider, ours: OpenIdProvider, keep_old: bool
):
    await identity(ours)
    sandbox.keys.rotate(keep_old=keep_old)

    assert (await identity(ours)).subject == person("ines").subject


async def test_an_unknown_key_makes_the_keys_be_read_once_again_and_no_more(
    sandbox: LoginProvider, http: httpx.AsyncClient, clock: HandClock
):
    asked: list[str] = []

    async def note(request: httpx.Request) -> None:
        asked.append(request.url.path)

    async with httpx.AsyncClient(trust_env=False, event_hooks={"request": [note]}) as watched:
        ours = a_provider(watched, sandbox.issuer, clock)
        await identity(ours)
        sandbox.faults.set(LoginFault.UNKNOWN_KID, 1)
        before = asked.count("/OIDC/jwks")
        with pytest.raises(LoginFailed):
            await identity(ours)
        once = asked.count("/OIDC/jwks")
        sandbox.faults.set(LoginFault.UNKNOWN_KID, 1)
        with pytest.raises(LoginFailed):
            await identity(ours)  # and not for each of them

    assert (before, once, asked.count("/OIDC/jwks")) == (1, 2, 2)


async def test_a_code_is_good_once_and_with_its_verifier_alone(ours: OpenIdProvider):
    other = LoginUnderWay(state="s", nonce=LOGIN.nonce, verifier="w" * 48, cookie="c")
    back = await returned(ours, "ines")
    with pytest.raises(LoginFailed) as wrong_verifier:
        await ours.identity(back["code"], other, back["iss"])
    with pytest.raises(LoginFailed) as used:
        await ours.identity(back["code"], LOGIN, back["iss"])

    assert {wrong_verifier.value.code, used.value.code} == {"provider_refused"}


async def test_an_answer_that_names_no_issuer_is_refused_where_one_is_promised(
    ours: OpenIdProvider,
):
    back = await returned(ours, "ines")
    with pytest.raises(LoginFailed) as refused:
        await ours.identity(back["code"], LOGIN, None)

    assert refused.value.code == "issuer_mixed_up"


NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ISSUER = "https://login.example"
DISCOVERY = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize?tenant=1",
    "token_endpoint": f"{ISSUER}/token",
    "userinfo_endpoint": f"{ISSUER}/userinfo",
    "jwks_uri": f"{ISSUER}/jwks",
    "id_token_signing_alg_values_supported": ["ES384", "RS256"],
}


def half_hash(token: str, algorithm: str) -> str:
    digest = hashlib.new(algorithm, token.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).decode().rstrip("=")


class AnotherProvider:
    """A provider over httpx's own transport; a test changes one of its answers."""

    def __init__(self, **answers: Any) -> None:
        self.key = ECKey.generate_key("P-384", private=True, auto_kid=True)
        self.claims = {
            "iss": ISSUER,
            "sub": "abc@myacademicid.org",
            "aud": [APP.client_id],
            "nonce": LOGIN.nonce,
            "iat": int(NOW.timestamp()),
            "exp": int(NOW.timestamp()) + 60,
            "at_hash": half_hash("at", "sha384"),
        }
        self.answers: dict[str, Any] = {
            "/.well-known/openid-configuration": DISCOVERY,
            "/jwks": {"keys": [self.key.as_dict(private=False)]},
            "/userinfo": {"sub": self.claims["sub"], "name": ["A", "B"], "email": ""},
            **answers,
        }

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path == "/token" and path not in self.answers:
            header = {"alg": "ES384", "kid": self.key.kid}
            token = jwt.encode(header, self.claims, self.key, algorithms=["ES384"])
            return httpx.Response(200, json={"id_token": token, "access_token": "at"})
        answer = self.answers[path]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):
            return answer
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        return httpx.Response(200, content=content)


async def log_in(other: AnotherProvider) -> Identity:
    async with httpx.AsyncClient(transport=httpx.MockTransport(other)) as http:
        return await a_provider(http, ISSUER, lambda: NOW).identity("a-code", LOGIN, None)


async def test_a_provider_of_another_hand_is_understood_too():
    assert await log_in(AnotherProvider()) == Identity(
        issuer=ISSUER,
        subject="abc@myacademicid.org",
        display_name="A",
        email=None,
        home_hei_ids=(),
        affiliations=(),
        esis=(),
        missing=("email", *NONE_BUT_NAME),
        received=("email", "name", "sub"),
    )


async def test_keys_that_we_cannot_use_do_no_harm_to_the_others():
    other = AnotherProvider()
    odd = [1, {}, {"kty": "OKP", "crv": "X25519", "x": "AA"}, {"kty": "EC", "crv": "P-999"}]
    odd += [{"kty": "RSA", "n": "&", "e": "AQAB"}, {"kty": "EC", "crv": "P-256", "x": 1, "y": "a"}]
    other.answers["/jwks"]["keys"] = [*odd, *other.answers["/jwks"]["keys"]]

    assert (await log_in(other)).display_name == "A"


async def test_an_authorization_endpoint_with_a_query_keeps_it():
    async with httpx.AsyncClient(transport=httpx.MockTransport(AnotherProvider())) as http:
        address = await a_provider(http, ISSUER, lambda: NOW).authorization_url(LOGIN, hint=None)

    query = dict(parse_qsl(urlsplit(address).query))
    assert (query["tenant"], query["state"], query["nonce"]) == ("1", LOGIN.state, LOGIN.nonce)


@pytest.mark.parametrize(
    ("path", "answer", "code"),
    [
        ("/.well-known/openid-configuration", httpx.ReadTimeout("slow"), "provider_down"),
        ("/.well-known/openid-configuration", b"<html>", "provider_invalid"),
        ("/.well-known/openid-configuration", b"\xff", "provider_invalid"),
        ("/.well-known/openid-configuration", [], "issuer_mismatch"),
        ("/.well-known/openid-configuration", {"issuer": f"{ISSUER}/"}, "issuer_mismatch"),
        ("/.well-known/openid-configuration", {"issuer": ISSUER}, "provider_incomplete"),
        (
            "/.well-known/openid-configuration",
            DISCOVERY | {"userinfo_endpoint": "http://login.example/userinfo"},
            "provider_incomplete",
        ),
        (
            "/.well-known/openid-configuration",
            DISCOVERY | {"token_endpoint": "https://login.example:port/"},
            "provider_down",
        ),
        (
            "/.well-known/openid-configuration",
            DISCOVERY | {"id_token_signing_alg_values_supported": "ES384"},
            "id_token_refused",
        ),
        (
            "/.well-known/openid-configuration",
            DISCOVERY | {"id_token_signing_alg_values_supported": ["none", "HS256", {}]},
            "id_token_refused",
        ),
        ("/token", httpx.Response(302, headers={"location": "/"}), "provider_refused"),
        ("/token", httpx.Response(400, json={"error": "invalid_grant"}), "provider_refused"),
        ("/token", [], "provider_invalid"),
        ("/token", {}, "id_token_refused"),
        ("/token", {"id_token": None}, "id_token_refused"),
        ("/token", {"id_token": "a.b.c"}, "id_token_refused"),
        ("/jwks", [], "id_token_refused"),
        ("/jwks", {"keys": None}, "id_token_refused"),
        ("/jwks", {"keys": [1]}, "id_token_refused"),
        ("/userinfo", [], "userinfo_mismatch"),
        ("/userinfo", {"sub": None}, "userinfo_mismatch"),
        ("/userinfo", b"eyJhbGciOi", "provider_invalid"),
        ("/userinfo", httpx.Response(401), "provider_refused"),
    ],
)
async def test_an_answer_that_makes_no_sense_ends_the_login(path: str, answer: Any, code: str):
    with pytest.raises(LoginFailed) as refused:
        await log_in(AnotherProvider(**{path: answer}))

    assert refused.value.code == code


@pytest.mark.parametrize(
    "changed",
    [
        {"at_hash": half_hash("at", "sha256")},  # ES384 hashes with SHA-384
        {"at_hash": 1},
        {"aud": [APP.client_id, "APP-2"]},  # and no azp
        {"aud": None},
        {"aud": {}},
        {"exp": "2099"},
        {"exp": True},
        {"iat": int(NOW.timestamp()) + 61},
        {"iat": None},
        {"sub": ""},
        {"sub": 5},
        {"nonce": None},
        {"auth_time": int(NOW.timestamp()) + 61},
        {"auth_time": "noon"},
        {"auth_time": 0},
    ],
    ids=str,
)
async def test_claims_that_do_not_fit_are_refused(changed: dict[str, Any]):
    other = AnotherProvider()
    other.claims |= changed
    with pytest.raises(LoginFailed) as refused:
        await log_in(other)

    assert refused.value.code == "id_token_refused"


async def test_a_key_of_another_kind_than_the_algorithm_names_is_refused():
    other = AnotherProvider()
    key = RSAKey.generate_key(2048, private=True, parameters={"kid": other.key.kid})
    token = jwt.encode({"alg": "RS256", "kid": other.key.kid}, other.claims, key)
    other.answers["/token"] = {"id_token": token, "access_token": "at"}
    with pytest.raises(LoginFailed) as refused:
        await log_in(other)

    assert refused.value.code == "id_token_refused"


async def test_a_fresh_login_is_asked_for_in_both_ways():
    fresh = msgspec.structs.replace(LOGIN, fresh_after=NOW)
    async with httpx.AsyncClient(transport=httpx.MockTransport(AnotherProvider())) as http:
        ours = a_provider(http, ISSUER, lambda: NOW)
        asked = [await ours.authorization_url(each, hint=None) for each in (LOGIN, fresh)]

    either, anew = (dict(parse_qsl(urlsplit(each).query)) for each in asked)
    assert anew == either | {"prompt": "login", "max_age": "60"}
    assert "offline_access" not in either["scope"]


@pytest.mark.parametrize(
    ("offered", "address"),
    [
        ({}, None),
        ({"end_session_endpoint": 5}, None),
        ({"end_session_endpoint": "http://login.example/bye"}, None),
        (
            {"end_session_endpoint": "https://login.example/bye?a=b"},
            f"https://login.example/bye?a=b&client_id={APP.client_id}",
        ),
    ],
)
async def test_a_provider_says_where_its_session_ends_or_not(offered: Any, address: str | None):
    other = AnotherProvider(**{"/.well-known/openid-configuration": DISCOVERY | offered})
    async with httpx.AsyncClient(transport=httpx.MockTransport(other)) as http:
        assert await a_provider(http, ISSUER, lambda: NOW).logout_url() == address


EXTENDED = "https://api.login.example/further"


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ({"eduPersonAffiliation": ["student"]}, ("student@ribeira.example",)),
        ({"sub": "abc", "eduPersonAffiliation": ["student"]}, ("student@ribeira.example",)),
        ({"sub": "abc", "name": "Another"}, ()),  # what userinfo says goes before it
        (httpx.Response(404), ()),
        ({"sub": "abd"}, "userinfo_mismatch"),
        ([], "userinfo_mismatch"),
        (httpx.Response(403), "provider_refused"),
        (httpx.Response(503), "provider_down"),
    ],
)
async def test_extended_userinfo_adds_to_what_is_known(answer: Any, found: Any):
    other = AnotherProvider(**{"/further": answer})
    other.claims["sub"] = "abc"
    principal = {FEIDE.principal: "ines@ribeira.example"}
    other.answers["/userinfo"] = {"sub": "abc", "name": "Inês"} | principal
    config = ProviderConfig(
        name="feide",
        issuer=ISSUER,
        client_id=APP.client_id,
        client_secret=SECRET,
        scopes=("openid",),
        claims=FEIDE,
        extended_userinfo=EXTENDED,
    )
    async with httpx.AsyncClient(transport=httpx.MockTransport(other)) as http:
        ours = OpenIdProvider(http=http, config=config, redirect_uri=BACK, clock=lambda: NOW)
        if isinstance(found, str):
            with pytest.raises(LoginFailed) as refused:
                await ours.identity("a-code", LOGIN, None)
            assert refused.value.code == found
        else:
            who = await ours.identity("a-code", LOGIN, None)
            assert (who.display_name, who.affiliations) == ("Inês", found)
