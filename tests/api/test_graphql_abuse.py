"""What is made to wear GraphQL out, or to find out about it: the nine checks of GraphQL-cop."""

import json
from typing import Any

import pytest
from abuse import BODIES
from testbed import Bed

from strawberry_plans import Plans

NEW = {"accept": "application/graphql-response+json"}
JSON = {"content-type": "application/json"}
HINTS = {  # each asks for something that is nearly there
    "a field": {"query": "{ mee { id } }"},
    "a field below": {"query": "{ me { displayNam } }"},
    "an argument": {"query": '{ me { mobility(idd: "x") { id } } }'},
    "a type": {"query": "{ ... on Studen { id } }"},
    "an input's member": {
        "query": "mutation { registerDevice(device: {platfor: ANDROID}) { __typename } }"
    },
    "a value": {
        "query": 'mutation { registerDevice(device: {platform: ANDROI, target: "x"}) '
        "{ __typename } }"
    },
    "a variable's type": {"query": "query($a: Strin) { me { id } }"},
    "a variable's value": {
        "query": "mutation($d: DeviceInput!) { registerDevice(device: $d) { __typename } }",
        "variables": {"d": {"platform": "ANDROI", "target": "x", "language": "en"}},
    },
    "a variable's member": {
        "query": "mutation($d: DeviceInput!) { registerDevice(device: $d) { __typename } }",
        "variables": {"d": {"platfor": "ANDROID", "target": "x", "language": "en"}},
    },
    "a directive": {"query": "{ me { id @includ(if: true) } }"},
}


async def bearer(bed: Bed) -> dict[str, str]:
    return {"authorization": f"Bearer {(await bed.signed_in('ines')).token}"}


async def test_what_is_made_to_wear_us_out_is_refused_before_anything_runs(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
):
    ran: list[str] = []

    async def noted(_self: Plans, document: Any, *_: Any, **__: Any) -> Any:
        ran.append(str(document))
        raise AssertionError("it was run")

    headers = await bearer(bed) | JSON | NEW
    monkeypatch.setattr(Plans, "execute", noted)
    wrong = {}
    for name, body in BODIES.items():
        answer = await bed.http.post(f"{bed.address}/graphql", content=body, headers=headers)
        if answer.status_code != 400 or answer.json().get("data") is not None:
            wrong[name] = (answer.status_code, answer.text[:200])

    assert (wrong, ran) == ({}, [])


async def test_nobody_learns_what_there_is_by_nearly_naming_it(bed: Bed):
    headers = await bearer(bed) | NEW
    said = {}
    for name, asked in HINTS.items():
        answer = await bed.http.post(f"{bed.address}/graphql", json=asked, headers=headers)
        errors = answer.json()["errors"]
        assert answer.status_code == 400, name
        said[name] = [each["message"] for each in errors if "mean" in each["message"].lower()]

    assert said == {name: [] for name in HINTS}


async def test_the_rest_of_what_graphql_cop_asks(bed: Bed):
    headers, url = await bearer(bed), f"{bed.address}/graphql"
    query = {"query": "{ me { id } }"}
    mutation = {"query": "mutation { endOtherSessions }"}
    gets = [
        await bed.http.get(url, params=each, headers=headers | more)
        for each in (query, mutation, {})
        for more in ({}, {"accept": "text/html"})
    ]
    forms = [
        await bed.http.post(url, data=query, headers=headers),
        await bed.http.post(url, params=query, headers=headers),
        await bed.http.post(url, content=query["query"], headers=headers),
    ]
    traced = await bed.http.post(
        url, json=query | {"extensions": {"tracing": True}}, headers=headers | {"x-trace": "1"}
    )

    assert {each.status_code for each in gets} == {405}
    assert {each.status_code for each in forms} == {415}
    assert not any("graphiql" in each.text.lower() for each in [*gets, *forms])
    assert (traced.status_code, set(traced.json())) == (200, {"data"})


async def test_a_number_of_any_length_is_refused_and_breaks_nothing(bed: Bed):
    headers = await bearer(bed) | JSON | NEW
    for digits in (10, 11, 12, 4_301, 40_000):
        number = "9" * digits
        for query in (
            f"{{ me {{ inbox(first: {number}) {{ nodes {{ id }} }} }} }}",
            f"{{ me {{ inbox(first: -{number}) {{ nodes {{ id }} }} }} }}",
            f"{{ me {{ mobility(id: {number}) {{ id }} }} }}",
        ):
            body = json.dumps({"query": query})
            answer = await bed.http.post(f"{bed.address}/graphql", content=body, headers=headers)
            codes = [each["extensions"]["code"] for each in answer.json().get("errors", [])]
            assert (answer.status_code, "internal_error" in codes) != (500, True), digits
            assert answer.status_code in {200, 400}, digits
    variables = '{"query": "query($n: Int) { me { inbox(first: $n) { nodes { id } } } }", '
    for given in ("9" * 5_000, "1e400", "-" + "9" * 5_000, "1.5", "true", '"9"'):
        body = f'{variables}"variables": {{"n": {given}}}}}'
        answer = await bed.http.post(f"{bed.address}/graphql", content=body, headers=headers)
        assert answer.status_code == 400, given[:20]
