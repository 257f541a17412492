"""What can go wrong in the application; the edges read `code` and `status`.

AppError
├── SettingsInvalid     a setting's name or value; the start stops with its message
├── EngineFailed        PostgreSQL or Valkey could not be started or reached
├── Unavailable         an engine is gone, full or read-only just now: 503; says when to try again
├── DataKeyMissing      personal data is sealed with a key that was not given
├── SealBroken          a sealed value is not what was sealed for its row
├── PartnerFailed       a partner's answer brought nothing; carries the toolkit's code
├── PartnerBusy         enough calls to its host are under way; nothing was asked
├── MailFailed          a mail that was not taken; `retry` says whether another time may do
├── FeedRefused         what an HEI's system gives us, and we do not take: 4xx; nothing is kept
├── MessengerRefused    a request that is not a messenger's own, or cannot be read: 4xx
├── ProposalNotCurrent  a decision about a proposal that is not to be decided (any more): 409
├── LoginFailed         the login cannot go on: 400 by default, `code` says why
├── ClaimRefused        a mobility that somebody may not claim, or not now; `code` says why
├── AddressRefused      an address that is not mailed to, or a code that is not its; `code` says why
├── RuleInvalid         a rule of deadlines that says no day, or several; names the field
├── RuleFileInvalid     a file of rules that cannot be read; the message says where
├── TooMany             somebody has come as often as one may: 429; says when they may again
├── LimitsAway          what is not done while nobody counts: 503; says when to try again
├── NotSignedIn         no session, or one that is over: 401
├── Forbidden           signed in, and not the caller's to have: 403
├── ScopeLacking        an assistant that was not allowed what it wants: 403; names the scope
├── RequestInvalid      a request's body that is not what it must be: 400; names the field
├── LoginTooOld         the session is too old for what is asked: 403; sign in anew
├── MessageUnknown      to read on after: unknown, gone, or not the caller's: 404
└── NotFound            unknown, or not the caller's: 404
"""

from http import HTTPStatus
from typing import NamedTuple


class Misfit(NamedTuple):
    """The fingerprint of an answer that does not fit; never its content."""

    sha256: bytes
    size: int  # bytes
    reason: str  # names the element and the rule


class AppError(Exception):
    """The root of the tree; `code` is stable, `status` is an HTTP status."""

    code = "internal_error"
    status: int = HTTPStatus.INTERNAL_SERVER_ERROR


class SettingsInvalid(AppError):
    """One line that names the setting and what is wrong with it."""

    code = "settings_invalid"


class EngineFailed(AppError):
    """PostgreSQL or Valkey could not be started or reached; says what to look at."""

    code = "engine_failed"
    status: int = HTTPStatus.SERVICE_UNAVAILABLE


class Unavailable(AppError):
    """An engine is gone, full or read-only just now; `reason` is stable, for logs and machines.

    One may ask again in `after` seconds. The message is for whoever asked, and names no engine.
    """

    code = "unavailable"
    status: int = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, reason: str, message: str, *, after: int = 5) -> None:
        super().__init__(f"{message}. Please try again in a moment.")
        self.reason = reason
        self.after = after


class DataKeyMissing(AppError):
    """Personal data is sealed with a key that was not given; the data is as it was."""

    code = "data_key_missing"


class SealBroken(AppError):
    """A value is not what was sealed for its row: changed, moved, or never sealed."""

    code = "seal_broken"


class PartnerFailed(AppError):
    """A partner's answer brought nothing we may use.

    `code` is the toolkit's (`partner_unreachable`, `reply_invalid`, ...), `retry` says whether the
    same call may succeed later without anybody's doing, `after` in how many seconds at the
    earliest where that is known. `misfit` is the fingerprint of an answer that did not parse or
    did not fit. `how` is what there was in place of an answer, in our own words: for logs.
    """

    status = HTTPStatus.BAD_GATEWAY

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retry: bool,
        after: float | None = None,
        misfit: Misfit | None = None,
        how: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retry = retry
        self.after = after
        self.misfit = misfit
        self.how = how


class PartnerBusy(AppError):
    """Enough calls to the partner's host are under way; come again in `after` seconds."""

    code = "partner_busy"
    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, after: float) -> None:
        super().__init__(f"come again in {after:.1f} s")
        self.after = after


class MailFailed(AppError):
    """A mail that was not taken. `code` says why, and nothing of whom it was for."""

    status = HTTPStatus.BAD_GATEWAY

    def __init__(self, code: str, *, retry: bool) -> None:
        super().__init__(code)
        self.code = code
        self.retry = retry


class FeedRefused(AppError):
    """What an HEI's own system gives us, and we do not take. Nothing of it is kept.

    `code` names the rule; `item` is the number of the object that breaks it, counted from 1 among
    those of its kind; `after` in how many seconds one may come again, where that is known. The
    message never repeats what the document says.
    """

    status: int = HTTPStatus.BAD_REQUEST

    def __init__(
        self,
        code: str,
        message: str,
        *,
        item: int | None = None,
        status: int = HTTPStatus.BAD_REQUEST,
        after: int | None = None,
    ) -> None:
        super().__init__(message if item is None else f"object {item}: {message}")
        self.code = code
        self.item = item
        self.status = status
        self.after = after


class TooMany(AppError):
    """Somebody has come as often as one may; they may again in `after` seconds.

    `limit` is the rule's name, `policy` the rule as `RateLimit-Policy` says it.
    """

    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, code: str, after: int, limit: str, policy: str) -> None:
        super().__init__(f"That was too often: please come back in {after} s.")
        self.code = code
        self.after = after
        self.limit = limit
        self.policy = policy

    @property
    def headers(self) -> dict[str, str]:
        """What the answer says of it."""
        return {
            "Retry-After": str(self.after),
            "RateLimit-Policy": self.policy,
            "RateLimit": f'"{self.limit}";r=0;t={self.after}',
        }


class ComeAgain(AppError):
    """What is not done just now, whoever asks; try again in `after` seconds."""

    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, message: str, after: int) -> None:
        super().__init__(f"{message}: please come back in {after} s.")
        self.after = after

    @property
    def headers(self) -> dict[str, str]:
        """What the answer says of it."""
        return {"Retry-After": str(self.after)}


class LimitsAway(ComeAgain):
    """What is not done while nobody can count how often it is."""

    code = "limits_away"

    def __init__(self, after: int) -> None:
        super().__init__("That cannot be done just now", after)


class Crowded(ComeAgain):
    """More than this process can do just now."""

    code = "busy"

    def __init__(self, after: int) -> None:
        super().__init__("Too many are asking just now", after)


class MessengerRefused(AppError):
    """A request to a messenger's door that brings nothing: forged, too large, or not readable."""

    status: int = HTTPStatus.UNAUTHORIZED

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class ProposalNotCurrent(AppError):
    """A decision about a proposal that is not the current one, or not to be decided any more."""

    code = "proposal_not_current"
    status = HTTPStatus.CONFLICT


class LoginFailed(AppError):
    """A login that cannot go on. `code` names the reason and is safe to show."""

    status: int = HTTPStatus.BAD_REQUEST

    def __init__(self, code: str, message: str, *, status: int = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class ClaimRefused(AppError):
    """A claim to a mobility that is not taken. `code` names the reason and is safe to show."""

    status = HTTPStatus.BAD_REQUEST

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class AddressRefused(AppError):
    """An e-mail address that is not taken. `code` names the reason and is safe to show."""

    status = HTTPStatus.BAD_REQUEST

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class RuleInvalid(AppError):
    """A rule of deadlines that cannot be read; `code` and `field` say why."""

    status = HTTPStatus.BAD_REQUEST

    def __init__(self, code: str, field: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.field = field


class RuleFileInvalid(AppError):
    """A file of rules that cannot be read; the message says where."""

    code = "rule_file_invalid"
    status = HTTPStatus.BAD_REQUEST


class NotSignedIn(AppError):
    """No session, or one that is over."""

    code = "not_signed_in"
    status = HTTPStatus.UNAUTHORIZED


class Forbidden(AppError):
    """Signed in, and not the caller's to have; says nothing about what it is."""

    code = "forbidden"
    status = HTTPStatus.FORBIDDEN


class ScopeLacking(AppError):
    """The student has not allowed this app what it wants (RFC 6750 §3.1)."""

    code = "insufficient_scope"
    status = HTTPStatus.FORBIDDEN

    def __init__(self, scope: str) -> None:
        super().__init__(f"the student has not allowed this app {scope}")
        self.scope = scope


class RequestInvalid(AppError):
    """A request's body that is not what it must be; `field` names where, by JSON's dots."""

    code = "request_invalid"
    status: int = HTTPStatus.BAD_REQUEST

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class LoginTooOld(AppError):
    """The login is too long ago for what is asked; a fresh one helps."""

    code = "login_too_old"
    status = HTTPStatus.FORBIDDEN


class MessageUnknown(AppError):
    """There is no such message to read on after: unknown, gone, or not the caller's."""

    code = "message_unknown"
    status: int = HTTPStatus.NOT_FOUND


class NotFound(AppError):
    """Unknown, or not the caller's; the two are not told apart."""

    code = "not_found"
    status = HTTPStatus.NOT_FOUND
