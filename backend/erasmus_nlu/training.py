"""Teaching the heads: multinomial logistic regression with a quadratic penalty.

Written over the products of the phrases' vectors with each other (`gram`), so that one procedure
teaches both heads, however many features a phrase has: the weights of a class are always a sum of
the phrases' vectors. Full steps, no chance, one thread: the same phrases give the same head.
"""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

STEPS: Final = 400


class Factored:
    """`left` times `right` transposed, never written out: for vectors shorter than they are many.

    Stands where a `gram` stands. Ten thousand phrases written out are 0.7 GB, gone through at each
    step; by way of their 384 features the same step costs a tenth.
    """

    def __init__(self, left: Any, right: Any) -> None:
        self.left = left
        self.right = right
        self.dtype = left.dtype

    def __len__(self) -> int:
        return len(self.left)

    def __matmul__(self, other: Any) -> Any:
        return self.left @ (self.right.T @ other)

    def __getitem__(self, cut: tuple[Any, Any]) -> "Factored":
        """Return the rows and columns of `numpy.ix_`."""
        rows, columns = cut
        return Factored(self.left[rows.ravel()], self.right[columns.ravel()])


def shares(gram: Any, classes: Any, count: int, penalty: float, steps: int = STEPS) -> Any:
    """Return how much of each phrase goes into each class (phrases by classes).

    The last column of `gram`'s vectors may be a constant, which then is the bias. Accelerated
    gradient descent (Nesterov) with the step that the largest eigenvalue allows.
    """
    size = len(classes)
    wanted = np.eye(count, dtype=gram.dtype)[classes]
    step = 1 / (0.5 * _largest(gram) / size + penalty)
    now = np.zeros((size, count), dtype=gram.dtype)
    ahead = now
    inertia = 1.0
    for _ in range(steps):
        slope = (softmax(gram @ ahead) - wanted) / size + penalty * ahead
        after = ahead - step * slope
        grown = (1 + math.sqrt(1 + 4 * inertia * inertia)) / 2
        ahead = after + (inertia - 1) / grown * (after - now)
        now, inertia = after, grown
    return now


def unseen(gram: Any, classes: Any, count: int, penalty: float, folds: Any) -> Any:
    """Return each phrase's scores from a head that has not seen its fold."""
    scores = np.zeros((len(classes), count))
    for fold in np.unique(folds):
        out, kept = folds == fold, folds != fold
        taught = shares(gram[np.ix_(kept, kept)], classes[kept], count, penalty)
        scores[out] = gram[np.ix_(out, kept)] @ taught
    return scores


def sharpness(scores: Any, classes: Any) -> float:
    """Return by what the scores are multiplied for probabilities that come true (Guo, 2017)."""
    candidates = [round(0.4 + 0.05 * number, 2) for number in range(93)]  # 0.4 to 5
    at = np.arange(len(classes))

    def surprise(factor: float) -> float:
        return -float(np.log(softmax(factor * scores)[at, classes] + 1e-12).mean())

    return min(candidates, key=surprise)


def softmax(scores: Any) -> Any:
    """Return probabilities, a row each."""
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def ids(intents: Sequence[str], names: Sequence[str]) -> Any:
    """Return each name's place among the intents."""
    places = {intent: place for place, intent in enumerate(intents)}
    return np.array([places[name] for name in names])


def _largest(gram: Any) -> float:
    # Power iteration from a fixed start; a little more than what it finds, so that steps stay safe.
    vector = np.ones(len(gram), dtype=gram.dtype) / math.sqrt(len(gram))
    size = 1.0
    for _ in range(50):
        vector = gram @ vector
        size = math.sqrt(float(vector @ vector)) or 1.0
        vector /= size
    return 1.05 * size
