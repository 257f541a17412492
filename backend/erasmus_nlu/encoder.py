"""Sentence embeddings of multilingual-e5-small, in numpy.

A BERT encoder of twelve layers over the pieces of a text, the mean of what comes out, scaled to
length one (Wang et al., Multilingual E5 Text Embeddings, 2024; questions are headed «query: »). The
layers' weights are unpacked to float32 once (85 MB); the table of 250,000 pieces stays as it is.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from erasmus_nlu.one_thread import one_thread
from erasmus_nlu.tokens import Tokenizer
from erasmus_nlu.weights import Weights, open_weights

_HEADING: Final = "query: "


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
        ids = self._tokenizer.ids(_HEADING + text)
        shape = self._shape
        table = self._weights.rows("emb.word", shape.hidden, ids)
        state = self._normed(table + self._places[: len(ids)], self._norm)
        for layer in self._layers:
            state = self._through(layer, state)
        mean = state.mean(axis=0)
        return mean / max(float(np.sqrt(mean @ mean)), 1e-6)

    def embeddings(self, texts: Sequence[str]) -> Any:
        """Return the embeddings of many texts, a row each, each as if it were alone."""
        return np.stack([self.embedding(text) for text in texts])

    def _through(self, layer: _Layer, state: Any) -> Any:
        heads = self._shape.heads
        count, hidden = state.shape
        asked = state @ layer.asked.weights
        asked += layer.asked.bias
        query, key, value = asked.reshape(count, 3, heads, hidden // heads).transpose(1, 2, 0, 3)
        scores = query @ key.transpose(0, 2, 1)  # the root of the size is in the query's weights
        scores -= scores.max(axis=2, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=2, keepdims=True)
        mixed = (scores @ value).transpose(1, 0, 2).reshape(count, hidden) @ layer.mixed.weights
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
        state = state - state.mean(axis=1, keepdims=True)
        spread = np.einsum("ij,ij->i", state, state)[:, None] / state.shape[1]
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
