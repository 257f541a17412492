"""Answers of partners about one student, and what a record becomes by them."""

import hashlib
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from databases import VAULT

from erasmus_app.identity.claims import Identity
from erasmus_app.ids import (
    AcademicYearId,
    AccountId,
    EuropeanStudentId,
    HeiId,
    OmobilityId,
)
from erasmus_app.mobilities.consolidate import AbsenceRules, Reading, merge
from erasmus_app.mobilities.models import (
    Api,
    Fact,
    HeiEnd,
    Nomination,
    NominationStatus,
    Reception,
    ReceptionStatus,
    StudentData,
)
from erasmus_app.mobilities.ports import Answer, Document, StoredMobility
from erasmus_app.notifications.mail_addresses import MailAddress
from erasmus_app.notifications.models import Preferences
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import Database
from erasmus_app.store.mail_addresses import MailAddressTable
from erasmus_app.store.preferences import PLACE
from erasmus_app.store.records import RecordTable

HOME, ABROAD = HeiId("ribeira.example"), HeiId("lindental.example")
ESI = EuropeanStudentId("urn:schac:personalUniqueCode:int:esi:ribeira.example:4711")
OTHER_ESI = EuropeanStudentId("urn:schac:personalUniqueCode:int:esi:ribeira.example:4712")
OM = OmobilityId("om-1")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
AWAKE = Preferences(quiet=None)


def a_nomination(esi: str | None = ESI, **changed: Any) -> Nomination:
    student = StudentData(
        given_names="Inês", family_name="Almeida", esi=EuropeanStudentId(esi) if esi else None
    )
    values = {
        "status": NominationStatus.NOMINATION,
        "sending": HeiEnd(hei_id=HOME),
        "receiving": HeiEnd(hei_id=ABROAD),
        "student": student,
        "receiving_academic_year_id": AcademicYearId("2026/2027"),
        "planned_arrival": date(2027, 2, 1),
    }
    return Nomination(**values | changed)


RECEIVED = Reception(status=ReceptionStatus.PENDING)


def an_answer(
    value: Fact | None,
    *,
    tenant: HeiId = HOME,
    omobility_id: str = OM,
    minutes: float = 0,
) -> Answer:
    reception = isinstance(value, Reception)
    xml = repr(value).encode()
    reading = Reading(
        tenant=tenant,
        api=Api.IMOBILITIES if reception else Api.OMOBILITIES,
        major=2,
        hei_id=ABROAD if reception else HOME,
        asked_as=tenant,
        sending_hei_id=HOME,
        receiving_hei_id=None if reception else ABROAD,
        omobility_id=OmobilityId(omobility_id),
        at=NOW + timedelta(minutes=minutes),
        value=value,
    )
    document = Document(xml=xml, sha256=hashlib.sha256(xml).digest(), signed_by="a" * 64)
    return Answer(reading=reading, document=document if value else None)


async def take_in(records: RecordTable, answer: Answer) -> StoredMobility:
    """Merge and save, as the worker does."""
    reading = answer.reading
    async with records.change(
        reading.tenant, reading.sending_hei_id, reading.omobility_id
    ) as change:
        before = change.before.mobility if change.before else None
        after = merge(before, reading, AbsenceRules())
        assert after is not None
        return await change.save(after, answer)


async def log_in(
    accounts: AccountTable,
    name: str = "ines",
    esis: tuple[str, ...] = (ESI,),
    *,
    sleeps: bool = False,
) -> AccountId:
    """Sign a student in, who has no quiet hours, so that tests are the same by night."""
    identity = Identity(
        issuer="https://login.example",
        subject=f"{name}@myacademicid.org",
        display_name=name.title(),
        email=None,
        home_hei_ids=(HOME,),
        affiliations=(f"student@{HOME}",),
        esis=tuple(EuropeanStudentId(each) for each in esis),
        missing=(),
    )
    account = await accounts.signed_in(identity, "pt")
    if not sleeps:
        async with accounts.database.transaction() as connection:
            await connection.execute(
                """insert into preference (account_id, content) values ($1, $2)
                   on conflict do nothing""",
                account,
                VAULT.seal(msgspec.json.encode(AWAKE), PLACE, account),
            )
    return account


async def give_address(
    database: Database, account: AccountId, address: str = "ines@post.example", at: datetime = NOW
) -> MailAddress:
    """Give an account an address, and confirm it by the code that would be mailed there."""
    table = MailAddressTable(database)
    asked = await table.ask(account, address, at)
    assert asked is not None
    letter = await table.letter(asked.address_id, at)
    assert letter is not None
    found = await table.confirm(account, letter.code, at)
    assert found is not None
    return found
