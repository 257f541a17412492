"""What goes wrong inside is told nobody: each door, with a database that fails in the worst way."""

import json
from typing import Any

import httpx
import pytest
from api.test_mcp import account_of
from assistants import granted, said
from structlog.testing import capture_logs
from testbed import Bed

from erasmus_app.api.endpoint import GraphQLEndpoint
from erasmus_app.store.database import Database

SECRET = "Ines-who-must-not-be-named"
INSIDE = [
    *(SECRET, "Traceback", "File ", ".py", "line ", "select ", "relation", "asyncpg", "psycopg"),
    *("litestar", "strawberry", "graphql-core", "uvicorn", "Python", "starlette"),
]
FAILED = {
    "type": "about:blank",
    "title": "Internal Server Error",
    "status": 500,
    "detail": "an error of ours",
    "code": "internal_error",
}


def broken(*_: Any, **__: Any) -> Any:
    """Fail as nobody has foreseen, with a student's name in what it says."""
    raise LookupError(f"select * from account where name = '{SECRET}'")


def breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("fetch", "fetchrow", "fetchval", "execute"):
        monkeypatch.setattr(Database, name, broken)
    monkeypatch.setattr(Database, "transaction", broken)


def told(answer: httpx.Response) -> list[str]:
    """What of the inside an answer tells, in its body or its headers."""
    text = f"{answer.text} {dict(answer.headers)}".lower()
    return [each for each in INSIDE if each.lower() in text]


def without_id(answer: httpx.Response) -> dict[str, Any]:
    """What an answer says, but for which request it was, which it has to say."""
    body: dict[str, Any] = answer.json()
    assert body.pop("request_id") == answer.headers["x-request-id"]
    return body


async def test_an_error_in_any_door_tells_nothing_of_the_inside(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
):
    phone = await bed.signed_in("ines")
    assistant = await granted(bed, await account_of(bed), "record:read")
    bearer = {"authorization": f"Bearer {phone.token}"}
    await bed.http.get(f"{bed.address}/livez")

    async def asked(method: str, path: str, **more: Any) -> httpx.Response:
        return await bed.http.request(method, bed.address + path, **more)

    with capture_logs() as logs, monkeypatch.context() as patched:
        breaks(patched)
        answers = {
            "login's way back": await asked("GET", "/auth/callback?code=a&state=b"),
            "token": await asked("POST", "/auth/token", data={"grant_type": "refresh_token"}),
            "logout": await asked("POST", "/auth/logout", headers=bearer),
            "calendar": await asked("GET", "/calendar/abc.ics"),
            "archive": await asked(
                "GET", "/privacy/exports/00000000-0000-4000-8000-000000000000", headers=bearer
            ),
            "chat": await asked("POST", "/chat", json={"question": "who signs?"}, headers=bearer),
            "graphql": await asked(
                "POST", "/graphql", json={"query": "{ me { devices { id } } }"}, headers=bearer
            ),
            "assistant": await said(
                bed, assistant, "tools/call", {"name": "get_overview", "arguments": {}}
            ),
            "readiness": await asked("GET", "/readyz"),
            "doctor": await asked("GET", "/auth/doctor", headers=bearer),
        }

    assert {name: told(each) for name, each in answers.items()} == {name: [] for name in answers}
    failed = [name for name, each in answers.items() if each.status_code == 500]
    assert {"logout", "calendar", "archive", "chat", "doctor"} <= set(failed)
    assert all(without_id(answers[each]) == FAILED for each in failed)
    # Of an exception a line has the places alone (unit/telemetry); here it is the object still.
    assert SECRET not in str([{**each, "exc_info": None} for each in logs])
    assert "request.failed" in {each["event"] for each in logs}


async def test_what_no_door_has_foreseen_is_answered_all_the_same(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
):
    def unforeseen(*_: Any, **__: Any) -> Any:
        raise ValueError(SECRET)

    phone = await bed.signed_in("ines")
    monkeypatch.setattr(GraphQLEndpoint, "begin", unforeseen)
    with capture_logs() as logs:
        answer = await bed.http.post(
            f"{bed.address}/graphql",
            json={"query": "{ me { id } }"},
            headers={"authorization": f"Bearer {phone.token}"},
        )

    assert (answer.status_code, without_id(answer)) == (500, FAILED)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-frame-options"] == "DENY"
    [event] = [each for each in logs if each["event"] == "request.failed"]
    assert (event["error"], SECRET in json.dumps(logs, default=str)) == ("ValueError", False)
