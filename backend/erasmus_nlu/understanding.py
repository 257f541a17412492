"""What the application asks this package: what is this question about, and how sure is that."""

import hashlib
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

import msgspec

from erasmus_nlu.errors import HeadWrong, WeightsMissing
from erasmus_nlu.head import FOLDER, Probabilities, by_looks, by_meaning, read_head, together
from erasmus_nlu.language import Detector, detector, language_of
from erasmus_nlu.text import clean

OUT_OF_SCOPE: Final = "out_of_scope"
ANSWERED_FROM: Final = 0.6
"""One answer in twenty is wrong from here, one in fifteen from 0.5: decision 0031."""
OFFERED_FROM: Final = 0.25
MOST_OFFERED: Final = 3
_WORTH_OFFERING: Final = 0.05


class Band(StrEnum):
    """What is done with a question."""

    ANSWER = "answer"  # one intent is far likelier than all others
    OFFER = "offer"  # two or three are likely: the student chooses
    MENU = "menu"  # nothing is, or nothing that we know about: the menu, and whom to ask


class Choice(msgspec.Struct, frozen=True):
    """An intent and its probability."""

    intent: str
    probability: float  # rounded to four digits, so that answers are the same on each machine


class Understanding(msgspec.Struct, frozen=True, kw_only=True):
    """What a question was taken for."""

    question: str  # as it was read: cleaned and cut
    language: str  # ISO 639-1
    band: Band
    choices: tuple[Choice, ...]  # the likeliest first: one to answer, up to three to offer, or none
    version: str  # of all that has led to this


class Nlu(Protocol):
    """Understands questions; may be asked from any thread, and takes some 20 ms of one core."""

    @property
    def version(self) -> str:
        """Return `e5-…` or `lexical-…`: it changes with the weights, the phrases or the code."""

    def understand(self, question: str, locale: str | None = None) -> Understanding:
        """Say what a question of any length and kind is about; never raises for what is in it."""


class HeadNlu:
    """An `Nlu` over one head."""

    def __init__(
        self, intents: list[str], probabilities: Probabilities, detect: Detector, version: str
    ) -> None:
        self._intents, self._probabilities, self._detect = intents, probabilities, detect
        self._version = version

    @property
    def version(self) -> str:
        """Return which weights, phrases and code these are."""
        return self._version

    def understand(self, question: str, locale: str | None = None) -> Understanding:
        """Say what a question is about."""
        text = clean(question)
        ranked = []
        if any(each.isalnum() for each in text):
            found = map(Choice, self._intents, self._probabilities(text))
            ranked = sorted(found, key=lambda each: -each.probability)
        band, choices = banded(ranked)
        return Understanding(
            question=text,
            language=language_of(text, locale, self._detect),
            band=band,
            choices=choices,
            version=self._version,
        )


def banded(ranked: list[Choice]) -> tuple[Band, tuple[Choice, ...]]:
    """Return what is done with a question, given its intents, the likeliest first."""
    first = ranked[0] if ranked else Choice(OUT_OF_SCOPE, 1.0)
    if first.intent == OUT_OF_SCOPE or first.probability < OFFERED_FROM:
        return Band.MENU, ()
    shown = [
        Choice(each.intent, round(each.probability, 4))
        for each in ranked
        if each.intent != OUT_OF_SCOPE and each.probability >= _WORTH_OFFERING
    ]
    if first.probability >= ANSWERED_FROM:
        return Band.ANSWER, tuple(shown[:1])
    return Band.OFFER, tuple(shown[:MOST_OFFERED])


def open_nlu(weights: Path | None = None) -> Nlu:
    """Return the best that is installed: by meaning and looks with the extra `nlu`, else by looks.

    `weights` names the file where it is not the package's. A wrong file or head is an error, as
    somebody should know: raises WeightsWrong, HeadWrong.
    """
    try:
        from erasmus_nlu.encoder import open_encoder
        from erasmus_nlu.weights import find

        encoder = open_encoder(weights or find())
    except (ImportError, WeightsMissing):
        return open_lexical()
    head, digest = read_head(FOLDER / "e5.head")
    other, looks = read_head(FOLDER / "lexical.head")
    if other.intents != head.intents:
        raise HeadWrong("e5.head and lexical.head know other intents: make nlu-head")
    both = together(by_meaning(head, encoder), by_looks(other))
    return HeadNlu(head.intents, both, detector(), f"e5-{_version(digest + looks)}")


def open_lexical() -> Nlu:
    """Return what needs nothing installed. Raises HeadWrong."""
    head, digest = read_head(FOLDER / "lexical.head")
    return HeadNlu(head.intents, by_looks(head), detector(), f"lexical-{_version(digest)}")


def _version(head: str) -> str:
    """Return a hash of the head (which knows its phrases and weights) and of this code."""
    digest = hashlib.sha256(head.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]
