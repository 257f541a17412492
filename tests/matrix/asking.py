"""Asking the backend whatever the schema has, as everybody, about every student."""

import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from matrix.held import settle
from matrix.judging import Matrix, may_on
from matrix.people import HIDDEN, Person, administrators, cast, let_in, nobodys_id
from matrix.walk import Query, Walk, told
from structlog.testing import capture_logs
from testbed import Bed, bed_running

from erasmus_app.api.schema import schema
from erasmus_app.store.holdings import ERASED

ANYBODY = None  # who has not signed in

IDS = {  # what is given for an argument that names something: of the student who is asked about
    "Student.mobility(id:)": "mobility",
    "Student.inbox(after:)": "message",
    "Mutation.removeDevice(id:)": "device",
    "Mutation.endSession(id:)": "session",
    "Mutation.disconnectApp(id:)": "app",
    "Mutation.markRead(ids:)": "message",
}
VALUES: dict[str, Any] = {  # what is given for any other
    "Student.inbox(first:)": 100,
    "Institution.name(language:)": "en",
    "DeviceInput.platform": "ANDROID",
    "DeviceInput.targetKind": "FID",
    "DeviceInput.language": "pt",
}
REGISTER, NO_TARGET = ("mutation", ("registerDevice",)), "has a blank"
"""Which is refused in the schema's own words: the other half of a union."""


def given_for(ids: Callable[[str], list[str]], fresh: str) -> Callable[[str, str], Any]:
    """Give the ids of a student, and values otherwise; an argument that is new has to be named."""

    def given(where: str, name: str) -> Any:
        argument = f"{where}({name}:)" if "." in where else f"{where}.{name}"
        if argument in IDS:
            found = ids(IDS[argument])
            return found if name.endswith("s") else found[0]
        if argument == "DeviceInput.target":
            return fresh
        if argument not in VALUES:
            pytest.fail(f"{argument}: say in tests/matrix/asking.py what is to be given")
        return VALUES[argument]

    return given


async def answer(bed: Bed, asker: Person | None, query: Query) -> tuple[int, dict[str, Any]]:
    headers = {"authorization": f"Bearer {asker.token}"} if asker else {}
    body = {"query": query.text, "variables": query.variables}
    found = await bed.http.post(f"{bed.address}/graphql", json=body, headers=headers)
    return found.status_code, found.json()


async def digests(bed: Bed, students: list[Person]) -> dict[str, str]:
    """What is held of each student, as one hash."""
    found = {}
    for student in students:
        subject = await bed.app.services.erasures.subject(str(student.account))  # type: ignore[attr-defined]
        given = (
            list(subject.accounts),
            *(list(each) for each in zip(*subject.persons, strict=True)),
        )
        whole = []
        for table, rows in [*ERASED, ("erasure", "account_id = any($1::uuid[])")]:
            whole.append(
                await bed.app.database.fetchval(
                    f"""select string_agg(t::text, '|' order by t::text) from {table} t
                        where $1::uuid[] is not null and $2::text[] is not null
                        and $3::uuid[] is not null and ({rows})""",
                    *given,
                )
            )
        found[student.key] = hashlib.sha256(repr(whole).encode()).hexdigest()
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
        if HIDDEN in json.dumps(body):
            self.matrix.failed(query.where, asker, None, "says what is for offices only")
        for way, value in told(body.get("data")):
            if isinstance(value, dict | list):
                continue
            for student in self.students:
                if any(each in str(value) for each in student.everything()) and not may_on(
                    schema.access, way, asker, student
                ):
                    self.matrix.failed(way[-1], asker, student, f"tells {value!r}")
        for student in self.students:
            errors = json.dumps(body.get("errors"))
            if student is not asker and any(each in errors for each in student.everything()):
                self.matrix.failed(query.where, asker, student, f"an error tells {errors}")


@asynccontextmanager
async def house(dsn: str, valkey: str, folder: Path, **more: Any) -> AsyncIterator[House]:
    """A backend with everybody in it; what is logged meanwhile says nothing of anybody."""
    people = cast()
    more |= {"administrators": administrators(people)}
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
        [*walk.whole(given_for(ids, fresh)), walk.at(*REGISTER, given_for(ids, NO_TARGET))]
        for ids in (subject.ids.__getitem__, lambda _: [nobodys_id()])
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
        elif asker is subject:
            if "errors" in body:
                here.matrix.failed(query.where, asker, subject, f"was refused: {body['errors']}")
            for way, value in told(body["data"]):
                reached.setdefault(way[-1], []).append(value)
        elif names_them and (status, body) != await answer(here.bed, asker, unknown):
            words = "is answered otherwise than an id that nothing has"
            here.matrix.failed(query.where, asker, subject, words)
        for each in query.asks:
            for student in [subject] if names_them else here.students:
                here.matrix.looked(each, asker, student)
