"""Who may have what: the words in which GraphQL fields and routes say it, and the deciding.

A rule is one of these words, or several joined by `|`: whoever fits one of them may.
"""

from collections.abc import Awaitable
from enum import Flag, auto
from typing import NamedTuple, Protocol

import structlog

from erasmus_app.errors import Forbidden
from erasmus_app.identity.models import Session
from erasmus_app.identity.roles import Standing
from erasmus_app.ids import AccountId, HeiId

log = structlog.get_logger(__name__)


class Rule(Flag):
    """Who may have a field, or the objects of a type."""

    PUBLIC = auto()  # anybody: nothing of it is about a person
    SIGNED_IN = auto()  # anybody with a session
    OWNER = auto()  # the account that the object belongs to
    COORDINATOR = auto()  # who coordinates for the HEI in whose data the object is
    ADMINISTRATOR = auto()
    PART = auto()  # whoever may have the object that it is a part of

    @property
    def words(self) -> str:
        """The rule as it is written."""
        return " | ".join(each.name or "" for each in self)


PUBLIC, SIGNED_IN, OWNER = Rule.PUBLIC, Rule.SIGNED_IN, Rule.OWNER
COORDINATOR, ADMINISTRATOR, PART = Rule.COORDINATOR, Rule.ADMINISTRATOR, Rule.PART

_EVERYBODY = PUBLIC | SIGNED_IN | PART
_BY_STANDING = COORDINATOR | ADMINISTRATOR


class Whose(NamedTuple):
    """Whose an object is, as its row says; never as somebody asked for it."""

    account_id: AccountId | None
    hei_id: HeiId | None = None  # in whose data it is: the tenant


class Asker(Protocol):
    """Who is asking. Only who needs more than their own has their standing looked up."""

    @property
    def session(self) -> Session:
        """The session that asks."""

    @property
    def refusals(self) -> set[str]:
        """What has been refused to this request: an operation may be run a second time."""

    async def standing(self) -> Standing:
        """Return the standing of the session's account; one read, once per request."""


def admits(rule: Rule, whose: Whose, asker: Asker) -> bool | Awaitable[bool]:
    """Return whether the asker may; awaitable only where the asker's standing decides."""
    if rule & _EVERYBODY:
        return True
    if rule & OWNER and whose.account_id == asker.session.account_id:
        return True
    return _by_standing(rule, whose, asker) if rule & _BY_STANDING else False


async def _by_standing(rule: Rule, whose: Whose, asker: Asker) -> bool:
    standing = await asker.standing()
    if rule & ADMINISTRATOR and standing.is_administrator:
        return True
    # An object in nobody's data is no coordinator's, however many HEIs they coordinate for.
    hei = whose.hei_id
    return bool(rule & COORDINATOR) and hei is not None and standing.coordinates(hei)


async def may_act(rule: Rule, asker: Asker) -> bool:
    """Return whether somebody may call what concerns no single object yet.

    A coordinator of any HEI may; whose the objects are is decided when they are known.
    """
    if rule & (_EVERYBODY | OWNER):
        return True
    standing = await asker.standing()
    return bool(
        (rule & ADMINISTRATOR and standing.is_administrator)
        or (rule & COORDINATOR and standing.coordinated)
    )


def refused(what: str, rule: Rule, asker: Asker) -> Forbidden:
    """Log a refusal, once a request, with nothing of whose object it was; return what is raised."""
    error = Forbidden("That is not yours to have.")
    if what in asker.refusals:
        return error
    asker.refusals.add(what)
    account = asker.session.account_id
    log.warning("access.refused", what=what, rule=rule.words, code=error.code, account_id=account)
    return error
