"""The signed-in student: the root of everything there is to read, and the few things to do."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import strawberry

from erasmus_app.api.context import Info, awaited
from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import OWNER, PART, Whose
from erasmus_app.api.schema.accounts import Logins
from erasmus_app.api.schema.calendars import CalendarMutations, CalendarsOfStudent
from erasmus_app.api.schema.chat import ChatQuery
from erasmus_app.api.schema.chat_links import (
    ChatLinkMutations,
    ChatLinksOfStudent,
    ChatMessengersQuery,
)
from erasmus_app.api.schema.claims import ClaimMutations, Claims, OfficeQuery
from erasmus_app.api.schema.connected import ConnectedApp, connected_apps
from erasmus_app.api.schema.connections import Connection, asked, page
from erasmus_app.api.schema.deadline_rules import DeadlineRuleMutations
from erasmus_app.api.schema.destinations import Destinations
from erasmus_app.api.schema.devices import Device, DeviceMutations, DeviceQuery
from erasmus_app.api.schema.held import HeldMutations, HeldOfStudent
from erasmus_app.api.schema.ids import Node, global_id, uuid_of
from erasmus_app.api.schema.linking import LinkMutations, Links
from erasmus_app.api.schema.mail import MailMutations, MailOfStudent
from erasmus_app.api.schema.mobilities import (
    Mobility,
    mobilities_of,
    mobility_of,
    shown,
    shown_in_brief,
)
from erasmus_app.api.schema.office_questions import QuestionMutations
from erasmus_app.api.schema.preferences import PreferenceMutations, PreferencesOfStudent
from erasmus_app.api.schema.privacy import Erasure
from erasmus_app.api.schema.refreshing import RefreshMutations
from erasmus_app.api.schema.sessions import SignedIn
from erasmus_app.api.schema.versions import Versioned
from erasmus_app.identity.models import Account
from erasmus_app.ids import InboxEntryId, read_global_id
from erasmus_app.notifications.models import InboxEntry


@access.rule(OWNER)
@strawberry.type(description="A message, written in the reader's language.")
class Message(Node):
    """A message."""

    whose: strawberry.Private[Whose]
    id: strawberry.ID = strawberry.field(description="The same as `id` in a push's data.")
    kind: str = strawberry.field(description="What happened, as in the catalogue of messages.")
    title: str = strawberry.field(description="In the language of the request.")
    body: str = strawberry.field(description="In the language of the request.")
    language: str = strawberry.field(description="The language that was found.")
    created_at: datetime = strawberry.field(description="When it happened, UTC.")
    read_at: datetime | None = strawberry.field(description="When it was marked as read.")
    mobility_id: strawberry.ID | None = strawberry.field(description="What it is about.")

    @classmethod
    def of(cls, entry: InboxEntry, info: Info) -> "Message":
        """Write an entry in the reader's language."""
        text = info.context.services.inbox.text(entry, info.context.language)
        return cls(
            whose=Whose(entry.account_id),
            id=global_id("Message", entry.entry_id),
            kind=entry.kind,
            title=text.title,
            body=text.body,
            language=text.language,
            created_at=entry.created_at,
            read_at=entry.read_at,
            mobility_id=global_id("Mobility", entry.mobility_id) if entry.mobility_id else None,
        )


async def _page_of(info: Info, first: int, after: str | None) -> Connection[Message]:
    behind = uuid_of(after, "Message") if after else None
    entries = await info.context.services.inbox.entries(
        info.context.session.account_id,
        first=first + 1,
        after=InboxEntryId(behind) if behind else None,
    )
    return _messages(entries, info, first, after)


def _messages(
    entries: Sequence[InboxEntry], info: Info, first: int, after: str | None
) -> Connection[Message]:
    found = [Message.of(each, info) for each in entries[: first + 1]]
    return page(found, first, lambda each: each.id, after=after)


async def message_of(info: Info, id: str) -> Message | None:
    """Return one message of the account's; None for others' and for what there is not."""
    entry, context = uuid_of(id, "Message"), info.context
    if entry is None:
        return None
    account = context.session.account_id
    found = await context.services.inbox.entry(account, InboxEntryId(entry))
    return Message.of(found, info) if found else None


@access.rule(PART)
@strawberry.type(description="The login that this session stands on.")
class Login:
    """What the login provider said, in terms of the app."""

    home_institutions: list[str] = strawberry.field(description="HEI ids that were released.")
    affiliations: list[str] = strawberry.field(description="As released: `student@uni.example`.")
    has_student_identifier: bool = strawberry.field(
        description="Whether a European Student Identifier came. Without one no mobility can be "
        "found by itself: ask the home university to release it."
    )


@access.rule(OWNER)
@strawberry.type(description="The signed-in student.")
class Student(
    Logins,
    Links,
    Claims,
    Destinations,
    HeldOfStudent,
    PreferencesOfStudent,
    MailOfStudent,
    CalendarsOfStudent,
    ChatLinksOfStudent,
    Versioned,
    Node,
):
    """The student; every field is the owner's alone."""

    account: strawberry.Private[Account]

    @property
    def whose(self) -> Whose:
        """Whose account it is."""
        return Whose(self.account.account_id)

    @access.field(OWNER, description="Opaque.")
    def id(self) -> strawberry.ID:
        """Return the account's id."""
        return global_id("Student", self.account.account_id)

    @access.field(OWNER, description="The name that the login provider sent.")
    def display_name(self) -> str | None:
        """Return it."""
        return self.account.display_name

    @access.field(OWNER, description="The language of pushes, BCP 47.")
    def language(self) -> str:
        """Return it."""
        return self.account.language

    @access.field(OWNER, description="The login of this session.")
    def login(self) -> Login:
        """Return what it said."""
        return Login(
            home_institutions=list(self.account.home_hei_ids),
            affiliations=list(self.account.affiliations),
            has_student_identifier=self.account.has_esi,
        )

    @access.field(OWNER, waits=True, description="All mobilities, the latest change first.")
    def mobilities(self, info: Info) -> list[Mobility]:
        """Return them."""
        context = info.context
        glance, standing = context.glanced(), context.known_standing
        if glance is not None and standing is not None:
            if glance.briefs is not None:
                return shown_in_brief(glance.briefs, standing, context.today)
            if glance.mobilities is not None:
                return shown(glance.mobilities, standing, context.today)
        return awaited(mobilities_of(info))

    @access.field(OWNER, description="One mobility; null where it is unknown or not the student's.")
    async def mobility(self, info: Info, id: strawberry.ID) -> Mobility | None:
        """Find one."""
        return await mobility_of(info, id)

    @access.field(
        OWNER, waits=True, description="Messages, the newest first; at most a hundred at once."
    )
    def inbox(
        self, info: Info, first: int = 20, after: strawberry.ID | None = None
    ) -> Connection[Message]:
        """Return them."""
        first, glance = asked(first), info.context.glanced()
        known = glance.inbox if glance is not None and after is None else None
        if known is None or first >= info.context.wanted.inbox:
            return awaited(_page_of(info, first, after))
        return _messages(known, info, first, after)

    @access.field(OWNER, waits=True, description="How many messages are unread.")
    def unread_messages(self, info: Info) -> int:
        """Count them."""
        context, glance = info.context, info.context.glanced()
        if glance is None or glance.unread is None:
            return awaited(context.services.inbox.unread(context.session.account_id))
        return glance.unread

    @access.field(OWNER, description="The devices that get pushes, the last seen first.")
    async def devices(self, info: Info) -> list[Device]:
        """Return them."""
        found = await info.context.services.devices.devices(info.context.session.account_id)
        return [Device.of(each) for each in found]

    @access.field(OWNER, description="Where the student is signed in, the last used first.")
    async def sessions(self, info: Info) -> list[SignedIn]:
        """Return the open sessions."""
        login = info.context.services.login
        found = await login.sessions(info.context.session.account_id) if login else []
        return [SignedIn.of(each, info) for each in found]

    @access.field(
        OWNER, description="Apps and assistants that were allowed something, the last used first."
    )
    async def connected_apps(self, info: Info) -> list[ConnectedApp]:
        """Return them."""
        return await connected_apps(info)

    @access.field(OWNER, description="The latest wish to be forgotten, if there was one.")
    async def erasure(self, info: Info) -> Erasure | None:
        """Return it."""
        found = await info.context.services.erasures.latest(info.context.session.account_id)
        return Erasure.of(found) if found else None


async def _student(info: Info) -> Student | None:
    account = await info.context.look()
    return Student(account=account) if account else None


@strawberry.type(description="What a signed-in student can read.")
class Query(OfficeQuery, DeviceQuery, ChatQuery, ChatMessengersQuery):
    """The root of reading."""

    @access.field(OWNER, description="The signed-in student; null once the account is erased.")
    async def me(self, info: Info) -> Student | None:
        """Return who is asking."""
        return await _student(info)

    @access.field(
        OWNER,
        description="An object by its id: a Student, a Mobility or a Message. Null where it is "
        "unknown or not the student's.",
    )
    async def node(self, info: Info, id: strawberry.ID) -> Node | None:
        """Find it among what is the student's own."""
        kind, known = read_global_id(id) or ("", None)
        if kind == "Student":
            me = await _student(info)
            mine = me is not None and me.account.account_id == known
            return me if mine else None
        if kind == "Mobility":
            return await mobility_of(info, id)
        if kind == "Message":
            return await message_of(info, id)
        return None


@strawberry.type(description="What a signed-in student can do.")
class Mutation(
    RefreshMutations,
    LinkMutations,
    ClaimMutations,
    HeldMutations,
    DeadlineRuleMutations,
    DeviceMutations,
    CalendarMutations,
    ChatLinkMutations,
    MailMutations,
    PreferenceMutations,
    QuestionMutations,
):
    """The root of doing."""

    @access.mutation(
        OWNER,
        description="Sign out an app or browser, as after a phone was lost; false where there is "
        "no such open session of the student's. It is over everywhere within a second.",
    )
    async def end_session(self, info: Info, id: strawberry.ID) -> bool:
        """End a session."""
        login, session = info.context.services.login, uuid_of(id, "SignedIn")
        if login is None or session is None:
            return False
        return await login.end_session(info.context.session.account_id, session)

    @access.mutation(
        OWNER, description="Sign out everywhere but here; returns how many sessions that ended."
    )
    async def end_other_sessions(self, info: Info) -> int:
        """End all sessions but the one that asks."""
        login = info.context.services.login
        return await login.end_other_sessions(info.context.session) if login else 0

    @access.mutation(
        OWNER,
        description="End what an app or assistant was allowed; false where the student has allowed "
        "no such one anything. It is over everywhere within a second.",
    )
    async def disconnect_app(self, info: Info, id: strawberry.ID) -> bool:
        """End a connection."""
        service = info.context.services.authorization
        session = uuid_of(id, "ConnectedApp")
        if service is None or session is None:
            return False
        return await service.disconnect(info.context.session.account_id, session)

    @access.mutation(OWNER, description="Mark messages as read; returns how many were unread.")
    async def mark_read(self, info: Info, ids: list[strawberry.ID]) -> int:
        """Mark messages as read."""
        entries = [InboxEntryId(found) for each in ids[:100] if (found := uuid_of(each, "Message"))]
        return await info.context.services.inbox.mark_read(info.context.session.account_id, entries)

    @access.mutation(
        OWNER,
        description="Ask that everything about the student be erased. It is done some days later "
        "and can be taken back until then; asking again changes nothing.",
    )
    async def request_erasure(self, info: Info) -> Erasure:
        """Note the wish."""
        services = info.context.services
        found = await services.erasures.request(
            info.context.session.account_id,
            services.clock(),
            timedelta(days=services.settings.erasure_days),
        )
        return Erasure.of(found)

    @access.mutation(
        OWNER,
        description="Take the wish to be forgotten back; null where there is none to take back.",
    )
    async def cancel_erasure(self, info: Info) -> Erasure | None:
        """Take it back."""
        services = info.context.services
        found = await services.erasures.cancel(info.context.session.account_id, services.clock())
        return Erasure.of(found) if found else None
