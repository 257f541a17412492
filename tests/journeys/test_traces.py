"""One trace from a partner's notification to a push that the push service has taken."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from collector import Collector, Told, collecting
from databases import until
from journeys.scenes import Scene
from testbed import Bed, bed_running

from erasmus_app.telemetry import traces
from ewp.ids import OmobilityId
from sandbox.cast import STUDENTS

STRANGERS = "00-5117a5115117a5115117a5115117a511-5117a5115117a511-01"
SLOWLY = {"poll_seconds": "3600", "safety_poll_seconds": "3600"}  # so that a notification it is


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with collecting() as (collector, url):
        traces.start("test", url, 1.0)
        yield collector
        await asyncio.to_thread(traces.stop)


@pytest.fixture
async def bed(collector, dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Bed]:
    async with bed_running(dsn, valkey, tmp_path, **SLOWLY) as bed:
        yield bed


async def heard(collector: Collector) -> None:
    """Have all spans that have ended."""
    await asyncio.to_thread(traces._tracing.provider.force_flush)
    assert collector.wrong == []


def values(of: Any) -> set[str]:
    """Every text in a value."""
    match of:
        case str():
            return {of} if len(of) > 3 else set()
        case dict():
            return {each for value in of.values() for each in values(value)}
        case list() | tuple():
            return {each for value in of for each in values(value)}
    return set()


async def announced(bed: Bed, key: str, omobility_id: str) -> Scene:
    """A mobility of a student of a partner's, which has told us of it."""
    scene = Scene(bed, await bed.phone(key), key, OmobilityId(omobility_id))
    await scene.nominated()
    await scene.announce()
    return scene


ONE_TRACE = [
    [
        "POST /ewp/{hei_id}",
        ["job refresh", "ewp.call", ["record.change", ["db.transaction", "push.send"]]],
    ]
]


async def test_a_notification_and_its_push_are_one_trace(bed: Bed, collector: Collector):
    scene = await announced(bed, "jonas", "om-traced")
    await bed.until_told(scene.phone, "nominated")
    await bed.until_idle()
    await heard(collector)

    [push] = collector.named("push.send")
    assert collector.tree(push.trace) == ONE_TRACE
    told = {each.name: each for each in collector.spans if each.trace == push.trace}
    assert {name: (each.kind, each.links, each.failed) for name, each in told.items()} == {
        "POST /ewp/{hei_id}": ("server", (), False),
        "job refresh": ("consumer", (), False),
        "ewp.call": ("client", (), False),
        "record.change": ("internal", (), False),
        "db.transaction": ("client", (), False),
        "push.send": ("producer", (), False),
    }
    request = told["POST /ewp/{hei_id}"].attributes
    assert {name: each.attributes for name, each in told.items()} == {
        "POST /ewp/{hei_id}": {
            "http.request.method": "POST",
            "http.route": "/ewp/{hei_id}",
            "http.response.status_code": 200,
            "request_id": request["request_id"],
            "api": "omobility-cnr",
            "hei": "ribeira.example",
            "ids": 1,
        },
        "job refresh": {"kind": "refresh", "jobs": 1, "attempts": 1},
        "ewp.call": {"api": "omobilities", "hei": "lindental.example", "endpoint": "get-url"},
        "record.change": {"api": "omobilities", "tenant": "ribeira.example", "changed": True},
        "db.transaction": {},
        "push.send": {"lane": "fcm", "kind": "nominated", "attempts": 1, "outcome": "accepted"},
    }


async def test_of_several_requests_each_push_is_in_the_trace_of_its_own(
    collector: Collector, dsn: str, valkey: str, tmp_path: Path
):
    async with bed_running(dsn, valkey, tmp_path, worker=False, **SLOWLY) as bed:
        phone = await bed.phone("jonas")
        async with bed.working():
            await until(partial(is_synchronised, bed))
            await bed.until_idle()
        scenes = [Scene(bed, phone, "jonas", OmobilityId(each)) for each in ("om-1", "om-2")]
        for scene in scenes:
            await scene.nominated()
            again = scene.changes[:]
            await scene.announce()
        scenes[1].changes[:] = again
        await scenes[1].announce()  # once more, while its first waits
        asked = [each.trace for each in await requests(collector, 3)]
        async with bed.working():
            await bed.pushes(phone, 2)
            await bed.until_idle()
        await heard(collector)

    [job] = [each for each in collector.named("job refresh") if each.trace in asked]
    changes = {each.trace: each.links for each in collector.named("record.change")}
    pushes = {each.trace for each in collector.named("push.send")}
    one, two, two_again = asked
    assert {job.trace, *job.links} == set(asked)
    assert pushes == {one, two} == changes.keys() & set(asked)
    assert two_again in {*changes[two], *job.links}
    beside = two if job.trace == one else one
    assert job.trace in changes[beside]
    assert job.attributes["jobs"] == 2


async def is_synchronised(bed: Bed) -> bool:
    states = await bed.app.database.fetch(
        "select first_sync_done_at is not null as f from poll_state"
    )
    return bool(states) and all(each["f"] for each in states)


async def requests(collector: Collector, count: int) -> list[Told]:
    """The last notifications that we have taken, in their order."""
    await heard(collector)
    found = [each for each in collector.named("POST /ewp/{hei_id}") if "api" in each.attributes]
    return found[-count:]


async def test_every_door_is_told_of_without_a_word_that_somebody_wrote(
    bed: Bed, collector: Collector
):
    phone = await bed.phone("ines")
    question = "When does my Silvanus-learning agreement end?"
    answer = await bed.http.post(
        f"{bed.address}/chat",
        headers={"authorization": f"Bearer {phone.token}", "traceparent": STRANGERS},
        json={"question": question},
    )
    await bed.ask(phone, "query Silvanus { me { id } }")
    await bed.http.get(f"{bed.address}/Silvanus?code=Silvanus", headers={"traceparent": STRANGERS})
    await heard(collector)

    [asking] = collector.named("chat.question")
    assert answer.status_code == 200
    said = {name: asking.attributes.get(name) for name in ("intent", "outcome", "lang")}
    assert tuple(said.values()) == tuple(answer.json()[n] for n in ("intent", "kind", "language"))
    assert asking.attributes.keys() - said.keys() <= {"band"}
    [graphql] = collector.named("graphql query")
    assert graphql.attributes == {"graphql.operation.type": "query"}
    names = {each.name for each in collector.spans}
    assert {"GET /auth/callback", "login.finish", "login.provider", "GET"} <= names
    assert STRANGERS[3:35] not in {each.trace for each in collector.spans}  # it steers nothing
    personal = values(msgspec.to_builtins(STUDENTS["ines"])) - set(bed.app.services.heis)
    sent = b"".join(collector.raw)
    written = personal | {phone.fid, "Silvanus", question}
    assert [each for each in written if each.encode() in sent] == []


async def test_a_collector_that_is_away_or_slow_disturbs_nobody(collector: Collector):
    collector.status = 503
    with traces.span("push.send", lane="fcm") as lost:
        lost.note(outcome="accepted")
    await asyncio.to_thread(traces.stop)

    assert (traces.is_on(), traces.span("after"), collector.spans) == (False, traces.OFF, [])
