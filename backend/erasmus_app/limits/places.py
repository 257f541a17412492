"""How much a process does at once: what comes faster than it can be done waits, or comes again.

Whatever is begun gets its share of one core and of ten connections. Begin all that comes, and under
a load that lasts each answer takes as long as the whole crowd does: whoever asked has left by then,
and has asked once more. So only so many are at work. Others wait for a place, for `patience`; where
somebody has been waiting for as long as that without a pause, it is no burst, and nobody waits
longer than `hurried` (as CoDel does for packets, RFC 8289). Who is served is served soon then, and
the others hear at once when to come again.
"""

import asyncio
import secrets
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import NoReturn

from erasmus_app.errors import Crowded

SOONEST, LATEST = 1, 5  # seconds until who was turned away may come again: not all at one moment


@dataclass(slots=True, kw_only=True)
class Places:
    """A door's places; `async with` takes one, and gives it back.

    A place is for what needs our own engines alone: who waits for a slow body, or for a server of
    somebody else's, would keep others from it.

    Raises:
        Crowded: there is none, and there will be none soon enough.
    """

    name: str
    most: int
    refused: Counter[str] = field(default_factory=Counter)  # by name, since the start
    patience: float = 5.0  # seconds
    hurried: float = 1.0
    _taken: int = 0
    _line: deque[asyncio.Future[None]] = field(default_factory=deque)
    _since: float = 0.0  # the loop's clock: since then there has always been somebody in the line

    def look(self) -> None:
        """Turn somebody away who would wait in vain, before anything is done for them."""
        if len(self._line) > self.most and self._lasts():
            self._turn_away()

    async def __aenter__(self) -> None:
        """Take a place, now or soon."""
        if self._taken < self.most:
            self._taken += 1
            return
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        if not self._line:
            self._since = loop.time()
        self._line.append(turn)
        try:
            async with asyncio.timeout(self.hurried if self._lasts() else self.patience):
                await turn
        except TimeoutError:
            if _is_given(turn):
                return
            self._leave(turn)
            self._turn_away()
        except asyncio.CancelledError:
            if _is_given(turn):
                self._pass_on()
            self._leave(turn)
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the place to who has waited longest, or back."""
        self._pass_on()

    def _lasts(self) -> bool:
        return asyncio.get_running_loop().time() - self._since >= self.patience

    def _turn_away(self) -> NoReturn:
        self.refused[self.name] += 1
        raise Crowded(SOONEST + secrets.randbelow(LATEST - SOONEST + 1)) from None

    def _pass_on(self) -> None:
        while self._line:
            turn = self._line.popleft()
            if not turn.done():  # else they leave in this moment
                turn.set_result(None)
                return
        self._taken -= 1

    def _leave(self, turn: asyncio.Future[None]) -> None:
        with suppress(ValueError):
            self._line.remove(turn)


def _is_given(turn: asyncio.Future[None]) -> bool:
    return turn.done() and not turn.cancelled()
