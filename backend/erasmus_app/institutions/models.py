"""The HEIs that this backend works for, and what any HEI says to its incoming students."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from erasmus_app.ids import HeiId


class ApiMode(StrEnum):
    """How changes of one CNR API reach us for one covered HEI, and who serves its data (§6.2)."""

    OWN = "own"  # we register the endpoint and receive the CNRs, or serve the data
    FORWARDED = "forwarded"  # another provider owns it and re-sends
    POLL = "poll"  # nobody tells us: we ask
    OFF = "off"


AGREEMENT_CNR_APIS = frozenset({"iia-cnr", "iia-approval-cnr"})
"""Of these, what is about agreements between HEIs."""

CNR_APIS = AGREEMENT_CNR_APIS | {
    "omobility-cnr",
    "omobility-la-cnr",
    "imobility-cnr",
    "imobility-tor-cnr",
}
"""The CNR APIs whose changes we follow, by their manifest elements."""


DATA_APIS = frozenset(
    {
        "omobilities",
        "omobility-las",
        "imobilities",
        "imobility-tors",
        "institutions",
        "organizational-units",
        "factsheet",
    }
)
"""The APIs that we can serve for an HEI from what its system feeds us: `own`, else `off`."""


class WebhookEndpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where an app of an HEI's own is told what happens to its students' mobilities."""

    name: str  # lasts: what is on its way bears it
    url: str
    secret_file: Path  # `whsec_…`, a line each: two while one replaces the other
    kinds: tuple[str, ...] = ()  # which it wants; with no categories either: all
    categories: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()  # where it may be beside the open internet

    def wants(self, kind: str, category: str) -> bool:
        """Whether it is told of a kind."""
        everything = not self.kinds and not self.categories
        return everything or kind in self.kinds or category in self.categories


class CoveredHei(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One HEI that this backend works for: a tenant, with keys of its own."""

    id: HeiId
    name: dict[str, str]  # by BCP 47 language
    client_key: Path  # RSA, PEM: signs our calls on behalf of this HEI
    server_key: Path | None = None  # signs our answers; the client key's file where none is given
    admin_emails: tuple[str, ...]
    own_system: str | None = None  # manifest address of the HEI's own EWP host
    feed_token_sha256: tuple[str, ...] = ()  # of its system's tokens, in hex; two while one changes
    api: dict[str, ApiMode] = {}
    webhook: tuple[WebhookEndpoint, ...] = ()
    domains: tuple[str, ...] = ()  # further ones of its people's logins; those below count as well
    coordinators: tuple[str, ...] = ()  # staff by `subject`, or `issuer subject`

    def mode(self, api: str) -> ApiMode:
        """Return how changes of `api` (a manifest element name) reach us; polling by default."""
        return self.api.get(api, ApiMode.POLL)

    def serves(self, api: str) -> bool:
        """Whether partners read `api` of this HEI from us."""
        return api in DATA_APIS and self.mode(api) is ApiMode.OWN


class Term(StrEnum):
    """The two terms that a factsheet has days for."""

    AUTUMN = "autumn"
    SPRING = "spring"


class TermDays(msgspec.Struct, frozen=True, kw_only=True):
    """The last day for each term, `--MM-DD` as published: without a year."""

    autumn: str
    spring: str

    def of(self, term: Term) -> str:
        """Return one term's day."""
        return self.autumn if term is Term.AUTUMN else self.spring


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """An http or https address, as it was given."""

    url: str
    language: str | None = None  # BCP 47, of what stands there; None: not said


class Information(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to ask and where to read; there is no text of its own."""

    email: str | None = None
    phone: str | None = None
    links: tuple[Link, ...] = ()


class DocumentKind(StrEnum):
    """The papers that EWP has fixed names for, by these names (guide §4.7)."""

    MOTIVATION_LETTER = "Motivation letter"
    TRANSCRIPT_OF_RECORDS = "Transcript of Records"
    LANGUAGE_CERTIFICATE = "Language certificate"
    REFERENCE_LETTER = "Reference letter"
    PORTFOLIO = "Portfolio"
    CV = "CV"
    OTHER_DOCUMENT = "Other document"
    OTHER = "other"  # any other name: for information only


class AdditionalRequirement(msgspec.Struct, frozen=True, kw_only=True):
    """A paper that a receiving HEI wants of every incoming student."""

    name: str
    details: str | None = None
    links: tuple[Link, ...] = ()

    @property
    def kind(self) -> DocumentKind:
        """Which of the fixed names it has; they are compared exactly."""
        try:
            return DocumentKind(self.name)
        except ValueError:
            return DocumentKind.OTHER


class AccessibilityKind(StrEnum):
    """What kind of help it is."""

    INFRASTRUCTURE = "infrastructure"
    SERVICE = "service"


class Accessibility(msgspec.Struct, frozen=True, kw_only=True):
    """Help for students with special needs."""

    name: str
    kind: AccessibilityKind | None = None  # None: not said, or not in EWP's words
    description: str | None = None
    information: Information | None = None


class AdditionalInformation(msgspec.Struct, frozen=True, kw_only=True):
    """Anything else that an HEI has a page for."""

    title: str
    information: Information | None = None


class Factsheet(msgspec.Struct, frozen=True, kw_only=True):
    """What a receiving HEI says to all its incoming students (factsheet 1, guide §4.7). Public."""

    hei_id: HeiId
    nominations: TermDays  # until when the sending HEI may nominate
    applications: TermDays  # until when the student's application must arrive
    requirements: tuple[AdditionalRequirement, ...] = ()
    decision_weeks: int | None = None
    transcript_weeks: int | None = None
    application: Information | None = None
    housing: Information | None = None
    visa: Information | None = None
    insurance: Information | None = None
    accessibility: tuple[Accessibility, ...] = ()
    additional: tuple[AdditionalInformation, ...] = ()


PageT = TypeVar("PageT")


class PageState(StrEnum):
    """Whether what an HEI publishes is known."""

    PUBLISHED = "published"
    NOT_PUBLISHED = "not-published"  # it answered, and said that it publishes none
    NOT_ASKED = "not-asked"  # no mobility led there yet, or it does not serve the API
    SILENT = "silent"  # it was asked and never gave an answer that we could read


class KnownPage(msgspec.Struct, Generic[PageT], frozen=True, kw_only=True):
    """What an HEI publishes for everybody, as it is kept, with its age. Times are UTC."""

    value: PageT | None  # None: never read, or the HEI publishes none
    fetched_at: datetime | None = None  # when the present content was first read
    last_confirmed_at: datetime | None = None
    revision: int = 0  # grows with each change of content
    last_error: str | None = None  # stable code of the last failed attempt; None after a success


KnownFactsheet = KnownPage[Factsheet]


def page_state(known: KnownPage[PageT] | None) -> PageState:
    """Return how much is known; None stands for an HEI that nobody has asked."""
    if known is None:
        return PageState.NOT_ASKED
    if known.value is not None:
        return PageState.PUBLISHED
    return PageState.NOT_PUBLISHED if known.revision else PageState.SILENT
