"""What a signed-in student may wait for: each event comes as soon as it is true.

Whoever reconnects gives what they have last had, and goes on from there.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import strawberry

from erasmus_app.api.context import Info
from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import OWNER, Whose
from erasmus_app.api.schema.ids import uuid_of
from erasmus_app.api.schema.me import Message, Student
from erasmus_app.errors import MessageUnknown
from erasmus_app.ids import InboxEntryId
from erasmus_app.notifications import following


@access.rule(OWNER)
@strawberry.type(description="The student's record is another than before.")
class RecordChange:
    """A change; what the record is now can be read with it."""

    whose: strawberry.Private[Whose]
    version: str = strawberry.field(
        description="Of the record, as `me { recordVersion }`: give it as `after` when subscribing "
        "anew. What `me` tells is of this version or a later one."
    )

    @access.field(OWNER, description="The signed-in student; null once the account is erased.")
    async def me(self, info: Info) -> Student | None:
        """Return who has subscribed."""
        account = await info.context.look()
        return Student(account=account) if account else None


@strawberry.type(description="What a signed-in student can wait for.")
class Subscription:
    """The root of waiting."""

    @access.subscription(
        OWNER,
        description="At once where the record is of another version than `after`, then whenever it "
        "has changed. Changes in quick succession may come as one: the last of them.",
    )
    async def record_changed(
        self, info: Info, after: str | None = None
    ) -> AsyncGenerator[RecordChange, None]:
        """Follow the record."""
        services, account = info.context.services, info.context.session.account_id
        async with aclosing(
            following.versions(services.records, services.news, account, after)
        ) as versions:
            async for version in versions:
                info.context.anew()
                yield RecordChange(whose=Whose(account), version=version)

    @access.subscription(
        OWNER,
        description="Every message that came behind the one with the id `after`, then each new "
        "one; without `after` the new ones alone. None is left out and none comes twice. An error "
        "with the code `message_unknown` where there is no such message (any more): read the inbox "
        "then.",
    )
    async def inbox_message(
        self, info: Info, after: strawberry.ID | None = None
    ) -> AsyncGenerator[Message, None]:
        """Follow the inbox."""
        services, account = info.context.services, info.context.session.account_id
        entry = uuid_of(after, "Message") if after is not None else None
        if after is not None and entry is None:
            raise MessageUnknown(following.NO_SUCH_MESSAGE)
        async with aclosing(
            following.messages(
                services.inbox.store, services.news, account, InboxEntryId(entry) if entry else None
            )
        ) as messages:
            async for message in messages:
                info.context.anew()
                yield Message.of(message, info)
