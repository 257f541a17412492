"""What answers questions, wired; the one place that knows what understands them."""

import asyncio
from functools import cache, partial

import structlog
from redis.asyncio import Redis

from erasmus_app.chat.limits import Allowance, CountsInMemory
from erasmus_app.chat.ports import Band, Understood
from erasmus_app.kit.clock import Clock
from erasmus_app.settings import Settings
from erasmus_app.store.keys import RedisQuestionCounts
from erasmus_nlu import Nlu, open_nlu

log = structlog.get_logger(__name__)

AT_ONCE = 2  # questions that are read at the same time: each takes a core for some 20 ms


class OfflineUnderstanding:
    """Understands in threads of its own, so that nothing else waits."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)

    @property
    def version(self) -> str:
        """Return which weights, phrases and code these are."""
        return _nlu().version

    async def understand(self, question: str, locale: str) -> Understood:
        """Say what a question is about."""
        async with self._turns:
            nlu = await asyncio.to_thread(_nlu)
            found = await asyncio.to_thread(partial(nlu.understand, question, locale))
        return Understood(
            question=found.question,
            language=found.language,
            band=Band(found.band.value),
            intents=tuple(each.intent for each in found.choices),
            version=found.version,
        )


def allowance(settings: Settings, redis: Redis, clock: Clock) -> Allowance:
    """Return how often an account may ask."""
    return Allowance(
        counts=RedisQuestionCounts(redis),
        alone=CountsInMemory(clock),
        a_minute=settings.questions_a_minute,
        a_day=settings.questions_a_day,
        away=lambda: log.warning("chat.counted_alone"),
    )


@cache
def _nlu() -> Nlu:
    """Open what is installed, once a process: a third of a gigabyte that a worker never needs."""
    return open_nlu()
