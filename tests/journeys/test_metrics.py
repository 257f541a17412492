"""A day of the house, and what `/metrics` shows of it: all that is drawn or watched, and nobody."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from databases import until
from guide import section
from metering import Samples, read
from testbed import Bed, bed_running

from erasmus_app.chat.models import Asker, Question
from erasmus_app.identity.roles import Standing
from erasmus_app.ids import AccountId
from erasmus_app.telemetry.metrics import count_line
from ewp.ids import HeiId

ROOT = Path(__file__).parents[2]
DASHBOARD = json.loads((ROOT / "docs/monitoring/dashboard.json").read_text(encoding="utf-8"))
RULES = yaml.safe_load((ROOT / "docs/monitoring/alerts.yaml").read_text(encoding="utf-8"))
OF_PROMETHEUS = {"up", "instance", "job"}  # what it adds itself
NOT_TODAY = {"graphql_fell_back_total", "erasmus_retained_rows_total"}  # a good day has no line
NAMES = r"\b(in[eê]s|almeida|camille|zofia|jonas|tiago)\b"
PERSONAL = re.compile(rf"@|://|urn:|[0-9a-f]{{8}}-[0-9a-f]{{4}}|{NAMES}", re.IGNORECASE)


def rules() -> list[dict[str, Any]]:
    return list(chain.from_iterable(group["rules"] for group in RULES["groups"]))


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in rules())
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"].replace("$__rate_interval", "5m")


def looked_at(node: Any, grouped: frozenset[str] = frozenset()) -> Iterator[tuple[str, set[str]]]:
    """The metrics of an expression, each with the labels that it is selected and grouped by."""
    match node:
        case promql_parser.VectorSelector():
            yield node.name, {each.name for each in node.matchers.matchers} | grouped
        case promql_parser.MatrixSelector():
            yield from looked_at(node.vector_selector, grouped)
        case promql_parser.AggregateExpr():
            labels = node.modifier.labels if node.modifier else ()
            yield from looked_at(node.expr, frozenset(labels))
        case promql_parser.BinaryExpr():
            yield from looked_at(node.lhs, grouped)
            yield from looked_at(node.rhs, grouped)
        case promql_parser.Call():
            for each in node.args:
                yield from looked_at(each, grouped)
        case promql_parser.ParenExpr():
            yield from looked_at(node.expr, grouped)


def used() -> dict[str, set[str]]:
    """Each metric that is drawn or watched, and the labels by which."""
    found: dict[str, set[str]] = {}
    for name, labels in chain.from_iterable(
        looked_at(promql_parser.parse(each)) for each in expressions()
    ):
        found.setdefault(name, set()).update(labels - OF_PROMETHEUS)
    ours = {rule["record"] for rule in rules() if "record" in rule} | OF_PROMETHEUS
    return {name: labels for name, labels in found.items() if name not in ours}


@pytest.fixture
async def bed(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Bed]:
    """One to which partners' changes come by notification alone."""
    async with bed_running(dsn, valkey, tmp_path, safety_poll_seconds="3600") as bed:
        yield bed


async def is_counted(bed: Bed, metric: str) -> bool:
    return await bed.number(metric) > 0


async def a_day(bed: Bed) -> tuple[str, Samples]:
    """Pushes, a question, refusals on both sides, strange requests; and what is shown then."""
    phone, notified = await bed.phone("ines"), await bed.phone("camille")
    await bed.take(5)
    for kind in ("nomination_accepted", "agreement_sent"):  # in either order
        await bed.until_told(phone, kind)
    for kind in ("nominated", "nomination_accepted"):  # of whom a partner has told us
        await bed.until_told(notified, kind)
    await until(lambda: is_counted(bed, "erasmus_cnr_to_push_seconds_count"))
    await bed.until_looked()
    await bed.until_idle()
    for method, path in (
        ("GET", "/auth/nowhere/inês@ribeira.example"),
        ("PROPFIND", "/livez"),
        ("POST", "/graphql"),
        ("POST", "/ewp/ribeira.example/omobility-cnr/2"),
    ):
        await bed.http.request(method, f"{bed.address}{path}", content="Inês Almeida".encode())
    account = AccountId(
        await bed.app.database.fetchval("select account_id from account order by created_at")
    )
    standing = Standing(account_id=account)
    asker = Asker(account_id=account, standing=standing, language="en", zone="UTC")
    await bed.app.services.chat.ask(asker, Question(text="Inês Almeida: who has to sign now?"))
    count_line(None, "warning", {"level": "warning", "event": "a.line"})
    text = (await bed.http.get(f"{bed.address}/metrics")).text
    return text, read(text)


async def test_a_day_is_counted_once_shown_whole_and_nobody_in_it(bed: Bed):
    text, samples = await a_day(bed)

    all_drawn_is_shown(samples)
    all_shown_is_explained(text)
    await nobody_is_in_it(bed, text, samples)
    await everything_is_counted_once(bed)


def all_drawn_is_shown(samples: Samples) -> None:
    missing = {name for name in used() if name not in {line for line, _ in samples}}
    assert missing - NOT_TODAY == set(), "drawn or watched, and not shown"
    for name, wanted in used().items():
        labels = {key for line, of in samples if line == name for key, _ in of}
        assert name in NOT_TODAY or wanted <= labels, name


def all_shown_is_explained(text: str) -> None:
    shown = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    chapter = section("Health and metrics").partition("\n| Metric |")[2]
    assert set(re.findall(r"^\| `([a-z_]+)", chapter, re.MULTILINE)) == shown


async def nobody_is_in_it(bed: Bed, text: str, samples: Samples) -> None:
    changed = [(name, of) for (name, of), value in samples.items() if _is_new(bed, name, of, value)]
    assert len(changed) > 300
    for name, of in changed:
        for key, value in of:
            assert PERSONAL.search(value) is None, (name, key, value)
            assert len(value) <= 60, (name, key, value)
            if key == "hei":
                assert name == "ewp_client_requests_total"
                assert bed.world.network.known().covers(HeiId(value))
    ids = await bed.app.database.fetch(
        """select person_id::text as id from person union select account_id::text from account
           union select device_id::text from device union select omobility_id from mobility"""
    )
    assert len(ids) > 5
    assert [row["id"] for row in ids if row["id"] in text] == []


def _is_new(bed: Bed, name: str, of: frozenset[tuple[str, str]], value: float) -> bool:
    """Whether it is of this day: other tests of the process have counted as well."""
    return value != bed.before.get((name, of))


async def everything_is_counted_once(bed: Bed) -> None:
    received = sum(map(len, bed.world.push.received.values()))
    counted = {
        "attempts": await bed.number("erasmus_push_attempts_total", lane="fcm", outcome="accepted"),
        "ends": await bed.number("erasmus_deliveries_total", state="accepted"),
        "timed": await bed.number("erasmus_push_latency_seconds_count", lane="fcm"),
        "refused": await bed.number(
            "ewp_refused_total", api="omobility-cnr", reason="caller_not_authenticated"
        ),
        "rejected": await bed.number("graphql_rejected_total", reason="media_type_not_supported"),
        "of no route": await bed.number(
            "http_server_request_duration_seconds_count", method="GET", route="none", status="404"
        ),
        "strange": await bed.number(
            "http_server_request_duration_seconds_count",
            method="other",
            route="none",
            status="405",
        ),
        "questions": await bed.number("nlu_seconds_count"),
    }
    assert counted == {
        "attempts": received,
        "ends": received,
        "timed": received,
        "refused": 1,
        "rejected": 1,
        "of no route": 1,
        "strange": 1,
        "questions": 1,
    }
    by_notice = await bed.app.database.fetchval(
        "select count(*) from delivery where heard_at is not null and state = 'accepted'"
    )
    assert by_notice > 0
    assert await bed.number("erasmus_cnr_to_push_seconds_count") == by_notice
