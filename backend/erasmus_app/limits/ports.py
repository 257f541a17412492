"""What keeping the rules wishes for."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol
from uuid import UUID

from erasmus_app.limits.rules import Away, Rule

Who = str | UUID
"""Who is counted; hashed before it is kept anywhere but in memory."""


class Charge(NamedTuple):
    """A debt to be looked at, or added to."""

    rule: Rule
    who: Who
    cost: float  # seconds


def is_closed(charges: Sequence[Charge]) -> bool:
    """Whether one of them is refused where nobody can count: who is can wait for longer."""
    return any(each.rule.away is Away.CLOSED for each in charges)


class Counts(Protocol):
    """Debts that all processes share, in seconds; may be lost, and pay themselves off.

    Each call is one round trip, raises EngineFailed, and takes no longer than a moment to do so.
    """

    async def take(self, charges: Sequence[Charge]) -> list[float]:
        """Add to all of them, or to none where one would owe more than its rule's `seconds`.

        Returns how long each would have to wait; 0 for each where all were added to.
        """

    async def look(self, charges: Sequence[Charge]) -> list[float]:
        """Return how long each would have to wait."""

    async def add(self, charges: Sequence[Charge]) -> list[float]:
        """Add to all of them, whatever they owe, and return what each owes now.

        Nobody owes more than twice the `seconds` of the rule: what is owed, has to be waited for.
        """
