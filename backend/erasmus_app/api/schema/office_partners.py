"""An office's view of its university's partners: what they answer, and what was refused here."""

from datetime import UTC, date, datetime, timedelta

import strawberry

from erasmus_app.api.context import Info
from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import COORDINATOR, PART, Whose
from erasmus_app.api.schema.connections import Connection, asked, page
from erasmus_app.api.schema.institutions import Institution, institution
from erasmus_app.api.schema.office_reads import hei_of
from erasmus_app.ids import HeiId
from erasmus_app.institutions import health
from erasmus_app.institutions.health import ApiHealth
from erasmus_app.mobilities.models import OF_RECEIVING, Api

MOST_DAYS = 90  # of refusals that are added up
_APIS = {each.value: each for each in Api}


@access.rule(PART)
@strawberry.type(
    description="An answer that did not fit: its fingerprint and why, nothing of its content."
)
class QuarantinedAnswer:
    """What the partner has to set right."""

    sha256: str = strawberry.field(description="Of its bytes, hexadecimal.")
    size: int = strawberry.field(description="In bytes.")
    reason: str = strawberry.field(description="What does not fit, in English.")
    first_seen_at: datetime = strawberry.field(description="UTC.")
    last_seen_at: datetime = strawberry.field(description="UTC.")
    times: int = strawberry.field(description="How often it came.")

    @classmethod
    def of(cls, found: health.Quarantined) -> "QuarantinedAnswer":
        """Make it from ours."""
        return cls(
            sha256=found.sha256.hex(),
            size=found.size,
            reason=found.reason,
            first_seen_at=found.first_seen_at,
            last_seen_at=found.last_seen_at,
            times=found.times,
        )


@access.rule(PART)
@strawberry.type(description="How calls of one API of a partner go. Times are UTC.")
class PartnerApi:
    """An API."""

    api: str = strawberry.field(description="By its manifest element: `omobilities`, ...")
    is_served: bool | None = strawberry.field(
        description="Whether the catalogue lists it today; null for APIs that say nothing of "
        "mobilities."
    )
    last_success_at: datetime | None = strawberry.field(
        description="When it last brought what it should, to the minute."
    )
    last_failure_at: datetime | None = strawberry.field(description="When it last did not.")
    last_failure: str | None = strawberry.field(
        description="Why, as a stable code: `partner_unreachable`, `reply_invalid`, "
        "`reply_not_trusted`, `partner_refused`, ..."
    )
    failures_in_a_row: int = strawberry.field(description="Up to now; 0 once it has answered.")
    left_alone_until: datetime | None = strawberry.field(
        description="Until when nobody asks it, as it did not answer; null where it is asked."
    )
    mobilities: int | None = strawberry.field(
        description="How many it can say something about; null for APIs that say nothing of "
        "mobilities."
    )
    unread: int = strawberry.field(
        description="Of how many it could not be read when that was last tried; what it said "
        "before is still shown."
    )
    quarantined: int = strawberry.field(description="How many of its answers did not fit, ever.")
    latest_quarantined: list[QuarantinedAnswer] = strawberry.field(
        description="Up to five of these, the latest first."
    )

    @classmethod
    def of(
        cls, found: ApiHealth, now: datetime, *, is_served: bool | None, mobilities: int | None
    ) -> "PartnerApi":
        """Make it from ours."""
        until = found.left_alone_until
        return cls(
            api=found.api,
            is_served=is_served,
            last_success_at=found.last_success_at,
            last_failure_at=found.last_failure_at,
            last_failure=found.last_failure,
            failures_in_a_row=found.failures,
            left_alone_until=until if until is not None and until > now else None,
            mobilities=mobilities,
            unread=found.unread,
            quarantined=found.quarantined,
            latest_quarantined=[QuarantinedAnswer.of(each) for each in found.latest_quarantined],
        )


@access.rule(COORDINATOR)
@strawberry.type(description="A partner of a university's, and how it goes with it.")
class PartnerHealth:
    """A partner; nothing of it is personal."""

    whose: strawberry.Private[Whose]
    partner: Institution = strawberry.field(description="Which university.")
    is_own_system: bool = strawberry.field(
        description="Whether it is the office's university itself, by its own system."
    )
    outgoing: int = strawberry.field(description="Mobilities to it; of the own system, all.")
    incoming: int = strawberry.field(description="Mobilities from it; of the own system, all.")
    apis: list[PartnerApi] = strawberry.field(
        description="The four that mobilities come from, and whatever else was called."
    )

    @classmethod
    def of(cls, found: health.PartnerHealth, hei: HeiId, info: Info) -> "PartnerHealth":
        """Make it from ours; `hei` is the office's."""
        services, own = info.context.services, found.hei_id == hei
        known = {each.api: each for each in found.apis}
        apis, now = [], services.clock()
        for name in sorted({*known, *_APIS}):
            api = _APIS.get(name)
            counted = found.as_receiving if api in OF_RECEIVING else found.as_sending
            apis.append(
                PartnerApi.of(
                    known.get(name, ApiHealth(api=name)),
                    now,
                    is_served=services.source.serves(found.hei_id, api, hei) if api else None,
                    mobilities=counted if api else None,
                )
            )
        return cls(
            whose=Whose(None, hei),
            partner=institution(found.hei_id),
            is_own_system=own,
            outgoing=found.as_sending if own else found.as_receiving,
            incoming=found.as_receiving if own else found.as_sending,
            apis=apis,
        )


@access.rule(PART)
@strawberry.type(
    description="Requests that were refused at the university's EWP endpoints here. Who sent them "
    "is not known: nobody believes what a refused request says of its sender."
)
class RefusedRequests:
    """What was refused."""

    api: str | None = strawberry.field(description="Null: of something that is not served.")
    reason: str = strawberry.field(description="A stable code.")
    times: int = strawberry.field(description="How often, in these days.")
    last_on: date = strawberry.field(description="The last day on which, UTC's.")


@strawberry.type
class PartnersOfOffice:
    """What an office tells of its university's partners."""

    @access.field(
        COORDINATOR,
        description="The partners that its university has mobilities with or has called, by id; "
        "`troubled`: only those of whose APIs one fails, is left alone, or could not be read for "
        "some mobility. At most 100 a page.",
    )
    async def partners(
        self, info: Info, first: int = 20, after: str | None = None, troubled: bool = False
    ) -> Connection[PartnerHealth]:
        """Read a page."""
        whose: Whose = self.whose  # type: ignore[attr-defined]  # the office's
        hei, first, store = hei_of(whose), asked(first), info.context.services.health
        is_sayable = "\x00" not in (after or "")
        found = (
            await store.partners(hei, first + 1, after or "", troubled=troubled)
            if is_sayable
            else []
        )
        nodes = [PartnerHealth.of(each, hei, info) for each in found]
        return page(nodes, first, lambda node: node.partner.hei_id, after=after)

    @access.field(
        COORDINATOR,
        description="What was refused at its university's EWP endpoints here in the last `days` "
        "(1 to 90), the most frequent first.",
    )
    async def refused_requests(self, info: Info, days: int = 30) -> list[RefusedRequests]:
        """Add them up."""
        whose: Whose = self.whose  # type: ignore[attr-defined]  # the office's
        services = info.context.services
        today = services.clock().astimezone(UTC).date()
        since = today - timedelta(days=max(1, min(days, MOST_DAYS)) - 1)
        return [
            RefusedRequests(
                api=each.api or None, reason=each.reason, times=each.times, last_on=each.last_on
            )
            for each in await services.health.refused(hei_of(whose), since)
        ]
