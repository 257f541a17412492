"""The words of the pages that a browser shows without an app, one file for each language."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "de", "pt")
_FOLDER = Path(__file__).parent


@cache
def words(page: str, language: str) -> dict[str, Any]:
    """Return a page's words in one of `LANGUAGES`; English for any other."""
    chosen = language if language in LANGUAGES else "en"
    return tomllib.loads((_FOLDER / f"{page}.{chosen}.toml").read_text(encoding="utf-8"))
