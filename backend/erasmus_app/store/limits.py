"""What is owed under the rules of `limits`, in Valkey: how long a key has to live is the debt.

A key has no value. Its time to live is what its owner owes, in milliseconds, so it pays itself off
and is gone when all is paid; no clock but Valkey's own is asked. Where that is set, debts are over
sooner, or last for no longer than the rule's `seconds`, whatever the clock says.

Who it is stands in no key: only a keyed hash does, which nobody computes without our data keys.
"""

import asyncio
import base64
import hmac
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from erasmus_app.errors import EngineFailed
from erasmus_app.limits.ports import Charge, is_closed
from erasmus_app.store.keys import reaching
from erasmus_app.store.sealed import Vault

HASH = 12  # bytes of it: two of a hundred million are the same once in a trillion
CLOSED_SECONDS = 1.5  # for what is closed without an answer: late is better than not at all
GRACE = 0.2  # of the patience: for an answer that came while this process did something else

SCRIPT = """
local what, owed, waits, full = ARGV[1], {}, {}, false
for i = 1, #KEYS do
  local window, cost = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local left = redis.call('PTTL', KEYS[i])
  local most = what == 'add' and 2 * window or window
  if left < 0 then left = 0 elseif left > most then left = most end
  owed[i] = left
  waits[i] = math.max(left + cost - window, 0)
  if waits[i] > 0 then full = true end
end
if what == 'look' or (what == 'take' and full) then return waits end
for i = 1, #KEYS do
  local window, cost = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local now = math.min(owed[i] + cost, 2 * window)
  redis.call('SET', KEYS[i], '', 'PX', now)
  owed[i] = now
end
return what == 'add' and owed or waits
"""


@dataclass(slots=True)
class RedisCounts:
    """See `limits.ports.Counts`."""

    redis: Redis
    vault: Vault
    patience: float  # seconds after which Valkey counts as away
    _script: AsyncScript = field(init=False)

    def __post_init__(self) -> None:
        self._script = self.redis.register_script(SCRIPT)

    async def take(self, charges: Sequence[Charge]) -> list[float]:
        """Add to all, or to none; return how long each has to wait. Raises EngineFailed."""
        return await self._ask("take", charges)

    async def look(self, charges: Sequence[Charge]) -> list[float]:
        """Return how long each has to wait. Raises EngineFailed."""
        return await self._ask("look", charges)

    async def add(self, charges: Sequence[Charge]) -> list[float]:
        """Add to all; return what each owes. Raises EngineFailed."""
        return await self._ask("add", charges)

    async def _ask(self, what: str, charges: Sequence[Charge]) -> list[float]:
        keys = [self.key(each) for each in charges]
        numbers = [
            ceil(seconds * 1000) for each in charges for seconds in (each.rule.seconds, each.cost)
        ]
        patience = self.patience
        if is_closed(charges):
            patience = max(patience, CLOSED_SECONDS)
        with reaching():
            call = self._script(keys=keys, args=[what, *numbers])
            found: list[int] = await self._patiently(call, patience)
        return [each / 1000 for each in found]

    def key(self, charge: Charge) -> str:
        """Return under which key somebody's debt is."""
        told = f"limit {charge.rule.name} {charge.who}".encode()
        digest = hmac.digest(self.vault.lookup, told, "sha256")[:HASH]
        return f"limit:{charge.rule.name}:{base64.urlsafe_b64encode(digest).decode('ascii')}"

    async def _patiently(self, call: Awaitable[Any], patience: float) -> Any:
        """Wait for an answer, for a moment. Raises EngineFailed.

        Not by a timeout, which would be over as well where this process itself was busy.
        """
        task = asyncio.ensure_future(call)
        try:
            done, _ = await asyncio.wait({task}, timeout=patience)
            if not done:
                done, _ = await asyncio.wait({task}, timeout=patience * GRACE)
            if not done:
                raise EngineFailed("Valkey did not answer in time; look at ERASMUS_APP_REDIS_URL")
            return task.result()
        finally:
            if not task.done():  # its connection is closed before anybody goes on
                task.cancel()
                await asyncio.wait({task})
