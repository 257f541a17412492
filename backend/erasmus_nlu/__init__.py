"""Understanding a question: its language, what it is about, and how sure that is.

Offline and without chance: the same question gives the same answer. Free of the application; knows
the standard library and msgspec, and numpy and py3langid where the extra `nlu` is installed.
"""

from erasmus_nlu.errors import HeadWrong, NluError, PhrasesWrong, WeightsMissing, WeightsWrong
from erasmus_nlu.understanding import Band, Choice, Nlu, Understanding, open_lexical, open_nlu

__all__ = [
    "Band",
    "Choice",
    "HeadWrong",
    "Nlu",
    "NluError",
    "PhrasesWrong",
    "Understanding",
    "WeightsMissing",
    "WeightsWrong",
    "open_lexical",
    "open_nlu",
]
