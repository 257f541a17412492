"""A head: what makes probabilities of intents from a text's vector. Made by `make nlu-head`.

A file is the SHA-256 of what follows, then a `Head` in MessagePack, so that a damaged file is
noticed before a number of it is used.
"""

import hashlib
import math
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from erasmus_nlu.errors import HeadWrong
from erasmus_nlu.lexical import looks

if TYPE_CHECKING:
    from erasmus_nlu.encoder import Encoder

FOLDER: Final = Path(__file__).parent / "heads"
# Of phrases held out: log loss 0.42, and 0.48 by meaning alone (decision 0031).
_LOOKS: Final = 0.3
_SHARPNESS: Final = 1.2
_DIGEST: Final = hashlib.sha256().digest_size

Probabilities = Callable[[str], list[float]]
"""From a cleaned text to the probability of each of the head's intents, in their order."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """A taught head."""

    intents: list[str]
    made_from: str  # hash of phrases, weights and recipe
    center: list[float]  # of embeddings; of the lexical head: how much each bucket tells
    weights: bytes  # features by intents: float32 of embeddings, int8 of the lexical head
    scales: list[float]  # by which int8 is multiplied, an intent each; empty for embeddings
    bias: list[float]


def write_head(path: Path, head: Head) -> None:
    """Write a head beside the hash of it."""
    content = msgspec.msgpack.encode(head)
    path.write_bytes(hashlib.sha256(content).digest() + content)


def read_head(path: Path) -> tuple[Head, str]:
    """Return a head and the hash of its file. Raises HeadWrong."""
    try:
        raw = path.read_bytes()
        if hashlib.sha256(raw[_DIGEST:]).digest() != raw[:_DIGEST]:
            raise HeadWrong(f"{path.name} is damaged")
        return msgspec.msgpack.decode(raw[_DIGEST:], type=Head), raw[:_DIGEST].hex()
    except (OSError, msgspec.DecodeError) as error:
        raise HeadWrong(f"{path.name}: {error}") from error


def by_looks(head: Head) -> Probabilities:
    """Return what the lexical head makes of a text, in plain Python (about 1 ms)."""
    width = len(head.intents)
    weights = array("b", head.weights)

    def probabilities(text: str) -> list[float]:
        sums = [0.0] * width
        for bucket, weight in looks(text, head.center).items():
            row = weights[bucket * width : (bucket + 1) * width]
            sums = [total + weight * each for total, each in zip(sums, row, strict=True)]
        return softmax(
            [
                total * scale + bias
                for total, scale, bias in zip(sums, head.scales, head.bias, strict=True)
            ]
        )

    return probabilities


def by_meaning(head: Head, encoder: "Encoder") -> Probabilities:
    """Return what the head over embeddings makes of a text."""
    import numpy as np

    center = np.array(head.center)
    bias = np.array(head.bias)
    weights = np.frombuffer(head.weights, "<f4").reshape(-1, len(head.intents)).astype(float)

    def probabilities(text: str) -> list[float]:
        vector = encoder.embedding(text) - center
        vector /= math.sqrt(float(vector @ vector)) or 1.0
        scores: list[float] = (vector @ weights + bias).tolist()
        return softmax(scores)

    return probabilities


def together(meaning: Probabilities, looks: Probabilities) -> Probabilities:
    """Return what both heads make of a text: looks know words that meaning takes for others."""

    def probabilities(text: str) -> list[float]:
        return softmax(
            [
                _SHARPNESS * ((1 - _LOOKS) * math.log(one) + _LOOKS * math.log(other))
                for one, other in zip(
                    map(_some, meaning(text)), map(_some, looks(text)), strict=True
                )
            ]
        )

    return probabilities


def _some(probability: float) -> float:
    return max(probability, 1e-12)  # nothing is impossible, and has a logarithm


def softmax(scores: Sequence[float]) -> list[float]:
    """Return the probabilities that scores stand for."""
    most = max(scores)
    raised = [math.exp(score - most) for score in scores]
    total = sum(raised)
    return [each / total for each in raised]
