"""Which language a question is in."""

from collections.abc import Callable
from typing import Final

from erasmus_nlu.text import words

Detector = Callable[[str], tuple[str, float] | None]
"""From a cleaned text to its language (ISO 639-1) and how sure that is; None: cannot say."""

FEWEST_WORDS: Final = 4
_SURE: Final = 0.9
_OURS: Final = (
    "bg cs da de el en es et fi fr ga hr hu is it lt lv mk mt nb nl nn pl pt ro sk sl sr sv tr"
)
_ALIKE: Final = frozenset({"da", "nb", "nn"})  # hard to tell apart, and read by the same people


def detector() -> Detector:
    """Return py3langid's judgement among our languages; of none where it is not installed."""
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError:
        return lambda _: None
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(set(_OURS.split()) & set(identifier.labels))

    def detect(text: str) -> tuple[str, float]:
        language, sure = identifier.classify(text)
        return language, float(sure)

    return detect


def language_of(text: str, locale: str | None, detect: Detector) -> str:
    """Return the language to answer in.

    That of the app, unless the question has four words or more and is surely in another one.
    Without a language of the app, the likeliest, and at last English.
    """
    own = locale.replace("_", "-").split("-")[0].lower() if locale else None
    if own == "no":
        own = "nb"  # the macrolanguage, as browsers still send it
    found = detect(text) if len(words(text)) >= FEWEST_WORDS or own is None else None
    if found and (own is None or found[1] >= _SURE):
        return own if own and {own, found[0]} <= _ALIKE else found[0]
    return own or "en"
