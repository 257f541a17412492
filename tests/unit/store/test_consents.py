"""Consents: a history that nobody rewrites, and that outlives the account without a name."""

from datetime import timedelta

import asyncpg
import msgspec
import pytest
from unit.store.samples import NOW, log_in

from erasmus_app.notifications.catalogue import catalogue_folder
from erasmus_app.privacy.consents import Consent
from erasmus_app.privacy.words import load_purposes
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.consents import ConsentTable
from erasmus_app.store.database import Database
from erasmus_app.store.erasures import ErasureTable

NEWS = load_purposes(catalogue_folder())["news"]
NEWER = msgspec.structs.replace(NEWS, version=NEWS.version + 1)
DAY = timedelta(days=1)


def given(version: int, day: int, withdrawn: int | None = None) -> Consent:
    return Consent(
        purpose="news",
        version=version,
        language="de",
        channel="app",
        given_at=NOW + day * DAY,
        withdrawn_at=None if withdrawn is None else NOW + withdrawn * DAY,
    )


async def test_each_consent_and_withdrawal_stays_in_the_history(database: Database):
    consents, account = ConsentTable(database), await log_in(AccountTable(database))

    await consents.give(account, NEWS, "de", "app", NOW)
    await consents.give(account, NEWS, "de", "app", NOW + DAY)  # stands already
    withdrawn = await consents.withdraw(account, "news", "app", NOW + 2 * DAY)
    nothing = await consents.withdraw(account, "news", "app", NOW + 3 * DAY)
    await consents.give(account, NEWS, "de", "app", NOW + 4 * DAY)
    await consents.give(account, NEWER, "de", "app", NOW + 5 * DAY)

    assert (withdrawn, nothing) == (given(1, 0, 2), None)
    assert await consents.of(account) == [given(2, 5), given(1, 4, 5), given(1, 0, 2)]
    row = await database.fetchrow("select text_sha256 from consent where version = 2")
    assert row is not None
    assert row["text_sha256"] == NEWER.sha256("de") != NEWER.sha256("en")


async def test_the_database_refuses_to_rewrite_history(database: Database):
    consents, account = ConsentTable(database), await log_in(AccountTable(database))
    await consents.give(account, NEWS, "de", "app", NOW)

    with pytest.raises(asyncpg.RaiseError):
        await database.execute("update consent set given_at = now()")
    await consents.withdraw(account, "news", "app", NOW)
    with pytest.raises(asyncpg.RaiseError):
        await database.execute("update consent set withdrawn_at = null, withdrawn_channel = null")


async def test_an_erasure_withdraws_everything_and_leaves_proof_that_names_nobody(
    database: Database,
):
    consents, account = ConsentTable(database), await log_in(AccountTable(database))
    await consents.give(account, NEWS, "de", "app", NOW)
    await consents.acknowledge(account, "7", NOW)

    erasures = ErasureTable(database)
    await erasures.erase(await erasures.subject(str(account)), NOW + DAY)

    [row] = await database.fetch("select * from consent")
    assert (row["withdrawn_at"], row["withdrawn_channel"]) == (NOW + DAY, "erasure")
    assert str(account) not in str(dict(row))
    assert await consents.seen(account) == {}


async def test_a_notice_is_seen_once_and_each_version_for_itself(database: Database):
    consents, account = ConsentTable(database), await log_in(AccountTable(database))

    first = await consents.acknowledge(account, "1", NOW)
    again = await consents.acknowledge(account, "1", NOW + DAY)
    await consents.acknowledge(account, "2", NOW + 2 * DAY)

    assert (first, again) == (NOW, NOW)
    assert await consents.seen(account) == {"2": NOW + 2 * DAY, "1": NOW}
