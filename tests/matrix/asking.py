"""Asking the backend whatever the schema has, as everybody, about every student."""

import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from matrix.held import CLAIMED, NOTICE, settle
from matrix.judging import Matrix, may_on
from matrix.people import HIDDEN, NOW, Person, administrators, cast, let_in, nobodys_id
from matrix.walk import Query, Walk, told
from structlog.testing import capture_logs
from subscribers import EVENTS, Stream
from testbed import Bed, bed_running

from erasmus_app.api.access import Rule
from erasmus_app.api.schema import schema
from erasmus_app.store.holdings import ERASED
from sandbox.world import APP_LINK

ANYBODY = None  # who has not signed in

IDS = {  # what is given for an argument that names something: of the student who is asked about
    "Student.mobility(id:)": "mobility",
    "Student.inbox(after:)": "message",
    "Mutation.removeDevice(id:)": "device",
    "Mutation.revokeCalendarFeed(id:)": "calendar",
    "Mutation.removeChatLink(id:)": "chat",
    "Mutation.confirmPushes(device:)": "device",
    "Mutation.confirmPushes(received:)": "message",
    "Mutation.confirmPushes(opened:)": "first message",
    "Mutation.refreshNow(mobilityId:)": "mobility",
    "Mutation.endSession(id:)": "session",
    "Mutation.disconnectApp(id:)": "app",
    "Mutation.markRead(ids:)": "message",
    "Mutation.unlinkIdentity(id:)": "identity",
    "Mutation.undoLinking(id:)": "link",
    "Mutation.confirmClaim(id:)": "claim",
    "Mutation.decideClaim(id:)": "claim",
    "Mutation.decideLink(id:)": "waiting link",
    "Student.accessLog(after:)": "look",
    "Query.node(id:)": "mobility",
    "Query.ask(mobility:)": "mobility",
    "Query.office(heiId:)": "home",
    "Subscription.inboxMessage(after:)": "first message",
    "DeadlineRuleInput.heiId": "home",
    "Mutation.endDeadlineRule(id:)": "rule",
    "Mutation.reviewQuestion(id:)": "question",
}
A_RULE = {  # one that is new the first time, and overlaps itself from then on
    **dict.fromkeys(("id", "expectedVersion", "on", "monthDay", "firstDay", "lastDay")),
    "kind": "EXTENSION_REQUEST",
    "direction": "INCOMING",
    "activityType": "student-traineeships",
    "term": "AUTUMN",
    "firstYear": "2040/2041",
    "lastYear": "2041/2042",
    "event": "STAY_ENDS",
    "offset": -3,
    "unit": "WEEKS",
    "time": "12:00",
    "zone": "Europe/Lisbon",
    "name": "Asking for more",
    "url": "https://uni.example/more",
}
VALUES: dict[str, Any] = {  # what is given for any other
    "Student.inbox(first:)": 100,
    "Institution.name(language:)": "en",
    "Student.destinations(first:)": 100,
    "Student.destinations(after:)": None,
    "Student.destinations(subjectArea:)": "06",
    "Student.destinations(academicYear:)": "2026/2027",
    "Office.agreements(first:)": 100,
    "Office.agreements(after:)": None,
    "Institution.units(first:)": 2,
    "Institution.units(after:)": "root",
    "WhoseMove.nudge(language:)": "en",
    "DeviceInput.platform": "ANDROID",
    "DeviceInput.targetKind": "FID",
    "DeviceInput.language": "pt",
    "Query.pushKey(kind:)": "WEB_PUSH",
    "Mutation.beginLinking(provider:)": "myacademicid",
    "Mutation.beginLinking(returnTo:)": APP_LINK,
    "Mutation.completeLinking(code:)": "a code of nobody's",
    "Mutation.claimMobility(sendingHei:)": "clairval.example",
    "Mutation.claimMobility(omobilityId:)": CLAIMED,
    "Mutation.confirmClaim(code:)": "00000000",
    "Mutation.setMailAddress(address:)": "somebody@post.example",
    "Mutation.confirmMailAddress(code:)": "00000000",
    "Mutation.decideClaim(accept:)": False,
    "Mutation.decideLink(accept:)": False,
    "Mutation.giveConsent(purpose:)": "news",
    "Mutation.giveConsent(version:)": 1,
    "Mutation.withdrawConsent(purpose:)": "news",
    "Mutation.acknowledgeNotice(version:)": NOTICE,
    "Student.accessLog(first:)": 50,
    "Office.mobilities(first:)": 100,
    "Office.unansweredQuestions(first:)": 100,
    "Office.unansweredQuestions(after:)": None,
    "Office.unansweredQuestions(language:)": None,
    "Office.unansweredQuestions(reviewed:)": True,
    "Mutation.reviewQuestion(verdict:)": "PHRASE",
    "Mutation.reviewQuestion(intent:)": "la_status",
    "BrokenEsis.mobilities(first:)": 100,
    "BrokenEsis.mobilities(after:)": None,
    "Office.partners(first:)": 100,
    "Office.partners(after:)": None,
    "Office.partners(troubled:)": False,
    "Office.refusedRequests(days:)": 30,
    **dict.fromkeys(
        f"Office.mobilities({each}:)"
        for each in ("after", "direction", "waitsFor", "partner", "academicYear")
    ),
    "Subscription.recordChanged(after:)": None,
    "Query.ask(question:)": "Who still has to sign?",
    "Query.ask(choice:)": None,
    "Query.ask(conversation:)": None,
    **{f"DeadlineRuleInput.{name}": value for name, value in A_RULE.items()},
    "Mutation.endDeadlineRule(expectedVersion:)": 1,
    "NotificationPreferencesInput.digest": "DAILY",
    "NotificationPreferencesInput.pausedUntil": (NOW + timedelta(days=20)).isoformat(),
    "NotificationPreferencesInput.zone": "Europe/Lisbon",
    "NotificationLevelInput.category": "stay",
    "NotificationLevelInput.medium": "MAIL",
    "NotificationLevelInput.level": "ALL",
    "QuietHoursInput.begin": "23:00",
    "QuietHoursInput.end": "07:00",
}
REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("setNotificationPreferences", {"NotificationPreferencesInput.zone": "Mars/Olympus"}),
    ("registerDevice", {"DeviceInput.target": "has a blank"}),
    ("refreshNow", {}),  # a second time, and so too soon
    ("refreshNow", {"Mutation.refreshNow(mobilityId:)": "no id at all"}),
    ("createChatLinkCode", {}),  # one more than there may be
    ("claimMobility", {"Mutation.claimMobility(omobilityId:)": ""}),
    ("giveConsent", {"Mutation.giveConsent(version:)": 99}),
    ("setDeadlineRule", {"DeadlineRuleInput.url": "http://uni.example"}),
    ("endDeadlineRule", {"Mutation.endDeadlineRule(expectedVersion:)": 99}),
    ("reviewQuestion", {"Mutation.reviewQuestion(intent:)": "nothing of the kind"}),
    ("acknowledgeNotice", {"Mutation.acknowledgeNotice(version:)": "another"}),
]
"""What is refused in the schema's own words: the other half of a union."""


def given_for(
    ids: Callable[[str], list[str]], fresh: str, instead: Mapping[str, Any] | None = None
) -> Callable[[str, str], Any]:
    """Give the ids of a student, and values otherwise; an argument that is new has to be named."""
    values = VALUES | {"DeviceInput.target": fresh} | dict(instead or {})

    def given(where: str, name: str) -> Any:
        argument = f"{where}({name}:)" if "." in where else f"{where}.{name}"
        if argument in IDS and argument not in (instead or {}):
            found = ids(IDS[argument])
            return found if name.endswith("s") else found[0]
        if argument not in values:
            pytest.fail(f"{argument}: say in tests/matrix/asking.py what is to be given")
        return values[argument]

    return given


async def answer(bed: Bed, asker: Person | None, query: Query) -> tuple[int, dict[str, Any]]:
    headers = {"authorization": f"Bearer {asker.token}"} if asker else {}
    body = {"query": query.text, "variables": query.variables}
    if query.root == "subscription":
        return await first_event(bed, headers, body)
    found = await bed.http.post(f"{bed.address}/graphql", json=body, headers=headers)
    return found.status_code, found.json()


def unlike(one: tuple[int, dict[str, Any]], other: tuple[int, dict[str, Any]]) -> bool:
    """Whether two answers differ in more than which request each was for."""
    for each in (*one[1].get("errors", ()), *other[1].get("errors", ())):
        each["extensions"].pop("request_id", None)
    return one != other


async def first_event(
    bed: Bed, headers: dict[str, str], body: dict[str, Any]
) -> tuple[int, dict[str, Any]]:
    """The answer to a subscription: what comes first."""
    async with bed.http.stream(
        "POST", f"{bed.address}/graphql", json=body, headers=headers | EVENTS
    ) as found:
        if found.status_code != 200:
            return found.status_code, json.loads(await found.aread())
        _, body = await Stream(found).event()
    if body.get("data"):
        body["data"]["__typename"] = "Subscription"  # which cannot be asked for
    return 200, body


def of_offices(query: Query) -> bool:
    """Whether a query asks for what is a coordinator's and not the student's own."""
    rules = [schema.access.fields[each] for each in query.asks]
    rules += [schema.access.objects.get(each.partition(".")[0], Rule(0)) for each in query.asks]
    return any(Rule.COORDINATOR in each and Rule.OWNER not in each for each in rules)


async def digests(bed: Bed, students: list[Person]) -> dict[str, dict[str, str]]:
    """What is held of each student, as a hash of each table."""
    found = {}
    for student in students:
        subject = await bed.app.services.erasures.subject(str(student.account))  # type: ignore[attr-defined]
        given = (
            list(subject.accounts),
            *(list(each) for each in zip(*subject.persons, strict=True)),
        )
        whole = {}
        for table, rows in [*ERASED, ("erasure", "account_id = any($1::uuid[])")]:
            if table == "screen":  # reading makes it, of what the others hold
                continue
            content = await bed.app.database.fetchval(
                f"""select string_agg(t::text, '|' order by t::text) from {table} t
                    where $1::uuid[] is not null and $2::text[] is not null
                    and $3::uuid[] is not null and ({rows})""",
                *given,
            )
            whole[table] = hashlib.sha256(repr(content).encode()).hexdigest()
        found[student.key] = whole
    return found


@dataclass
class House:
    """A bed with everybody in it."""

    bed: Bed
    people: list[Person]
    matrix: Matrix = field(default_factory=Matrix)
    logs: list[MutableMapping[str, Any]] = field(default_factory=list)

    @property
    def students(self) -> list[Person]:
        return [each for each in self.people if each.is_student]

    @property
    def askers(self) -> list[Person | None]:
        return [ANYBODY, *self.people]

    def judge(self, query: Query, asker: Person | None, body: dict[str, Any]) -> None:
        """Look for what somebody must not have, anywhere in an answer."""
        office = of_offices(query) and asker is not None and asker.coordinates is not None
        if HIDDEN in json.dumps(body) and not office:
            self.matrix.failed(query.where, asker, None, "says what is for offices only")
        theirs = [(student, tuple(student.everything())) for student in self.students]
        for way, value in told(body.get("data")):
            if isinstance(value, dict | list):
                continue
            text = str(value)
            for student, marks in theirs:
                if any(each in text for each in marks) and not may_on(
                    schema.access, way, asker, student
                ):
                    self.matrix.failed(way[-1], asker, student, f"tells {value!r}")
        errors = json.dumps(body.get("errors"))
        for student, marks in theirs:
            if student is not asker and any(each in errors for each in marks):
                self.matrix.failed(query.where, asker, student, f"an error tells {errors}")


@asynccontextmanager
async def house(dsn: str, valkey: str, folder: Path, **more: Any) -> AsyncIterator[House]:
    """A backend with everybody in it; what is logged meanwhile says nothing of anybody."""
    people = cast()
    more |= {
        "administrators": administrators(people),
        "privacy_notice_url": "https://uni.example/privacy",
        "privacy_notice_version": NOTICE,
        "limits": "everything=off,ask_partners_mobility=1/60",  # one refusal is to be seen
        "telegram_address": "https://t.me/erasmus_play_bot",
    }
    for name in ("telegram_token", "telegram_secret"):
        path = folder / name
        path.write_text(secrets.token_hex(20), encoding="ascii")
        more[name] = str(path)
    with capture_logs() as logs:
        async with _settled(dsn, valkey, folder, people, **more) as bed:
            yield House(bed, people, logs=logs)
    assert [each for each in logs if "MARK-" in repr(each) or HIDDEN in repr(each)] == []


@asynccontextmanager
async def _settled(
    dsn: str, valkey: str, folder: Path, people: list[Person], **more: Any
) -> AsyncIterator[Bed]:
    async with bed_running(
        dsn, valkey, folder, worker=False, prepare=lambda world: let_in(world, people), **more
    ) as bed:
        await settle(bed, people)
        for person in people:
            assert person.session is not None
            standing = await bed.app.services.standings.of(person.session)
            assert (standing.coordinated, standing.is_administrator, standing.is_guest) == (
                (person.coordinates,) if person.coordinates else (),
                person.is_administrator,
                person.home is None,
            )
        yield bed


async def ask_everything(
    here: House,
    walk: Walk,
    asker: Person | None,
    subject: Person,
    last: bool,
    reached: dict[str, list[Any]],
) -> None:
    """Ask for every field, with the ids of one student; what takes none is asked once."""
    fresh = f"fid-{secrets.token_hex(8)}"
    theirs, nobodys = (
        [
            *walk.whole(given_for(ids, fresh)),
            *(walk.at("mutation", (n,), given_for(ids, fresh, i)) for n, i in REFUSED),
        ]
        for ids in (subject.given, lambda kind: [nobodys_id(kind)])
    )
    for query, unknown in zip(theirs, nobodys, strict=True):
        names_them = query.variables != unknown.variables
        if not (names_them or last):
            continue
        status, body = await answer(here.bed, asker, query)
        here.judge(query, asker, body)
        if asker is ANYBODY:
            if (status, "data" in body) != (401, False):
                here.matrix.failed(query.where, asker, subject, f"was answered {status}")
        elif of_offices(query) and asker.coordinates != subject.home:
            if unlike((status, body), await answer(here.bed, asker, unknown)):
                words = "is answered otherwise than an office that nobody has"
                here.matrix.failed(query.where, asker, subject, words)
        elif asker is subject or of_offices(query):
            if "errors" in body:
                here.matrix.failed(query.where, asker, subject, f"was refused: {body['errors']}")
            for way, value in told(body["data"]):
                reached.setdefault(way[-1], []).append(value)
        elif names_them and unlike((status, body), await answer(here.bed, asker, unknown)):
            words = "is answered otherwise than an id that nothing has"
            here.matrix.failed(query.where, asker, subject, words)
        for each in query.asks:
            for student in [subject] if names_them else here.students:
                here.matrix.looked(each, asker, student)
