"""The rules: how much of what there may be, for whom, and what holds while Valkey is away.

Each is a debt that time pays off (GCRA): `most` at once, and `most` in `seconds` from then on. So
there is no moment at which a window ends and everybody may come again.

What students and partners do when all is well stays far below every figure; who meets one is a
program that has gone wild, or somebody who tries. Addresses are counted for what nobody signed and
for what failed, never for signed-in reading: a dormitory of 5,000 has one address. How each figure
was found: docs/operations/running.md, «Limits».
"""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum

import msgspec

from erasmus_app.errors import SettingsInvalid

EVERYTHING = "everything"  # a name for all rules: to measure without any
LONGEST, LARGEST = 366 * 86_400, 1_000_000_000


class Limit(StrEnum):
    """The rules by name."""

    LOGIN = "login"
    LOGIN_PROVIDER = "login_provider"
    LOGIN_FAILED = "login_failed"
    TOKEN_FAILED = "token_failed"  # noqa: S105 - a name
    TOKEN_CLIENT_FAILED = "token_client_failed"  # noqa: S105
    REFRESH = "refresh"
    AUTHORIZE = "authorize"
    CLAIM = "claim"
    ANONYMOUS = "anonymous"
    READING = "reading"
    READING_SESSION = "reading_session"
    CHANGING = "changing"
    EXPORT = "export"
    ERASURE = "erasure"
    ASK_PARTNERS = "ask_partners"
    ASK_PARTNERS_MOBILITY = "ask_partners_mobility"
    CHAT_MINUTE = "chat_minute"
    CHAT_DAY = "chat_day"
    ASSISTANT = "assistant"
    CALENDAR = "calendar"
    CALENDAR_UNKNOWN = "calendar_unknown"
    MESSENGER = "messenger"
    MESSENGER_FORGED = "messenger_forged"
    FEED = "feed"
    FEED_REFUSED = "feed_refused"
    FEED_REFUSED_NOISY = "feed_refused_noisy"
    FEED_REFUSED_HEI = "feed_refused_hei"
    EWP_NOTICES = "ewp_notices"
    EWP_CALLS = "ewp_calls"
    EWP_UNKNOWN = "ewp_unknown"


class Per(StrEnum):
    """Who has an account of their own under a rule."""

    ADDRESS = "address"  # of IPv6 the /64
    ACCOUNT = "account"
    SESSION = "session"  # a device, a browser, an assistant's token
    PROVIDER = "login provider"
    CLIENT = "client and address"
    MOBILITY = "mobility"
    CALENDAR = "calendar"
    MESSENGER = "messenger"
    HEI = "covered HEI"
    PARTNER = "partner"  # by the key that signed


class Away(StrEnum):
    """What holds while Valkey is away."""

    OPEN = "open"  # each process counts for itself
    CLOSED = "closed"  # nobody gets in


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One of them."""

    name: Limit
    per: Per
    most: int
    seconds: int
    away: Away = Away.OPEN
    code: str = "too_many_requests"  # what the caller is told, stable
    of: str = "requests"

    @property
    def step(self) -> float:
        """How many seconds pay for one."""
        return self.seconds / self.most

    @property
    def policy(self) -> str:
        """The rule as `RateLimit-Policy` says it (draft-ietf-httpapi-ratelimit-headers)."""
        return f'"{self.name}";q={self.most};w={self.seconds}'


MINUTE, TEN_MINUTES, HOUR, DAY = 60, 600, 3600, 86_400


def _open(
    name: Limit, per: Per, most: int, seconds: int, of: str, code: str = "too_many_requests"
) -> Rule:
    return Rule(name=name, per=per, most=most, seconds=seconds, of=of, code=code)


def _closed(name: Limit, per: Per, most: int, seconds: int, of: str) -> Rule:
    return Rule(name=name, per=per, most=most, seconds=seconds, of=of, away=Away.CLOSED)


_LOGINS, _TOKENS = "beginnings and ends of logins", "codes and refresh tokens refused"
_POINTS, _WISHES = "points of cost of GraphQL", "wishes to have partners asked"
_GUESSES, _REFUSED, _ASKED = "tokens refused", "too_many_refusals", "too_many_questions"

_TABLE = (
    _closed(Limit.LOGIN, Per.ADDRESS, 6_000, TEN_MINUTES, _LOGINS),
    _closed(Limit.LOGIN_PROVIDER, Per.PROVIDER, 600_000, TEN_MINUTES, _LOGINS),
    _closed(Limit.LOGIN_FAILED, Per.ADDRESS, 600, TEN_MINUTES, "logins that failed"),
    _closed(Limit.TOKEN_FAILED, Per.ADDRESS, 6_000, TEN_MINUTES, _TOKENS),
    _closed(Limit.TOKEN_CLIENT_FAILED, Per.CLIENT, 600, TEN_MINUTES, _TOKENS),
    _closed(Limit.REFRESH, Per.SESSION, 60, TEN_MINUTES, "refreshed tokens"),
    _closed(Limit.AUTHORIZE, Per.ACCOUNT, 120, TEN_MINUTES, "consent pages and answers"),
    _closed(Limit.CLAIM, Per.ACCOUNT, 30, HOUR, "claims, joined logins"),
    _open(Limit.ANONYMOUS, Per.ADDRESS, 6_000, MINUTE, "requests that nobody signed"),
    _open(Limit.READING, Per.ACCOUNT, 60_000, MINUTE, _POINTS),
    _open(Limit.READING_SESSION, Per.SESSION, 40_000, MINUTE, _POINTS),
    _open(Limit.CHANGING, Per.ACCOUNT, 240, MINUTE, "mutations"),
    _open(Limit.EXPORT, Per.ACCOUNT, 10, DAY, "archives asked for"),
    _open(Limit.ERASURE, Per.ACCOUNT, 10, DAY, "wishes to be forgotten, and taking them back"),
    _closed(Limit.ASK_PARTNERS, Per.ACCOUNT, 10, HOUR, _WISHES),
    _closed(Limit.ASK_PARTNERS_MOBILITY, Per.MOBILITY, 1, MINUTE, _WISHES),
    _open(Limit.CHAT_MINUTE, Per.ACCOUNT, 20, MINUTE, "questions", _ASKED),
    _open(Limit.CHAT_DAY, Per.ACCOUNT, 500, DAY, "questions", _ASKED),
    _open(Limit.ASSISTANT, Per.SESSION, 120, MINUTE, "calls of an assistant"),
    _open(Limit.CALENDAR, Per.CALENDAR, 60, HOUR, "fetches"),
    _open(Limit.CALENDAR_UNKNOWN, Per.ADDRESS, 600, TEN_MINUTES, "calendars there are not"),
    _open(Limit.MESSENGER, Per.MESSENGER, 12_000, MINUTE, "requests"),
    _open(Limit.MESSENGER_FORGED, Per.ADDRESS, 60, MINUTE, "requests with a wrong signature"),
    _open(Limit.FEED, Per.HEI, 3_000, MINUTE, "documents"),
    _open(Limit.FEED_REFUSED, Per.ADDRESS, 20, TEN_MINUTES, _GUESSES, _REFUSED),
    _open(Limit.FEED_REFUSED_NOISY, Per.ADDRESS, 1, TEN_MINUTES, _GUESSES, _REFUSED),
    _open(Limit.FEED_REFUSED_HEI, Per.HEI, 200, TEN_MINUTES, _GUESSES, _REFUSED),
    _open(Limit.EWP_NOTICES, Per.PARTNER, 180_000, MINUTE, "change notifications"),
    _open(Limit.EWP_CALLS, Per.PARTNER, 30_000, MINUTE, "other calls"),
    _open(Limit.EWP_UNKNOWN, Per.ADDRESS, 6_000, MINUTE, "calls of nobody known"),
)
RULES: Mapping[Limit, Rule] = {each.name: each for each in _TABLE}

_GIVEN = re.compile(r"([a-z_]+)\s*=\s*(?:(off)|([0-9]+)\s*/\s*([0-9]+)(?:\s+(open|closed))?)")


def load_rules(given: Iterable[str]) -> dict[Limit, Rule]:
    """Return the rules with what an operator has set: `name=MOST/SECONDS`, `name=off`.

    A rule that is off is not there.

    Raises:
        SettingsInvalid: there is no such rule, or it says no such thing.
    """
    found = dict(RULES)
    for text in given:
        match = _GIVEN.fullmatch(text.strip())
        name = text.partition("=")[0].strip()
        if name != EVERYTHING and name not in RULES:
            raise SettingsInvalid(f"ERASMUS_APP_LIMITS: {name!r}: there is no such limit")
        if match is None or (name == EVERYTHING and match[2] is None):
            raise SettingsInvalid(
                f"ERASMUS_APP_LIMITS: {text!r}: wants name=MOST/SECONDS, as anonymous=600/60, with "
                "open or closed behind it where that is to change, or name=off"
            )
        if name == EVERYTHING:
            found.clear()
            continue
        limit = Limit(name)
        if match[2] is not None:
            found.pop(limit, None)
            continue
        most, seconds = int(match[3][:20]), int(match[4][:20])
        if not (0 < most <= LARGEST and 0 < seconds <= LONGEST):
            raise SettingsInvalid(
                f"ERASMUS_APP_LIMITS: {text!r}: wants 1 to {LARGEST} in 1 to {LONGEST} seconds"
            )
        rule = RULES[limit]
        away = rule.away if match[5] is None else Away(match[5])
        found[limit] = msgspec.structs.replace(rule, most=most, seconds=seconds, away=away)
    return found
