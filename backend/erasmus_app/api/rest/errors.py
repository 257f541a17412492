"""Errors as problem details (RFC 9457)."""

from http import HTTPStatus
from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException

from erasmus_app.errors import (
    AppError,
    FeedRefused,
    NotSignedIn,
    RequestInvalid,
    ScopeLacking,
    TooManyQuestions,
)
from ewp.errors import place_of

log = structlog.get_logger(__name__)


def problem(_request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """Write any error; what went wrong inside of us stays inside."""
    if isinstance(error, AppError):
        status, code, detail = error.status, error.code, str(error)
    elif isinstance(error, HTTPException):
        status = error.status_code
        code = HTTPStatus(status).name.lower()
        detail = error.detail
    else:
        log.error("request.failed", error=type(error).__name__, where=place_of(error))
        status, code, detail = 500, "internal_error", "an error of ours"
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    body |= {"detail": detail, "code": code}
    headers = {"Cache-Control": "no-store"}
    if isinstance(error, FeedRefused):
        body |= {} if error.item is None else {"item": error.item}
        headers |= {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}
        headers |= {} if error.after is None else {"Retry-After": str(error.after)}
    elif isinstance(error, NotSignedIn):
        headers["WWW-Authenticate"] = "Bearer"
    elif isinstance(error, HTTPException):
        headers |= error.headers or {}
    elif isinstance(error, TooManyQuestions):
        headers["Retry-After"] = str(error.after)
    elif isinstance(error, ScopeLacking):
        challenge = f'Bearer error="insufficient_scope", scope="{error.scope}"'
        headers["WWW-Authenticate"] = challenge
    elif isinstance(error, RequestInvalid) and error.field is not None:
        body["field"] = error.field
    return Response(
        body,
        status_code=status,
        media_type="application/problem+json",
        headers=headers,
    )
