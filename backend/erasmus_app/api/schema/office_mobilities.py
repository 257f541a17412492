"""An office's view of its university's students: where each waits, the longest waits first."""

import base64
import binascii
import struct
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import msgspec
import strawberry

import erasmus_app.api.schema.mobilities  # noqa: F401 - it names the enums
from erasmus_app.api.context import Info
from erasmus_app.api.schema import access
from erasmus_app.api.schema.access import COORDINATOR, PART, Whose
from erasmus_app.api.schema.connections import Connection, asked, page
from erasmus_app.api.schema.deadlines import Direction
from erasmus_app.api.schema.ids import global_id
from erasmus_app.api.schema.institutions import Institution, institution
from erasmus_app.api.schema.office_reads import COORDINATING, hei_of, noted
from erasmus_app.ids import HeiId, MobilityId
from erasmus_app.mobilities.offices import Listed, Narrowed, Place, Way
from erasmus_app.mobilities.papers import EsiState, broken_esi, esi_state, student_name
from erasmus_app.mobilities.state import MobilityState, state
from erasmus_app.mobilities.stays import academic_year
from erasmus_app.mobilities.steps import Party, StepCode, whose_move
from erasmus_app.mobilities.waits import credible
from erasmus_app.notifications.guidance import waiting_days
from erasmus_app.privacy.access import Read

_PLACE = struct.Struct(">q16s")  # microseconds since 1970, the id
_NO_SINCE = 2**63 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

strawberry.enum(
    EsiState,
    name="EsiState",
    description="Whether a student's papers have a European Student Identifier. MISSING: none of "
    "them has anything there. INVALID: what stands there is none, so that the student cannot be "
    "found by it.",
)


@access.rule(PART)
@strawberry.type(description="Who has to act next for a student of the office's.")
class OfficeWait:
    """Whose move it is."""

    party: Party = strawberry.field(description="The student, a university, or nobody.")
    step: StepCode | None = strawberry.field(description="What for.")
    institution: Institution | None = strawberry.field(description="Which university.")
    since: datetime | None = strawberry.field(description="Since when it waits, UTC.")
    waiting_days: int | None = strawberry.field(
        description="For how many days it has waited, by UTC; null where nobody can tell."
    )


@access.rule(COORDINATOR)
@strawberry.type(description="A mobility in the data of a university, as its office sees it.")
class OfficeMobility:
    """Where a student is, and who has to act; of grades and documents nothing."""

    whose: strawberry.Private[Whose]
    listed: strawberry.Private[Listed]
    id: strawberry.ID = strawberry.field(description="Opaque.")
    omobility_id: str = strawberry.field(description="The sending university's id of it.")
    student_name: str | None = strawberry.field(
        description="As the papers say; null where none is visible."
    )
    esi: EsiState | None = strawberry.field(
        description="How it is with the student's identifier; null where no paper is visible."
    )
    broken_esi: str | None = strawberry.field(
        description="What the papers have where the identifier should stand, and is none."
    )
    direction: Direction = strawberry.field(description="Seen from the office's university.")
    partner: Institution = strawberry.field(description="The other university.")
    academic_year: str | None = strawberry.field(
        description="`YYYY/YYYY`, the year of the receiving university."
    )
    state: MobilityState = strawberry.field(description="Where it stands today.")
    wait: OfficeWait = strawberry.field(description="Who has to act next, and since when.")
    last_confirmed_at: datetime | None = strawberry.field(
        description="When a university last confirmed any of it, UTC."
    )

    @classmethod
    def of(cls, listed: Listed, hei: HeiId, today: date) -> "OfficeMobility":
        """Make it from ours; `hei` is the office's."""
        known = listed.stored.mobility
        move = whose_move(known, today)
        move = msgspec.structs.replace(move, since=credible(move.since))  # as it is sorted by
        outgoing = known.sending_hei_id == hei
        partner = known.receiving_hei_id if outgoing else known.sending_hei_id
        return cls(
            whose=Whose(None, known.tenant),
            listed=listed,
            id=global_id("OfficeMobility", listed.stored.mobility_id),
            omobility_id=known.omobility_id,
            student_name=student_name(known),
            esi=esi_state(known),
            broken_esi=broken_esi(known),
            direction=Direction.OUTGOING if outgoing else Direction.INCOMING,
            partner=institution(partner),
            academic_year=academic_year(known),
            state=state(known, today),
            wait=OfficeWait(
                party=move.party,
                step=move.step,
                institution=institution(move.hei_id) if move.hei_id else None,
                since=move.since,
                waiting_days=waiting_days(move, today),
            ),
            last_confirmed_at=max(
                (each.last_confirmed_at for each in known.sources()), default=None
            ),
        )


@access.rule(COORDINATOR)
@strawberry.type(
    description="Mobilities whose student no identifier leads to: such a student sees nothing of "
    "them here but by a claim. Where no paper is visible nothing is counted."
)
class BrokenEsis:
    """What an office may have to set right in its own system."""

    whose: strawberry.Private[Whose]
    missing: int = strawberry.field(description="How many have no identifier.")
    invalid: int = strawberry.field(description="How many have something that is none.")

    @access.field(
        COORDINATOR,
        description="These mobilities, the longest waits first; pages as those of all.",
    )
    async def mobilities(
        self, info: Info, first: int = 20, after: str | None = None
    ) -> Connection[OfficeMobility]:
        """Read a page."""
        hei, first, place = hei_of(self.whose), asked(first), place_of(after)
        found: Sequence[Listed] = []
        if after is None or place is not None:
            found = await info.context.services.offices.with_broken_esi(hei, first + 1, place)
        return await _shown(info, hei, "office.brokenEsis", found, first, after)


@strawberry.type
class MobilitiesOfOffice:
    """What an office tells of its university's students."""

    @access.field(
        COORDINATOR,
        description="The mobilities in its university's data, the longest waits first; those that "
        "wait for nobody come last. At most 100 a page. A mobility that stays where it is stands "
        "on one page exactly; one that moves on meanwhile may be met again at its new place. "
        "Whom a page shows is told that the office has read it.",
    )
    async def mobilities(
        self,
        info: Info,
        first: int = 20,
        after: str | None = None,
        direction: Direction | None = None,
        waits_for: Party | None = None,
        partner: str | None = None,
        academic_year: str | None = None,
    ) -> Connection[OfficeMobility]:
        """Read a page."""
        narrowed = Narrowed(
            way=Way(direction.value) if direction else None,
            party=waits_for,
            partner=HeiId(partner.strip().lower()) if partner else None,
            academic_year=academic_year,
        )
        whose: Whose = self.whose  # type: ignore[attr-defined]  # the office's
        hei, first, place = hei_of(whose), asked(first), place_of(after)
        found: Sequence[Listed] = []
        is_sayable = "\x00" not in f"{partner} {academic_year}"  # else nothing can be it
        if is_sayable and (after is None or place is not None):
            found = await info.context.services.offices.waiting(hei, narrowed, first + 1, place)
        return await _shown(info, hei, "office.mobilities", found, first, after)

    @access.field(
        COORDINATOR,
        description="Mobilities in whose papers the student's identifier is missing or broken.",
    )
    async def broken_esis(self, info: Info) -> BrokenEsis:
        """Count them."""
        whose: Whose = self.whose  # type: ignore[attr-defined]  # the office's
        found = await info.context.services.offices.broken_esis(hei_of(whose))
        return BrokenEsis(whose=whose, missing=found.missing, invalid=found.invalid)


async def _shown(
    info: Info, hei: HeiId, what: str, found: Sequence[Listed], first: int, after: str | None
) -> Connection[OfficeMobility]:
    """Note who is on a page, and return it."""
    seen = [
        Read(tenant=hei, subject=each.stored.person_id, mobility=each.stored.mobility_id)
        for each in found[:first]
    ]
    await noted(info, hei, what, COORDINATING, seen)
    today = info.context.today
    nodes = [OfficeMobility.of(each, hei, today) for each in found]
    return page(nodes, first, lambda node: cursor(node.listed.place), after=after)


def cursor(place: Place) -> str:
    """Write a place, so that a list goes on from there wherever its mobility has moved."""
    since = _NO_SINCE if place.since is None else (place.since - _EPOCH) // _MICROSECOND
    return base64.urlsafe_b64encode(_PLACE.pack(since, place.mobility_id.bytes)).decode("ascii")


def place_of(after: str | None) -> Place | None:
    """Read a cursor of ours; None for what is none."""
    try:
        since, mobility = _PLACE.unpack(base64.b64decode(after or "", b"-_", validate=True))
        moment = None if since == _NO_SINCE else _EPOCH + since * _MICROSECOND
    except (ValueError, OverflowError, struct.error, binascii.Error):
        return None
    return Place(moment, MobilityId(UUID(bytes=mobility)))
