"""Mail to students over SMTP: connections that are kept, a lane of its own, an outcome per answer.

smtplib blocks, so it works in threads: a few of its own, since those that everybody shares look up
names, and a server that does not answer must not keep the names of others from being looked up.
"""

import asyncio
import contextlib
import re
import smtplib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from time import monotonic
from typing import NamedTuple, TypeVar

import structlog

from erasmus_app.kit.clock import Clock
from erasmus_app.notifications.letters import Letter
from erasmus_app.notifications.ports import Outcome, PushResult
from erasmus_app.push.lanes import Lane
from erasmus_app.push.letters import message_of, wire
from erasmus_app.push.mail import SmtpSender

log = structlog.get_logger(__name__)

T = TypeVar("T")

AT_ONCE = 4  # connections
LONGEST_IDLE = 20.0  # seconds until a connection that nobody uses is not used again
MOST_MAILS = 50  # over one connection
POLICY_PAUSE = 900.0  # seconds, where the server does not want our mail at all
_ENHANCED = re.compile(rb"\s*([245]\.\d{1,3}\.\d{1,3})\b")
_NOBODY = {"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"}  # RFC 3463, 7505


class Step(StrEnum):
    """How far it came."""

    HELLO = "hello"  # greeting, TLS, login: about us, whoever the mail is for
    SENDER = "sender"
    RECIPIENT = "recipient"
    CONTENT = "content"


class Answer(NamedTuple):
    """What a server said, as far as it is kept: nothing of its words."""

    step: Step
    code: int
    enhanced: str | None = None  # RFC 3463

    @property
    def is_good(self) -> bool:
        """Whether it went well; what is no answer at all has the code -1."""
        return 200 <= self.code < 300

    @property
    def name(self) -> str:
        """A stable word for logs and rows."""
        detail = f"_{self.enhanced}" if self.enhanced else ""
        return f"{self.step}_{self.code}{detail}"


def judged(answer: Answer) -> Outcome:
    """Return what an answer means for the mail."""
    enhanced = answer.enhanced or ""
    is_about_us = answer.step in {Step.HELLO, Step.SENDER}
    if answer.is_good:
        return Outcome.ACCEPTED
    if answer.code < 500:  # also what is no answer
        return Outcome.LANE_DOWN if is_about_us else Outcome.TRY_AGAIN
    if is_about_us or enhanced.startswith("5.7."):
        return Outcome.LANE_DOWN
    if answer.step is Step.RECIPIENT and enhanced in _NOBODY:
        return Outcome.DEVICE_GONE
    return Outcome.REJECTED


class _Refused(Exception):
    """The server did not take it; says how far it came."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.name)
        self.answer = answer


class _Connection:
    """A connection that mails go over one after the other. One thread at a time has it."""

    def __init__(self, server: smtplib.SMTP) -> None:
        self.server = server
        self.mails = 0
        self.used_at = monotonic()

    @property
    def is_good(self) -> bool:
        return self.mails < MOST_MAILS and monotonic() - self.used_at < LONGEST_IDLE

    def send(self, sender: str, to: str, content: bytes) -> Answer:
        """Send one mail. Raises what smtplib raises where no answer came."""
        self.mails += 1
        answer = _read(Step.SENDER, *self.server.mail(sender))
        if answer.is_good:
            answer = _read(Step.RECIPIENT, *self.server.rcpt(to))
        if not answer.is_good:
            self._back()
            return answer
        try:
            answer = _read(Step.CONTENT, *self.server.data(content))
        except smtplib.SMTPDataError as error:
            answer = _read(Step.CONTENT, error.smtp_code, error.smtp_error)
        if not answer.is_good:
            self._back()
        self.used_at = monotonic()
        return answer

    def close(self) -> None:
        with contextlib.suppress(OSError, smtplib.SMTPException):
            self.server.quit()
        self.server.close()

    def _back(self) -> None:
        """Be ready for the next mail, or for none."""
        try:
            if self.server.rset()[0] != 250:
                self.mails = MOST_MAILS
        except (OSError, smtplib.SMTPException):
            self.mails = MOST_MAILS
        self.used_at = monotonic()


class SmtpPost:
    """Sends letters; see `notifications.ports.Post`."""

    def __init__(self, sender: SmtpSender, clock: Clock) -> None:
        self._sender, self._clock = sender, clock
        self._lane = Lane(f"smtp://{sender.host}")
        self._idle: list[_Connection] = []
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="smtp")
        self._is_closed = False

    async def post(self, letter: Letter) -> PushResult:
        """Send one letter. Raises nothing: every answer, and none, is an outcome."""
        now = self._clock()
        if (seconds := self._lane.closed(now)) is not None:
            return PushResult(outcome=Outcome.LANE_DOWN, code="lane_closed", retry_after=seconds)
        content = wire(message_of(letter, self._sender.sender, now))
        try:
            answer = await self._in_thread(lambda: self._send(letter.to, content))
        except _Refused as refused:
            answer = refused.answer
        except (OSError, smtplib.SMTPException) as error:  # of TLS as well
            self._lane.missed(self._clock())
            return PushResult(outcome=Outcome.TRY_AGAIN, code=type(error).__name__)
        return self._judged(letter, answer)

    async def close(self) -> None:
        """Say good-bye to the server, and begin nothing more."""
        self._is_closed = True
        idle, self._idle = self._idle, []
        for each in idle:
            await self._in_thread(each.close)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _judged(self, letter: Letter, answer: Answer) -> PushResult:
        outcome, now = judged(answer), self._clock()
        self._lane.answered(accepted=outcome is Outcome.ACCEPTED)
        if outcome is not Outcome.LANE_DOWN:
            return PushResult(outcome=outcome, code=None if answer.is_good else answer.name)
        if answer.code < 500:
            self._lane.missed(now)
            return PushResult(outcome=outcome, code=answer.name)
        # One recipient whose server has something against us may be that server's matter.
        if answer.step in {Step.HELLO, Step.SENDER}:
            self._lane.close(POLICY_PAUSE, now)
        else:
            self._lane.limited(letter.to, POLICY_PAUSE, now)
        log.error("mail.refused_by_policy", code=answer.name)
        return PushResult(outcome=outcome, code=answer.name, retry_after=POLICY_PAUSE)

    def _send(self, to: str, content: bytes) -> Answer:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_good:
                connection.close()
                continue
            try:
                if connection.server.rset()[0] != 250:
                    raise smtplib.SMTPServerDisconnected("tired")
            except (OSError, smtplib.SMTPException):  # it had enough of waiting: a new one
                connection.server.close()
                continue
            return self._over(connection, to, content)
        return self._over(_Connection(self._connected()), to, content)

    def _connected(self) -> smtplib.SMTP:
        try:
            return self._sender.connect()
        except smtplib.SMTPResponseException as error:
            raise _Refused(_read(Step.HELLO, error.smtp_code, error.smtp_error)) from None

    def _over(self, connection: _Connection, to: str, content: bytes) -> Answer:
        try:
            answer = connection.send(self._sender.envelope, to, content)
        except BaseException:
            connection.server.close()
            raise
        if connection.is_good and answer.code != 421 and not self._is_closed:
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _read(step: Step, code: int, text: bytes | str) -> Answer:
    raw = text if isinstance(text, bytes) else text.encode("utf-8", "replace")
    found = _ENHANCED.match(raw)
    enhanced = (
        found[1].decode("ascii") if found and raw.strip()[:1] == str(code).encode()[:1] else None
    )
    return Answer(step, code, enhanced)
