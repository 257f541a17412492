"""Names of HEIs from the registry's catalogue."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from erasmus_app.ids import HeiId
from erasmus_app.institutions.models import CoveredHei
from erasmus_app.kit.languages import LONGEST_TAG, choose
from erasmus_app.kit.plain import plain
from ewp.catalogue import Catalogue
from ewp.errors import CatalogueUnavailable

LONGEST_NAME = 200  # characters: a push has 4 kB for all of it
MOST_CHOSEN = 10_000  # languages may come from outside


@dataclass(frozen=True, slots=True)
class CatalogueNames:
    """Ours as configured, the others' as they are listed."""

    catalogue: Callable[[], Catalogue]
    heis: Mapping[HeiId, CoveredHei]
    _ours: dict[tuple[HeiId, str], str] = field(default_factory=dict)  # as chosen before

    def is_known(self, hei: HeiId) -> bool:
        """Whether an HEI is ours or listed; of the others nothing is said without a catalogue."""
        try:
            return hei in self.heis or self.catalogue().covers(hei)
        except CatalogueUnavailable:
            return True

    def name(self, hei: HeiId, language: str) -> str:
        """Return the name in `language`, else in English, else any, else the id itself."""
        if (known := self._ours.get((hei, language))) is not None:
            return known
        if (covered := self.heis.get(hei)) is not None and covered.name:
            chosen = choose(language, covered.name)
            found = covered.name[chosen] if chosen else next(iter(covered.name.values()))
            if len(self._ours) < MOST_CHOSEN and len(language) <= LONGEST_TAG:
                self._ours[hei, language] = found
            return found
        try:
            return _shown(self.catalogue().name(hei, language) or "") or hei
        except CatalogueUnavailable:
            return hei


@lru_cache(maxsize=20_000)  # there are 4,000 HEIs, and a name is asked for again and again
def _shown(name: str) -> str:
    """Return a name as it may stand in a push, a mail's subject or a page: its HEI wrote it."""
    return plain(name, LONGEST_NAME)
