"""Rules that HEIs have set, for tests."""

from typing import Any
from uuid import UUID

from factories import AT, LINDENTAL, RIBEIRA

from erasmus_app.ids import HeiId
from erasmus_app.mobilities.basis import Annual, Basis, Event, Relative
from erasmus_app.mobilities.days import Offset, Unit
from erasmus_app.mobilities.local_rules import LocalRule, Role, RuleContent, Scope
from erasmus_app.mobilities.rules import DeadlineKind

CALL = "Call for applications"


def after(event: Event, amount: int, unit: Unit = Unit.WEEKS) -> Relative:
    return Relative(event, Offset(amount, unit))


def saying(
    kind: DeadlineKind = DeadlineKind.APPLICATION,
    basis: Basis | None = None,
    *,
    role: Role = Role.OUTGOING,
    **given: Any,
) -> RuleContent:
    """What a rule says; what is no attribute of it is one of its scope."""
    scope = {name: given.pop(name) for name in Scope.__struct_fields__ if name in given}
    return RuleContent(
        kind=kind,
        basis=basis or Annual("--02-15"),
        scope=Scope(role=role, **scope),
        **{"name": CALL} | given,
    )


def a_rule(number: int = 1, *, version: int = 1, ended: bool = False, **given: Any) -> LocalRule:
    """The sending HEI's for outgoing students, the receiving one's for incoming ones."""
    content = saying(**given)
    outgoing = content.scope.role is Role.OUTGOING
    hei: HeiId = RIBEIRA if outgoing else LINDENTAL
    return LocalRule(
        rule_id=UUID(int=number),
        hei_id=hei,
        version=version,
        content=content,
        changed_at=AT,
        is_ended=ended,
    )
