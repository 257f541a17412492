"""The inbox: the truth behind every push."""

from collections.abc import Sequence
from dataclasses import dataclass

from erasmus_app.ids import AccountId, HeiId, InboxEntryId
from erasmus_app.institutions.ports import InstitutionNames
from erasmus_app.kit.clock import Clock
from erasmus_app.notifications.catalogue import Catalogue
from erasmus_app.notifications.models import InboxEntry, Text
from erasmus_app.notifications.ports import InboxStore

MOST_AT_ONCE = 101  # a page of a hundred, and one that says that more follow


@dataclass(frozen=True, kw_only=True, slots=True)
class InboxService:
    """Reads and marks messages, and writes them in the reader's language."""

    store: InboxStore
    catalogue: Catalogue
    names: InstitutionNames
    clock: Clock

    async def entries(
        self, account: AccountId, *, first: int = 20, after: InboxEntryId | None = None
    ) -> Sequence[InboxEntry]:
        """Return the newest first; at most `MOST_AT_ONCE`."""
        return await self.store.entries(
            account, first=max(0, min(first, MOST_AT_ONCE)), after=after
        )

    async def entry(self, account: AccountId, entry: InboxEntryId) -> InboxEntry | None:
        """Return one; None where it is not the account's."""
        return await self.store.entry(account, entry)

    async def unread(self, account: AccountId) -> int:
        """Return how many are unread."""
        return await self.store.unread(account)

    async def mark_read(self, account: AccountId, entries: Sequence[InboxEntryId]) -> int:
        """Mark as read what is the account's; return how many changed."""
        return await self.store.mark_read(account, entries, self.clock())

    def text(self, entry: InboxEntry, language: str) -> Text:
        """Write one entry in a language that we have."""
        return self.catalogue.render(
            entry.kind,
            language,
            entry.arguments,
            lambda hei, reader_language: self.names.name(HeiId(hei), reader_language),
        )
