"""Where something is from, and how fresh that is: the sources of an answer."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from erasmus_app.chat.answers.about import About, Stay, quoted
from erasmus_app.chat.models import Source, SourceKind
from erasmus_app.ids import HeiId
from erasmus_app.institutions.models import KnownPage
from erasmus_app.kit.plain import web_address
from erasmus_app.mobilities import models as record
from erasmus_app.mobilities.basis import Event, Relative
from erasmus_app.mobilities.deadlines import Confidence, Deadline, Origin

FRESH = timedelta(hours=24)


def of_fact(about: About, fact: record.Sourced[Any] | None) -> Iterator[Source]:
    """Yield the source of a fact of the record; nothing where there is no fact."""
    if fact is None:
        return
    known = fact.source
    source = about.say(f"sources.{known.api}", hei=about.name(known.hei_id))
    if known.missing_since is not None:
        text = about.say("sources.missing", source=source, date=known.missing_since.date())
    else:
        text = _aged(about, source, known.last_confirmed_at, known.last_error)
    yield Source(
        kind=SourceKind.RECORD,
        text=text,
        hei_id=known.hei_id,
        api=known.api,
        last_confirmed_at=known.last_confirmed_at,
        is_stale=known.last_error is not None
        or known.missing_since is not None
        or about.now - known.last_confirmed_at > FRESH,
    )


def of_record(stay: Stay) -> Iterator[Source]:
    """Yield the sources of all facts of a record."""
    known = stay.mobility
    for fact in (known.nomination, known.reception, known.agreement, known.transcript):
        yield from of_fact(stay, fact)


def of_page(about: About, kind: SourceKind, hei: HeiId, page: KnownPage[Any] | None) -> Source:
    """Return what a university publishes for everybody, as a source."""
    source = about.say(f"sources.{kind}", hei=about.name(hei))
    confirmed = page.last_confirmed_at if page else None
    error = page.last_error if page else None
    return Source(
        kind=kind,
        text=_aged(about, source, confirmed, error) if confirmed else source,
        hei_id=hei,
        last_confirmed_at=confirmed,
        is_stale=confirmed is None or error is not None or about.now - confirmed > FRESH,
    )


def of_factsheet(stay: Stay) -> Source:
    """Return the host's factsheet as a source."""
    return of_page(stay, SourceKind.FACTSHEET, stay.mobility.receiving_hei_id, stay.of.factsheet)


def of_programme(about: About, url: str | None = None) -> Source:
    """Return the programme's rules as a source."""
    return Source(kind=SourceKind.PROGRAMME, text=about.say("sources.programme"), url=url)


def of_account(about: About) -> Source:
    """Return what this backend itself keeps as a source."""
    return Source(kind=SourceKind.ACCOUNT, text=about.say("sources.account"))


def of_deadline(stay: Stay, deadline: Deadline) -> Iterator[Source]:
    """Yield where a deadline is written, then what it is counted from."""
    source = deadline.source
    match source.origin:
        case Origin.FACTSHEET:
            yield of_factsheet(stay)
        case Origin.LOCAL_RULE:
            yield _of_rule(stay, deadline)
        case Origin.PROGRAMME:
            yield of_programme(stay, source.url)
        case Origin.APP:
            pass
    if deadline.confidence is Confidence.ESTIMATE:
        yield Source(kind=SourceKind.ESTIMATE, text=stay.say("sources.estimate"))
    if isinstance(deadline.basis, Relative) and deadline.since is not None:
        yield from of_fact(stay, _counted_from(stay.mobility, deadline.basis.event))


def _of_rule(stay: Stay, deadline: Deadline) -> Source:
    source = deadline.source
    hei = source.hei_id or stay.mobility.sending_hei_id
    name = quoted(source.name or "", 240)
    text = stay.say("sources.local-rule", name=name, hei=stay.name(hei))
    confirmed = source.last_confirmed_at
    return Source(
        kind=SourceKind.LOCAL_RULE,
        # A rule is kept here by the university itself: it does not grow old by not being asked for.
        text=stay.say("sources.confirmed", source=text, date=confirmed.date())
        if confirmed
        else text,
        hei_id=hei,
        last_confirmed_at=confirmed,
        url=web_address(source.url) if source.url else None,
    )


def _counted_from(mobility: record.Mobility, event: Event) -> record.Sourced[Any] | None:
    """Return the fact that the day of an event is read from."""
    match event:
        case Event.NOMINATED:
            return mobility.nomination
        case Event.ARRIVAL | Event.DEPARTURE if mobility.reception is not None:
            return mobility.reception
        case Event.TRANSCRIPT_ISSUED:
            return mobility.transcript
        case _:
            return mobility.agreement or mobility.nomination


def _aged(about: About, source: str, confirmed: datetime, error: str | None) -> str:
    word = "confirmed"
    if error is not None:
        word = "silent"
    elif about.now - confirmed > FRESH:
        word = "old"
    return about.say(f"sources.{word}", source=source, date=confirmed.date())
