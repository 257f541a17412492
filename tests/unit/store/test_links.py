"""What moves when two accounts are joined, and comes back, on a real server."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from databases import VAULT, in_clear
from subscribers import a_message
from unit.store.samples import AWAKE, OTHER_ESI, a_nomination, an_answer, log_in, take_in
from unit.store.test_erasures import a_student

from erasmus_app.errors import LoginFailed
from erasmus_app.identity.linking import UNDO, Evidence, LinkState
from erasmus_app.identity.models import LinkWish, Proved
from erasmus_app.ids import AccountId
from erasmus_app.kit.clock import utc_now
from erasmus_app.notifications.models import DEFAULTS, Digest
from erasmus_app.notifications.wishes import Wish
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import Database
from erasmus_app.store.devices import DeviceTable
from erasmus_app.store.erasures import ErasureTable
from erasmus_app.store.inbox import InboxTable
from erasmus_app.store.links import LinkTable
from erasmus_app.store.records import RecordTable
from erasmus_app.store.replanning import PreferenceTable
from erasmus_app.store.telling import tell
from erasmus_app.students.models import Platform, TargetKind

OWNED = (
    "account_identity",
    "account_esi",
    "identity_esi",
    "account_person",
    "device",
    "calendar_feed",
    "chat_link",
    "inbox_entry",
)


@pytest.fixture
def links(database: Database) -> LinkTable:
    return LinkTable(database)


def proof(wisher: AccountId, other: AccountId, name: str) -> Proved:
    wish = LinkWish(
        account_id=wisher,
        session_id=uuid4(),
        provider="myacademicid",
        return_to="/",
        is_browser=True,
    )
    return Proved(
        wish=wish,
        account_id=other,
        issuer="https://login.example",
        subject=f"{name}@myacademicid.org",
        at=utc_now(),
    )


async def owned(database: Database, account: AccountId) -> dict[str, int]:
    """How many rows are the account's, by table."""
    found = {
        each: await database.fetchval(
            f"select count(*) from {each} where account_id = $1",
            account,
        )
        for each in OWNED
    }
    return {table: rows for table, rows in found.items() if rows}


async def holds(database: Database) -> list[tuple[Any, ...]]:
    rows = await database.fetch(
        "select account_id, esi_key, hold, current from account_esi order by 1, 2"
    )
    return [tuple(row) for row in rows]


async def decided(database: Database, links: LinkTable, link: Any) -> Any:
    office = await log_in(AccountTable(database), "office", ())
    return await links.decide(link.link_id, office, True, utc_now())


async def test_everything_moves_to_the_older_account_and_back(database: Database, links: LinkTable):
    older = await a_student(database)
    newer = await a_student(database, "zofia", OTHER_ESI, "om-2")
    before = [await owned(database, each) for each in (older, newer)]
    esis, texts = await holds(database), await in_clear(database, "inbox_entry.arguments")
    waiting = await links.connect(newer, proof(newer, older, "ines"), utc_now())
    link = await decided(database, links, waiting)
    joined = [await owned(database, each) for each in (older, newer)]
    open_sessions = await database.fetch("select account_id from session where revoked_at is null")
    opened = await in_clear(database, "inbox_entry.arguments")  # sealed anew for its place
    assert await links.undo(older, link.link_id, uuid4(), utc_now())

    assert (waiting.state, link.state, link.evidence) == (
        LinkState.WAITING,
        LinkState.JOINED,
        Evidence.DECIDED,
    )
    assert joined == [{table: 2 * rows for table, rows in before[0].items()}, {}]
    assert [row["account_id"] for row in open_sessions] == [older]
    assert [await owned(database, each) for each in (older, newer)] == before
    assert await holds(database) == esis
    assert sorted(texts) == sorted(opened)
    assert await in_clear(database, "inbox_entry.arguments") == texts


async def test_what_was_chosen_of_messages_goes_along_where_nothing_else_was(
    database: Database, links: LinkTable
):
    older = await log_in(AccountTable(database), sleeps=True)
    newer = await log_in(AccountTable(database), "zofia", (OTHER_ESI,))
    table = PreferenceTable(database, {})
    alone = await table.chosen(older)
    waiting = await links.connect(newer, proof(newer, older, "ines"), utc_now())
    await decided(database, links, waiting)

    assert (alone.preferences, (await table.chosen(older)).preferences) == (DEFAULTS, AWAKE)


async def test_what_the_kept_account_has_chosen_stays(database: Database, links: LinkTable):
    older = await log_in(AccountTable(database), sleeps=True)
    newer = await log_in(AccountTable(database), "zofia", (OTHER_ESI,))
    table = PreferenceTable(database, {})
    before = await table.change(older, Wish(digest=Digest.WEEKLY), utc_now())
    waiting = await links.connect(newer, proof(newer, older, "ines"), utc_now())
    await decided(database, links, waiting)

    assert await table.chosen(older) == before


async def test_what_one_login_had_paused_is_looked_at_when_the_other_has_not(
    database: Database, links: LinkTable
):
    older = await log_in(AccountTable(database))
    newer = await log_in(AccountTable(database), "zofia", (OTHER_ESI,))
    await DeviceTable(database).register(newer, Platform.ANDROID, TargetKind.FID, "phone", None)
    now = utc_now()
    until = now + timedelta(days=30)
    await PreferenceTable(database, {}).change(newer, Wish(paused_until=until), now)
    async with database.transaction() as connection:
        message = msgspec.structs.replace(a_message(newer, 1), push=True)
        await tell(connection, message, now)
    waits = "select due - now() from job where kind = 'deliver'"
    assert await database.fetchval(waits) > timedelta(days=29)

    waiting = await links.connect(newer, proof(newer, older, "ines"), utc_now())
    await decided(database, links, waiting)

    assert await database.fetchval(waits) <= timedelta(0)


async def test_messages_that_come_with_another_login_are_new_to_who_follows_the_inbox(
    database: Database, links: LinkTable
):
    """However old they are: behind the last message that a phone has had."""
    older = await a_student(database)
    newer = await log_in(AccountTable(database), "zofia", (OTHER_ESI,))
    inbox = InboxTable(database)
    async with database.transaction() as connection:
        await tell(connection, a_message(newer, 1), utc_now())
    async with database.transaction() as connection:
        await tell(connection, a_message(older, 2), utc_now())
    before = await inbox.entries(older, first=100, after=None)
    last = await inbox.place(older, None)

    await decided(
        database, links, await links.connect(newer, proof(newer, older, "ines"), utc_now())
    )

    after = await inbox.entries(older, first=100, after=None)
    came = await inbox.behind(older, last or 0, 100)
    assert len(after) == len(before) + 1
    assert [each.entry_id for each in came] == [
        each.entry_id for each in after if each.entry_id not in {one.entry_id for one in before}
    ]


async def test_one_esi_at_two_accounts_is_the_older_ones_again_after_undoing(
    database: Database, links: LinkTable
):
    accounts, records = AccountTable(database), RecordTable(database)
    older, newer = await log_in(accounts, "older"), await log_in(accounts, "newer")
    before = await holds(database)
    link = await links.connect(older, proof(older, newer, "newer"), utc_now())
    during = await holds(database)
    await log_in(accounts, "newer", (OTHER_ESI,))  # brings another one, now with the older account
    await take_in(records, an_answer(a_nomination(OTHER_ESI)))
    seen = len(await records.mobilities_of(older))
    await links.undo(older, link.link_id, uuid4(), utc_now())

    assert (link.evidence, [each.state for each in await links.links(newer)]) == (
        Evidence.ESI,
        [LinkState.UNDONE],  # the check that had begun went on as this
    )
    assert [(row[0], row[2], row[3]) for row in during] == [(older, None, True)]
    assert seen == 1
    assert [len(await records.mobilities_of(each)) for each in (older, newer)] == [0, 1]
    key = VAULT.esi_key(OTHER_ESI)
    after = [row for row in await holds(database) if row[1] != key]
    assert [row[:3] for row in after] == [row[:3] for row in before]


async def test_two_who_join_the_same_accounts_at_once_do_so_once(
    database: Database, links: LinkTable
):
    accounts = AccountTable(database)
    one, two = await log_in(accounts, "one"), await log_in(accounts, "two")
    found = await asyncio.gather(
        links.connect(one, proof(one, two, "two"), utc_now()),
        links.connect(two, proof(two, one, "one"), utc_now()),
        return_exceptions=True,
    )

    assert sorted(type(each).__name__ for each in found) == ["Link", "LoginFailed"]
    assert await owned(database, two) == {}


async def test_a_login_while_its_account_is_joined_ends_in_the_joined_one(
    database: Database, links: LinkTable
):
    accounts = AccountTable(database)
    one, two = await log_in(accounts, "one"), await log_in(accounts, "two")
    for _ in range(5):
        link, *_ = await asyncio.gather(
            links.connect(one, proof(one, two, "two"), utc_now()),
            *(log_in(accounts, name) for name in ("two", "one", "two")),
        )
        assert await log_in(accounts, "two") == one
        assert (await owned(database, one))["identity_esi"] == 2
        await links.undo(one, link.link_id, uuid4(), utc_now())


async def test_an_account_that_is_to_be_erased_is_joined_with_none(
    database: Database, links: LinkTable
):
    accounts = AccountTable(database)
    one, two = await log_in(accounts, "one"), await log_in(accounts, "two")
    await ErasureTable(database).request(two, utc_now(), UNDO)

    with pytest.raises(LoginFailed) as refused:
        await links.connect(one, proof(one, two, "two"), utc_now())
    assert refused.value.code == "link_erasure"


async def test_erasing_the_older_account_leaves_nothing_of_the_joined_one(
    database: Database, links: LinkTable
):
    older = await a_student(database)
    newer = await a_student(database, "zofia", OTHER_ESI, "om-2")
    await decided(
        database, links, await links.connect(newer, proof(newer, older, "ines"), utc_now())
    )
    erasures = ErasureTable(database)
    await erasures.erase(await erasures.subject(str(older)), utc_now())

    left = await database.fetch("select account_id from account")
    assert len(left) == 1  # the office's
    for table in ("inbox_entry", "mobility", "account_link", "person"):
        assert await database.fetchval(f"select count(*) from {table}") == 0


async def test_what_was_refused_is_not_asked_again_for_a_while(
    database: Database, links: LinkTable
):
    accounts = AccountTable(database)
    one, two = await log_in(accounts, "one"), await log_in(accounts, "two", (OTHER_ESI,))
    now = utc_now()
    waiting = await links.connect(one, proof(one, two, "two"), now)
    assert await links.decide(waiting.link_id, one, True, now) is None  # nobody's own
    office = await log_in(accounts, "office", ())
    refused = await links.decide(waiting.link_id, office, False, now)
    assert refused is not None
    assert await links.decide(waiting.link_id, office, True, now) is None

    with pytest.raises(LoginFailed):
        await links.connect(one, proof(one, two, "two"), now)
    later = await links.connect(one, proof(one, two, "two"), now + UNDO + timedelta(minutes=1))
    assert (refused.state, later.state) == (LinkState.REFUSED, LinkState.WAITING)


async def test_what_undoing_needed_goes_when_it_is_too_late_for_it(
    database: Database, links: LinkTable
):
    accounts = AccountTable(database)
    one, two = await log_in(accounts, "one"), await log_in(accounts, "two")
    link = await links.connect(one, proof(one, two, "two"), utc_now())
    erasures, later = ErasureTable(database), utc_now() + UNDO + timedelta(minutes=1)

    assert [await erasures.forget_joined(each) for each in (utc_now(), later, later)] == [0, 1, 0]
    assert not await links.undo(one, link.link_id, uuid4(), utc_now())


async def test_a_login_that_was_taken_away_meanwhile_has_nothing_given_back(
    database: Database, links: LinkTable
):
    older = await a_student(database)
    newer = await a_student(database, "zofia", OTHER_ESI, "om-2")
    waiting = await links.connect(newer, proof(newer, older, "ines"), utc_now())
    link = await decided(database, links, waiting)
    identity = await database.fetchval(
        "select identity_id from account_identity where subject = 'zofia@myacademicid.org'"
    )

    assert await links.unlink(older, identity, uuid4())
    assert not await links.undo(older, link.link_id, uuid4(), utc_now())
    assert await owned(database, newer) == {}  # else what is there would be nobody's to erase
    alone = await log_in(AccountTable(database), "zofia", (OTHER_ESI,))
    assert len(await RecordTable(database).mobilities_of(alone)) == 1
    assert len(await RecordTable(database).mobilities_of(older)) == 1
