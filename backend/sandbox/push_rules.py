"""What FCM's HTTP v1 accepts as a message, and how Google words its refusals."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

TARGETS = ("fid", "token", "topic", "condition")
LARGEST = 4096  # bytes of a message's content
LONGEST_TTL = 28 * 86_400  # seconds

FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"

STATUSES = {  # FcmError's errorCode: HTTP status and google.rpc.Code
    "UNREGISTERED": (404, "NOT_FOUND"),
    "INVALID_ARGUMENT": (400, "INVALID_ARGUMENT"),
    "SENDER_ID_MISMATCH": (403, "PERMISSION_DENIED"),
    "QUOTA_EXCEEDED": (429, "RESOURCE_EXHAUSTED"),
    "UNAVAILABLE": (503, "UNAVAILABLE"),
    "INTERNAL": (500, "INTERNAL"),
    "THIRD_PARTY_AUTH_ERROR": (401, "UNAUTHENTICATED"),
}

_FIELDS = {
    "": {"message", "validate_only"},
    "message": {*TARGETS, "name", "data", "notification", "android", "webpush", "apns"}
    | {"fcm_options"},
    "message.notification": {"title", "body", "image"},
    "message.android": {"collapse_key", "priority", "ttl", "restricted_package_name", "data"}
    | {"notification", "fcm_options", "direct_boot_ok", "bandwidth_constrained_ok"}
    | {"restricted_satellite_ok"},
    "message.webpush": {"headers", "data", "notification", "fcm_options"},
    "message.apns": {"headers", "payload", "fcm_options", "live_activity_token"},
    "message.fcm_options": {"analytics_label"},
}
_DURATION = re.compile(r"([0-9]+)(?:\.[0-9]{1,9})?s")
_RESERVED = {"from", "message_type"}


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP answer."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json; charset=UTF-8"


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """A field that does not fit, as google.rpc.BadRequest names it."""

    field: str
    description: str


class MessageInvalid(ValueError):
    """A message that FCM refuses."""

    def __init__(self, *violations: Violation) -> None:
        super().__init__(violations[0].description)
        self.violations = violations


def read_message(body: bytes) -> dict[str, Any]:
    """Check a `messages:send` request; returns its `message`, names in snake_case.

    Raises:
        MessageInvalid: with every field that does not fit.
    """
    try:
        request = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _invalid("", "Invalid JSON payload received.") from error
    if not isinstance(request, dict):
        raise _invalid("", "Invalid JSON payload received. An object is expected.")
    message = _snake_case(request).get("message")
    if violations := [*_unknown(request, "")]:
        raise MessageInvalid(*violations)
    if not isinstance(message, dict):
        raise _invalid("message", "Recipient of the message is not set.")
    message = _snake_case(message)
    if violations := [*_violations(message)]:
        raise MessageInvalid(*violations)
    return message


def target_of(body: bytes) -> str | None:
    """Return which phone a request is for, as far as that can be told."""
    try:
        message = msgspec.json.decode(body)["message"]
        found = message.get("fid") or message.get("token")
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError):
        return None
    return found if isinstance(found, str) else None


def refused(
    code: str,
    message: str,
    *,
    violations: tuple[Violation, ...] = (),
    retry_after: int | None = None,
) -> Answer:
    """Return Google's answer for one of FCM's own error codes."""
    status, word = STATUSES[code]
    details: list[dict[str, Any]] = [{"@type": FCM_ERROR, "errorCode": code}]
    if violations:
        details.append({"@type": BAD_REQUEST, "fieldViolations": violations})
    more = () if retry_after is None else (("retry-after", str(retry_after)),)
    return google_error(status, word, message, details, headers=more)


def google_error(
    status: int,
    word: str,
    message: str,
    details: list[dict[str, Any]] | None = None,
    *,
    headers: tuple[tuple[str, str], ...] = (),
) -> Answer:
    """Return an error in the shape that all of Google's APIs share."""
    error: dict[str, Any] = {"code": status, "message": message, "status": word}
    if details:
        error["details"] = details
    return Answer(status=status, body=msgspec.json.encode({"error": error}), headers=headers)


def _invalid(field: str, description: str) -> MessageInvalid:
    return MessageInvalid(Violation(field=field, description=description))


def _snake_case(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the object by its proto names; JSON may say `collapseKey` as well."""
    return {re.sub("[A-Z]", lambda m: f"_{m[0].lower()}", name): value[name] for name in value}


def _unknown(value: Mapping[str, Any], path: str) -> Iterator[Violation]:
    where = f" at '{path}'" if path else ""
    for name in _snake_case(value).keys() - _FIELDS[path]:
        text = f'Invalid JSON payload received. Unknown name "{name}"{where}: Cannot find field.'
        yield Violation(field=f"{path}.{name}".lstrip("."), description=text)


def _violations(message: dict[str, Any]) -> Iterator[Violation]:
    yield from _unknown(message, "message")
    for name in ("notification", "android", "webpush", "apns", "fcm_options"):
        part = message.get(name, {})
        if isinstance(part, dict):
            yield from _unknown(part, f"message.{name}")
        else:
            text = "Invalid value, an object is expected."
            yield Violation(field=f"message.{name}", description=text)
    given = [name for name in TARGETS if name in message]
    if len(given) != 1:
        text = f"Exactly one of {', '.join(TARGETS)} is required, {len(given)} given."
        yield Violation(field="message", description=text)
    yield from (
        Violation(field=f"message.{name}", description="A text is expected.")
        for name in given
        if not isinstance(message[name], str) or not message[name]
    )
    yield from _text_map(message.get("data", {}), "message.data", reserved=True)
    for name in ("android", "webpush"):
        if isinstance(part := message.get(name), dict):
            yield from _text_map(part.get("data", {}), f"message.{name}.data", reserved=True)
    for name in ("apns", "webpush"):
        if isinstance(part := message.get(name), dict):
            yield from _text_map(part.get("headers", {}), f"message.{name}.headers")
    yield from _text_map(message.get("notification", {}), "message.notification")
    if isinstance(android := message.get("android"), dict):
        yield from _android(_snake_case(android))
    content = {name: message[name] for name in message.keys() - {*TARGETS, "name", "fcm_options"}}
    if (size := len(msgspec.json.encode(content))) > LARGEST:
        text = f"Android message is too big: {size} bytes, {LARGEST} are allowed."
        yield Violation(field="message.data", description=text)


def _text_map(value: object, path: str, *, reserved: bool = False) -> Iterator[Violation]:
    if not isinstance(value, dict):
        yield Violation(field=path, description="Invalid value, a map of texts is expected.")
        return
    for key, text in value.items():
        if not isinstance(text, str):
            yield Violation(field=f"{path}[{key}]", description="A text is expected.")
        if reserved and (key in _RESERVED or key.startswith(("google", "gcm"))):
            told = f"Invalid data payload key: {key}"
            yield Violation(field=f"{path}[{key}]", description=told)


def _android(android: Mapping[str, Any]) -> Iterator[Violation]:
    ttl = android.get("ttl", "0s")
    found = _DURATION.fullmatch(ttl) if isinstance(ttl, str) else None
    if found is None:
        text = "Illegal duration format; duration must end with 's'"
        yield Violation(field="message.android.ttl", description=text)
    elif int(found[1]) > LONGEST_TTL:
        text = "Invalid TTL; the maximum is four weeks."
        yield Violation(field="message.android.ttl", description=text)
    if str(android.get("priority", "normal")).lower() not in {"normal", "high"}:
        text = "NORMAL or HIGH is expected."
        yield Violation(field="message.android.priority", description=text)
    if not isinstance(android.get("collapse_key", ""), str):
        text = "A text is expected."
        yield Violation(field="message.android.collapse_key", description=text)
