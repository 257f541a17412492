"""What the host's university teaches."""

from datetime import UTC, date, datetime

from ewp.messages.common import Text
from ewp.messages.courses import Course, CourseInstance

TAUGHT = tuple(
    Course(
        los_id=los_id,
        los_code=code,
        titles=(Text(value=title, lang="en"),),
        instances=tuple(
            CourseInstance(loi_id=f"CRI/{number}", start=start, end=end)
            for number, start, end in instances
        ),
    )
    for los_id, code, title, instances in (
        (
            "CR/map",
            "GEO-1",
            "Mapping",
            [
                ("map-1", date(2025, 9, 15), date(2026, 1, 31)),
                ("map-2", date(2026, 9, 14), date(2027, 1, 30)),
            ],
        ),
        ("CR/sea", "GEO-2", "Charts of the Sea", [("sea-1", date(2026, 3, 1), date(2026, 7, 31))]),
        ("CR/old", "GEO-2", "Charts <until 2019>", []),
    )
)
CHANGED = datetime(2026, 2, 20, 12, tzinfo=UTC)


class Taught:
    """The part of the store that has them."""

    async def courses_by_id(self, ids):
        return self.taught_where(ids, lambda course: course.los_id in ids)

    async def courses_by_code(self, codes):
        return self.taught_where(codes, lambda course: course.los_code in codes)

    async def los_ids(self, modified_since):
        recent = modified_since is None or modified_since <= CHANGED
        return [each.los_id for each in self.taught_where(None, lambda _: recent)]

    def taught_where(self, asked, fits):
        self.asked.append(asked)
        if self.broken:
            raise ConnectionResetError("Mapping")
        return [course for course in TAUGHT if fits(course)]
