"""How long to wait before the next try."""

import random
from datetime import timedelta


def backoff(
    attempts: int, *, first: float = 1.0, most: float = 900.0, floor: float = 0.0
) -> timedelta:
    """Return a wait with full jitter: from half of `first` to `first` × 2^(attempts - 1) seconds.

    Jitter keeps those who failed together from trying together; the lower end keeps a lucky draw
    from turning into a busy loop. `floor` lets it grow: no wait is less than that part of the
    longest one, so that a row of lucky draws is no busy loop either.
    """
    ceiling = max(min(most, first * 2 ** min(max(attempts, 1) - 1, 32)), first)
    least = max(first / 2, floor * ceiling)
    return timedelta(seconds=random.uniform(least, ceiling))  # noqa: S311 - no secret
