"""Who asks in the matrix, and what is held of whom: each student has marks of their own everywhere.

A mark in an answer says whose data it is. What the offices write has marks that nobody may see.
"""

import base64
import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
from factories import LINDENTAL, YEAR, a_contact, sourced
from fed import OF_RIBEIRA, OUTONO, RIBEIRA, TOKEN, outono
from testbed import Bed

from erasmus_app.identity.claims import Identity
from erasmus_app.identity.models import CodeForApp, Session
from erasmus_app.ids import AccountId, EuropeanStudentId, HeiId, LosId, OmobilityId, ProposalId
from erasmus_app.institutions.models import Factsheet, TermDays
from erasmus_app.institutions.ports import FactsheetAnswer
from erasmus_app.mobilities.consolidate import Reading
from erasmus_app.mobilities.events import Row, event_about
from erasmus_app.mobilities.models import (
    OF_RECEIVING,
    AgreementEnd,
    AgreementVersion,
    Api,
    Component,
    ComponentChange,
    ComponentList,
    CourseResult,
    Credit,
    GradeShare,
    HeiEnd,
    LearningAgreement,
    Mobility,
    Nomination,
    NominationStatus,
    Reception,
    ReceptionStatus,
    ResultStatus,
    Signature,
    Sourced,
    StudentData,
    Transcript,
)
from erasmus_app.mobilities.own import Decision, Operation
from erasmus_app.mobilities.ports import Answer, Document
from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.deliveries import Teller
from erasmus_app.store.factsheets import FactsheetTable
from erasmus_app.store.own_objects import OwnObjectTable
from erasmus_app.students.models import Platform, TargetKind
from sandbox.world import World

NOW = datetime.now(UTC)
HIDDEN = "OFFICES-ONLY"
"""In all that offices write to each other, and in names that partners sent."""


@dataclass(eq=False)
class Person:
    """Somebody who asks; a student is somebody asked about as well."""

    key: str
    home: HeiId | None = None
    affiliation: str | None = None  # of the role, `student` or `staff`
    is_student: bool = False
    coordinates: HeiId | None = None
    is_administrator: bool = False
    account: AccountId | None = None
    token: str = ""
    session: Session | None = None
    marks: dict[str, str] = field(default_factory=dict)  # by what each is
    ids: dict[str, list[str]] = field(default_factory=dict)  # by what they are of

    @property
    def subject(self) -> str:
        """The login's name; by it the file of HEIs and the settings name who has a role."""
        return f"{hashlib.sha256(self.key.encode()).hexdigest()[:32]}@myacademicid.org"

    @property
    def mark(self) -> str:
        """In every text of theirs."""
        return f"MARK-{self.key}-{hashlib.sha256(self.key.encode()).hexdigest()[:8]}"

    def day(self, month: int) -> date:
        """A day of their own in that month."""
        return date(2027, month, 10 + int(self.key[-1]))

    def moment(self, hours: int) -> datetime:
        """A moment of their own."""
        return (NOW - timedelta(hours=hours)).replace(microsecond=123450 + int(self.key[-1]))

    def everything(self) -> Iterator[str]:
        """All that tells that something is theirs."""
        yield self.mark
        yield str(self.account)
        for found in self.ids.values():
            yield from found
        if self.is_student:
            yield from (self.day(month).isoformat() for month in (2, 3, 7))
            yield f".{123450 + int(self.key[-1])}"


def cast() -> list[Person]:
    """Everybody: three students, of whom two are at one HEI, and who asks beside them."""
    return [
        Person("student1", RIBEIRA, "student", is_student=True),
        Person("student2", RIBEIRA, "student", is_student=True),
        Person("student3", OUTONO, "student", is_student=True),
        Person("coordinator of that HEI", RIBEIRA, "staff", coordinates=RIBEIRA),
        Person("coordinator of another HEI", OUTONO, "staff", coordinates=OUTONO),
        Person("administrator", RIBEIRA, "staff", is_administrator=True),
        Person("guest"),
    ]


SYSTEMS = {RIBEIRA: OF_RIBEIRA, OUTONO: TOKEN}
"""The tokens of the two HEIs' own systems."""


def let_in(world: World, people: list[Person]) -> None:
    """Have the backend cover both HEIs, and name who coordinates for them."""
    outono(world)
    path = Path(world.environment["ERASMUS_APP_EWP_HEIS"])
    text = path.read_text(encoding="utf-8")
    for each in people:
        if each.coordinates:
            hei = f'id = "{each.coordinates}"\n'
            text = text.replace(hei, f'{hei}coordinators = ["{each.subject}"]\n')
    path.write_text(text, encoding="utf-8")


def administrators(people: list[Person]) -> str:
    """The setting that names them."""
    return ",".join(each.subject for each in people if each.is_administrator)


async def settle(bed: Bed, people: list[Person]) -> None:
    """Sign everybody in and seed what is held of the students."""
    await FactsheetTable(bed.app.database).save(
        LINDENTAL,
        RIBEIRA,
        FactsheetAnswer(
            value=Factsheet(
                hei_id=LINDENTAL,
                nominations=TermDays(autumn="--04-30", spring="--10-31"),
                applications=TermDays(autumn="--05-31", spring="--11-30"),
                decision_weeks=4,
                transcript_weeks=6,
            ),
            xml=b"<factsheet/>",
            signed_by=None,
        ),
        NOW,
    )
    for person in people:
        await _log_in(bed, person)
        if person.is_student:
            await _seed(bed, person)


async def _log_in(bed: Bed, person: Person) -> None:
    services = bed.app.services
    esi = EuropeanStudentId(f"urn:schac:personalUniqueCode:int:esi:{person.home}:{person.mark}")
    identity = Identity(
        issuer=str(services.settings.oidc_issuer),
        subject=person.subject,
        display_name=f"{person.mark} name",
        email=f"{person.mark}@mail.example",
        home_hei_ids=(person.home,) if person.home else (),
        affiliations=(f"{person.affiliation}@{person.home}",) if person.home else (),
        esis=(esi,) if person.is_student else (),
        missing=(),
    )
    person.account = await AccountTable(bed.app.database).signed_in(identity, "en")
    person.token, session = await _tokens(bed, person)
    person.session = session
    _, spare = await _tokens(bed, person)  # one that can be ended
    person.ids = {"session": [str(spare.session_id)], "asking": [str(session.session_id)]}


async def _tokens(bed: Bed, person: Person) -> tuple[str, Session]:
    """Go the app's last steps: a one-time code, and the tokens for it."""
    login = bed.app.services.login
    assert login is not None
    code, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    await login.states.keep_code(code, CodeForApp(account_id=person.account, challenge=challenge))
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
    answer = (await bed.http.post(f"{bed.address}/auth/token", data=form)).raise_for_status()
    token = answer.json()["access_token"]
    return token, await login.session(bearer=token, cookie=None)


async def _seed(bed: Bed, person: Person) -> None:
    services, mark = bed.app.services, person.mark
    assert person.session is not None
    assert person.home is not None
    assert person.account is not None
    for n in range(2):
        device = await services.devices.register(
            person.account,
            Platform.ANDROID,
            TargetKind.FID,
            f"{mark}-{n}",
            f"x-{mark}"[:35],
            person.session.session_id,
        )
        person.ids.setdefault("device", []).append(str(device.device_id))
    for mobility in (_early(person), _late(person)):
        await _take_in(bed, person, mobility)
    entries = await services.inbox.entries(person.account)
    await services.inbox.mark_read(person.account, [entries[-1].entry_id])
    person.ids["message"] = [str(each.entry_id) for each in entries]
    erasure = await services.erasures.request(person.account, NOW, timedelta(days=9))
    person.ids["erasure"] = [str(erasure.erasure_id)]
    async with OwnObjectTable(bed.app.database).change(person.home) as change:
        await change.note_decision(
            Decision(
                api="omobilities",
                omobility_id=OmobilityId(f"{mark}-early"),
                proposal_id=f"{mark}-p",
                operation=Operation.APPROVE,
                partner=LINDENTAL,
                comment=f"{HIDDEN} {mark}",
                request=f"<request>{HIDDEN}</request>".encode(),
            )
        )


async def _take_in(bed: Bed, person: Person, mobility: Mobility) -> None:
    """Keep a mobility with what partners sent of it, and tell its student."""
    services = bed.app.services
    place = (mobility.tenant, mobility.sending_hei_id, mobility.omobility_id)
    async with services.records.change(*place) as change:
        for source in mobility.sources():
            xml = f"<c>{HIDDEN} {person.mark}</c>".encode()
            reading = Reading(
                tenant=mobility.tenant,
                api=source.api,
                major=1,
                hei_id=source.hei_id,
                asked_as=mobility.tenant,
                sending_hei_id=mobility.sending_hei_id,
                receiving_hei_id=mobility.receiving_hei_id,
                omobility_id=mobility.omobility_id,
                at=NOW,
                value=None,
            )
            document = Document(xml=xml, sha256=hashlib.sha256(xml).digest(), signed_by="a" * 64)
            stored = await change.save(mobility, Answer(reading=reading, document=document))
        events = [
            event_about(mobility, Row.B10, str(n), requirements=f"{person.mark} paper {n}")
            for n in range(2 + int(person.key[-1]))  # so that even counts tell the students apart
        ]
        await change.record_events(events, silent=False)
        await Teller(services.messages)(change, events, stored, NOW)
    person.ids.setdefault("mobility", []).append(str(stored.mobility_id))


def _student(person: Person) -> StudentData:
    return StudentData(
        given_names=f"{HIDDEN} {person.mark}",
        family_name=f"{HIDDEN} {person.mark}",
        esi=EuropeanStudentId(f"urn:schac:personalUniqueCode:int:esi:{person.home}:{person.mark}"),
        birth_date=date(1999, 1, 10 + int(person.key[-1])),
        email=f"{HIDDEN}@mail.example",
    )


def _mobility(person: Person, name: str, *facts: Sourced[Any]) -> Mobility:
    assert person.home is not None
    fields = {
        Api.OMOBILITIES: "nomination",
        Api.IMOBILITIES: "reception",
        Api.OMOBILITY_LAS: "agreement",
        Api.IMOBILITY_TORS: "transcript",
    }
    return Mobility(
        tenant=person.home,
        sending_hei_id=person.home,
        receiving_hei_id=LINDENTAL,
        omobility_id=OmobilityId(f"{person.mark}-{name}"),
        **{fields[each.source.api]: each for each in facts},
    )


def _fact(person: Person, value: Any, api: Api) -> Sourced[Any]:
    at = person.moment(9)
    hei = LINDENTAL if api in OF_RECEIVING else person.home
    given: dict[str, Any] = {"last_error": f"{person.mark} error"} if api is Api.OMOBILITIES else {}
    return sourced(
        value, api, hei_id=hei, asked_as=person.home, fetched_at=at, last_confirmed_at=at, **given
    )


def _nomination(person: Person) -> Nomination:
    assert person.home is not None
    return Nomination(
        status=NominationStatus.APPROVED,
        sending=HeiEnd(hei_id=person.home),
        receiving=HeiEnd(hei_id=LINDENTAL),
        student=_student(person),
        receiving_academic_year_id=YEAR,
        sending_term="2026/2027-2/2",
        proposal_id=ProposalId(f"{person.mark}-proposal"),
        activity_type=f"{person.mark} activity",
        activity_attributes=f"{person.mark} attributes",
        planned_arrival=person.day(2),
        planned_departure=person.day(7),
    )


def _agreement(person: Person, **versions: AgreementVersion) -> LearningAgreement:
    assert person.home is not None
    contact = msgspec.structs.replace(
        a_contact(f"{person.mark} given"),
        family_name=f"{person.mark} family",
        email=f"{person.mark}@office.example",
        phone=f"{person.mark} phone",
    )
    return LearningAgreement(
        sending=AgreementEnd(hei_id=person.home, contact=contact),
        receiving=AgreementEnd(hei_id=LINDENTAL, contact=contact),
        receiving_academic_year_id=YEAR,
        student=_student(person),
        planned_start=person.day(3).isoformat(),
        planned_end=person.day(7).isoformat(),
        **versions,
    )


def _version(person: Person, words: str, *, final: bool = True) -> AgreementVersion:
    mark = f"{person.mark} {words}"
    signature = Signature(
        signed_at=person.moment(30), name=f"{mark} signer", position=f"{mark} position"
    )
    components = tuple(
        Component(
            table=table,
            title=f"{mark} title",
            los_id=LosId("los-1"),
            los_code=f"{mark} code",
            credits=(Credit(scheme=f"{person.mark}", value=Decimal(6)),),
            change=ComponentChange.INSERTED,
            reason_code=f"{mark} reason",
            reason_text=f"{mark} words",
            recognition_conditions=f"{mark} conditions",
        )
        for table in (ComponentList.STUDIED, ComponentList.RECOGNIZED)
    )
    return AgreementVersion(
        components=components,
        student_signature=signature,
        sending_signature=signature,
        receiving_signature=signature if final else None,
        proposal_id=None if final else ProposalId(f"{person.mark}-{words}"),
    )


def _early(person: Person) -> Mobility:
    """Before the stay: the receiving HEI is to sign."""
    agreement = _agreement(person, changes_proposal=_version(person, "new", final=False))
    return _mobility(
        person,
        "early",
        _fact(person, _nomination(person), Api.OMOBILITIES),
        _fact(person, agreement, Api.OMOBILITY_LAS),
    )


def _late(person: Person) -> Mobility:
    """After the stay, with all that there can be."""
    agreement = _agreement(
        person,
        first_version=_version(person, "first"),
        approved_changes=_version(person, "approved"),
        changes_proposal=_version(person, "proposed", final=False),
    )
    reception = Reception(
        status=ReceptionStatus.VERIFIED,
        actual_arrival=person.day(3),
        actual_departure=person.day(7),
    )
    transcript = Transcript(
        student=_student(person),
        courses=(_result(person, parts=(_result(person),)),),
        issued_at=person.moment(20),
        has_document=True,
        recognition=f"{person.mark} recognition",
    )
    return _mobility(
        person,
        "late",
        _fact(person, _nomination(person), Api.OMOBILITIES),
        _fact(person, agreement, Api.OMOBILITY_LAS),
        _fact(person, reception, Api.IMOBILITIES),
        _fact(person, transcript, Api.IMOBILITY_TORS),
    )


def _result(person: Person, parts: tuple[CourseResult, ...] = ()) -> CourseResult:
    mark = person.mark
    return CourseResult(
        title=f"{mark} course",
        code=f"{mark} code",
        type=f"{mark} type",
        status=ResultStatus.PASSED,
        grade=f"{mark} grade",
        grading_scheme=f"{mark} scheme",
        distribution=(GradeShare(grade=f"{mark} share", count=3),),
        credits=(Credit(scheme=mark, value=Decimal(6)),),
        language="en",
        result_date=person.day(7),
        parts=parts,
    )


def nobodys_id() -> str:
    """An id that nothing has."""
    return str(uuid4())
