"""What a learning agreement promises to recognise, beside what the transcript shows.

Nothing in EWP joins the two (guide §4.5.2, §4.6): they are compared here by the host's ids, else by
its code, else by the title, and each line says by what. What fits by none of these stays alone.
"""

import unicodedata
from collections.abc import Hashable, Iterable, Iterator, Mapping
from decimal import Decimal
from enum import StrEnum

import msgspec

from erasmus_app.mobilities.agreements import ABROAD, effective_components
from erasmus_app.mobilities.credits import per_scheme
from erasmus_app.mobilities.models import (
    Component,
    ComponentList,
    CourseResult,
    LearningAgreement,
    Mobility,
    NominationStatus,
    ResultStatus,
    Transcript,
)
from erasmus_app.mobilities.state import is_new_family
from erasmus_app.mobilities.stays import agreement_of, nomination_of
from erasmus_app.mobilities.transcripts import credits_gained, status_of

MOST_SHARING = 5
"""A name that more courses, or more lines of one table, share does not tell which is which."""


class MatchedBy(StrEnum):
    """What joins a line of the agreement to the transcript; the surest counts."""

    LOI_ID = "loi-id"
    LOS_ID = "los-id"
    LOS_CODE = "los-code"
    TITLE = "title"
    NOTHING = "nothing"


class Outcome(StrEnum):
    """What a transcript says of the recognition, in ELMO's words."""

    POSITIVE = "Positive"
    NEGATIVE = "Negative"
    PARTIALLY_POSITIVE = "Partially Positive"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A component in force, with the courses of the transcript that bear its name."""

    component: Component
    results: tuple[CourseResult, ...] = ()  # several where the transcript has the name twice
    matched_by: MatchedBy = MatchedBy.NOTHING
    sharing: int = 1  # lines of the same table that bear the same name, this one included

    @property
    def is_promise(self) -> bool:
        """Whether home is to recognise it; Table A only says what is studied abroad."""
        return self.component.table is not ComponentList.STUDIED

    @property
    def is_automatic(self) -> bool:
        """Whether home recognises it without conditions."""
        return self.is_promise and self.component.recognition_conditions is None

    @property
    def is_ambiguous(self) -> bool:
        """Whether several lines or several courses bear the name."""
        return self.sharing > 1 or len(self.results) > 1

    @property
    def status(self) -> ResultStatus | None:
        """How it ended; None where that is not told, or hangs on which course is meant."""
        ends = {status_of(each) for each in self.results}
        return ends.pop() if len(ends) == 1 and len(self.results) >= self.sharing else None


class Recognition(msgspec.Struct, frozen=True, kw_only=True):
    """The comparison. Sums are per scheme, in lower case, and never over two schemes."""

    lines: tuple[Line, ...]  # in the order of the agreement's tables
    not_agreed: tuple[CourseResult, ...]  # what no line of the agreement bears the name of
    studied: Mapping[str, Decimal]  # of the tables of what is done abroad
    studied_passed: Mapping[str, Decimal]  # of these, with a passed course beside them
    promised: Mapping[str, Decimal]
    automatic: Mapping[str, Decimal]  # of the promised, without conditions
    promised_passed: Mapping[str, Decimal]  # of the promised, with a passed course beside them
    gained: Mapping[str, Decimal]  # all that the transcript shows as passed, in its own credits


def recognition(mobility: Mobility) -> Recognition | None:
    """Compare agreement and transcript; None where neither is there."""
    agreement = agreement_of(mobility)
    transcript = mobility.transcript.value if mobility.transcript else None
    return compare(agreement, transcript) if agreement or transcript else None


def compare(agreement: LearningAgreement | None, transcript: Transcript | None) -> Recognition:
    """Put what is in force of an agreement beside a transcript."""
    components = effective_components(agreement) if agreement else ()
    found = _Courses(transcript)
    lines = tuple(_lines(components, found))
    abroad = [each for each in lines if each.component.table in ABROAD]
    promises = [each for each in lines if each.is_promise]
    beside = {id(course) for line in lines for course in line.results}
    return Recognition(
        lines=lines,
        not_agreed=tuple(_left(transcript.courses, beside)) if transcript else (),
        studied=_sum(abroad),
        studied_passed=_sum(_passed(abroad)),
        promised=_sum(promises),
        automatic=_sum(each for each in promises if each.is_automatic),
        promised_passed=_sum(_passed(promises)),
        gained=credits_gained(transcript) if transcript else {},
    )


def outcome(transcript: Transcript | None) -> Outcome | None:
    """Return ELMO's word; None where there is none, or one that ELMO does not have."""
    said = " ".join((transcript.recognition or "").lower().split()) if transcript else ""
    return next((each for each in Outcome if each.lower() == said), None)


def is_recognised(mobility: Mobility) -> bool | None:
    """Whether home says that it has recognised the stay; None where EWP does not carry that."""
    nomination = nomination_of(mobility)
    if nomination is None or is_new_family(nomination):
        return None
    return nomination.status is NominationStatus.RECOGNIZED


_Name = tuple[MatchedBy, Hashable]


class _Courses:
    """A transcript's courses and modules by each of their names."""

    def __init__(self, transcript: Transcript | None) -> None:
        self.named: dict[_Name, list[CourseResult]] = {}
        for course in _all(transcript.courses) if transcript else ():
            for name in _names_of_course(course):
                self.named.setdefault(name, []).append(course)

    def named_as(self, component: Component, name: _Name) -> tuple[CourseResult, ...]:
        """Return the courses of that name that no id of the component speaks against."""
        courses = self.named.get(name, [])
        if name[0] not in {MatchedBy.LOS_ID, MatchedBy.LOI_ID}:
            courses = [each for each in courses if not _is_another(component, each)]
        return tuple(courses) if len(courses) <= MOST_SHARING else ()


def _lines(components: tuple[Component, ...], found: _Courses) -> Iterator[Line]:
    hosts = {
        name
        for each in components
        if each.table in ABROAD
        for name in _names(each)
        if name[0] is not MatchedBy.TITLE
    }
    bearing: dict[tuple[ComponentList, _Name], int] = {}
    for each in components:
        for name in _names(each):
            bearing[each.table, name] = bearing.get((each.table, name), 0) + 1
    for each in components:
        yield next(
            (
                Line(component=each, results=results, matched_by=name[0], sharing=sharing)
                for name in _names(each)
                # Home's own ids and codes are unique at home alone: the host may use the same.
                if each.table in ABROAD or name[0] is MatchedBy.TITLE or name in hosts
                if (sharing := bearing[each.table, name]) <= MOST_SHARING
                if (results := found.named_as(each, name))
            ),
            Line(component=each),
        )


def _names(component: Component) -> Iterator[_Name]:
    """Yield what a component is called, the surest first."""
    if component.loi_id:
        yield MatchedBy.LOI_ID, component.loi_id
    if component.los_id:
        yield MatchedBy.LOS_ID, component.los_id
    if code := plain(component.los_code or ""):
        yield MatchedBy.LOS_CODE, code
    if title := plain(component.title):
        yield MatchedBy.TITLE, title


def _names_of_course(course: CourseResult) -> Iterator[_Name]:
    if course.loi_id:
        yield MatchedBy.LOI_ID, course.loi_id
    if course.los_id:
        yield MatchedBy.LOS_ID, course.los_id
    if code := plain(course.code or ""):
        yield MatchedBy.LOS_CODE, code
    for title in {plain(each) for each in (course.title, *course.other_titles)} - {""}:
        yield MatchedBy.TITLE, title


def _is_another(component: Component, course: CourseResult) -> bool:
    """Whether the host's own ids say that a course of the same name is another one."""
    ours, theirs = component.los_id, course.los_id
    return component.table in ABROAD and bool(ours and theirs) and ours != theirs


def plain(text: str) -> str:
    """Return a title or code as it is compared: without case, brackets, dashes and odd blanks."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = (c for c in folded if unicodedata.category(c) != "Cf")  # soft hyphens, joiners
    return " ".join("".join(" " if _is_beside_the_point(c) else c for c in kept).split())


def _is_beside_the_point(character: str) -> bool:
    return character in "_.,:;'\"" or unicodedata.category(character) in _BESIDE


_BESIDE = frozenset({"Pd", "Ps", "Pe", "Pi", "Pf", "Cc"})  # C, C++ and C# stay three courses


def _all(courses: Iterable[CourseResult]) -> Iterator[CourseResult]:
    for each in courses:
        yield each
        yield from _all(each.parts)


def _left(courses: Iterable[CourseResult], beside: set[int]) -> Iterator[CourseResult]:
    """Yield the courses that stand for themselves and that no line, or one's module, has."""
    for each in courses:
        if id(each) in beside:
            continue
        if each.parts:
            yield from _left(each.parts, beside)
        else:
            yield each


def _passed(lines: Iterable[Line]) -> Iterator[Line]:
    return (each for each in lines if each.status is ResultStatus.PASSED)


def _sum(lines: Iterable[Line]) -> dict[str, Decimal]:
    return per_scheme(each.component.credits for each in lines)
