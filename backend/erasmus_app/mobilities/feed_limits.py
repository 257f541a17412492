"""How many feed tokens may be refused before nobody looks at them any more.

A token has 256 bits: nobody finds one by guessing. What is limited is the noise, and what comes of
a token that an office chose itself. A right token must not be kept out by strangers: what they do
closes their own addresses, never an HEI.
"""

from datetime import timedelta
from typing import Protocol

import msgspec

from erasmus_app.ids import HeiId

WINDOW = timedelta(minutes=10)  # from the first refusal on; then all is forgotten
MOST_OF_ADDRESS = 20
MOST_OF_HEI = 200  # then an address has one try, so that many of them are worth little


class RefusedBefore(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens that were refused in this window."""

    of_address: int  # whatever the HEI
    of_hei: int  # from whatever address; 0 for an HEI that is not covered

    @property
    def is_too_much(self) -> bool:
        """Whether that address is not listened to. One without a refusal always is."""
        most = MOST_OF_ADDRESS if self.of_hei < MOST_OF_HEI else 1
        return self.of_address >= most


class TokenRefusals(Protocol):
    """Counts refused tokens; may be lost. Addresses are forgotten with their window."""

    async def before(self, address: str, hei: HeiId | None) -> RefusedBefore:
        """Return the counts. Raises EngineFailed."""

    async def add(self, address: str, hei: HeiId | None) -> None:
        """Count one more; `hei` is None where it is not covered. Raises EngineFailed."""


class RefusalCount(Protocol):
    """Counts what was refused, for the operator."""

    async def count_refusal(self, hei: HeiId, api: str, reason: str) -> None:
        """Count one refusal at the door of `hei`, by day (UTC)."""
