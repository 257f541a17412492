"""What a student wants to hear, and when: reading it, and changing it."""

import re
from collections.abc import Iterable
from datetime import datetime, time
from typing import Annotated

import strawberry
from msgspec import UNSET as LEFT
from msgspec import UnsetType

from erasmus_app.api.context import Info
from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import OWNER, PART, Whose
from erasmus_app.ids import AccountId
from erasmus_app.notifications.models import Digest, Level, Medium
from erasmus_app.notifications.models import QuietHours as Quiet
from erasmus_app.notifications.wishes import Chosen, Problem, Wish

_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)

strawberry.enum(
    Medium,
    name="NotificationMedium",
    description="A way out, beside the inbox, which has every message.",
)
strawberry.enum(
    Level,
    name="NotificationLevel",
    description="Which messages go out: all, what is urgent or the student's move, or none.",
)
strawberry.enum(
    Digest,
    name="NotificationDigest",
    description="How often what is not urgent goes out together: never, so each as it happens; "
    "every morning; on Monday mornings.",
)


@access.rule(PART)
@strawberry.type(description="Times between which nothing rings.")
class QuietHours:
    """Quiet hours."""

    begin: str = strawberry.field(description="`HH:MM` on the student's clock.")
    end: str = strawberry.field(description="`HH:MM`; where it is earlier, on the next day.")


@access.rule(PART)
@strawberry.type(description="Which messages of a category go out over a medium.")
class NotificationChoice:
    """A choice."""

    medium: Medium = strawberry.field(description="Over what.")
    level: Level = strawberry.field(description="Which.")


@access.rule(PART)
@strawberry.type(description="Messages that are switched together.")
class NotificationCategory:
    """A category."""

    category: str = strawberry.field(description="As in the catalogue of messages.")
    label: str = strawberry.field(description="What it is called, in the language of the request.")
    media: list[NotificationChoice] = strawberry.field(description="One of each medium.")


@access.rule(OWNER)
@strawberry.type(
    description="What the student wants to hear, and when. Whatever it says, every message is in "
    "the inbox. What is urgent comes in quiet hours as well, and does not ring then, unless it "
    "would be too late in the morning; no digest holds it up, a pause does."
)
class NotificationPreferences:
    """The preferences."""

    whose: strawberry.Private[Whose]
    categories: list[NotificationCategory] = strawberry.field(description="All of them.")
    quiet_hours: QuietHours | None = strawberry.field(description="Null: none.")
    zone: str = strawberry.field(
        description="The IANA zone of the student's clock, for quiet hours, digests, reminders "
        "and deadlines."
    )
    digest: Digest = strawberry.field(description="Whether messages are gathered.")
    paused_until: datetime | None = strawberry.field(
        description="Nothing goes out before; then, what still stands does. Null: no pause."
    )

    @classmethod
    def of(cls, chosen: Chosen, account: AccountId, info: Info) -> "NotificationPreferences":
        """Make them from ours."""
        services, known = info.context.services, chosen.preferences
        paused, quiet = known.paused_until, known.quiet
        return cls(
            whose=Whose(account),
            categories=[
                NotificationCategory(
                    category=each,
                    label=services.preference_words.category(each, info.context.language),
                    media=[
                        NotificationChoice(medium=medium, level=known.level(medium, each))
                        for medium in Medium
                    ],
                )
                for each in services.preferences.categories
            ],
            quiet_hours=None
            if quiet is None
            else QuietHours(begin=_written(quiet.begin), end=_written(quiet.end)),
            zone=chosen.zone,
            digest=known.digest,
            paused_until=paused if paused is not None and paused > services.clock() else None,
        )


@access.rule(PART)
@strawberry.type(description="Something that cannot be.")
class NotificationPreferenceProblem:
    """One reason of a refusal."""

    field: str = strawberry.field(description="Of the input: `levels`, `quietHours`, ...")
    code: str = strawberry.field(
        description="Stable: `category_unknown`, `level_twice`, `too_many`, `time_invalid`, "
        "`quiet_hours_empty`, `quiet_hours_too_long`, `digest_missing`, `zone_missing`, "
        "`zone_unknown`, `pause_over`, `pause_too_long`."
    )
    reason: str = strawberry.field(description="What is wrong, in English, for developers.")


@access.rule(PART)
@strawberry.type(description="Nothing was changed.")
class NotificationPreferencesRefused:
    """A refusal that we foresee."""

    problems: list[NotificationPreferenceProblem] = strawberry.field(description="All of them.")


NotificationPreferencesResult = Annotated[
    NotificationPreferences | NotificationPreferencesRefused,
    strawberry.union(
        "NotificationPreferencesResult", description="The preferences as they are now, or why not."
    ),
]


@strawberry.input(description="Times between which nothing rings; 23 hours at most.")
class QuietHoursInput:
    """Quiet hours."""

    begin: str = strawberry.field(description="`HH:MM` on the student's clock.")
    end: str = strawberry.field(description="`HH:MM`; where it is earlier, on the next day.")


@strawberry.input(description="A choice for a category and a medium.")
class NotificationLevelInput:
    """A choice."""

    category: str = strawberry.field(description="As in the catalogue of messages.")
    medium: Medium = strawberry.field(description="Over what.")
    level: Level = strawberry.field(description="Which messages.")


@strawberry.input(description="What is to be another than it is; what is left out stays.")
class NotificationPreferencesInput:
    """A change."""

    levels: list[NotificationLevelInput] | None = strawberry.field(
        default=None, description="Those that change."
    )
    quiet_hours: QuietHoursInput | None = strawberry.field(
        default=strawberry.UNSET, description="Null: none any more."
    )
    digest: Digest | None = strawberry.field(
        default=strawberry.UNSET, description="Whether messages are gathered; not null."
    )
    paused_until: datetime | None = strawberry.field(
        default=strawberry.UNSET,
        description="With an offset, within 92 days; null ends a pause.",
    )
    zone: str | None = strawberry.field(
        default=strawberry.UNSET, description="The IANA zone of the student's clock; not null."
    )

    def wish(self) -> Wish | Problem:
        """Return what is asked for, or what of it cannot be read."""
        quiet: Quiet | UnsetType | None = LEFT
        if self.quiet_hours is None:
            quiet = None
        elif self.quiet_hours is not strawberry.UNSET:
            begin, end = self.quiet_hours.begin, self.quiet_hours.end
            if not (_TIME.fullmatch(begin) and _TIME.fullmatch(end)):
                return Problem("quietHours", "time_invalid", "is no HH:MM")
            quiet = Quiet(begin=time.fromisoformat(begin), end=time.fromisoformat(end))
        if self.digest is None:
            return Problem("digest", "digest_missing", "is null; OFF ends it")
        if self.zone is None:
            return Problem("zone", "zone_unknown", "is null")
        return Wish(
            levels=tuple((each.medium, each.category, each.level) for each in self.levels or ()),
            quiet=quiet,
            digest=LEFT if self.digest is strawberry.UNSET else self.digest,
            paused_until=LEFT if self.paused_until is strawberry.UNSET else self.paused_until,
            zone=LEFT if self.zone is strawberry.UNSET else self.zone,
        )


@strawberry.type
class PreferencesOfStudent:
    """What a student tells of their preferences."""

    @access.field(OWNER, description="What the student wants to hear, and when.")
    async def notification_preferences(self, info: Info) -> NotificationPreferences:
        """Read them."""
        account = info.context.session.account_id
        chosen = await info.context.services.preferences.chosen(account)
        return NotificationPreferences.of(chosen, account, info)


@strawberry.type
class PreferenceMutations:
    """Changing preferences."""

    @access.mutation(
        OWNER,
        description="Change what the student wants to hear, and when: all that is asked for, or "
        "nothing. What waits goes out as it is wanted from now on.",
    )
    async def set_notification_preferences(
        self, info: Info, preferences: NotificationPreferencesInput
    ) -> NotificationPreferencesResult:
        """Change them."""
        account, wish = info.context.session.account_id, preferences.wish()
        if isinstance(wish, Problem):
            return _refused([wish])
        found = await info.context.services.preferences.change(account, wish)
        if not isinstance(found, Chosen):
            return _refused(found)
        return NotificationPreferences.of(found, account, info)


def _refused(problems: Iterable[Problem]) -> NotificationPreferencesRefused:
    return NotificationPreferencesRefused(
        problems=[NotificationPreferenceProblem(**each._asdict()) for each in problems]
    )


def _written(at: time) -> str:
    return at.isoformat(timespec="minutes")
