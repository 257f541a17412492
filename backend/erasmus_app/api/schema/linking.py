"""Adding a login to the account, and taking one away."""

from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

import strawberry

from erasmus_app.api.context import Info
from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import COORDINATOR, OWNER, PART, Whose
from erasmus_app.api.schema.ids import global_id, uuid_of
from erasmus_app.errors import LoginFailed
from erasmus_app.identity import linking
from erasmus_app.identity.linking import Evidence, LinkService, LinkState
from erasmus_app.ids import HeiId

strawberry.enum(
    LinkState,
    name="LinkState",
    description="CHECK: one student identifier turned up at two accounts. WAITING: both logins "
    "were proved, and a university's coordinator decides.",
)
strawberry.enum(
    Evidence, name="LinkEvidence", description="What speaks for two logins being one person's."
)


@access.rule(OWNER | COORDINATOR)
@strawberry.type(description="Two accounts that are, or may be, one person's.")
class LinkedLogin:
    """A link."""

    whose: strawberry.Private[Whose]
    id: strawberry.ID = strawberry.field(description="Opaque.")
    state: LinkState = strawberry.field(description="Where it stands.")
    evidence: Evidence = strawberry.field(description="What speaks for it.")
    begun_at: datetime = strawberry.field(description="UTC.")
    decided_at: datetime | None = strawberry.field(description="UTC.")
    undo_until: datetime | None = strawberry.field(
        description="Until when `undoLinking` takes them apart again, UTC."
    )

    @classmethod
    def of(cls, found: linking.Link, info: Info, hei: HeiId | None = None) -> "LinkedLogin":
        """Make it from ours; `hei` is the one whose office has found it to be its own."""
        asks = info.context.session.account_id
        return cls(
            whose=Whose(found.joined if asks == found.joined else found.kept, hei),
            id=global_id("LinkedLogin", found.link_id),
            state=found.state,
            evidence=found.evidence,
            begun_at=found.begun_at,
            decided_at=found.decided_at,
            undo_until=found.undoable_until(),
        )


@strawberry.type
class Links:
    """What `me` tells of joined logins."""

    @access.field(
        OWNER, description="The names of the login providers that a login can be added of."
    )
    def link_options(self, info: Info) -> list[str]:
        """Return them."""
        service = info.context.services.linking
        return list(service.options) if service else []

    @access.field(
        OWNER, description="Accounts that are, or may be, the same person's; latest first."
    )
    async def links(self, info: Info) -> list[LinkedLogin]:
        """Return them."""
        service = info.context.services.linking
        found = await service.store.links(info.context.session.account_id) if service else []
        return [LinkedLogin.of(each, info) for each in found]


@access.rule(PART)
@strawberry.type(description="The browser goes on from here.")
class LinkingBegun:
    """Success."""

    url: str = strawberry.field(
        description="To open in the system's browser within five minutes; good for one use. For a "
        "browser's session it is good in that browser alone."
    )


@access.rule(PART)
@strawberry.type(description="It does not go on.")
class LinkingRefused:
    """A refusal that we foresee."""

    code: str = strawberry.field(
        description="`login_not_fresh`: sign in anew first, with `fresh=true`; `link_unknown`: "
        "begin again; `link_own`, `link_refused`, `link_erasure`, `link_busy`, `return_refused`, "
        "`provider_unknown`."
    )
    reason: str = strawberry.field(description="What is wrong, in English, for developers.")


BeginLinkingResult = Annotated[
    LinkingBegun | LinkingRefused,
    strawberry.union("BeginLinkingResult", description="Where to go on, or why not."),
]
CompleteLinkingResult = Annotated[
    LinkedLogin | LinkingRefused,
    strawberry.union("CompleteLinkingResult", description="Where it stands, or why not."),
]


@strawberry.type
class LinkMutations:
    """What a signed-in student can do about logins."""

    @access.mutation(
        OWNER,
        description="Add a login of the student's to this account. This session's login must be "
        "less than five minutes old. `returnTo` is an app link that is registered; for a browser a "
        "path of this site. An app comes back with `link_code`, for `completeLinking`.",
    )
    async def begin_linking(
        self, info: Info, provider: str, return_to: str | None = None
    ) -> BeginLinkingResult:
        """Begin it."""
        try:
            service = _service(info)
            ticket = await service.begin(info.context.session, provider, return_to)
        except LoginFailed as error:
            return LinkingRefused(code=error.code, reason=str(error))
        base = info.context.services.settings.browser_url
        return LinkingBegun(url=f"{base}/auth/link/start?{urlencode({'ticket': ticket})}")

    @access.mutation(
        OWNER,
        description="Join the login that an app has proved. The older account stays and has "
        "everything; where this session is the newer one's, it is over with that: sign in again. "
        "WAITING: nothing in the two says that they are one person's, and an office decides.",
    )
    async def complete_linking(self, info: Info, code: str) -> CompleteLinkingResult:
        """Complete it."""
        try:
            found = await _service(info).complete(info.context.session, code)
        except LoginFailed as error:
            return LinkingRefused(code=error.code, reason=str(error))
        return LinkedLogin.of(found, info)

    @access.mutation(
        OWNER,
        description="Take two accounts that were joined apart again, within thirty days; false "
        "where that cannot be. It signs out everywhere but here.",
    )
    async def undo_linking(self, info: Info, id: strawberry.ID) -> bool:
        """Undo it."""
        service, session = info.context.services.linking, info.context.session
        link = uuid_of(id, "LinkedLogin")
        if service is None or link is None:
            return False
        return await service.store.undo(
            session.account_id, link, session.session_id, service.clock()
        )

    @access.mutation(
        OWNER,
        description="Take a login away from this account: it has one of its own from then on. "
        "False for the last one. It signs out everywhere but here.",
    )
    async def unlink_identity(self, info: Info, id: strawberry.ID) -> bool:
        """Take it away."""
        service, session = info.context.services.linking, info.context.session
        identity = uuid_of(id, "LoginIdentity")
        if service is None or identity is None:
            return False
        return await service.store.unlink(session.account_id, identity, session.session_id)


def _service(info: Info) -> LinkService:
    if (service := info.context.services.linking) is None:
        raise LoginFailed("login_off", "There is no login provider here.")
    return service
