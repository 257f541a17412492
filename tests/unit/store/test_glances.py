"""The first screen's read, beside what each table answers by itself."""

from datetime import timedelta
from itertools import product
from uuid import uuid4

import pytest
from unit.store.samples import ABROAD, HOME, NOW, a_nomination, an_answer, log_in, take_in

from erasmus_app.glance import Glance, Wanted
from erasmus_app.ids import AccountId, EventId, MobilityId
from erasmus_app.notifications.models import Message
from erasmus_app.notifications.policy import entry_id
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import Database
from erasmus_app.store.glances import GlanceTable
from erasmus_app.store.identities import IdentityTable
from erasmus_app.store.inbox import InboxTable
from erasmus_app.store.records import RecordTable
from erasmus_app.store.telling import tell


async def a_student(database: Database, messages: int) -> AccountId:
    """With two mobilities, one that two tenants see, and an inbox."""
    records = RecordTable(database)
    stored = await take_in(records, an_answer(a_nomination()))
    await take_in(records, an_answer(a_nomination(), tenant=ABROAD))
    await take_in(records, an_answer(a_nomination(), omobility_id="om-2"))
    account = await log_in(AccountTable(database), "ines")
    await database.execute(
        """insert into poll_state (tenant, api, hei_id, last_index_at)
           values ($1, 'omobilities', $2, $3)""",
        HOME,
        HOME,
        NOW,
    )
    for _ in range(messages):
        await told(database, account, stored.mobility_id)
    return account


async def told(database: Database, account: AccountId, mobility: MobilityId) -> None:
    event = EventId(uuid4())
    message = Message(
        entry_id=entry_id(account, event),
        account_id=account,
        tenant=HOME,
        event_id=event,
        mobility_id=mobility,
        kind="nominated",
        arguments={"receiving_hei": ABROAD},
        push=False,
        ttl=timedelta(hours=72),
    )
    async with database.transaction() as connection:
        await tell(connection, message, NOW)


WHOLE = Wanted(mobilities=True, records=True, unread=True, inbox=5)
TODAY = NOW.date()


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(each[0], True, each[1], each[2])
        for each in product((True, False), (True, False), (0, 2, 9))
    ],
    ids=str,
)
async def test_each_part_is_what_its_table_answers(database: Database, wanted: Wanted):
    mine = await a_student(database, messages=4)
    for each in (2, 3):
        await log_in(AccountTable(database), f"other{each}", ())
    inbox, records = InboxTable(database), RecordTable(database)
    [newest, *_] = await inbox.entries(mine, first=9, after=None)
    await inbox.mark_read(mine, [newest.entry_id], NOW)

    found = await GlanceTable(database).glance(mine, wanted, TODAY)

    account = await AccountTable(database).account(mine)
    assert account is not None
    assert found == Glance(
        account=account,
        identities=await IdentityTable(database).identities(mine),
        mobilities=await records.mobilities_of(mine) if wanted.mobilities else None,
        unread=3 if wanted.unread else None,
        inbox=await inbox.entries(mine, first=wanted.inbox, after=None) if wanted.inbox else None,
    )
    assert found.mobilities is None or len(found.mobilities) == 3


async def test_who_has_nothing_has_empty_lists_and_nobody_has_none(database: Database):
    nobody = await log_in(AccountTable(database), "new", ())
    glances = GlanceTable(database)

    found = await glances.glance(nobody, WHOLE, TODAY)
    assert found is not None
    assert (found.mobilities, found.unread, found.inbox) == ([], 0, [])
    found = await glances.glance(nobody, Wanted(), TODAY)
    assert found is not None
    assert (found.briefs, found.unread, found.inbox) == ([], 0, [])
    for wanted in (WHOLE, Wanted()):
        assert await glances.glance(AccountId(uuid4()), wanted, TODAY) is None
