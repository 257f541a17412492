"""An operation that somebody asks for, and the refusal to begin with it; however it came."""

from typing import Any

import msgspec


class Request(msgspec.Struct, frozen=True):
    """What is to be run: the body of a POST, the payload of a `subscribe`."""

    query: str
    operation_name: str | None = msgspec.field(default=None, name="operationName")
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None


class Refused(Exception):
    """A request that is answered before anything is executed."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        challenge: str | None = None,
        errors: list[dict[str, Any]] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code = status, code
        self.challenge = challenge  # to whoever wants in (RFC 6750 §3)
        self.errors = errors or [{"message": message, "extensions": {"code": code}}]
