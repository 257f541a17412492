"""Cutting a text into the pieces that the encoder knows (the unigram model of SentencePiece).

Of all ways to cut a text the one with the greatest likelihood is taken, found from left to right.
A character that no piece holds counts as unknown, ten below the rarest piece.
"""

from array import array
from typing import Final

from erasmus_nlu.weights import Vocabulary

MOST: Final = 128
"""Pieces that are read. A question of 300 characters has about 75; only noise has more."""

_MARK: Final = "\u2581"  # stands where a word begins
_UNKNOWN_BELOW: Final = 10.0
_NEVER: Final = float("-inf")


class Tokenizer:
    """Makes ids of texts; holds nothing that changes, so that threads may share it."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._ids = vocabulary.ids
        self._scores = array("f", vocabulary.scores.tobytes())
        self._longest = max(map(len, self._ids))
        self._charmap = vocabulary.charmap
        self._start, self._end, self._unknown = (
            vocabulary.start,
            vocabulary.end,
            vocabulary.unknown,
        )
        self._unknown_score = float(vocabulary.scores.min()) - _UNKNOWN_BELOW

    def ids(self, text: str) -> list[int]:
        """Return the ids of a text between those of start and end, at most `MOST` in all."""
        marked = self._marked(text)
        return [self._start, *self._cut(marked)[: MOST - 2], self._end]

    def _marked(self, text: str) -> str:
        normal = text.translate(self._charmap)
        while "  " in normal:
            normal = normal.replace("  ", " ")
        return (normal if normal.startswith(" ") else " " + normal).replace(" ", _MARK)

    def _cut(self, text: str) -> list[int]:
        size = len(text)
        known, scores, longest = self._ids, self._scores, self._longest
        best = [0.0] + [_NEVER] * size
        came: list[tuple[int, int]] = [(0, 0)] * (size + 1)  # from where, by which piece
        for start in range(size):
            score = best[start]
            for end in range(start + 1, min(start + longest, size) + 1):
                piece = known.get(text[start:end])
                if piece is not None and score + scores[piece] > best[end]:
                    best[end] = score + scores[piece]
                    came[end] = (start, piece)
            if score + self._unknown_score > best[start + 1]:
                best[start + 1] = score + self._unknown_score
                came[start + 1] = (start, self._unknown)
        pieces = []
        at = size
        while at:
            at, piece_id = came[at]
            pieces.append(piece_id)
        return pieces[::-1]
