"""What every university of the sandbox shows to all: its units, and the courses of agreements.

The components of the story's learning agreements name courses by their code; here is what stands
behind those codes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from ewp.ids import LoiId, LosId, OunitId
from ewp.messages.common import Text
from ewp.messages.courses import AcademicTerm, Course, CourseInstance, Credit
from ewp.messages.omobility_las import Component
from ewp.messages.organizational_units import OrganizationalUnit
from sandbox.cast import University
from sandbox.clock import academic_year, today
from sandbox.office import INSTEAD, RECOGNIZED, STUDIED
from sandbox.units import FACULTY_ID, units_of


@dataclass(frozen=True, slots=True)
class Shown:
    """One university's public data beside the institution itself."""

    university: University

    async def ounits_by_id(self, ids: Sequence[OunitId]) -> Sequence[OrganizationalUnit]:
        """Return the units with these ids."""
        return [each for each in units_of(self.university) if each.ounit_id in ids]

    async def ounits_by_code(self, codes: Sequence[str]) -> Sequence[OrganizationalUnit]:
        """Return the units with these codes."""
        return [each for each in units_of(self.university) if each.ounit_code in codes]

    async def courses_by_id(self, ids: Sequence[LosId]) -> Sequence[Course]:
        """Return the courses with these ids."""
        return [each for each in courses(today()) if each.los_id in ids]

    async def courses_by_code(self, codes: Sequence[str]) -> Sequence[Course]:
        """Return the courses with these codes."""
        return [each for each in courses(today()) if each.los_code in codes]

    async def los_ids(self, modified_since: datetime | None) -> Sequence[LosId]:
        """Return all ids; everything was last changed for the academic year."""
        changed = datetime.combine(_first(today()), time(), UTC)
        if modified_since is not None and modified_since > changed:
            return []
        return [each.los_id for each in courses(today())]


def courses(day: date) -> tuple[Course, ...]:
    """Return what is taught, each course in the terms of the academic year and of the one before.

    The package that is recognised at home is a module; the others are courses.
    """
    years = [date(_first(day).year - back, 8, 1) for back in (1, 0)]
    taught = [_course("CR", each, years) for each in (*STUDIED, INSTEAD)]
    return (*taught, *(_course("MOD", each, years) for each in RECOGNIZED))


def _first(day: date) -> date:
    """Return the first day of a day's academic year."""
    return date(int(academic_year(day)[:4]), 8, 1)


def _course(kind: str, component: Component, years: Iterable[date]) -> Course:
    code = component.los_code or ""
    return Course(
        los_id=LosId(f"{kind}/{code}"),
        los_code=code,
        ounit_id=FACULTY_ID,
        titles=(Text(value=component.title, lang="en"),),
        type={"CR": "Course", "MOD": "Module"}[kind],
        eqf_level_provided=6,
        descriptions=(Text(value=f"Seminar and exam: {component.title}.", lang="en"),),
        instances=tuple(_instance(f"{kind}I/{code}", component, first.year) for first in years),
    )


def _instance(loi: str, component: Component, year: int) -> CourseInstance:
    start, end = date(year, 9, 15), date(year + 1, 1, 31)
    term = AcademicTerm(
        academic_year_id=academic_year(start),
        ewp_id=f"{academic_year(start)}-1/2",
        display_names=(Text(value="Autumn", lang="en"),),
        start_date=start,
        end_date=end,
    )
    return CourseInstance(
        loi_id=LoiId(f"{loi}/{year}"),
        start=start,
        end=end,
        academic_term=term,
        credits=tuple(Credit(scheme=each.scheme, value=each.value) for each in component.credits),
        language_of_instruction="en",
    )
