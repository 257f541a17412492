"""Silent syncs: an app that nobody looks at fetches what has changed without a message."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from erasmus_app.ids import AccountId, DeviceId
from erasmus_app.mobilities.ports import RecordChange
from erasmus_app.store.database import Database
from erasmus_app.store.devices import ALIVE, forget_dead
from erasmus_app.students.models import Platform, TargetKind

SYNC = "sync"
TOGETHER = timedelta(minutes=1)  # what changes within it is fetched at one go
KINDS = tuple(each.value for each in TargetKind if each.channel == "fcm")
"""Targets that can be woken silently: a browser must show something for each push that it gets."""
_PHONES = f"account_id = $1 and target_kind = any($2) and platform <> 'web' and {ALIVE}"


class SleepingApp(msgspec.Struct, frozen=True, kw_only=True):
    """An app on a phone. Its target is secret."""

    account_id: AccountId
    device_id: DeviceId
    platform: Platform
    target_kind: TargetKind
    target: str
    registered_at: datetime


async def plan_sync(change: RecordChange, account: AccountId, now: datetime) -> None:
    """Have an account's phones told to fetch soon, in the transaction of the change."""
    has_phones = await change.connection.fetchval(
        f"select exists (select from device where {_PHONES})",  # noqa: S608 - a constant
        account,
        KINDS,
    )
    if has_phones:
        await change.enqueue(
            SYNC, {"account_id": str(account)}, dedupe_key=f"{SYNC} {account}", due=now + TOGETHER
        )


@dataclass(frozen=True, slots=True)
class SyncTable:
    """The phones that are told."""

    database: Database

    async def apps(self, account: AccountId) -> list[SleepingApp]:
        """Return an account's living phones. Raises DataKeyMissing, SealBroken."""
        rows = await self.database.fetch(
            f"""select device_id, platform, target_kind, target, target_key, registered_at
                from device where {_PHONES} order by device_id""",  # noqa: S608 - a constant
            account,
            KINDS,
        )
        return [
            SleepingApp(
                account_id=account,
                device_id=DeviceId(row["device_id"]),
                platform=Platform(row["platform"]),
                target_kind=TargetKind(row["target_kind"]),
                target=self.database.vault.open(
                    row["target"], "device.target", row["target_kind"], row["target_key"]
                ).decode(),
                registered_at=row["registered_at"],
            )
            for row in rows
        ]

    async def forget(self, app: SleepingApp) -> None:
        """Forget a phone that the push service does not know, unless it has registered since."""
        async with self.database.pool.acquire() as connection:
            await forget_dead(connection, app.account_id, app.device_id, app.registered_at)
