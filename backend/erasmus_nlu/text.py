"""What a question is before anything looks at it: short, plain, in one normal form."""

import re
import unicodedata
from typing import Final

LONGEST: Final = 300
"""Characters of a question that are read. What somebody asks fits."""

_READ: Final = 4 * LONGEST  # before normalising: spaces and invisible characters may still go
_SPACES: Final = re.compile(r"\s+")
# Cc control, Cf format (bidi marks, joiners, byte order marks, tags), Cs halves of surrogates,
# Co private use, Cn unassigned: nothing of these is asked, and some of it turns text around.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


def clean(question: str) -> str:
    """Return the question in NFKC, without control and bidi characters, on one line, cut at 300.

    A question of any length costs the same: only its first 1200 characters are looked at. One
    character of those may become 18 (U+FDFA), so that the cut comes after normalising.
    """
    normal = unicodedata.normalize("NFKC", question[:_READ])
    seen = "".join(
        each if unicodedata.category(each) not in _UNSEEN else " " if each.isspace() else ""
        for each in normal
    )
    return _SPACES.sub(" ", seen).strip()[:LONGEST].rstrip()


def words(text: str) -> list[str]:
    """Return the words of a cleaned text: runs of letters and marks, of two letters or more."""
    return re.findall(r"[^\W\d_]{2,}", text)
