"""Spans: what is told of them, what is carried on, and what is not traced."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
from collector import Collector, collecting

from erasmus_app.telemetry import traces
from erasmus_app.telemetry.traces import beside, carried, current, span

A, B, C = (f"00-{each * 32}-{each * 16}-01" for each in "abc")
UNSEEN = f"{A[:-2]}00"


@pytest.fixture
async def collector(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Collector]:
    async with collecting() as (collector, url):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        traces.start("worker", None, 1.0)
        yield collector
        await sent()
        assert collector.wrong == []


async def sent() -> None:
    """Let all that has ended be sent."""
    await asyncio.to_thread(traces.stop)


async def test_a_span_belongs_to_the_first_cause_and_is_linked_to_the_others(collector: Collector):
    with span("job refresh", "consumer", of=(None, "nonsense", A, B, A, C), jobs=3):
        inner = carried()
        with span("ewp.call", "client", api="omobilities", code=None):
            pass
    with span("job poll", of=()):
        assert traces.trace_id() not in {None, "a" * 32}
    await sent()

    told = {each.name: each for each in collector.spans}
    job, call = told["job refresh"], told["ewp.call"]
    assert (job.trace, job.parent, job.links) == ("a" * 32, "a" * 16, ("b" * 32, "c" * 32))
    assert (call.trace, call.parent, call.attributes) == ("a" * 32, job.id, {"api": "omobilities"})
    assert inner == f"00-{job.trace}-{job.id}-01"
    assert (told["job poll"].parent, collector.services) == ("", {"worker"})


async def test_what_is_not_sampled_is_carried_on_and_told_to_nobody(collector: Collector):
    with span("job refresh", of=(UNSEEN,), kind="refresh") as unseen:
        unseen.note(outcome="later")
        assert span("ewp.call") is traces.OFF
        with span("ewp.call"):
            found = carried()
        with span("push.send", of=(found,)):
            pass
    await sent()

    assert found is not None
    assert (found[3:35], found[-2:]) == ("a" * 32, "00")
    assert collector.spans == []


async def test_an_error_is_its_code_its_type_and_its_place(collector: Collector):
    with pytest.raises(ValueError, match="Silva"), span("job refresh"):
        raise ValueError("Inês Silva")
    with span("job poll") as later:
        later.note(given_name="Inês", outcome="x\ny" * 1_000)
    await sent()

    failed, other = collector.spans
    assert (failed.failed, other.failed) == (True, False)
    assert failed.attributes.pop("where").startswith("test_traces.py:")
    assert failed.attributes == {"code": "ValueError", "error.type": "ValueError"}
    assert other.attributes.keys() == {"outcome"}
    assert "\n" not in other.attributes["outcome"]
    assert b"Silva" not in b"".join(collector.raw)
    assert dict(traces.dropped) == {("job poll", "given_name"): 1}
    traces.dropped.clear()


async def test_what_a_batch_changes_belongs_to_who_asked_for_it(collector: Collector):
    with span("job refresh", of=(A, B)):
        here = carried()
        found = [beside(each) for each in ((), (A,), (A, C), (B,), (B, C))]
        current().linked(C)
    await sent()

    assert found == [None, None, None, (B, here), (B, C, here)]
    assert collector.spans[0].links == ("b" * 32, "c" * 32)


async def test_a_ratio_is_of_traces_and_nothing_is_traced_where_it_is_said_so(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
):
    await sent()
    traces.start("worker", None, 0.5)
    for _ in range(400):
        with span("job poll"), span("ewp.call"):
            pass
    await sent()
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    traces.start("worker", None, 1.0)

    assert not traces.is_on()
    roots = {each.trace for each in collector.named("job poll")}
    assert 100 < len(roots) < 300
    assert roots == {each.trace for each in collector.named("ewp.call")}


def test_without_a_collector_the_exporter_is_not_loaded():
    code = """import json, sys
from erasmus_app.telemetry import traces
import erasmus_app.cli.serve
traces.start("api", None, 1.0)
print(json.dumps([each for each in sys.modules if each.startswith("opentelemetry.exporter")]))"""
    environment = {name: each for name, each in os.environ.items() if not name.startswith("OTEL_")}
    said = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, check=True
    )

    assert json.loads(said.stdout) == []
    assert (traces.span("a", lane="b"), traces.carried(), traces.current()) == (
        traces.OFF,
        None,
        traces.OFF,
    )
