"""The ids that clients see."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erasmus_app.ids import global_id, read_global_id

OURS = UUID("8a1f6d0e-2b7c-4f55-8e0a-3c9d1e5b7a21")


@given(st.uuids(), st.sampled_from(["Mobility", "Message", "AccessEntry"]))
def test_an_id_tells_its_type_and_ours(ours: UUID, kind: str):
    written = global_id(kind, ours)

    assert written.isascii()
    assert written.replace("-", "").replace("_", "").isalnum()
    assert read_global_id(written) == (kind, ours)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "=",
        "é",
        "\x00",
        str(OURS),
        "A" * 10_000,
        global_id("Mobility", OURS) + "=",
        global_id("Mobility", OURS) + "A",
        global_id("Mobility", OURS)[:-1],
        global_id("mobility", OURS),
        f" {global_id('Mobility', OURS)}",
    ],
)
def test_what_we_have_not_written_is_no_id(text: str):
    assert read_global_id(text) is None
