"""Who was forgotten lately, as keyed hashes: what the next poll brings of them is left out."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import asyncpg

from erasmus_app.mobilities.models import Mobility
from erasmus_app.store.esis import lock_esis
from erasmus_app.store.persons import esis_of
from erasmus_app.store.sealed import Vault, vault_of


async def remember(
    connection: asyncpg.Connection,
    mobilities: Iterable[Sequence[str]],
    esi_keys: Iterable[str],
    *,
    until: datetime,
) -> None:
    """Note mobilities (tenant, sending HEI, omobility id) and ESIs (as they are looked up)."""
    vault = vault_of(connection)
    keys = [_of_mobility(vault, *each) for each in mobilities]
    keys += [_of_esi(vault, each) for each in esi_keys]
    await connection.execute(
        """insert into forgotten (key, until) select key, $2 from unnest($1::text[]) as new (key)
           on conflict (key) do update set
               until = greatest(forgotten.until, excluded.until)""",
        keys,
        until,
    )


async def is_forgotten(connection: asyncpg.Connection, mobility: Mobility) -> bool:
    """Return whether a mobility was erased lately, or is a student's who was.

    Who is being erased at this moment is waited for.
    """
    vault = vault_of(connection)
    esis = [vault.esi_key(each) for each in esis_of(mobility)]
    await lock_esis(connection, esis)
    place = (mobility.tenant, mobility.sending_hei_id, mobility.omobility_id)
    keys = [_of_mobility(vault, *place)]
    keys += [_of_esi(vault, each) for each in esis]
    found = await connection.fetchval(
        "select 1 from forgotten where key = any($1) and until > now() limit 1", keys
    )
    return found is not None


def _of_mobility(vault: Vault, tenant: str, sending: str, omobility_id: str) -> str:
    return vault.hashed("forgotten mobility", f"{tenant} {sending} {omobility_id}")


def _of_esi(vault: Vault, key: str) -> str:
    return vault.hashed("forgotten esi", key)
