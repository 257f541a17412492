"""First screens that are kept: never older than the tables, whatever changed and whoever raced."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import pytest
from databases import VAULT
from unit.store.samples import (
    NOW,
    a_nomination,
    an_answer,
    log_in,
    take_in,
)
from unit.store.test_glances import TODAY, WHOLE, a_student, told

from erasmus_app.glance import Glance, Wanted
from erasmus_app.ids import AccountId
from erasmus_app.mobilities.brief import brief
from erasmus_app.mobilities.models import NominationStatus
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import Database, open_database
from erasmus_app.store.glances import MESSAGES, GlanceTable
from erasmus_app.store.inbox import InboxTable
from erasmus_app.store.records import RecordTable
from erasmus_app.store.screens import ScreenTable

IN_BRIEF = Wanted(mobilities=True, unread=True, inbox=MESSAGES)


async def as_the_tables_say(database: Database, account: AccountId, today: date = TODAY) -> Glance:
    found = await GlanceTable(database).glance(account, WHOLE._replace(inbox=MESSAGES), today)
    assert found is not None
    assert found.mobilities is not None
    return Glance(
        account=found.account,
        identities=found.identities,
        briefs=[brief(each, today) for each in found.mobilities],
        unread=found.unread,
        inbox=found.inbox,
    )


async def is_kept(database: Database, account: AccountId) -> bool:
    return await ScreenTable(database).screen(account) is not None


async def moves_on(database: Database, _: AccountId) -> None:
    await take_in(RecordTable(database), an_answer(a_nomination(status=NominationStatus.LIVE)))


async def another_mobility(database: Database, _: AccountId) -> None:
    await take_in(RecordTable(database), an_answer(a_nomination(), omobility_id="om-9"))


async def a_mobility_is_erased(database: Database, _: AccountId) -> None:
    await database.execute("delete from mobility where omobility_id = 'om-2'")


async def a_message_comes(database: Database, account: AccountId) -> None:
    [first, *_] = await RecordTable(database).mobilities_of(account)
    await told(database, account, first.mobility_id)


async def a_message_is_read(database: Database, account: AccountId) -> None:
    inbox = InboxTable(database)
    [newest, *_] = await inbox.entries(account, first=1, after=None)
    await inbox.mark_read(account, [newest.entry_id], NOW)


async def messages_are_deleted(database: Database, account: AccountId) -> None:
    await database.execute("delete from inbox_entry where account_id = $1", account)


async def a_login(database: Database, _: AccountId) -> None:
    await log_in(AccountTable(database), "ines")


async def another_language(database: Database, account: AccountId) -> None:
    await database.execute("update account set language = 'de' where account_id = $1", account)


async def the_identifier_goes(database: Database, account: AccountId) -> None:
    await database.execute("delete from account_esi where account_id = $1", account)


async def the_person_is_somebody_elses(database: Database, account: AccountId) -> None:
    await database.execute("delete from account_person where account_id = $1", account)


@pytest.mark.parametrize(
    "change",
    [
        moves_on,
        another_mobility,
        a_mobility_is_erased,
        a_message_comes,
        a_message_is_read,
        messages_are_deleted,
        a_login,
        another_language,
        the_identifier_goes,
        the_person_is_somebody_elses,
    ],
)
async def test_after_each_change_the_screen_is_as_the_tables_say(
    database: Database, change: Callable[[Database, AccountId], Awaitable[None]]
):
    mine = await a_student(database, messages=2)
    glances = GlanceTable(database)
    before = await glances.glance(mine, IN_BRIEF, TODAY)
    assert before == await as_the_tables_say(database, mine)
    assert await is_kept(database, mine)

    await change(database, mine)

    assert not await is_kept(database, mine)
    after = await glances.glance(mine, IN_BRIEF, TODAY)
    assert after == await as_the_tables_say(database, mine) != before
    assert await glances.glance(mine, IN_BRIEF, TODAY) == after


async def test_what_only_confirms_leaves_the_screen_as_it_is(database: Database):
    mine = await a_student(database, messages=1)
    await GlanceTable(database).glance(mine, IN_BRIEF, TODAY)

    await take_in(RecordTable(database), an_answer(a_nomination(), minutes=24 * 60))

    assert await is_kept(database, mine)


async def test_a_kept_screen_is_all_that_is_read(database: Database):
    mine = await a_student(database, messages=1)
    glances = GlanceTable(database)
    before = await glances.glance(mine, IN_BRIEF, TODAY)

    await database.execute("alter table mobility rename to mobility_hidden")

    assert await glances.glance(mine, IN_BRIEF, TODAY) == before


async def test_what_was_read_before_a_change_is_not_kept_after_it(database: Database):
    mine = await a_student(database, messages=1)
    screens = ScreenTable(database)
    stamp = await database.fetchval("select stamp from screen where account_id = $1", mine)

    await moves_on(database, mine)
    await screens.keep(mine, b"[]", stamp)

    assert not await is_kept(database, mine)


async def test_a_change_that_is_under_way_makes_nobody_wait_and_nobody_keep(database: Database):
    mine = await a_student(database, messages=1)
    glances = GlanceTable(database)
    async with database.transaction() as connection:
        await connection.execute("update account set zone = 'Europe/Rome'")
        async with asyncio.timeout(5):
            before = await glances.glance(mine, IN_BRIEF, TODAY)
        assert before is not None
        assert before.account.zone != "Europe/Rome"

    after = await glances.glance(mine, IN_BRIEF, TODAY)
    assert after is not None
    assert after.account.zone == "Europe/Rome"


async def test_a_screen_moved_to_another_account_or_made_up_is_made_anew(database: Database):
    mine = await a_student(database, messages=1)
    other = await log_in(AccountTable(database), "rui", ())
    glances = GlanceTable(database)
    await glances.glance(mine, IN_BRIEF, TODAY)
    await database.execute(
        """update screen set sealed = (select sealed from screen where account_id = $1)
           where account_id = $2""",
        mine,
        other,
    )
    await database.execute("update screen set sealed = 'nothing' where account_id = $1", mine)

    assert await glances.glance(other, IN_BRIEF, TODAY) == await as_the_tables_say(database, other)
    assert await glances.glance(mine, IN_BRIEF, TODAY) == await as_the_tables_say(database, mine)


async def test_a_screen_of_another_program_or_shape_is_made_anew(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    mine = await a_student(database, messages=1)
    glances = GlanceTable(database)
    wanted = await glances.glance(mine, IN_BRIEF, TODAY)
    for content in (b"[]", b"{}", b"\xff"):
        stamp = await database.fetchval("select stamp from screen where account_id = $1", mine)
        await glances.screens.keep(mine, content, stamp)
        assert await glances.glance(mine, IN_BRIEF, TODAY) == wanted
    await database.execute("alter table mobility rename to mobility_hidden")
    monkeypatch.setattr("erasmus_app.store.glances._maker", lambda: "another")

    with pytest.raises(Exception, match="mobility"):  # it wants to read the tables
        await glances.glance(mine, IN_BRIEF, TODAY)


async def test_reads_at_once_go_together_and_each_has_its_own(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    accounts = [await log_in(AccountTable(database), f"s{n}", ()) for n in range(8)]
    glances = GlanceTable(database)
    for each in accounts:
        await glances.glance(each, IN_BRIEF, TODAY)
    statements: list[int] = []
    fetch = Database.fetch

    async def counted(self: Database, sql: str, *arguments: Any) -> list[Any]:
        statements.append(len(arguments[0]))
        return await fetch(self, sql, *arguments)

    monkeypatch.setattr(Database, "fetch", counted)
    found = await asyncio.gather(
        *(glances.glance(each, IN_BRIEF, TODAY) for each in (*accounts, *accounts[:2]))
    )

    assert [each.account.account_id for each in found if each] == [*accounts, *accounts[:2]]
    assert statements == [10]


async def test_who_stops_waiting_takes_nobody_along(database: Database):
    mine = await a_student(database, messages=1)
    screens = GlanceTable(database)
    wanted = await screens.glance(mine, IN_BRIEF, TODAY)
    gone, stays = (asyncio.create_task(screens.glance(mine, IN_BRIEF, TODAY)) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()

    assert await stays == wanted
    assert await screens.glance(mine, IN_BRIEF, TODAY) == wanted


async def test_a_database_that_is_away_is_everybodys_error_and_then_over(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    mine = await a_student(database, messages=1)
    glances = GlanceTable(database)
    wanted = await glances.glance(mine, IN_BRIEF, TODAY)

    async def away(*_: Any) -> list[Any]:
        raise ConnectionRefusedError

    with monkeypatch.context() as patched:
        patched.setattr(Database, "fetch", away)
        asked = (glances.glance(mine, IN_BRIEF, TODAY) for _ in range(3))
        failed = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(each) for each in failed] == [ConnectionRefusedError] * 3
    assert await glances.glance(mine, IN_BRIEF, TODAY) == wanted


async def test_a_screen_that_cannot_be_kept_is_shown_all_the_same(database: Database):
    mine = await a_student(database, messages=1)
    await database.execute(
        f"alter database {await database.fetchval('select current_database()')} "
        "set default_transaction_read_only = on"
    )
    async with open_database(database.direct or database.dsn, VAULT) as read_only:
        found = await GlanceTable(read_only).glance(mine, IN_BRIEF, TODAY)

        assert found == await as_the_tables_say(read_only, mine)
        assert not await is_kept(read_only, mine)


async def test_every_account_has_a_screen_to_keep(database: Database):
    await log_in(AccountTable(database), "ines")
    await log_in(AccountTable(database), "rui")

    assert await database.fetchval(
        "select count(*) from account full join screen using (account_id)"
    ) == await database.fetchval("select count(*) from screen")
