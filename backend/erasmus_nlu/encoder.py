"""Sentence embeddings of multilingual-e5-small, in numpy.

A BERT encoder of twelve layers over the pieces of a text, the mean of what comes out, scaled to
length one (Wang et al., Multilingual E5 Text Embeddings, 2024; questions are headed «query: »). The
layers' weights are unpacked to float32 once (85 MB); the table of 250,000 pieces stays as it is.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from erasmus_nlu.one_thread import one_thread
from erasmus_nlu.tokens import Tokenizer
from erasmus_nlu.weights import Weights, open_weights

_HEADING: Final = "query: "
_TOGETHER: Final = 16


class _Dense(NamedTuple):
    weights: Any  # inputs by outputs
    bias: Any


class _Norm(NamedTuple):
    scale: Any
    shift: Any


class _Layer(NamedTuple):
    asked: _Dense  # query, key and value beside each other
    mixed: _Dense
    mixed_norm: _Norm
    inner: _Dense
    outer: _Dense
    outer_norm: _Norm


class Encoder:
    """Makes embeddings of cleaned texts. The same text gives the same bits, in any thread."""

    def __init__(self, weights: Weights) -> None:
        one_thread()
        self._weights = weights
        self._shape = shape = weights.shape
        self._tokenizer = Tokenizer(weights.vocabulary)
        places = weights.floats("emb.pos").reshape(shape.positions, shape.hidden)
        self._places = places + weights.floats("emb.type")[: shape.hidden]
        self._norm = self._a_norm("emb.ln")
        self._layers = [self._a_layer(f"l{number}") for number in range(shape.layers)]

    @property
    def size(self) -> int:
        """How many numbers an embedding has."""
        return self._shape.hidden

    def embedding(self, text: str) -> Any:
        """Return the embedding of one cleaned text: float32, of length one."""
        return self._alike([self._tokenizer.ids(_HEADING + text)])[0]

    def embeddings(self, texts: Sequence[str]) -> Any:
        """Return the embeddings of many texts, a row each; those of one length go together.

        The last bits may differ from those of `embedding`, as sums are taken in another order.
        """
        found = np.empty((len(texts), self.size), np.float32)
        by_length: dict[int, list[tuple[int, list[int]]]] = defaultdict(list)
        for row, text in enumerate(texts):
            ids = self._tokenizer.ids(_HEADING + text)
            by_length[len(ids)].append((row, ids))
        for alike in by_length.values():
            for at in range(0, len(alike), _TOGETHER):
                rows, ids_ = zip(*alike[at : at + _TOGETHER], strict=True)
                found[list(rows)] = self._alike(ids_)
        return found

    def _alike(self, texts: Sequence[list[int]]) -> Any:
        size = self._shape.hidden
        table = self._weights.rows("emb.word", size, [id for ids in texts for id in ids])
        state = table.reshape(len(texts), -1, size) + self._places[: len(texts[0])]
        state = self._normed(state, self._norm)
        for layer in self._layers:
            state = self._through(layer, state)
        mean = state.mean(axis=1)
        return mean / np.maximum(np.sqrt((mean * mean).sum(axis=1, keepdims=True)), 1e-6)

    def _through(self, layer: _Layer, state: Any) -> Any:
        heads = self._shape.heads
        many, count, hidden = state.shape
        asked = state @ layer.asked.weights
        asked += layer.asked.bias
        split = asked.reshape(many, count, 3, heads, hidden // heads)
        query, key, value = split.transpose(2, 0, 3, 1, 4)
        scores = query @ key.swapaxes(2, 3)  # the root of the size is in the query's weights
        scores -= scores.max(axis=3, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=3, keepdims=True)
        seen = (scores @ value).swapaxes(1, 2).reshape(many, count, hidden)
        mixed = seen @ layer.mixed.weights
        mixed += layer.mixed.bias
        mixed += state
        state = self._normed(mixed, layer.mixed_norm)
        inner = state @ layer.inner.weights
        inner += layer.inner.bias
        outer = _gelu(inner) @ layer.outer.weights
        outer += layer.outer.bias
        outer += state
        return self._normed(outer, layer.outer_norm)

    def _normed(self, state: Any, norm: _Norm) -> Any:
        state = state - state.mean(axis=2, keepdims=True)
        spread = np.einsum("bij,bij->bi", state, state)[:, :, None] / state.shape[2]
        state /= np.sqrt(spread + np.float32(self._shape.epsilon))
        state *= norm.scale
        state += norm.shift
        return state

    def _a_layer(self, name: str) -> _Layer:
        shape = self._shape
        size = shape.hidden
        query = self._a_dense(f"{name}.q", size, size)
        key = self._a_dense(f"{name}.k", size, size)
        value = self._a_dense(f"{name}.v", size, size)
        scale = np.float32(1 / math.sqrt(size // shape.heads))
        return _Layer(
            asked=_Dense(
                np.concatenate((query.weights * scale, key.weights, value.weights), axis=1),
                np.concatenate((query.bias * scale, key.bias, value.bias)),
            ),
            mixed=self._a_dense(f"{name}.ao", size, size),
            mixed_norm=self._a_norm(f"{name}.aln"),
            inner=self._a_dense(f"{name}.fi", shape.inner, size),
            outer=self._a_dense(f"{name}.fo", size, shape.inner),
            outer_norm=self._a_norm(f"{name}.oln"),
        )

    def _a_dense(self, name: str, outputs: int, inputs: int) -> _Dense:
        weights = self._weights.floats(f"{name}.w").reshape(outputs, inputs)
        return _Dense(np.ascontiguousarray(weights.T), self._weights.floats(f"{name}.b"))

    def _a_norm(self, name: str) -> _Norm:
        return _Norm(self._weights.floats(f"{name}.w"), self._weights.floats(f"{name}.b"))


def open_encoder(path: Path) -> Encoder:
    """Read a file of weights. Raises WeightsMissing, WeightsWrong."""
    return Encoder(open_weights(path))


# Abramowitz and Stegun, 7.1.26: the error function to 1.5e-7, the best float32 can tell apart.
_P: Final = np.float32(0.3275911)
_A: Final = tuple(
    map(np.float32, (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592))
)
_ROOT_HALF: Final = np.float32(math.sqrt(0.5))


def _gelu(x: Any) -> Any:
    """Return x times the normal distribution's share below x."""
    scaled = np.abs(x)
    scaled *= _ROOT_HALF
    t = scaled * _P
    t += np.float32(1)
    np.reciprocal(t, out=t)
    sum_ = t * _A[0]
    for each in _A[1:]:
        sum_ += each
        sum_ *= t
    scaled *= scaled
    np.negative(scaled, out=scaled)
    np.exp(scaled, out=scaled)
    sum_ *= scaled  # 1 - erf(|x| / √2)
    # x·Φ(x) = max(x, 0) - |x|·(1 - erf)/2
    sum_ *= np.abs(x)
    sum_ *= np.float32(-0.5)
    sum_ += np.maximum(x, np.float32(0))
    return sum_
