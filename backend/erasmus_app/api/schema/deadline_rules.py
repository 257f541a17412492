"""Rules of deadlines, as the coordinators of a university set them: in versions."""

from collections.abc import Callable
from datetime import date, datetime
from itertools import groupby
from typing import Annotated

import strawberry

from erasmus_app.api.context import Info
from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import COORDINATOR, PART, Whose
from erasmus_app.api.schema.deadlines import DeadlineBasis, DeadlineScope, Direction
from erasmus_app.api.schema.ids import global_id, uuid_of
from erasmus_app.api.schema.institutions import Institution, institution
from erasmus_app.errors import RuleInvalid
from erasmus_app.ids import HeiId
from erasmus_app.institutions.models import Term
from erasmus_app.mobilities import rule_service
from erasmus_app.mobilities.basis import Event
from erasmus_app.mobilities.days import Unit
from erasmus_app.mobilities.local_rules import LocalRule, Role, RuleContent
from erasmus_app.mobilities.rule_checks import Written, content_of
from erasmus_app.mobilities.rules import DeadlineKind


@access.rule(PART)
@strawberry.type(description="What a rule said, and since when.")
class DeadlineRuleVersion:
    """A version of a rule."""

    version: int = strawberry.field(description="From 1, each change one more.")
    is_ended: bool = strawberry.field(description="Whether it says that the rule is no more.")
    changed_at: datetime = strawberry.field(description="When it was set, UTC.")
    changed_by: str | None = strawberry.field(
        description="The account that set it, by number; null for an operator, and once it is "
        "erased. `changedByMe` tells one's own."
    )
    changed_by_me: bool = strawberry.field(description="Whether it is who asks that set it.")
    name: str = strawberry.field(description="What it is called, as students read it.")
    url: str | None = strawberry.field(description="Where it is written.")
    time: str | None = strawberry.field(description="Of the last day, `HH:MM` in `zone`.")
    zone: str | None = strawberry.field(
        description="The IANA zone whose day it is; null: the student's own."
    )
    basis: DeadlineBasis = strawberry.field(description="How the day is set.")
    applies_to: DeadlineScope = strawberry.field(description="Which mobilities it is for.")

    @classmethod
    def of(cls, rule: LocalRule, info: Info) -> "DeadlineRuleVersion":
        """Make it from ours."""
        content = rule.content
        return cls(
            version=rule.version,
            is_ended=rule.is_ended,
            changed_at=rule.changed_at,
            changed_by=str(rule.changed_by) if rule.changed_by else None,
            changed_by_me=rule.changed_by == info.context.session.account_id,
            name=content.name,
            url=content.url,
            time=f"{content.at:%H:%M}" if content.at else None,
            zone=content.zone,
            basis=DeadlineBasis.of(content.basis),
            applies_to=DeadlineScope.of(content.scope),
        )


@access.rule(COORDINATOR)
@strawberry.type(description="A rule of deadlines that a university has set.")
class DeadlineRule:
    """A rule, with what it says now and what it said."""

    whose: strawberry.Private[Whose]
    versions: strawberry.Private[list[LocalRule]]  # the newest first; more are read when asked for
    id: strawberry.ID = strawberry.field(description="Opaque; the same for all versions.")
    institution: Institution = strawberry.field(description="Whose rule it is.")
    kind: DeadlineKind = strawberry.field(description="What is due.")
    direction: Direction = strawberry.field(
        description="OUTGOING: of students whom it sends; INCOMING: of those whom it receives."
    )
    version: int = strawberry.field(
        description="The newest version: what a change gives as `expectedVersion`."
    )
    is_ended: bool = strawberry.field(description="Whether it is no more.")

    @classmethod
    def of(cls, versions: list[LocalRule]) -> "DeadlineRule":
        """Make it from versions of ours, the newest first."""
        newest = versions[0]
        role = newest.content.scope.role
        assert role is not None  # none is set without
        return cls(
            whose=Whose(None, newest.hei_id),
            versions=versions,
            id=global_id("DeadlineRule", newest.rule_id),
            institution=institution(newest.hei_id),
            kind=newest.content.kind,
            direction=Direction(role.value),
            version=newest.version,
            is_ended=newest.is_ended,
        )

    @access.field(COORDINATOR, description="What it says now, or said last.")
    def current(self, info: Info) -> DeadlineRuleVersion:
        """Return the newest version."""
        return DeadlineRuleVersion.of(self.versions[0], info)

    @access.field(COORDINATOR, description="Every version, the newest first.")
    async def history(self, info: Info) -> list[DeadlineRuleVersion]:
        """Return them."""
        versions, newest = self.versions, self.versions[0]
        if len(versions) < newest.version:
            store = info.context.services.rule_service.store
            versions = [
                e for e in await store.history(newest.hei_id) if e.rule_id == newest.rule_id
            ]
        return [DeadlineRuleVersion.of(each, info) for each in versions]


@access.rule(PART)
@strawberry.type(description="The rule cannot be right.")
class DeadlineRuleInvalid:
    """A refusal that we foresee."""

    field: str = strawberry.field(description="Of the input: `url`, `monthDay`, `offset`, ...")
    code: str = strawberry.field(
        description="Stable: `text_invalid`, `url_invalid`, `basis_invalid`, `day_invalid`, "
        "`offset_invalid`, `event_invalid`, `time_invalid`, `zone_unknown`, `zone_missing`, "
        "`activity_invalid`, `validity_invalid`, `fixed`, `too_many`, `rule_unknown`."
    )
    reason: str = strawberry.field(description="What is wrong, in English.")


@access.rule(PART)
@strawberry.type(description="Another rule is for the same mobilities, at the same time.")
class DeadlineRuleOverlaps:
    """A refusal that we foresee."""

    other: DeadlineRule = strawberry.field(description="End it, or change it.")


@access.rule(PART)
@strawberry.type(description="Somebody else has changed the rule meanwhile: nothing was written.")
class DeadlineRuleStale:
    """A refusal that we foresee."""

    current: DeadlineRule = strawberry.field(description="The rule as it is now.")


DeadlineRuleResult = Annotated[
    DeadlineRule | DeadlineRuleInvalid | DeadlineRuleOverlaps | DeadlineRuleStale,
    strawberry.union("DeadlineRuleResult", description="The rule as it is now, or why not."),
]


@strawberry.input(
    description="A rule, or its next version. Its day is one of `on`, `monthDay`, and `event` with "
    "`offset` and `unit`."
)
class DeadlineRuleInput:
    """What a coordinator writes."""

    hei_id: str = strawberry.field(description="Whose rule it is; of a version, whose it was.")
    id: strawberry.ID | None = strawberry.field(
        default=None, description="The rule that is changed; null sets a new one."
    )
    expected_version: int | None = strawberry.field(
        default=None, description="The version that was read; needed with `id`."
    )
    kind: DeadlineKind = strawberry.field(description="What is due; stays.")
    direction: Direction = strawberry.field(description="Of whom; stays.")
    activity_type: str | None = strawberry.field(
        default=None, description="`student-studies` or `student-traineeships`; null: both."
    )
    term: Term | None = strawberry.field(default=None, description="Null: both.")
    first_year: str | None = strawberry.field(
        default=None,
        description="`YYYY/YYYY` of the receiving university. Years or days, not both.",
    )
    last_year: str | None = strawberry.field(default=None, description="`YYYY/YYYY`.")
    first_day: date | None = strawberry.field(
        default=None, description="The first day that the deadline may fall on."
    )
    last_day: date | None = strawberry.field(default=None, description="The last.")
    on: date | None = strawberry.field(default=None, description="A day, once.")
    month_day: str | None = strawberry.field(
        default=None, description="`--MM-DD`, each year; --02-29 is the 28th in most."
    )
    event: Event | None = strawberry.field(default=None, description="What it is counted from.")
    offset: int | None = strawberry.field(
        default=None, description="How many units after it, or before it; within two years."
    )
    unit: Unit | None = strawberry.field(default=None, description="What `offset` counts.")
    time: str | None = strawberry.field(
        default=None, description="`HH:MM` of the last day; needs `zone`."
    )
    zone: str | None = strawberry.field(default=None, description="IANA.")
    name: str = strawberry.field(description="As students read it; at most 200 characters.")
    url: str | None = strawberry.field(default=None, description="https.")

    def content(self) -> RuleContent:
        """Return what it says. Raises RuleInvalid."""
        return content_of(
            Written(
                kind=self.kind,
                direction=Role(self.direction.value),
                name=self.name,
                **{each: getattr(self, each) for each in _AS_WRITTEN},
            )
        )


_AS_WRITTEN = (
    *("activity_type", "term", "first_year", "last_year", "first_day", "last_day"),
    *("on", "month_day", "event", "offset", "unit", "time", "zone", "url"),
)


@strawberry.type
class DeadlineRulesOfOffice:
    """What an office tells of its university's rules."""

    @access.field(
        COORDINATOR,
        description="The rules of deadlines that it has set, the ended ones as well.",
    )
    async def deadline_rules(self, info: Info) -> list[DeadlineRule]:
        """Read them, with all versions, at once."""
        whose: Whose = self.whose  # type: ignore[attr-defined]  # the office's
        assert whose.hei_id is not None
        found = await info.context.services.rule_service.store.history(whose.hei_id)
        rules = [list(each) for _, each in groupby(found, key=lambda rule: rule.rule_id)]
        rules.sort(key=lambda each: (each[0].is_ended, each[0].content.kind, each[-1].changed_at))
        return [DeadlineRule.of(each) for each in rules]


@strawberry.type
class DeadlineRuleMutations:
    """Setting and ending rules."""

    @access.mutation(
        COORDINATOR,
        description="Set a rule of one's university, or its next version; what it said stays in "
        "its history. Students whose days move by it are told.",
    )
    async def set_deadline_rule(self, info: Info, rule: DeadlineRuleInput) -> DeadlineRuleResult:
        """Set it."""
        try:
            content = rule.content()
        except RuleInvalid as error:
            return DeadlineRuleInvalid(field=error.field, code=error.code, reason=str(error))
        service, account = info.context.services.rule_service, info.context.session.account_id
        may = (await info.context.standing()).coordinates
        if rule.id is None:
            hei = HeiId(rule.hei_id)
            if not may(hei):
                return _answered(rule_service.Unknown())
            return _answered(await service.set_new(hei, content, account))

        def may_this(hei: HeiId) -> bool:
            return hei == rule.hei_id and may(hei)

        return await _again(info, rule.id, content, rule.expected_version or 0, may_this)

    @access.mutation(
        COORDINATOR,
        description="End a rule of one's university: it counts no more from now on.",
    )
    async def end_deadline_rule(
        self, info: Info, id: strawberry.ID, expected_version: int
    ) -> DeadlineRuleResult:
        """End it."""
        may = (await info.context.standing()).coordinates
        return await _again(info, id, None, expected_version, may)


async def _again(
    info: Info,
    id: str,
    content: RuleContent | None,
    expected: int,
    may: Callable[[HeiId], bool],
) -> DeadlineRuleResult:
    rule_id, account = uuid_of(id, "DeadlineRule"), info.context.session.account_id
    if rule_id is None:
        return _answered(rule_service.Unknown())
    service = info.context.services.rule_service
    return _answered(await service.set_again(rule_id, content, expected, account, may))


def _answered(outcome: LocalRule | rule_service.Refusal) -> DeadlineRuleResult:
    match outcome:
        case LocalRule():
            return DeadlineRule.of([outcome])
        case rule_service.Overlap(other):
            return DeadlineRuleOverlaps(other=DeadlineRule.of([other]))
        case rule_service.Stale(current):
            return DeadlineRuleStale(current=DeadlineRule.of([current]))
        case rule_service.Invalid(problems):
            field, code, reason = problems[0]
            return DeadlineRuleInvalid(field=field, code=code, reason=reason)
    return DeadlineRuleInvalid(
        field="id", code="rule_unknown", reason="there is no such rule that is yours to change"
    )
