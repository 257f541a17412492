"""Setting and ending the rules of an HEI: strict, in versions, and never over somebody's edit."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID, uuid4

import msgspec

from erasmus_app.ids import AccountId, HeiId
from erasmus_app.kit.clock import Clock
from erasmus_app.mobilities.local_rules import LocalRule, RuleContent, overlap
from erasmus_app.mobilities.rule_checks import Problem, problems

MOST = 500
"""Living rules of one HEI: they are in the memory of every process."""


class Unknown(msgspec.Struct, frozen=True):
    """There is no such rule, or it is not theirs to change."""


class Invalid(msgspec.Struct, frozen=True):
    """A rule cannot be right."""

    problems: tuple[Problem, ...]


class Overlap(msgspec.Struct, frozen=True):
    """Another rule says something else of the same mobilities."""

    other: LocalRule


class Stale(msgspec.Struct, frozen=True):
    """Somebody else has changed the rule meanwhile."""

    current: LocalRule


Refusal = Unknown | Invalid | Overlap | Stale


class Brought(msgspec.Struct, frozen=True):
    """What many rules at once have set."""

    changed: tuple[LocalRule, ...]
    unchanged: int  # were there as they are


class RuleChange(Protocol):
    """One transaction on the rules of one HEI; other writers wait."""

    rules: Sequence[LocalRule]  # the newest version of each, the ended ones as well

    async def append(self, rule: LocalRule) -> None:
        """Write a version, and have what it is for looked at again."""


class RuleStore(Protocol):
    """Where rules are kept."""

    def change(self, hei: HeiId) -> AbstractAsyncContextManager[RuleChange]:
        """Open a transaction on an HEI's rules; it commits on leaving without error."""

    async def rule(self, rule_id: UUID) -> LocalRule | None:
        """Return the newest version of a rule."""

    async def history(self, hei: HeiId) -> list[LocalRule]:
        """Return every version of an HEI's rules, the newest of each first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleService:
    """What coordinators and operators do with rules."""

    store: RuleStore
    clock: Clock

    async def set_new(
        self, hei: HeiId, content: RuleContent, by: AccountId | None
    ) -> LocalRule | Refusal:
        """Set a rule that was not there."""
        if found := tuple(problems(content)):
            return Invalid(found)
        async with self.store.change(hei) as change:
            if other := _overlapping(content, change.rules, None):
                return Overlap(other)
            if _are_too_many(change.rules, 1):
                return _TOO_MANY
            rule = LocalRule(
                rule_id=uuid4(),
                hei_id=hei,
                version=1,
                content=content,
                changed_at=self.clock(),
                changed_by=by,
            )
            await change.append(rule)
            return rule

    async def set_again(
        self,
        rule_id: UUID,
        content: RuleContent | None,
        expected_version: int,
        by: AccountId | None,
        may: Callable[[HeiId], bool],
    ) -> LocalRule | Refusal:
        """Set the next version of a rule; None ends it.

        `may` says whose rules are theirs to change; it is asked about the HEI of the rule's row.
        """
        known = await self.store.rule(rule_id)
        if known is None or not may(known.hei_id):
            return Unknown()
        if content is not None and (found := tuple(problems(content))):
            return Invalid(found)
        async with self.store.change(known.hei_id) as change:
            current = next(each for each in change.rules if each.rule_id == rule_id)
            if current.version != expected_version or current.is_ended:
                return Stale(current)
            if content is not None:
                if fixed := tuple(_fixed(current.content, content)):
                    return Invalid(fixed)
                if other := _overlapping(content, change.rules, rule_id):
                    return Overlap(other)
            rule = LocalRule(
                rule_id=rule_id,
                hei_id=known.hei_id,
                version=current.version + 1,
                content=content or current.content,
                changed_at=self.clock(),
                changed_by=by,
                is_ended=content is None,
            )
            await change.append(rule)
            return rule

    async def bring(
        self, hei: HeiId, contents: Sequence[RuleContent]
    ) -> Brought | list[tuple[int, Refusal]]:
        """Set many rules at once, all or none; one that is for the same gets a next version.

        Returns what was set, or, by place, what is wrong.
        """
        if wrong := wrong_in(contents):
            return wrong
        async with self.store.change(hei) as change:
            changed: dict[int, LocalRule] = {}  # by place
            for place, content in enumerate(contents):
                same = [e for e in change.rules if not e.is_ended and overlap(e.content, content)]
                if len(same) > 1:
                    wrong.append((place, Overlap(same[0])))
                elif not same or same[0].content != content:
                    changed[place] = LocalRule(
                        rule_id=same[0].rule_id if same else uuid4(),
                        hei_id=hei,
                        version=same[0].version + 1 if same else 1,
                        content=content,
                        changed_at=self.clock(),
                    )
            # Two may not take the same rule's place: one of them would not count.
            taken = [each.rule_id for each in changed.values()]
            wrong += [
                (place, Overlap(each))
                for place, each in changed.items()
                if taken.count(each.rule_id) > 1
            ]
            if _are_too_many(change.rules, sum(each.version == 1 for each in changed.values())):
                wrong.append((len(contents) - 1, _TOO_MANY))
            if wrong:
                return wrong
            for each in changed.values():
                await change.append(each)
        return Brought(tuple(changed.values()), len(contents) - len(changed))


def wrong_in(contents: Sequence[RuleContent]) -> list[tuple[int, Refusal]]:
    """Return by place what cannot be right among rules that come together."""
    wrong: list[tuple[int, Refusal]] = []
    for place, content in enumerate(contents):
        if found := tuple(problems(content)):
            wrong.append((place, Invalid(found)))
        elif any(overlap(content, other) for other in contents[:place]):
            doubled = Problem("kind", "overlap", "another rule of the file is for the same")
            wrong.append((place, Invalid((doubled,))))
    return wrong


_TOO_MANY = Invalid((Problem("heiId", "too_many", f"has {MOST} rules; end some first"),))


def _are_too_many(rules: Sequence[LocalRule], more: int) -> bool:
    return more > 0 and sum(not each.is_ended for each in rules) + more > MOST


def _overlapping(
    content: RuleContent, rules: Sequence[LocalRule], but: UUID | None
) -> LocalRule | None:
    return next(
        (
            each
            for each in rules
            if not each.is_ended and each.rule_id != but and overlap(each.content, content)
        ),
        None,
    )


def _fixed(was: RuleContent, now: RuleContent) -> list[Problem]:
    """Return what another version cannot change: it would be another rule."""
    return [
        Problem(field, "fixed", "stays as it is; end the rule and set another")
        for field, before, after in (
            ("kind", was.kind, now.kind),
            ("direction", was.scope.role, now.scope.role),
        )
        if before is not after
    ]
