"""Students for `make bench-graphql`, straight into the tables: with a stay, or long gone.

Whoever has a stay has rows as the backend writes them, each value sealed for its own place. Of
those that retention has left there are an account, an identity, an ESI and a person.
"""

import hashlib
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import chain
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import msgspec

from erasmus_app.glance import Glance
from erasmus_app.identity.models import Account
from erasmus_app.identity.roles import KnownIdentity
from erasmus_app.ids import (
    AcademicYearId,
    AccountId,
    HeiId,
    InboxEntryId,
    MobilityId,
    OmobilityId,
    PersonId,
    ProposalId,
)
from erasmus_app.mobilities.models import (
    AgreementEnd,
    AgreementVersion,
    Api,
    Component,
    ComponentList,
    Contact,
    HeiEnd,
    LearningAgreement,
    Mobility,
    Nomination,
    NominationStatus,
    Signature,
    Source,
    Sourced,
    StudentData,
)
from erasmus_app.mobilities.ports import StoredMobility
from erasmus_app.notifications.models import InboxEntry
from erasmus_app.store.glances import screen_of
from erasmus_app.store.sealed import Vault
from erasmus_app.store.sealed_records import split

Rows = tuple[str, list[str], list[tuple[Any, ...]]]
"""A table, its columns, and rows for it."""

HOME, ABROAD = HeiId("ribeira.example"), HeiId("lindental.example")
NAMES = {HOME: "Universidade da Ribeira", ABROAD: "Universität Lindental"}
AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
ISSUER = "https://login.example"
MESSAGES = 3
KINDS = ("nominated", "nomination_accepted", "nomination_received")
AT_ONCE = 10_000  # students in one go: what lies in memory
SQL_AT_ONCE = 250_000
LONGEST = 3600.0  # seconds that a statement may take
PLACE = "@omobility@"  # in a template, for the mobility's own id

_GONE = """
    with made as materialized (
        select gen_random_uuid() as account, gen_random_uuid() as person, n
        from generate_series($1::bigint, $2::bigint) as n
    ), accounts as (
        insert into account (account_id, display_name, email)
        select account, $5, $6 from made
    ), screens as (
        insert into screen (account_id) select account from made
    ), identities as (
        insert into account_identity (issuer, subject, account_id, home_hei_ids, affiliations,
            email)
        select $3, 'gone-' || n, account, array[$4], array['student@' || $4], $6 from made
    ), esis as (
        insert into account_esi (account_id, esi_key, esi)
        select account, encode(sha256(('gone-' || n)::bytea), 'hex'), $7 from made
    ), persons as (
        insert into person (tenant, person_id) select $4, person from made
    )
    insert into account_person (account_id, tenant, person_id)
    select account, $4, person from made"""


@dataclass(frozen=True)
class Template:
    """A mobility's columns, but for what is its own."""

    mobility: Mobility
    frame: str
    facts: bytes

    @classmethod
    def of(cls, mobility: Mobility) -> "Template":
        """Split a mobility by the store's own code, and take the seal off again."""
        vault = Vault.of([b"t" * 32], b"l" * 32)
        frame, sealed = split(mobility, vault)
        place = ("mobility.sealed", mobility.tenant, mobility.sending_hei_id, mobility.omobility_id)
        return cls(mobility, frame, vault.open(sealed, *place))


@cache
def templates(home: HeiId = HOME, abroad: HeiId = ABROAD) -> list[Template]:
    """Mobilities in several states, so that the screen says different things of them."""
    found = []
    for turn, status in enumerate(
        (NominationStatus.PENDING, NominationStatus.APPROVED, NominationStatus.APPROVED)
    ):
        versions = AgreementVersion(
            components=tuple(
                Component(table=ComponentList.STUDIED, title=f"Course {n}") for n in range(5)
            ),
            student_signature=Signature(signed_at=AT),
            sending_signature=Signature(signed_at=AT + timedelta(days=1)),
        )
        student = StudentData(
            given_names="Inês",
            family_name="Ferreira",
            birth_date=date(2005, 3, 4),
            email="ines@ribeira.example",
        )
        end = AgreementEnd(
            hei_id=abroad,
            contact=Contact(
                given_names="Greta", family_name="Bäumer", email="io@lindental.example"
            ),
        )
        year = AcademicYearId("2026/2027")
        nomination = Nomination(
            status=status,
            proposal_id=ProposalId(f"p-{turn}"),
            sending=HeiEnd(hei_id=home),
            receiving=HeiEnd(hei_id=abroad),
            student=student,
            receiving_academic_year_id=year,
            sending_term="2026/2027-2/2",
        )
        agreement = LearningAgreement(
            sending=AgreementEnd(hei_id=home, contact=end.contact),
            receiving=end,
            receiving_academic_year_id=year,
            student=student,
            planned_start="2027-03-01",
            planned_end="2027-07-31",
            first_version=versions,
        )
        mobility = Mobility(
            tenant=home,
            sending_hei_id=home,
            receiving_hei_id=abroad,
            omobility_id=OmobilityId(PLACE),
            nomination=_sourced(nomination, Api.OMOBILITIES, home),
            agreement=_sourced(agreement, Api.OMOBILITY_LAS, home),
        )
        found.append(Template.of(mobility))
    return found


def _sourced(value: Any, api: Api, home: HeiId) -> Sourced[Any]:
    source = Source(
        api=api, major=3 if api is Api.OMOBILITIES else 1, hei_id=home, asked_as=home,
        fetched_at=AT, last_confirmed_at=AT,
    )  # fmt: skip
    return Sourced(value=value, source=source)


def account_of(number: int) -> UUID:
    """Return the account of the student with this number, whose stay is now."""
    return UUID(bytes=hashlib.blake2b(b"bench %d" % number, digest_size=16).digest(), version=4)


def at_home(_number: int) -> HeiId:
    """Return the HEI that all students are of, where it does not matter."""
    return HOME


async def fill(
    connection: asyncpg.Connection,
    vault: Vault,
    numbers: range,
    *,
    mobilities: int,
    home_of: Callable[[int], HeiId] = at_home,
    beside: Callable[[list["Student"]], Iterable[Rows]] = lambda _: (),
) -> None:
    """Write the students with these numbers, each with so many mobilities and three messages.

    Each has opened the app since the last change: the first screen is kept. `beside` makes more
    rows of theirs.
    """
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda text: b"\x01" + text.encode(),  # the format's version
        decoder=bytes,
        format="binary",
    )
    async with _without_looking_up(connection):
        for begin in range(numbers.start, numbers.stop, AT_ONCE):
            some = range(begin, min(begin + AT_ONCE, numbers.stop))
            students = [_student(n, templates(home_of(n)), mobilities) for n in some]
            for table, columns, rows in chain(_tables(students, vault), beside(students)):
                await connection.copy_records_to_table(table, records=rows, columns=columns)


async def leave(connection: asyncpg.Connection, vault: Vault, numbers: range) -> None:
    """Write the students with these numbers as retention leaves them."""
    nobody = UUID(int=0)  # nobody reads these, so one sealed value does for all
    values = (
        ISSUER,
        HOME,
        vault.seal_text("Somebody of Old", "account.display_name", nobody),
        vault.seal_text("somebody@old.example", "account.email", nobody),
        vault.seal_text(f"urn:schac:personalUniqueCode:int:esi:{HOME}:1", "esi", nobody),
    )
    async with _without_looking_up(connection):
        for begin in range(numbers.start, numbers.stop, SQL_AT_ONCE):
            last = min(begin + SQL_AT_ONCE, numbers.stop) - 1
            await connection.execute(_GONE, begin, last, *values, timeout=LONGEST)


@asynccontextmanager
async def _without_looking_up(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Rows that fit by the way they are made need not be looked up one by one."""
    await connection.execute("set session_replication_role = replica")
    yield
    await connection.execute("set session_replication_role = default")


def _tables(some: list["Student"], vault: Vault) -> Iterator[Rows]:
    """Yield each table's rows of these students."""
    yield (
        "account",
        ["account_id", "language", "zone", "display_name", "email"],
        [
            (
                (me := each.glance.account).account_id,
                me.language,
                me.zone,
                vault.seal_text(me.display_name, "account.display_name", me.account_id),
                vault.seal_text("s@mail.example", "account.email", me.account_id),
            )
            for each in some
        ],
    )
    yield (
        "screen",
        ["account_id", "sealed"],
        [(each.account, vault.seal(each.screen, "screen.sealed", each.account)) for each in some],
    )
    yield (
        "account_identity",
        ["issuer", "subject", "account_id", "home_hei_ids", "affiliations", "last_login_at"],
        [
            (one.issuer, one.subject, each.account, one.home_hei_ids, one.affiliations, AT)
            for each in some
            for one in each.glance.identities
        ],
    )
    yield (
        "account_esi",
        ["account_id", "esi_key", "esi"],
        [
            (
                each.account,
                (key := hashlib.sha256(each.account.bytes).hexdigest()),
                vault.seal(b"urn:schac:1", "account_esi.esi", each.account, key),
            )
            for each in some
        ],
    )
    yield "person", ["tenant", "person_id"], [(each.home, each.person) for each in some]
    yield (
        "account_person",
        ["account_id", "tenant", "person_id"],
        [(each.account, each.home, each.person) for each in some],
    )
    yield (
        "mobility",
        ["tenant", "person_id", "mobility_id", "sending_hei_id", "omobility_id",
         "receiving_hei_id", "record", "changed_at", "next_look_at", "sealed"],
        [_mobility(*one, each.person, vault) for each in some for one in each.stays],
    )  # fmt: skip
    yield (
        "inbox_entry",
        ["account_id", "inbox_entry_id", "tenant", "event_id", "kind", "arguments", "created_at",
         "read_at", "place"],
        [_message(one, vault) for each in some for one in each.glance.inbox or ()],
    )  # fmt: skip


class Student(NamedTuple):
    """Somebody whose stay is now, and what the first screen shows of them."""

    glance: Glance
    person: PersonId
    stays: list[tuple[Template, StoredMobility]]

    @property
    def account(self) -> AccountId:
        """Whose account it is."""
        return self.glance.account.account_id

    @property
    def home(self) -> HeiId:
        """The HEI whose data knows them."""
        return HeiId(self.glance.account.home_hei_ids[0])

    @property
    def screen(self) -> bytes:
        """The first screen, as it is kept today."""
        return screen_of(self.glance, datetime.now(UTC).date())


def _student(number: int, of: list[Template], mobilities: int) -> Student:
    home = of[0].mobility.tenant
    account, person = AccountId(account_of(number)), PersonId(_new())
    stays = []
    for turn in range(mobilities):
        template = of[(number + turn) % len(of)]
        name = OmobilityId(f"om-{number}-{turn}")
        stored = StoredMobility(
            mobility_id=MobilityId(_new()),
            person_id=person,
            version=1,
            changed_at=AT + timedelta(hours=turn),
            mobility=msgspec.structs.replace(template.mobility, omobility_id=name),
            account_id=account,
        )
        stays.append((template, stored))
    known = Account(
        account_id=account,
        language="en",
        zone="Europe/Brussels",
        display_name=f"Inês {number}",
        home_hei_ids=(home,),
        affiliations=(f"student@{home}",),
        has_esi=True,
    )
    identity = KnownIdentity(
        issuer=ISSUER,
        subject=f"s-{number}",
        home_hei_ids=known.home_hei_ids,
        affiliations=known.affiliations,
        last_login_at=AT,
    )
    entries = [
        InboxEntry(
            account_id=account,
            entry_id=InboxEntryId(_new()),
            mobility_id=None,
            kind=KINDS[turn % len(KINDS)],
            arguments={"sending_hei": home, "receiving_hei": ABROAD},
            created_at=AT + timedelta(minutes=turn),
            read_at=AT if turn == 0 else None,
            place=MESSAGES * number + turn,
        )
        for turn in reversed(range(MESSAGES))
    ]
    glance = Glance(
        account=known,
        identities=[identity],
        mobilities=[stored for _, stored in reversed(stays)],
        unread=MESSAGES - 1,
        inbox=entries,
    )
    return Student(glance, person, stays)


def _new() -> UUID:
    return UUID(bytes=os.urandom(16), version=4)


def _mobility(
    of: Template, stored: StoredMobility, person: UUID, vault: Vault
) -> tuple[object, ...]:
    home, name = of.mobility.tenant, stored.mobility.omobility_id
    sealed = vault.seal(of.facts, "mobility.sealed", home, home, name)
    frame = of.frame.replace(PLACE, name)
    at = stored.changed_at
    return home, person, stored.mobility_id, home, name, ABROAD, frame, at, None, sealed


def _message(entry: InboxEntry, vault: Vault) -> tuple[object, ...]:
    told = msgspec.json.encode(entry.arguments)
    place = ("inbox_entry.arguments", entry.account_id, entry.entry_id)
    return (
        entry.account_id,
        entry.entry_id,
        entry.arguments["sending_hei"],
        entry.entry_id,
        entry.kind,
        vault.seal(told, *place),
        entry.created_at,
        entry.read_at,
        entry.place,
    )
