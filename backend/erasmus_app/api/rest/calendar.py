"""Calendars: the feed at its secret address, and single mobilities for the app to pass on.

RFC 5545, and RFC 7986 for the name and how often to come. The library `icalendar` writes it.
"""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from icalendar import Alarm, Calendar, Event
from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.params import PathParameter, QueryParameter

from erasmus_app.api.callers import address_of
from erasmus_app.api.schema.ids import uuid_of
from erasmus_app.errors import NotFound
from erasmus_app.ids import HeiId, MobilityId
from erasmus_app.kit.languages import accepted
from erasmus_app.limits.rules import Limit
from erasmus_app.notifications.calendars import Shown
from erasmus_app.services import Services

PRODUCT = "-//Erasmus+ App backend//EN"
NAME = "Erasmus+"
MEDIA_TYPE = "text/calendar"
COME_AGAIN = timedelta(hours=4)
MORNING = timedelta(hours=9)  # of the day, when an alarm of a whole day goes off
ALARMS = (timedelta(days=7), timedelta(days=1))  # before the day, of what is the student's to do
_NOTHING = "There is no such mobility, or nothing of it has a day."
PRIVATE = {
    "Cache-Control": "private, no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "X-Content-Type-Options": "nosniff",
}


@get(
    "/calendar/{secret:str}",
    tags=["calendar"],
    operation_id="calendarFeed",
    summary="A student's calendar feed",
    # By the secret alone: a calendar has nothing else. Those of many come from one address.
    opt={"access": "public", "counted": "by_itself"},
    media_type="text/calendar",
)
async def calendar_feed(
    request: Request[Any, Any, Any],
    state: State,
    secret: Annotated[str, PathParameter(description="`{secret}.ics`, as it was shown once.")],
) -> Response[bytes]:
    """Return deadlines and stays as iCalendar, in the language of the account.

    What has changed has a higher `SEQUENCE`; what is not to be done any more comes as `CANCELLED`
    for a while. `ETag` and `If-None-Match` are understood. A revoked or unknown address is 404.
    """
    services: Services = state.services
    known = secret.endswith(".ics") and await services.calendars.subscriber(secret[:-4])
    if not known:
        address = address_of(request.scope, services.settings.trusted_proxies)
        services.limits.spend(Limit.CALENDAR_UNKNOWN, address)
        raise NotFound("There is no such calendar: its address was revoked, or is not whole.")
    services.limits.spend(Limit.CALENDAR, hashlib.sha256(secret.encode()).hexdigest())
    shown = await services.calendars.shown(known.account_id, known.zone)
    content = written(shown, known.language, services)
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = PRIVATE | {"ETag": etag}
    if etag in [each.strip().removeprefix("W/") for each in _asked_for(request)]:
        return Response(b"", status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(content, media_type=MEDIA_TYPE, headers=headers)


def _asked_for(request: Request[Any, Any, Any]) -> list[str]:
    return request.headers.get("if-none-match", "").split(",")


@get(
    "/calendar/mobilities/{mobility:str}",
    tags=["calendar"],
    operation_id="mobilityCalendar",
    summary="One mobility's deadlines and stay, to be put into a calendar once",
    opt={"access": "signed_in"},
    media_type="text/calendar",
)
async def mobility_calendar(
    request: Request[Any, Any, Any],
    state: State,
    mobility: Annotated[str, PathParameter(description="The mobility's `id`.")],
    only: Annotated[
        str | None,
        QueryParameter(description="One alone: `stay`, or a kind of deadline, say `application`."),
    ] = None,
) -> Response[bytes]:
    """Return them as iCalendar, in the language asked for, else the account's."""
    services: Services = state.services
    session = request.state.session
    known = uuid_of(mobility, "Mobility")
    account = await services.login.account(session.account_id) if services.login else None
    if known is None or account is None:
        raise NotFound(_NOTHING)
    found = await services.calendars.one(session.account_id, account.zone, MobilityId(known))
    shown = [
        each
        for each in found
        if only in {None, each.published.entry.what} and not each.published.cancelled
    ]
    if not shown:
        raise NotFound(_NOTHING)
    language = accepted(
        request.headers.get("accept-language", ""), services.messages.languages, account.language
    )
    content = written(shown, language, services)
    headers = PRIVATE | {"Content-Disposition": 'attachment; filename="erasmus.ics"'}
    return Response(content, media_type=MEDIA_TYPE, headers=headers)


def written(shown: Iterable[Shown], language: str, services: Services) -> bytes:
    """Write entries as iCalendar; the same entries are the same bytes."""
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("name", NAME)
    calendar.add("x-wr-calname", NAME)  # what calendars read that do not know RFC 7986
    calendar.add("refresh-interval", COME_AGAIN, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", COME_AGAIN, parameters={"VALUE": "DURATION"})
    for each in shown:
        calendar.add_component(_event(each, language, services))
    calendar.add_missing_timezones()
    content: bytes = calendar.to_ical()
    return content


def _event(shown: Shown, language: str, services: Services) -> Event:
    known, entry = shown.published, shown.published.entry

    def name_of(hei: str, language: str) -> str:
        return services.names.name(HeiId(hei), language)

    title = services.agenda.title(entry, language, name_of)
    event = Event()
    event.add("uid", entry.uid)
    event.add("sequence", known.sequence)
    event.add("dtstamp", known.changed_at.astimezone(UTC))  # of this revision, so that it stays
    event.add("last-modified", known.changed_at.astimezone(UTC))
    event.add("summary", title)
    event.add("status", "CANCELLED" if known.cancelled else "CONFIRMED")
    event.add("transp", "TRANSPARENT")  # nobody is busy because of a deadline
    event.add("class", "PRIVATE")
    if shown.deadline is not None:
        text = services.explanations.of(shown.deadline, language, name_of)
        event.add("description", text)
        if shown.deadline.source.url is not None:
            event.add("url", shown.deadline.source.url)
    if entry.at is not None and entry.zone is not None:
        event.add("dtstart", datetime.combine(entry.on, entry.at, tzinfo=ZoneInfo(entry.zone)))
    else:
        event.add("dtstart", entry.on)
        event.add("dtend", entry.last + timedelta(days=1))  # not included, RFC 5545 §3.6.1
    if entry.is_students and not known.cancelled:
        for before in ALARMS:
            event.add_component(_alarm(title, before, whole_day=entry.at is None))
    return event


def _alarm(title: str, before: timedelta, *, whole_day: bool) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", title)
    alarm.add("trigger", MORNING - before if whole_day else -before)
    return alarm
