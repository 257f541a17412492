from datetime import timedelta
from uuid import UUID

import msgspec
import pytest
from factories import (
    AT,
    LINDENTAL,
    OMOBILITY,
    RIBEIRA,
    TODAY,
    a_mobility,
    a_nomination,
    a_proposal,
    a_reader,
    a_student,
    an_agreement,
    stored,
)

from erasmus_app.ids import AccountId, DeviceId, EventId, HeiId, InboxEntryId, MobilityId
from erasmus_app.mobilities.changes import changes
from erasmus_app.mobilities.events import DETAILS, KINDS, MobilityEvent, Row, event_id
from erasmus_app.mobilities.local_rules import Role
from erasmus_app.notifications.catalogue import catalogue_folder, load_catalogue
from erasmus_app.notifications.models import InboxEntry, Message, Text
from erasmus_app.notifications.policy import delivery_id, entry_id, is_told, plan, standing
from erasmus_app.notifications.service import InboxService

CATALOGUE = load_catalogue(catalogue_folder())
EVENT = event_id(RIBEIRA, OMOBILITY, Row.D1, "imobilities 2")
KNOWN = stored(a_mobility(a_nomination("approved")))


def an_event(row: Row, **detail: str) -> MobilityEvent:
    return MobilityEvent(event_id=EVENT, step=row, detail=detail)


def test_an_event_is_one_message_to_one_reader_with_what_its_text_needs():
    message = plan(an_event(Row.D1, date="2026-11-02"), a_reader(), KNOWN, CATALOGUE)

    assert message == Message(
        entry_id=entry_id(a_reader().account_id, EVENT),
        account_id=AccountId(UUID(int=3)),
        tenant=LINDENTAL,
        mobility_id=MobilityId(UUID(int=1)),
        event_id=EVENT,
        kind="arrival_confirmed",
        arguments={"sending_hei": RIBEIRA, "receiving_hei": LINDENTAL, "date": "2026-11-02"},
        push=True,
        ttl=timedelta(hours=72),
        obsolete_by=("arrival_recorded", "arrival_removed"),
        of=CATALOGUE.kinds["arrival_confirmed"],
    )


def test_a_message_waits_for_others_where_its_kind_merges():
    window = timedelta(minutes=3)
    events = [an_event(Row.B9, start="2026-09-01", end="2027-01-31"), an_event(Row.B4)]

    messages = [plan(each, a_reader(), KNOWN, CATALOGUE, window) for each in events]
    assert [each.wait for each in messages] == [window, timedelta(0)]


def at_once(*rows: Row) -> list[str]:
    """Which of the events that came at once are pushed."""
    events = [
        MobilityEvent(event_id=event_id(RIBEIRA, OMOBILITY, row, f"{n}"), step=row)
        for n, row in enumerate(rows)
    ]
    pushed = standing(events, CATALOGUE)
    return [each.step.value for each in events if each.event_id in pushed]


def test_of_what_came_at_once_only_what_still_stands_is_pushed():
    assert at_once(Row.B6, Row.B9) == ["B6"]  # the dates of what was cancelled
    assert at_once(Row.B9, Row.B6) == ["B6"]
    assert at_once(Row.B12, Row.B15, Row.B9) == ["B15", "B9"]
    assert at_once(Row.B5, Row.B4) == ["B4"]  # each makes the other obsolete: the last counts
    assert at_once(Row.B4, Row.B5) == ["B5"]
    assert at_once(Row.B9, Row.B9) == ["B9"]
    assert at_once() == []


def test_everybody_who_may_read_is_told_once_also_where_two_universities_saw_it():
    event = an_event(Row.B4)
    elsewhere = stored(a_mobility(a_nomination("approved"), tenant=RIBEIRA))

    def ids(*readers: int) -> list[InboxEntryId]:
        tenants = (KNOWN, elsewhere)
        return [
            plan(event, a_reader(n), each, CATALOGUE).entry_id for n in readers for each in tenants
        ]

    assert len(set(ids(3, 4))) == 2
    assert ids(3, 4) == ids(3, 4)


def test_ids_tell_accounts_events_devices_and_channels_apart_and_last():
    one, two = AccountId(UUID(int=1)), AccountId(UUID(int=2))
    event, other = EventId(UUID(int=3)), EventId(UUID(int=4))
    entry = entry_id(one, event)
    phone, tablet = DeviceId(UUID(int=5)), DeviceId(UUID(int=6))

    assert len({entry, entry_id(two, event), entry_id(one, other)}) == 3
    assert (
        len(
            {
                delivery_id(entry, phone, "fcm"),
                delivery_id(entry, tablet, "fcm"),
                delivery_id(entry, phone, "mail"),
            }
        )
        == 3
    )
    assert str(entry) == "9f530628-b93b-52fd-8a92-6e8eb4f61ed1"  # rows have it
    assert str(delivery_id(entry, phone, "fcm")) == "fd277bc8-b738-5333-971e-2e0b3082d661"


@pytest.mark.parametrize("row", Row)
def test_a_kind_that_is_for_the_inbox_alone_is_not_pushed(row: Row):
    event = an_event(row, **dict.fromkeys(DETAILS.get(KINDS[row], ()), "2026-11-02"))

    message = plan(event, a_reader(), KNOWN, CATALOGUE)

    assert message.push is (row not in {Row.B7, Row.D11})
    assert message.kind == KINDS[row]


@pytest.mark.parametrize("tenant", [RIBEIRA, LINDENTAL])
@pytest.mark.parametrize("told", [(Role.OUTGOING,), (Role.INCOMING,), tuple(Role)])
def test_only_students_whom_a_kind_is_for_are_told(tenant: HeiId, told: tuple[Role, ...]):
    kinds = {
        name: msgspec.structs.replace(each, told=told) for name, each in CATALOGUE.kinds.items()
    }
    catalogue = msgspec.structs.replace(CATALOGUE, kinds=kinds)
    sent_by = {RIBEIRA: Role.OUTGOING, LINDENTAL: Role.INCOMING}

    assert is_told(an_event(Row.B4), a_mobility(a_nomination(), tenant=tenant), catalogue) is (
        sent_by[tenant] in told
    )


class NoStore:
    """An inbox of nothing."""

    async def entries(self, account, *, first, after):
        self.first = first
        return []

    async def unread(self, account):
        return 0

    async def mark_read(self, account, entries, at):
        self.at = at
        return len(entries)


class Names:
    def name(self, hei: HeiId, language: str) -> str:
        return f"{hei} in {language}"


def inbox(store: NoStore) -> InboxService:
    return InboxService(store=store, catalogue=CATALOGUE, names=Names(), clock=lambda: AT)


def an_entry(message: Message) -> InboxEntry:
    return InboxEntry(
        account_id=message.account_id,
        entry_id=message.entry_id,
        mobility_id=message.mobility_id,
        kind=message.kind,
        arguments=message.arguments,
        created_at=AT,
        read_at=None,
        place=1,
    )


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (
            "de-AT",
            Text(
                language="de",
                title="Dein erster Tag",
                body="lindental.example in de hat den 2. November 2026 "
                "als deinen ersten Tag eingetragen.",
            ),
        ),
        (
            "ja",
            Text(
                language="en",
                title="Your first day",
                body="lindental.example in en has recorded 2 November 2026 as your first day.",
            ),
        ),
    ],
)
def test_an_entry_is_written_when_it_is_read_with_names_in_the_same_language(language, expected):
    message = plan(an_event(Row.D2, date="2026-11-02"), a_reader(), KNOWN, CATALOGUE)

    assert inbox(NoStore()).text(an_entry(message), language) == expected


@pytest.mark.parametrize(("asked", "given"), [(-5, 0), (0, 0), (20, 20), (101, 101), (10**9, 101)])
async def test_an_inbox_gives_a_hundred_and_one_more_at_most(asked: int, given: int):
    store = NoStore()

    assert await inbox(store).entries(a_reader().account_id, first=asked) == []
    assert store.first == given


async def test_what_is_read_is_marked_with_the_time_of_the_clock():
    store = NoStore()

    assert await inbox(store).mark_read(a_reader().account_id, [InboxEntryId(UUID(int=9))]) == 1
    assert store.at == AT


def test_no_message_holds_anything_of_the_student_or_of_a_signature():
    secret = "SECRET"
    student = a_student(
        given_names=secret, family_name=secret, email=f"{secret}@x.example", nationality=secret
    )
    before = a_mobility(a_nomination(), an_agreement(proposal=a_proposal()))
    after = a_mobility(
        a_nomination("rejected", student=student),
        an_agreement(proposal=a_proposal("c-2"), student=student),
        revision=2,
    )

    messages = [
        plan(event, a_reader(), stored(after), CATALOGUE) for event in changes(before, after, TODAY)
    ]

    assert [each.kind for each in messages] == ["nomination_refused", "agreement_replaced"]
    written = [inbox(NoStore()).text(an_entry(each), "en") for each in messages]
    assert secret.encode() not in msgspec.json.encode([messages, written])
