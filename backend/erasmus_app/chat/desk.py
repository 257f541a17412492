"""The desk for messengers: who writes, whether they are linked, and what they are told.

Taking a message in is quick and asks nobody: the messenger waits. What is told is decided later, by
a worker, each time that it tries anew: so a link that has ended meanwhile is answered no more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Protocol

from erasmus_app.chat.layout import name_of, said_of
from erasmus_app.chat.links import ChatLink, ChatLinkStore, code_in
from erasmus_app.chat.messenger_words import MessengerTexts, MessengerWords
from erasmus_app.chat.messengers import (
    IN_TIME,
    ChatLimits,
    Gateways,
    Heard,
    Incoming,
    Kept,
    Memory,
    MessageStore,
    Messenger,
    Said,
    timely,
)
from erasmus_app.chat.models import Asker, Question
from erasmus_app.chat.service import ChatService
from erasmus_app.errors import EngineFailed
from erasmus_app.ids import AccountId
from erasmus_app.kit.clock import Clock
from erasmus_app.kit.plain import plain

FLOOD_WINDOW = timedelta(minutes=1)
MOST_MESSAGES = 15  # of one sender within it; one more is told so, and the rest hears nothing
MOST_WRONG_CODES = 5  # of one sender within the hour
GROUP_SILENCE = timedelta(hours=1)
LATE_SILENCE = timedelta(minutes=10)  # what waited for us together is apologised for once
STOP = frozenset({"stop", "/stop", "unlink", "/unlink"})
START = frozenset({"/start", "start", "/help"})


class Askers(Protocol):
    """Accounts as those who ask."""

    async def asker(self, account: AccountId) -> Asker | None:
        """Return an account's language, zone and standing; None where it is gone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatDesk:
    """Answers what comes from messengers."""

    gateways: Gateways
    links: ChatLinkStore
    limits: ChatLimits
    messages: MessageStore
    texts: MessengerTexts
    askers: Askers
    chat: ChatService
    clock: Clock

    async def take(self, messenger: Messenger, heard: Heard) -> int:
        """Keep what is to be answered; return how many messages that is.

        What has come before, what is too old and what is too much is let go without a word.
        """
        for room in heard.rooms:
            await self.messages.take_invitation(messenger, room)
        taken = 0
        for each in timely(heard.messages, self.clock()):
            if await self._is_welcome(each):
                taken += await self.messages.take(each, self.clock())
        return taken

    async def _is_welcome(self, incoming: Incoming) -> bool:
        """Whether a message is worth a job. Without Valkey each is: the jobs are there to last."""
        if incoming.is_group:
            return await self._first("group", incoming, GROUP_SILENCE)
        return await self._place(incoming) <= MOST_MESSAGES + 1

    async def _first(self, what: str, incoming: Incoming, silence: timedelta) -> bool:
        try:
            return await self.limits.first(what, incoming, silence)
        except EngineFailed:
            return False  # silence is the safer of both

    async def _place(self, incoming: Incoming) -> int:
        try:
            return await self.limits.place(incoming)
        except EngineFailed:
            return 1

    async def reply(self, kept: Kept) -> Said | None:
        """Return what a message is answered; None: nothing.

        Raises:
            EngineFailed: it cannot be told now how often somebody has tried.
            NotAnswered: the messenger does not say who else reads along.
        """
        incoming = kept.incoming
        words = self.texts.of(incoming.language)
        gateway = self.gateways[incoming.messenger]
        if incoming.is_group or not await gateway.is_private(incoming):
            first = await self._first("group", incoming, GROUP_SILENCE)
            return Said(text=words.group) if first else None
        link = await self.links.link_of(incoming.messenger, incoming.sender)
        asker = await self.askers.asker(link.account_id) if link is not None else None
        if asker is not None:
            words = self.texts.of(asker.language)
        if self.clock() - incoming.at > IN_TIME:
            first = await self._first("late", incoming, LATE_SILENCE)
            return Said(text=words.went_wrong) if first else None
        if await self._place(incoming) > MOST_MESSAGES:
            return Said(text=words.too_many)
        return await self._private(kept, words, link, asker)

    async def _private(
        self, kept: Kept, words: MessengerWords, link: ChatLink | None, asker: Asker | None
    ) -> Said:
        incoming = kept.incoming
        typed = plain(incoming.text, 300).casefold().strip(" .!«»\"'")
        if incoming.choice is None and typed in STOP:
            await self.links.part(incoming.messenger, incoming.sender)
            await self._forget(incoming)
            return Said(text=words.unlinked)
        if incoming.choice is None and (code := code_in(incoming.text)) is not None:
            return await self._redeem(kept, code, words, link)
        if link is None or asker is None or typed in START:
            return Said(text=words.how_to_link if asker is None else words.linked)
        return await self._ask(incoming, link, asker)

    async def _redeem(
        self, kept: Kept, code: str, words: MessengerWords, link: ChatLink | None
    ) -> Said:
        """Link the sender by a code. Said twice by one message, it is good the second time too."""
        incoming = kept.incoming
        if link is not None and link.linked_at >= kept.seen_at:
            return Said(text=words.linked)
        if await self.limits.wrong_codes(incoming) >= MOST_WRONG_CODES:
            return Said(text=words.too_many)
        made = await self.links.redeem(incoming.messenger, incoming.sender, code, self.clock())
        if made is None:
            await self.limits.wrong_code(incoming)
            return Said(text=words.code_wrong)
        await self._forget(incoming)
        asker = await self.askers.asker(made.account_id)
        return Said(text=(self.texts.of(asker.language) if asker else words).linked)

    async def _ask(self, incoming: Incoming, link: ChatLink, asker: Asker) -> Said:
        memory = await self._memory(incoming)
        choice = _tapped(incoming.choice, memory) or _numbered(incoming.text, memory)
        answer = await self.chat.ask(
            asker,
            Question(
                text=incoming.text if choice is None else "",  # a button brings its label along
                choice=choice,
                conversation=memory.conversation if memory is not None else None,
            ),
        )
        said = said_of(answer, self.texts.of(answer.language).choose)
        await self._remember(
            incoming, Memory(conversation=answer.conversation, choices=said.choices)
        )
        await self.links.used(link, self.clock().astimezone(UTC).date())
        return said

    async def _memory(self, incoming: Incoming) -> Memory | None:
        try:
            return await self.limits.memory(incoming)
        except EngineFailed:
            return None

    async def _remember(self, incoming: Incoming, memory: Memory) -> None:
        try:
            await self.limits.remember(incoming, memory)
        except EngineFailed:
            return

    async def _forget(self, incoming: Incoming) -> None:
        try:
            await self.limits.forget(incoming)
        except EngineFailed:
            return  # a conversation opens nothing that its account may not see

    def offered(self) -> Sequence[tuple[Messenger, str | None]]:
        """Return the messengers that there are, and where our bot is found."""
        return [(each, gateway.address) for each, gateway in self.gateways.items()]


def _tapped(choice: str | None, memory: Memory | None) -> str | None:
    """Return the choice that a button stands for, where it has only its name."""
    offered = memory.choices if memory is not None else ()
    return next((each.id for each in offered if name_of(each.id) == choice), choice)


def _numbered(text: str, memory: Memory | None) -> str | None:
    """Return the choice whose number was sent back."""
    number = text.strip().rstrip(".)")
    if memory is None or len(number) > 2 or not number.isascii() or not number.isdigit():
        return None
    place = int(number) - 1
    return memory.choices[place].id if 0 <= place < len(memory.choices) else None
