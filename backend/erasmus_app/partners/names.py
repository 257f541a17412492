"""Names of HEIs from the registry's catalogue."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from erasmus_app.ids import HeiId
from erasmus_app.institutions.models import CoveredHei
from erasmus_app.kit.languages import choose
from ewp.catalogue import Catalogue
from ewp.errors import CatalogueUnavailable


@dataclass(frozen=True, slots=True)
class CatalogueNames:
    """Ours as configured, the others' as they are listed."""

    catalogue: Callable[[], Catalogue]
    heis: Mapping[HeiId, CoveredHei]

    def is_known(self, hei: HeiId) -> bool:
        """Whether an HEI is ours or listed; of the others nothing is said without a catalogue."""
        try:
            return hei in self.heis or self.catalogue().covers(hei)
        except CatalogueUnavailable:
            return True

    def name(self, hei: HeiId, language: str) -> str:
        """Return the name in `language`, else in English, else any, else the id itself."""
        if (covered := self.heis.get(hei)) is not None and covered.name:
            chosen = choose(language, covered.name)
            return covered.name[chosen] if chosen else next(iter(covered.name.values()))
        try:
            return self.catalogue().name(hei, language) or hei
        except CatalogueUnavailable:
            return hei
