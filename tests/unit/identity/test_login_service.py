import base64
import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import msgspec
import pytest
from factories import AT, later

from erasmus_app.errors import LoginFailed, NotSignedIn
from erasmus_app.identity.claims import Identity, identity_of
from erasmus_app.identity.models import (
    Account,
    CodeForApp,
    LoginUnderWay,
    OpenSession,
    Restarted,
    Session,
)
from erasmus_app.identity.providers import DEFAULT
from erasmus_app.identity.service import LoginService
from erasmus_app.ids import AccountId

APP_LINK, INES = "https://app.example/back", AccountId(UUID(int=7))
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest())[:43].decode()


@dataclass
class World:
    """Provider, states, accounts and tokens: small, and kept in dictionaries."""

    now: datetime = AT
    subject: str = "0a1b@myacademicid.org"
    refused: LoginFailed | None = None
    logins: dict[str, LoginUnderWay] = field(default_factory=dict)
    codes: dict[str, CodeForApp] = field(default_factory=dict)
    held: dict[bytes, Session] = field(default_factory=dict)
    ended: set[UUID] = field(default_factory=set)
    knows: bool = True  # which sessions were ended, without asking
    asked: int = 0
    hints: list[str | None] = field(default_factory=list)
    since: datetime | None = None  # when the provider says that somebody logged in
    wishes: dict[str, LoginUnderWay] = field(default_factory=dict)
    opened: list[tuple[str, datetime | None]] = field(default_factory=list)
    offers_logout: bool = True

    async def authorization_url(self, login: LoginUnderWay, *, hint: str | None) -> str:
        if self.refused:
            raise self.refused
        self.hints.append(hint)
        return f"https://login.example/authorize?state={login.state}"

    async def logout_url(self) -> str | None:
        if self.refused:
            raise self.refused
        return "https://login.example/logout" if self.offers_logout else None

    async def identity(self, code: str, login: LoginUnderWay, issuer: str | None) -> Identity:
        if self.refused:
            raise self.refused
        found = identity_of("https://login.example", {"sub": self.subject, "name": code})
        return msgspec.structs.replace(found, authenticated_at=self.since)

    async def keep_login(self, login: LoginUnderWay) -> None:
        self.logins[login.state] = login
        self.wishes[login.state] = msgspec.structs.replace(login, nonce="", verifier="")

    async def begun(self, state: str) -> LoginUnderWay | None:
        return self.wishes.get(state)

    async def take_login(self, state: str) -> LoginUnderWay | None:
        return self.logins.pop(state, None)

    async def keep_code(self, code: str, what: CodeForApp) -> None:
        self.codes[code] = what

    async def take_code(self, code: str) -> CodeForApp | None:
        return self.codes.pop(code, None)

    async def signed_in(self, identity: Identity, language: str) -> AccountId:
        return INES

    async def account(self, account: AccountId) -> Account | None:
        return None

    async def open_session(
        self,
        account: AccountId,
        kind: str,
        secret: bytes,
        expires_at: datetime,
        *,
        provider: str = DEFAULT,
        authenticated_at: datetime | None = None,
    ) -> UUID:
        self.opened.append((provider, authenticated_at))
        session = Session(account_id=account, session_id=uuid4(), expires_at=expires_at)
        self.held[secret] = session
        return session.session_id

    async def rotate(self, old: bytes, new: bytes, now: datetime) -> Session | None:
        if (session := self.held.pop(old, None)) is not None:
            self.held[new] = session
        return session

    async def by_secret(self, secret: bytes, now: datetime) -> Session | None:
        return self.held.get(secret)

    async def revoke(self, session: UUID) -> str | None:
        self.ended.add(session)
        return self.opened[-1][0]

    async def is_open(self, session: UUID, now: datetime) -> bool:
        self.asked += 1
        return session not in self.ended

    async def sessions(self, account: AccountId, now: datetime) -> list[OpenSession]:
        return []

    async def revoke_own(self, account: AccountId, session: UUID) -> bool:
        return False

    async def revoke_others(self, account: AccountId, session: UUID) -> int:
        return 0

    def has(self, session: UUID) -> bool | None:
        return session in self.ended if self.knows else None

    def successor(self, refresh_token: str) -> str:
        return f"{refresh_token}'"

    def issue(self, session: Session, now: datetime) -> str:
        return f"{session.account_id} {session.session_id}"

    def read(self, token: str, now: datetime) -> Session | None:
        account, _, session = token.partition(" ")
        if not session:
            return None
        return Session(
            account_id=AccountId(UUID(account)), session_id=UUID(session), expires_at=self.now
        )


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def service(world: World) -> LoginService:
    return LoginService(
        providers={DEFAULT: world, "feide": world},
        states=world,
        accounts=world,
        tokens=world,
        revocations=world,
        clock=lambda: world.now,
        app_links=("https://app.example/back", "erasmus:/in?from=login"),
    )


async def begun(service: LoginService, *, app: bool = True) -> LoginUnderWay:
    challenge, link = (CHALLENGE, APP_LINK) if app else (None, "/graphql?tab=1")
    _, login = await service.start(app_challenge=challenge, return_to=link, hint=None)
    return login


async def ended(service: LoginService, login: LoginUnderWay, **other):
    given = {"state": login.state, "code": "c", "issuer": None, "cookie": login.cookie}
    return await service.finish(**given | other, language="en")


async def refusal(waiting) -> str:
    with pytest.raises(LoginFailed) as failed:
        await waiting
    return failed.value.code


async def test_an_app_logs_in_and_swaps_its_code_for_tokens(world: World, service: LoginService):
    address, login = await service.start(
        app_challenge=CHALLENGE, return_to=APP_LINK, hint="ribeira"
    )
    assert address == f"https://login.example/authorize?state={login.state}"
    assert world.hints == ["ribeira"]

    finished = await ended(service, login)

    assert finished.return_to == f"{APP_LINK}?code={finished.code}"
    assert finished.browser_session is None
    tokens = await service.swap_code(finished.code or "", VERIFIER)
    (session,) = world.held.values()
    assert session.expires_at == AT + timedelta(days=180)
    assert msgspec.to_builtins(tokens) == {
        "access_token": f"{INES} {session.session_id}",
        "refresh_token": tokens.refresh_token,
        "expires_in": 600,
        "token_type": "Bearer",
    }
    assert world.held.keys() == {hashlib.sha256(tokens.refresh_token.encode()).digest()}


async def test_a_browser_comes_back_to_this_site_with_a_session(
    world: World, service: LoginService
):
    finished = await ended(service, await begun(service, app=False))

    assert (finished.return_to, finished.code) == ("/graphql?tab=1", None)
    session = await service.session(bearer=None, cookie=finished.browser_session)
    assert (session.account_id, session.expires_at) == (INES, later(hours=12))


async def test_a_code_is_added_to_a_link_that_has_a_query(service: LoginService):
    _, login = await service.start(
        app_challenge=CHALLENGE, return_to="erasmus:/in?from=login", hint=None
    )

    finished = await ended(service, login)

    query = parse_qs(urlsplit(finished.return_to).query)
    assert query == {"from": ["login"], "code": [finished.code]}


async def test_the_claims_that_did_not_come_are_passed_on(service: LoginService):
    finished = await ended(service, await begun(service))

    assert finished.missing == (
        "email",
        "schac_home_organization",
        "schac_personal_unique_code",
        "voperson_external_affiliation",
    )


async def test_no_secret_of_a_login_is_another_one(service: LoginService):
    one, two = await begun(service), await begun(service)

    secrets = [
        getattr(each, name)
        for each in (one, two)
        for name in ("state", "nonce", "verifier", "cookie")
    ]
    assert len(set(secrets)) == 8
    assert all(len(each) >= 43 for each in secrets)


LOCAL = [None, "", "/", "/graphql", "/a/b?c=d&e=/f//g#h", "/@user", "/%2F%2Fevil.example"]
ELSEWHERE = [
    "graphql",
    "https://evil.example",
    "https:evil.example",
    "javascript:alert(1)",
    "//evil.example",
    "///evil.example",
    "//[evil",
    "/\\evil.example",
    "\\\\evil.example",
    "/a\\b",
    "/\t/evil.example",
    "/a\r\nSet-Cookie: b=c",
    "/\x00",
    "/\x7f",
    " /graphql",
    "/with a blank",
    "/\N{FULLWIDTH SOLIDUS}evil.example",
    "/é",
    "/\N{RIGHT-TO-LEFT OVERRIDE}",
    "/\ud800",
]


@pytest.mark.parametrize("target", LOCAL)
async def test_a_browser_may_come_back_to_a_path_of_this_site(service: LoginService, target):
    _, login = await service.start(app_challenge=None, return_to=target, hint=None)

    assert login.return_to == (target or "/graphql")


@pytest.mark.parametrize("target", ELSEWHERE)
async def test_a_browser_is_sent_nowhere_else(world: World, service: LoginService, target: str):
    waiting = service.start(app_challenge=None, return_to=target, hint=None)

    assert await refusal(waiting) == "return_refused"
    assert not world.logins


@pytest.mark.parametrize(
    "link",
    [
        None,
        "",
        "/graphql",
        "https://app.example/back/",
        "https://app.example/back?x=1",
        "https://app.example/back#x",
        "https://app.example",
        "https://APP.example/back",
        "https://app.example/back\n",
    ],
)
async def test_an_app_comes_back_by_exactly_a_link_that_is_registered(service, link):
    waiting = service.start(app_challenge=CHALLENGE, return_to=link, hint=None)

    assert await refusal(waiting) == "return_refused"


@pytest.mark.parametrize("challenge", ["", "short", "v" * 44, "=" * 43, "é" * 43, "v" * 43 + "\n"])
async def test_a_challenge_is_the_s256_of_a_verifier(service: LoginService, challenge: str):
    waiting = service.start(app_challenge=challenge, return_to=APP_LINK, hint=None)

    assert await refusal(waiting) == "challenge_invalid"


async def test_a_provider_that_is_down_leaves_no_login(world: World, service: LoginService):
    world.refused = LoginFailed("provider_down", "It is down.", status=503)

    assert await refusal(begun(service)) == "provider_down"
    assert not world.logins


async def test_a_state_is_used_once(world: World, service: LoginService):
    login = await begun(service)
    await ended(service, login)
    del world.wishes[login.state]  # the hour is over

    assert await refusal(ended(service, login)) == "login_unknown"
    assert await refusal(ended(service, login, state="made-up")) == "login_unknown"


async def test_a_way_back_gone_once_more_leads_on_where_there_is_a_session(service: LoginService):
    login = await begun(service, app=False)
    first = await ended(service, login)

    again = await ended(service, login, browser_session=first.browser_session)

    assert (again.return_to, again.browser_session, again.code) == ("/graphql?tab=1", None, None)


async def test_a_login_that_comes_back_too_late_is_begun_again_once(
    world: World, service: LoginService
):
    login = await begun(service)
    world.logins.clear()  # ten minutes are over

    second = await ended(service, login)

    assert isinstance(second, Restarted)
    assert second.address == f"https://login.example/authorize?state={second.login.state}"
    kept = ("provider", "app_challenge", "return_to", "fresh_after")
    assert [getattr(second.login, each) for each in kept] == [getattr(login, each) for each in kept]
    secrets = {
        getattr(each, name) for each in (login, second.login) for name in ("state", "cookie")
    }
    assert (len(secrets), second.login.restarts) == (4, 1)
    finished = await ended(service, second.login)
    assert finished.return_to == f"{APP_LINK}?code={finished.code}"

    assert await refusal(ended(service, second.login)) == "login_loop"


@pytest.mark.parametrize("other", [{"cookie": None}, {"cookie": "x"}, {"provider": "feide"}])
async def test_nobody_else_can_begin_a_login_again(world: World, service: LoginService, other):
    login = await begun(service)
    world.logins.clear()

    assert await refusal(ended(service, login, **other)) == "login_unknown"


async def test_an_answer_counts_by_its_own_providers_way_alone(world: World, service: LoginService):
    login = await begun(service)

    assert await refusal(ended(service, login, provider="feide")) == "provider_mixed_up"
    assert not world.codes


async def test_a_provider_that_is_not_configured_gets_nobody(service: LoginService):
    waiting = service.start(app_challenge=None, return_to=None, hint=None, provider="unheard")

    assert await refusal(waiting) == "provider_unknown"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("access_denied", "provider_refused"),
        ("login_required", "provider_refused"),
        ("<script>", "provider_refused"),
        ("server_error", "provider_down"),
        ("temporarily_unavailable", "provider_down"),
    ],
)
async def test_a_login_that_comes_back_with_an_error_is_over(
    service: LoginService, error: str, code: str
):
    login = await begun(service)
    given = {"state": login.state, "error": error}

    with pytest.raises(LoginFailed) as stranger:
        await service.cancel(**given, cookie=None)
    assert stranger.value.code == "login_other_browser"
    login = await begun(service)
    given["state"] = login.state
    assert (await service.cancel(**given, cookie=login.cookie)).code == code
    assert await refusal(service.cancel(**given, cookie=login.cookie)) == "login_unknown"


@pytest.mark.parametrize(
    ("since", "code"),
    [
        (later(minutes=-5), "login_not_fresh"),
        (None, "login_not_fresh"),  # not honoured, as far as anybody can tell
        (later(seconds=-50), None),  # clocks differ
        (AT, None),
    ],
)
async def test_a_fresh_login_is_one_that_the_provider_dates_after_it_began(
    world: World, service: LoginService, since: datetime | None, code: str | None
):
    _, login = await service.start(app_challenge=None, return_to="/", hint=None, fresh=True)
    world.since = since

    if code is not None:
        assert await refusal(ended(service, login)) == code
        assert not world.held
    else:
        await ended(service, login)
        assert world.opened == [(DEFAULT, since)]


async def test_when_somebody_logged_in_goes_along_to_the_apps_session(
    world: World, service: LoginService
):
    world.since = later(minutes=-3)
    _, login = await service.start(
        app_challenge=CHALLENGE, return_to=APP_LINK, hint=None, provider="feide"
    )
    code = (await ended(service, login, provider="feide")).code

    await service.swap_code(code, VERIFIER)

    assert world.opened == [("feide", later(minutes=-3))]


@pytest.mark.parametrize(
    ("offers", "down", "address"),
    [(True, False, "https://login.example/logout"), (False, False, None), (True, True, None)],
)
async def test_leaving_says_where_the_providers_own_session_ends(
    world: World, service: LoginService, offers: bool, down: bool, address: str | None
):
    secret = (await ended(service, await begun(service, app=False))).browser_session
    session = await service.session(bearer=None, cookie=secret)
    world.offers_logout = offers
    world.refused = LoginFailed("provider_down", "It is down.", status=503) if down else None

    assert await service.logout(session) == address
    assert world.ended == {session.session_id}


@pytest.mark.parametrize("cookie", [None, "", "another", "é", "\ud800"])
async def test_a_login_ends_in_the_browser_where_it_began(world: World, service, cookie):
    login = await begun(service, app=False)

    assert await refusal(ended(service, login, cookie=cookie)) == "login_other_browser"
    assert isinstance(await ended(service, login), Restarted)  # the try has used it up
    assert not world.held


async def test_what_the_provider_refuses_opens_nothing(world: World, service: LoginService):
    login = await begun(service)
    world.refused = LoginFailed("nonce_wrong", "No.")

    assert await refusal(ended(service, login)) == "nonce_wrong"
    assert not world.codes


@pytest.mark.parametrize(
    "verifier", ["", "v" * 42, "v" * 129, "w" * 43, "v" * 42 + "é", f"{VERIFIER}\n"]
)
async def test_a_wrong_verifier_gets_nothing_and_uses_the_code_up(world, service, verifier: str):
    code = (await ended(service, await begun(service))).code

    assert await refusal(service.swap_code(code, verifier)) == "invalid_grant"
    assert await refusal(service.swap_code(code, VERIFIER)) == "invalid_grant"
    assert not world.held


async def test_a_verifier_that_can_be_guessed_is_refused_though_it_fits(service: LoginService):
    challenge = base64.urlsafe_b64encode(hashlib.sha256(b"1234").digest())[:43].decode()
    _, login = await service.start(app_challenge=challenge, return_to=APP_LINK, hint=None)
    code = (await ended(service, login)).code

    assert await refusal(service.swap_code(code, "1234")) == "invalid_grant"


async def test_a_code_is_used_once(service: LoginService):
    code = (await ended(service, await begun(service))).code
    await service.swap_code(code, VERIFIER)

    assert await refusal(service.swap_code(code, VERIFIER)) == "invalid_grant"
    assert await refusal(service.swap_code("made-up", VERIFIER)) == "invalid_grant"


async def test_a_refresh_token_is_swapped_once_for_another(service: LoginService):
    code = (await ended(service, await begun(service))).code
    first = await service.swap_code(code, VERIFIER)

    second = await service.refresh(first.refresh_token)

    assert second.refresh_token != first.refresh_token
    assert second.access_token == first.access_token  # of the same account and session
    assert await refusal(service.refresh(first.refresh_token)) == "invalid_grant"
    assert await refusal(service.refresh("\ud800")) == "invalid_grant"
    assert (await service.refresh(second.refresh_token)).expires_in == 600


async def test_who_asks_is_proved_by_a_token_of_an_open_session(service: LoginService):
    code = (await ended(service, await begun(service))).code
    token = (await service.swap_code(code, VERIFIER)).access_token

    session = await service.session(bearer=token, cookie=None)
    assert session.account_id == INES
    await service.logout(session)

    browser = (await ended(service, await begun(service, app=False))).browser_session
    for proof in (
        {"bearer": token, "cookie": None},
        {"bearer": token, "cookie": browser},  # a bearer that is over is not helped by a cookie
        {"bearer": "forged", "cookie": browser},
        {"bearer": None, "cookie": "forged"},
        {"bearer": None, "cookie": None},
    ):
        with pytest.raises(NotSignedIn):
            await service.session(**proof)


async def test_whether_a_session_was_ended_is_asked_only_where_nobody_has_told(
    service: LoginService, world: World
):
    code = (await ended(service, await begun(service))).code
    token = (await service.swap_code(code, VERIFIER)).access_token
    [session] = world.held.values()

    assert (await service.session(bearer=token, cookie=None)).session_id == session.session_id
    assert world.asked == 0
    world.knows = False
    assert (await service.session(bearer=token, cookie=None)).session_id == session.session_id
    assert world.asked == 1
    for world.knows in (True, False):
        world.ended = {session.session_id}
        with pytest.raises(NotSignedIn):
            await service.session(bearer=token, cookie=None)
