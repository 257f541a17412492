"""What we write of a message is what firebase-admin writes, to the byte."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erasmus_app.notifications.models import Urgency
from erasmus_app.notifications.ports import Push
from erasmus_app.push.fcm_messages import MessageWriter, message_of

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
WRITER = MessageWriter()  # kept, so that most are written by what an earlier one has left

texts = st.text(max_size=40)
# The same words often, so that shapes are met again; and whatever a text may hold.
words = (
    st.sampled_from(
        ["A tua nomeação chegou", '"', "\\u0001ttl\\u0001", "1234567", "", "\x01target\x01"]
    )
    | texts
)
keys = st.sampled_from(["id", "kind", "mobility", "more"]) | texts
pushes = st.builds(
    Push,
    message_id=words | st.uuids().map(str),
    platform=st.sampled_from(["android", "ios", "web"]),
    target_kind=st.sampled_from(["fid", "token"]),
    target=words,
    title=words,
    body=words,
    data=st.dictionaries(keys, words, max_size=5),
    urgency=st.sampled_from([*Urgency]),
    expires_at=st.timedeltas(timedelta(days=-1), timedelta(days=40)).map(lambda each: NOW + each),
    is_silent=st.booleans(),
)


def written(write: Any, push: Push) -> bytes | str:
    try:
        return write(push, NOW)
    except ValueError as error:
        return str(error)


@given(pushes)
def test_every_message_is_written_as_firebase_admin_writes_it(push: Push):
    assert written(WRITER.body, push) == written(message_of, push)


@given(pushes, words, words)
def test_a_shape_seen_before_takes_other_values(push: Push, target: str, value: str):
    import msgspec

    for each in (
        push,
        msgspec.structs.replace(push, target=target, data=dict.fromkeys(push.data, value)),
        msgspec.structs.replace(push, message_id=value, expires_at=NOW + timedelta(hours=2)),
    ):
        assert written(WRITER.body, each) == written(message_of, each)


@pytest.mark.parametrize("odd", [{"n": 1}, {"n": None}, {1: "n"}, {}])
def test_what_is_no_text_is_refused_as_firebase_admin_refuses_it(odd: Any):
    push = Push(
        message_id="m", platform="ios", target_kind="fid", target="f", title="t", body="b",
        data=odd, urgency=Urgency.HIGH, expires_at=NOW,
    )  # fmt: skip
    assert written(WRITER.body, push) == written(message_of, push)


def test_shapes_without_end_take_no_memory_without_end(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("erasmus_app.push.fcm_messages.MOST_SHAPES", 10)
    writer = MessageWriter()
    for number in range(35):
        push = Push(
            message_id="m", platform="ios", target_kind="fid", target="f", title=str(number),
            body="b", data={}, urgency=Urgency.HIGH, expires_at=NOW,
        )  # fmt: skip
        assert writer.body(push, NOW) == message_of(push, NOW)
    assert len(writer._templates) == 5
