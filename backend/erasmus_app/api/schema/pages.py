"""What universities publish for everybody: where it comes from, and the pieces it is made of."""

from collections.abc import Iterable
from datetime import datetime

import strawberry

from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import PART
from erasmus_app.institutions import models
from erasmus_app.institutions.models import KnownPage, PageState, PageT, page_state

strawberry.enum(
    PageState,
    name="PageState",
    description="Whether something that a university publishes is known. NOT_PUBLISHED: it "
    "answered that it publishes none. NOT_ASKED: nobody has asked it yet, or it does not offer to "
    "be asked. SILENT: it was asked, and has not given an answer that could be read; `lastError` "
    "says why.",
)


@access.rule(PART)
@strawberry.type(
    description="Where something that a university publishes comes from, and how fresh it is. "
    "Times are UTC."
)
class PageSource:
    """A page's source."""

    state: PageState = strawberry.field(description="Whether it is known, and if not, why.")
    api: str = strawberry.field(description="The EWP API, by its manifest element.")
    fetched_at: datetime | None = strawberry.field(description="When this content was first read.")
    last_confirmed_at: datetime | None = strawberry.field(
        description="When the university last confirmed it."
    )
    last_error: str | None = strawberry.field(
        description="A stable code where the latest attempt failed, or a part of it; what is shown "
        "is as old as it says."
    )

    @classmethod
    def of(cls, api: str, known: KnownPage[PageT] | None) -> "PageSource":
        """Make it of what is known."""
        return cls(
            state=page_state(known),
            api=api,
            fetched_at=known.fetched_at if known else None,
            last_confirmed_at=known.last_confirmed_at if known else None,
            last_error=known.last_error if known else None,
        )


@access.rule(PART)
@strawberry.type(description="An address on the web, http or https, as the university gave it.")
class Link:
    """A link."""

    url: str = strawberry.field(description="The address.")
    language: str | None = strawberry.field(
        description="The language of what stands there, BCP 47 in lower case, where it is said."
    )

    @classmethod
    def of(cls, links: Iterable[models.Link]) -> list["Link"]:
        """Make them from ours."""
        return [cls(url=each.url, language=each.language) for each in links]
