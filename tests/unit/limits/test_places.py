"""How much is done at once: who waits, for how long, and who is turned away."""

import asyncio
import contextlib
from collections import Counter

import pytest

from erasmus_app.errors import Crowded
from erasmus_app.limits.places import LATEST, SOONEST, Places


class Door:
    """Somebody behind `places`, who stays until let go."""

    def __init__(self, most: int, patience: float = 60.0, hurried: float = 0.01) -> None:
        self.refused: Counter[str] = Counter()
        self.places = Places(
            name="door", most=most, refused=self.refused, patience=patience, hurried=hurried
        )
        self.inside: list[str] = []

    async def visit(self, name: str, leave: asyncio.Event | None = None) -> None:
        async with self.places:
            self.inside.append(name)
            if leave is not None:
                await leave.wait()


async def begun(*visits: asyncio.Task[None]) -> None:
    """Let tasks run until they wait for something."""
    for _ in range(len(visits) * 3 + 3):
        await asyncio.sleep(0)


async def test_there_is_a_place_for_so_many_and_the_next_are_let_in_in_turn():
    door, leave = Door(2), asyncio.Event()
    first = [asyncio.create_task(door.visit(name, leave)) for name in ("a", "b")]
    await begun(*first)
    later = [asyncio.create_task(door.visit(name)) for name in ("c", "d", "e")]
    await begun(*later)
    assert door.inside == ["a", "b"]

    leave.set()
    await asyncio.gather(*first, *later)
    assert (door.inside, door.refused) == (["a", "b", "c", "d", "e"], Counter())


async def test_who_has_waited_for_long_enough_is_told_when_to_come_again():
    door, leave = Door(1, patience=0.05), asyncio.Event()
    first = asyncio.create_task(door.visit("a", leave))
    await begun(first)

    with pytest.raises(Crowded) as refused:
        await door.visit("b")

    after = refused.value.after
    assert SOONEST <= after <= LATEST
    assert refused.value.headers == {"Retry-After": str(after)}
    assert str(refused.value) == f"Too many are asking just now: please come back in {after} s."
    assert door.refused == {"door": 1}
    leave.set()
    await first
    await door.visit("c")
    assert door.inside == ["a", "c"]


async def test_nobody_waits_for_long_where_the_line_does_not_end():
    door, leave = Door(1, patience=0.2), asyncio.Event()
    first = asyncio.create_task(door.visit("a", leave))
    await begun(first)
    loop = asyncio.get_running_loop()

    async def waited() -> float:
        since = loop.time()
        with contextlib.suppress(Crowded):
            await door.visit("never")
        return loop.time() - since

    line = [asyncio.create_task(waited())]
    await asyncio.sleep(0.15)
    line.append(asyncio.create_task(waited()))  # before the first goes: the line goes on
    await asyncio.sleep(0.1)
    line.append(asyncio.create_task(waited()))
    patient, second, hurried = await asyncio.gather(*line)

    assert patient >= 0.2
    assert second >= 0.2
    assert 0.01 <= hurried < 0.2
    assert door.refused == {"door": 3}
    leave.set()
    await first


async def test_after_the_line_has_ended_one_waits_with_patience_again():
    door, leave = Door(1, patience=0.1), asyncio.Event()
    first = asyncio.create_task(door.visit("a", leave))
    await begun(first)
    with pytest.raises(Crowded):
        await door.visit("b")
    leave.set()
    await first

    again = asyncio.Event()
    second = asyncio.create_task(door.visit("c", again))
    await begun(second)
    third = asyncio.create_task(door.visit("d"))
    await asyncio.sleep(0.05)  # longer than who hurries waits
    again.set()
    await asyncio.gather(second, third)
    assert door.inside == ["a", "c", "d"]


@pytest.mark.parametrize("given", [False, True], ids=["waiting", "just let in"])
async def test_who_leaves_the_line_keeps_nobody_from_a_place(given: bool):
    door, leave = Door(1), asyncio.Event()
    first = asyncio.create_task(door.visit("a", leave))
    await begun(first)
    second = asyncio.create_task(door.visit("b"))
    third = asyncio.create_task(door.visit("c"))
    await begun(second, third)

    if given:
        door.places._pass_on()  # as `a` does when it leaves, in the same moment
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    if not given:
        leave.set()
    await third
    leave.set()
    await first
    assert door.inside == ["a", "c"]


async def test_an_error_within_gives_the_place_back():
    door = Door(1)
    with pytest.raises(ValueError, match="mine"):
        async with door.places:
            raise ValueError("mine")
    await door.visit("a")
    assert door.inside == ["a"]
