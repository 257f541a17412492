"""The HEIs that this backend works for."""

from enum import StrEnum
from pathlib import Path

import msgspec

from erasmus_app.ids import HeiId


class ApiMode(StrEnum):
    """How changes of one CNR API reach us for one covered HEI, and who serves its data (§6.2)."""

    OWN = "own"  # we register the endpoint and receive the CNRs, or serve the data
    FORWARDED = "forwarded"  # another provider owns it and re-sends
    POLL = "poll"  # nobody tells us: we ask
    OFF = "off"


CNR_APIS = frozenset({"omobility-cnr", "omobility-la-cnr", "imobility-cnr", "imobility-tor-cnr"})
"""The CNR APIs whose changes we follow, by their manifest elements."""


DATA_APIS = frozenset(
    {
        "omobilities",
        "omobility-las",
        "imobilities",
        "imobility-tors",
        "institutions",
        "organizational-units",
        "factsheet",
    }
)
"""The APIs that we can serve for an HEI from what its system feeds us: `own`, else `off`."""


class CoveredHei(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One HEI that this backend works for: a tenant, with keys of its own."""

    id: HeiId
    name: dict[str, str]  # by BCP 47 language
    client_key: Path  # RSA, PEM: signs our calls on behalf of this HEI
    server_key: Path | None = None  # signs our answers; the client key's file where none is given
    admin_emails: tuple[str, ...]
    own_system: str | None = None  # manifest address of the HEI's own EWP host
    feed_token_sha256: tuple[str, ...] = ()  # of its system's tokens, in hex; two while one changes
    api: dict[str, ApiMode] = {}

    def mode(self, api: str) -> ApiMode:
        """Return how changes of `api` (a manifest element name) reach us; polling by default."""
        return self.api.get(api, ApiMode.POLL)

    def serves(self, api: str) -> bool:
        """Whether partners read `api` of this HEI from us."""
        return api in DATA_APIS and self.mode(api) is ApiMode.OWN
