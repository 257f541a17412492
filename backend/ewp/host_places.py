"""Organizational units that a host serves (guide §4.8), beside the institutions they belong to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ewp.apis import limit_of
from ewp.host_calls import GET_POST, Call, Endpoint, ids_or_codes
from ewp.ids import OunitId
from ewp.manifest import Offer
from ewp.messages import organizational_units


class OunitsProvider(Protocol):
    """The units that an HEI shows, all of them to everybody."""

    async def ounits_by_id(
        self, ids: Sequence[OunitId]
    ) -> Sequence[organizational_units.OrganizationalUnit]:
        """Return those with these ids."""

    async def ounits_by_code(
        self, codes: Sequence[str]
    ) -> Sequence[organizational_units.OrganizationalUnit]:
        """Return those with these codes; several units may share one."""


@dataclass(frozen=True, slots=True)
class OunitsService:
    """Organizational units 2: public.

    There is no index: `institutions` tells the ids. An HEI that is not served here is refused,
    where `institutions` leaves it out (guide §3.3).
    """

    provider: OunitsProvider
    most: int = 20  # ids, or codes
    api: str = "organizational-units"
    major: int = 2

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """One URL, GET and POST, also anonymous."""
        return {"": Endpoint(GET_POST, self._get, anonymous=True)}

    def offer(self, base: str) -> Offer:
        """Declare it."""
        children = (
            ("url", f"{base}/{self.api}/{self.major}"),
            (limit_of("ounit_id"), str(self.most)),
            (limit_of("ounit_code"), str(self.most)),
        )
        return Offer(api=self.api, version="2.1.1", major=2, children=children, anonymous=True)

    async def _get(self, call: Call) -> bytes:
        call.addressed("hei_id")
        ids, codes = ids_or_codes(call, "ounit_id", "ounit_code", self.most)
        found: Sequence[organizational_units.OrganizationalUnit] = ()
        if ids:
            found = await self.provider.ounits_by_id(list(map(OunitId, ids)))
        elif codes:
            found = await self.provider.ounits_by_code(codes)
        return organizational_units.write_response(found)
