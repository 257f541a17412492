"""Courses that a host serves, and the list of all of them for copies (guide §4.9)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

import msgspec

from ewp.apis import limit_of
from ewp.host_calls import GET_POST, Call, Endpoint, day, ids_or_codes, moment
from ewp.ids import LosId
from ewp.manifest import Offer
from ewp.messages import course_replication, courses


class CoursesProvider(Protocol):
    """What an HEI teaches, for everybody to read."""

    async def courses_by_id(self, ids: Sequence[LosId]) -> Sequence[courses.Course]:
        """Return those with these ids, with all their instances."""

    async def courses_by_code(self, codes: Sequence[str]) -> Sequence[courses.Course]:
        """Return those with these codes; several may share one."""


class CourseListProvider(Protocol):
    """All the courses of an HEI."""

    async def los_ids(self, modified_since: datetime | None) -> Sequence[LosId]:
        """Return the ids of all; changed since, where that is said."""


@dataclass(frozen=True, slots=True)
class CoursesService:
    """Courses 0.7: public.

    `lois_before` leaves the instances that end before that day, `lois_after` those that start
    after it, `los_at_date` those that are held on it; the course itself stays.
    """

    provider: CoursesProvider
    most: int = 20  # ids, or codes
    api: str = "courses"
    major: int = 1  # of the namespace, which 0.x shares with 1

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """One URL, GET and POST, also anonymous."""
        return {"": Endpoint(GET_POST, self._get, anonymous=True)}

    def offer(self, base: str) -> Offer:
        """Declare it."""
        children = (
            ("url", f"{base}/{self.api}/{self.major}"),
            (limit_of("los_id"), str(self.most)),
            (limit_of("los_code"), str(self.most)),
        )
        return Offer(api=self.api, version="0.7.1", major=1, children=children, anonymous=True)

    async def _get(self, call: Call) -> bytes:
        call.addressed("hei_id")
        ids, codes = ids_or_codes(call, "los_id", "los_code", self.most)
        days = _Days(day(call, "lois_before"), day(call, "lois_after"), day(call, "los_at_date"))
        found: Sequence[courses.Course] = ()
        if ids:
            found = await self.provider.courses_by_id(list(map(LosId, ids)))
        elif codes:
            found = await self.provider.courses_by_code(codes)
        return courses.write_response(map(days.within, found))


@dataclass(frozen=True, slots=True)
class _Days:
    """Which instances are asked for; None: of any day."""

    before: date | None
    after: date | None
    at: date | None

    def within(self, course: courses.Course) -> courses.Course:
        """Return the course with those of its instances."""
        kept = tuple(each for each in course.instances if self._fits(each.start, each.end))
        return msgspec.structs.replace(course, instances=kept)

    def _fits(self, start: date | None, end: date | None) -> bool:
        """Whether an instance is asked for; one whose days are not told is, where all are."""
        return (
            (self.before is None or (end is not None and end < self.before))
            and (self.after is None or (start is not None and start > self.after))
            and (
                self.at is None
                or (start is not None and end is not None and start <= self.at <= end)
            )
        )


@dataclass(frozen=True, slots=True)
class CourseReplicationService:
    """Simple course replication 1.0.0-rc9: public."""

    provider: CourseListProvider
    api: str = "simple-course-replication"
    major: int = 1

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """One URL, GET and POST, also anonymous."""
        return {"": Endpoint(GET_POST, self._get, anonymous=True)}

    def offer(self, base: str) -> Offer:
        """Declare it; a version of three numbers, as entries must have."""
        children = (
            ("url", f"{base}/{self.api}/{self.major}"),
            ("allows-anonymous-access", "true"),
            ("supports-modified-since", "true"),
        )
        return Offer(api=self.api, version="1.0.0", major=1, children=children, anonymous=True)

    async def _get(self, call: Call) -> bytes:
        call.addressed("hei_id")
        since = moment(call, "modified_since")
        return course_replication.write_response(await self.provider.los_ids(since))
