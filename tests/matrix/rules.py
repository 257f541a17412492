"""Rules of deadlines that the coordinators of the students' HEIs have set."""

from datetime import date, time

from factories import LINDENTAL
from matrix.people import NOW, Person
from testbed import Bed

from erasmus_app.institutions.models import Term
from erasmus_app.mobilities.basis import Absolute, Annual, Event, Relative
from erasmus_app.mobilities.days import Offset, Unit
from erasmus_app.mobilities.local_rules import LocalRule, Role, RuleContent, Scope
from erasmus_app.mobilities.rules import DeadlineKind

APPLICATION, OUT = DeadlineKind.APPLICATION, Role.OUTGOING
OF_AN_HEI = (
    RuleContent(
        kind=APPLICATION, scope=Scope(role=OUT), basis=Annual("--12-01"), name="For everybody"
    ),
    RuleContent(
        kind=APPLICATION,
        scope=Scope(role=OUT, term=Term.SPRING),
        basis=Annual("--02-15"),
        name="For the spring",
        url="https://uni.example/spring",
        at=time(15),
        zone="Europe/Lisbon",
    ),
    RuleContent(
        kind=DeadlineKind.AGREEMENT_SIGNED,
        scope=Scope(role=OUT, first_day=date(2026, 1, 1), last_day=date(2027, 12, 31)),
        basis=Absolute(date(2027, 1, 5)),
        name="Once",
    ),
    RuleContent(
        kind=APPLICATION,
        scope=Scope(role=OUT, activity_type="student-traineeships"),
        basis=Relative(Event.STAY_BEGINS, Offset(-2, Unit.MONTHS)),
        name="For traineeships",
    ),
)


async def have_rules(bed: Bed, people: list[Person]) -> None:
    """Set the same for each HEI, and one for each of its students that may be ended."""
    service = bed.app.services.rule_service
    for coordinator in people:
        hei = coordinator.coordinates
        if hei is None:
            continue
        for content in OF_AN_HEI:
            assert isinstance(await service.set_new(hei, content, coordinator.account), LocalRule)
        for student in people:
            if student.is_student and student.home == hei:
                year = f"203{student.key[-1]}/203{int(student.key[-1]) + 1}"
                content = RuleContent(
                    kind=DeadlineKind.DECISION,
                    scope=Scope(role=OUT, first_year=year, last_year=year),
                    basis=Annual("--03-01"),
                    name="To be ended",
                )
                made = await service.set_new(hei, content, coordinator.account)
                assert isinstance(made, LocalRule)
                student.ids["rule"] = [str(made.rule_id)]
    await bed.app.database.execute(
        """update mobility set seen = jsonb_build_object('moved', jsonb_build_object(
               'application', jsonb_build_object(
                   'was', '2026-11-20', 'now', '2026-11-30', 'at', $2::text)))
           where receiving_hei_id = $1""",
        LINDENTAL,
        NOW.date().isoformat(),
    )
