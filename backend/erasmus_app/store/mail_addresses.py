"""Addresses that messages may be mailed to, in PostgreSQL."""

import base64
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg

from erasmus_app.identity.claiming import new_code
from erasmus_app.ids import AccountId
from erasmus_app.notifications.mail_addresses import (
    CODE_LIFETIME,
    MOST_ASKED,
    MOST_CODES,
    MOST_TRIES,
    WINDOW,
    AddressState,
    MailAddress,
)
from erasmus_app.store import jobs
from erasmus_app.store.database import Database
from erasmus_app.store.sealed import Vault, vault_of

MAIL_CODE = "mail-code"
"""The job that mails a code to an address."""
_SEALED = "mail_address.address"
_COLUMNS = "address_id, account_id, address, asked_at, confirmed_at, stopped_at, gone_at"
_MAC = 16  # bytes of the proof in a token, after the 16 of an address's id
REMOVE = "address = null, code_key = null, removed_at = $2"


class CodeLetter(NamedTuple):
    """A code on its way. Personal."""

    address: str
    code: str
    language: str


@dataclass(frozen=True, slots=True)
class MailAddressTable:
    """The addresses of all accounts; see `notifications.mail_addresses.MailAddressStore`."""

    database: Database

    async def ask(self, account: AccountId, address: str, now: datetime) -> MailAddress | None:
        """Let an address wait for its code, in place of another; None: too many."""
        key = self.database.vault.hashed("mail", address.casefold())
        async with self.database.transaction() as connection:
            await connection.fetchval(  # one after the other, so that the count is right
                "select 1 from account where account_id = $1 for update", account
            )
            known = await connection.fetchrow(
                f"""update mail_address set stopped_at = null
                    where account_id = $1 and address_key = $2 and confirmed_at is not null
                        and removed_at is null and gone_at is null
                    returning {_COLUMNS}""",  # noqa: S608 - a constant
                account,
                key,
            )
            if known is not None:
                return _address(known, self.database.vault)
            asked = await connection.fetchval(
                "select count(*) from mail_address where account_id = $1 and asked_at > $2",
                account,
                now - WINDOW,
            )
            if asked >= MOST_ASKED:
                return None
            await connection.execute(
                f"""update mail_address set {REMOVE}
                    where account_id = $1 and confirmed_at is null and removed_at is null""",  # noqa: S608 - a constant
                account,
                now,
            )
            new: UUID = await connection.fetchval("select gen_random_uuid()")
            row = await connection.fetchrow(
                f"""insert into mail_address (address_id, account_id, address, address_key,
                        asked_at, code_until)
                    values ($1, $2, $3, $4, $5, $6) returning {_COLUMNS}""",  # noqa: S608 - a constant
                new,
                account,
                vault_of(connection).seal(address.encode(), _SEALED, new),
                key,
                now,
                now + CODE_LIFETIME,
            )
            await jobs.enqueue(
                connection,
                MAIL_CODE,
                {"address_id": str(new)},
                dedupe_key=f"{MAIL_CODE} {new}",
                due=now,
            )
        return _address(row, self.database.vault)

    async def letter(self, address: UUID, now: datetime) -> CodeLetter | None:
        """Make a code for an address that waits; None where no mail shall be sent.

        That is so where it waits no more, and where enough codes were mailed to it. Whoever asked
        is not told: another may have asked for the same.
        """
        async with self.database.transaction() as connection:
            row = await connection.fetchrow(
                """select address, address_key, language from mail_address
                   join account using (account_id)
                   where address_id = $1 and confirmed_at is null and removed_at is null
                       and asked_at > $2""",
                address,
                now - CODE_LIFETIME,
            )
            if row is None:
                return None
            await connection.execute(
                "select pg_advisory_xact_lock(hashtextextended($1, 0))",
                f"mail {row['address_key']}",
            )
            mailed = await connection.fetchval(
                """select count(*) from mail_address
                   where address_key = $1 and mailed_at > $2 and address_id <> $3""",
                row["address_key"],
                now - WINDOW,
                address,
            )
            if mailed >= MOST_CODES:
                return None
            vault, code = vault_of(connection), new_code()
            await connection.execute(
                """update mail_address set code_key = $2, code_until = $3, tries = 0,
                       mailed_at = $4 where address_id = $1""",
                address,
                _code_key(vault, address, code),
                now + CODE_LIFETIME,
                now,
            )
        return CodeLetter(
            address=vault.open(row["address"], _SEALED, address).decode(),
            code=code,
            language=row["language"],
        )

    async def confirm(self, account: AccountId, code: str, now: datetime) -> MailAddress | None:
        """Confirm the one that waits, in place of any other. Each code counts, right or wrong."""
        async with self.database.transaction() as connection:
            await connection.fetchval(
                "select 1 from account where account_id = $1 for update", account
            )
            row = await connection.fetchrow(
                """update mail_address set tries = tries + 1
                   where account_id = $1 and confirmed_at is null and removed_at is null
                       and code_key is not null and code_until > $2 and tries < $3
                   returning address_id, code_key""",
                account,
                now,
                MOST_TRIES,
            )
            if row is None:
                return None
            vault, address = vault_of(connection), row["address_id"]
            if not hmac.compare_digest(row["code_key"], _code_key(vault, address, code)):
                return None
            await connection.execute(
                f"""update mail_address set {REMOVE} where account_id = $1 and address_id <> $3
                    and removed_at is null""",  # noqa: S608 - a constant
                account,
                now,
                address,
            )
            confirmed = await connection.fetchrow(
                f"""update mail_address set confirmed_at = $2, code_key = null
                    where address_id = $1 returning {_COLUMNS}""",  # noqa: S608 - a constant
                address,
                now,
            )
        return _address(confirmed, self.database.vault)

    async def remove(self, account: AccountId, now: datetime) -> bool:
        """Forget the account's addresses; False where there was none."""
        rows = await self.database.fetch(
            f"""update mail_address set {REMOVE}
                where account_id = $1 and removed_at is null returning 1""",  # noqa: S608 - a constant
            account,
            now,
        )
        return bool(rows)

    async def addresses(self, account: AccountId, now: datetime) -> Sequence[MailAddress]:
        """Return the one that is, or was, confirmed, and the one that waits."""
        rows = await self.database.fetch(
            f"""select {_COLUMNS} from mail_address
                where account_id = $1 and removed_at is null
                    and (confirmed_at is not null or code_until > $2)
                order by confirmed_at is null, asked_at""",  # noqa: S608 - a constant
            account,
            now,
        )
        return [_address(row, self.database.vault) for row in rows]

    def token(self, address: UUID) -> str:
        """Return what stops mails to an address: nobody can make it up, and it tells nothing."""
        return base64.urlsafe_b64encode(address.bytes + self._proof(address)).decode().rstrip("=")

    def is_token(self, token: str) -> bool:
        """Whether we have put it into a mail."""
        return self._address_of(token) is not None

    async def stop(self, token: str, now: datetime) -> bool:
        """Mail nothing more to a token's address; False where it is none of ours."""
        address = self._address_of(token)
        if address is None:
            return False
        await self.database.execute(
            "update mail_address set stopped_at = coalesce(stopped_at, $2) where address_id = $1",
            address,
            now,
        )
        return True

    def _address_of(self, token: str) -> UUID | None:
        try:
            whole = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except ValueError:
            return None
        if len(whole) != 16 + _MAC:
            return None
        address = UUID(bytes=whole[:16])
        return address if hmac.compare_digest(whole[16:], self._proof(address)) else None

    def _proof(self, address: UUID) -> bytes:
        return bytes.fromhex(self.database.vault.hashed("stop-mail", str(address)))[:_MAC]


def _code_key(vault: Vault, address: UUID, code: str) -> str:
    return vault.hashed("mail-code", f"{address} {code}")


def _address(row: asyncpg.Record, vault: Vault) -> MailAddress:
    if row["confirmed_at"] is None:
        state = AddressState.WAITING
    elif row["gone_at"] is not None:
        state = AddressState.GONE
    else:
        state = AddressState.CONFIRMED if row["stopped_at"] is None else AddressState.STOPPED
    return MailAddress(
        account_id=AccountId(row["account_id"]),
        address_id=row["address_id"],
        address=vault.open_text(row["address"], _SEALED, row["address_id"]),
        state=state,
        asked_at=row["asked_at"],
        confirmed_at=row["confirmed_at"],
    )
