"""What the domain of institutions wishes for."""

from typing import Protocol

from erasmus_app.ids import HeiId


class InstitutionNames(Protocol):
    """Names of HEIs; the registry catalogue's in production."""

    def name(self, hei: HeiId, language: str) -> str:
        """Return the name in `language`, else in English, else any, else the id itself."""
