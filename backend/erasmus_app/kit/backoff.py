"""How long to wait before the next try."""

import random
from datetime import timedelta


def backoff(attempts: int, *, first: float = 1.0, most: float = 900.0) -> timedelta:
    """Return a wait with full jitter: from half of `first` to `first` × 2^(attempts - 1) seconds.

    Jitter keeps those who failed together from trying together; the floor keeps a lucky draw from
    turning into a busy loop.
    """
    ceiling = min(most, first * 2 ** min(max(attempts, 1) - 1, 32))
    return timedelta(seconds=random.uniform(first / 2, max(ceiling, first)))  # noqa: S311 - no secret
