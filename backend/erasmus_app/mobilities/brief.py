"""What a list of mobilities shows of each, as it stands on one day."""

from datetime import date

import msgspec

from erasmus_app.ids import AccountId, HeiId, MobilityId, OmobilityId
from erasmus_app.mobilities.agreements import AgreementState, agreement_state
from erasmus_app.mobilities.ports import StoredMobility
from erasmus_app.mobilities.state import MobilityState, is_past, state
from erasmus_app.mobilities.steps import WhoseMove, whose_move


class Brief(msgspec.Struct, frozen=True, array_like=True):
    """A mobility in short. It says nothing that the record does not, and is made anew from it."""

    mobility_id: MobilityId
    account_id: AccountId | None  # as whose it was read
    tenant: HeiId
    sending_hei_id: HeiId
    receiving_hei_id: HeiId
    omobility_id: OmobilityId
    version: int
    state: MobilityState
    is_past: bool
    agreement: AgreementState
    move: WhoseMove


def brief(stored: StoredMobility, today: date) -> Brief:
    """Return a mobility in short, as it stands on a day."""
    known = stored.mobility
    return Brief(
        mobility_id=stored.mobility_id,
        account_id=stored.account_id,
        tenant=known.tenant,
        sending_hei_id=known.sending_hei_id,
        receiving_hei_id=known.receiving_hei_id,
        omobility_id=known.omobility_id,
        version=stored.version,
        state=state(known, today),
        is_past=is_past(known, today),
        agreement=agreement_state(known),
        move=whose_move(known, today),
    )
