"""What a plan promises beside its bytes: who is called how often, and what is remembered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import strawberry
from graphql import DocumentNode, ExecutionResult, GraphQLError
from strawberry.dataloader import DataLoader

from strawberry_plans import Plans

CALLS: list[str] = []


@strawberry.type
class Town:
    name: str

    @strawberry.field
    async def country(self, info: strawberry.Info) -> str:
        found: str = await info.context["countries"].load(self.name)
        return found


@strawberry.type
class Query:
    @strawberry.field
    async def towns(self, first: int = 3) -> list[Town]:
        return [Town(name=each) for each in ("Porto", "Graz", "Turku")[:first]]


@strawberry.type
class Done:
    times: int
    note: str | None = None


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def book(self, what: str, note: str | None = None) -> Done:
        CALLS.append(what)
        return Done(times=len(CALLS), note=note)

    @strawberry.mutation
    def fail(self) -> Done:
        CALLS.append("fail")
        raise ValueError("no")

    @strawberry.mutation
    def wrong(self) -> Done:
        CALLS.append("wrong")
        return Done(times=2**40)


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def counted(self, up_to: int) -> AsyncIterator[Done]:
        try:
            for number in range(up_to):
                yield Done(times=number if number != 1 else 2**40)
        finally:
            CALLS.append("closed")

    @strawberry.subscription
    async def broken(self, after: int) -> AsyncIterator[Done]:
        for number in range(after):
            yield Done(times=number)
        raise ValueError("no more")


class Quiet(strawberry.Schema):
    def process_errors(self, errors: Any, execution_context: Any = None) -> None:
        """Log nothing."""


SCHEMA = Quiet(Query, Mutation, Subscription)


@pytest.fixture(autouse=True)
def no_calls() -> None:
    CALLS.clear()


def told(result: Any) -> tuple[Any, list[str]]:
    return result.data, [each.message for each in result.errors or ()]


async def test_loaders_batch_as_they_do_for_the_reference():
    batches: list[list[str]] = []

    async def load(names: list[str]) -> list[str]:
        batches.append(names)
        return [f"country of {each}" for each in names]

    plans = Plans(SCHEMA)
    context = {"countries": DataLoader(load)}
    query = "query($n: Int!) { towns(first: $n) { name country } }"
    found = await plans.execute(query, {"n": 2}, context=context)

    assert told(found) == (
        {
            "towns": [
                {"name": "Porto", "country": "country of Porto"},
                {"name": "Graz", "country": "country of Graz"},
            ]
        },
        [],
    )
    assert batches == [["Porto", "Graz"]]
    assert (plans.ran, plans.fell_back) == (1, {})


async def test_a_mutations_fields_are_called_once_and_in_order_by_plan():
    plans = Plans(SCHEMA)
    query = """mutation { one: book(what: "a") { times } two: book(what: "b") { times note } }"""

    assert told(await plans.execute(query)) == (
        {"one": {"times": 1}, "two": {"times": 2, "note": None}},
        [],
    )
    assert (CALLS, plans.ran) == (["a", "b"], 1)


@pytest.mark.parametrize("bad", ["fail", "wrong"])
async def test_a_mutations_fields_are_called_once_where_the_reference_takes_over(bad: str):
    plans = Plans(SCHEMA)
    query = f"""mutation {{ one: book(what: "a") {{ times }} {bad} {{ times }} }}"""
    planned = told(await plans.execute(query))
    calls = list(CALLS)
    CALLS.clear()
    reference = told(await SCHEMA.execute(query))

    assert planned == reference
    assert planned[1]
    assert (calls, CALLS) == (["a", bad], ["a", bad])
    assert plans.fell_back.total() == 1


async def test_what_stands_behind_a_field_that_fails_is_called_as_the_reference_does():
    query = """mutation { fail { times } two: book(what: "b") { times } }"""
    planned = told(await Plans(SCHEMA).execute(query))
    calls = list(CALLS)
    CALLS.clear()

    assert planned == told(await SCHEMA.execute(query))
    assert calls == CALLS


async def test_each_event_of_a_subscription_is_answered_by_plan_or_by_the_reference():
    plans = Plans(SCHEMA)
    query = "subscription($n: Int!) { counted(upTo: $n) { times note } }"
    stream = await plans.subscribe(query, {"n": 3})
    assert not isinstance(stream, ExecutionResult)
    planned = [told(each) async for each in stream]
    reference = await SCHEMA.subscribe(query, {"n": 3})

    assert planned == [told(each) async for each in reference]
    assert [data["counted"]["times"] if data else None for data, _ in planned] == [0, None, 2]
    assert (plans.ran, plans.fell_back.total()) == (2, 1)
    assert CALLS == ["closed", "closed"]


async def test_a_source_that_fails_ends_in_a_result_that_says_so():
    query = "subscription { broken(after: 1) { times } }"
    stream: Any = await Plans(SCHEMA).subscribe(query)
    reference: Any = await SCHEMA.subscribe(query)

    planned = [told(each) async for each in stream]
    assert planned == [told(each) async for each in reference]
    assert planned[-1] == (None, ["no more"])


async def test_a_subscription_that_is_left_closes_its_source():
    stream: Any = await Plans(SCHEMA).subscribe("subscription { counted(upTo: 9) { times } }")
    assert told(await anext(stream)) == ({"counted": {"times": 0}}, [])
    await stream.aclose()

    assert CALLS == ["closed"]


@pytest.mark.parametrize(
    ("query", "variables", "says"),
    [
        ("subscription {", {}, "Syntax Error"),
        ("subscription { uncounted { times } }", {}, "Cannot query field"),
        ("subscription($n: Int!) { counted(upTo: $n) { times } }", {"n": "x"}, "'$n'"),
    ],
)
async def test_a_subscription_that_is_wrong_is_a_result(
    query: str, variables: dict[str, Any], says: str
):
    found: Any = await Plans(SCHEMA).subscribe(query, variables)

    assert (found.data, says in found.errors[0].message) == (None, True)


async def test_a_document_that_is_refused_once_is_not_looked_at_again():
    looked: list[int] = []

    def inspect(document: DocumentNode) -> str:
        looked.append(len(document.definitions))
        if len(document.definitions) > 1:
            raise GraphQLError("too much")
        return "fine"

    plans = Plans(SCHEMA, inspect=inspect, most_tokens=30)
    two = "query A { towns { name } } query B { towns { name } }"
    for query, says in (
        (two, "too much"),
        ("{ town }", "Cannot query field"),
        ("{" * 40, "Syntax Error"),
        ("{ towns { " + "name " * 40 + "} }", "more than 30 tokens"),
    ):
        for _ in range(2):
            [message] = told(await plans.execute(query))[1]
            assert says in message

    assert looked == [2, 1]
    assert plans.read("{ towns { name } }").found == "fine"


async def test_what_is_kept_is_never_forgotten_and_all_else_is_bounded():
    plans = Plans(SCHEMA, size=2)
    kept = plans.keep("{ towns { name } }")
    others = [plans.read(f"{{ t{n}: towns {{ name }} }}") for n in range(3)]

    assert plans.read("{ towns { name } }") is kept
    assert plans.read(others[2].text) is others[2]
    assert plans.read(others[0].text) is not others[0]


async def test_variants_of_conditions_are_bounded():
    names = [f"v{n}" for n in range(5)]
    declared = ", ".join(f"${each}: Boolean!" for each in names)
    fields = " ".join(f"{each}: towns @include(if: ${each}) {{ name }}" for each in names)
    plans, query = Plans(SCHEMA), f"query({declared}) {{ {fields} }}"
    for number in range(32):
        given = {each: bool(number >> n & 1) for n, each in enumerate(names)}
        data, _ = told(await plans.execute(query, given))
        assert list(data) == [each for each in names if given[each]]

    assert (plans.ran, plans.fell_back) == (16, {"too many conditions": 16})


@strawberry.type
class Harbour:
    name: str

    @strawberry.field
    def depth(self, info: strawberry.Info) -> int:
        CALLS.append(self.name)
        return int(info.context[self.name])

    @strawberry.field
    async def ships(self) -> list[str]:
        CALLS.append(f"ships {self.name}")
        return [f"from {self.name}"]


LISBON = Harbour(name="Lisbon")


@strawberry.type
class Route:
    start: Harbour
    end: Harbour


@strawberry.type
class Sea:
    @strawberry.field
    def routes(self) -> list[Route]:
        return [Route(start=LISBON, end=Harbour(name="Lisbon")), Route(start=LISBON, end=LISBON)]


async def test_an_object_of_a_type_that_is_alike_everywhere_is_completed_once():
    CALLS.clear()
    schema = strawberry.Schema(Sea)
    plans = Plans(schema, alike={"Harbour"})
    query = "{ routes { start { name depth ships } end { name depth ships } } }"

    found = await plans.execute(query, context={"Lisbon": 12})

    assert found.data == (await schema.execute(query, context_value={"Lisbon": 12})).data
    assert plans.fell_back == {}
    # Twice, as there are two objects; and of the same one, two selections.
    assert CALLS[: -8 or None].count("Lisbon") == 3
    assert CALLS[: -8 or None].count("ships Lisbon") == 3
    again = await plans.execute(query, context={"Lisbon": 13})
    assert again.data is not None
    assert again.data["routes"][0]["start"]["depth"] == 13
