"""Traineeships, blended and doctoral stays, and several at once, as a student sees them."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from factories import (
    AT,
    LINDENTAL,
    RIBEIRA,
    TODAY,
    a_contact,
    a_course,
    a_factsheet,
    a_mobility,
    a_nomination,
    a_proposal,
    a_transcript,
    a_version,
    an_agreement,
    an_old_nomination,
    sourced,
)
from msgspec.structs import replace

from erasmus_app.ids import OmobilityId
from erasmus_app.mobilities.agreement_changes import AgreementChange, ChangeKind, signed_changes
from erasmus_app.mobilities.agreements import ABROAD, credits_of, effective_components
from erasmus_app.mobilities.changes import changes
from erasmus_app.mobilities.deadlines import deadlines
from erasmus_app.mobilities.dues import look
from erasmus_app.mobilities.kinds import ActivityAttributes, ActivityType, StayKind, kind_of
from erasmus_app.mobilities.models import (
    OF_RECEIVING,
    Component,
    ComponentChange,
    ComponentList,
    Mobility,
    Reception,
    ReceptionStatus,
)
from erasmus_app.mobilities.recognition import compare
from erasmus_app.mobilities.rules import load_rules
from erasmus_app.mobilities.seen import Seen
from erasmus_app.mobilities.state import MobilityState as S
from erasmus_app.mobilities.state import state
from erasmus_app.mobilities.steps import Party, StepCode, WhoseMove, timeline, whose_move
from erasmus_app.notifications.catalogue import catalogue_folder, load_catalogue

RULES, FACTSHEET, DAY = load_rules(), a_factsheet(), timedelta(days=1)
LADDERS = load_catalogue(catalogue_folder()).ladders
STUDIES, TRAINEESHIPS = ActivityType.STUDENT_STUDIES, ActivityType.STUDENT_TRAINEESHIPS
LONG, BLENDED, DOCTORAL = ActivityAttributes
BLEND, PHD = ComponentList.BLENDED, ComponentList.DOCTORAL
VIRTUAL = ComponentList.VIRTUAL


def of_table(table: ComponentList) -> Any:
    return an_agreement(first=a_version(a_course(table=table)))


KINDS = {
    "long": ([a_nomination(activity_attributes="long-term")], STUDIES, LONG),
    "blended": ([a_nomination(activity_attributes="short-term-blended")], STUDIES, BLENDED),
    "doctoral": ([a_nomination(activity_attributes="short-term-doctoral")], STUDIES, DOCTORAL),
    "traineeship": (
        [an_old_nomination(activity_type="student-traineeships", activity_attributes="long-term")],
        TRAINEESHIPS,
        LONG,
    ),
    "version 1 says no attributes": ([an_old_nomination()], STUDIES, None),
    "the agreement's tables, where the nomination does not say": (
        [an_old_nomination(), of_table(BLEND)],
        STUDIES,
        BLENDED,
    ),
    "an agreement alone, doctoral": ([of_table(PHD)], STUDIES, DOCTORAL),
    "an agreement alone, with a virtual part": ([of_table(VIRTUAL)], STUDIES, LONG),
    "the nomination counts first": (
        [a_nomination(activity_attributes="long-term"), of_table(BLEND)],
        STUDIES,
        LONG,
    ),
    "words that EWP does not have": (
        [a_nomination(activity_type="holiday", activity_attributes="short"), of_table(BLEND)],
        None,
        None,
    ),
    "a transcript alone": ([a_transcript()], None, None),
}


@pytest.mark.parametrize(("facts", "activity", "attributes"), KINDS.values(), ids=KINDS)
def test_what_kind_of_stay_it_is(facts, activity, attributes):
    found = kind_of(a_mobility(*facts))

    assert found == StayKind(activity=activity, attributes=attributes)


# A traineeship from 1 March to 31 May 2027, in the only family that has them.

TRAINEE = {
    "activity_type": "student-traineeships",
    "activity_attributes": "long-term",
    "planned_arrival": date(2027, 3, 1),
    "planned_departure": date(2027, 5, 31),
}
NOBODY = WhoseMove(party=Party.NOBODY)
TO_DECIDE = WhoseMove(party=Party.RECEIVING_HEI, step=StepCode.ACCEPTED, hei_id=LINDENTAL, since=AT)


def trainee(status: str = "nomination", *facts: Any, tenant=LINDENTAL) -> Mobility:
    return a_mobility(an_old_nomination(status, **TRAINEE), *facts, tenant=tenant)


def host(arrival: date | None = None, departure: date | None = None) -> Reception:
    return Reception(
        status=ReceptionStatus.VERIFIED, actual_arrival=arrival, actual_departure=departure
    )


def steps(mobility: Mobility, day: date) -> str:
    """The timeline in one line: each step's code with the initial of its state."""
    return " ".join(f"{each.code}:{each.state}" for each in timeline(mobility, day))


def line(accepted: str, arrived: str, departed: str, recognised: str) -> str:
    """The same of a traineeship: what EWP does not carry of it is not shared."""
    return (
        f"nominated:done accepted:{accepted} la-sent:not-shared la-signed:not-shared "
        f"arrived:{arrived} departed:{departed} transcript:not-shared recognised:{recognised}"
    )


def due(mobility: Mobility, day: date) -> list[tuple[str, date | None, str, str]]:
    found = deadlines(mobility, FACTSHEET, RULES, OF_RECEIVING, day)
    return [(e.kind.value, e.on, e.who_must_act.value, e.owner.value) for e in found]


D = date
APPLY = [("application", D(2026, 11, 30), "student", "host")]
LIVES = {
    "nominated": (
        trainee(),
        TODAY,
        S.NOMINATED,
        TO_DECIDE,
        line("current", "upcoming", "upcoming", "upcoming"),
        [
            ("nomination", D(2026, 10, 31), "sending-hei", "host"),
            *APPLY,
            ("decision", D(2026, 11, 30), "receiving-hei", "host"),
        ],
    ),
    "accepted: the agreement is made outside EWP, and nobody is told to begin it here": (
        trainee("nomination", host()),
        TODAY,
        S.ACCEPTED,
        NOBODY,
        line("done", "upcoming", "upcoming", "upcoming"),
        APPLY,
    ),
    "live": (
        trainee("live", host()),
        TODAY,
        S.READY,
        NOBODY,
        line("done", "current", "upcoming", "upcoming"),
        [
            ("arrival-confirmed", D(2027, 3, 11), "receiving-hei", "system"),
            ("certificate", D(2027, 7, 5), "receiving-hei", "programme"),
        ],
    ),
    "there: no courses to change": (
        trainee("live", host(D(2027, 3, 1))),
        D(2027, 3, 20),
        S.ARRIVED,
        NOBODY,
        line("done", "done", "current", "upcoming"),
        [
            ("extension-request", D(2027, 4, 30), "student", "programme"),
            ("certificate", D(2027, 7, 5), "receiving-hei", "programme"),
        ],
    ),
    "back: no transcript is waited for": (
        trainee("live", host(D(2027, 3, 1), D(2027, 5, 31))),
        D(2027, 6, 10),
        S.DEPARTED,
        NOBODY,
        line("done", "done", "done", "upcoming"),
        [("certificate", D(2027, 7, 5), "receiving-hei", "programme")],
    ),
    "long back: whether the certificate has come nobody tells": (
        trainee("live", host(D(2027, 3, 1), D(2027, 5, 31))),
        D(2027, 9, 1),
        S.DEPARTED,
        NOBODY,
        line("done", "done", "done", "upcoming"),
        [],
    ),
    "recognised": (
        trainee("recognized", host(D(2027, 3, 1), D(2027, 5, 31))),
        D(2027, 9, 1),
        S.RECOGNISED,
        NOBODY,
        line("done", "done", "done", "done"),
        [],
    ),
}


@pytest.mark.parametrize("tenant", [RIBEIRA, LINDENTAL], ids=["outgoing", "incoming"])
@pytest.mark.parametrize(
    ("known", "day", "stands", "move", "shown", "days"), LIVES.values(), ids=LIVES
)
def test_a_traineeship_waits_for_nothing_that_ewp_does_not_carry(
    known, day, stands, move, shown, days, tenant
):
    known = replace(known, tenant=tenant)

    assert state(known, day) is stands
    assert whose_move(known, day) == move
    assert steps(known, day) == shown
    assert due(known, day) == days


def test_an_agreement_that_travels_for_a_traineeship_all_the_same_is_shown_as_any_other():
    known = trainee("nomination", host(), an_agreement(proposal=a_proposal()))

    assert state(known, TODAY) is S.LA_AWAITING_RECEIVING
    assert whose_move(known, TODAY) == WhoseMove(
        party=Party.RECEIVING_HEI,
        step=StepCode.LA_SIGNED,
        hei_id=LINDENTAL,
        since=AT,
        contact=a_contact(),
    )
    assert steps(known, TODAY).split()[2:4] == ["la-sent:done", "la-signed:current"]


def told(before: Mobility, after: Mobility, day: date) -> list[tuple[str, dict[str, str]]]:
    return [(each.kind, each.detail) for each in changes(before, after, day)]


def test_a_trainee_is_told_of_no_courses_and_of_no_transcript():
    came, left = D(2027, 3, 1), D(2027, 5, 31)
    before, there = trainee("live", host()), trainee("live", host(came))
    there = replace(there, reception=sourced(host(came), revision=2))
    back = replace(there, reception=sourced(host(came, left), revision=3))

    assert told(before, there, came) == [("traineeship_begun", {"date": "2027-03-01"})]
    assert told(there, back, left) == [("traineeship_ended", {"date": "2027-05-31"})]


def test_the_event_has_the_id_it_has_for_a_university_that_does_not_see_the_nomination():
    came = D(2027, 3, 1)
    [seen] = changes(trainee("live"), trainee("live", host(came)), came)
    bare = a_mobility(host(came))
    first = [each for each in changes(a_mobility(), bare, came) if each.step is seen.step]

    assert [each.event_id for each in first] == [seen.event_id]
    assert [each.kind for each in first] == ["arrival_confirmed"]


def test_the_calendar_reminds_a_trainee_of_an_extension_and_of_the_certificate_alone():
    known = trainee("live", host(D(2027, 3, 1), D(2027, 5, 31)))
    days = [D(2027, 1, 1) + n * DAY for n in range(0, 400, 7)]

    kinds = set()
    for day in days:
        kinds |= {
            e.kind for e in look(known, FACTSHEET, RULES, LADDERS, OF_RECEIVING, Seen(), day).events
        }
    # Of a longer stay EWP tells nobody's: it is asked for at home, a traineeship's as well.
    assert kinds == {"traineeship_begun", "traineeship_ended", "extension_due", "certificate_due"}


def test_a_trainee_is_reminded_of_the_certificate_once_five_weeks_after_the_end():
    known = trainee("live", host(D(2027, 3, 1), D(2027, 5, 31)))
    seen: dict[Any, tuple[date, str, dict[str, str]]] = {}
    for day in (D(2027, 6, 1) + n * DAY for n in range(120)):
        for e in look(known, FACTSHEET, RULES, LADDERS, OF_RECEIVING, Seen(), day).events:
            seen.setdefault(e.event_id, (day, e.kind, e.detail))

    due = [each for each in seen.values() if each[1] == "certificate_due"]
    assert due == [(D(2027, 7, 5), "certificate_due", {"date": "2027-07-05"})]


# Short stays

STAY = {"planned_start": "2027-03-01", "planned_end": "2027-03-12"}
SEMINAR = Component(table=PHD, title="Archive work")


def short(table: ComponentList, *facts: Any, attributes: str = "short-term-blended") -> Mobility:
    component = SEMINAR if table is PHD else a_course("City lab", "3", table)
    return a_mobility(
        a_nomination("approved", activity_attributes=attributes),
        an_agreement(first=a_version(component), **STAY),
        *facts,
    )


THERE = Reception(actual_arrival=D(2027, 3, 1))
BACK = Reception(actual_arrival=D(2027, 3, 1), actual_departure=D(2027, 3, 12))
TRANSCRIPT = ("transcript", D(2027, 4, 23), "receiving-hei", "host")
PROGRAMMES = ("transcript", D(2027, 4, 16), "receiving-hei", "programme")


@pytest.mark.parametrize("table", [BLEND, PHD])
def test_a_stay_of_days_has_no_deadline_that_its_own_end_or_start_makes_senseless(table):
    attributes = "short-term-doctoral" if table is PHD else "short-term-blended"
    ready, there, back = (
        short(table, *facts, attributes=attributes) for facts in ([], [THERE], [BACK])
    )
    transcripts = [PROGRAMMES, TRANSCRIPT]

    assert state(ready, TODAY) is S.READY
    assert due(ready, TODAY) == [
        ("arrival-confirmed", D(2027, 3, 11), "receiving-hei", "system"),
        *transcripts,
    ]
    assert state(there, D(2027, 3, 3)) is S.ARRIVED
    assert due(there, D(2027, 3, 3)) == transcripts
    assert state(back, D(2027, 3, 14)) is S.DEPARTED
    assert due(back, D(2027, 3, 14)) == transcripts


def test_nobody_is_sent_to_an_office_after_a_stay_of_five_days():
    week = an_agreement(
        first=a_version(a_course(table=BLEND)), planned_start="2027-03-01", planned_end="2027-03-05"
    )
    known = a_mobility(a_nomination("approved"), week)
    days = [D(2027, 2, 20) + n * DAY for n in range(40)]

    told = {
        e.kind
        for d in days
        for e in look(known, FACTSHEET, RULES, LADDERS, OF_RECEIVING, Seen(), d).events
    }
    assert told == set()


@pytest.mark.parametrize(
    ("table", "ects", "kind", "detail"),
    [
        (BLEND, "3", "agreement_signed", {"courses": "1", "ects": "3"}),
        (VIRTUAL, "2.5", "agreement_signed", {"courses": "1", "ects": "2.5"}),
        (PHD, None, "agreement_signed_without_credits", {}),
    ],
)
def test_a_signed_agreement_is_told_with_what_it_holds(table, ects, kind, detail):
    component = a_course("Lab", ects, table) if ects else SEMINAR
    before = a_mobility(an_agreement(proposal=a_proposal("c-1", component)))
    after = a_mobility(an_agreement(first=a_version(component)), revision=2)

    assert told(before, after, TODAY) == [(kind, detail)]


@pytest.mark.parametrize("table", [VIRTUAL, BLEND, PHD])
def test_components_of_every_table_are_in_force_counted_changed_and_recognised(table):
    lab, field = a_course("Lab", "3", table), a_course("Field work", "2", table)
    agreement = an_agreement(
        first=a_version(lab),
        approved=a_version(
            a_course("Lab", "3", table, change=ComponentChange.DELETED),
            replace(field, change=ComponentChange.INSERTED, reason_code="substituting-deleted"),
        ),
    )
    inserted = replace(field, change=ComponentChange.INSERTED, reason_code="substituting-deleted")

    assert effective_components(agreement) == (inserted,)
    assert credits_of(effective_components(agreement), *ABROAD) == {"ects": Decimal(2)}
    assert signed_changes(agreement) == (
        AgreementChange(
            kind=ChangeKind.REPLACED,
            before=lab,
            after=inserted,
            reason_code="substituting-deleted",
        ),
    )
    assert compare(agreement, None).promised == {"ects": Decimal(2)}


# Several at once


def test_several_mobilities_of_one_student_keep_to_themselves():
    semester = a_mobility(a_nomination("approved"), an_agreement(first=a_version()))
    week = replace(short(BLEND, THERE), omobility_id=OmobilityId("rib-2027-2"))
    away = replace(trainee("live", host()), omobility_id=OmobilityId("rib-2027-3"))
    both = (semester, week, away)

    assert [state(each, D(2027, 3, 3)) for each in both] == [S.PRESUMED_ABROAD, S.ARRIVED, S.READY]
    moved = [
        replace(each, reception=sourced(Reception(actual_arrival=D(2027, 3, 1)), revision=2))
        for each in (semester, away)
    ]
    events = [
        next(changes(was, now, D(2027, 3, 3)))
        for was, now in zip((semester, away), moved, strict=True)
    ]
    assert [each.kind for each in events] == ["arrival_confirmed", "traineeship_begun"]
    assert len({each.event_id for each in events}) == 2


def test_a_mobility_out_and_one_in_at_once_are_two():
    out = a_mobility(a_nomination("approved"), tenant=RIBEIRA)
    back_in = replace(
        trainee("live", host(), tenant=RIBEIRA),
        sending_hei_id=LINDENTAL,
        receiving_hei_id=RIBEIRA,
    )

    assert [whose_move(each, TODAY) for each in (out, back_in)] == [
        WhoseMove(party=Party.STUDENT, step=StepCode.LA_SENT, since=AT),
        NOBODY,
    ]
