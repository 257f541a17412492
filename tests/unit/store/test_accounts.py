"""Accounts and sessions, on a real server."""

import asyncio
import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from databases import in_clear
from metering import number, shown
from structlog.testing import capture_logs

from erasmus_app.identity.claims import Identity
from erasmus_app.identity.models import REFRESH_LIFETIME, RETRY_LIFETIME, Account, Session
from erasmus_app.ids import AccountId, EuropeanStudentId, HeiId
from erasmus_app.kit.clock import utc_now
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import Database
from erasmus_app.store.devices import DeviceTable
from erasmus_app.students.models import Platform, TargetKind

ESI = "urn:schac:personalUniqueCode:int:esi:ribeira.example:4711"
OTHER_ESI = "urn:schac:personalUniqueCode:int:esi:clairval.example:E9"


@pytest.fixture
def accounts(database: Database) -> AccountTable:
    return AccountTable(database)


def an_identity(**changed: Any) -> Identity:
    return Identity(
        **{
            "issuer": "https://login.example",
            "subject": "ab12@myacademicid.org",
            "display_name": "Inês Almeida",
            "email": "ines@ribeira.example",
            "home_hei_ids": (HeiId("ribeira.example"),),
            "affiliations": ("student@ribeira.example",),
            "esis": (EuropeanStudentId(ESI),),
            "missing": (),
        }
        | changed
    )


async def esis(database: Database) -> list[tuple[str, bool]]:
    rows = await database.fetch("select current from account_esi order by account_id, esi_key")
    values = await in_clear(database, "account_esi.esi")
    return sorted((esi.decode(), row["current"]) for esi, row in zip(values, rows, strict=True))


async def test_an_account_says_what_the_latest_login_said(accounts: AccountTable):
    first = await accounts.signed_in(an_identity(), "pt")
    again = await accounts.signed_in(
        an_identity(
            display_name="Inês A.", affiliations=("alum@ribeira.example",), home_hei_ids=(), esis=()
        ),
        "de",
    )

    assert again == first
    assert await accounts.account(first) == Account(
        account_id=first,
        language="pt",  # chosen once; a later login does not take it back
        zone="Europe/Brussels",
        display_name="Inês A.",
        home_hei_ids=(),
        affiliations=("alum@ribeira.example",),
        has_esi=True,  # a claim that is missing is none that has changed
    )
    assert await accounts.account(AccountId(uuid4())) is None


async def test_logins_of_one_subject_at_once_are_one_account(accounts: AccountTable):
    found = await asyncio.gather(*(accounts.signed_in(an_identity(), "en") for _ in range(8)))

    assert len(set(found)) == 1


@pytest.mark.parametrize(
    "changed", [{"issuer": "https://other.example"}, {"subject": "cd34@myacademicid.org"}], ids=str
)
async def test_another_issuer_or_subject_is_another_account_though_the_mail_is_the_same(
    accounts: AccountTable, changed: dict[str, str]
):
    one = await accounts.signed_in(an_identity(esis=()), "en")

    assert await accounts.signed_in(an_identity(esis=(), **changed), "en") != one


async def test_an_esi_that_a_login_no_longer_brings_is_history_and_may_come_back(
    accounts: AccountTable, database: Database
):
    seen = []
    for now in ((ESI,), (OTHER_ESI, ESI.upper()), (OTHER_ESI,), (), (ESI,)):
        await accounts.signed_in(
            an_identity(esis=tuple(EuropeanStudentId(each) for each in now)), "en"
        )
        seen.append(await esis(database))

    assert seen == [
        [(ESI, True)],
        [(OTHER_ESI, True), (ESI, True)],  # letter case makes no other ESI
        [(OTHER_ESI, True), (ESI, False)],
        [(OTHER_ESI, True), (ESI, False)],  # a login without any takes none away
        [(OTHER_ESI, False), (ESI, True)],
    ]


@pytest.fixture
async def account(accounts: AccountTable) -> AccountId:
    return await accounts.signed_in(an_identity(), "en")


def a_secret() -> bytes:
    return secrets.token_bytes(32)


class App:
    """A phone that is signed in and swaps its refresh token."""

    def __init__(self, accounts: AccountTable) -> None:
        self.accounts, self.tokens = accounts, [a_secret()]

    async def open(self, account: AccountId, **lifetime: float) -> UUID:
        expires = utc_now() + timedelta(**lifetime or {"days": 180})
        self.session = await self.accounts.open_session(account, "app", self.tokens[0], expires)
        return self.session

    async def swap(self, token: bytes | None = None, *, after: timedelta = timedelta(0)):
        new = a_secret()
        found = await self.accounts.rotate(token or self.tokens[-1], new, utc_now() + after)
        if found is not None:
            self.tokens.append(new)
        return found

    async def is_open(self) -> bool:
        return await self.accounts.is_open(self.session, utc_now())


@pytest.fixture
async def app(accounts: AccountTable, account: AccountId) -> App:
    app = App(accounts)
    await app.open(account)
    return app


async def test_a_refresh_token_is_swapped_again_and_again(app: App, account: AccountId):
    found = [await app.swap() for _ in range(4)]

    assert {(each.account_id, each.session_id) for each in found} == {(account, app.session)}
    assert await app.is_open()


@pytest.mark.parametrize("swaps", [1, 2, 5])
async def test_a_refresh_token_used_again_ends_the_session_however_old_it_is(app: App, swaps: int):
    for _ in range(swaps):
        await app.swap()
    before = number(shown(), "auth_refresh_reuse_total")

    assert await app.swap(app.tokens[0]) is None
    assert not await app.is_open()
    assert await app.swap() is None  # nobody holds a good one now, the thief neither
    assert number(shown(), "auth_refresh_reuse_total") - before == 1


async def test_a_refresh_token_used_twice_at_once_gives_one_new_one_and_ends_the_session(app: App):
    token = app.tokens[0]
    found = await asyncio.gather(*(app.swap(token) for _ in range(4)))

    assert [each is not None for each in found].count(True) == 1
    assert not await app.is_open()


async def test_an_app_that_swaps_twice_at_once_or_again_after_a_lost_answer_gets_the_same(
    app: App, accounts: AccountTable
):
    old, new, now = app.tokens[0], a_secret(), utc_now()
    found = await asyncio.gather(*(accounts.rotate(old, new, now) for _ in range(4)))
    again = await accounts.rotate(old, new, now + RETRY_LIFETIME - timedelta(seconds=1))

    assert {each and each.session_id for each in (*found, again)} == {app.session}
    assert await app.is_open()
    assert await app.swap(new) is not None


@pytest.mark.parametrize(
    ("used", "late"), [(True, timedelta(0)), (False, RETRY_LIFETIME)], ids=["used", "late"]
)
async def test_the_same_swap_ends_the_session_once_its_token_was_used_or_a_minute_later(
    app: App, accounts: AccountTable, used: bool, late: timedelta
):
    old, new, now = app.tokens[0], a_secret(), utc_now()
    await accounts.rotate(old, new, now)
    if used:
        await accounts.rotate(new, a_secret(), now)

    assert await accounts.rotate(old, new, now + late) is None
    assert not await app.is_open()


async def test_an_account_sees_its_open_sessions_and_ends_its_own_only(
    accounts: AccountTable, account: AccountId, app: App
):
    stranger = await accounts.signed_in(an_identity(subject="cd34@myacademicid.org", esis=()), "en")
    others, now = App(accounts), utc_now()
    await others.open(stranger)
    browser = await accounts.open_session(account, "browser", a_secret(), now + timedelta(hours=1))
    over = await accounts.open_session(account, "app", a_secret(), now)
    await app.swap()

    found = await accounts.sessions(account, utc_now())
    assert [(each.session_id, each.kind) for each in found] == [
        (app.session, "app"),
        (browser, "browser"),
    ]
    assert not await accounts.revoke_own(account, others.session)
    assert not await accounts.revoke_own(account, over)
    assert await accounts.revoke_own(account, browser)
    assert not await accounts.revoke_own(account, browser)
    second = App(accounts)
    await second.open(account)
    assert await accounts.revoke_others(account, second.session) == 1
    assert (await app.is_open(), await second.is_open(), await others.is_open()) == (
        False,
        True,
        True,
    )


async def test_a_refresh_token_that_nobody_had_harms_nobody(app: App):
    assert await app.swap(a_secret()) is None
    assert await app.is_open()
    assert await app.swap() is not None


async def test_a_session_slides_for_thirty_days_and_ends_with_its_absolute_time(
    accounts: AccountTable, account: AccountId
):
    app, short = App(accounts), App(accounts)
    await app.open(account)
    await short.open(account, minutes=5)

    assert await app.swap(after=REFRESH_LIFETIME - timedelta(minutes=1)) is not None
    assert await app.swap(after=2 * REFRESH_LIFETIME - timedelta(minutes=2)) is not None
    assert await app.swap(after=3 * REFRESH_LIFETIME) is None
    assert await short.swap(after=timedelta(minutes=6)) is None
    assert not await accounts.is_open(short.session, utc_now() + timedelta(minutes=6))


async def test_a_revoked_session_is_over_and_others_go_on(
    accounts: AccountTable, account: AccountId, app: App
):
    other = App(accounts)
    await other.open(account)
    await accounts.revoke(app.session)

    assert (await app.is_open(), await app.swap()) == (False, None)
    assert await other.is_open()


async def test_a_session_knows_how_fresh_its_login_is_through_every_swap(
    accounts: AccountTable, account: AccountId
):
    now, old, new = utc_now(), a_secret(), a_secret()
    since = now - timedelta(minutes=2)
    session = await accounts.open_session(
        account, "app", old, now + timedelta(days=1), provider="feide", authenticated_at=since
    )

    swapped, again = [await accounts.rotate(old, new, now) for _ in range(2)]
    assert swapped == again
    assert swapped is not None
    assert swapped.authenticated_at == since
    assert await accounts.revoke(session) == "feide"
    assert await accounts.revoke(session) is None


@pytest.mark.parametrize("how", ["logout", "lost phone", "all others", "stolen token"])
async def test_what_a_session_registered_is_silent_from_its_end(
    accounts: AccountTable, account: AccountId, app: App, database: Database, how: str
):
    other, devices = App(accounts), DeviceTable(database)
    await other.open(account)
    for target, session in (("lost", app.session), ("kept", other.session), ("old", None)):
        await devices.register(account, Platform.IOS, TargetKind.FID, target, None, session)
    stolen = app.tokens[0]
    await app.swap()
    seen = {each.session_id: each.platform for each in await accounts.sessions(account, utc_now())}
    assert seen == {app.session: "ios", other.session: "ios"}
    match how:
        case "logout":
            await accounts.revoke(app.session)
        case "lost phone":
            await accounts.revoke_own(account, app.session)
        case "all others":
            await accounts.revoke_others(account, other.session)
        case "stolen token":
            assert await app.swap(stolen) is None

    assert sorted(await in_clear(database, "device.target")) == [b"kept", b"old"]


async def test_a_subject_that_moved_is_told_of_and_joined_with_nobody(accounts: AccountTable):
    moved = an_identity(subject="ab12@myacademicid.org", esis=())
    before = await accounts.signed_in(an_identity(subject="ab12@erasmus.eduteams.org"), "en")
    with capture_logs() as logs:
        after = await accounts.signed_in(moved, "en")
        await accounts.signed_in(moved, "en")

    assert after != before
    assert logs == [
        {
            "event": "login.subject_moved",
            "log_level": "info",
            "account_id": after,
            "other_account_id": before,
        }
    ]


async def test_spent_tokens_are_kept_no_longer_than_they_could_be_used(
    app: App, database: Database
):
    await app.swap()
    await app.swap(after=REFRESH_LIFETIME - timedelta(days=1))
    await app.swap(after=REFRESH_LIFETIME + timedelta(days=1))

    assert await database.fetchval("select count(*) from spent_refresh") == 2


async def test_a_browsers_secret_is_no_refresh_token_and_the_other_way_round(
    accounts: AccountTable, account: AccountId, app: App
):
    secret, now = a_secret(), utc_now()
    expires = now + timedelta(hours=12)
    session = await accounts.open_session(account, "browser", secret, expires)

    assert await accounts.by_secret(secret, now) == Session(
        account_id=account, session_id=session, expires_at=expires
    )
    assert await accounts.rotate(secret, a_secret(), now) is None
    assert await accounts.by_secret(app.tokens[0], now) is None
    assert await accounts.by_secret(secret, expires) is None
    await accounts.revoke(session)
    assert await accounts.by_secret(secret, now) is None


async def test_nothing_of_a_session_outlives_its_account(app: App, database: Database):
    await app.swap()
    await database.execute("delete from account")

    assert await database.fetchval("select count(*) from session") == 0
    assert await database.fetchval("select count(*) from spent_refresh") == 0
