"""The table of steps (guide §5.3), row by row: what is there, what happens, what comes of it."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from journeys.scenes import (
    APPLY,
    BEGINS,
    DAY,
    ENDS,
    TODAY,
    Act,
    Scene,
    deleted,
    inserted,
)

from ewp.messages import omobility_las
from sandbox.cast import LINDENTAL

WEEK = timedelta(weeks=1)
STUDENT, HOME, HOST, NOBODY = "STUDENT", "SENDING_HEI", "RECEIVING_HEI", "NOBODY"
OTHER_DAY = APPLY - timedelta(days=20)
CONTACT = omobility_las.ContactPerson(
    given_names="Nora", family_name="Fuchs", email="nora.fuchs@lindental.example"
)


@dataclass(frozen=True)
class Row:
    """A row on one mobility: what is there before, what happens, and what comes of it."""

    step: str
    key: str  # the student: who goes where, in which family
    before: tuple[Act, ...]
    act: tuple[Act, ...]
    state: str
    party: str
    detail: dict[str, str]

    @property
    def name(self) -> str:
        return f"{self.step} {self.key} {len(self.before)}"


def row(
    step: str, key: str, before: Any, act: Act | None, state: str, party: str, **detail: str
) -> Row:
    acts = before if isinstance(before, tuple) else (before,) if before else ()
    return Row(step, key, acts, (act,) if act else (), state, party, detail)


nominated, accepted, ready = Scene.nominated, Scene.nominated_and_accepted, Scene.ready
sent, signed, commented, graded = Scene.sent, Scene.signed, Scene.commented, Scene.graded


async def live(scene: Scene) -> None:
    await scene.nominated("live")


async def swap(scene: Scene) -> None:
    await scene.changing(deleted(), inserted("substituting-deleted"))


def came(arrival: date | None, departure: date | None = None) -> Act:
    return lambda scene: scene.received(arrival=arrival, departure=departure)


def on(day: date) -> Act:
    return lambda scene: scene.looked_at(day)


def dated(day: date) -> dict[str, str]:
    return {"date": day.isoformat()}


def counts(added: int, removed: int, cancelled: str = "") -> dict[str, str]:
    return {"added": str(added), "removed": str(removed), "cancelled": cancelled}


STAYED = {"start": BEGINS.isoformat(), "end": ENDS.isoformat()}
SHIFTED = STAYED | {"start": (BEGINS + WEEK).isoformat()}
LONGER = {"end": (ENDS + 4 * WEEK).isoformat()}
RESULTS = {"courses": "4", "ects": "24.5"}
LEAVES = TODAY + 4 * DAY
NEVER = BEGINS + timedelta(days=10)  # when a missing arrival is told
LATE = ENDS + 5 * WEEK + DAY

BEFORE = [
    row("B1", "ines", None, nominated, "NOMINATED", HOST),
    row("B1", "camille", None, nominated, "NOMINATED", HOST),
    row(
        "B2",
        "jonas",
        nominated,
        lambda s: s.nominated_anew(nominee_isced_f_code="0541"),
        "NOMINATED",
        HOST,
    ),
    row(
        "B2",
        "tiago",
        nominated,
        lambda s: s.nominated_anew(nominee_isced_f_code="0541"),
        "NOMINATED",
        HOST,
    ),
    row("B3", "camille", nominated, lambda s: s.received("pending"), "NOMINATED", HOST),
    row("B3", "tiago", nominated, lambda s: s.received("pending"), "NOMINATED", HOST),
    row("B4", "ines", nominated, lambda s: s.accepted(), "ACCEPTED", STUDENT),
    row("B4", "jonas", nominated, lambda s: s.accepted(), "ACCEPTED", STUDENT),
    row("B4", "tiago", nominated, lambda s: s.accepted(), "ACCEPTED", STUDENT),
    row("B4", "camille", nominated, lambda s: s.accepted(), "ACCEPTED", STUDENT),
    row("B5", "jonas", nominated, lambda s: s.becomes("rejected"), "REJECTED", HOME),
    row("B5", "camille", nominated, lambda s: s.received("rejected"), "REJECTED", HOME),
    row("B6", "ines", nominated, lambda s: s.becomes("cancelled"), "CANCELLED", NOBODY),
    row("B6", "camille", nominated, lambda s: s.becomes("cancelled"), "CANCELLED", NOBODY),
    row("B7", "jonas", nominated, lambda s: s.nomination_gone(), "KNOWN", NOBODY),
    row("B7", "tiago", nominated, lambda s: s.nomination_gone(), "KNOWN", NOBODY),
    row(
        "B8", "ines", nominated, lambda s: s.corrected(email="ines@new.example"), "NOMINATED", HOST
    ),
    row(
        "B8",
        "camille",
        nominated,
        lambda s: s.corrected(birth_date=date(2004, 11, 4)),
        "NOMINATED",
        HOST,
    ),
    row(
        "B9",
        "camille",
        nominated,
        lambda s: s.nominated_anew(planned_arrival_date=BEGINS + WEEK),
        "NOMINATED",
        HOST,
        **SHIFTED,
    ),
    row(
        "B9",
        "ines",
        (accepted, sent),
        lambda s: s.amended(start_date=BEGINS + WEEK),
        "LA_AWAITING_RECEIVING",
        HOST,
        **SHIFTED,
    ),
    row(
        "B10",
        "tiago",
        nominated,
        lambda s: s.asked_for("Portfolio", "CV"),
        "NOMINATED",
        HOST,
        requirements="Portfolio\nCV",
    ),
    row(
        "B11",
        "ines",
        lambda s: s.nominated(before=APPLY),
        on(APPLY - WEEK),
        "NOMINATED",
        HOST,
        **dated(APPLY),
    ),
    row(
        "B11",
        "camille",
        lambda s: s.nominated(before=APPLY),
        on(APPLY - WEEK),
        "NOMINATED",
        HOST,
        **dated(APPLY),
    ),
    row("B12", "tiago", accepted, on(BEGINS - DAY), "ACCEPTED", STUDENT, **dated(BEGINS)),
    row("B12", "camille", accepted, on(BEGINS - DAY), "ACCEPTED", STUDENT, **dated(BEGINS)),
    row("B13", "ines", accepted, sent, "LA_AWAITING_RECEIVING", HOST),
    row("B13", "camille", nominated, sent, "LA_AWAITING_RECEIVING", HOST),
    row("B14", "jonas", (accepted, sent), sent, "LA_AWAITING_RECEIVING", HOST),
    row("B15", "ines", (accepted, sent), signed, "READY", NOBODY, **RESULTS),
    row("B15", "camille", (nominated, sent), signed, "LA_SIGNED", HOST, **RESULTS),
    row("B16", "ines", (accepted, sent), commented, "ACCEPTED", STUDENT),
    row("B16", "camille", (nominated, sent), lambda s: s.agreement_gone(), "NOMINATED", STUDENT),
    row("B17", "tiago", nominated, lambda s: s.becomes("live"), "READY", NOBODY),
    row("B17", "camille", nominated, lambda s: s.becomes("live"), "READY", NOBODY),
]
DURING = [
    row("D1", "ines", ready, came(TODAY), "ARRIVED", NOBODY, **dated(TODAY)),
    row("D1", "camille", live, came(TODAY), "ARRIVED", NOBODY, **dated(TODAY)),
    # recorded beforehand, and the day has come; today it has not
    row("D1", "jonas", (ready, came(LEAVES)), on(LEAVES), "READY", NOBODY, **dated(LEAVES)),
    row("D2", "jonas", ready, came(LEAVES), "READY", NOBODY, **dated(LEAVES)),
    row(
        "D2",
        "tiago",
        (live, came(TODAY)),
        came(TODAY - DAY),
        "ARRIVED",
        NOBODY,
        **dated(TODAY - DAY),
    ),
    row("D3", "ines", (ready, came(TODAY)), came(None), "READY", NOBODY),
    row("D3", "camille", (live, came(TODAY)), came(None), "READY", NOBODY),
    row("D4", "ines", ready, on(NEVER), "READY", NOBODY),
    row("D4", "camille", live, on(NEVER), "READY", NOBODY),
    row("D5", "jonas", ready, swap, "READY", HOST, **counts(1, 1)),
    row("D6", "ines", (ready, swap), signed, "READY", NOBODY),
    row("D6", "jonas", (ready, swap), signed, "READY", NOBODY),
    row("D7", "ines", (ready, swap), commented, "READY", STUDENT),
    row("D7", "camille", (live, sent, signed, swap), commented, "READY", STUDENT),
    row(
        "D8",
        "ines",
        ready,
        lambda s: s.changing(deleted("not-available")),
        "READY",
        HOST,
        **counts(0, 1, "not-available Human-Computer Interaction"),
    ),
    row(
        "D9",
        "tiago",
        ready,
        lambda s: s.changing(inserted("extending-mobility")),
        "READY",
        HOST,
        **counts(1, 0),
        end=ENDS.isoformat(),
    ),
    row(
        "D9",
        "jonas",
        ready,
        lambda s: s.changing(inserted(), end_date=ENDS + 4 * WEEK),
        "READY",
        HOST,
        **counts(1, 0),
        **LONGER,
    ),
    row(
        "D10",
        "ines",
        ready,
        lambda s: s.changing(student=omobility_las.Student(family_name="Duarte Lopes")),
        "READY",
        HOST,
    ),
    row(
        "D11",
        "jonas",
        ready,
        lambda s: s.amended(
            sending_hei=omobility_las.MobilityInstitution(
                hei_id=LINDENTAL.hei_id, contact_person=CONTACT
            )
        ),
        "READY",
        NOBODY,
    ),
    row("D12", "jonas", accepted, lambda s: s.becomes("cancelled"), "CANCELLED", NOBODY),
    row("D12", "tiago", live, lambda s: s.becomes("cancelled"), "CANCELLED", NOBODY),
]
AFTER = [
    row(
        "A1",
        "camille",
        (live, came(TODAY - DAY)),
        came(TODAY - DAY, TODAY),
        "DEPARTED",
        HOST,
        **dated(TODAY),
    ),
    row(
        "A1",
        "tiago",
        (live, came(TODAY - DAY, LEAVES)),
        on(LEAVES),
        "ARRIVED",
        NOBODY,
        **dated(LEAVES),
    ),
    row(
        "A2", "jonas", (ready, came(TODAY)), came(TODAY, LEAVES), "ARRIVED", NOBODY, **dated(LEAVES)
    ),
    row(
        "A2",
        "tiago",
        (live, came(TODAY - DAY, TODAY)),
        came(TODAY - DAY, LEAVES),
        "ARRIVED",
        NOBODY,
        **dated(LEAVES),
    ),
    row(
        "A3",
        "ines",
        (ready, came(TODAY - DAY)),
        came(TODAY - DAY, TODAY),
        "DEPARTED",
        HOST,
        **dated(TODAY),
    ),
    row(
        "A3", "jonas", (ready, came(TODAY, LEAVES)), on(LEAVES), "ARRIVED", NOBODY, **dated(LEAVES)
    ),
    row(
        "A4",
        "ines",
        (ready, came(TODAY - DAY, TODAY)),
        graded,
        "TRANSCRIPT_ISSUED",
        HOME,
        **RESULTS,
    ),
    row("A4", "camille", (live,), graded, "TRANSCRIPT_ISSUED", HOME, **RESULTS),
    row(
        "A5", "jonas", (accepted, graded), lambda s: s.graded(grade="17"), "TRANSCRIPT_ISSUED", HOME
    ),
    row("A5", "tiago", (live, graded), lambda s: s.graded(grade="17"), "TRANSCRIPT_ISSUED", HOME),
    row("A6", "ines", (accepted, graded), lambda s: s.transcript_gone(), "ACCEPTED", STUDENT),
    row("A6", "camille", (live, graded), lambda s: s.transcript_gone(), "READY", NOBODY),
    row(
        "A7",
        "ines",
        (ready, came(BEGINS - 85 * DAY, TODAY)),
        on(LATE),
        "DEPARTED",
        HOST,
        **dated(LATE - DAY),
    ),
    row("A7", "tiago", (live, came(TODAY, TODAY)), on(LATE), "DEPARTED", HOST, **dated(LATE - DAY)),
    row("A8", "tiago", (live, graded), lambda s: s.becomes("recognized"), "RECOGNISED", NOBODY),
    row("A8", "camille", live, lambda s: s.becomes("recognized"), "RECOGNISED", NOBODY),
    row(
        "A9",
        "jonas",
        (accepted, graded),
        lambda s: s.graded(recognition="Partially Positive"),
        "TRANSCRIPT_ISSUED",
        HOME,
        outcome="partial",
    ),
    row("A10", "ines", (accepted, graded), on(TODAY + 5 * WEEK), "TRANSCRIPT_ISSUED", HOME),
    row("A10", "camille", (live, graded), on(TODAY + 5 * WEEK), "TRANSCRIPT_ISSUED", HOME),
]
MOVED = row(
    "moved",
    "ines",
    lambda s: s.nominated(before=OTHER_DAY),
    None,
    "NOMINATED",
    HOST,
    **dated(OTHER_DAY),
)
ASKED = row(
    "B10",
    "ines",
    lambda s: s.nominated(before=OTHER_DAY),
    None,
    "NOMINATED",
    HOST,
    requirements="Language certificate",
)
ROWS = [*BEFORE, *DURING, *AFTER, MOVED, ASKED]
