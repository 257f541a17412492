"""What an EWP host answers where it does not give what was asked for."""

import math
from dataclasses import dataclass, replace

from ewp.errors import BodyTooSlow, HostBusy, MethodNotAllowed, RequestRefused
from ewp.host_calls import as_xml_text
from ewp.messages.common import ErrorResponse, write_error_response


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a body, and headers beside those that every answer has."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


class TakesOnly(MethodNotAllowed):
    """Another method than those of the endpoint."""

    def __init__(self, *methods: str) -> None:
        super().__init__(f"takes {' and '.join(methods)} only")
        self.allow = ", ".join(methods)


class TooOften(RequestRefused):
    """More often than one may."""

    code = "too_many_requests"
    status = 429

    def __init__(self, wait: float) -> None:
        self.after = math.ceil(wait)
        super().__init__(f"that was too often; please come back in {self.after} s")


def refusal(error: RequestRefused) -> Answer:
    """Say what was wrong with a request."""
    headers: tuple[tuple[str, str], ...] = ()
    if error.status == 401:
        headers = (("WWW-Authenticate", 'Signature realm="EWP"'), ("Want-Digest", "SHA-256"))
    elif isinstance(error, TakesOnly):
        headers = (("Allow", error.allow),)
    elif isinstance(error, TooOften):
        headers = (("Retry-After", str(error.after)),)
    elif isinstance(error, BodyTooSlow):
        headers = (("Connection", "close"),)  # nobody waits for the rest of it
    message = ErrorResponse(developer_message=as_xml_text(str(error)) or error.code)
    return Answer(error.status, write_error_response(message), headers)


def failure(status: int, words: str) -> Answer:
    """Say what is wrong with us."""
    return Answer(status, write_error_response(ErrorResponse(developer_message=words)))


def busy(error: HostBusy) -> Answer:
    """Say when to come again."""
    after = math.ceil(error.after)
    answer = failure(503, f"too many are asking just now; please come back in {after} s")
    return replace(answer, headers=(("Retry-After", str(after)),))
