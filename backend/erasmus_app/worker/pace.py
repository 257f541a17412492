"""How much of the time a worker takes for itself, see docs/decisions/0045-giving-way.md.

All of it, as long as nobody waits for an api. Where an api is late the workers stand back at once,
and do less in the next while: somebody stands before that one, and what is left here is done a
little later. Most of it then costs less, too, as what has come meanwhile from one partner is asked
for and written together.
"""

import asyncio
import time
from dataclasses import dataclass

from erasmus_app.store.crowding import Crowding
from erasmus_app.telemetry.metrics import WORKER_YIELDED

LONGEST_SLEEP = 1.0  # seconds: polling is the floor under NOTIFY
GAP = 0.03  # seconds between two looks, where the one before has brought all there was
LOOK = 0.05  # seconds between two looks at whether an api is late
EVERY = 0.5  # seconds between two judgements
MORE = 1.1  # what the share is multiplied with at each, where nobody was late since the last
LESS = 0.7, 0.9  # and where somebody was, between these two
AHEAD = 0.01  # seconds of work that may be done before they are earned


@dataclass(slots=True)
class Pace:
    """What part of the time a process works at most: 1, or down to `least` where there is a crowd.

    It is `least` as long as an api is late, and `share` between such moments. Work is what the
    kernel counts for the process; it is earned as time goes by.
    """

    least: float = 1.0
    share: float = 1.0
    crowded: bool = False  # whether an api is late right now
    _worst: float = 1.0  # how late one has been since the last judgement
    _judged: float = 0.0  # the loop's clock, when that was
    _owed: float = 0.0  # seconds of work that are not earned yet
    _at: float = 0.0  # the loop's clock, when that was reckoned
    _worked: float = 0.0  # by the process, until then

    async def keep(self, crowding: Crowding) -> None:
        """Follow what the apis tell, for as long as the process runs."""
        while True:
            await asyncio.sleep(LOOK)
            self.hear(await crowding.told())

    def hear(self, times: float) -> None:
        """Stand back while an api is so `times` later than it should be (1: none is late)."""
        now = asyncio.get_running_loop().time()
        if self.allowed == 1:  # what was worked until now was ours
            self._at, self._worked, self._owed = now, time.process_time(), 0.0
        self.crowded = times > 1
        self._worst = max(self._worst, times)
        if now - self._judged >= EVERY:
            self.judge(self._worst)
            self._worst, self._judged = 1.0, now
        WORKER_YIELDED.inc((1 - self.allowed) * LOOK)

    def judge(self, times: float) -> None:
        """Take less from now on where an api was so `times` too late, and else a little more."""
        step = min(max(1 / times, LESS[0]), LESS[1]) if times > 1 else MORE
        self.share = min(max(self.share * step, self.least), 1.0)

    @property
    def allowed(self) -> float:
        """What part of the time may be worked right now."""
        return self.least if self.crowded else self.share

    def hurry(self) -> None:
        """Take all of the time from now on: the process is about to end."""
        self.least = self.share = 1.0

    def places(self, most: int) -> int:
        """Return how much may be under way, where `most` may at other times.

        That is two at least: what takes long does not keep all else from being begun.
        """
        return max(round(most * self.share), min(most, 2))

    async def apart(self, looked_at: float) -> None:
        """Wait until a look at this moment (the loop's clock) is long enough ago for another.

        What comes by ones and twos in quick succession is so looked for together.
        """
        await asyncio.sleep(max(looked_at + GAP - asyncio.get_running_loop().time(), 0))
        await self.give_way()

    async def give_way(self) -> None:
        """Wait until what was worked is earned; not where others wait for what the caller holds."""
        while (allowed := self.allowed) < 1:
            now, worked = asyncio.get_running_loop().time(), time.process_time()
            earned = (now - self._at) * allowed
            self._owed = max(self._owed + worked - self._worked - earned, 0.0)
            self._at, self._worked = now, worked
            if self._owed <= AHEAD:
                return
            await asyncio.sleep(min((self._owed - AHEAD) / allowed, LOOK))  # or the crowd is gone
