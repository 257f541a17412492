"""Whom an account stands for: its logins, and what they may do here."""

from datetime import datetime

import strawberry

from erasmus_app.api.context import Info
from erasmus_app.api.pages.findings import told
from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import OWNER, PART, Whose
from erasmus_app.api.schema.ids import global_id
from erasmus_app.api.schema.institutions import Institution, institution
from erasmus_app.identity.doctor import RELEASE_TEST, Condition, Diagnosis, Finding
from erasmus_app.identity.roles import HeiRole, RoleAt

strawberry.enum(
    HeiRole,
    name="Role",
    description="What somebody is at a university. FORMER: alumni and the like, who see their past "
    "mobilities. STAFF and COORDINATOR: of a university that is served here.",
)
strawberry.enum(Condition, name="LoginCondition", description="What the login doctor may find.")


@access.rule(PART)
@strawberry.type(name="RoleAt", description="What the student is at one university.")
class RoleOf:
    """A role."""

    hei: Institution = strawberry.field(description="The university.")
    role: HeiRole = strawberry.field(description="What they are there.")

    @classmethod
    def of(cls, found: RoleAt) -> "RoleOf":
        """Make it from ours."""
        return cls(hei=institution(found.hei), role=found.role)


@access.rule(OWNER)
@strawberry.type(description="A login of the account's, at one provider.")
class LoginIdentity:
    """An identity."""

    whose: strawberry.Private[Whose]
    id: strawberry.ID = strawberry.field(description="Opaque.")
    provider: str = strawberry.field(description="The login provider's name here.")
    issuer: str = strawberry.field(description="The login provider's address.")
    subject: str = strawberry.field(
        description="Who the provider says that it is: what an office needs to name a coordinator."
    )
    home_heis: list[Institution] = strawberry.field(
        description="The universities that it names, by their ids in the network where known."
    )
    first_login_at: datetime = strawberry.field(description="UTC.")
    last_login_at: datetime = strawberry.field(description="UTC.")

    @classmethod
    def of(cls, found: Diagnosis) -> "LoginIdentity":
        """Make it from ours."""
        return cls(
            whose=Whose(found.seen.account_id),
            id=global_id("LoginIdentity", found.seen.identity_id),
            provider=found.provider,
            issuer=found.seen.known.issuer,
            subject=found.seen.known.subject,
            home_heis=[institution(each) for each in found.homes],
            first_login_at=found.seen.first_login_at,
            last_login_at=found.seen.known.last_login_at,
        )


@access.rule(PART)
@strawberry.type(description="One thing that the student should know of a login.")
class LoginFinding:
    """A finding, in the language of the request."""

    condition: Condition = strawberry.field(description="What it is.")
    claim: str | None = strawberry.field(description="The name of the claim that is missing.")
    hei: Institution | None = strawberry.field(description="The university that it is about.")
    title: str = strawberry.field(description="In a few words.")
    text: str = strawberry.field(description="What follows from it.")
    ask: str | None = strawberry.field(description="Whom to ask, and for what.")
    page: str | None = strawberry.field(
        description="A public page that shows what one's university sends."
    )

    @classmethod
    def of(cls, found: Finding, info: Info) -> "LoginFinding":
        """Write it in the language of the request."""
        title, text, ask = told(found, info.context.services, info.context.language)
        return cls(
            condition=found.condition,
            claim=found.claim,
            hei=institution(found.hei) if found.hei else None,
            title=title,
            text=text,
            ask=ask or None,
            page=RELEASE_TEST if found.claim else None,
        )


@access.rule(PART)
@strawberry.type(description="What a login brought, and what it lacks: names, never contents.")
class LoginReport:
    """A diagnosis."""

    identity: LoginIdentity = strawberry.field(description="Which login.")
    received: list[str] = strawberry.field(description="The names of the claims that came.")
    missing: list[str] = strawberry.field(
        description="The names of expected claims that brought nothing of use."
    )
    findings: list[LoginFinding] = strawberry.field(description="The most important first.")

    @classmethod
    def of(cls, found: Diagnosis, info: Info) -> "LoginReport":
        """Make it from ours."""
        return cls(
            identity=LoginIdentity.of(found),
            received=list(found.seen.received),
            missing=list(found.seen.missing),
            findings=[LoginFinding.of(each, info) for each in found.findings],
        )


@strawberry.type
class Logins:
    """What `me` tells of the account's logins."""

    @access.field(
        OWNER,
        description="By university, from the latest login of each identity; over a year after it.",
    )
    async def roles(self, info: Info) -> list[RoleOf]:
        """Return them."""
        return [RoleOf.of(each) for each in (await info.context.standing()).roles]

    @access.field(
        OWNER,
        description="The universities of all logins, that of the latest login first; the app lets "
        "the student choose which one is meant where there are several.",
    )
    async def homes(self, info: Info) -> list[Institution]:
        """Return them."""
        found = await info.context.logins()
        homes = dict.fromkeys(hei for each in found for hei in each.homes)
        return [institution(each) for each in homes]

    @access.field(OWNER, description="The logins that lead to this account, the latest used first.")
    async def identities(self, info: Info) -> list[LoginIdentity]:
        """Return them."""
        return [LoginIdentity.of(each) for each in await info.context.logins()]

    @access.field(
        OWNER,
        description="What each login brought, what is missing and whom to ask; "
        "also a page, `/auth/doctor`.",
    )
    async def login_doctor(self, info: Info) -> list[LoginReport]:
        """Let the doctor look."""
        return [LoginReport.of(each, info) for each in await info.context.logins()]
