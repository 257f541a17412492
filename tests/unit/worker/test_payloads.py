"""What a push service and a lock screen get to see, of every kind that there is."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from unit.store.samples import HOME, OM, a_nomination, an_answer, log_in, take_in

from erasmus_app.ids import AccountId, EventId
from erasmus_app.kit.clock import utc_now
from erasmus_app.mobilities.events import (
    DETAILS,
    KINDS,
    OF_TRAINEESHIPS,
    WITHOUT_CREDITS,
    MobilityEvent,
    Row,
)
from erasmus_app.notifications.catalogue import Catalogue, catalogue_folder, load_catalogue
from erasmus_app.notifications.ports import Outcome, Push, PushResult
from erasmus_app.push.fcm_messages import message_of
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import Database
from erasmus_app.store.deliveries import DELIVER, DeliveryTable
from erasmus_app.store.devices import DeviceTable
from erasmus_app.store.inbox import InboxTable
from erasmus_app.store.jobs import JobQueue
from erasmus_app.store.records import RecordTable
from erasmus_app.store.telling import Teller
from erasmus_app.students.models import Platform, TargetKind
from erasmus_app.worker.deliver import Deliverer

MESSAGES = load_catalogue(catalogue_folder())
SECRET = "Between the offices: 9.5, too weak"
HEIS = ("ribeira.example", "lindental.example")
TELLING = {  # words of results, of refusals, of comments
    "en": r"grades?|marks?|passed|failed|credits?|ects|comments?|refus\w*|reject\w*|weak",
    "de": r"noten?|bestanden|durchgefallen|kommentare?|abgelehnt|ablehnung|ects",
    "pt": r"nota|aprovad\w*|reprovad\w*|coment(á|a)rios?|recus\w*|rejeit\w*|ects",
}


@dataclass
class Seeing:
    """A push service that keeps what it is given."""

    seen: list[Push] = field(default_factory=list)
    ready: bool = True

    async def send(self, push: Push) -> PushResult:
        self.seen.append(push)
        return PushResult(outcome=Outcome.ACCEPTED)


@dataclass
class Parts:
    """What delivering takes of the services."""

    channels: dict[str, Seeing]
    messages: Catalogue = MESSAGES
    clock: Any = utc_now


@pytest.fixture(params=[MESSAGES.languages[::2], MESSAGES.languages[1::2]], ids=", ".join)
def languages(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Some of them: there are more than an account may have phones."""
    found: tuple[str, ...] = request.param
    return found


@pytest.fixture
async def account(database: Database, languages: tuple[str, ...]) -> AccountId:
    await take_in(RecordTable(database), an_answer(a_nomination()))
    account = await log_in(AccountTable(database))
    for language in languages:
        await DeviceTable(database).register(
            account, Platform.ANDROID, TargetKind.FID, f"phone-{language}", language
        )
    return account


async def pushed(
    database: Database, *rows: Row, merge_for: timedelta, called: str | None = None
) -> list[Push]:
    """Tell of some events that hold a secret wherever they can; return all that goes out."""
    async with RecordTable(database).change(HOME, HOME, OM) as change:
        assert change.before is not None
        for row in rows:
            detail = dict.fromkeys(DETAILS.get(called or KINDS[row], ()), SECRET)
            event = MobilityEvent(event_id=EventId(uuid4()), step=row, detail=detail, called=called)
            now = datetime.now(UTC)
            await Teller(MESSAGES, merge_for)(change, [event], change.before, now)
    await database.execute("update job set due = now() - interval '1 s'")
    service = Seeing()
    deliver = Deliverer(Parts({"fcm": service}), database, DeliveryTable(database))  # type: ignore[arg-type]
    for job in await JobQueue(database).claim(99, timedelta(minutes=1), uuid4(), [DELIVER]):
        await deliver(job)
    return service.seen


def shown(push: Push) -> str:
    """All that leaves us, as it is written to the service."""
    return message_of(push, datetime.now(UTC)).decode()


def check(push: Push, language: str) -> None:
    assert SECRET not in shown(push)
    assert not any(each in shown(push) for each in HEIS)
    assert push.data.keys() <= {"id", "kind", "mobility", "more"}
    assert push.data["kind"] in MESSAGES.kinds
    words = f"{push.title} {push.body}"
    telling = TELLING.get(language, "ects")
    assert not re.search(rf"\b({telling})\b", words, re.IGNORECASE), words
    assert not re.search(r"\d|[{}]", words)


def language_of(push: Push) -> str:
    return push.target.removeprefix("phone-")


async def test_no_push_of_any_kind_holds_a_comment_a_result_a_reason_or_a_name(
    database: Database, account: AccountId, languages: tuple[str, ...]
):
    pushes = []
    every = [(row, None) for row in Row]
    for row, called in [*every, *OF_TRAINEESHIPS.items(), *WITHOUT_CREDITS.items()]:
        pushes += await pushed(database, row, merge_for=timedelta(0), called=called)

    for push in pushes:
        check(push, language_of(push))
    expected = {name for name, each in MESSAGES.kinds.items() if each.push}
    assert {(each.data["kind"], language_of(each)) for each in pushes} == {
        (kind, language) for kind in expected for language in languages
    }
    entries = await InboxTable(database).entries(account, first=101, after=None)
    assert SECRET.encode() in msgspec.json.encode(list(entries))  # the inbox may say it


async def test_nor_does_one_that_tells_of_several(
    database: Database, account: AccountId, languages: tuple[str, ...]
):
    merging = [row for row in Row if MESSAGES.kinds[KINDS[row]].merges]
    pushes = await pushed(database, *merging, merge_for=timedelta(minutes=3))

    assert sorted(map(language_of, pushes)) == sorted(languages)
    for push in pushes:
        language = language_of(push)
        check(push, language)
        several = MESSAGES.phrases[language].several
        assert (push.title, push.body) == (several.title, several.body)
        assert 1 < int(push.data["more"]) < len(merging)  # what overtook another stands for it
    entries = await InboxTable(database).entries(account, first=101, after=None)
    assert len(entries) == len(merging)


@pytest.mark.usefixtures("account")
async def test_a_push_that_was_overtaken_before_it_was_claimed_is_not_sent(
    database: Database, languages: tuple[str, ...]
):
    pushes = await pushed(database, Row.B4, Row.B6, merge_for=timedelta(0))

    assert {each.data["kind"] for each in pushes} == {"mobility_cancelled"}
    assert len(pushes) == len(languages)
    left = await database.fetch("select state, count(*) as n from delivery group by 1 order by 1")
    each_of_them = len(languages)
    assert [tuple(each) for each in left] == [
        ("accepted", each_of_them),
        ("superseded", each_of_them),
    ]
    assert await database.fetchval("select count(*) from job") == 0
