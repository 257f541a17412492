"""The tool `get_inbox`: what the app has told the student."""

from datetime import datetime
from typing import Annotated

import msgspec

from erasmus_app.api.mcp.reader import Language, PartnerText, Reader, ToolRefused, foreign
from erasmus_app.ids import InboxEntryId, global_id, read_global_id
from erasmus_app.notifications.models import InboxEntry

KIND = "Message"
MOST = 50
Behind = Annotated[
    str, msgspec.Meta(max_length=200, description="`next` of the page before; else the newest.")
]


class Page(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many messages, from which on."""

    first: Annotated[int, msgspec.Meta(ge=1, le=MOST, description="How many, newest first.")] = 20
    after: Behind | None = None
    language: Language | None = None


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message of the app to the student."""

    id: str
    kind: Annotated[str, msgspec.Meta(description="What happened, as in the app's catalogue.")]
    title: PartnerText
    body: PartnerText
    created_at: Annotated[datetime, msgspec.Meta(description="When it happened, UTC.")]
    is_read: bool
    mobility: Annotated[str | None, msgspec.Meta(description="The id of the one it is about.")] = (
        None
    )


class Inbox(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A page of messages, the newest first."""

    unread: Annotated[int, msgspec.Meta(description="How many are unread, of all.")]
    messages: list[Message]
    next: Annotated[
        str | None, msgspec.Meta(description="What asks for the page behind; none: it is the last.")
    ] = None


async def inbox(reader: Reader, wanted: Page) -> Inbox:
    """Show a page; nothing is marked as read by that."""
    behind = None
    if wanted.after is not None:
        found = read_global_id(wanted.after)
        if found is None or found[0] != KIND:
            raise ToolRefused("after: is no `next` of get_inbox; leave it out to begin anew")
        behind = InboxEntryId(found[1])
    service, account = reader.services.inbox, reader.session.account_id
    entries = await service.entries(account, first=wanted.first + 1, after=behind)
    page = [_message(reader, each) for each in entries[: wanted.first]]
    return Inbox(
        unread=await service.unread(account),
        messages=page,
        next=page[-1].id if len(entries) > wanted.first else None,
    )


def _message(reader: Reader, entry: InboxEntry) -> Message:
    text = reader.services.inbox.text(entry, reader.language)
    return Message(
        id=global_id(KIND, entry.entry_id),
        kind=entry.kind,
        title=foreign(text.title),
        body=foreign(text.body),
        created_at=entry.created_at,
        is_read=entry.read_at is not None,
        mobility=global_id("Mobility", entry.mobility_id) if entry.mobility_id else None,
    )
