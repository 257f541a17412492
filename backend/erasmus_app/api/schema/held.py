"""What is held of a student, seen by the student: archives, consents, and who looked."""

from datetime import datetime
from typing import Annotated

import strawberry

from erasmus_app.api.context import Info
from erasmus_app.api.schema import access as rules
from erasmus_app.api.schema.access import OWNER, PART, Whose
from erasmus_app.api.schema.connections import Connection, asked, page
from erasmus_app.api.schema.ids import global_id, uuid_of
from erasmus_app.privacy import access, consents, exports
from erasmus_app.privacy.access import AccessOutcome, ActorKind
from erasmus_app.privacy.consents import Purpose
from erasmus_app.privacy.exports import ExportState

CHANNEL = "app"

strawberry.enum(ExportState, name="ExportState", description="Where an archive stands.")
strawberry.enum(ActorKind, name="ActorKind", description="Who looked.")
strawberry.enum(AccessOutcome, name="AccessOutcome", description="What came of it.")


@rules.rule(OWNER)
@strawberry.type(description="An archive of everything that is held of the student.")
class Export:
    """An archive, or the wish for one."""

    whose: strawberry.Private[Whose]
    id: strawberry.ID = strawberry.field(description="Opaque.")
    state: ExportState = strawberry.field(description="Where it stands.")
    requested_at: datetime = strawberry.field(description="When it was asked for, UTC.")
    ready_at: datetime | None = strawberry.field(description="When it was ready, UTC.")
    expires_at: datetime | None = strawberry.field(description="When it is deleted, UTC.")
    download_url: str | None = strawberry.field(
        description="Where it is fetched while it is ready, with this session's token or cookie. "
        "The login must be of the last ten minutes; else the answer is 403 `login_too_old`."
    )
    size: int | None = strawberry.field(description="Bytes, once it is ready.")

    @classmethod
    def of(cls, export: exports.Export, info: Info) -> "Export":
        """Make it from ours."""
        services = info.context.services
        state = export.state(services.clock())
        url = f"{services.settings.browser_url}/privacy/exports/{export.export_id}"
        return cls(
            whose=Whose(export.account_id),
            id=global_id("Export", export.export_id),
            state=state,
            requested_at=export.requested_at,
            ready_at=export.ready_at,
            expires_at=export.expires_at,
            download_url=url if state is ExportState.READY else None,
            size=export.size,
        )


@rules.rule(PART)
@strawberry.type(description="A consent that was given, and perhaps withdrawn.")
class Consent:
    """One row of the history, which is never rewritten."""

    purpose: str = strawberry.field(description="The purpose's name.")
    version: int = strawberry.field(description="Which version of the text was agreed to.")
    language: str = strawberry.field(description="In which language it was read.")
    given_at: datetime = strawberry.field(description="When it was given, UTC.")
    withdrawn_at: datetime | None = strawberry.field(description="When it ended, UTC.")

    @classmethod
    def of(cls, consent: consents.Consent) -> "Consent":
        """Make it from ours."""
        return cls(
            purpose=consent.purpose,
            version=consent.version,
            language=consent.language,
            given_at=consent.given_at,
            withdrawn_at=consent.withdrawn_at,
        )


@rules.rule(PART)
@strawberry.type(description="Something that is only done with the student's consent.")
class ConsentPurpose:
    """A purpose, its present text, and how it stands."""

    purpose: str = strawberry.field(description="Its name, for `giveConsent`.")
    version: int = strawberry.field(description="The present version of the text.")
    title: str = strawberry.field(description="In the language of the request.")
    text: str = strawberry.field(description="What is agreed to, in the language of the request.")
    language: str = strawberry.field(description="The language that was found.")
    given: bool = strawberry.field(
        description="Whether it is allowed now; a consent to an older text does not count."
    )
    history: list[Consent] = strawberry.field(description="All consents, the newest first.")

    @classmethod
    def of(cls, purpose: Purpose, history: list[consents.Consent], info: Info) -> "ConsentPurpose":
        """Make it from ours."""
        language, words = purpose.text(info.context.language)
        own = [each for each in history if each.purpose == purpose.name]
        return cls(
            purpose=purpose.name,
            version=purpose.version,
            title=words.title,
            text=words.text,
            language=language,
            given=any(
                each.withdrawn_at is None and each.version == purpose.version for each in own
            ),
            history=[Consent.of(each) for each in own],
        )


@rules.rule(PART)
@strawberry.type(description="The consent was not noted.")
class ConsentRefused:
    """A refusal that we foresee."""

    reason: str = strawberry.field(description="What is wrong, in English, for developers.")
    version: int | None = strawberry.field(
        description="The present version, where another was named: show its text and ask again."
    )


@rules.rule(PART)
@strawberry.type(description="The consent stands.")
class ConsentGiven:
    """Success."""

    consent: Consent = strawberry.field(description="The consent.")


GiveConsentResult = Annotated[
    ConsentGiven | ConsentRefused,
    strawberry.union("GiveConsentResult", description="Given, or why not."),
]


@rules.rule(PART)
@strawberry.type(description="The privacy notice, which is the operator's text.")
class PrivacyNotice:
    """Where it is, and which version this student has seen."""

    url: str | None = strawberry.field(description="Where it is read; null: there is none yet.")
    version: str = strawberry.field(description="The present version.")
    seen_at: datetime | None = strawberry.field(
        description="When the present version was first shown to the student, UTC."
    )


@rules.rule(PART)
@strawberry.type(description="The notice was not noted as shown.")
class NoticeRefused:
    """A refusal that we foresee."""

    reason: str = strawberry.field(description="What is wrong, in English, for developers.")
    version: str = strawberry.field(description="The present version.")


AcknowledgeNoticeResult = Annotated[
    PrivacyNotice | NoticeRefused,
    strawberry.union("AcknowledgeNoticeResult", description="Noted, or why not."),
]


@rules.rule(PART)
@strawberry.type(description="Somebody else looked at the student's data.")
class AccessEntry:
    """A row of the log. The same within an hour is one row. People are not named."""

    id: strawberry.ID = strawberry.field(description="Opaque; for `after`.")
    first_at: datetime = strawberry.field(description="The first time in that hour, UTC.")
    last_at: datetime = strawberry.field(description="The last time in that hour, UTC.")
    times: int = strawberry.field(description="How often.")
    actor: ActorKind = strawberry.field(description="Who.")
    hei_id: str | None = strawberry.field(description="The university, where it was one.")
    hei_name: str | None = strawberry.field(description="Its name, in the request's language.")
    purpose: str = strawberry.field(description="What for: a word of ours.")
    api: str = strawberry.field(description="By what: an API's name, or a command's.")
    outcome: AccessOutcome = strawberry.field(description="What came of it.")
    mobility_id: strawberry.ID | None = strawberry.field(description="Of which mobility.")

    @classmethod
    def of(cls, noted: access.Noted, info: Info) -> "AccessEntry":
        """Make it from ours."""
        names = info.context.services.names
        return cls(
            id=global_id("AccessEntry", noted.access_id),
            first_at=noted.first_at,
            last_at=noted.last_at,
            times=noted.times,
            actor=noted.kind,
            hei_id=noted.hei,
            hei_name=names.name(noted.hei, info.context.language) if noted.hei else None,
            purpose=noted.purpose,
            api=noted.api,
            outcome=noted.outcome,
            mobility_id=global_id("Mobility", noted.mobility) if noted.mobility else None,
        )


@strawberry.type
class HeldOfStudent:
    """The student's fields about what is held of them."""

    @rules.field(OWNER, description="Archives that were asked for, the newest first.")
    async def exports(self, info: Info) -> list[Export]:
        """Return them."""
        found = await info.context.services.exports.of(info.context.session.account_id)
        return [Export.of(each, info) for each in found]

    @rules.field(
        OWNER, description="What is only done with consent; nothing that a mobility itself needs."
    )
    async def consents(self, info: Info) -> list[ConsentPurpose]:
        """Return every purpose with its history."""
        services = info.context.services
        history = await services.consents.of(info.context.session.account_id)
        return [ConsentPurpose.of(each, history, info) for each in services.purposes.values()]

    @rules.field(OWNER, description="The privacy notice.")
    async def privacy_notice(self, info: Info) -> PrivacyNotice:
        """Return where it is, and whether it was shown."""
        services = info.context.services
        seen = await services.consents.seen(info.context.session.account_id)
        settings = services.settings
        return PrivacyNotice(
            url=settings.privacy_notice_url,
            version=settings.privacy_notice_version,
            seen_at=seen.get(settings.privacy_notice_version),
        )

    @rules.field(
        OWNER,
        description="Who looked at the student's data, the newest first; a hundred at once.",
    )
    async def access_log(
        self, info: Info, first: int = 50, after: strawberry.ID | None = None
    ) -> Connection[AccessEntry]:
        """Return the rows."""
        context, first = info.context, asked(first)
        found = await context.services.access.of(
            context.session.account_id,
            first=first + 1,
            after=uuid_of(after, "AccessEntry") if after else None,
        )
        entries = [AccessEntry.of(each, info) for each in found]
        return page(entries, first, lambda each: each.id, after=after)


@strawberry.type
class HeldMutations:
    """What a student does about what is held of them."""

    @rules.mutation(
        OWNER,
        description="Ask for an archive of everything that is held. It is ready within minutes "
        "and kept for a week; asking again within an hour gives the same one.",
    )
    async def request_export(self, info: Info) -> Export:
        """Note the wish."""
        context = info.context
        found = await context.services.exports.request(
            context.session.account_id, context.language, context.services.clock()
        )
        return Export.of(found, info)

    @rules.mutation(
        OWNER,
        description="Allow something, in the version of the text that was shown. Refused where "
        "there is a newer text: show that one and ask again.",
    )
    async def give_consent(self, info: Info, purpose: str, version: int) -> GiveConsentResult:
        """Note a consent."""
        context = info.context
        found = context.services.purposes.get(purpose)
        if found is None:
            return ConsentRefused(reason="purpose: there is no such purpose", version=None)
        if found.version != version:
            reason = f"version: the present one is {found.version}"
            return ConsentRefused(reason=reason, version=found.version)
        language, _ = found.text(context.language)
        given = await context.services.consents.give(
            context.session.account_id, found, language, CHANNEL, context.services.clock()
        )
        return ConsentGiven(consent=Consent.of(given))

    @rules.mutation(OWNER, description="Withdraw a consent; null where none stands.")
    async def withdraw_consent(self, info: Info, purpose: str) -> Consent | None:
        """Withdraw it."""
        context = info.context
        found = await context.services.consents.withdraw(
            context.session.account_id, purpose, CHANNEL, context.services.clock()
        )
        return Consent.of(found) if found else None

    @rules.mutation(OWNER, description="Note that the privacy notice was shown in this version.")
    async def acknowledge_notice(self, info: Info, version: str) -> AcknowledgeNoticeResult:
        """Note it; only the present version can be shown."""
        context = info.context
        settings = context.services.settings
        if version != settings.privacy_notice_version:
            return NoticeRefused(
                reason="version: it is not the present one",
                version=settings.privacy_notice_version,
            )
        seen = await context.services.consents.acknowledge(
            context.session.account_id, version, context.services.clock()
        )
        return PrivacyNotice(url=settings.privacy_notice_url, version=version, seen_at=seen)
