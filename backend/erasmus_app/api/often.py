"""How often one may: what an operation is counted under, and how a refusal is answered.

What is read is counted by its cost, of the account and of the session (a device, a browser), here
and without a round trip; each mutation as one, and the few that are dear under a rule of their own.
"""

from collections.abc import Mapping

from erasmus_app.api.limits import Inspected
from erasmus_app.api.requests import Refused, extensions
from erasmus_app.errors import ComeAgain, LimitsAway, TooMany
from erasmus_app.identity.models import Session
from erasmus_app.limits.keeping import Left, Limits
from erasmus_app.limits.rules import Limit

DEAR: Mapping[str, Limit] = {
    "claimMobility": Limit.CLAIM,
    "confirmClaim": Limit.CLAIM,
    "beginLinking": Limit.CLAIM,
    "completeLinking": Limit.CLAIM,
    "requestExport": Limit.EXPORT,
    "requestErasure": Limit.ERASURE,
    "cancelErasure": Limit.ERASURE,
}
"""Mutations by name."""
OUTSIDE = frozenset({"beginLinking", "completeLinking"})
"""Mutations that may wait for a login provider."""


def spend(limits: Limits, session: Session, looked: Inspected, word: str) -> Left | None:
    """Count an operation; return what is left of reading. Raises Refused."""
    account, cost = session.account_id, looked.cost or 1
    try:
        limits.spend(Limit.READING_SESSION, session.session_id, cost)
        left = limits.spend(Limit.READING, account, cost)
        if word == "mutation":
            limits.spend(Limit.CHANGING, account, len(looked.changes))
    except (TooMany, LimitsAway) as error:
        raise refused(error) from error
    return left


async def take(limits: Limits, session: Session, looked: Inspected) -> None:
    """Count what is dear of a mutation, for all processes at once. Raises Refused."""
    asked = [(DEAR[each], session.account_id) for each in looked.changes if each in DEAR]
    try:
        for each in asked:  # one by one: a document may claim several
            await limits.take(each)
    except (TooMany, LimitsAway) as error:
        raise refused(error) from error


def refused(error: TooMany | ComeAgain) -> Refused:
    """Return a refusal as an answer of GraphQL's: 429, or 503, of the whole request."""
    told = extensions(error.code) | {"retryAfter": error.after}
    answer = {"errors": [{"message": str(error), "extensions": told}]}
    found = Refused(error.status, error.code, str(error), headers=error.headers)
    found.answer = answer
    return found
