"""Log lines: what stands in them, and what does not."""

import asyncio
import io
import json
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import copy_context
from typing import Any
from uuid import UUID

import pytest
import structlog

from erasmus_app.telemetry import logs, values
from erasmus_app.telemetry.logs import Lines

SOMEBODY = UUID("6f1f9a52-3f66-4c5b-9a0e-9a1d1c6f0f11")
Said = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Iterator[Said]:
    """What was written, as a process writes it."""
    stream, before = io.StringIO(), logging.root.handlers[:]
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    logs.configure(lambda: stream, keep=False)
    logs.take_over()
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logging.root.handlers[:] = before
    logs.configure(keep=False)


def without_time(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name != "ts"}


def test_a_line_is_one_object_with_its_time_its_level_and_its_event(said: Said):
    structlog.get_logger().warning("partner.failed", hei_id="uni.example", code="silent", ms=1.5)

    [line] = said()
    assert line["ts"].endswith("Z")
    assert without_time(line) == {
        "level": "warning",
        "event": "partner.failed",
        "hei": "uni.example",
        "code": "silent",
        "ms": 1.5,
    }


def test_a_field_that_is_not_on_the_list_is_dropped_and_named(said: Said):
    structlog.get_logger().info("login.failed", code="x", given_name="Inês")

    assert [without_time(each) for each in said()] == [
        {"level": "info", "event": "login.failed", "code": "x", "dropped": ["given_name"]}
    ]
    assert logs.dropped.pop(("login.failed", "given_name")) == 1


def test_no_value_makes_a_second_line_or_a_long_one(said: Said):
    forged = 'x\n{"event": "login.succeeded"}\r\x1b[2J\u2028\u202e'
    structlog.get_logger().info("job.failed", code=forged, where="y" * 10_000, why=b"Silva")

    [line] = said()
    assert line["code"] == 'x�{"event": "login.succeeded"}��[2J��'
    assert (len(line["where"]), line["why"]) == (values.LONGEST + 1, "bytes")


def test_of_lists_and_tables_a_line_has_the_beginning_and_of_what_lies_deeper_the_type(said: Said):
    structlog.get_logger().info(
        "sync.sent", outcomes={"a": 1, "b": {"name": "Inês"}}, ids=[*range(99)]
    )

    [line] = said()
    assert (line["outcomes"], line["ids"]) == ({"a": 1, "b": "dict"}, [*range(values.MOST_ITEMS)])


def test_an_exception_is_told_by_its_type_and_place_and_never_by_what_it_says(said: Said):
    try:
        raise ValueError("Inês Silva")
    except ValueError:
        structlog.get_logger().exception("request.failed")

    [line] = said()
    assert (line["level"], line["error"]) == ("error", "ValueError")
    assert line["stack"].startswith("test_logs.py:")
    assert "Silva" not in json.dumps(line)


def test_libraries_warnings_and_what_ends_a_process_are_lines_without_their_values(said: Said):
    logging.getLogger("lib").warning("cannot read %s", "Inês Silva")
    try:
        raise KeyError("Inês Silva")
    except KeyError as error:
        logging.getLogger("asyncio").exception(f"Task failed\nfuture: {error!r}")  # noqa: G004, TRY401
        sys.excepthook(type(error), error, error.__traceback__)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning("Inês Silva", UserWarning, "/a/b.py", 7)  # type: ignore[call-arg]

    found = said()
    assert "Silva" not in json.dumps(found, ensure_ascii=False)
    assert [
        (each["event"], each.get("says"), each.get("error") or each.get("kind")) for each in found
    ] == [
        ("library.logged", "cannot read %s", None),
        ("library.logged", "Task failed", "KeyError"),
        ("process.crashed", None, "KeyError"),
        ("library.warned", None, "UserWarning"),
    ]


async def test_a_person_is_a_hash_in_all_lines_of_a_request_and_another_one_tomorrow(said: Said):
    log = structlog.get_logger()

    async def request() -> str:
        found = logs.begin()
        log.info("mail.stopped")
        logs.acting(SOMEBODY)
        await asyncio.create_task(_told(log))
        return found

    async def _told(log: Any) -> None:
        log.info("mail.stopped")

    ids = await asyncio.gather(*(asyncio.create_task(request()) for _ in range(2)))
    log.info("mail.stopped", account_id=SOMEBODY)

    lines = said()
    assert {each.get("request_id") for each in lines} == {*ids, None}
    assert str(SOMEBODY) not in json.dumps(lines)
    [mine] = {each["actor_hash"] for each in lines if "actor_hash" in each}
    assert sum("actor_hash" in each for each in lines) == 3
    day = logs.datetime(2030, 1, 1, tzinfo=logs.UTC)
    key = Lines(key=b"k")
    assert key.hashed(SOMEBODY, day) != key.hashed(SOMEBODY, day.replace(day=2)) != mine
    assert Lines(key=b"k").hashed(str(SOMEBODY), day) == key.hashed(SOMEBODY, day)


def test_a_refusal_that_repeats_itself_is_a_line_a_minute_with_how_often_it_was():
    now, written = 0.0, []
    lines = Lines(clock=lambda: now)

    def refuse(**more: Any) -> None:
        said = {"event": "access.refused", "what": "Device", "account_id": SOMEBODY} | more
        with suppress(structlog.DropEvent):
            written.append(json.loads(lines(None, "warning", said)))

    for _ in range(1_000):
        refuse()
    refuse(what="Mobility")
    now = 60.0
    refuse()
    now = 200.0
    refuse()

    assert [(each["what"], each.get("times")) for each in written] == [
        ("Device", None),
        ("Mobility", None),
        ("Device", 999),
        ("Device", None),
    ]


def test_whatever_is_refused_the_memory_of_refusals_stays_small():
    lines = Lines()
    for number in range(3 * logs.MOST_SPARED):
        lines(None, "info", {"event": "ewp.refused", "code": str(number)})

    assert len(lines._spared) == logs.MOST_SPARED


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        (b"0123456789ABCDEF0123456789abcdef", "0123456789abcdef0123456789abcdef"),
        (b"6F1F9A52-3f66-4c5b-9a0e-9a1d1c6f0f11", "6f1f9a52-3f66-4c5b-9a0e-9a1d1c6f0f11"),
        (b"ines-silva", None),
        (b"0123456789abcdef0123456789abcdef\n", None),
        (b"", None),
        (None, None),
    ],
)
def test_an_id_is_taken_where_it_is_well_formed(given: bytes | None, taken: str | None):
    def begun() -> tuple[str, str | None]:
        return logs.begin(given), logs.request_id()

    (found, named), (again, _) = copy_context().run(begun), copy_context().run(begun)

    assert named == found
    assert found == taken if taken else (len(found), found == again) == (32, False)
