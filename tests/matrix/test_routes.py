"""Every route × everybody who calls × every student: let in or refused, just as its rule says."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from matrix.asking import digests, house
from matrix.judging import Matrix
from matrix.people import HIDDEN, SYSTEMS, Person
from testbed import Bed

from erasmus_app.app import create_app
from erasmus_app.ids import HeiId, global_id

REFUSALS = {401, 403}
LOGOUT = "/auth/logout"
PARAMETERS: dict[str, Callable[[Person], str]] = {  # what stands for those of paths and queries
    "provider": lambda _: "feide",
    "hei_id": lambda subject: str(subject.home),
    "api": lambda _: "omobilities",
    "path": lambda _: "unknown",
    "token": lambda _: "one-that-stops-nothing",
    "export_id": lambda subject: subject.ids["export"][0],
    "transaction": lambda _: "1",
    "user": lambda _: "@somebody:play.example",
    "room": lambda _: "#somewhere:play.example",
    "secret": lambda _: "unknown.ics",
    "mobility": lambda subject: global_id("Mobility", UUID(subject.ids["mobility"][0])),
    "object_id": lambda subject: f"{subject.mark}-early",
}
FOR_SYSTEMS = {("GET", "/feed/{hei_id:str}/decisions"): HIDDEN}
"""What offices write, which the HEI's own system may have, and nobody else."""


@dataclass(eq=False)
class Caller:
    """Somebody with a token, or without."""

    key: str
    token: str | None
    person: Person | None = None
    system_of: HeiId | None = None


@dataclass
class Route:
    method: str
    path: str
    rule: str
    mounted: bool

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    def url(self, subject: Person) -> str:
        """The path with what it takes; a parameter that is new has to be named."""

        def value(found: re.Match[str]) -> str:
            if found[1] not in PARAMETERS:
                pytest.fail(f"{self.name}: say in tests/matrix/test_routes.py what {found[1]} is")
            return PARAMETERS[found[1]](subject)

        return re.sub(r"\{(\w+):\w+\}", value, self.path)


def routes(app: Litestar) -> Iterator[Route]:
    for route in app.routes:
        handlers: list[Any] = (
            route.route_handlers if isinstance(route, HTTPRoute) else [route.route_handler]
        )
        for handler in handlers:
            http = isinstance(handler, HTTPRouteHandler)
            for method in sorted(handler.http_methods - {"OPTIONS"}) if http else ["POST"]:
                yield Route(str(method), route.path, handler.opt.get("access", ""), not http)


def is_let_in(route: Route, caller: Caller, subject: Person) -> bool:
    """What the rule says."""
    match route.rule:
        case "public":
            return True
        case "signed_in" | "asking":
            return caller.person is not None
        case "feed":
            return caller.system_of == subject.home
        case "ewp" | "messenger":
            return False  # nobody here has signed as a partner or a messenger does
        case "assistant":
            return False  # nobody here has a token for it: see test_assistants.py
    pytest.fail(f"{route.name}: say in tests/matrix/test_routes.py whom {route.rule!r} lets in")


async def called(bed: Bed, route: Route, caller: Caller, subject: Person) -> httpx.Response:
    bed.http.cookies.clear()
    headers = {"authorization": f"Bearer {caller.token}"} if caller.token else {}
    body: dict[str, Any] = {"json": {"query": "{ me { id } }"}} if route.mounted else {}
    if route.rule == "asking":
        body = {"json": {"question": "?", "mobility": PARAMETERS["mobility"](subject)}}
    return await bed.http.request(
        route.method,
        bed.address + route.url(subject),
        headers=headers,
        params={"object_id": PARAMETERS["object_id"](subject)} if route.rule == "feed" else None,
        **body,
    )


async def test_nobody_is_let_in_by_a_route_whom_its_rule_does_not_let_in(
    dsn: str, valkey: str, tmp_path: Path, record_property: Callable[[str, object], None]
):
    async with house(dsn, valkey, tmp_path) as here:
        every = list(routes(create_app(here.bed.app).framework))
        callers = [
            Caller("anonymous", None),
            *(Caller(each.key, each.token, each) for each in here.people),
            *(Caller(f"system of {hei}", each, system_of=hei) for hei, each in SYSTEMS.items()),
        ]
        before, matrix = await digests(here.bed, here.students), Matrix()
        for route in (each for each in every if each.path != LOGOUT):
            for caller in callers:
                for subject in here.students:
                    found = await called(here.bed, route, caller, subject)
                    _judge(matrix, route, caller, subject, found, here.students)
        assert await digests(here.bed, here.students) == before
        for route in (each for each in every if each.path == LOGOUT):
            for caller in callers:  # it names nobody, and ends the caller's own session
                found = await called(here.bed, route, caller, here.students[0])
                for subject in here.students:
                    _judge(matrix, route, caller, subject, found, here.students)

    assert matrix.wrong == [], "\n".join(matrix.wrong[:20])
    names = {each.name for each in every}
    assert len(matrix.seen) == len(names) * len(callers) * len(here.students)
    record_property(
        "matrix",
        f"{len(matrix.seen)} cells, {len(names)} of {len(names)} routes × {len(callers)} who call "
        f"× {len(here.students)} who are asked about",
    )


def _judge(
    matrix: Matrix,
    route: Route,
    caller: Caller,
    subject: Person,
    found: httpx.Response,
    students: list[Person],
) -> None:
    matrix.seen[route.name, caller.key, subject.key] += 1
    where = f"{route.name} ({route.rule}) called by {caller.key} about {subject.key}"
    allowed = is_let_in(route, caller, subject)
    refused = found.status_code in REFUSALS or (
        route.rule in {"ewp", "messenger"} and found.status_code >= 400
    )
    if allowed is refused:
        matrix.wrong.append(f"{where}: answered {found.status_code}")
    if found.status_code >= 500 and route.path not in {"/readyz", "/startupz", "/auth/login"}:
        matrix.wrong.append(f"{where}: failed with {found.status_code}")
    of_offices = allowed and FOR_SYSTEMS.get((route.method, route.path))
    if HIDDEN in found.text and not of_offices:
        matrix.wrong.append(f"{where}: tells what is for offices only")
    if of_offices and HIDDEN not in found.text:
        matrix.wrong.append(f"{where}: does not tell what the HEI's system may have")
    for student in students:
        told = [each for each in student.everything() if each in found.text]
        own = caller.person is student or caller.system_of == student.home
        if told and not own:
            matrix.wrong.append(f"{where}: tells {told[0]} of {student.key}")


async def test_nothing_that_is_served_to_partners_is_told_to_who_has_not_signed(
    dsn: str, valkey: str, tmp_path: Path
):
    async with house(dsn, valkey, tmp_path) as here:
        bed, wrong, asked = here.bed, [], 0
        for hei in SYSTEMS:
            manifest = await bed.http.get(f"{bed.address}/ewp/{hei}/manifest.xml")
            paths = sorted(
                set(re.findall(rf"https?://[^<>\s]*(/ewp/{hei}/[^<>\s]+)", manifest.text))
            )
            assert len(paths) > 4
            for path in paths:
                for token in [None, *(each.token for each in here.people), SYSTEMS[hei]]:
                    headers = {"authorization": f"Bearer {token}"} if token else {}
                    form = {"omobility_id": f"{here.students[0].mark}-early", "sending_hei_id": hei}
                    found = await bed.http.post(bed.address + path, data=form, headers=headers)
                    asked += 1
                    if found.status_code < 400 and not path.endswith("manifest.xml"):
                        wrong.append(f"{path}: {found.status_code}")
                    if HIDDEN in found.text or "MARK-" in found.text:
                        wrong.append(f"{path}: tells {found.text[:200]}")

    assert (wrong, asked > 50) == ([], True)
