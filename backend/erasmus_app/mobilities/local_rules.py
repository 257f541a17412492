"""Rules of deadlines that a covered HEI sets itself: for those it sends, and those it receives.

Values and plain functions; a rule is never changed, a change is its next version.
"""

from collections.abc import Iterable
from datetime import date, datetime, time
from enum import StrEnum
from uuid import UUID

import msgspec

from erasmus_app.ids import AccountId, HeiId
from erasmus_app.institutions.models import Term
from erasmus_app.mobilities.basis import Basis
from erasmus_app.mobilities.models import Mobility
from erasmus_app.mobilities.rules import DeadlineKind
from erasmus_app.mobilities.stays import academic_year, agreement_of, nomination_of, term


class Role(StrEnum):
    """Whose deadlines a rule sets."""

    OUTGOING = "outgoing"  # of students whom the HEI sends
    INCOMING = "incoming"  # of students whom it receives


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Which mobilities something is for; None is all of them.

    Years are the receiving HEI's. Days are those that the deadline itself may fall on.
    """

    role: Role | None = None
    activity_type: str | None = None  # in EWP's words
    term: Term | None = None
    first_year: str | None = None  # `YYYY/YYYY`
    last_year: str | None = None
    first_day: date | None = None
    last_day: date | None = None


class RuleContent(msgspec.Struct, frozen=True, kw_only=True):
    """What one version of a rule says."""

    kind: DeadlineKind
    scope: Scope
    basis: Basis
    name: str  # of the rule or where it is written, as students read it
    url: str | None = None
    at: time | None = None  # of the last day, in `zone`
    zone: str | None = None  # IANA; None: the day as the student's clock has it


class LocalRule(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a rule of one HEI."""

    rule_id: UUID
    hei_id: HeiId  # whose rule it is: the tenant
    version: int
    content: RuleContent
    changed_at: datetime  # UTC
    changed_by: AccountId | None = None  # None: an operator, or an account that was erased
    is_ended: bool = False  # the last version, which says that the rule is no more


class RuleBook(msgspec.Struct, frozen=True, kw_only=True):
    """The newest version of each rule of all covered HEIs, the ended ones as well."""

    revision: int = 0
    by_hei: dict[HeiId, tuple[LocalRule, ...]] = {}

    @classmethod
    def of(cls, rules: Iterable[LocalRule], revision: int) -> "RuleBook":
        """Put rules in order."""
        by_hei: dict[HeiId, tuple[LocalRule, ...]] = {}
        for each in rules:
            by_hei[each.hei_id] = (*by_hei.get(each.hei_id, ()), each)
        return cls(revision=revision, by_hei=by_hei)

    def about(self, mobility: Mobility) -> tuple[LocalRule, ...]:
        """Return the rules of either HEI in its part, whatever else they ask for."""
        if not self.by_hei:
            return ()
        return tuple(
            each
            for hei, role in (
                (mobility.sending_hei_id, Role.OUTGOING),
                (mobility.receiving_hei_id, Role.INCOMING),
            )
            for each in self.by_hei.get(hei, ())
            if each.content.scope.role is role
        )


NO_RULES = RuleBook()


def is_for(rule: LocalRule, mobility: Mobility) -> bool:
    """Whether a living rule is for a mobility of its HEI; its days are seen to with its date."""
    scope = rule.content.scope
    if rule.is_ended or scope.activity_type not in {None, activity(mobility)}:
        return False
    known = term(mobility)
    if scope.term is not None and (known is None or known[0] is not scope.term):
        return False
    year = academic_year(mobility) or ""
    if scope.first_year is not None and year < scope.first_year:
        return False
    return scope.last_year is None or "" < year <= scope.last_year


def holds_on(scope: Scope, day: date) -> bool:
    """Whether a day is within a rule's own."""
    return (scope.first_day or date.min) <= day <= (scope.last_day or date.max)


def activity(mobility: Mobility) -> str | None:
    """Return what the student goes for; learning agreements travel for studies alone."""
    nomination = nomination_of(mobility)
    if nomination is not None:
        return nomination.activity_type
    return "student-studies" if agreement_of(mobility) is not None else None


def is_narrower(one: Scope, other: Scope) -> bool:
    """Whether one scope is a special case of another of the same HEI and part."""
    named = [(one.activity_type, other.activity_type), (one.term, other.term)]
    return all(theirs in {None, ours} for ours, theirs in named) and any(
        ours is not None and theirs is None for ours, theirs in named
    )


def overlap(one: RuleContent, other: RuleContent) -> bool:
    """Whether two rules of an HEI would say two things of the same mobilities."""
    key, its = one.scope, other.scope
    if one.kind is not other.kind or (key.role, key.activity_type, key.term) != (
        its.role,
        its.activity_type,
        its.term,
    ):
        return False
    if key.first_year or key.last_year or its.first_year or its.last_year:
        ours, theirs = _years(key), _years(its)
        if _by_days(key) or _by_days(its):  # the days of a year's stays lie in two calendar years
            return True
        return ours[0] <= theirs[1] and theirs[0] <= ours[1]
    return (key.first_day or date.min) <= (its.last_day or date.max) and (
        its.first_day or date.min
    ) <= (key.last_day or date.max)


def _years(scope: Scope) -> tuple[str, str]:
    return scope.first_year or "", scope.last_year or "9999/9999"


def _by_days(scope: Scope) -> bool:
    return scope.first_day is not None or scope.last_day is not None
