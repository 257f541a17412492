"""What a receiving university tells all its incoming students, from its factsheet."""

import strawberry

from erasmus_app.api.context import Info
from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import PART, PUBLIC
from erasmus_app.api.schema.pages import Link, PageSource
from erasmus_app.ids import HeiId
from erasmus_app.institutions import models
from erasmus_app.institutions.models import AccessibilityKind, DocumentKind, KnownFactsheet

API = "factsheet"

strawberry.enum(
    DocumentKind,
    name="RequiredDocumentKind",
    description="The papers that EWP has fixed names for. OTHER: any other name.",
)
strawberry.enum(
    AccessibilityKind,
    name="AccessibilityKind",
    description="What kind of help for students with special needs it is.",
)


@access.rule(PART)
@strawberry.type(description="Whom to ask and where to read about something.")
class PracticalInformation:
    """Contact and links."""

    email: str | None = strawberry.field(description="E-mail address.")
    phone: str | None = strawberry.field(description="Telephone, international where it is known.")
    links: list[Link] = strawberry.field(description="Where it is described.")

    @classmethod
    def of(cls, known: models.Information | None) -> "PracticalInformation | None":
        """Make it from ours; None where nothing is known."""
        if known is None:
            return None
        return cls(email=known.email, phone=known.phone, links=Link.of(known.links))


@access.rule(PART)
@strawberry.type(description="Help for students with special needs.")
class Accessibility:
    """Help that a university offers."""

    kind: AccessibilityKind | None = strawberry.field(
        description="What kind of help; null where the university does not say."
    )
    name: str = strawberry.field(description="What it is, in the university's words.")
    description: str | None = strawberry.field(description="More of it, in its words.")
    information: PracticalInformation | None = strawberry.field(description="Whom to ask.")


@access.rule(PART)
@strawberry.type(description="Anything else that the university has a page for.")
class AdditionalInformation:
    """A further page."""

    title: str = strawberry.field(description="What it is about, in the university's words.")
    information: PracticalInformation | None = strawberry.field(
        description="Whom to ask and where to read."
    )


@access.rule(PART)
@strawberry.type(description="Where an incoming student finds help with practical things.")
class Practical:
    """Practical links and contacts."""

    application: PracticalInformation | None = strawberry.field(description="How to apply.")
    housing: PracticalInformation | None = strawberry.field(description="Somewhere to live.")
    visa: PracticalInformation | None = strawberry.field(description="Visa and permits.")
    insurance: PracticalInformation | None = strawberry.field(description="Insurance.")
    accessibility: list[Accessibility] = strawberry.field(
        description="For students with special needs."
    )
    additional: list[AdditionalInformation] = strawberry.field(description="Anything else.")
    source: PageSource = strawberry.field(description="Where this is written, and how fresh.")


@access.rule(PART)
@strawberry.type(description="A paper that the university wants of every incoming student.")
class RequiredDocument:
    """A required document."""

    kind: DocumentKind = strawberry.field(description="Which of the known papers it is.")
    name: str = strawberry.field(description="Its name, in the university's words.")
    details: str | None = strawberry.field(description="What is wanted, in its words.")
    links: list[Link] = strawberry.field(description="Where more is said.")
    source: PageSource = strawberry.field(description="Where this is written, and how fresh.")


@access.rule(PART)
@strawberry.type(description="The last day for each term, `--MM-DD`, without a year.")
class TermDays:
    """Two days."""

    autumn: str = strawberry.field(description="For the term that begins in autumn.")
    spring: str = strawberry.field(description="For the term that begins in spring.")

    @classmethod
    def of(cls, days: models.TermDays) -> "TermDays":
        """Make them from ours."""
        return cls(autumn=days.autumn, spring=days.spring)


@access.rule(PART)
@strawberry.type(
    description="What the university says to all its incoming students. The deadlines of a "
    "mobility are worked out from it."
)
class Factsheet:
    """A factsheet."""

    nominations: TermDays = strawberry.field(
        description="Until when the home university may nominate."
    )
    applications: TermDays = strawberry.field(
        description="Until when the student's application must arrive."
    )
    decision_weeks: int | None = strawberry.field(
        description="Weeks that the university takes to decide."
    )
    transcript_weeks: int | None = strawberry.field(
        description="Weeks that it takes to issue the transcript."
    )
    source: PageSource = strawberry.field(description="Where this is written, and how fresh.")


@strawberry.type
class OfFactsheet:
    """What an institution tells by its factsheet."""

    hei_id: strawberry.Private[str]

    @access.field(
        PUBLIC, description="Whether the university's factsheet is known, and how fresh it is."
    )
    async def factsheet_source(self, info: Info) -> PageSource:
        """Return it."""
        return PageSource.of(API, await _known(self.hei_id, info))

    @access.field(
        PUBLIC,
        description="The university's factsheet; null where none is known: `factsheetSource` says "
        "why.",
    )
    async def factsheet(self, info: Info) -> Factsheet | None:
        """Return it."""
        known = await _known(self.hei_id, info)
        if known is None or (value := known.value) is None:
            return None
        return Factsheet(
            nominations=TermDays.of(value.nominations),
            applications=TermDays.of(value.applications),
            decision_weeks=value.decision_weeks,
            transcript_weeks=value.transcript_weeks,
            source=PageSource.of(API, known),
        )

    @access.field(
        PUBLIC,
        description="Housing, visa, insurance and other practical things, from the factsheet; null "
        "as `factsheet` is.",
    )
    async def practical(self, info: Info) -> Practical | None:
        """Return them."""
        known = await _known(self.hei_id, info)
        if known is None or (value := known.value) is None:
            return None
        return Practical(
            application=PracticalInformation.of(value.application),
            housing=PracticalInformation.of(value.housing),
            visa=PracticalInformation.of(value.visa),
            insurance=PracticalInformation.of(value.insurance),
            accessibility=[
                Accessibility(
                    kind=each.kind,
                    name=each.name,
                    description=each.description,
                    information=PracticalInformation.of(each.information),
                )
                for each in value.accessibility
            ],
            additional=[
                AdditionalInformation(
                    title=each.title, information=PracticalInformation.of(each.information)
                )
                for each in value.additional
            ],
            source=PageSource.of(API, known),
        )

    @access.field(
        PUBLIC,
        description="The papers that the university wants, from the factsheet; none where it wants "
        "none, or where no factsheet is known: `factsheetSource` says which.",
    )
    async def requirements(self, info: Info) -> list[RequiredDocument]:
        """Return them."""
        known = await _known(self.hei_id, info)
        if known is None or known.value is None:
            return []
        source = PageSource.of(API, known)
        return [
            RequiredDocument(
                kind=each.kind,
                name=each.name,
                details=each.details,
                links=Link.of(each.links),
                source=source,
            )
            for each in known.value.requirements
        ]


async def _known(hei: str, info: Info) -> KnownFactsheet | None:
    return await info.context.factsheets.load(HeiId(hei))
