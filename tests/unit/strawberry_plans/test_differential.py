"""A plan and the reference executor give the same bytes, whatever is asked of whatever data."""

import asyncio
import gc
import warnings
from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.strawberry_plans.generated import Writer, thing, world

from strawberry_plans import Plans

VARIABLES: list[dict[str, Any] | None] = [
    {"on": True},
    {"on": False, "off": True, "n": 7},
    {"on": True, "n": None},
    {"on": "yes"},
    None,
]


def as_bytes(result: Any) -> bytes:
    errors = [each.formatted for each in result.errors or ()]
    return msgspec.json.encode({"data": result.data, "errors": errors}, enc_hook=repr)


@pytest.fixture(autouse=True, scope="module")
def collected_quickly() -> Iterator[None]:
    """Have collections look at what the tests make, and not at every module again."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


async def both(random: Random, poison: float) -> tuple[bytes, bytes, Plans, str]:
    of = world(random)
    root = thing(random, of, "Query", poison)
    query = Writer(random, of).query()
    plans = Plans(of.schema)
    variables = random.choice(VARIABLES if poison else VARIABLES[:2])
    with warnings.catch_warnings():
        # The reference executor leaves coroutines behind where a field beside them fails.
        warnings.simplefilter("ignore", RuntimeWarning)
        found = await of.schema.execute(query, variables, root_value=root)
        reference = as_bytes(found)
        planned = as_bytes(await plans.execute(query, variables, root=root))
        if found.errors or planned != reference:
            await asyncio.sleep(0.001)
            del found
            gc.collect()
    return planned, reference, plans, query


ANY = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, *HealthCheck]
)


@pytest.mark.long
@ANY
@given(random=st.randoms(use_true_random=False))
async def test_poisoned_data_ends_alike(random: Random):
    planned, reference, _, query = await both(random, 0.03)
    assert planned == reference, query


@pytest.mark.parametrize("seed", range(200))
async def test_sound_data_ends_alike(seed: int):
    planned, reference, _, query = await both(Random(seed), 0)
    assert planned == reference, query


async def test_most_of_what_is_sound_is_run_by_plan():
    ran = fell_back = 0
    why: dict[str, int] = {}
    for seed in range(1000, 1150):
        *_, plans, _query = await both(Random(seed), 0)
        ran += plans.ran
        fell_back += plans.fell_back.total()
        for each, times in plans.fell_back.items():
            why[each] = why.get(each, 0) + times
    assert ran > fell_back, why


async def test_a_plan_that_gives_up_leaves_nothing_to_wait_for(monkeypatch: pytest.MonkeyPatch):
    gave_up = 0
    with warnings.catch_warnings(record=True) as left:
        warnings.simplefilter("always")
        for seed in range(150):
            random = Random(seed)
            of = world(random)
            root = thing(random, of, "Query", 0.05)
            query, plans = Writer(random, of).query(), Plans(of.schema)

            async def nothing(*_: Any, **__: Any) -> None:
                return None

            monkeypatch.setattr(of.schema, "execute", nothing)
            await plans.execute(query, {"on": True}, root=root)
            gave_up += plans.fell_back.total() - plans.fell_back["variables"]
        del root, plans
        gc.collect()

    assert [str(each.message) for each in left] == []
    assert gave_up > 20
