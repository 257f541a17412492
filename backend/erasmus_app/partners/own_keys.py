"""Whether the network knows the keys that we sign with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from erasmus_app.ids import HeiId
from ewp.catalogue import Catalogue, Host
from ewp.errors import CatalogueUnavailable
from ewp.keys import PrivateKey


def own_host(catalogue: Catalogue, hei: HeiId, manifest: str) -> tuple[int, Host] | None:
    """Return the host that the catalogue lists of a manifest of ours, and its place in there."""
    for index, host in enumerate(catalogue.hosts):
        here = (each.urls.get("url") for each in host.entries if each.api == "discovery")
        if hei in host.hei_ids and manifest in here:
            return index, host
    return None


@dataclass(slots=True)
class OwnKeys:
    """The covered HEIs' keys beside the catalogue, which is gone through once for each new one.

    A key has no end of its own: an RSA key in PEM holds no date, and the registry lists it for as
    long as the manifest names it.
    """

    catalogue: Callable[[], Catalogue]
    public_url: str
    client: Mapping[HeiId, PrivateKey]
    server: Mapping[HeiId, PrivateKey]
    _seen: Catalogue | None = None
    _unlisted: tuple[str, ...] = ()

    def unlisted(self) -> tuple[str, ...]:
        """Return the HEIs, sorted, that are listed with us and without a key of ours."""
        try:
            catalogue = self.catalogue()
        except CatalogueUnavailable:
            return ()
        if catalogue is not self._seen:
            self._seen = catalogue
            self._unlisted = tuple(sorted(each for each in self.client if self._lacks(each)))
        return self._unlisted

    def _lacks(self, hei: HeiId) -> bool:
        assert self._seen is not None
        found = own_host(self._seen, hei, f"{self.public_url.rstrip('/')}/ewp/{hei}/manifest.xml")
        if found is None:
            return False  # not registered yet
        _, host = found
        return not (
            self.client[hei].key_id in host.client_keys
            and self.server[hei].key_id in host.server_keys
        )
