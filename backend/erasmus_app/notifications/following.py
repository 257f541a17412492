"""Following what happens to an account: nothing is left out, and nothing comes twice."""

from collections.abc import AsyncGenerator
from functools import partial

from erasmus_app.errors import MessageUnknown
from erasmus_app.ids import AccountId, InboxEntryId
from erasmus_app.mobilities.ports import RecordStore
from erasmus_app.notifications.models import InboxEntry
from erasmus_app.notifications.ports import InboxStore, News, Topic

AT_ONCE = 50  # messages in one read
NO_SUCH_MESSAGE = "There is no such message. Read the inbox, and go on from there."


async def versions(
    records: RecordStore, news: News, account: AccountId, after: str | None
) -> AsyncGenerator[str, None]:
    """Yield each version of the record that is another than the one before, `after` first.

    A state replaces the one before it: of several changes in between the last one counts.
    """
    with news.heard(Topic.RECORD, account) as heard:
        known = after
        while True:
            heard.clear()
            version = await news.look(lambda: records.record_version(account))
            if version != known:
                known = version
                yield version
            await heard.wait()


async def messages(
    inbox: InboxStore, news: News, account: AccountId, after: InboxEntryId | None
) -> AsyncGenerator[InboxEntry, None]:
    """Yield every message behind `after`, or from now on with None, in the inbox's order.

    Raises:
        MessageUnknown: there is no such message (any more), so nobody knows what came after it.
    """
    with news.heard(Topic.INBOX, account) as heard:
        place = await news.look(lambda: inbox.place(account, after))
        if place is None:
            raise MessageUnknown(NO_SUCH_MESSAGE)
        while True:
            heard.clear()
            read = partial(inbox.behind, account, place, AT_ONCE)
            entries = await news.look(read)
            for entry in entries:
                place = entry.place
                yield entry
            if not entries:
                await heard.wait()
