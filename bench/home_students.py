"""Students for `make bench-graphql`, straight into the tables: with a stay, or long gone.

Whoever has a stay has rows as the backend writes them, each value sealed for its own place. Of
those that retention has left there are an account, an identity, an ESI and a person.
"""

import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from erasmus_app.ids import AcademicYearId, HeiId, OmobilityId, ProposalId
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
from erasmus_app.store.sealed import Vault
from erasmus_app.store.sealed_records import split

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

    frame: str
    facts: bytes

    @classmethod
    def of(cls, mobility: Mobility) -> "Template":
        """Split a mobility by the store's own code, and take the seal off again."""
        vault = Vault.of([b"t" * 32], b"l" * 32)
        frame, sealed = split(mobility, vault)
        place = ("mobility.sealed", mobility.tenant, mobility.sending_hei_id, mobility.omobility_id)
        return cls(frame, vault.open(sealed, *place))


def templates() -> list[Template]:
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
            hei_id=ABROAD,
            contact=Contact(
                given_names="Greta", family_name="Bäumer", email="io@lindental.example"
            ),
        )
        year = AcademicYearId("2026/2027")
        nomination = Nomination(
            status=status,
            proposal_id=ProposalId(f"p-{turn}"),
            sending=HeiEnd(hei_id=HOME),
            receiving=HeiEnd(hei_id=ABROAD),
            student=student,
            receiving_academic_year_id=year,
            sending_term="2026/2027-2/2",
        )
        agreement = LearningAgreement(
            sending=AgreementEnd(hei_id=HOME, contact=end.contact),
            receiving=end,
            receiving_academic_year_id=year,
            student=student,
            planned_start="2027-03-01",
            planned_end="2027-07-31",
            first_version=versions,
        )
        mobility = Mobility(
            tenant=HOME,
            sending_hei_id=HOME,
            receiving_hei_id=ABROAD,
            omobility_id=OmobilityId(PLACE),
            nomination=_sourced(nomination, Api.OMOBILITIES),
            agreement=_sourced(agreement, Api.OMOBILITY_LAS),
        )
        found.append(Template.of(mobility))
    return found


def _sourced(value: Any, api: Api) -> Sourced[Any]:
    source = Source(
        api=api, major=3 if api is Api.OMOBILITIES else 1, hei_id=HOME, asked_as=HOME,
        fetched_at=AT, last_confirmed_at=AT,
    )  # fmt: skip
    return Sourced(value=value, source=source)


def account_of(number: int) -> UUID:
    """Return the account of the student with this number, whose stay is now."""
    return UUID(bytes=hashlib.blake2b(b"bench %d" % number, digest_size=16).digest(), version=4)


async def fill(
    connection: asyncpg.Connection, vault: Vault, numbers: range, *, mobilities: int
) -> None:
    """Write the students with these numbers, each with so many mobilities and three messages."""
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda text: b"\x01" + text.encode(),  # the format's version
        decoder=bytes,
        format="binary",
    )
    of = templates()
    async with _without_looking_up(connection):
        for begin in range(numbers.start, numbers.stop, AT_ONCE):
            some = range(begin, min(begin + AT_ONCE, numbers.stop))
            for table, columns, rows in _tables(some, vault, of, mobilities):
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


def _tables(
    numbers: range, vault: Vault, of: list[Template], mobilities: int
) -> Iterator[tuple[str, list[str], list[tuple[Any, ...]]]]:
    """Yield each table's rows of these students."""
    who = [(n, account_of(n), UUID(bytes=os.urandom(16), version=4)) for n in numbers]
    yield (
        "account",
        ["account_id", "language", "display_name", "email"],
        [
            (
                account,
                "en",
                vault.seal_text(f"Inês {n}", "account.display_name", account),
                vault.seal_text(f"s{n}@mail.example", "account.email", account),
            )
            for n, account, _ in who
        ],
    )
    yield "screen", ["account_id"], [(account,) for _, account, _ in who]  # which a trigger makes
    yield (
        "account_identity",
        ["issuer", "subject", "account_id", "home_hei_ids", "affiliations"],
        [(ISSUER, f"s-{n}", account, [HOME], [f"student@{HOME}"]) for n, account, _ in who],
    )
    yield (
        "account_esi",
        ["account_id", "esi_key", "esi"],
        [
            (
                account,
                (key := hashlib.sha256(b"%d" % n).hexdigest()),
                vault.seal(b"urn:schac:%d" % n, "account_esi.esi", account, key),
            )
            for n, account, _ in who
        ],
    )
    yield "person", ["tenant", "person_id"], [(HOME, person) for _, _, person in who]
    yield (
        "account_person",
        ["account_id", "tenant", "person_id"],
        [(account, HOME, person) for _, account, person in who],
    )
    yield (
        "mobility",
        ["tenant", "person_id", "sending_hei_id", "omobility_id", "receiving_hei_id", "record",
         "changed_at", "next_look_at", "sealed"],
        [
            _mobility(of[(n + turn) % len(of)], f"om-{n}-{turn}", person, turn, vault)
            for n, _, person in who
            for turn in range(mobilities)
        ],
    )  # fmt: skip
    yield (
        "inbox_entry",
        ["account_id", "inbox_entry_id", "tenant", "event_id", "kind", "arguments", "created_at",
         "read_at", "place"],
        [
            _message(account, MESSAGES * n + turn, turn, vault)
            for n, account, _ in who
            for turn in range(MESSAGES)
        ],
    )  # fmt: skip


def _mobility(of: Template, name: str, person: UUID, turn: int, vault: Vault) -> tuple[object, ...]:
    sealed = vault.seal(of.facts, "mobility.sealed", HOME, HOME, name)
    frame = of.frame.replace(PLACE, name)
    return HOME, person, HOME, name, ABROAD, frame, AT + timedelta(hours=turn), None, sealed


def _message(account: UUID, place: int, turn: int, vault: Vault) -> tuple[object, ...]:
    entry = UUID(bytes=os.urandom(16), version=4)
    told = msgspec.json.encode({"sending_hei": HOME, "receiving_hei": ABROAD})
    arguments = vault.seal(told, "inbox_entry.arguments", account, entry)
    at = AT + timedelta(minutes=turn)
    read = at if turn == 0 else None
    return account, entry, HOME, entry, KINDS[turn % len(KINDS)], arguments, at, read, place
