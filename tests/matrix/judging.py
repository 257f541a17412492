"""What the rules say of who asks and who is asked about, told anew from the words of the rules."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from matrix.people import Person

from erasmus_app.api.access import Rule
from erasmus_app.api.schema.access import Access

Cell = tuple[str, str, str]  # field or route, who asks, who is asked about
ANONYMOUS = "anonymous"
SOMEBODYS = Rule.OWNER | Rule.COORDINATOR | Rule.ADMINISTRATOR


def may(rule: Rule, asker: Person | None, subject: Person) -> bool:
    """Whether a rule lets somebody have what is a student's."""
    if asker is None:
        return Rule.PUBLIC in rule
    return bool(
        rule & (Rule.PUBLIC | Rule.SIGNED_IN)
        or (Rule.OWNER in rule and asker is subject)
        or (Rule.COORDINATOR in rule and asker.coordinates == subject.home)
        or (Rule.ADMINISTRATOR in rule and asker.is_administrator)
    )


def may_on(access: Access, way: Iterable[str], asker: Person | None, subject: Person) -> bool:
    """Whether somebody may have a student's value at the end of a way.

    Each object that is somebody's is judged for itself, its parts and fields with it: among what is
    one's own there may be what a rule gives beyond that.
    """
    allowed = False  # a root has nothing of anybody
    for where in way:
        kind, field_rule = where.partition(".")[0], access.fields[where]
        object_rule = access.objects.get(kind)
        if object_rule is None:
            allowed = may(field_rule, asker, subject)
        elif object_rule & SOMEBODYS:
            allowed = may(object_rule, asker, subject) and may(field_rule, asker, subject)
        elif field_rule & SOMEBODYS:  # a field for few of what all may have
            allowed = may(field_rule, asker, subject)
    return allowed


@dataclass
class Matrix:
    """Which cells were looked at, and what was wrong in them."""

    seen: dict[Cell, int] = field(default_factory=lambda: defaultdict(int))
    wrong: list[str] = field(default_factory=list)

    def looked(self, what: str, asker: Person | None, subject: Person) -> None:
        self.seen[what, asker.key if asker else ANONYMOUS, subject.key] += 1

    def failed(self, what: str, asker: Person | None, subject: Person | None, words: str) -> None:
        who = asker.key if asker else ANONYMOUS
        self.wrong.append(f"{what} asked by {who} of {subject.key if subject else '-'}: {words}")

    def missing(
        self, what: Iterable[str], askers: Iterable[Person | None], students: Iterable[Person]
    ) -> list[Cell]:
        """The cells at which nobody has looked."""
        names = [each.key if each else ANONYMOUS for each in askers]
        every = [(a, b, c.key) for a in what for b in names for c in students]
        return sorted(each for each in every if each not in self.seen)
