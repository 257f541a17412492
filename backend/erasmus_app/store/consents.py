"""Consents in PostgreSQL: under a keyed hash from the first day, so that the proof names nobody."""

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from erasmus_app.ids import AccountId
from erasmus_app.privacy.consents import Consent, Purpose
from erasmus_app.store.database import Database
from erasmus_app.store.sealed import Vault, vault_of

_CONSENT = "purpose, version, language, channel, given_at, withdrawn_at"
QUESTIONS = "chat"  # the purpose by which questions are kept
BY_ERASURE = "erasure"
BY_NEWER = "newer"  # another version was agreed to


def subject_key(vault: Vault, account: AccountId) -> str:
    """Return what stands for an account in the table of consents."""
    return vault.hashed("consent", str(account))


@dataclass(frozen=True, slots=True)
class ConsentTable:
    """Consents, and which privacy notice was seen; see `privacy.ports.Consents`."""

    database: Database

    async def of(self, account: AccountId) -> list[Consent]:
        """Return the whole history, the newest first."""
        rows = await self.database.fetch(
            f"""select {_CONSENT} from consent where subject_key = $1
                order by given_at desc, consent_id""",  # noqa: S608 - a constant
            subject_key(self.database.vault, account),
        )
        return [Consent(**dict(row)) for row in rows]

    async def give(
        self, account: AccountId, purpose: Purpose, language: str, channel: str, now: datetime
    ) -> Consent:
        """Note a consent to the present text; what is given already stays as it is."""
        key = subject_key(self.database.vault, account)
        async with self.database.transaction() as connection:
            await connection.execute(
                """update consent set withdrawn_at = $3, withdrawn_channel = $4
                   where subject_key = $1 and purpose = $2 and withdrawn_at is null
                       and version <> $5""",
                key,
                purpose.name,
                now,
                BY_NEWER,
                purpose.version,
            )
            await connection.execute(
                """insert into consent (subject_key, purpose, version, language, text_sha256,
                       channel, given_at)
                   values ($1, $2, $3, $4, $5, $6, $7)
                   on conflict (subject_key, purpose) where withdrawn_at is null do nothing""",
                key,
                purpose.name,
                purpose.version,
                language,
                purpose.sha256(language),
                channel,
                now,
            )
            row = await connection.fetchrow(
                f"""select {_CONSENT} from consent
                    where subject_key = $1 and purpose = $2 and withdrawn_at is null""",  # noqa: S608 - a constant
                key,
                purpose.name,
            )
        return Consent(**dict(row))

    async def withdraw(
        self, account: AccountId, purpose: str, channel: str, now: datetime
    ) -> Consent | None:
        """Withdraw a consent, and what was kept by it; None where none is given."""
        key = subject_key(self.database.vault, account)
        async with self.database.transaction() as connection:
            row = await connection.fetchrow(
                f"""update consent set withdrawn_at = $3, withdrawn_channel = $4
                    where subject_key = $1 and purpose = $2 and withdrawn_at is null
                    returning {_CONSENT}""",  # noqa: S608 - a constant
                key,
                purpose,
                now,
                channel,
            )
            if purpose == QUESTIONS:
                await forget_questions(connection, [key])
        return Consent(**dict(row)) if row else None

    async def acknowledge(self, account: AccountId, version: str, now: datetime) -> datetime:
        """Note that a version of the privacy notice was shown; return when it was first."""
        seen: datetime = await self.database.fetchval(
            """insert into notice_seen (account_id, version, seen_at) values ($1, $2, $3)
               on conflict (account_id, version) do update set version = excluded.version
               returning seen_at""",
            account,
            version,
            now,
        )
        return seen

    async def seen(self, account: AccountId) -> dict[str, datetime]:
        """Return when each version of the notice was first shown, the newest first."""
        rows = await self.database.fetch(
            """select version, seen_at from notice_seen where account_id = $1
               order by seen_at desc""",
            account,
        )
        return {row["version"]: row["seen_at"] for row in rows}


async def withdraw_all(
    connection: asyncpg.Connection, accounts: list[AccountId], now: datetime
) -> None:
    """Withdraw everything of accounts that are being erased, in the caller's transaction."""
    keys = [subject_key(vault_of(connection), each) for each in accounts]
    await connection.execute(
        """update consent set withdrawn_at = $2, withdrawn_channel = $3
           where subject_key = any($1) and withdrawn_at is null""",
        keys,
        now,
        BY_ERASURE,
    )
    await forget_questions(connection, keys)


async def forget_questions(connection: asyncpg.Connection, keys: list[str]) -> None:
    """Take away what these have asked the chat, in the caller's transaction; others' part stays."""
    await connection.execute(
        "delete from unanswered_question where askers && $1 and askers <@ $1::text[]", keys
    )
    await connection.execute(
        """update unanswered_question set askers = array(
               select each from unnest(askers) each where each <> all($1::text[]))
           where askers && $1""",
        keys,
    )
