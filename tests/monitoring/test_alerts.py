"""The alert rules over series that are written down: they fire, they do not, and they stop."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from guide import PAGES, places
from promql import NAME, Labels, Series, labels, without_name

ROOT = Path(__file__).parents[2]
RULES = ROOT / "docs/monitoring/alerts.yaml"
CASES = yaml.safe_load(Path(__file__).with_name("alerts.yaml").read_text(encoding="utf-8"))
MINUTE = 60
UNITS = {"s": 1, "m": 60, "h": 3600}


@cache
def groups() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return found


def alerts() -> dict[str, dict[str, Any]]:
    rules = chain.from_iterable(group["rules"] for group in groups())
    return {rule["alert"]: rule for rule in rules if "alert" in rule}


def records(alert: str) -> list[dict[str, Any]]:
    """What is recorded in the alert's group, before it."""
    [group] = [g for g in groups() if alert in {rule.get("alert") for rule in g["rules"]}]
    return [rule for rule in group["rules"] if "record" in rule]


def seconds(span: str) -> int:
    return int(span[:-1]) * UNITS[span[-1]]


def series_of(text: str) -> Labels:
    """Read `name{label="value"}`."""
    selector = promql_parser.parse(text)
    given = {each.name: each.value for each in selector.matchers.matchers}
    return labels(given | {NAME: selector.name})


def values(text: str) -> Iterator[float | None]:
    """Read promtool's way to write samples: `0+60x3` is 0 60 120 180, `_x2` none twice."""
    for each in text.split():
        if each[0] == "_":
            yield from [None] * int(each[2:] or 1)
            continue
        match = re.fullmatch(r"(\d+)(?:\+(\d+))?x(\d+)", each)
        assert match, each
        first, step, times = int(match[1]), int(match[2] or 0), int(match[3])
        yield from (float(first + step * number) for number in range(times + 1))


def given(written: Mapping[str, str]) -> Series:
    series = Series()
    for name, text in written.items():
        for minute, value in enumerate(values(text)):
            if value is not None:
                series.add(series_of(name), minute * MINUTE, value)
    return series


def firing(alert: str, series: Series, until: int) -> Iterator[tuple[int, set[Labels]]]:
    """Which of an alert fire, minute by minute, as Prometheus would evaluate its group."""
    rule, recorded, since = alerts()[alert], records(alert), dict[Labels, int]()
    patience = seconds(rule.get("for", "0s"))
    for now in range(0, until + 1, MINUTE):
        for record in recorded:
            for of, value in series.value(record["expr"], now).items():
                named = dict(of) | record.get("labels", {}) | {NAME: record["record"]}
                series.add(labels(named), now, value)
        active = {without_name(of) for of in series.value(rule["expr"], now)}
        since = {of: since.get(of, now) for of in active}
        yield (
            now,
            {
                labels(dict(of) | rule.get("labels", {}))
                for of, began in since.items()
                if now - began >= patience
            },
        )


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["alert"]))
def test_an_alert_fires_when_it_should_and_stops(case: dict[str, Any]):
    wanted = {
        seconds(at): {labels(each) for each in expected} for at, expected in case["at"].items()
    }
    found = dict(firing(case["alert"], given(case["series"]), max(wanted)))

    assert {at: found[at] for at in wanted} == wanted


def test_each_alert_is_seen_firing_and_not():
    seen: dict[str, set[bool]] = {name: set() for name in alerts()}
    for case in CASES:
        seen[case["alert"]] |= {bool(expected) for expected in case["at"].values()}

    assert seen == {name: {True, False} for name in alerts()}


def test_each_alert_says_what_is_wrong_what_that_means_and_where_to_read_on():
    there = {f"{page}#{place}" for page, text in PAGES.items() for place in places(text)}
    for name, rule in alerts().items():
        said = rule["annotations"]
        assert set(said) == {"summary", "description", "runbook"}, name
        assert said["runbook"] in there, name
        assert rule["labels"]["severity"] in {"page", "ticket"}, name


def filled(text: str, of: Mapping[str, str]) -> str:
    """A text with the alert's labels in it, as Prometheus fills it."""
    return re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda match: of.get(match[1], ""), text)


def for_promtool(case: dict[str, Any]) -> dict[str, Any]:
    said = alerts()[case["alert"]]["annotations"]
    return {
        "interval": "1m",
        "input_series": [{"series": s, "values": v} for s, v in case["series"].items()],
        "alert_rule_test": [
            {
                "eval_time": at,
                "alertname": case["alert"],
                "exp_alerts": [
                    {
                        "exp_labels": each,
                        "exp_annotations": {key: filled(text, each) for key, text in said.items()},
                    }
                    for each in expected
                ],
            }
            for at, expected in case["at"].items()
        ],
    }


@pytest.mark.long
@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_prometheus_sees_them_alike(tmp_path: Path):
    tests = {"rule_files": [str(RULES)], "evaluation_interval": "1m"}
    path = tmp_path / "tests.yaml"
    path.write_text(yaml.safe_dump(tests | {"tests": [for_promtool(case) for case in CASES]}))

    done = subprocess.run(
        ["promtool", "test", "rules", path], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
