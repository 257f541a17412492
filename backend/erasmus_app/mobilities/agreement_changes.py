"""What changed between two versions of a learning agreement, component by component.

Components have no id of their own (guide §4.5.4), and a changed one is sent as deleted and
inserted. So what went and what came are paired here: by what they are called, else where the one
that came says that it stands for one that went.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

import msgspec

from erasmus_app.mobilities.agreements import effective_components, with_changes
from erasmus_app.mobilities.models import (
    AgreementVersion,
    Component,
    ComponentChange,
    LearningAgreement,
)

SUBSTITUTING = "substituting-deleted"


class ChangeKind(StrEnum):
    """What happened to a component."""

    ADDED = "added"
    REMOVED = "removed"
    REPLACED = "replaced"  # by another
    CHANGED = "changed"  # the same one, with other credits, term or conditions


class AgreementChange(msgspec.Struct, frozen=True, kw_only=True):
    """One change. `before` is None of what was added, `after` of what was removed."""

    kind: ChangeKind
    before: Component | None = None
    after: Component | None = None
    reason_code: str | None = None  # in EWP's words; what went says it before what came
    reason_text: str | None = None


def signed_changes(agreement: LearningAgreement) -> tuple[AgreementChange, ...]:
    """Return what the approved changes made of the first version."""
    first, approved = agreement.first_version, agreement.approved_changes
    if first is None or approved is None:
        return ()
    return changes(first.components, with_changes(first.components, approved), approved)


def proposed_changes(agreement: LearningAgreement) -> tuple[AgreementChange, ...]:
    """Return what an open proposal would make of what is in force; nothing of a first version."""
    first, proposal = agreement.first_version, agreement.changes_proposal
    if first is None or proposal is None:
        return ()
    after = with_changes(first.components, proposal)
    return changes(effective_components(agreement), after, proposal)


def changes(
    before: Sequence[Component], after: Sequence[Component], said: AgreementVersion
) -> tuple[AgreementChange, ...]:
    """Return the changes from one list to another; `said` is the version with the reasons."""
    went, came = _without(before, after), _without(after, before)
    marked = [each for each in said.components if each.change is ComponentChange.DELETED]
    return tuple(
        _change(was, now, [each for each in marked if was and _bare(each) == _bare(was)])
        for was, now in _paired(went, came)
    )


def _paired(
    went: list[Component], came: list[Component]
) -> Iterator[tuple[Component | None, Component | None]]:
    left = list(came)
    unpaired = []
    for each in went:
        same = next((other for other in left if _name(other) == _name(each)), None)
        if same is None:
            unpaired.append(each)
        else:
            left.remove(same)
            yield each, same
    for each in unpaired:
        stands_for = next(
            (o for o in left if o.reason_code == SUBSTITUTING and o.table is each.table), None
        )
        if stands_for is not None:
            left.remove(stands_for)
        yield each, stands_for
    for each in left:
        yield None, each


def _change(
    was: Component | None, now: Component | None, marked: Sequence[Component]
) -> AgreementChange:
    if was is None:
        kind = ChangeKind.ADDED
    elif now is None:
        kind = ChangeKind.REMOVED
    else:
        kind = ChangeKind.CHANGED if _name(was) == _name(now) else ChangeKind.REPLACED
    saying = [each for each in (*marked, now) if each is not None]
    code = next((each.reason_code for each in saying if each.reason_code), None)
    text = next((each.reason_text for each in saying if each.reason_text), None)
    return AgreementChange(kind=kind, before=was, after=now, reason_code=code, reason_text=text)


def _without(components: Iterable[Component], others: Iterable[Component]) -> list[Component]:
    """Return what is not among the others, each as often as it is there more often."""
    there = Counter(_bare(each) for each in others)
    found = []
    for each in components:
        if there[_bare(each)]:
            there[_bare(each)] -= 1
        else:
            found.append(each)
    return found


def _bare(component: Component) -> Component:
    """Return a component without what is said of its change."""
    return msgspec.structs.replace(component, change=None, reason_code=None, reason_text=None)


def _name(component: Component) -> tuple[object, ...]:
    return component.table, component.los_id or component.los_code or component.title
