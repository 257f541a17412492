"""Whose a mobility is: students as one tenant's data knows them, found by ESI (guide §6.3).

Each function works within the transaction of the change.
"""

import asyncpg

from erasmus_app.identity.esi import is_esi
from erasmus_app.ids import EuropeanStudentId, PersonId
from erasmus_app.mobilities.models import Mobility
from erasmus_app.mobilities.ports import StoredMobility
from erasmus_app.store.claims import flag_person
from erasmus_app.store.esis import lock_esis
from erasmus_app.store.sealed import vault_of


def esis_of(mobility: Mobility) -> list[EuropeanStudentId]:
    """Return the values that are ESIs; anything else is never matched (guide §6.3)."""
    facts = (mobility.nomination, mobility.agreement, mobility.transcript)
    found = [each.value.student.esi for each in facts if each and each.value]
    return [each for each in dict.fromkeys(found) if each and is_esi(each)]


async def found_or_made(connection: asyncpg.Connection, mobility: Mobility) -> PersonId:
    """Find the student by ESI, else make one, and let the accounts with that ESI see it."""
    person = await _known(connection, mobility) or PersonId(
        await connection.fetchval(
            "insert into person (tenant) values ($1) returning person_id", mobility.tenant
        )
    )
    await _see_esis(connection, mobility, person)
    return person


async def known_by_now(
    connection: asyncpg.Connection, mobility: Mobility, person: PersonId
) -> PersonId:
    """Return whose the mobility is now: a student without an ESI may turn out to be known.

    An ESI that changes later makes no difference: it takes a confirmation before somebody else's
    account sees what the mobility tells (guide §6.3).
    """
    has_esi = await connection.fetchval(
        "select 1 from person_esi where tenant = $1 and person_id = $2 limit 1",
        mobility.tenant,
        person,
    )
    if has_esi is None and esis_of(mobility):
        person = await _known(connection, mobility) or person
        await _see_esis(connection, mobility, person)
    return person


async def moved(connection: asyncpg.Connection, stored: StoredMobility, person: PersonId) -> None:
    """Let what happened follow the mobility to its person, and the one without a name go."""
    tenant, nobody = stored.mobility.tenant, stored.person_id
    await connection.execute(
        """update event set person_id = $3
           where tenant = $1 and person_id = $2 and mobility_id = $4""",
        tenant,
        nobody,
        person,
        stored.mobility_id,
    )
    await connection.execute(
        """delete from person where tenant = $1 and person_id = $2 and not exists (
               select 1 from mobility where tenant = $1 and person_id = $2)""",
        tenant,
        nobody,
    )


async def _known(connection: asyncpg.Connection, mobility: Mobility) -> PersonId | None:
    """Find the student by ESI; nobody else makes one with it until the transaction is over."""
    vault = vault_of(connection)
    keys = [vault.esi_key(each) for each in esis_of(mobility)]
    await lock_esis(connection, keys)
    found = await connection.fetchval(
        "select person_id from person_esi where tenant = $1 and esi_key = any($2) limit 1",
        mobility.tenant,
        keys,
    )
    return PersonId(found) if found else None


async def _see_esis(connection: asyncpg.Connection, mobility: Mobility, person: PersonId) -> None:
    """Note the ESIs, and let the accounts that have one see the person.

    One that is another person's already stays with that person.
    """
    vault = vault_of(connection)
    esis = {vault.esi_key(each): each for each in esis_of(mobility)}
    await connection.execute(
        """with seen as (
               insert into person_esi (tenant, esi_key, person_id, esi)
               select $1, esi_key, $2, esi
               from unnest($3::text[], $4::bytea[]) as new (esi_key, esi)
               on conflict (tenant, esi_key) do update set last_seen_at = now()
               returning esi_key, person_id)
           insert into account_person (account_id, tenant, person_id)
           select account_id, $1, $2 from (
               select esi_key, person_id from seen
               union select esi_key, person_id from person_esi
                   where tenant = $1 and person_id = $2) as known
           join account_esi using (esi_key) where person_id = $2 and hold is null
           on conflict do nothing""",
        mobility.tenant,
        person,
        list(esis),
        [
            vault.seal(esi.encode(), "person_esi.esi", mobility.tenant, key)
            for key, esi in esis.items()
        ],
    )
    await flag_person(connection, mobility.tenant, person)
