"""What is kept of whose move it is, and what papers say of their student."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from factories import (
    AT,
    TODAY,
    a_mobility,
    a_nomination,
    a_proposal,
    a_student,
    a_transcript,
    a_version,
    an_agreement,
    sourced,
)
from msgspec.structs import replace
from unit.mobilities.test_state import host

from erasmus_app.mobilities.models import Api, Mobility
from erasmus_app.mobilities.papers import EsiState, esi_state, student_name
from erasmus_app.mobilities.state import state
from erasmus_app.mobilities.steps import Party, whose_move
from erasmus_app.mobilities.waits import Wait, wait

DAY = timedelta(days=1)
SIGNED = an_agreement(first=a_version(), planned_start="2026-12", planned_end="2027-01")
STAYS = [
    a_mobility(a_nomination("pending")),
    a_mobility(a_nomination("pending"), SIGNED),
    a_mobility(a_nomination("approved"), SIGNED, host(arrival=TODAY + 9 * DAY)),
    a_mobility(a_nomination("approved"), host(departure=TODAY + 40 * DAY)),
    a_mobility(host(arrival=TODAY + DAY, departure=TODAY + 2 * DAY)),
    a_mobility(
        a_nomination("pending"),
        an_agreement(first=a_version(), planned_start="2026-12-24", planned_end="2027-02-11"),
        host(arrival=TODAY + 60 * DAY, departure=TODAY + 90 * DAY),
    ),
    a_mobility(an_agreement(first=a_version(), planned_start="9999-01", planned_end="0001-02-03")),
]


def test_what_is_kept_says_who_has_to_act_and_since_when():
    awaiting = a_mobility(a_nomination("approved"), an_agreement(proposal=a_proposal()))

    assert wait(awaiting, TODAY) == Wait(
        party=Party.RECEIVING_HEI, since=AT, until=datetime(2027, 3, 1, tzinfo=UTC).date()
    )
    assert wait(a_mobility(), TODAY) == Wait(party=Party.NOBODY, since=None, until=None)


@pytest.mark.parametrize("mobility", STAYS)
def test_it_holds_until_the_day_that_it_says_and_is_computed_anew_at_each_turn(mobility: Mobility):
    kept, turns = wait(mobility, TODAY), 0
    for day in (TODAY + DAY * n for n in range(150)):
        if kept.until is not None and day >= kept.until:
            kept, turns = wait(mobility, day), turns + 1
            assert kept.until is None or kept.until > day
        move = whose_move(mobility, day)
        assert (kept.party, kept.since) == (move.party, move.since), day
    states = [state(mobility, TODAY + DAY * n) for n in range(150)]
    changes = sum(now is not before for before, now in pairwise(states))
    assert turns >= changes
    assert kept.until is None or kept.until > day


@pytest.mark.parametrize("year", [1, 9999])
def test_a_moment_that_cannot_be_begins_no_list(year: int):
    proposal = a_proposal()
    signature = replace(proposal.sending_signature, signed_at=AT.replace(year=year))
    awaiting = a_mobility(
        an_agreement(proposal=replace(proposal, sending_signature=signature)),
    )

    assert whose_move(awaiting, TODAY).since == AT.replace(year=year)
    assert wait(awaiting, TODAY).since is None


@pytest.mark.parametrize(
    ("mobility", "expected"),
    [
        (a_mobility(), None),
        (a_mobility(host("pending"), sourced(None, Api.OMOBILITY_LAS)), None),
        (a_mobility(a_nomination()), EsiState.PRESENT),
        (a_mobility(a_nomination(student=a_student(esi=None))), EsiState.MISSING),
        (a_mobility(a_nomination(student=a_student(esi=" "))), EsiState.MISSING),
        (a_mobility(a_nomination(student=a_student(esi="4711"))), EsiState.INVALID),
        (
            a_mobility(
                a_nomination(student=a_student(esi="4711")),
                an_agreement(student=a_student(esi=None)),
            ),
            EsiState.INVALID,
        ),
        (
            a_mobility(a_nomination(student=a_student(esi="4711")), a_transcript()),
            EsiState.PRESENT,  # one paper is enough to find the student by
        ),
    ],
)
def test_whether_there_is_an_identifier_is_what_the_visible_papers_say(
    mobility: Mobility, expected: EsiState | None
):
    assert esi_state(mobility) is expected


def test_a_student_s_name_is_the_agreement_s_before_any_other():
    other = a_student(given_names="Ines", family_name="F.")

    assert student_name(a_mobility(a_nomination(student=other), an_agreement())) == "Inês Ferreira"
    assert student_name(a_mobility(a_nomination(student=other))) == "Ines F."
    assert student_name(a_mobility(host("pending"))) is None
