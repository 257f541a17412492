"""Mails on a real server: planned with the message, looked at again, sent once, whoever dies."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from databases import VAULT
from unit.store.samples import NOW, OTHER_ESI, give_address, log_in
from unit.store.test_deliveries import a_message, a_phone

from erasmus_app.ids import AccountId, InboxEntryId
from erasmus_app.notifications.catalogue import catalogue_folder, load_catalogue
from erasmus_app.notifications.letters import Letter, Letters, load_mail_words
from erasmus_app.notifications.mail_addresses import MOST_REFUSALS, AddressState
from erasmus_app.notifications.mailing import Rhythm
from erasmus_app.notifications.models import Level, Medium
from erasmus_app.notifications.ports import Outcome, PushResult
from erasmus_app.notifications.wishes import PreferenceService, Wish
from erasmus_app.services import Services
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import Database, open_database
from erasmus_app.store.devices import DeviceTable
from erasmus_app.store.jobs import Again, Job
from erasmus_app.store.mail_addresses import MailAddressTable
from erasmus_app.store.mails import MailTable, plan_mails
from erasmus_app.store.moving import give_back, move_all
from erasmus_app.store.replanning import PreferenceTable
from erasmus_app.store.telling import tell
from erasmus_app.worker.mails import Mailer

DAY = timedelta(days=1)
ACCEPTED = PushResult(outcome=Outcome.ACCEPTED)


class Postman:
    """Takes letters, and answers as it is told; what is no answer is raised."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.answers: list[PushResult | Exception] = []

    async def post(self, letter: Letter) -> PushResult:
        self.letters.append(letter)
        answer = self.answers.pop(0) if self.answers else ACCEPTED
        if isinstance(answer, Exception):
            raise answer
        return answer


class House:
    """A mailer over a database, with a clock that is set by hand."""

    def __init__(self, database: Database) -> None:
        self.database, self.now, self.postman = database, NOW, Postman()
        messages = load_catalogue(catalogue_folder())
        self.preferences = PreferenceService(
            store=PreferenceTable(database, messages.kinds),
            categories=messages.categories,
            clock=lambda: self.now,
        )
        self.services = SimpleNamespace(
            post=self.postman,
            clock=lambda: self.now,
            messages=messages,
            preferences=self.preferences,
            letters=Letters(
                words=load_mail_words(catalogue_folder(), messages.languages),
                catalogue=messages,
                app_url="https://app.example",
                public_url="https://api.example",
            ),
        )
        self.mails = MailTable(database, MailAddressTable(database))
        rhythm = Rhythm(after=DAY, urgent_after=DAY / 6)
        self.mailer = Mailer(cast("Services", self.services), self.mails, rhythm)

    async def told(self, account: AccountId, event: int = 1, kind: str = "nomination_accepted"):
        async with self.database.transaction() as connection:
            message = a_message(account, event, kind=kind)
            await tell(connection, message, self.now)
            await plan_mails(connection, account, [message.entry_id], self.now, timedelta(0))
        return message.entry_id

    async def work(self, account: AccountId) -> float | None:
        """Do the account's job; return in how many seconds it comes again."""
        job = Job(
            job_id=cast("Any", 1),
            kind="mail",
            payload={"account_id": str(account)},
            attempts=1,
            requested_at=NOW,
            leased_by=uuid4(),
        )
        try:
            await self.mailer(job)
        except Again as again:
            return again.after
        return None

    async def fates(self) -> list[tuple[str, str | None]]:
        rows = await self.database.fetch(
            "select state, last_error from mail_delivery order by planned_at, inbox_entry_id"
        )
        return [(row["state"], row["last_error"]) for row in rows]

    async def states(self, account: AccountId) -> list[tuple[str | None, AddressState]]:
        found = await MailAddressTable(self.database).addresses(account, self.now)
        return [(each.address, each.state) for each in found]

    async def due(self) -> float:
        """In how many seconds the job is due."""
        return float(
            await self.database.fetchval(
                "select extract(epoch from due - now()) from job where kind = 'mail'"
            )
        )


@pytest.fixture
async def house(dsn: str) -> AsyncIterator[House]:
    async with open_database(dsn, VAULT) as database:
        yield House(database)


@pytest.fixture
async def account(house: House) -> AccountId:
    return await log_in(AccountTable(house.database))


async def with_phone(house: House, account: AccountId) -> AccountId:
    await give_address(house.database, account)
    await a_phone(DeviceTable(house.database), account)
    return account


async def test_nothing_is_planned_for_who_has_confirmed_no_address(
    house: House, account: AccountId
):
    await MailAddressTable(house.database).ask(account, "ines@post.example", NOW)
    await house.told(account)

    assert await house.fates() == []
    assert await house.database.fetchval("select count(*) from job where kind = 'mail'") == 0


async def test_a_message_waits_for_its_time_and_is_mailed_once(house: House, account: AccountId):
    await with_phone(house, account)
    await house.told(account)

    assert await house.work(account) == DAY.total_seconds() / 6  # it is urgent
    house.now += DAY
    assert await house.work(account) == 0.1
    assert await house.work(account) is None
    assert [each.to for each in house.postman.letters] == ["ines@post.example"]
    assert await house.fates() == [("sent", None)]


async def test_who_dies_while_sending_sends_the_same_mail_and_what_came_since_in_another(
    house: House, account: AccountId
):
    await give_address(house.database, account)
    await house.told(account)
    house.postman.answers = [RuntimeError("killed")]
    with pytest.raises(RuntimeError):
        await house.work(account)
    await house.told(account, 2, "agreement_sent_back")
    assert [await house.work(account) for _ in range(3)] == [0.1, 0.1, None]

    first, again, other = house.postman.letters
    assert again == first
    assert other.mail_id != first.mail_id
    assert await house.fates() == [("sent", None)] * 2


async def test_what_was_seen_meanwhile_is_not_tried_again(house: House, account: AccountId):
    await give_address(house.database, account)
    entry = await house.told(account)
    house.postman.answers = [PushResult(outcome=Outcome.TRY_AGAIN, code="recipient_451")]
    seconds = await house.work(account)
    assert seconds is not None
    assert 10 < seconds <= 60
    assert await house.fates() == [("pending", "recipient_451")]
    await house.database.execute(
        "update inbox_entry set read_at = now() where inbox_entry_id = $1", entry
    )

    assert await house.work(account) is None
    assert await house.fates() == [("dropped", "seen")]
    assert len(house.postman.letters) == 1


async def test_a_lane_that_is_down_is_waited_for(house: House, account: AccountId):
    await give_address(house.database, account)
    await house.told(account)
    house.postman.answers = [PushResult(outcome=Outcome.LANE_DOWN, code="x", retry_after=900)]

    assert await house.work(account) == 900


async def test_an_address_is_gone_when_its_server_says_so_and_the_rest_is_dropped(
    house: House, account: AccountId
):
    await give_address(house.database, account)
    await house.told(account)
    house.postman.answers = [PushResult(outcome=Outcome.DEVICE_GONE, code="recipient_550_5.1.1")]
    await house.work(account)
    await house.told(account, 2)

    assert await house.fates() == [("failed", "recipient_550_5.1.1")]  # nothing more is planned
    assert await house.states(account) == [(None, AddressState.GONE)]


@pytest.mark.parametrize("between", [False, True])
async def test_an_address_is_gone_after_three_refusals_in_a_row(
    house: House, account: AccountId, between: bool
):
    await give_address(house.database, account)
    refused = PushResult(outcome=Outcome.REJECTED, code="recipient_550")
    answers = [refused] * MOST_REFUSALS
    house.postman.answers = [*answers[:-1], *([ACCEPTED] if between else []), answers[-1]]
    for n in range(len(house.postman.answers)):
        await house.told(account, n + 1)
        await house.work(account)

    states = [state for _, state in await house.states(account)]
    assert states == [AddressState.CONFIRMED if between else AddressState.GONE]


@pytest.mark.parametrize("how", ["removed", "stopped", "no server"])
async def test_what_waits_goes_nowhere_where_there_is_no_way(
    house: House, account: AccountId, how: str
):
    await give_address(house.database, account)
    await house.told(account)
    table = MailAddressTable(house.database)
    if how == "removed":
        await table.remove(account, NOW)
    elif how == "stopped":
        address = await house.database.fetchval("select address_id from mail_address")
        assert await table.stop(table.token(address), NOW)
    else:
        house.services.post = None

    assert await house.work(account) is None
    reason = "no_mail_server" if how == "no server" else "no_address"
    assert await house.fates() == [("dropped", reason)]
    assert house.postman.letters == []


async def without_phone(house: House, account: AccountId) -> None:
    await house.database.execute("delete from device where account_id = $1", account)


async def other_wishes(house: House, account: AccountId) -> None:
    await house.preferences.change(account, Wish(levels=((Medium.MAIL, "nomination", Level.NONE),)))


@pytest.mark.parametrize(
    ("change", "fate"),
    [(without_phone, ("sent", None)), (other_wishes, ("dropped", "not_wanted"))],
)
async def test_mails_are_looked_at_again_when_the_last_device_goes_or_wishes_change(
    house: House, account: AccountId, change: Callable[..., Any], fate: tuple[str, str | None]
):
    await with_phone(house, account)
    await house.told(account)
    await house.database.execute("update job set due = now() + interval '1 day'")
    await change(house, account)

    assert await house.due() <= 0
    while await house.work(account) is not None:
        pass
    assert await house.fates() == [fate]


async def test_a_device_that_goes_while_another_stays_changes_nothing(
    house: House, account: AccountId
):
    await with_phone(house, account)
    await a_phone(DeviceTable(house.database), account, "phone-2")
    await house.told(account)
    await house.database.execute("update job set due = now() + interval '1 day'")
    await house.database.execute("delete from device where ctid = (select min(ctid) from device)")

    assert await house.due() > 1000


async def test_what_waits_moves_with_the_address_to_the_account_that_is_kept_and_back(
    house: House, account: AccountId
):
    other = await log_in(AccountTable(house.database), "other", (OTHER_ESI,))
    await give_address(house.database, other, "other@post.example")
    await house.told(other)
    async with house.database.transaction() as connection:
        moved = await move_all(connection, other, account)
    confirmed = [("other@post.example", AddressState.CONFIRMED)]
    assert (await house.states(other), await house.states(account)) == ([], confirmed)
    [waiting] = await house.mails.unseen(account)
    jobs = await house.database.fetch("select payload ->> 'account_id' as whose from job")
    assert str(account) in {row["whose"] for row in jobs}

    async with house.database.transaction() as connection:
        await give_back(connection, account, other, moved)
    assert (await house.states(other), await house.states(account)) == (confirmed, [])
    assert [each.entry_id for each in await house.mails.unseen(other)] == [
        InboxEntryId(UUID(str(waiting.entry_id)))
    ]
