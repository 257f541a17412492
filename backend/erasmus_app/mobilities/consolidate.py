"""Many partners' answers → one `Mobility`. Plain functions; times are handed in, in UTC."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from erasmus_app.ids import HeiId, OmobilityId
from erasmus_app.mobilities.agreements import is_same_change
from erasmus_app.mobilities.models import (
    OF_RECEIVING,
    Api,
    Fact,
    LearningAgreement,
    Mobility,
    Returned,
    SentBack,
    Source,
    Sourced,
)


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What one successful answer of one API says about one mobility."""

    tenant: HeiId
    api: Api
    major: int
    hei_id: HeiId  # who answered
    asked_as: HeiId
    sending_hei_id: HeiId
    receiving_hei_id: HeiId | None  # None where the answer does not name it
    omobility_id: OmobilityId
    at: datetime  # when the call began
    value: Fact | None  # None: asked for, and left out of a successful answer
    own: bool = False  # the covered HEI itself has told us: believed at once, absences too
    comment: str | None = None  # why a learning agreement's proposal is gone; for the student


class AbsenceRules(msgspec.Struct, frozen=True, kw_only=True):
    """How long an absence must last before it counts (guide §6.5)."""

    agreement: timedelta = timedelta(minutes=5)  # the first absence may already mean "sent back"
    other: timedelta = timedelta(hours=4)

    def of(self, api: Api) -> timedelta:
        """Return the wait for one API."""
        return self.agreement if api is Api.OMOBILITY_LAS else self.other


LONGEST_COMMENT = 10_000  # characters in a record; the office's copy has all of it

FIELD = {  # of a mobility, where the facts of each API are
    Api.OMOBILITIES: "nomination",
    Api.IMOBILITIES: "reception",
    Api.OMOBILITY_LAS: "agreement",
    Api.IMOBILITY_TORS: "transcript",
}


def merge(mobility: Mobility | None, reading: Reading, rules: AbsenceRules) -> Mobility | None:
    """Take one answer into the record; None where there is nothing to make a record of.

    The same content moves only `last_confirmed_at`; another raises the revision. An absence is
    noted first and believed when a second answer confirms it. An answer that is older than what we
    have is left aside: a slow call may end after a newer one.

    Raises:
        ValueError: the answer is about another mobility, or was read for another tenant.
    """
    if mobility is None:
        if reading.value is None or reading.receiving_hei_id is None:
            return None
        mobility = Mobility(
            tenant=reading.tenant,
            sending_hei_id=reading.sending_hei_id,
            receiving_hei_id=reading.receiving_hei_id,
            omobility_id=reading.omobility_id,
        )
    elif (reading.tenant, reading.sending_hei_id, reading.omobility_id) != (
        mobility.tenant,
        mobility.sending_hei_id,
        mobility.omobility_id,
    ):
        raise ValueError("an answer for one tenant's mobility does not go into another's record")
    field = FIELD[reading.api]
    known: Sourced[Fact] | None = getattr(mobility, field)
    fact = _taken_in(known, reading, rules)
    if fact is known:
        return mobility
    changed: dict[str, object] = {field: fact}
    merged = msgspec.structs.replace(mobility, **changed)
    merged = msgspec.structs.replace(
        merged,
        receiving_hei_id=_receiving(merged),
        change_returned_at=_change_returned(mobility, merged),
    )
    return msgspec.structs.replace(merged, sent_back=_sent_back(mobility, merged, reading.comment))


def _change_returned(before: Mobility, after: Mobility) -> datetime | None:
    """Return since when the latest change proposal is known to have come back unsigned."""
    was = before.agreement.value if before.agreement else None
    now = after.agreement.value if after.agreement else None
    if after.agreement is None or now is None or now.changes_proposal is not None:
        return None
    if was is None or not is_same_change(was, now):
        return None
    if was.changes_proposal is not None and was.first_version is not None:
        return after.agreement.source.fetched_at
    return before.change_returned_at


def _sent_back(before: Mobility, after: Mobility, comment: str | None) -> SentBack | None:
    """Return what came back, with the contacts that its absence takes along."""
    was = before.agreement.value if before.agreement else None
    what = _returned(before, after)
    if what is None or after.agreement is None:
        return None
    known = before.sent_back
    if known is not None and known.what is what and (was is None or was.changes_proposal is None):
        return known
    source = after.agreement.source
    return SentBack(
        what=what,
        at=after.change_returned_at or source.missing_since or source.fetched_at,
        comment=comment[:LONGEST_COMMENT] if comment is not None else None,
        sending_contact=was.sending.contact if was else None,
        receiving_contact=was.receiving.contact if was else None,
    )


def _returned(before: Mobility, after: Mobility) -> Returned | None:
    """Return what is gone of an agreement, as long as nothing has come in its place."""
    if after.change_returned_at is not None:
        return Returned.CHANGES
    was = before.agreement.value if before.agreement else None
    now = after.agreement.value if after.agreement else None
    if after.agreement is None or (now and (now.first_version or now.changes_proposal)):
        return None
    if was is not None and was.first_version is not None:
        return Returned.IN_FORCE
    if was is not None and was.changes_proposal is not None:
        return Returned.FIRST_VERSION
    return before.sent_back.what if before.sent_back else None


def _receiving(mobility: Mobility) -> HeiId:
    """Return where the student goes; the nomination's word counts before the agreement's."""
    for fact in (mobility.nomination, mobility.agreement):
        if fact is not None and fact.value is not None:
            return fact.value.receiving.hei_id
    return mobility.receiving_hei_id


def _taken_in(
    known: Sourced[Fact] | None, reading: Reading, rules: AbsenceRules
) -> Sourced[Fact] | None:
    if known is None:
        if reading.value is None:
            return None
        source = Source(
            api=reading.api,
            major=reading.major,
            hei_id=reading.hei_id,
            asked_as=reading.asked_as,
            fetched_at=reading.at,
            last_confirmed_at=reading.at,
        )
        return Sourced(value=reading.value, source=source)
    was = known.source
    latest = max(was.last_confirmed_at, was.missing_since or was.last_confirmed_at)
    if reading.own:  # what the HEI tells comes in its order, whatever clocks say
        reading = msgspec.structs.replace(reading, at=max(reading.at, latest))
    elif reading.at < latest:
        return known
    confirmed = msgspec.structs.replace(
        was,
        major=reading.major,
        hei_id=reading.hei_id,
        last_confirmed_at=reading.at,
        last_attempt_at=None,
        last_error=None,
    )
    if reading.value is None:
        return _absent(known, confirmed, reading, rules.of(reading.api))
    if reading.value == known.value:
        there = msgspec.structs.replace(confirmed, missing_since=None)
        return Sourced(value=known.value, source=there)
    changed = msgspec.structs.replace(
        confirmed, missing_since=None, fetched_at=reading.at, revision=was.revision + 1
    )
    return Sourced(value=reading.value, source=changed)


def _absent(
    known: Sourced[Fact], confirmed: Source, reading: Reading, wait: timedelta
) -> Sourced[Fact]:
    if known.value is None:
        return Sourced(value=None, source=confirmed)
    at, since = reading.at, known.source.missing_since
    sure = since is not None and at - since >= wait and _can_go(known.value)
    if not (sure or reading.own):
        doubted = msgspec.structs.replace(
            confirmed,
            missing_since=since or at,
            last_confirmed_at=known.source.last_confirmed_at,  # it did not say the same
            last_attempt_at=at,
        )
        return Sourced(value=known.value, source=doubted)
    gone = msgspec.structs.replace(
        confirmed, missing_since=since or at, fetched_at=at, revision=confirmed.revision + 1
    )
    return Sourced(value=None, source=gone)


def _can_go(value: Fact) -> bool:
    """Whether an absence can mean the end of a fact.

    What all three have signed can be neither sent back nor withdrawn (guide §4.5.3): an agreement
    in force that is not shown any more stays as it was read last, with its age.
    """
    return not (isinstance(value, LearningAgreement) and value.first_version is not None)


def needs_confirmation(mobility: Mobility, api: Api, rules: AbsenceRules) -> datetime | None:
    """Return when to look again whether something is really gone; None: nothing is in doubt."""
    fact: Sourced[Fact] | None = getattr(mobility, FIELD[api])
    if fact is None or fact.value is None or fact.source.missing_since is None:
        return None
    if not _can_go(fact.value):
        return None
    return fact.source.missing_since + rules.of(api)


def is_known(mobility: Mobility | None, api: Api) -> bool:
    """Whether a source has ever said anything about the mobility."""
    return mobility is not None and getattr(mobility, FIELD[api]) is not None


def confirmed_by_index(mobility: Mobility, as_of: Mapping[Api, datetime]) -> Mobility:
    """Fold in that an index named what had changed: a fact that it left out was confirmed by it.

    `as_of` says per API when the latest good poll by an index of the fact's source began. What is
    missing, or could not be read, is not confirmed by silence.
    """
    changed: dict[str, object] = {}
    for api, at in as_of.items():
        fact: Sourced[Fact] | None = getattr(mobility, FIELD[api])
        if fact is None or fact.source.missing_since or fact.source.last_error:
            continue
        master = mobility.receiving_hei_id if api in OF_RECEIVING else mobility.sending_hei_id
        if fact.source.hei_id == master and fact.source.last_confirmed_at < at:
            source = msgspec.structs.replace(fact.source, last_confirmed_at=at)
            changed[FIELD[api]] = Sourced(value=fact.value, source=source)
    return msgspec.structs.replace(mobility, **changed) if changed else mobility
