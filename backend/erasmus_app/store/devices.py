"""Devices in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from erasmus_app.ids import AccountId, DeviceId
from erasmus_app.store.database import Database
from erasmus_app.students.models import MOST_DEVICES, Device, Platform, TargetKind

_COLUMNS = "account_id, device_id, platform, target_kind, language, registered_at, last_seen_at"
BATCH = 500  # devices that one statement of the sweep touches

ALIVE = "device.quiet_since is null"
"""Whether a device is told anything; one that is not wakes when it is heard of."""
UNSEEN = "(device.last_seen_at < now() - interval '1 day' or device.quiet_since is not null)"
"""Whether to write down that a device was heard of: once a day is enough."""
SEEN = "last_seen_at = greatest(device.last_seen_at, now()), quiet_since = null"


async def forget_dead(
    connection: asyncpg.Connection, account: AccountId, device: DeviceId, looked_up: datetime
) -> None:
    """Remove a device that its push service does not know, unless it has registered since."""
    await connection.execute(
        "delete from device where account_id = $1 and device_id = $2 and registered_at <= $3",
        account,
        device,
        looked_up,
    )


def _device(row: asyncpg.Record) -> Device:
    return Device(
        account_id=AccountId(row["account_id"]),
        device_id=DeviceId(row["device_id"]),
        platform=Platform(row["platform"]),
        target_kind=TargetKind(row["target_kind"]),
        language=row["language"],
        registered_at=row["registered_at"],
        last_seen_at=row["last_seen_at"],
    )


@dataclass(frozen=True, slots=True)
class DeviceTable:
    """The devices of all accounts."""

    database: Database

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
        """Keep a device; one that was another account's is this one's from now on.

        It is forgotten when its session is ended. The account's registrations take turns, so that
        none counts another's device out while both are written.
        """
        vault = self.database.vault
        key = vault.hashed("target", name or target)
        given = (
            account,
            platform.value,
            kind.value,
            vault.seal(target.encode(), "device.target", kind.value, key),
            language,
            key,
            session,
        )
        known = await self.database.fetchrow(  # as a rule: apps register at each start
            f"""update device set platform = $2, target = $4, language = $5, session_id = $7,
                    registered_at = clock_timestamp(), last_seen_at = clock_timestamp(),
                    quiet_since = null
                where account_id = $1 and target_kind = $3 and target_key = $6
                returning {_COLUMNS}""",  # noqa: S608 - a constant
            *given,
        )
        return _device(known or await self._put(account, given))

    async def _put(self, account: AccountId, given: Sequence[Any]) -> asyncpg.Record:
        """Keep what the account does not have yet, and no more devices than it may have."""
        async with self.database.transaction() as connection:
            await connection.execute(
                "select from account where account_id = $1 for no key update", account
            )
            row = await connection.fetchrow(
                f"""insert into device (account_id, platform, target_kind, target, language,
                        target_key, session_id, registered_at, last_seen_at)
                    values ($1, $2, $3, $4, $5, $6, $7, clock_timestamp(), clock_timestamp())
                    on conflict (target_kind, target_key) do update set
                        account_id = excluded.account_id,
                        device_id = case when device.account_id = excluded.account_id
                            then device.device_id else excluded.device_id end,
                        platform = excluded.platform, language = excluded.language,
                        target = excluded.target, session_id = excluded.session_id,
                        registered_at = excluded.registered_at,
                        last_seen_at = excluded.last_seen_at, quiet_since = null
                    returning {_COLUMNS}""",  # noqa: S608 - a constant
                *given,  # with an id of its own, so that what was on its way to another stays away
            )
            await connection.execute(
                """delete from device where account_id = $1 and device_id = any(array(
                       select device_id from device where account_id = $1
                           and device_id = any(array(
                               select device_id from device where account_id = $1
                               order by last_seen_at desc, device_id offset $2))
                       for update skip locked))""",  # locked: it is registered again just now
                account,
                MOST_DEVICES,
            )
        return row

    async def devices(self, account: AccountId) -> Sequence[Device]:
        """Return the account's devices, the last seen first."""
        rows = await self.database.fetch(
            f"""select {_COLUMNS} from device where account_id = $1
                order by last_seen_at desc, device_id""",  # noqa: S608 - a constant
            account,
        )
        return [_device(row) for row in rows]

    async def remove(self, account: AccountId, device: DeviceId) -> bool:
        """Forget one; False where it is not the account's."""
        removed = await self.database.fetchval(
            "delete from device where account_id = $1 and device_id = $2 returning 1",
            account,
            device,
        )
        return removed is not None

    async def silence(self, after: timedelta) -> int:
        """Let devices be quiet that were not heard of for so long; return how many.

        One that is heard of at the same moment stays alive.
        """
        return await self._sweep(
            "update device set quiet_since = now()",
            "last_seen_at < now() - $1::interval and quiet_since is null",
            after,
        )

    async def forget(self, after: timedelta) -> int:
        """Delete devices that were not heard of for so long; return how many."""
        return await self._sweep("delete from device", "last_seen_at < now() - $1::interval", after)

    async def _sweep(self, what: str, silent: str, after: timedelta) -> int:
        done = 0
        while True:
            # What is locked was heard of, or is done by another worker.
            row: str = await self.database.pool.execute(
                f"""{what} where ctid = any(array(
                        select ctid from device where {silent}
                        limit {BATCH} for update skip locked)) and {silent}""",  # noqa: S608
                after,
            )
            if not (rows := int(row.rpartition(" ")[2])):
                return done
            done += rows
