"""Sessions that are ended in one process are over in all of them, and nobody is asked each time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

from databases import VAULT, until
from unit.store.test_accounts import a_secret, an_identity

from erasmus_app.bootstrap import beside
from erasmus_app.kit.clock import utc_now
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import open_database
from erasmus_app.store.revocations import SessionRevocations


@asynccontextmanager
async def a_process(dsn: str) -> AsyncIterator[tuple[AccountTable, SessionRevocations]]:
    async with open_database(dsn, VAULT) as database:
        revocations = SessionRevocations(database, utc_now)
        async with beside(revocations.keep()):
            yield AccountTable(database), revocations


async def opened(accounts: AccountTable):
    account = await accounts.signed_in(an_identity(), "en")
    expires = utc_now() + timedelta(days=1)
    return account, await accounts.open_session(account, "app", a_secret(), expires)


async def test_a_session_that_one_process_ends_is_over_in_another(dsn: str):
    async with a_process(dsn) as (here, _), a_process(dsn) as (_, elsewhere):
        account, session = await opened(here)
        _, other = await opened(here)
        await until(lambda: elsewhere.has(session) is False)

        assert await here.revoke_own(account, session)
        await until(lambda: elsewhere.has(session) is True)
        assert elsewhere.has(other) is False


async def test_a_token_family_that_was_stolen_is_over_everywhere(dsn: str):
    async with a_process(dsn) as (here, _), a_process(dsn) as (_, elsewhere):
        account = await here.signed_in(an_identity(), "en")
        old, expires = a_secret(), utc_now() + timedelta(days=1)
        session = await here.open_session(account, "app", old, expires)
        await here.rotate(old, a_secret(), utc_now())

        assert await here.rotate(old, a_secret(), utc_now()) is None
        await until(lambda: elsewhere.has(session) is True)


async def test_a_process_that_starts_later_knows_what_was_ended_before(dsn: str):
    async with a_process(dsn) as (here, _):
        _, session = await opened(here)
        await here.revoke(session)
    async with a_process(dsn) as (_, later):
        await until(lambda: later.has(session) is True)


async def test_nothing_is_known_before_the_first_look_and_once_nobody_looks_any_more(dsn: str):
    async with open_database(dsn, VAULT) as database:
        revocations = SessionRevocations(database, utc_now)
        assert revocations.has(uuid4()) is None
        async with beside(revocations.keep()):
            await until(lambda: revocations.has(uuid4()) is False)
        await until(lambda: revocations.has(uuid4()) is None)


async def test_what_has_ended_is_known_also_while_many_stand_in_line_for_a_connection(dsn: str):
    async with open_database(dsn, VAULT, size=2) as database:
        revocations = SessionRevocations(database, utc_now)
        async with beside(revocations.keep()):
            await until(lambda: revocations.has(uuid4()) is False)
            async with database.pool.acquire():
                waits = [asyncio.create_task(database.fetchval("select 1")) for _ in range(20)]
                known = []
                for _ in range(25):
                    await asyncio.sleep(0.1)
                    known.append(revocations.has(uuid4()))
                assert known == [False] * 25
            assert await asyncio.gather(*waits) == [1] * 20


async def test_an_ended_session_is_remembered_as_long_as_its_tokens_live(dsn: str):
    async with open_database(dsn, VAULT) as database:
        accounts, at = AccountTable(database), utc_now()
        _, session = await opened(accounts)
        await accounts.revoke(session)
        for age, known in ((timedelta(minutes=10), True), (timedelta(minutes=16), False)):
            revocations = SessionRevocations(database, lambda now=at + age: now)
            async with beside(revocations.keep()):
                await until(lambda found=revocations: found.has(session) is not None)
                assert revocations.has(session) is known
    assert asyncio.all_tasks() == {asyncio.current_task()}
