"""What an office reads is noted for the students, before it sees anything."""

from collections.abc import Sequence

from erasmus_app.api.access import Whose
from erasmus_app.api.context import Info
from erasmus_app.ids import HeiId
from erasmus_app.privacy.access import Access, ActorKind, Read

DECIDING = "deciding"  # what waits for the office's word
COORDINATING = "coordinating"  # how its students' mobilities stand


async def noted(info: Info, hei: HeiId, what: str, purpose: str, seen: Sequence[Read]) -> None:
    """Note that staff of an HEI reads; raises where that cannot be written."""
    if not seen:
        return
    access = Access(
        kind=ActorKind.STAFF,
        actor=str(info.context.session.account_id),
        hei=hei,
        purpose=purpose,
        api=what,
    )
    await info.context.services.access.note(access, seen, info.context.services.clock())


def hei_of(whose: Whose) -> HeiId:
    """Return the HEI whose office it is."""
    assert whose.hei_id is not None
    return whose.hei_id
