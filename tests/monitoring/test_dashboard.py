"""The dashboard as Grafana imports it: in rows, each panel with a place and an expression."""

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import promql_parser

ROOT = Path(__file__).parents[2]
DASHBOARD = json.loads((ROOT / "docs/monitoring/dashboard.json").read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]


def test_there_is_a_row_for_each_of_those_who_ask():
    rows = [each["title"] for each in PANELS if each["type"] == "row"]
    assert rows == ["Students", "Pushes", "Partners", "Jobs", "Engines", "Chat"]


def test_each_panel_has_a_name_an_id_and_room_of_its_own():
    assert len({each["id"] for each in PANELS}) == len(PANELS)
    assert len({each["title"] for each in PANELS}) == len(PANELS)
    for one, other in combinations([each["gridPos"] for each in PANELS], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above, (one, other)
    assert all(each["gridPos"]["x"] + each["gridPos"]["w"] <= 24 for each in PANELS)


def test_each_panel_asks_the_prometheus_that_is_chosen_at_import():
    [chosen] = DASHBOARD["__inputs"]
    uid = f"${{{chosen['name']}}}"
    for panel in PANELS:
        for target in panel.get("targets", ()):
            assert target["datasource"] == {"type": "prometheus", "uid": uid}
            promql_parser.parse(target["expr"].replace("$__rate_interval", "5m"))
        assert panel["type"] == "row" or panel["targets"]
