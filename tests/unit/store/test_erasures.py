"""Forgetting a student: everything goes at once, is proved, and does not come back by itself."""

import asyncio
from datetime import timedelta

import msgspec
import pytest
from databases import until
from unit.store.samples import (
    ESI,
    HOME,
    NOW,
    OTHER_ESI,
    RECEIVED,
    a_nomination,
    an_answer,
    give_address,
    log_in,
    take_in,
)

from erasmus_app.chat.links import new_code
from erasmus_app.chat.messengers import Incoming, Messenger
from erasmus_app.ids import AccountId, EventId, InboxEntryId, OmobilityId
from erasmus_app.kit.clock import utc_now
from erasmus_app.mobilities.consolidate import AbsenceRules
from erasmus_app.mobilities.events import MobilityEvent, Row
from erasmus_app.mobilities.taking import TakingIn
from erasmus_app.notifications.agenda import STAY, Entry, Published
from erasmus_app.notifications.models import Message
from erasmus_app.privacy.models import Certificate, ErasureState
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.calendars import CalendarTable
from erasmus_app.store.chat_links import ChatLinkTable
from erasmus_app.store.chat_messages import ChatMessageTable
from erasmus_app.store.consents import ConsentTable
from erasmus_app.store.database import AWAY, Database
from erasmus_app.store.devices import DeviceTable
from erasmus_app.store.erasures import ErasureTable
from erasmus_app.store.exports import ExportTable
from erasmus_app.store.holdings import ERASED, KEPT, NOBODYS
from erasmus_app.store.mails import plan_mails
from erasmus_app.store.records import RecordTable
from erasmus_app.store.telling import tell
from erasmus_app.students.models import Platform, TargetKind

FORTNIGHT = timedelta(days=14)
FULL = {
    "job": 6,
    "delivery": 1,
    "mail_delivery": 1,
    "mail_address": 1,
    "inbox_entry": 1,
    "device": 1,
    "spent_refresh": 1,
    "session": 1,
    "export_part": 1,
    "export": 1,
    "notice_seen": 1,
    "calendar_feed": 1,
    "calendar_entry": 1,
    "chat_message": 1,
    "chat_link": 1,
    "chat_link_code": 1,
    "event": 1,
    "source_document": 2,
    "mobility": 1,
    "person_esi": 1,
    "account_person": 1,
    "person": 1,
    "identity_esi": 1,
    "account_esi": 1,
    "account_identity": 1,
    "screen": 1,
    "preference": 1,
    "account": 1,
}
"""What `a_student` leaves in the tables."""


async def a_student(database: Database, name: str = "ines", esi: str = ESI, om: str = "om-1"):
    """Make a student of whom there is something in every table."""
    accounts, records = AccountTable(database), RecordTable(database)
    account = await log_in(accounts, name, (esi,))
    secret = name.encode().ljust(32)
    await accounts.open_session(account, "app", secret, NOW + timedelta(days=99))
    await accounts.rotate(secret, secret[::-1], NOW)
    await DeviceTable(database).register(account, Platform.IOS, TargetKind.FID, name, None)
    calendars = CalendarTable(database)
    await calendars.create(account, name.encode(), NOW, 1)
    entry = Entry(
        uid=f"stay.{om}", what=STAY, sending_hei_id=HOME, receiving_hei_id=HOME, on=NOW.date()
    )
    await calendars.replace(account, lambda _: {entry.uid: Published(entry=entry, changed_at=NOW)})
    await have_chat(database, account, name)
    await give_address(database, account, f"{name}@post.example")
    await take_in(records, an_answer(a_nomination(esi), omobility_id=om))
    stored = await take_in(records, an_answer(RECEIVED, omobility_id=om, minutes=1))
    async with records.change(HOME, HOME, OmobilityId(om)) as change:
        event = MobilityEvent(event_id=EventId(stored.mobility_id), step=Row.B1, detail={})
        await change.record_events([event], silent=False)
        message = Message(
            account_id=account,
            entry_id=InboxEntryId(stored.mobility_id),
            tenant=HOME,
            mobility_id=stored.mobility_id,
            event_id=event.event_id,
            kind="nominated",
            arguments={},
            push=True,
            ttl=FORTNIGHT,
        )
        await tell(change.connection, message, NOW)
        await plan_mails(change.connection, account, [message.entry_id], NOW, FORTNIGHT)
        refresh = {"tenant": HOME, "sending_hei_id": HOME, "omobility_id": om}
        await change.enqueue("look", refresh, dedupe_key=f"look {om}")
    await ConsentTable(database).acknowledge(account, "1", NOW)
    exports = ExportTable(database)
    wish = await exports.request(account, "pt", NOW)
    async with exports.writing(wish.export_id) as writing:
        assert writing is not None
        await writing.write(b"archive")
        await writing.finish(NOW)
    return account


async def have_chat(database: Database, account: AccountId, name: str) -> None:
    """Link a chat, and have a message of it wait for its answer."""
    links, code = ChatLinkTable(database), new_code()
    await links.keep_code(account, code, NOW, NOW + timedelta(minutes=10))
    await links.redeem(Messenger.TELEGRAM, name, code, NOW)
    asked = Incoming(
        messenger=Messenger.TELEGRAM, sender=name, chat=name, message=name, text="when?", at=NOW
    )
    assert await ChatMessageTable(database).take(asked, NOW)


async def counts(database: Database) -> dict[str, int]:
    found = {
        each.table: await database.fetchval(f"select count(*) from {each.table}") for each in ERASED
    }
    return {table: rows for table, rows in found.items() if rows}


async def test_everything_of_the_student_goes_and_nothing_of_another(database: Database):
    erasures = ErasureTable(database)
    account = await a_student(database)
    await a_student(database, "zofia", OTHER_ESI, "om-2")

    subject = await erasures.subject(str(account))
    assert await erasures.what_would_go(subject) == FULL
    certificate = await erasures.erase(subject, NOW)

    assert certificate == Certificate(
        erasure_id=certificate.erasure_id,
        requested_at=NOW,
        executed_at=NOW,
        erased=FULL,
        kept=KEPT,
        shared=0,
    )
    assert await counts(database) == FULL  # the other's
    row = await database.fetchrow("select account_id, executed_at, counts, sha256 from erasure")
    assert tuple(row) == (None, NOW, FULL, certificate.sha256)
    assert await erasures.what_would_go(await erasures.subject(ESI)) == {}


async def test_a_student_is_found_by_esi_with_and_without_an_account(database: Database):
    erasures = ErasureTable(database)
    await take_in(RecordTable(database), an_answer(a_nomination()))
    unknown = await erasures.subject(OTHER_ESI)
    alone = await erasures.subject(ESI.upper())
    account = await log_in(AccountTable(database))
    both = await erasures.subject(ESI)

    assert (unknown.accounts, unknown.persons) == ((), ())
    assert (alone.accounts, len(alone.persons)) == ((), 1)
    assert (both.accounts, both.persons) == ((account,), alone.persons)


async def test_who_is_erased_does_not_come_back_with_the_next_poll_for_thirty_days(
    database: Database,
):
    erasures, records = ErasureTable(database), RecordTable(database)
    await a_student(database)
    await erasures.erase(await erasures.subject(ESI), utc_now())

    async def polled(esi: str | None, om: str) -> bool:
        take = TakingIn(absences=AbsenceRules(), tell=nobody, clock=utc_now)
        answer = an_answer(a_nomination(esi), omobility_id=om)
        async with records.change(HOME, HOME, OmobilityId(om)) as change:
            return await take(change, answer, silent=True) is not None

    async def nobody(*_: object) -> None:
        raise AssertionError

    assert not await polled(ESI, "om-1")
    assert not await polled(ESI, "another")  # by the ESI
    assert not await polled(None, "om-1")  # by the mobility
    assert await polled(OTHER_ESI, "om-3")
    await database.execute("update forgotten set until = now()")
    assert await erasures.forget_hashes(utc_now()) == 2
    assert await polled(ESI, "om-1")  # the university still sends it as current


async def test_what_another_login_sees_too_stays_for_it_and_is_counted(database: Database):
    erasures = ErasureTable(database)
    account = await a_student(database)
    other = await log_in(AccountTable(database), "ines at her other university", ())
    assert await RecordTable(database).link(other, [ESI]) == 1

    certificate = await erasures.erase(await erasures.subject(str(account)), NOW)

    assert (certificate.shared, "mobility" in certificate.erased) == (1, False)
    assert len(await RecordTable(database).mobilities_of(other)) == 1


async def test_a_wish_can_be_taken_back_until_it_is_fulfilled(database: Database):
    erasures = ErasureTable(database)
    account = await a_student(database)

    first = await erasures.request(account, NOW, FORTNIGHT)
    again = await erasures.request(account, NOW + timedelta(days=1), FORTNIGHT)
    assert (again, first.state, first.due_at) == (first, ErasureState.REQUESTED, NOW + FORTNIGHT)
    cancelled = await erasures.cancel(account, NOW + timedelta(days=2))
    assert cancelled is not None
    assert cancelled.state is ErasureState.CANCELLED
    assert await erasures.cancel(account, NOW) is None
    assert await erasures.fulfil(first.erasure_id, NOW + FORTNIGHT) is None
    assert await counts(database) == FULL | {"job": 7}

    second = await erasures.request(account, NOW, FORTNIGHT)
    certificate = await erasures.fulfil(second.erasure_id, NOW + FORTNIGHT)
    assert certificate is not None
    assert certificate.erased == FULL
    assert await erasures.fulfil(second.erasure_id, NOW + FORTNIGHT) is None
    assert await erasures.latest(account) is None


async def test_two_processes_that_fulfil_one_wish_make_one_certificate(database: Database):
    erasures = ErasureTable(database)
    wish = await erasures.request(await a_student(database), NOW, FORTNIGHT)

    found = await asyncio.gather(
        *(erasures.fulfil(wish.erasure_id, NOW + FORTNIGHT) for _ in range(4))
    )
    assert sum(each is not None for each in found) == 1


async def test_an_erasure_that_is_broken_off_in_the_middle_leaves_all_and_is_done_again(
    database: Database,
):
    erasures = ErasureTable(database)
    wish = await erasures.request(await a_student(database), NOW, FORTNIGHT)
    before = await counts(database)
    async with database.transaction() as held:  # the last table it comes to
        await held.execute("select 1 from account for update")
        under_way = asyncio.create_task(erasures.fulfil(wish.erasure_id, NOW))

        async def ended() -> bool:
            sql = """select count(pg_terminate_backend(pid)) from pg_stat_activity
                     where pid <> pg_backend_pid() and wait_event_type = 'Lock'"""
            return bool(await database.fetchval(sql))

        await until(ended)
        with pytest.raises(AWAY):
            await under_way

    assert await counts(database) == before
    certificate = await erasures.fulfil(wish.erasure_id, NOW)
    assert certificate is not None
    assert certificate.erased == FULL


async def test_an_answer_that_comes_in_meanwhile_is_erased_or_refused(database: Database):
    erasures, records = ErasureTable(database), RecordTable(database)
    account = await a_student(database)
    subject = await erasures.subject(str(account))

    async def come_in(number: int) -> None:
        take = TakingIn(absences=AbsenceRules(), tell=no_one, clock=utc_now)
        om = OmobilityId(f"om-{number}")
        async with records.change(HOME, HOME, om) as change:
            await take(change, an_answer(a_nomination(), omobility_id=om), silent=True)

    async def no_one(*_: object) -> None:
        """Nobody is to be told."""

    await asyncio.gather(
        *(come_in(n) for n in range(1, 9)),
        erasures.erase(subject, utc_now()),
        *(come_in(n) for n in range(9, 17)),
    )
    assert await counts(database) == {}


async def test_every_table_says_what_becomes_of_it(database: Database):
    """A new table has to be put into one of the classes of `store.holdings`."""
    rows = await database.fetch(
        """select relname from pg_class where relnamespace = 'public'::regnamespace
           and relkind in ('r', 'p') and not relispartition"""
    )
    known = [*(each.table for each in ERASED), *KEPT, *NOBODYS]

    assert sorted(row[0] for row in rows) == sorted(known)
    by_student = await database.fetch(
        """select distinct table_name::text from information_schema.columns
           join pg_class on relname = table_name and not relispartition
           where table_schema = 'public' and column_name in
               ('account_id', 'person_id', 'mobility_id', 'session_id', 'esi', 'esi_key')"""
    )
    assert {row[0] for row in by_student} - {"erasure"} <= {each.table for each in ERASED}


def test_a_certificate_is_the_same_whoever_writes_it_and_another_where_a_number_is():
    one = msgspec.convert(
        {
            "erasure_id": "00000000-0000-0000-0000-000000000001",
            "requested_at": NOW,
            "executed_at": NOW,
            "erased": {"a": 1, "b": 2},
            "kept": {},
            "shared": 0,
        },
        Certificate,
    )
    turned = msgspec.structs.replace(one, erased={"b": 2, "a": 1})

    assert one.sha256 == turned.sha256
    assert msgspec.structs.replace(one, erased={"a": 1, "b": 3}).sha256 != one.sha256
