"""A GraphQL request's body, before anything is executed."""

from typing import Any

import pytest

from erasmus_app.api.requests import Refused, posted


async def read(body: bytes) -> Any:
    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    return await posted(receive)


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"variables":' + b'{"a":' * 100_000])
async def test_what_is_no_json_or_nests_without_end_is_refused(body: bytes):
    with pytest.raises(Refused) as refused:
        await read(body)

    assert (refused.value.status, refused.value.code) == (400, "json_malformed")
