"""What the APIs call things: one table for those who ask and those who answer (guide §4)."""

import pytest
from unit.ewp.host.world import LINDENTAL, Kept, hosted

from ewp.apis import about_hei, element_of, in_parts, limit_of, most_of, names_of, reading

HEI = "ribeira.example"
SERVED = hosted(Kept())[LINDENTAL].services


@pytest.mark.parametrize(
    ("api", "named"),
    [
        ("omobilities", {1: "sending_hei_id", 2: "sending_hei_id", 3: None}),
        ("omobility-las", {1: "sending_hei_id"}),
        ("imobilities", {1: "receiving_hei_id", 2: None}),
        ("imobility-tors", {1: "receiving_hei_id", 2: "receiving_hei_id", 3: None}),
        ("iias", {6: "hei_id", 7: None}),
        ("organizational-units", {1: "hei_id", 2: "hei_id"}),
        ("courses", {1: "hei_id"}),
        ("simple-course-replication", {1: "hei_id"}),
        ("institutions", {1: None, 2: None}),
        ("omobility-cnr", {1: "sending_hei_id", 2: None}),
        ("omobility-la-cnr", {1: "sending_hei_id"}),
        ("imobility-cnr", {1: "receiving_hei_id", 2: None}),
        ("imobility-tor-cnr", {1: "receiving_hei_id", 2: None}),
        ("unheard-of", {1: None}),
    ],
)
def test_an_hei_is_named_as_each_version_wants_it(api, named):
    for major, name in named.items():
        assert about_hei(api, major, HEI) == ([(name, HEI)] if name else [])


@pytest.mark.parametrize(
    ("api", "parameter", "limit"),
    [
        ("omobilities", "omobility_id", "max-omobility-ids"),
        ("institutions", "hei_id", "max-hei-ids"),
        ("organizational-units", "ounit_id", "max-ounit-ids"),
        ("courses", "los_id", "max-los-ids"),
        ("iias", "iia_id", "max-iia-ids"),
    ],
)
def test_objects_are_named_and_limited_by_the_same_word(api, parameter, limit):
    assert names_of(api).objects == parameter
    assert limit_of(parameter) == limit


@pytest.mark.parametrize(
    ("limits", "most"), [({}, 1), ({"max-los-ids": 0}, 1), ({"max-los-ids": 7}, 7)]
)
def test_one_is_the_limit_where_nothing_is_said(limits, most):
    assert most_of(limits, "los_id") == most


def test_values_go_once_each_in_parts_of_the_limit():
    assert in_parts("courses", 1, {"max-los-ids": 2}, "los_id", ["a", "b", "a", "c"]) == [
        [("los_id", "a"), ("los_id", "b")],
        [("los_id", "c")],
    ]
    assert in_parts("courses", 1, {}, "los_id", []) == []


@pytest.mark.parametrize(("major", "parts"), [(6, 1), (7, 2)])
def test_an_agreement_whose_hash_counts_is_asked_for_alone(major, parts):
    assert len(in_parts("iias", major, {"max-iia-ids": 5}, "iia_id", ["a", "b"])) == parts


def test_an_endpoint_is_where_its_element_says_or_at_the_only_address():
    assert [element_of(each) for each in ("", "get", "stats")] == ["url", "get-url", "stats-url"]
    assert reading({"get-url": "a", "index-url": "b"}, "index") == "index-url"
    assert reading({"url": "a"}, "index") == "url"


@pytest.mark.parametrize("service", SERVED, ids=lambda each: f"{each.api}-{each.major}")
def test_what_a_host_serves_is_called_as_the_table_says(service):
    names = names_of(service.api)
    children = dict(service.offer("https://hei.example").children)

    assert set(service.endpoints) <= set(names.endpoints)
    assert {element_of(each) for each in service.endpoints} == {
        each for each in children if each.endswith("url")
    }
    limits = [each for each in children if each.startswith("max-")]
    assert limits[:1] == ([limit_of(names.objects)] if limits else [])
