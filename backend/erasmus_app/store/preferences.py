"""What students have chosen of messages.

Whoever tells an account something holds its row from the inbox entry on (by the foreign key), and
reads the preferences after that. Whoever changes them takes the row first. So a message is either
planned by the new ones, or there to be planned anew.
"""

import asyncpg
import msgspec

from erasmus_app.ids import AccountId
from erasmus_app.notifications.models import DEFAULTS, Preferences
from erasmus_app.notifications.wishes import Chosen
from erasmus_app.store.sealed import Vault, vault_of

PLACE = "preference.content"


def preferences_of(content: bytes | None, account: AccountId, vault: Vault) -> Preferences:
    """Read a row's content; None is that of an account without a row."""
    if content is None:
        return DEFAULTS
    return msgspec.json.decode(vault.open(content, PLACE, account), type=Preferences)


async def chosen(connection: asyncpg.Connection, account: AccountId) -> Chosen:
    """Return what an account has chosen, and the zone of its clock, in one read."""
    row = await connection.fetchrow(
        """select zone, content from account left join preference using (account_id)
           where account_id = $1""",
        account,
    )
    if row is None:  # erased meanwhile
        return Chosen(preferences=DEFAULTS, zone="UTC")
    return Chosen(
        preferences=preferences_of(row["content"], account, vault_of(connection)), zone=row["zone"]
    )


async def hold_account(connection: asyncpg.Connection, account: AccountId) -> bool:
    """Let nobody tell the account anything until the transaction ends; False where it is gone."""
    found = await connection.fetchval(
        "select 1 from account where account_id = $1 for update", account
    )
    return found is not None


async def take_over(connection: asyncpg.Connection, source: AccountId, target: AccountId) -> None:
    """Give an account that has chosen nothing what another has chosen."""
    content = await connection.fetchval(
        "select content from preference where account_id = $1", source
    )
    if content is None:
        return
    vault = vault_of(connection)
    await connection.execute(
        "insert into preference (account_id, content) values ($1, $2) on conflict do nothing",
        target,
        vault.seal(vault.open(content, PLACE, source), PLACE, target),
    )
