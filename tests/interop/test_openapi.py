"""The document that assistants import as a tool, by a validator and a schema checker of npm's."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from chatting import an_answer, answered_by, answering_at_once
from interop.certified import HERE, NODE
from testbed import Bed, bed_running

from erasmus_app.chat.models import AnswerKind

PACKAGE = HERE / "node_modules" / "@seriousme" / "openapi-schema-validator"
pytestmark = pytest.mark.skipif(
    NODE is None or not PACKAGE.is_dir(),
    reason="Node or the packages are not here; `make test-interop` installs those",
)
MOST_DESCRIBED = 300  # characters of a description that hosts of tools take


@pytest.fixture
async def bed(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Bed]:
    async with bed_running(dsn, valkey, tmp_path, worker=False) as bed:
        yield bed


async def read(document: Any, answers: list[Any], questions: list[Any]) -> dict[str, Any]:
    assert NODE is not None
    process = await asyncio.create_subprocess_exec(
        NODE,
        "openapi.mjs",
        cwd=HERE,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    given = {"document": document, "answers": answers, "questions": questions}
    async with asyncio.timeout(60):
        out, err = await process.communicate(json.dumps(given).encode())
    assert (process.returncode, err.decode()) == (0, "")
    found: dict[str, Any] = json.loads(out)
    return found


async def test_the_document_is_valid_names_where_to_go_and_promises_what_is_answered(bed: Bed):
    phone = await bed.signed_in("ines")
    bearer = {"authorization": f"Bearer {phone.token}"}
    document = (await bed.http.get(f"{bed.address}/openapi/openapi.json")).json()
    menu = an_answer(kind=AnswerKind.MENU, intent=None, cards=(), choices=(), sources=())
    answers = []
    for each in (an_answer(), menu):
        with answered_by(bed, answering_at_once(answer=lambda each=each: each)):  # type: ignore[misc]
            answer = await bed.http.post(
                f"{bed.address}/chat", json={"question": "who signs?"}, headers=bearer
            )
            answers.append(answer.json())
    broken = {name: value for name, value in answers[0].items() if name != "text"}
    questions = [{}, {"question": "who?", "language": "pt"}, {"question": 7}]
    found = await read(document, [*answers, broken, answers[0] | {"kind": "x"}], questions)

    settings = bed.app.services.settings
    assert (found["valid"], found["errors"], found["version"]) == (True, [], "3.1")
    assert (found["tool"], found["scopes"]) == ("ask", ["chat"])
    assert found["describedIn"] <= MOST_DESCRIBED
    assert found["server"] == settings.public_url.rstrip("/")
    assert found["flow"]["authorizationUrl"] == f"{settings.browser_url}/auth/authorize"
    assert found["flow"]["tokenUrl"] == f"{settings.public_url.rstrip('/')}/auth/token"
    assert found["answers"][:2] == [[], []]
    assert found["answers"][2] == [" must have required property 'text'"]
    assert len(found["answers"][3]) == 1
    assert found["questions"] == [[], [], ["/question must be string"]]
