"""What a student may allow beyond what a mobility needs; the purposes and their texts are data."""

import hashlib
from collections.abc import Mapping
from datetime import datetime

import msgspec

from erasmus_app.kit.languages import choose


class PurposeText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a student agrees to, in one language. A change of meaning is a new version."""

    title: str
    text: str


class Purpose(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is only done with consent, in the version that is asked for today."""

    name: str
    version: int
    texts: Mapping[str, PurposeText]

    def text(self, language: str) -> tuple[str, PurposeText]:
        """Return the text in the nearest language, and which that is."""
        chosen = choose(language, self.texts) or "en"
        return chosen, self.texts[chosen]

    def sha256(self, language: str) -> bytes:
        """Return the hash of what was read: title, an empty line, text."""
        words = self.texts[language]
        return hashlib.sha256(f"{words.title}\n\n{words.text}".encode()).digest()


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """One consent that was given, and perhaps withdrawn. Times are UTC."""

    purpose: str
    version: int
    language: str
    channel: str
    given_at: datetime
    withdrawn_at: datetime | None = None
