"""What the statistics portal reads is counted over the records, on a real server."""

import msgspec
from factories import (
    AT,
    a_mobility,
    a_nomination,
    a_proposal,
    a_transcript,
    a_version,
    an_agreement,
    an_old_nomination,
)

from erasmus_app.ids import AcademicYearId, HeiId, OmobilityId
from erasmus_app.mobilities.figures import Agreements, Nominations, Transcripts
from erasmus_app.mobilities.models import Mobility, NominationStatus
from erasmus_app.store.database import Database
from erasmus_app.store.figures import FigureTable
from erasmus_app.store.records import RecordTable

HOME, HOST = HeiId("ribeira.example"), HeiId("lindental.example")
THIS, NEXT = AcademicYearId("2026/2027"), AcademicYearId("2027/2028")
S = NominationStatus


async def keep(database: Database, tenant: HeiId, *mobilities: Mobility) -> FigureTable:
    """Write mobilities down as a tenant's, and return what counts them."""
    records = RecordTable(database)
    for number, each in enumerate(mobilities):
        mobility = msgspec.structs.replace(
            each, tenant=tenant, omobility_id=OmobilityId(f"om-{number}")
        )
        async with records.change(tenant, mobility.sending_hei_id, mobility.omobility_id) as change:
            await change.save(mobility, None)
    return FigureTable(database)


async def test_nominations_are_counted_by_year_and_status_in_both_families(database: Database):
    nominated = [
        a_nomination(status=status) for status in (S.PENDING, S.APPROVED, S.REJECTED, S.CANCELLED)
    ]
    older = [an_old_nomination(status=status) for status in (S.NOMINATION, S.LIVE, S.RECOGNIZED)]
    later = a_nomination(status=S.PENDING, receiving_academic_year_id=NEXT)
    figures = await keep(database, HOME, *map(a_mobility, (*nominated, *older, later)))

    assert await figures.nominations(HOME) == [
        Nominations(year=THIS, pending=2, approved=3),
        Nominations(year=NEXT, pending=1, approved=0),
    ]
    assert await figures.nominations(HOST) == []


async def test_agreements_are_counted_by_what_their_latest_version_waits_for(database: Database):
    signed, waiting = (
        an_agreement(first=a_version()),
        an_agreement(proposal=a_proposal()),
    )
    changed = an_agreement(first=a_version(), approved=a_version())
    changing = an_agreement(first=a_version(), proposal=a_proposal())
    returned = msgspec.structs.replace(a_mobility(signed), change_returned_at=AT)
    old = an_agreement(receiving_academic_year_id=AcademicYearId("2020/2021"))
    mobilities = [*map(a_mobility, (signed, waiting, changed, changing, old)), returned]
    figures = await keep(database, HOME, *mobilities)
    expected = Agreements(
        year=THIS, total=5, some_approved=4, modified=1, latest_rejected=1, latest_awaiting=2
    )

    assert expected.latest_approved == 2
    assert await figures.agreements(HOME, outgoing=True) == [expected]
    assert await figures.agreements(HOME, outgoing=False) == []
    await keep(database, HOST, *mobilities)
    assert await figures.agreements(HOST, outgoing=False) == [expected]


async def test_transcripts_are_counted_by_the_year_of_their_mobility(database: Database):
    figures = await keep(
        database,
        HOST,
        a_mobility(a_nomination(), a_transcript()),
        a_mobility(an_agreement(), a_transcript()),
        a_mobility(a_nomination()),
    )

    assert await figures.transcripts(HOST) == [Transcripts(year=THIS, total=2)]
    assert await figures.transcripts(HOME) == []
