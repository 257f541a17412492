"""What a text looks like: its runs of two to five characters, hashed into buckets.

Plain Python, so that the fallback needs nothing installed. Runs do not cross words; a word's edges
count as a character. The accents stay, as they tell languages apart.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Final
from zlib import crc32

from erasmus_nlu.text import words

BUCKETS: Final = 8192
_SIZES: Final = (2, 3, 4, 5)


def runs(text: str) -> Counter[int]:
    """Return the buckets of a cleaned text's runs, with how often each comes."""
    found: Counter[int] = Counter()
    for word in words(text.casefold()):
        edged = f" {word} "
        for size in _SIZES:
            for at in range(max(len(edged) - size, 0) + 1):
                found[crc32(edged[at : at + size].encode()) % BUCKETS] += 1
    return found


def rarities(texts: Sequence[str]) -> list[float]:
    """Return for each bucket how much it tells: the inverse document frequency, smoothed."""
    seen = Counter(bucket for text in texts for bucket in runs(text))
    return [math.log((1 + len(texts)) / (1 + seen[bucket])) + 1 for bucket in range(BUCKETS)]


def looks(text: str, rarity: Sequence[float]) -> dict[int, float]:
    """Return a text's buckets with their weights (tf-idf, of length one together)."""
    raw = {
        bucket: (1 + math.log(count)) * rarity[bucket]
        for bucket, count in sorted(runs(text).items())
    }
    length = math.sqrt(sum(weight * weight for weight in raw.values())) or 1.0
    return {bucket: weight / length for bucket, weight in raw.items()}
