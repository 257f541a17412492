"""The phrases that the heads learn from: `phrases/`, a file a language."""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from erasmus_nlu.errors import PhrasesWrong
from erasmus_nlu.text import clean

FOLDER: Final = Path(__file__).parent / "phrases"
SOURCE: Final = "en"
"""The language whose file says which intents there are."""

FOLDS: Final = 5

Phrases = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Language, intent, wordings."""


def read_phrases(folder: Path = FOLDER) -> Phrases:
    """Read all languages. Raises PhrasesWrong for a file that breaks the layout of `en.toml`."""
    found = {path.stem: _read(path) for path in sorted(folder.glob("*.toml"))}
    if SOURCE not in found:
        raise PhrasesWrong(f"{folder} has no {SOURCE}.toml")
    where: dict[str, str] = {}
    for language, intents in found.items():
        if strays := set(intents) ^ set(found[SOURCE]):
            raise PhrasesWrong(f"{language}.toml and en.toml differ in {sorted(strays)}")
        for intent, wordings in intents.items():
            for wording in wordings:
                if where.setdefault(same(wording), intent) != intent:
                    raise PhrasesWrong(f"{wording!r} is under {where[same(wording)]} and {intent}")
    return found


def same(wording: str) -> str:
    """Return what two wordings share that differ in capitals, marks and spaces alone."""
    return re.sub(r"[\W_]+", " ", clean(wording).casefold()).strip()


def fingerprint(phrases: Phrases) -> str:
    """Return a hash of all that the heads learn from, whatever the order and the comments."""
    digest = hashlib.sha256()
    for language in sorted(phrases):
        for intent in sorted(phrases[language]):
            digest.update(f"{language}\t{intent}\t".encode())
            digest.update("\t".join(phrases[language][intent]).encode() + b"\n")
    return digest.hexdigest()


def _read(path: Path) -> dict[str, tuple[str, ...]]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise PhrasesWrong(f"{path.name}: {error}") from error
    for intent, wordings in table.items():
        if not isinstance(wordings, list) or len(wordings) < 2:
            raise PhrasesWrong(f"{path.name}: {intent} has fewer than two wordings")
        if not all(isinstance(each, str) and clean(each) == each for each in wordings):
            raise PhrasesWrong(f"{path.name}: {intent} has a wording that is no plain text")
    return {intent: tuple(wordings) for intent, wordings in table.items()}
