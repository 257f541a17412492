"""A question as tokens: small letters without marks, each with its place in the question."""

import unicodedata
from functools import lru_cache

import msgspec

# Cyrillic is read as Latin letters: Serbian is written in both, and Macedonians and Bulgarians on a
# foreign keyboard do so too. й decomposes to и, ќ to к, ѓ to г.
_CYRILLIC = dict(
    zip("абвгдђежзиклмнопрстћуфхцчшъэыјѓќ", "abvgddezziklmnoprstcufhccsaeyjgk", strict=True)
) | {"љ": "lj", "њ": "nj", "ѕ": "dz", "џ": "dz", "щ": "st", "ь": "", "ю": "ju", "я": "ja"}
_LATIN = (
    _CYRILLIC
    | {"ı": "i", "ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "æ": "ae", "œ": "oe"}
    | dict.fromkeys("’‘´`ʼ′", "'")
    | dict.fromkeys("‐‑‒–—−", "-")
    | {"⁄": "/"}
)


class Token(msgspec.Struct, frozen=True):
    """A word, a number, or one other character, folded."""

    text: str
    start: int  # in the question, where it ends as well
    end: int
    glued: bool  # nothing stands between it and the one before

    @property
    def is_word(self) -> bool:
        """Whether it is of letters."""
        return self.text[0].isalpha()

    @property
    def number(self) -> int | None:
        """Return a whole number of four digits at most; None for anything else."""
        return int(self.text) if self.text[0].isdecimal() and len(self.text) <= 4 else None


@lru_cache(maxsize=5000)
def folded(character: str) -> str:
    """Return one character as small letters without marks; nothing of what cannot be seen."""
    if character.isspace():
        return " "
    if character in _LATIN:
        return _LATIN[character]
    category = unicodedata.category(character)
    if category in {"Mn", "Me"} or category.startswith("C"):
        return ""
    if category == "No":  # ² is no 2
        return "¤"
    if category == "Nd":
        return str(unicodedata.decimal(character))
    plain = unicodedata.normalize("NFKD", character.casefold()).casefold()
    kept = "".join(each for each in plain if not unicodedata.combining(each))
    return "".join(_LATIN.get(each, each) for each in kept)


def fold(text: str) -> str:
    """Return a text as small letters without marks."""
    return "".join(map(folded, text))


def tokens(text: str) -> list[Token]:
    """Return a text's tokens. The time it takes grows with its length alone."""
    found, run, kind = list[Token](), list[str](), ""
    start = end = 0
    glued = False

    def close() -> None:
        nonlocal kind, glued
        if run:
            found.append(Token("".join(run), start, end, glued))
            run.clear()
            glued = True
        kind = ""

    for place, character in enumerate(text):
        for each in folded(character):
            now = _kind(each)
            if now != kind or now == "mark":
                close()
                start, kind = place, now
            if now == "space":
                glued = False
            else:
                run.append(each)
                end = place + 1
        if not folded(character) and unicodedata.category(character) == "Mn" and end == place:
            end = place + 1  # a letter's own mark, written behind it
    close()
    return found


def _kind(character: str) -> str:
    if character.isspace():
        return "space"
    if character.isalpha():
        return "word"
    return "number" if character in "0123456789" else "mark"
