"""What each operation may answer beside its success, for the OpenAPI document.

Litestar knows what a handler returns. What guards, error pages and redirects answer stands here, by
operation and status; `make test-openapi` finds what is missing.
"""

from dataclasses import dataclass
from http import HTTPStatus

from litestar.openapi.spec import (
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Reference,
    Schema,
)

PROBLEM, PAGE, REFUSED, JSON, NOTHING = "problem", "page", "refused", "json", "nothing"
_TEXT = Schema(type=OpenAPIType.STRING)
_CONTENT: dict[str, tuple[str, Schema | Reference]] = {
    PROBLEM: ("application/problem+json", Reference(ref="#/components/schemas/ProblemDetails")),
    PAGE: ("text/html", _TEXT),
    REFUSED: ("application/json", Reference(ref="#/components/schemas/TokenRefused")),
    JSON: ("application/json", Schema(type=OpenAPIType.OBJECT)),
}
WORDS = {
    200: "As wanted.",
    302: "The browser goes on to `Location`.",
    303: "The browser goes back to the app, at `Location`.",
    304: "As it was when this was fetched last (`If-None-Match`).",
    400: "The request is not what it must be.",
    401: "Nobody is signed in, or what should prove who calls does not.",
    403: "Not for who calls.",
    404: "There is no such thing, or it is not the caller's.",
    413: "The body is too large.",
    429: "That is too often; `Retry-After` says in how many seconds it is not.",
    502: "The login provider's answer makes no sense.",
    503: "It cannot be done right now, or is not set up here.",
}
Answers = dict[int, tuple[str, ...]]

_LOGIN: Answers = {
    302: (NOTHING,),
    400: (PAGE, PROBLEM),
    **dict.fromkeys((403, 404, 502, 503), (PAGE,)),
}
_SECRET: Answers = {400: (PROBLEM,), 404: (PROBLEM,)}  # by an address that nobody can guess
_OWN: Answers = {400: (PROBLEM,), 401: (PROBLEM,), 404: (PROBLEM,)}
_SIGNED: Answers = dict.fromkeys((400, 401, 403, 404, 413), (PROBLEM,))
_UNKNOWN: Answers = {**_SIGNED, 404: (JSON, PROBLEM)}
_FORM: Answers = {400: (REFUSED, PROBLEM), 413: (PROBLEM,), 503: (REFUSED,)}
_OFF: Answers = {503: (JSON,)}
_CHECK: Answers = {403: (PROBLEM,), 404: (PROBLEM,)}
ALSO: dict[str, Answers] = {
    **dict.fromkeys(("login", "loginAt", "callback", "callbackFrom", "startLinking"), _LOGIN),
    "token": _FORM,
    "revoke": {200: (NOTHING,), **_FORM},
    "logout": {401: (PROBLEM,)},
    "authorize": {200: (PAGE,), 302: (NOTHING,), 400: (PAGE,), 503: (PAGE,)},
    "answerAuthorization": {303: (NOTHING,), 400: (PAGE, PROBLEM), 413: (PROBLEM,), 503: (PAGE,)},
    "authorizationServer": _OFF,
    "protectedResource": _OFF,
    "protectedResourceAtRoot": _OFF,
    "loginDoctor": {401: (PAGE, PROBLEM)},
    "fetchExport": {**_OWN, 403: (PROBLEM,)},
    "askToStopMails": _SECRET,
    "stopMails": {**_SECRET, 413: (PROBLEM,)},
    "calendarFeed": {**_SECRET, 304: (NOTHING,)},
    "mobilityCalendar": _OWN,
    **dict.fromkeys(("whatsappCheck", "messengerCheck"), _CHECK),
    **dict.fromkeys(("telegram", "whatsapp", "messenger", "slack"), _SIGNED),
    **dict.fromkeys(("matrixTransaction", "matrixPing"), _SIGNED),
    **dict.fromkeys(("matrixUser", "matrixRoom"), _UNKNOWN),
    "readyz": {503: (JSON,)},
    "startupz": {503: (JSON,)},
    "statusPage": {404: (PROBLEM,)},
    "status": {404: (PROBLEM,)},
    "statusOfHei": {404: (PAGE, PROBLEM)},
}
OF_PROCESSES = {"livez", "readyz", "startupz", "metrics"}  # nobody is too often there
EVERYWHERE: Answers = {429: (PROBLEM,), 503: (PROBLEM,)}  # too often; an engine is away


@dataclass
class Described(Operation):
    """An operation with all that it may answer."""

    def __post_init__(self) -> None:
        responses = dict(self.responses or {})
        name = str(self.operation_id)
        mine, common = ALSO.get(name, {}), {} if name in OF_PROCESSES else EVERYWHERE
        both = {each: (*mine.get(each, ()), *common.get(each, ())) for each in {*mine, *common}}
        for status, kinds in both.items():
            known = responses.get(str(status))
            content = {
                name: OpenAPIMediaType(schema=schema)
                for name, schema in (_CONTENT[each] for each in kinds if each != NOTHING)
            }
            words = WORDS.get(status, HTTPStatus(status).description)
            if isinstance(known, OpenAPIResponse) and status < HTTPStatus.BAD_REQUEST:
                words = known.description
            responses[str(status)] = OpenAPIResponse(words, content=content or None)
        self.responses = dict(sorted(responses.items()))
