"""Files: their bytes, signed like all answers, for those who were told their id (guide §4.10)."""

import pytest
from unit.ewp.host.world import NOBODYS, OWN, PARTNER, THIRD, UNKNOWN, refusal

from ewp.messages.file import UNKNOWN as UNKNOWN_TYPE

pytestmark = pytest.mark.asyncio(loop_scope="module")

FILE = "/ewp/lindental.example/file/1"


async def test_a_file_comes_as_it_is_and_says_what_it_is(world):
    answer = await world.ask(f"{FILE}?file_id=pdf%2F1", kind="application/pdf")

    assert (answer.status_code, answer.content) == (200, b"%PDF-1.7\n\xff\x00")
    assert answer.headers["content-length"] == "11"


@pytest.mark.parametrize(
    ("file_id", "kind", "content"), [("odd", UNKNOWN_TYPE, b"?"), ("empty", "text/plain", b"")]
)
async def test_a_type_that_is_none_and_a_file_without_bytes_do_no_harm(
    world, file_id, kind, content
):
    answer = await world.ask(f"{FILE}?file_id={file_id}", kind=kind)

    assert (answer.status_code, answer.content) == (200, content)
    assert "set-cookie" not in answer.headers


async def test_who_was_not_told_the_id_gets_what_everybody_gets_for_no_file(world):
    nothing = (404, "file_id: no such file for you")

    for key in (THIRD, NOBODYS, OWN):
        assert refusal(await world.ask(f"{FILE}?file_id=pdf/1", key=key)) == nothing
    assert refusal(await world.ask(f"{FILE}?file_id=unknown")) == nothing
    assert refusal(await world.ask(f"{FILE}?file_id=pdf/1", key=UNKNOWN))[0] == 403
    assert refusal(await world.ask(f"{FILE}?file_id=pdf/1", after={"authorization": None})) == (
        401,
        "the request has no header Authorization",
    )


@pytest.mark.parametrize("value", ["%00", "a%20b", "%C3%A9", "x" * 65])
async def test_what_has_not_the_form_of_an_id_is_not_looked_up(world, value):
    assert refusal(await world.ask(f"{FILE}?file_id={value}"))[0] == 404
    assert world.kept.asked == []


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("", "file_id: is required"),
        ("?file_id=", "file_id: is required"),
        ("?id=pdf/1", "file_id: is required"),
        ("?file_id=pdf/1&file_id=pdf/1", "file_id: may be given once, not 2 times"),
    ],
)
async def test_one_file_is_asked_for(world, form, words):
    assert refusal(await world.ask(FILE + form)) == (400, words)
    assert world.kept.asked == []


async def test_files_are_only_got(world):
    for method in ("POST", "PUT", "DELETE"):
        answer = await world.ask(f"{FILE}?file_id=pdf/1", method=method, key=PARTNER)
        assert refusal(answer) == (405, "takes GET only")
