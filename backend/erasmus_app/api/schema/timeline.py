"""The timeline of a mobility: its steps, whose move it is, and what travels digitally."""

from datetime import date, datetime

import strawberry

from erasmus_app.api.context import Info
from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import PART
from erasmus_app.api.schema.agreements import contact_of
from erasmus_app.api.schema.institutions import Contact, Institution, institution
from erasmus_app.ids import HeiId
from erasmus_app.mobilities import models, steps
from erasmus_app.mobilities.kinds import has_agreement, has_transcript
from erasmus_app.mobilities.models import OF_RECEIVING, Api, Mobility
from erasmus_app.mobilities.refreshes import heard
from erasmus_app.mobilities.steps import Party, Phase, StepCode, StepState
from erasmus_app.notifications.guidance import NudgeText, waiting_days

AGREEMENTS_ONLINE = "https://learning-agreement.eu"
"""Where agreements are made that are made at no university's own site; the EC's service."""

strawberry.enum(Phase, name="Phase", description="Before, during or after the stay.")
strawberry.enum(
    StepState,
    name="StepState",
    description="How far a step is. NOT_SHARED: the universities do not share it through EWP.",
)
strawberry.enum(Api, name="EwpApi", description="The EWP API that a fact comes from.")


@access.rule(PART)
@strawberry.type(description="Where a fact comes from, and how fresh it is. Times are UTC.")
class Source:
    """A source."""

    api: Api = strawberry.field(description="The API.")
    institution: Institution = strawberry.field(description="Who answered.")
    fetched_at: datetime = strawberry.field(description="When this content was first read.")
    last_confirmed_at: datetime = strawberry.field(description="When it was last confirmed.")
    last_error: str | None = strawberry.field(
        description="A stable code where the latest attempt failed; the fact is as old as it says."
    )

    @classmethod
    def of(cls, source: models.Source) -> "Source":
        """Make it from ours."""
        return cls(
            api=source.api,
            institution=institution(source.hei_id),
            fetched_at=source.fetched_at,
            last_confirmed_at=source.last_confirmed_at,
            last_error=source.last_error,
        )


@access.rule(PART)
@strawberry.type(description="One step of the timeline.")
class Step:
    """A step."""

    code: StepCode = strawberry.field(description="Which step.")
    phase: Phase = strawberry.field(description="Before, during or after the stay.")
    state: StepState = strawberry.field(description="How far it is.")
    title: str = strawberry.field(description="Its name, in the request's language.")
    since_at: datetime | None = strawberry.field(
        description="When it was done or began to wait, where the moment is known; with zone."
    )
    since_day: date | None = strawberry.field(
        description="The day of that: as written down by the university, else UTC's."
    )
    whose_move: Party | None = strawberry.field(
        description="Who has to act for it, while it is the one that waits."
    )
    institution: Institution | None = strawberry.field(
        description="Which university has to act, where it is one's move."
    )
    can_do: str | None = strawberry.field(
        description="What the student can do for it now, in the request's language."
    )
    link: str | None = strawberry.field(
        description="Where that is done, where an address is known; https."
    )
    source: Source | None = strawberry.field(description="Where it was read, and how fresh it is.")


@access.rule(PART)
@strawberry.type(description="A message that the student may send to whoever has to act.")
class Nudge:
    """A nudge; nothing of grades, reasons or comments is in it."""

    subject: str = strawberry.field(description="For an e-mail.")
    body: str = strawberry.field(description="The text, without a signature.")
    language: str = strawberry.field(description="The language that was found.")
    to: Contact | None = strawberry.field(
        description="Whom the agreement names; null: write to the university's office."
    )

    @classmethod
    def of(cls, text: NudgeText, to: Contact | None) -> "Nudge":
        """Make it from ours."""
        return cls(subject=text.subject, body=text.body, language=text.language, to=to)


@access.rule(PART)
@strawberry.type(description="Who has to act next.")
class WhoseMove:
    """Whose move it is."""

    mobility: strawberry.Private[Mobility | None]  # for the nudge alone
    found: strawberry.Private[steps.WhoseMove]
    today: strawberry.Private[date]
    party: Party = strawberry.field(description="The student, a university, or nobody.")
    step: StepCode | None = strawberry.field(description="What for.")
    institution: Institution | None = strawberry.field(description="Which university.")
    since: datetime | None = strawberry.field(description="Since when it waits, UTC.")
    contact: Contact | None = strawberry.field(description="Whom the agreement names there.")

    @access.field(
        PART,
        brief=True,
        description="For how many days it has waited, by UTC; null where nobody can tell.",
    )
    def waiting_days(self) -> int | None:
        """Count them."""
        return waiting_days(self.found, self.today)

    @access.field(
        PART,
        description="A message to whoever has to act, in `language` (BCP 47), by default that of "
        "the request; null where it is the student's move, or nobody's.",
    )
    def nudge(self, info: Info, language: str | None = None) -> Nudge | None:
        """Write it."""
        context = info.context
        if self.mobility is None:  # never: a document that asks for it has the record read
            return None
        text = context.services.guidance.nudge(
            self.mobility, self.found, language or context.language
        )
        return Nudge.of(text, self.contact) if text else None

    @classmethod
    def of(cls, found: steps.WhoseMove, today: date, mobility: Mobility | None) -> "WhoseMove":
        """Make it from ours."""
        return cls(
            mobility=mobility,
            found=found,
            party=found.party,
            step=found.step,
            institution=institution(found.hei_id) if found.hei_id else None,
            since=found.since,
            today=today,
            contact=contact_of(found.contact),
        )


@access.rule(PART)
@strawberry.type(description="Something that one of the universities shares digitally, or not.")
class DigitalStep:
    """What the network's catalogue says of one API."""

    api: Api = strawberry.field(description="By which API.")
    institution: Institution = strawberry.field(description="Which university.")
    can_do: bool = strawberry.field(description="Whether it takes part, today.")
    text: str = strawberry.field(
        description="What that means, and what to do where it does not, in the request's language."
    )


def steps_of(mobility: Mobility, today: date, info: Info) -> list[Step]:
    """Compute the timeline with what is said beside it."""
    guidance, language = info.context.services.guidance, info.context.language
    move = steps.whose_move(mobility, today)
    sources = {each.api: each for each in mobility.sources()}
    found = []
    for each in steps.timeline(mobility, today):
        waits = each.state is StepState.CURRENT
        party = (move.party if move.step is each.code else Party.NOBODY) if waits else None
        can_do = guidance.can_do(each.code, party, language) if party else None
        if party is Party.STUDENT:
            can_do = guidance.sent_back(mobility, language) or can_do
        source = sources.get(each.api) if each.api else None
        moment = each.since if isinstance(each.since, datetime) else None
        found.append(
            Step(
                code=each.code,
                phase=each.phase,
                state=each.state,
                title=guidance.title(each.code, language),
                since_at=moment,
                since_day=moment.date() if moment else each.since,
                whose_move=party,
                institution=institution(move.hei_id)
                if party is not None and move.step is each.code and move.hei_id
                else None,
                can_do=can_do,
                link=AGREEMENTS_ONLINE
                if party is Party.STUDENT and each.code in {StepCode.LA_SENT, StepCode.LA_CHANGED}
                else None,
                source=Source.of(source) if source else None,
            )
        )
    return found


def digital_of(mobility: Mobility, info: Info) -> list[DigitalStep]:
    """Say of each API whether the university that has to share it does."""
    services, language = info.context.services, info.context.language
    tenant = services.heis.get(mobility.tenant)
    from_host = heard(mobility, tenant, services.source)
    found = []
    for api in Api:
        if (api is Api.OMOBILITY_LAS and not has_agreement(mobility)) or (
            api is Api.IMOBILITY_TORS and not has_transcript(mobility)
        ):
            continue  # EWP has none for a traineeship, whoever takes part
        hei = mobility.receiving_hei_id if api in OF_RECEIVING else mobility.sending_hei_id
        served = api in from_host if api in OF_RECEIVING else _is_served(hei, api, mobility, info)
        text = services.guidance.digital(api, hei, language, served=served)
        found.append(DigitalStep(api=api, institution=institution(hei), can_do=served, text=text))
    return found


def _is_served(hei: HeiId, api: Api, mobility: Mobility, info: Info) -> bool:
    """Whether a university shares something: what has been read of it says so as well."""
    read = any(each.api is api for each in mobility.sources())
    return read or info.context.services.source.serves(hei, api, mobility.tenant)
