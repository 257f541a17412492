"""What is due in a mobility, until when, who must act, and where that is written (guide §5.4).

Plain functions over facts; nothing here is stored. Several may set a day for one step: all are
returned, the earliest first, and which of them counts. Where no zone is named, a date is a day as
the student's clock has it: EWP publishes no times.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from enum import StrEnum

import msgspec

from erasmus_app.ids import HeiId
from erasmus_app.institutions.models import Factsheet, KnownFactsheet, Term
from erasmus_app.mobilities.basis import (
    Annual,
    Basis,
    Event,
    Relative,
    Surety,
    anchor,
    term_start,
)
from erasmus_app.mobilities.days import Offset, Unit, ends_at, following, plus, resolve
from erasmus_app.mobilities.fitting import fits
from erasmus_app.mobilities.kinds import has_agreement, has_transcript
from erasmus_app.mobilities.local_rules import LocalRule, Role, Scope, holds_on, is_for, is_narrower
from erasmus_app.mobilities.models import Api, Mobility
from erasmus_app.mobilities.rules import DeadlineKind, Programme, Rules
from erasmus_app.mobilities.state import MobilityState, state
from erasmus_app.mobilities.stays import academic_year, term
from erasmus_app.mobilities.steps import Party
from erasmus_app.mobilities.undone import undone


class Confidence(StrEnum):
    """How far a date can be relied on."""

    PUBLISHED = "published"  # by the receiving HEI, in its factsheet
    LOCAL_RULE = "local-rule"  # of the home or the host HEI
    GUIDANCE = "guidance"  # the programme's; an HEI may say otherwise
    ESTIMATE = "estimate"  # counted from something that is not exactly known


class Origin(StrEnum):
    """Where a deadline is written."""

    FACTSHEET = "factsheet"  # the receiving HEI's
    LOCAL_RULE = "local-rule"  # of a covered HEI
    PROGRAMME = "programme"  # a rule of Erasmus+
    APP = "app"  # a margin of our own


class Owner(StrEnum):
    """Who set a deadline."""

    HOME = "home"
    HOST = "host"
    PROGRAMME = "programme"
    SYSTEM = "system"


class Note(StrEnum):
    """What is to be known about a deadline."""

    DISAGREES = "disagrees"  # another for the same step names another day
    BEFORE_NOMINATIONS = "before-nominations"  # applications close first; as published
    TERM_GUESSED = "term-guessed"  # from the planned start: nobody said it


class DeadlineSource(msgspec.Struct, frozen=True, kw_only=True):
    """Where a deadline is written, and how fresh that is."""

    origin: Origin
    hei_id: HeiId | None = None  # whose factsheet or rule
    last_confirmed_at: datetime | None = None  # UTC; of a factsheet or a rule
    name: str | None = None  # of the programme's or the HEI's rule
    url: str | None = None
    version: str | None = None  # of the factsheet's content, the rule, or the document


class Deadline(msgspec.Struct, frozen=True, kw_only=True):
    """One deadline. It has a day, or only the day without a year that was published, or neither.

    It has neither where what it is counted from is not known.
    """

    kind: DeadlineKind
    who_must_act: Party
    owner: Owner
    confidence: Confidence
    source: DeadlineSource
    basis: Basis
    on: date | None = None  # the last day; of AGREEMENT_SIGNED the day before which it must be done
    month_day: str | None = None  # `--MM-DD` where the year cannot be told
    term: Term | None = None  # which of the factsheet's days it is, where the year cannot be told
    at: time | None = None  # of the last day
    zone: str | None = None  # whose day it is; None: the student's
    since: date | None = None  # the day that it is counted from
    surety: Surety = Surety.KNOWN  # of that day
    scope: Scope = Scope()  # which mobilities it is for
    academic_year: str | None = None  # the mobility's, by which a year was told
    counts_first: bool = False  # the earliest of its kind that nothing supersedes
    superseded_by: DeadlineSource | None = None
    notes: tuple[Note, ...] = ()

    @property
    def event_known(self) -> bool:
        """Whether the day of what it is counted from is known; true where there is no such."""
        return self.surety is Surety.KNOWN

    @property
    def ends_at(self) -> datetime | None:
        """The moment of the last day's time; None where there is no time."""
        if self.on is None or self.at is None or self.zone is None:
            return None
        return ends_at(self.on, self.at, self.zone)


_K, _E = DeadlineKind, Event
_BEFORE = frozenset({_K.NOMINATION, _K.APPLICATION, _K.DECISION, _K.AGREEMENT_SIGNED})
_VAGUE = frozenset({_K.CHANGE_REQUEST, _K.TRANSCRIPT, _K.RECOGNITION})
"""Where the programme says about when, and the HEIs set the day."""
_GIVES_WAY = _VAGUE | {_K.DECISION, _K.ARRIVAL_CONFIRMED, _K.CHANGE_AGREED}
"""Where a day that an HEI has set stands in place of the programme's or our own."""
_OF_AGREEMENT = frozenset({_K.AGREEMENT_SIGNED, _K.CHANGE_REQUEST, _K.CHANGE_AGREED})
_WHO = {
    _K.NOMINATION: Party.SENDING_HEI,
    _K.APPLICATION: Party.STUDENT,
    _K.DECISION: Party.RECEIVING_HEI,
    _K.AGREEMENT_SIGNED: Party.STUDENT,
    _K.ARRIVAL_CONFIRMED: Party.RECEIVING_HEI,
    _K.CHANGE_REQUEST: Party.STUDENT,
    _K.CHANGE_AGREED: Party.RECEIVING_HEI,
    _K.EXTENSION_REQUEST: Party.STUDENT,
    _K.TRANSCRIPT: Party.RECEIVING_HEI,
    _K.RECOGNITION: Party.SENDING_HEI,
    _K.CERTIFICATE: Party.RECEIVING_HEI,
}
"""Who has to act for a step when its time has come."""
_CERTAIN = {Origin.LOCAL_RULE: 0, Origin.FACTSHEET: 1, Origin.PROGRAMME: 2, Origin.APP: 3}


def deadlines(
    mobility: Mobility,
    factsheet: KnownFactsheet | None,
    rules: Rules,
    heard: Collection[Api],
    today: date,
    local: Sequence[LocalRule] = (),
) -> tuple[Deadline, ...]:
    """Return what is still to be done, the earliest first; what has no date comes last.

    `factsheet` is the receiving HEI's; `heard` are the APIs in which it can be asked; `local` are
    the rules about the mobility (`RuleBook.about`). What has passed stays while it is not done.
    """
    return _dated(mobility, factsheet, rules, undone(mobility, heard, today), today, local)


def foreseen(
    mobility: Mobility,
    factsheet: KnownFactsheet | None,
    rules: Rules,
    today: date,
    local: Sequence[LocalRule] = (),
) -> tuple[Deadline, ...]:
    """Return the days that are set for a mobility's steps, whether or not these are to be done now.

    That is what somebody hears who asks beforehand or afterwards. Our own margins are left out.
    """
    if state(mobility, today) in {MobilityState.CANCELLED, MobilityState.REJECTED}:
        return ()
    kinds = {
        each: who
        for each, who in _WHO.items()
        if (each is not _K.CERTIFICATE or not has_transcript(mobility))
        and (each not in _OF_AGREEMENT or has_agreement(mobility))
        and (each is not _K.TRANSCRIPT or has_transcript(mobility))
    }
    found = _dated(mobility, factsheet, rules, kinds, today, local)
    return tuple(each for each in found if each.source.origin is not Origin.APP)


def _dated(
    mobility: Mobility,
    factsheet: KnownFactsheet | None,
    rules: Rules,
    to_do: dict[DeadlineKind, Party],
    today: date,
    local: Sequence[LocalRule],
) -> tuple[Deadline, ...]:
    if not to_do:
        return ()
    programme = rules.of(academic_year(mobility))
    found = [
        *_published(mobility, factsheet, rules, to_do),
        *(_of_programme(mobility, programme, rules, to_do) if programme else ()),
        *_ours(mobility, rules, to_do),
        *_local(mobility, rules, to_do, local, today),
    ]
    marked = _marked(
        [
            each
            for each in found
            if each.owner in {Owner.HOME, Owner.HOST}  # whatever these say is shown
            or fits(each.kind, each.on, mobility, today - timedelta(days=rules.ours.late_days))
        ]
    )
    return tuple(sorted(marked, key=lambda each: (*_when(each), each.kind, each.term or "")))


def _when(deadline: Deadline) -> tuple[date, time, bool, int]:
    return (
        deadline.on or date.max,
        deadline.at or time.max,
        deadline.superseded_by is not None,
        _CERTAIN[deadline.source.origin],
    )


def _published(
    mobility: Mobility,
    factsheet: KnownFactsheet | None,
    rules: Rules,
    to_do: dict[DeadlineKind, Party],
) -> Iterator[Deadline]:
    """Yield what the host's factsheet says."""
    if factsheet is None or factsheet.value is None:
        return
    value: Factsheet = factsheet.value
    source = DeadlineSource(
        origin=Origin.FACTSHEET,
        hei_id=value.hei_id,
        last_confirmed_at=factsheet.last_confirmed_at,
        version=str(factsheet.revision),
    )
    known, year = term(mobility), academic_year(mobility)
    nominate_by = (
        resolve(value.nominations.of(known[0]), year, known[0]) if known and year else None
    )
    for kind, days in ((_K.NOMINATION, value.nominations), (_K.APPLICATION, value.applications)):
        if kind not in to_do:
            continue
        on = resolve(days.of(known[0]), year, known[0]) if known and year else None
        said = known is not None and known[1]
        for each in (known[0],) if known and on else Term:
            early = kind is _K.APPLICATION and on and nominate_by and on < nominate_by
            yield Deadline(
                kind=kind,
                who_must_act=to_do[kind],
                owner=Owner.HOST,
                confidence=Confidence.PUBLISHED if on and said else Confidence.ESTIMATE,
                source=source,
                basis=Annual(days.of(each)),
                on=on,
                month_day=None if on else days.of(each),
                term=None if on else each,
                scope=Scope(role=Role.INCOMING, term=each),
                academic_year=year,
                notes=(
                    *((Note.BEFORE_NOMINATIONS,) if early else ()),
                    *((Note.TERM_GUESSED,) if on and not said else ()),
                ),
            )
    for kind, event, weeks in (
        (_K.DECISION, _E.NOMINATED, value.decision_weeks),
        (_K.TRANSCRIPT, _E.DEPARTURE, value.transcript_weeks),
    ):
        if kind in to_do and weeks is not None:
            made = Deadline(
                kind=kind,
                who_must_act=to_do[kind],
                owner=Owner.HOST,
                confidence=Confidence.ESTIMATE,  # from which day they count is not carried
                source=source,
                basis=Relative(event, Offset(weeks, Unit.WEEKS)),
                scope=Scope(role=Role.INCOMING),
            )
            yield _counted(made, mobility, rules)


def _of_programme(
    mobility: Mobility, programme: Programme, rules: Rules, to_do: dict[DeadlineKind, Party]
) -> Iterator[Deadline]:
    """Yield the programme's rules, for the years that they are for."""
    source = DeadlineSource(
        origin=Origin.PROGRAMME, name=programme.source, url=programme.url, version=programme.version
    )
    weeks, months = Unit.WEEKS, Unit.MONTHS
    for kind, event, offset in (
        (_K.AGREEMENT_SIGNED, _E.STAY_BEGINS, Offset(0, Unit.DAYS)),
        (_K.CHANGE_REQUEST, _E.CLASSES_BEGIN, Offset(programme.change_request_weeks, weeks)),
        (_K.CHANGE_AGREED, _E.CHANGE_REQUESTED, Offset(programme.change_agreed_weeks, weeks)),
        (_K.EXTENSION_REQUEST, _E.STAY_ENDS, Offset(-programme.extension_months, months)),
        (_K.TRANSCRIPT, _E.DEPARTURE, Offset(programme.transcript_weeks, weeks)),
        (_K.RECOGNITION, _E.TRANSCRIPT_ISSUED, Offset(programme.recognition_weeks, weeks)),
        (_K.CERTIFICATE, _E.DEPARTURE, Offset(programme.certificate_weeks, weeks)),
    ):
        if kind in to_do:
            made = Deadline(
                kind=kind,
                who_must_act=to_do[kind],
                owner=Owner.PROGRAMME,
                confidence=Confidence.ESTIMATE if kind in _VAGUE else Confidence.GUIDANCE,
                source=source,
                basis=Relative(event, offset),
                scope=Scope(first_year=programme.first, last_year=programme.last),
            )
            yield _counted(made, mobility, rules)


def _ours(mobility: Mobility, rules: Rules, to_do: dict[DeadlineKind, Party]) -> Iterator[Deadline]:
    """Yield when an arrival that nobody confirmed is worth a visit to the office."""
    if _K.ARRIVAL_CONFIRMED not in to_do:
        return
    made = Deadline(
        kind=_K.ARRIVAL_CONFIRMED,
        who_must_act=to_do[_K.ARRIVAL_CONFIRMED],
        owner=Owner.SYSTEM,
        confidence=Confidence.ESTIMATE,
        source=DeadlineSource(origin=Origin.APP),
        basis=Relative(_E.STAY_BEGINS, Offset(rules.ours.arrival_days, Unit.DAYS)),
    )
    counted = _counted(made, mobility, rules)
    if counted.on is not None and counted.surety is not Surety.GUESSED:
        yield counted


def _local(
    mobility: Mobility,
    rules: Rules,
    to_do: dict[DeadlineKind, Party],
    local: Sequence[LocalRule],
    today: date,
) -> Iterator[Deadline]:
    """Yield what the rules of home and host say that are for this mobility."""
    for rule in local:
        content = rule.content
        if content.kind not in to_do or not is_for(rule, mobility):
            continue
        made = Deadline(
            kind=content.kind,
            who_must_act=to_do[content.kind],
            owner=Owner.HOME if content.scope.role is Role.OUTGOING else Owner.HOST,
            confidence=Confidence.LOCAL_RULE,
            source=DeadlineSource(
                origin=Origin.LOCAL_RULE,
                hei_id=rule.hei_id,
                last_confirmed_at=rule.changed_at,
                name=content.name,
                url=content.url,
                version=str(rule.version),
            ),
            basis=content.basis,
            at=content.at,
            zone=content.zone,
            scope=content.scope,
        )
        counted = _counted(made, mobility, rules)
        if holds_on(content.scope, counted.on or today):
            yield counted


def _counted(deadline: Deadline, mobility: Mobility, rules: Rules) -> Deadline:
    """Return a deadline with the day that its basis gives, if there is one."""
    basis = deadline.basis
    if isinstance(basis, Relative):
        since = anchor(basis.event, mobility, rules)
        surety = since.surety if since else Surety.GUESSED
        known = surety is Surety.KNOWN
        return msgspec.structs.replace(
            deadline,
            on=plus(since.day, basis.offset) if since else None,
            since=since.day if since else None,
            surety=surety,
            confidence=deadline.confidence if known else Confidence.ESTIMATE,
        )
    if isinstance(basis, Annual):
        on, guessed = _of_year(deadline.kind, basis.month_day, mobility, rules)
        return msgspec.structs.replace(
            deadline,
            on=on,
            month_day=None if on else basis.month_day,
            term=None if on else deadline.scope.term,
            academic_year=academic_year(mobility),
            confidence=Confidence.ESTIMATE if guessed or on is None else deadline.confidence,
            notes=(*deadline.notes, *((Note.TERM_GUESSED,) if guessed and on else ())),
        )
    return msgspec.structs.replace(deadline, on=basis.on)


def _of_year(
    kind: DeadlineKind, month_day: str, mobility: Mobility, rules: Rules
) -> tuple[date | None, bool]:
    """Return which day of a year is meant, and whether the term was guessed.

    Of what is done before a term, the last such day before it; of all else the first after the
    term has begun.
    """
    known, year = term(mobility), academic_year(mobility)
    if known is None or year is None:
        return None, True
    if kind in _BEFORE:
        return resolve(month_day, year, known[0]), not known[1]
    start = term_start(mobility, rules)
    return (following(month_day, start) if start else None), not known[1]


def _marked(found: Sequence[Deadline]) -> Iterator[Deadline]:
    """Say of each deadline whether it counts, what stands in its place, and what disagrees."""
    for kind in dict.fromkeys(each.kind for each in found):
        those = [each for each in found if each.kind is kind]
        if len(those) == 1:
            yield msgspec.structs.replace(those[0], counts_first=those[0].on is not None)
            continue
        # What supersedes something and is superseded itself leaves that to what counts.
        counting = sorted((e for e in those if not any(_gives_way(e, o) for o in those)), key=_when)
        replaced = [
            msgspec.structs.replace(
                each,
                superseded_by=next((o.source for o in counting if _gives_way(each, o)), None),
            )
            for each in those
        ]
        living = [each for each in replaced if each.superseded_by is None and each.on is not None]
        first = min(living, key=_when, default=None)
        disagree = len({(each.on, each.ends_at) for each in living}) > 1
        for each in replaced:
            yield msgspec.structs.replace(
                each,
                counts_first=each is first,
                notes=(*each.notes, Note.DISAGREES) if disagree and each in living else each.notes,
            )


def _gives_way(deadline: Deadline, to: Deadline) -> bool:
    """Whether another stands in a deadline's place: an HEI's own day, or its rule for the case."""
    if to.on is None:
        return False
    if deadline.owner in {Owner.PROGRAMME, Owner.SYSTEM}:
        return deadline.kind in _GIVES_WAY and to.owner in {Owner.HOME, Owner.HOST}
    return (
        to.source.origin is deadline.source.origin is Origin.LOCAL_RULE
        and to.owner is deadline.owner
        and is_narrower(to.scope, deadline.scope)
    )
