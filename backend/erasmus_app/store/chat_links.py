"""Chat accounts that are linked, in PostgreSQL, and the codes for it."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import asyncpg

from erasmus_app.chat.links import CODE_WINDOW, MOST_CODES, MOST_LINKS, ChatLink
from erasmus_app.chat.messengers import Messenger
from erasmus_app.ids import AccountId
from erasmus_app.store.database import Database
from erasmus_app.store.sealed import Vault

_LINK = "account_id, link_id, messenger, linked_at, used_on"


def sender_key(vault: Vault, messenger: Messenger, sender: str) -> str:
    """Return the keyed hash under which a sender is looked up."""
    return vault.hashed(f"chat {messenger.value}", sender)


def _link(row: asyncpg.Record) -> ChatLink:
    return ChatLink(
        account_id=AccountId(row["account_id"]),
        link_id=row["link_id"],
        messenger=Messenger(row["messenger"]),
        linked_at=row["linked_at"],
        used_on=row["used_on"],
    )


@dataclass(frozen=True, slots=True)
class ChatLinkTable:
    """See `chat.links.ChatLinkStore`."""

    database: Database

    async def links(self, account: AccountId) -> list[ChatLink]:
        """Return an account's, the newest first."""
        rows = await self.database.fetch(
            f"""select {_LINK} from chat_link where account_id = $1
                order by linked_at desc, link_id""",  # noqa: S608 - a constant
            account,
        )
        return [_link(row) for row in rows]

    async def keep_code(
        self, account: AccountId, code: str, now: datetime, expires_at: datetime
    ) -> datetime | None:
        """Keep a code in place of the one before; or say since when there are too many."""
        row = await self.database.fetchrow(
            """insert into chat_link_code as c
                   (account_id, code_key, expires_at, window_began, made)
               values ($1, $2, $4, $3, 1)
               on conflict (account_id) do update set
                   code_key = excluded.code_key, expires_at = excluded.expires_at,
                   window_began = case when c.window_began > $5 then c.window_began
                                  else excluded.window_began end,
                   made = case when c.window_began > $5 then c.made + 1 else 1 end
               where c.window_began <= $5 or c.made < $6
               returning 1""",
            account,
            self._code_key(code),
            now,
            expires_at,
            now - CODE_WINDOW,
            MOST_CODES,
        )
        if row is not None:
            return None
        began: datetime = await self.database.fetchval(
            "select window_began from chat_link_code where account_id = $1", account
        )
        return began

    async def drop_code(self, account: AccountId) -> bool:
        """Forget an account's code; False where there is none that is good."""
        found = await self.database.fetchval(
            """update chat_link_code set code_key = null
               where account_id = $1 and code_key is not null and expires_at > now()
               returning 1""",
            account,
        )
        return found is not None

    async def redeem(
        self, messenger: Messenger, sender: str, code: str, now: datetime
    ) -> ChatLink | None:
        """Link a sender with the account whose code it is, and forget the code; None: it is none.

        Of more than `MOST_LINKS` the one unused for longest makes room.
        """
        key = sender_key(self.database.vault, messenger, sender)
        async with self.database.transaction() as connection:
            account = await connection.fetchval(
                """update chat_link_code set code_key = null
                   where code_key = $1 and expires_at > $2 returning account_id""",
                self._code_key(code),
                now,
            )
            if account is None:
                return None
            await connection.execute(
                """delete from chat_link where sender_key = $2 or account_id = $1 and link_id in (
                       select link_id from chat_link where account_id = $1 and sender_key <> $2
                       order by coalesce(used_on, linked_at::date) desc, linked_at desc, link_id
                       offset $3)""",
                account,
                key,
                MOST_LINKS - 1,
            )
            row = await connection.fetchrow(
                f"""insert into chat_link (account_id, messenger, sender_key, sender, linked_at)
                    values ($1, $2, $3, $4, $5)
                    on conflict (sender_key) do update set account_id = excluded.account_id,
                        linked_at = excluded.linked_at, used_on = null
                    returning {_LINK}""",  # noqa: S608 - a constant
                account,
                messenger.value,
                key,
                self.database.vault.seal(sender.encode(), "chat_link.sender", key),
                now,
            )
        return _link(row)

    async def link_of(self, messenger: Messenger, sender: str) -> ChatLink | None:
        """Return a sender's link."""
        row = await self.database.fetchrow(
            f"select {_LINK} from chat_link where sender_key = $1",  # noqa: S608 - a constant
            sender_key(self.database.vault, messenger, sender),
        )
        return _link(row) if row else None

    async def used(self, link: ChatLink, on: date) -> None:
        """Note the day."""
        if link.used_on != on:
            await self.database.execute(
                "update chat_link set used_on = $3 where account_id = $1 and link_id = $2",
                link.account_id,
                link.link_id,
                on,
            )

    async def remove(self, account: AccountId, link: UUID) -> bool:
        """Forget a link; False where it is not the account's."""
        found = await self.database.fetchval(
            "delete from chat_link where account_id = $1 and link_id = $2 returning 1",
            account,
            link,
        )
        return found is not None

    async def part(self, messenger: Messenger, sender: str) -> None:
        """Forget a sender's link, if there is one."""
        await self.database.execute(
            "delete from chat_link where sender_key = $1",
            sender_key(self.database.vault, messenger, sender),
        )

    def _code_key(self, code: str) -> str:
        return self.database.vault.hashed("chat code", code)
