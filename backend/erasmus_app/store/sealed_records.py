"""A record in two parts: a frame in clear, which SQL works with, and the sealed facts.

The frame has the record's own shape. Of each fact it holds the source, and of its value what is
counted for the statistics portal: years, statuses, and which versions of an agreement there are.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from erasmus_app.ids import HeiId, OmobilityId
from erasmus_app.mobilities.models import (
    LearningAgreement,
    Mobility,
    Nomination,
    Reception,
    SentBack,
    Source,
    Sourced,
    Transcript,
)
from erasmus_app.store.sealed import Vault

T = TypeVar("T")


class _Facts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is sealed."""

    nomination: Nomination | None = None
    reception: Reception | None = None
    agreement: LearningAgreement | None = None
    transcript: Transcript | None = None
    sent_back: SentBack | None = None


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    source: Source


class _Frame(msgspec.Struct, frozen=True, kw_only=True):
    """A frame as it is read: the values' clear parts are SQL's alone."""

    tenant: HeiId
    sending_hei_id: HeiId
    receiving_hei_id: HeiId
    omobility_id: OmobilityId
    nomination: _Kept | None = None
    reception: _Kept | None = None
    agreement: _Kept | None = None
    transcript: _Kept | None = None
    change_returned_at: datetime | None = None


_encode = msgspec.json.Encoder().encode
_read_facts = msgspec.json.Decoder(_Facts).decode
_read_frame = msgspec.json.Decoder(_Frame).decode
_read_clear = msgspec.json.Decoder(Mobility).decode


def split(mobility: Mobility, vault: Vault) -> tuple[str, bytes]:
    """Return the frame as JSON, and the sealed facts."""
    facts = _Facts(
        nomination=_value(mobility.nomination),
        reception=_value(mobility.reception),
        agreement=_value(mobility.agreement),
        transcript=_value(mobility.transcript),
        sent_back=mobility.sent_back,
    )
    frame = msgspec.structs.asdict(mobility) | {
        "nomination": _framed(mobility.nomination, _of_nomination),
        "reception": _framed(mobility.reception, _there),
        "agreement": _framed(mobility.agreement, _of_agreement),
        "transcript": _framed(mobility.transcript, _there),
    }
    del frame["sent_back"]
    return _encode(frame).decode(), vault.seal(_encode(facts), *_place(mobility))


def joined(row: Mapping[str, Any], vault: Vault) -> Mobility:
    """Put `record` (as text) and `sealed` of a row together again.

    Raises:
        DataKeyMissing: a key that is not given has sealed them.
        SealBroken: they are not what was sealed for this mobility.
    """
    frame = _read_frame(row["record"])
    facts = _read_facts(vault.open(row["sealed"], *_place(frame)))
    return Mobility(
        tenant=frame.tenant,
        sending_hei_id=frame.sending_hei_id,
        receiving_hei_id=frame.receiving_hei_id,
        omobility_id=frame.omobility_id,
        nomination=_sourced(frame.nomination, facts.nomination),
        reception=_sourced(frame.reception, facts.reception),
        agreement=_sourced(frame.agreement, facts.agreement),
        transcript=_sourced(frame.transcript, facts.transcript),
        change_returned_at=frame.change_returned_at,
        sent_back=facts.sent_back,
    )


def split_of_old(record: bytes, vault: Vault) -> tuple[str, bytes]:
    """Split a whole record in clear, as it was kept before migration 0007."""
    return split(_read_clear(record), vault)


def _place(of: Mobility | _Frame) -> tuple[str, ...]:
    return ("mobility.sealed", of.tenant, of.sending_hei_id, of.omobility_id)


def _value(fact: Sourced[T] | None) -> T | None:
    return fact.value if fact else None


def _sourced(kept: _Kept | None, value: T | None) -> Sourced[T] | None:
    return Sourced(value=value, source=kept.source) if kept else None


def _framed(fact: Sourced[T] | None, clear: Callable[[T], object]) -> dict[str, object] | None:
    if fact is None:
        return None
    return {
        "value": clear(fact.value) if fact.value is not None else None,
        "source": fact.source,
    }


def _of_nomination(value: Nomination) -> object:
    return {
        "status": value.status,
        "receiving_academic_year_id": value.receiving_academic_year_id,
    }


def _of_agreement(value: LearningAgreement) -> object:
    versions = ("first_version", "approved_changes", "changes_proposal")
    there: dict[str, object] = {name: {} if getattr(value, name) else None for name in versions}
    return {"receiving_academic_year_id": value.receiving_academic_year_id, **there}


def _there(_value: object) -> object:
    return {}
