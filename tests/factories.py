"""Small makers of values: each is complete as it stands, and a test names only what matters."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from erasmus_app.ids import (
    AcademicYearId,
    AccountId,
    EuropeanStudentId,
    HeiId,
    MobilityId,
    OmobilityId,
    PersonId,
    ProposalId,
)
from erasmus_app.institutions.models import Factsheet, KnownFactsheet, TermDays
from erasmus_app.mobilities.consolidate import Reading
from erasmus_app.mobilities.models import (
    OF_RECEIVING,
    AgreementEnd,
    AgreementVersion,
    Api,
    Component,
    ComponentList,
    Contact,
    CourseResult,
    Credit,
    Fact,
    HeiEnd,
    LearningAgreement,
    Mobility,
    Nomination,
    NominationStatus,
    Reception,
    ResultStatus,
    Signature,
    Source,
    Sourced,
    StudentData,
    Transcript,
)
from erasmus_app.mobilities.ports import Reader, StoredMobility

RIBEIRA, LINDENTAL = HeiId("ribeira.example"), HeiId("lindental.example")
OMOBILITY = OmobilityId("rib-2027-1")
YEAR = AcademicYearId("2026/2027")
AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
TODAY = AT.date()
API_OF = {
    Nomination: Api.OMOBILITIES,
    Reception: Api.IMOBILITIES,
    LearningAgreement: Api.OMOBILITY_LAS,
    Transcript: Api.IMOBILITY_TORS,
}


def later(**by: float) -> datetime:
    return AT + timedelta(**by)


def a_student(**given: Any) -> StudentData:
    known: dict[str, Any] = {
        "given_names": "Inês",
        "family_name": "Ferreira",
        "esi": EuropeanStudentId("urn:schac:personalUniqueCode:int:esi:ribeira.example:1"),
        "birth_date": date(2005, 3, 4),
        "email": "ines@ribeira.example",
    }
    return StudentData(**known | given)


def a_nomination(
    status: NominationStatus | str = NominationStatus.PENDING,
    *,
    proposal: str | None = "p-1",
    **given: Any,
) -> Nomination:
    """One of the new family; `proposal=None` makes it one of the old."""
    known: dict[str, Any] = {
        "sending": HeiEnd(hei_id=RIBEIRA),
        "receiving": HeiEnd(hei_id=LINDENTAL),
        "student": a_student(),
        "receiving_academic_year_id": YEAR,
        "sending_term": "2026/2027-2/2",
    }
    return Nomination(
        status=NominationStatus(status),
        proposal_id=ProposalId(proposal) if proposal else None,
        **known | given,
    )


def an_old_nomination(
    status: NominationStatus | str = NominationStatus.NOMINATION, **given: Any
) -> Nomination:
    return a_nomination(status, proposal=None, **given)


def a_course(
    title: str = "Logic",
    ects: str = "6",
    table: ComponentList = ComponentList.STUDIED,
    **given: Any,
) -> Component:
    worth = (Credit(scheme="ects", value=Decimal(ects)),)
    return Component(**{"table": table, "title": title, "credits": worth} | given)


def signed(at: datetime = AT) -> Signature:
    return Signature(signed_at=at)


def a_version(*components: Component, at: datetime | None = AT) -> AgreementVersion:
    """All three have signed; `at` says when the receiving HEI did, None that it did not."""
    return AgreementVersion(
        components=components or (a_course(),),
        student_signature=signed(),
        sending_signature=signed(),
        receiving_signature=signed(at) if at else None,
    )


def a_proposal(name: str = "c-1", *components: Component) -> AgreementVersion:
    return AgreementVersion(
        components=components or (a_course(),),
        student_signature=signed(),
        sending_signature=signed(),
        proposal_id=ProposalId(name),
    )


def a_contact(given_names: str = "Greta") -> Contact:
    return Contact(given_names=given_names, family_name="Baum", email="io@lindental.example")


def an_agreement(
    *,
    first: AgreementVersion | None = None,
    approved: AgreementVersion | None = None,
    proposal: AgreementVersion | None = None,
    **given: Any,
) -> LearningAgreement:
    known: dict[str, Any] = {
        "sending": AgreementEnd(hei_id=RIBEIRA),
        "receiving": AgreementEnd(hei_id=LINDENTAL, contact=a_contact()),
        "receiving_academic_year_id": YEAR,
        "student": a_student(),
        "planned_start": "2027-03-01",
        "planned_end": "2027-07-31",
    }
    return LearningAgreement(
        first_version=first, approved_changes=approved, changes_proposal=proposal, **known | given
    )


def a_result(
    title: str = "Logic", grade: str | None = "16", ects: str = "6", **given: Any
) -> CourseResult:
    known: dict[str, Any] = {
        "status": ResultStatus.PASSED,
        "credits": (Credit(scheme="ects", value=Decimal(ects)),),
    }
    return CourseResult(title=title, grade=grade, **known | given)


def a_transcript(*courses: CourseResult, **given: Any) -> Transcript:
    known: dict[str, Any] = {"student": a_student(), "issued_at": AT}
    return Transcript(courses=courses or (a_result(),), **known | given)


def a_factsheet(revision: int = 1, **given: Any) -> KnownFactsheet:
    """The receiving HEI's, as it was read."""
    known: dict[str, Any] = {
        "hei_id": LINDENTAL,
        "nominations": TermDays(autumn="--04-30", spring="--10-31"),
        "applications": TermDays(autumn="--05-31", spring="--11-30"),
        "decision_weeks": 4,
        "transcript_weeks": 6,
    }
    return KnownFactsheet(
        value=Factsheet(**known | given), fetched_at=AT, last_confirmed_at=AT, revision=revision
    )


def sourced(value: Fact | None, api: Api | None = None, **given: Any) -> Sourced[Any]:
    if api is None:
        assert value is not None
        api = API_OF[type(value)]
    known: dict[str, Any] = {
        "api": api,
        "major": 1,
        "hei_id": LINDENTAL if api in OF_RECEIVING else RIBEIRA,
        "asked_as": LINDENTAL,
        "fetched_at": AT,
        "last_confirmed_at": AT,
    }
    return Sourced(value=value, source=Source(**known | given))


def a_mobility(
    *facts: Fact | Sourced[Any], tenant: HeiId = LINDENTAL, revision: int = 1
) -> Mobility:
    """A mobility of whom these facts are known; bare ones are wrapped with a source."""
    fields = {
        Api.OMOBILITIES: "nomination",
        Api.IMOBILITIES: "reception",
        Api.OMOBILITY_LAS: "agreement",
        Api.IMOBILITY_TORS: "transcript",
    }
    known = [
        each if isinstance(each, Sourced) else sourced(each, revision=revision, asked_as=tenant)
        for each in facts
    ]
    return Mobility(
        tenant=tenant,
        sending_hei_id=RIBEIRA,
        receiving_hei_id=LINDENTAL,
        omobility_id=OMOBILITY,
        **{fields[each.source.api]: each for each in known},
    )


def a_reading(
    value: Fact | None, api: Api | None = None, *, at: datetime = AT, **given: Any
) -> Reading:
    if api is None:
        assert value is not None
        api = API_OF[type(value)]
    names_receiving = isinstance(value, Nomination | LearningAgreement)
    known: dict[str, Any] = {
        "tenant": LINDENTAL,
        "major": 1,
        "hei_id": LINDENTAL if api in OF_RECEIVING else RIBEIRA,
        "asked_as": LINDENTAL,
        "sending_hei_id": RIBEIRA,
        "receiving_hei_id": value.receiving.hei_id if names_receiving else None,
        "omobility_id": OMOBILITY,
    }
    return Reading(api=api, at=at, value=value, **known | given)


def stored(mobility: Mobility) -> StoredMobility:
    return StoredMobility(
        mobility_id=MobilityId(UUID(int=1)),
        person_id=PersonId(UUID(int=2)),
        version=1,
        changed_at=AT,
        mobility=mobility,
    )


def a_reader(number: int = 3) -> Reader:
    return Reader(account_id=AccountId(UUID(int=number)), language="en", zone="Europe/Lisbon")
