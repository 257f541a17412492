"""Who is told what: one event and one reader → a message, or none. Plain and repeatable."""

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from erasmus_app.ids import AccountId, DeliveryId, DeviceId, EventId, InboxEntryId
from erasmus_app.mobilities.events import MobilityEvent
from erasmus_app.mobilities.local_rules import Role
from erasmus_app.mobilities.models import Mobility
from erasmus_app.mobilities.ports import Reader, StoredMobility
from erasmus_app.notifications.catalogue import Catalogue
from erasmus_app.notifications.models import Message
from erasmus_app.notifications.preferences import last_day_of


def is_told(event: MobilityEvent, mobility: Mobility, catalogue: Catalogue) -> bool:
    """Whether the mobility's students may be told, as whose students the tenant has them."""
    outgoing = mobility.tenant == mobility.sending_hei_id
    return (Role.OUTGOING if outgoing else Role.INCOMING) in catalogue.kinds[event.kind].told


def standing(happened: Sequence[MobilityEvent], catalogue: Catalogue) -> set[EventId]:
    """Return which of the events that came at once are worth a push.

    What another of them makes obsolete is not; where two do that to each other, the last counts.
    """
    kinds = [(each.kind, catalogue.kinds[each.kind].obsolete_by) for each in happened]
    return {
        event.event_id
        for n, (event, (kind, by)) in enumerate(zip(happened, kinds, strict=True))
        if not any(
            other in by and (m > n or kind not in their)
            for m, (other, their) in enumerate(kinds)
            if m != n
        )
    }


def plan(
    event: MobilityEvent,
    reader: Reader,
    stored: StoredMobility,
    catalogue: Catalogue,
    merge_for: timedelta = timedelta(0),
) -> Message:
    """Make the message of one event to one reader; the same two give the same message.

    What merges waits for `merge_for`.
    """
    kind, mobility = catalogue.kinds[event.kind], stored.mobility
    arguments = {
        "sending_hei": mobility.sending_hei_id,
        "receiving_hei": mobility.receiving_hei_id,
        **event.detail,
    }
    return Message(
        entry_id=entry_id(reader.account_id, event.event_id),
        account_id=reader.account_id,
        tenant=mobility.tenant,
        mobility_id=stored.mobility_id,
        event_id=event.event_id,
        kind=event.kind,
        arguments=arguments,
        push=kind.push,
        ttl=timedelta(hours=kind.ttl_hours),
        wait=merge_for if kind.merges else timedelta(0),
        obsolete_by=kind.obsolete_by,
        of=kind,
        last_day=last_day_of(kind, arguments),
    )


def entry_id(account: AccountId, event: EventId) -> InboxEntryId:
    """One event is one entry per account, also where two tenants saw it."""
    return InboxEntryId(_uuid("entry", str(account), str(event)))


def delivery_id(entry: InboxEntryId, device: DeviceId, channel: str) -> DeliveryId:
    """One entry goes once to one device over one channel."""
    return DeliveryId(_uuid("delivery", str(entry), str(device), channel))


def _uuid(*parts: str) -> UUID:
    return UUID(bytes=hashlib.sha256("\n".join(parts).encode()).digest()[:16], version=5)
