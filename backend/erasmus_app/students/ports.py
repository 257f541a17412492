"""What the domain of students wishes for."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from erasmus_app.ids import AccountId, DeviceId
from erasmus_app.students.models import Device, Platform, TargetKind


class DeviceStore(Protocol):
    """Where devices are kept."""

    async def register(
        self,
        account: AccountId,
        platform: Platform,
        kind: TargetKind,
        target: str,
        language: str | None,
        session: UUID | None = None,
        *,
        name: str | None = None,
    ) -> Device:
        """Keep a device, or move it here if it was another account's: one phone, one reader.

        Whoever registers the same `name`, which is the target where none is given, is the same.
        It is forgotten when the session that registered it is ended.
        """

    async def devices(self, account: AccountId) -> Sequence[Device]:
        """Return the account's devices, the last seen first."""

    async def remove(self, account: AccountId, device: DeviceId) -> bool:
        """Forget one; False where it is not the account's."""
