"""The request to ask an HEI again for what it keeps: written by a plan or a notification."""

import msgspec

from erasmus_app.ids import HeiId

AGREEMENTS = "agreements"


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """Ask `hei_id` as `tenant`."""

    tenant: HeiId
    hei_id: HeiId

    def of_agreements(self) -> str:
        """Return what the one job is known by that reads the HEI's copies of agreements."""
        return f"{AGREEMENTS} {self.tenant} {self.hei_id}"
