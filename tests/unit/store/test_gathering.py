"""What several ask for at the same time is asked for once."""

import asyncio
from collections.abc import Sequence

import pytest

from erasmus_app.store.gathering import Gathering


class Doubling:
    """Doubles numbers, by the list; waits until it may, and remembers the lists."""

    def __init__(self) -> None:
        self.lists: list[list[int]] = []
        self.may = asyncio.Event()
        self.may.set()
        self.gather = Gathering(self.together, most=3, one_by_one=(ValueError,))

    async def together(self, numbers: Sequence[int]) -> list[int]:
        self.lists.append(list(numbers))
        await self.may.wait()
        if any(each < 0 for each in numbers):
            raise ValueError(min(numbers))
        if 0 in numbers:
            raise KeyError(0)
        return [2 * each for each in numbers]

    async def all(self, *numbers: int) -> list[object]:
        asked = (self.gather(each) for each in numbers)
        return [
            each if isinstance(each, int) else type(each)
            for each in await asyncio.gather(*asked, return_exceptions=True)
        ]


@pytest.fixture
async def doubling() -> Doubling:
    return Doubling()


async def test_one_is_asked_for_at_once(doubling: Doubling):
    assert await doubling.gather(4) == 8
    assert doubling.lists == [[4]]


async def test_who_comes_while_one_is_on_its_way_goes_with_the_next(doubling: Doubling):
    doubling.may.clear()
    first = asyncio.create_task(doubling.gather(1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others = asyncio.create_task(doubling.all(2, 3, 4, 5))
    await asyncio.sleep(0)
    doubling.may.set()

    assert (await first, await others) == (2, [4, 6, 8, 10])
    assert doubling.lists == [[1], [2, 3, 4], [5]]


async def test_what_fails_fails_for_all_who_were_asked_for_with_it(doubling: Doubling):
    assert await doubling.all(1, 0, 2, 3) == [KeyError, KeyError, KeyError, 6]
    assert doubling.lists == [[1, 0, 2], [3]]


async def test_what_is_one_alones_fault_fails_alone(doubling: Doubling):
    assert await doubling.all(1, -1, 2) == [2, ValueError, 4]
    assert doubling.lists == [[1, -1, 2], [1], [-1], [2]]


async def test_who_has_gone_takes_nobody_along(doubling: Doubling):
    doubling.may.clear()
    gone, stays = (asyncio.create_task(doubling.gather(each)) for each in (1, 2))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    doubling.may.set()

    assert await stays == 4
    assert await doubling.gather(3) == 6
