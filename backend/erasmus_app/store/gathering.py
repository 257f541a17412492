"""What several ask for at the same time, asked of the database once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


@dataclass(slots=True)
class Gathering(Generic[Asked, Answer]):
    """Asks for one at once; what comes while that is on its way goes together in the next.

    So a statement serves many under load, and nobody waits for others to come. `together` returns
    an answer for each that it was given, at most `most` of them. What it raises is told to all of
    them, but for the errors in `one_by_one`: one alone may be why, so they are asked for again
    each by itself.
    """

    together: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer]]]
    most: int
    one_by_one: tuple[type[Exception], ...] = ()
    _waiting: list[tuple[Asked, asyncio.Future[Answer]]] = field(default_factory=list)
    _asking: asyncio.Task[None] | None = None

    async def __call__(self, asked: Asked) -> Answer:
        """Return the answer for one.

        Raises:
            Exception: what `together` has raised.
        """
        mine: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, mine))
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask_all())
        return await mine

    async def _ask_all(self) -> None:
        try:
            while self._waiting:
                some, self._waiting = self._waiting[: self.most], self._waiting[self.most :]
                await self._ask(some)
        finally:
            self._asking = None
            for _, mine in self._waiting:  # none, unless the loop is being closed
                mine.cancel()

    async def _ask(self, some: Sequence[tuple[Asked, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self.together([asked for asked, _ in some])
        except Exception as error:  # noqa: BLE001 - it is theirs who wait for it
            if len(some) > 1 and isinstance(error, self.one_by_one):
                for each in some:
                    await self._ask([each])
                return
            for _, mine in some:
                if not mine.done():
                    mine.set_exception(error)
            return
        for (_, mine), answer in zip(some, answers, strict=True):
            if not mine.done():  # else whoever asked has gone
                mine.set_result(answer)
