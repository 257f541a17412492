"""Names of HEIs from the registry's catalogue."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from erasmus_app.ids import HeiId
from erasmus_app.institutions.models import CoveredHei
from erasmus_app.kit.languages import LONGEST_TAG, choose
from ewp.catalogue import Catalogue
from ewp.errors import CatalogueUnavailable

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
            return self.catalogue().name(hei, language) or hei
        except CatalogueUnavailable:
            return hei
