"""Making both heads from the phrases: `make nlu-head`, after a phrase or the recipe has changed."""

import hashlib
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from erasmus_nlu.encoder import Encoder, open_encoder
from erasmus_nlu.head import FOLDER, Head, write_head
from erasmus_nlu.lexical import BUCKETS, looks, rarities
from erasmus_nlu.phrasebook import FOLDS, SOURCE, Phrases, fingerprint, read_phrases
from erasmus_nlu.text import clean
from erasmus_nlu.training import Factored, ids, shares, sharpness, unseen
from erasmus_nlu.weights import SHA256, find

RECIPE: Final = 3
"""Counted up when the same phrases would give another head."""

PENALTY: Final = 3e-5
LEXICAL_PENALTY: Final = 3e-5
_LEXICAL_BIAS: Final = 0.3


class Row(NamedTuple):
    """One phrase."""

    language: str
    intent: str
    text: str
    fold: int  # held out together: the same place in each language's list


class Features(NamedTuple):
    """The phrases' vectors, with a constant at the end for the bias."""

    vectors: Any
    center: list[float]
    penalty: float


def rows_of(phrases: Phrases) -> list[Row]:
    """Return all phrases, cleaned as questions are."""
    return [
        Row(language, intent, clean(wording), place % FOLDS)
        for language, intents in phrases.items()
        for intent, wordings in intents.items()
        for place, wording in enumerate(wordings)
    ]


def meanings(rows: Sequence[Row], encoder: Encoder) -> Features:
    """Return the embeddings around their middle, each of length one."""
    raw = encoder.embeddings([row.text for row in rows]).astype(float)
    center = raw.mean(axis=0)
    vectors = raw - center
    vectors /= np.sqrt((vectors * vectors).sum(axis=1, keepdims=True))
    return Features(np.hstack((vectors, np.ones((len(rows), 1)))), center.tolist(), PENALTY)


def looks_of(rows: Sequence[Row]) -> Features:
    """Return the phrases' runs of characters."""
    rarity = rarities([row.text for row in rows])
    # Half the precision halves the hour: what is shipped of these weights has eight bits.
    vectors = np.zeros((len(rows), BUCKETS + 1), dtype=np.float32)
    vectors[:, -1] = _LEXICAL_BIAS
    for place, row in enumerate(rows):
        for bucket, weight in looks(row.text, rarity).items():
            vectors[place, bucket] = weight
    return Features(vectors, rarity, LEXICAL_PENALTY)


def made_from(phrases: Phrases) -> str:
    """Return the hash of all that a head follows from."""
    return hashlib.sha256(f"{RECIPE} {SHA256} {fingerprint(phrases)}".encode()).hexdigest()


def taught(features: Features, rows: Sequence[Row], intents: list[str]) -> tuple[Any, Any]:
    """Return the weights (with the bias as last row), and each phrase's scores when held out.

    Both are multiplied by what makes the held-out probabilities come true.
    """
    vectors = features.vectors
    short = 2 * vectors.shape[1] < len(rows)
    gram = Factored(vectors, vectors) if short else vectors @ vectors.T
    classes = ids(intents, [row.intent for row in rows])
    folds = np.array([row.fold for row in rows])
    scores = unseen(gram, classes, len(intents), features.penalty, folds)
    factor = sharpness(scores, classes)
    given = shares(gram, classes, len(intents), features.penalty)
    return factor * (vectors.T @ given), factor * scores


def main() -> None:
    """Write `heads/e5.head` and `heads/lexical.head`."""
    phrases = read_phrases()
    rows, intents, source = rows_of(phrases), list(phrases[SOURCE]), made_from(phrases)
    features = looks_of(rows)
    weights, _ = taught(features, rows, intents)
    scales = np.abs(weights[:-1]).max(axis=0) / 127
    FOLDER.mkdir(exist_ok=True)
    write_head(
        FOLDER / "lexical.head",
        Head(
            intents=intents,
            made_from=source,
            center=[round(each, 4) for each in features.center],
            weights=np.rint(weights[:-1] / scales).astype(np.int8).tobytes(),
            scales=scales.tolist(),
            bias=(weights[-1] * _LEXICAL_BIAS).tolist(),
        ),
    )
    features = meanings(rows, open_encoder(find()))
    weights, _ = taught(features, rows, intents)
    write_head(
        FOLDER / "e5.head",
        Head(
            intents=intents,
            made_from=source,
            center=features.center,
            weights=weights[:-1].astype("<f4").tobytes(),
            scales=[],
            bias=weights[-1].tolist(),
        ),
    )


if __name__ == "__main__":
    main()
