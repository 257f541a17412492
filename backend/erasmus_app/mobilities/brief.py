"""What a list of mobilities shows of each, as it stands on one day, and until when that holds."""

from datetime import date, timedelta

import msgspec

from erasmus_app.ids import AccountId, HeiId, MobilityId, OmobilityId
from erasmus_app.mobilities.agreements import AgreementState, agreement_state
from erasmus_app.mobilities.models import Mobility
from erasmus_app.mobilities.ports import StoredMobility
from erasmus_app.mobilities.state import MobilityState, is_past, state
from erasmus_app.mobilities.stays import agreement_of, first_day, last_day, planned_end
from erasmus_app.mobilities.steps import WhoseMove, whose_move

DAY = timedelta(days=1)


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


def next_turn(mobility: Mobility, today: date) -> date | None:
    """Return the first day after `today` on which a brief may differ; None where none will.

    A brief changes with the record, and beside that only when the stay begins or ends.
    """
    reception = mobility.reception.value if mobility.reception else None
    agreement, end = agreement_of(mobility), planned_end(mobility)
    turns = [end[0] + DAY] if end else []
    if reception is not None:
        turns += [day for day in (reception.actual_arrival, reception.actual_departure) if day]
    if agreement is not None:
        begin, last = first_day(agreement.planned_start), last_day(agreement.planned_end)
        # Of what is no day that a stay can have, nobody knows when it comes.
        turns.append(begin or today + DAY)
        turns.append(last + DAY if last else today + DAY)
    return min((day for day in turns if day > today), default=None)
