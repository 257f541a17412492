"""What offices see beside their students' own views: papers that lead to nobody, and partners."""

from datetime import timedelta

from factories import LINDENTAL, YEAR, sourced
from fed import OUTONO, RIBEIRA
from matrix.people import NOW, Person
from testbed import Bed

from erasmus_app.errors import Misfit
from erasmus_app.ids import EuropeanStudentId, OmobilityId, ProposalId
from erasmus_app.mobilities.models import (
    Api,
    HeiEnd,
    Mobility,
    Nomination,
    NominationStatus,
    StudentData,
)
from erasmus_app.store.health import CallLedgerTable
from erasmus_app.store.records import RecordTable


async def have_unfound(bed: Bed, people: list[Person]) -> None:
    """Of each student, papers with something that is no identifier: no login sees them."""
    for person in people:
        if not person.is_student:
            continue
        assert person.home is not None
        name = OmobilityId(f"{person.mark}-unfound")
        nomination = Nomination(
            status=NominationStatus.PENDING,
            sending=HeiEnd(hei_id=person.home),
            receiving=HeiEnd(hei_id=LINDENTAL),
            student=StudentData(
                given_names=person.mark,
                family_name="unfound",
                esi=EuropeanStudentId(f"{person.mark} number"),
            ),
            receiving_academic_year_id=YEAR,
            proposal_id=ProposalId(f"{person.mark}-unfound"),
        )
        at = person.moment(40)
        mobility = Mobility(
            tenant=person.home,
            sending_hei_id=person.home,
            receiving_hei_id=LINDENTAL,
            omobility_id=name,
            nomination=sourced(
                nomination,
                hei_id=person.home,
                asked_as=person.home,
                fetched_at=at,
                last_confirmed_at=at,
            ),
        )
        async with bed.app.services.records.change(person.home, person.home, name) as change:
            await change.save(mobility, None)


async def have_partners(bed: Bed) -> None:
    """A partner of each HEI's that answered, failed, was left alone, and sent what did not fit."""
    records = RecordTable(bed.app.database)
    for hei in (RIBEIRA, OUTONO):
        ledger = CallLedgerTable(bed.app.database, lambda: NOW)
        call = (hei, LINDENTAL, "imobilities")
        await ledger.answered(*call)
        await ledger.failed(*call, "partner_unreachable", NOW + timedelta(days=1))
        await records.quarantine(hei, Api.IMOBILITIES, LINDENTAL, Misfit(b"s" * 32, 9, "no XML"))
        await records.count_refusal(hei, "omobilities", "signature_invalid")
