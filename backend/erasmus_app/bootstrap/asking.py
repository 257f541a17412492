"""What stands around answering, wired: how often one may ask, and what is learnt from questions."""

import structlog
from redis.asyncio import Redis

from erasmus_app.chat.limits import Allowance, CountsInMemory
from erasmus_app.kit.clock import Clock
from erasmus_app.settings import Settings
from erasmus_app.store.keys import RedisQuestionCounts

log = structlog.get_logger(__name__)


def allowance(settings: Settings, redis: Redis, clock: Clock) -> Allowance:
    """Return how often an account may ask."""
    return Allowance(
        counts=RedisQuestionCounts(redis),
        alone=CountsInMemory(clock),
        a_minute=settings.questions_a_minute,
        a_day=settings.questions_a_day,
        away=lambda: log.warning("chat.counted_alone"),
    )
