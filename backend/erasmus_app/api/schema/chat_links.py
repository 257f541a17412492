"""Messengers: which there are, linking a chat account by a code, and taking a link back."""

from datetime import date, datetime
from typing import Annotated

import strawberry

from erasmus_app.api.context import Info
from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import OWNER, PART, SIGNED_IN, Whose
from erasmus_app.api.schema.enums import described_enum
from erasmus_app.api.schema.ids import global_id, uuid_of
from erasmus_app.chat import links
from erasmus_app.chat.links import CODE_LIFETIME, MOST_CODES, MOST_LINKS, TooManyCodes
from erasmus_app.chat.messengers import Messenger

described_enum(
    Messenger,
    name="Messenger",
    description="A messenger that students may ask from.",
    values={
        "TELEGRAM": "Telegram.",
        "WHATSAPP": "WhatsApp.",
        "MESSENGER": "Facebook's Messenger.",
        "SLACK": "Slack, in the operator's workspace.",
        "MATRIX": "Matrix: Element and others.",
    },
)


@access.rule(PART)
@strawberry.type(description="A messenger that is open here.")
class ChatMessenger:
    """A messenger."""

    messenger: Messenger = strawberry.field(description="Which.")
    address: str | None = strawberry.field(
        description="Where our bot is found there, an https address; null: not published."
    )


@access.rule(OWNER)
@strawberry.type(description="A chat account that may ask about the student. Its name is not kept.")
class ChatLink:
    """A link."""

    whose: strawberry.Private[Whose]
    id: strawberry.ID = strawberry.field(description="Opaque.")
    messenger: Messenger = strawberry.field(description="Where it is.")
    linked_at: datetime = strawberry.field(description="Since when, UTC.")
    last_used_on: date | None = strawberry.field(
        description="The day of its last question, UTC; null: none yet."
    )

    @classmethod
    def of(cls, link: links.ChatLink) -> "ChatLink":
        """Make it from ours."""
        return cls(
            whose=Whose(link.account_id),
            id=global_id("ChatLink", link.link_id),
            messenger=link.messenger,
            linked_at=link.linked_at,
            last_used_on=link.used_on,
        )


@access.rule(PART)
@strawberry.type(description="A code that was just made.")
class ChatLinkCodeCreated:
    """A code, told once."""

    code: str = strawberry.field(
        description="To be sent to our bot in a private chat. Whoever sends it first is linked: it "
        "is shown here and never again."
    )
    expires_at: datetime = strawberry.field(description="Until when it is good, UTC.")


@access.rule(PART)
@strawberry.type(description="There were too many codes lately.")
class ChatLinkCodeTooSoon:
    """No code."""

    again_at: datetime = strawberry.field(description="When there may be one again, UTC.")


ChatLinkCodeResult = Annotated[
    ChatLinkCodeCreated | ChatLinkCodeTooSoon,
    strawberry.union("ChatLinkCodeResult", description="A code, or why there is none."),
]


@strawberry.type
class ChatMessengersQuery:
    """What there is to ask from."""

    @access.field(
        SIGNED_IN, description="The messengers that are open here; none where none is configured."
    )
    def chat_messengers(self, info: Info) -> list[ChatMessenger]:
        """Return them."""
        offered = info.context.services.desk.offered()
        return [ChatMessenger(messenger=each, address=address) for each, address in offered]


@strawberry.type(description="Where a student asks from.")
class ChatLinksOfStudent:
    """A base of `Student`."""

    @access.field(
        OWNER, description=f"The linked chat accounts, the newest first; at most {MOST_LINKS}."
    )
    async def chat_links(self, info: Info) -> list[ChatLink]:
        """Return them."""
        account = info.context.session.account_id
        return [ChatLink.of(each) for each in await info.context.services.chat_links.links(account)]


@strawberry.type
class ChatLinkMutations:
    """What can be done about links."""

    @access.mutation(
        OWNER,
        description="Make a code by which a chat account is linked: it is sent to our bot there. "
        f"Good for {CODE_LIFETIME.seconds // 60} minutes and one use; the code before ends. At "
        f"most {MOST_CODES} an hour.",
    )
    async def create_chat_link_code(self, info: Info) -> ChatLinkCodeResult:
        """Make one."""
        account = info.context.session.account_id
        made = await info.context.services.chat_links.create_code(account)
        if isinstance(made, TooManyCodes):
            return ChatLinkCodeTooSoon(again_at=made.again_at)
        return ChatLinkCodeCreated(code=made.code, expires_at=made.expires_at)

    @access.mutation(
        OWNER,
        description="Take the code back that was made last, if it was not used. Returns whether "
        "there was one.",
    )
    async def revoke_chat_link_code(self, info: Info) -> bool:
        """Revoke it."""
        account = info.context.session.account_id
        return await info.context.services.chat_links.revoke_code(account)

    @access.mutation(
        OWNER,
        description="End a link: that chat account is answered nothing personal any more. Returns "
        "whether there was one.",
    )
    async def remove_chat_link(self, info: Info, id: strawberry.ID) -> bool:
        """End one."""
        known = uuid_of(id, "ChatLink")
        if known is None:
            return False
        account = info.context.session.account_id
        return await info.context.services.chat_links.remove(account, known)
