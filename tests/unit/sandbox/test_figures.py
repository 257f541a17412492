"""What a university of the sandbox counts and shows, from what it has."""

from datetime import UTC, date, datetime, time

import pytest
from msgspec.structs import replace

from ewp.messages.imobility_tors import YearStats
from ewp.messages.omobilities import StatusV2, StatusV3
from ewp.messages.omobility_stats import IncomingLaStats, MobilityStats, OutgoingLaStats
from sandbox import office
from sandbox.cast import CLAIRVAL, INES, LINDENTAL, RIBEIRA
from sandbox.clock import academic_year, today
from sandbox.figures import Figures
from sandbox.hei import SandboxHei
from sandbox.shown import Shown, courses
from sandbox.story import GRADES

YEAR, _ = office.this_term()


@pytest.fixture
def heis(tmp_path):
    return [SandboxHei(each, tmp_path) for each in (RIBEIRA, LINDENTAL)]


async def test_nominations_of_both_families_are_counted_by_year(heis):
    home, _ = heis
    for number, status in enumerate((StatusV3.PENDING, StatusV3.APPROVED, StatusV3.REJECTED)):
        office.nominate_new(home, INES, LINDENTAL.hei_id, f"new-{number}")
        home.kept.new[f"new-{number}"] = replace(home.kept.new[f"new-{number}"], status=status)
    for number, status in enumerate((StatusV2.NOMINATION, StatusV2.LIVE, StatusV2.CANCELLED)):
        office.nominate_old(home, INES, CLAIRVAL.hei_id, f"old-{number}")
        office.set_status(home, f"old-{number}", status)

    assert await Figures(home, tuple).omobility_stats() == [
        MobilityStats(receiving_academic_year_id=YEAR, omobility_pending=2, omobility_approved=2)
    ]


async def test_agreements_are_counted_at_both_ends(heis):
    home, there = heis
    for name in ("sent", "signed", "changed"):
        office.send_agreement(home, INES, LINDENTAL.hei_id, name)
    office.send_agreement(home, INES, CLAIRVAL.hei_id, "elsewhere")
    known = home.kept.agreements
    signed = known["sent"].changes_proposal
    known["signed"] = replace(known["signed"], first_version=signed, changes_proposal=None)
    known["changed"] = replace(known["changed"], first_version=signed, approved_changes=signed)

    assert await Figures(home, tuple).outgoing_la_stats() == [
        OutgoingLaStats(
            receiving_academic_year_id=YEAR,
            la_outgoing_total=4,
            la_outgoing_not_modified_after_approval=1,
            la_outgoing_modified_after_approval=1,
            la_outgoing_latest_version_approved=1,
            la_outgoing_latest_version_rejected=0,
            la_outgoing_latest_version_awaiting=3,
        )
    ]
    assert await Figures(there, lambda: heis).incoming_la_stats() == [
        IncomingLaStats(
            receiving_academic_year_id=YEAR,
            la_incoming_total=3,
            la_incoming_some_version_approved=2,
            la_incoming_latest_version_approved=1,
            la_incoming_latest_version_rejected=0,
            la_incoming_latest_version_awaiting=2,
        )
    ]


async def test_transcripts_are_counted_and_without_any_there_is_no_year(heis):
    _, there = heis
    figures = Figures(there, lambda: heis)
    assert await figures.tor_stats() == []
    assert await figures.omobility_stats() == []
    assert await figures.incoming_la_stats() == []

    office.issue_transcript(there, INES, RIBEIRA.hei_id, "om-1", grades=GRADES)

    assert await figures.tor_stats() == [
        YearStats(receiving_academic_year_id=YEAR, imobility_tor_total=1)
    ]


async def test_every_course_of_an_agreement_is_in_the_list(heis):
    shown = Shown(LINDENTAL)
    ids = await shown.los_ids(None)
    first = int(academic_year(today())[:4])
    changed = datetime.combine(date(first, 8, 1), time(), UTC)

    assert [each.los_id for each in await shown.courses_by_id(ids)] == ids
    for component in (*office.STUDIED, office.INSTEAD, *office.RECOGNIZED):
        [course] = await shown.courses_by_code([component.los_code])
        assert course.titles[0].value == component.title
    assert await shown.los_ids(changed) == ids
    assert await shown.los_ids(changed.replace(second=1)) == []


@pytest.mark.parametrize("day", [date(2028, 2, 29), date(2026, 7, 31), date(2026, 8, 1)])
def test_terms_are_those_of_the_academic_year_and_the_one_before(day):
    first = int(academic_year(day)[:4])

    assert [each.start for each in courses(day)[0].instances] == [
        date(first - 1, 9, 15),
        date(first, 9, 15),
    ]


async def test_the_institution_names_the_units_that_there_are(heis):
    _, there = heis
    listed = await there.institution()

    units = await Shown(LINDENTAL).ounits_by_id(listed.ounit_ids)
    assert [each.ounit_id for each in units] == list(listed.ounit_ids)
    assert listed.root_ounit_id == units[0].ounit_id
    assert [each.parent_ounit_id for each in units[1:]] == [each.ounit_id for each in units[:2]]
    assert await Shown(LINDENTAL).ounits_by_code(["EX"]) == [units[2]]
