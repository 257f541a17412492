"""Calendar feeds: making an address, seeing which there are, taking one back."""

from datetime import datetime

import strawberry

from erasmus_app.api.context import Info
from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import OWNER, PART, Whose
from erasmus_app.api.schema.ids import global_id, uuid_of
from erasmus_app.notifications import calendars
from erasmus_app.notifications.calendars import MOST_FEEDS


@access.rule(OWNER)
@strawberry.type(
    description="A calendar that reads deadlines and stays at an address of its own. The address "
    "is shown once, when it is made."
)
class CalendarFeed:
    """A feed."""

    whose: strawberry.Private[Whose]
    id: strawberry.ID = strawberry.field(description="Opaque.")
    created_at: datetime = strawberry.field(description="When its address was made, UTC.")
    last_fetched_at: datetime | None = strawberry.field(
        description="In which hour a calendar has last read it, UTC; null: not yet."
    )

    @classmethod
    def of(cls, feed: calendars.CalendarFeed) -> "CalendarFeed":
        """Make it from ours."""
        return cls(
            whose=Whose(feed.account_id),
            id=global_id("CalendarFeed", feed.feed_id),
            created_at=feed.created_at,
            last_fetched_at=feed.fetched_at,
        )


@access.rule(PART)
@strawberry.type(description="A feed that was just made.")
class CalendarFeedCreated:
    """A feed, and the one time that its address is told."""

    feed: CalendarFeed = strawberry.field(description="The feed.")
    url: str = strawberry.field(
        description="The address for the calendar (`https://…`; calendars also take it as "
        "`webcal://…`). Whoever has it reads the calendar: it is shown here and never again."
    )


@strawberry.type(description="What a student's calendars are.")
class CalendarsOfStudent:
    """A base of `Student`."""

    @access.field(OWNER, description="The calendar feeds, the newest first; at most ten.")
    async def calendar_feeds(self, info: Info) -> list[CalendarFeed]:
        """Return them."""
        found = await info.context.services.calendars.feeds(info.context.session.account_id)
        return [CalendarFeed.of(each) for each in found]


@strawberry.type
class CalendarMutations:
    """What can be done about calendars."""

    @access.mutation(
        OWNER,
        description="Make an address at which a calendar app reads deadlines and stays by itself. "
        f"It opens the calendar and nothing else, and works until it is taken back. Of more than "
        f"{MOST_FEEDS} the one that was not read for longest makes room.",
    )
    async def create_calendar_feed(self, info: Info) -> CalendarFeedCreated:
        """Make a feed."""
        services = info.context.services
        feed, secret = await services.calendars.create(info.context.session.account_id)
        base = services.settings.browser_url
        return CalendarFeedCreated(feed=CalendarFeed.of(feed), url=f"{base}/calendar/{secret}.ics")

    @access.mutation(
        OWNER,
        description="Take a feed's address back: it opens nothing any more. Returns whether there "
        "was one.",
    )
    async def revoke_calendar_feed(self, info: Info, id: strawberry.ID) -> bool:
        """Revoke one."""
        known = uuid_of(id, "CalendarFeed")
        if known is None:
            return False
        return await info.context.services.calendars.revoke(info.context.session.account_id, known)
