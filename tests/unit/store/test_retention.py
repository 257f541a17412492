"""What is over goes, what is in use stays, and what went does not come back with the next poll."""

from datetime import UTC, date, datetime, timedelta

import pytest
from unit.store.samples import (
    ESI,
    HOME,
    NOW,
    OTHER_ESI,
    a_nomination,
    an_answer,
    give_address,
    log_in,
    take_in,
)

from erasmus_app.ids import OmobilityId
from erasmus_app.mobilities.consolidate import AbsenceRules, merge
from erasmus_app.notifications.catalogue import catalogue_folder
from erasmus_app.privacy.access import Access, ActorKind, Read
from erasmus_app.privacy.retention import Keeping, before, end_of, is_over
from erasmus_app.privacy.words import load_purposes
from erasmus_app.store.access_log import AccessLogTable
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.consents import ConsentTable
from erasmus_app.store.database import Database
from erasmus_app.store.exports import ExportTable
from erasmus_app.store.mail_addresses import MailAddressTable
from erasmus_app.store.records import RecordTable
from erasmus_app.store.retention import RetentionTable

KEEPING = Keeping(
    mobility=12, message=12, affiliation=12, session=6, access_log=24, consent=36, question=6
)
FAR = datetime(2040, 2, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "months", "then"),
    [
        ("2028-02-29", 12, "2027-02-28"),
        ("2028-02-29", 48, "2024-02-29"),
        ("2026-08-31", 6, "2026-02-28"),
        ("2028-08-31", 6, "2028-02-29"),
        ("2026-01-31", 1, "2025-12-31"),
    ],
)
def test_months_are_those_of_the_calendar(now: str, months: int, then: str):
    assert before(datetime.fromisoformat(now), months) == datetime.fromisoformat(then)


def test_a_mobility_ends_on_the_latest_day_that_is_known():
    changed = datetime(2026, 3, 1, tzinfo=UTC)

    assert end_of([None, None], None, changed) == date(2026, 3, 1)
    assert end_of([date(2027, 7, 1), "2027-08"], "2026/2027", changed) == date(2027, 9, 30)
    assert end_of([date(2028, 2, 28), "2028-02"], "2026/2027", changed) == date(2028, 2, 29)
    assert end_of(["soon", "2027-13"], "2026", changed) == date(2026, 3, 1)
    leap_day = date(2028, 2, 29)
    assert not is_over(leap_day, datetime(2029, 2, 28, 23, 59, tzinfo=UTC), 12)
    assert is_over(leap_day, datetime(2029, 3, 1, tzinfo=UTC), 12)


async def age(database: Database, when: datetime = NOW) -> None:
    """Let all that the database dates by itself be of then."""
    for table, columns in (
        ("person", ("created_at",)),
        ("mobility", ("changed_at", "created_at")),
        ("account", ("created_at", "last_login_at")),
        ("account_identity", ("last_login_at",)),
        ("account_esi", ("last_seen_at",)),
    ):
        for column in columns:
            await database.execute(f"update {table} set {column} = $1", when)


async def test_a_mobility_goes_a_year_after_its_end_and_a_running_one_stays(database: Database):
    records = RecordTable(database)
    table = RetentionTable(database, KEEPING)
    await take_in(records, an_answer(a_nomination(planned_departure=date(2027, 7, 15))))
    late = a_nomination(OTHER_ESI, planned_departure=date(2030, 1, 31))
    await take_in(records, an_answer(late, omobility_id="om-2"))
    # The first student's second mobility keeps nothing of the other student's.
    await age(database)

    still = datetime(2028, 9, 30, 12, tzinfo=UTC)
    assert await table.count(still) == {}
    assert await table.delete(still) == {}
    over = datetime(2028, 10, 2, tzinfo=UTC)
    assert await table.count(over) == {"mobilities": 1}
    assert await table.delete(over) == {"mobilities": 1}
    assert await table.delete(over) == {}

    left = await database.fetch("select omobility_id from mobility")
    assert [each["omobility_id"] for each in left] == ["om-2"]
    esis = await database.fetchval("select count(*) from person_esi")
    documents = await database.fetchval("select count(*) from source_document")
    assert (esis, documents) == (1, 1)
    kept = await database.fetchrow("select rows, last_at from retained where class = 'mobilities'")
    assert tuple(kept) == (1, over)


async def test_a_student_with_a_running_mobility_keeps_the_old_one_too(database: Database):
    records = RecordTable(database)
    await take_in(records, an_answer(a_nomination(planned_departure=date(2027, 7, 15))))
    again = a_nomination(planned_departure=date(2030, 1, 31))
    await take_in(records, an_answer(again, omobility_id="om-2"))
    await age(database)

    assert await RetentionTable(database, KEEPING).delete(datetime(2029, 1, 1, tzinfo=UTC)) == {}
    assert await database.fetchval("select count(*) from mobility") == 2


async def test_what_lapsed_does_not_come_back_but_the_student_may(database: Database):
    records = RecordTable(database)
    await take_in(records, an_answer(a_nomination()))
    await age(database)
    await RetentionTable(database, KEEPING).delete(FAR)

    forgotten = []
    for om in ("om-1", "om-2"):
        answer = an_answer(a_nomination(), omobility_id=om)
        async with records.change(HOME, HOME, OmobilityId(om)) as change:
            after = merge(None, answer.reading, AbsenceRules())
            assert after is not None
            forgotten.append(await change.is_forgotten(after))

    assert forgotten == [True, False]


async def test_each_class_of_data_goes_when_its_own_time_is_over(database: Database):
    account = await log_in(AccountTable(database), esis=(ESI,))
    secret = b"s" * 32
    accounts = AccountTable(database)
    await accounts.open_session(account, "app", secret, NOW + timedelta(days=1))
    await accounts.rotate(secret, b"t" * 32, NOW)
    consents = ConsentTable(database)
    news = load_purposes(catalogue_folder())["news"]
    await consents.give(account, news, "en", "app", NOW)
    await consents.withdraw(account, "news", "app", NOW)
    await consents.give(account, news, "en", "app", NOW)  # stands: kept for ever
    access = Access(kind=ActorKind.OPERATOR, actor="maria", purpose="request", api="student access")
    await AccessLogTable(database).note(access, [Read(tenant=None, subject=account)], NOW)
    await ExportTable(database).request(account, "en", NOW)
    await age(database)
    table = RetentionTable(database, KEEPING)

    gone = [
        (NOW + timedelta(days=13), {}),
        (NOW + timedelta(days=14), {"exports": 1}),
        (NOW + timedelta(days=31), {"refresh_tokens": 1}),
        (datetime(2027, 5, 22, 12, tzinfo=UTC), {"sessions": 1}),
        (datetime(2027, 11, 21, tzinfo=UTC), {"identifiers": 1, "affiliations": 1}),
        (datetime(2028, 11, 21, tzinfo=UTC), {"access_log": 1}),
        (datetime(2029, 11, 21, tzinfo=UTC), {"consents": 1}),
    ]
    for moment, expected in gone:
        assert (moment, await table.count(moment)) == (moment, expected)
        assert (moment, await table.delete(moment)) == (moment, expected)

    assert await database.fetchval("select count(*) from account") == 1
    assert [each.withdrawn_at for each in await consents.of(account)] == [None]
    row = await database.fetchrow("select affiliations, home_hei_ids from account_identity")
    assert tuple(row) == ([], [])


async def test_addresses_that_were_given_up_go_after_a_day_and_the_confirmed_one_stays(
    database: Database,
):
    account = await log_in(AccountTable(database))
    table, retention = MailAddressTable(database), RetentionTable(database, KEEPING)
    await give_address(database, account, "old@post.example")
    await give_address(database, account, "new@post.example", NOW + timedelta(hours=1))
    await table.ask(account, "never@post.example", NOW + timedelta(hours=2))

    async def left(after: timedelta) -> int:
        await retention.delete(NOW + after)
        return int(await database.fetchval("select count(*) from mail_address"))

    assert await left(timedelta(hours=24)) == 3
    assert await left(timedelta(hours=25)) == 2
    assert await left(timedelta(hours=27)) == 1
    assert [each.address for each in await table.addresses(account, NOW + timedelta(days=9))] == [
        "new@post.example"
    ]
