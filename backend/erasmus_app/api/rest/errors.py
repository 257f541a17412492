"""Errors as problem details (RFC 9457)."""

from http import HTTPStatus
from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException

from erasmus_app.api.requests import named
from erasmus_app.errors import (
    AppError,
    FeedRefused,
    LimitsAway,
    NotSignedIn,
    RequestInvalid,
    ScopeLacking,
    TooMany,
    Unavailable,
)
from erasmus_app.services import Services

log = structlog.get_logger(__name__)


def problem(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """Write any error; what went wrong inside of us stays inside."""
    services: Services = request.app.state.services
    if (told := services.operations.told_of(error)) is not None:
        if isinstance(told, Unavailable):
            log.warning("request.unavailable", code=told.reason, error=type(error).__name__)
        error = told
    if isinstance(error, AppError):
        status, code, detail = error.status, error.code, str(error)
    elif isinstance(error, HTTPException):
        status = error.status_code
        code = HTTPStatus(status).name.lower()
        detail = error.detail
    else:
        log.error("request.failed", exc_info=error)
        status, code, detail = 500, "internal_error", "an error of ours"
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    body |= {"detail": detail, "code": code} | named()
    headers = {"Cache-Control": "no-store"}
    body |= {"reason": error.reason} if isinstance(error, Unavailable) else {}
    if isinstance(error, FeedRefused):
        body |= {} if error.item is None else {"item": error.item}
        headers |= {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}
        headers |= {} if error.after is None else {"Retry-After": str(error.after)}
    elif isinstance(error, NotSignedIn):
        headers["WWW-Authenticate"] = "Bearer"
    elif isinstance(error, HTTPException):
        headers |= error.headers or {}
    elif isinstance(error, TooMany | LimitsAway):
        headers |= error.headers
    elif isinstance(error, Unavailable):
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
