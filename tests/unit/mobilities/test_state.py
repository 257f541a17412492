"""Every row of guide §5.2 that applies, whose move it is, and the timeline."""

from datetime import date, timedelta

import pytest
from factories import (
    AT,
    LINDENTAL,
    RIBEIRA,
    TODAY,
    a_contact,
    a_mobility,
    a_nomination,
    a_proposal,
    a_transcript,
    a_version,
    an_agreement,
    an_old_nomination,
    later,
    sourced,
)
from msgspec.structs import replace

from erasmus_app.mobilities.agreements import is_change_open
from erasmus_app.mobilities.models import (
    Api,
    Mobility,
    Reception,
    ReceptionStatus,
    Returned,
    SentBack,
)
from erasmus_app.mobilities.state import Decision, MobilityState, decision, state
from erasmus_app.mobilities.steps import (
    Party,
    Phase,
    StepCode,
    StepState,
    TimelineStep,
    WhoseMove,
    timeline,
    whose_move,
)

NEW, OLD, S, D = a_nomination, an_old_nomination, MobilityState, Decision
DAY = timedelta(days=1)
YESTERDAY, TOMORROW = TODAY - DAY, TODAY + DAY


def host(status: str | None = None, arrival: date | None = None, departure: date | None = None):
    return Reception(
        status=ReceptionStatus(status) if status else None,
        actual_arrival=arrival,
        actual_departure=departure,
    )


AWAITING, SIGNED = an_agreement(proposal=a_proposal()), an_agreement(first=a_version())
CHANGING = an_agreement(first=a_version(), proposal=a_proposal("c-2"))
RETURNED = sourced(None, Api.OMOBILITY_LAS, missing_since=later(hours=1))


def staying(start: str, end: str):
    return an_agreement(first=a_version(), planned_start=start, planned_end=end)


ABROAD = staying("2026-09-01", "2027-01-31")
NOBODY = WhoseMove(party=Party.NOBODY)


def theirs(step: StepCode, *, contact: bool = False) -> WhoseMove:
    return WhoseMove(
        party=Party.RECEIVING_HEI,
        step=step,
        hei_id=LINDENTAL,
        since=AT,
        contact=a_contact() if contact else None,
    )


TO_DECIDE = theirs(StepCode.ACCEPTED)
TO_SIGN = theirs(StepCode.LA_SIGNED, contact=True)
TO_SIGN_A_CHANGE = theirs(StepCode.LA_CHANGED, contact=True)
TO_SEND = WhoseMove(party=Party.STUDENT, step=StepCode.LA_SENT, since=AT)
TO_SEND_AGAIN = WhoseMove(party=Party.STUDENT, step=StepCode.LA_SENT, since=later(hours=1))
TO_CORRECT = WhoseMove(party=Party.SENDING_HEI, step=StepCode.NOMINATED, hei_id=RIBEIRA, since=AT)

TO_ISSUE = WhoseMove(
    party=Party.RECEIVING_HEI, step=StepCode.TRANSCRIPT, hei_id=LINDENTAL, since=AT
)
TO_RECOGNISE = WhoseMove(
    party=Party.SENDING_HEI, step=StepCode.RECOGNISED, hei_id=RIBEIRA, since=AT
)

ROWS = [
    # 1 cancelled, whatever else is known
    ([NEW("cancelled")], S.CANCELLED, D.PENDING, NOBODY),
    ([OLD("cancelled"), host("verified", TODAY), AWAITING], S.CANCELLED, D.ACCEPTED, NOBODY),
    # 2 recognised
    ([OLD("recognized")], S.RECOGNISED, D.ACCEPTED, NOBODY),
    ([OLD("recognized"), host("rejected")], S.RECOGNISED, D.ACCEPTED, NOBODY),
    # 3 a transcript, with or without a departure
    (
        [NEW("approved"), host(None, TODAY), a_transcript()],
        S.TRANSCRIPT_ISSUED,
        D.ACCEPTED,
        TO_RECOGNISE,
    ),
    ([a_transcript()], S.TRANSCRIPT_ISSUED, D.NOT_SHARED, TO_RECOGNISE),
    # 4 departed, with or without an arrival
    ([NEW("approved"), host(None, YESTERDAY, TODAY)], S.DEPARTED, D.ACCEPTED, TO_ISSUE),
    ([NEW("approved"), host(None, None, YESTERDAY)], S.DEPARTED, D.ACCEPTED, TO_ISSUE),
    # 5 arrived, or presumed abroad
    ([NEW("approved"), host(None, TODAY, TOMORROW)], S.ARRIVED, D.ACCEPTED, NOBODY),
    ([host(None, TODAY), CHANGING], S.ARRIVED, D.NOT_SHARED, TO_SIGN_A_CHANGE),
    ([NEW("approved"), ABROAD], S.PRESUMED_ABROAD, D.ACCEPTED, NOBODY),
    ([staying("2026-11", "2026-11")], S.PRESUMED_ABROAD, D.NOT_SHARED, NOBODY),
    ([staying("2026-11-02", "2026-11-02")], S.PRESUMED_ABROAD, D.NOT_SHARED, NOBODY),
    ([staying("2026-11-03", "2027-01")], S.LA_SIGNED, D.NOT_SHARED, NOBODY),
    ([staying("2026-09", "2026-10")], S.LA_SIGNED, D.NOT_SHARED, NOBODY),
    ([staying("2026-09-01", "")], S.LA_SIGNED, D.NOT_SHARED, NOBODY),
    ([NEW("approved"), host(None, TOMORROW), ABROAD], S.READY, D.ACCEPTED, NOBODY),
    # 6 refused, by either family; never when live
    ([NEW("rejected")], S.REJECTED, D.REJECTED, TO_CORRECT),
    ([OLD(), host("rejected")], S.REJECTED, D.REJECTED, TO_CORRECT),
    ([OLD(), host("rejected"), AWAITING], S.REJECTED, D.REJECTED, TO_CORRECT),
    ([OLD("live"), host("rejected")], S.READY, D.ACCEPTED, NOBODY),
    # 7 ready
    ([NEW("approved"), SIGNED], S.READY, D.ACCEPTED, NOBODY),
    ([OLD(), host("verified"), SIGNED], S.READY, D.ACCEPTED, NOBODY),
    ([OLD("live")], S.READY, D.ACCEPTED, NOBODY),
    ([OLD("live"), host("pending"), AWAITING], S.READY, D.ACCEPTED, TO_SIGN),
    ([NEW("approved"), CHANGING], S.READY, D.ACCEPTED, TO_SIGN_A_CHANGE),
    # 8 the agreement is signed, the nomination undecided or not shared
    ([NEW(), SIGNED], S.LA_SIGNED, D.PENDING, TO_DECIDE),
    ([OLD(), SIGNED], S.LA_SIGNED, D.NOT_CONFIRMED, TO_DECIDE),
    ([SIGNED], S.LA_SIGNED, D.NOT_SHARED, NOBODY),
    # 9 the agreement waits for the receiving HEI
    ([AWAITING], S.LA_AWAITING_RECEIVING, D.NOT_SHARED, TO_SIGN),
    ([NEW(), AWAITING], S.LA_AWAITING_RECEIVING, D.PENDING, TO_SIGN),
    ([NEW("approved"), AWAITING], S.LA_AWAITING_RECEIVING, D.ACCEPTED, TO_SIGN),
    # 10 accepted
    ([NEW("approved")], S.ACCEPTED, D.ACCEPTED, TO_SEND),
    ([OLD(), host("verified")], S.ACCEPTED, D.ACCEPTED, TO_SEND),
    ([NEW("approved"), RETURNED], S.ACCEPTED, D.ACCEPTED, TO_SEND_AGAIN),
    # 11 nominated
    ([NEW()], S.NOMINATED, D.PENDING, TO_DECIDE),
    ([NEW(), host("verified")], S.NOMINATED, D.PENDING, TO_DECIDE),
    ([OLD()], S.NOMINATED, D.NOT_CONFIRMED, TO_DECIDE),
    ([OLD(), host()], S.NOMINATED, D.NOT_CONFIRMED, TO_DECIDE),
    ([OLD(), host("pending")], S.NOMINATED, D.PENDING, TO_DECIDE),
    # nothing visible
    ([sourced(None, Api.OMOBILITIES)], S.KNOWN, D.NOT_SHARED, NOBODY),
    ([RETURNED], S.KNOWN, D.NOT_SHARED, TO_SEND_AGAIN),
]


@pytest.mark.parametrize(("facts", "expected", "decided", "move"), ROWS)
def test_where_a_mobility_stands_and_whose_move_it_is(facts, expected, decided, move):
    known = a_mobility(*facts)

    assert (state(known, TODAY), decision(known)) == (expected, decided)
    assert whose_move(known, TODAY) == move


CHANGES = {
    "waits": (CHANGING, None, True, TO_SIGN_A_CHANGE),
    "first version waits": (AWAITING, None, False, TO_SIGN),
    "agreed": (SIGNED, None, False, NOBODY),
    "came back": (
        SIGNED,
        later(days=2),
        False,
        WhoseMove(party=Party.STUDENT, step=StepCode.LA_CHANGED, since=later(days=2)),
    ),
}


@pytest.mark.parametrize(
    ("agreement", "returned", "is_open", "move"), CHANGES.values(), ids=CHANGES
)
def test_a_change_that_waits_or_came_back_is_seen_beside_the_state(
    agreement, returned, is_open, move
):
    known = replace(a_mobility(agreement, host(None, TODAY)), change_returned_at=returned)

    assert state(known, TODAY) is S.ARRIVED
    assert (is_change_open(known), whose_move(known, TODAY)) == (is_open, move)


def test_a_change_that_came_back_is_a_step_of_the_stay_until_that_is_over():
    known = replace(a_mobility(SIGNED, host(None, TODAY)), change_returned_at=later(days=2))
    over = replace(known, transcript=sourced(a_transcript()))

    found = [each for each in timeline(known, TODAY) if each.code is StepCode.LA_CHANGED]
    assert found == [
        TimelineStep(
            code=StepCode.LA_CHANGED,
            phase=Phase.DURING,
            state=StepState.CURRENT,
            since=later(days=2),
            api=Api.OMOBILITY_LAS,
        )
    ]
    assert StepCode.LA_CHANGED not in {each.code for each in timeline(over, TODAY)}


def test_an_agreement_that_home_took_out_though_all_had_signed_is_asked_for_there():
    gone = SentBack(what=Returned.IN_FORCE, at=later(days=3), sending_contact=a_contact("Hélia"))
    known = replace(a_mobility(NEW("approved"), RETURNED), sent_back=gone)

    assert whose_move(known, TODAY) == WhoseMove(
        party=Party.SENDING_HEI,
        step=StepCode.LA_SENT,
        hei_id=RIBEIRA,
        since=later(days=3),
        contact=a_contact("Hélia"),
    )


def test_a_change_that_came_back_is_nobody_s_move_once_the_stay_is_over():
    known = replace(
        a_mobility(SIGNED, host(None, YESTERDAY, TODAY)), change_returned_at=later(days=-9)
    )

    assert whose_move(known, TODAY).party is Party.RECEIVING_HEI


DONE, CURRENT, UPCOMING = StepState.DONE, StepState.CURRENT, StepState.UPCOMING
REFUSED, NOT_SHARED = StepState.REFUSED, StepState.NOT_SHARED
NAMES = (
    *("nominated", "accepted", "la-sent", "la-signed"),
    *("arrived", "departed", "transcript", "recognised"),
)

TIMELINES = {
    "nominated": ([NEW()], (DONE, CURRENT, CURRENT, *[UPCOMING] * 4, NOT_SHARED)),
    "refused": ([NEW("rejected")], (DONE, REFUSED, *[UPCOMING] * 5, NOT_SHARED)),
    "cancelled": ([OLD("cancelled")], (DONE, *[UPCOMING] * 7)),
    "accepted": (
        [OLD(), host("verified")],
        (DONE, DONE, CURRENT, *[UPCOMING] * 5),
    ),
    "an agreement alone": (
        [AWAITING],
        (NOT_SHARED, NOT_SHARED, DONE, CURRENT, *[UPCOMING] * 3, NOT_SHARED),
    ),
    "sent back": (
        [NEW("approved"), RETURNED],
        (DONE, DONE, CURRENT, *[UPCOMING] * 4, NOT_SHARED),
    ),
    "ready": (
        [NEW("approved"), SIGNED],
        (DONE, DONE, DONE, DONE, CURRENT, UPCOMING, UPCOMING, NOT_SHARED),
    ),
    "live, and no agreement is shared": (
        [OLD("live")],
        (DONE, DONE, NOT_SHARED, NOT_SHARED, CURRENT, *[UPCOMING] * 3),
    ),
    "arrived": (
        [NEW("approved"), SIGNED, host(None, TODAY)],
        (DONE, DONE, DONE, DONE, DONE, CURRENT, UPCOMING, NOT_SHARED),
    ),
    "departed, and nobody wrote the arrival down": (
        [OLD("live"), SIGNED, host(None, None, TODAY)],
        (DONE, DONE, DONE, DONE, DONE, DONE, CURRENT, UPCOMING),
    ),
    "recognised, and nobody wrote the days down": (
        [OLD("recognized"), SIGNED],
        (DONE, DONE, DONE, DONE, NOT_SHARED, NOT_SHARED, NOT_SHARED, DONE),
    ),
    "a transcript, and nobody wrote the days down": (
        [OLD("live"), SIGNED, a_transcript()],
        (DONE, DONE, DONE, DONE, UPCOMING, UPCOMING, DONE, UPCOMING),
    ),
}


@pytest.mark.parametrize(("facts", "expected"), TIMELINES.values(), ids=TIMELINES)
def test_how_far_each_step_is(facts, expected):
    steps = timeline(a_mobility(*facts), TODAY)

    assert [(each.code, each.state) for each in steps] == list(zip(NAMES, expected, strict=True))


def test_a_step_has_its_phase_its_time_and_its_source():
    signed = an_agreement(first=a_version(at=later(hours=5)), approved=a_version(at=later(hours=9)))
    known = a_mobility(
        sourced(NEW("approved"), fetched_at=later(hours=1), revision=2),
        signed,
        host(None, TODAY, TOMORROW),
    )

    def step(code: str, phase: Phase, state: StepState, since: object, api: Api | None):
        return TimelineStep(code=StepCode(code), phase=phase, state=state, since=since, api=api)

    before, during, after_ = Phase.BEFORE, Phase.DURING, Phase.AFTER
    assert timeline(known, TODAY) == (
        step("nominated", before, DONE, None, Api.OMOBILITIES),  # when it was is no longer known
        step("accepted", before, DONE, later(hours=1), Api.OMOBILITIES),
        step("la-sent", before, DONE, AT, Api.OMOBILITY_LAS),
        step("la-signed", before, DONE, later(hours=5), Api.OMOBILITY_LAS),
        step("la-changed", during, DONE, later(hours=9), Api.OMOBILITY_LAS),
        step("arrived", during, DONE, TODAY, Api.IMOBILITIES),
        step("departed", after_, CURRENT, TOMORROW, Api.IMOBILITIES),
        step("transcript", after_, UPCOMING, None, None),
        step("recognised", after_, NOT_SHARED, None, None),
    )


def test_a_change_that_waits_is_the_current_step_of_the_stay():
    steps = timeline(a_mobility(CHANGING, host(None, TODAY)), TODAY)

    assert [(each.code, each.since) for each in steps if each.state is CURRENT] == [
        (StepCode.LA_CHANGED, AT),
        (StepCode.DEPARTED, None),
    ]


def test_the_state_is_of_a_day_and_nothing_is_stored():
    known: Mobility = a_mobility(NEW("approved"), SIGNED, host(None, TOMORROW, TOMORROW + 7 * DAY))

    days = [TODAY + n * DAY for n in (0, 1, 7, 8, 9)]
    assert [state(known, day) for day in days] == [
        S.READY,
        S.ARRIVED,
        S.ARRIVED,
        S.DEPARTED,
        S.DEPARTED,
    ]
