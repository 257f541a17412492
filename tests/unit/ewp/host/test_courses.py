"""Courses: public, by id or by code, their instances by their days (guide §4.9)."""

from urllib.parse import quote

import pytest
from unit.ewp.host.taught import TAUGHT
from unit.ewp.host.world import NOBODYS, PARTNER, THIRD, UNKNOWN, refusal

from ewp.messages import course_replication, courses

pytestmark = pytest.mark.asyncio(loop_scope="module")

COURSES = "/ewp/lindental.example/courses/1"
LIST = "/ewp/lindental.example/simple-course-replication/1"
HERE = "hei_id=lindental.example"
MAPPING, SEA, OLD = TAUGHT
EVERY_ID = [each.los_id for each in TAUGHT]


def found(answer):
    assert answer.status_code == 200
    return courses.read_response(answer.content)


@pytest.mark.parametrize(
    ("form", "there"),
    [
        ("los_id=CR%2Fmap", [MAPPING]),
        ("los_id=CR/sea&los_id=CR/map", [MAPPING, SEA]),
        ("los_id=CR/map&los_id=CR/map&los_id=CR/map", [MAPPING]),
        ("los_id=CR/map&los_id=CR/unknown", [MAPPING]),
        ("los_id=CR/unknown", []),
        ("los_id=map", []),
        ("los_code=GEO-2", [SEA, OLD]),
        ("los_code=GEO-1&los_code=unknown", [MAPPING]),
        ("los_code=geo-1", []),
    ],
)
async def test_courses_are_found_by_id_or_by_code(world, form, there):
    assert found(await world.ask(f"{COURSES}?{HERE}&{form}")) == tuple(there)
    assert found(await world.post(COURSES, f"{form}&{HERE}")) == tuple(there)


@pytest.mark.parametrize(
    ("days", "instances"),
    [
        ("", ["map-1", "map-2"]),
        ("lois_before=2026-02-01", ["map-1"]),
        ("lois_before=2026-01-31", []),
        ("lois_before=2026-02-01%2B02:00", ["map-1"]),
        ("lois_after=2025-09-14", ["map-1", "map-2"]),
        ("lois_after=2025-09-15", ["map-2"]),
        ("lois_after=2026-09-14", []),
        ("lois_after=2025-09-15&lois_before=2027-01-30", []),
        ("lois_after=2025-09-15&lois_before=2027-01-31", ["map-2"]),
        ("los_at_date=2025-09-15", ["map-1"]),
        ("los_at_date=2026-01-31", ["map-1"]),
        ("los_at_date=2026-02-28", []),
        ("los_at_date=2027-01-30&lois_before=2027-01-31", ["map-2"]),
    ],
)
async def test_days_leave_the_course_and_those_of_its_instances(world, days, instances):
    form = f"{HERE}&los_id=CR/map&{days}"

    for answer in (await world.ask(f"{COURSES}?{form}"), await world.post(COURSES, form)):
        [course] = found(answer)
        assert course.los_id == MAPPING.los_id
        assert [each.loi_id.removeprefix("CRI/") for each in course.instances] == instances


async def test_anybody_may_ask_but_who_signs_must_sign_right(world):
    for target in (f"{COURSES}?{HERE}&los_id=CR/map", f"{LIST}?{HERE}"):
        for key in (PARTNER, THIRD, NOBODYS):
            assert (await world.ask(target, key=key)).status_code == 200
        assert (await world.ask(target, after={"authorization": None})).status_code == 200
        assert refusal(await world.ask(target, key=UNKNOWN))[0] == 403


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("los_id=CR/map", "hei_id: is required"),
        (f"{HERE}&{HERE}&los_id=CR/map", "hei_id: may be given once, not 2 times"),
        ("hei_id=unheard.example&los_id=CR/map", "hei_id: not an HEI of this endpoint"),
        (HERE, "los_id, los_code: exactly one of the two is required"),
        (
            f"{HERE}&los_id=CR/map&los_code=GEO-1",
            "los_id, los_code: exactly one of the two is required",
        ),
        (f"{HERE}&los_id=", "los_id: is required"),
        (HERE + "&los_id=CR/map" * 4, "los_id: 4 values, limit is 3"),
        (HERE + "&los_code=x" * 4, "los_code: 4 values, limit is 3"),
        *(
            (f"{HERE}&los_id=CR/map&{name}={value}", f"{name}: must be a date, YYYY-MM-DD")
            for name in ("lois_before", "lois_after", "los_at_date")
            for value in ("", "2026", "2026-02-30", "2026-02-01T00:00:00Z", "01/02/2026", "%00")
        ),
        *(
            (
                f"{HERE}&los_id=CR/map&{name}=2026-02-01&{name}=2026-02-01",
                f"{name}: may be given once, not 2 times",
            )
            for name in ("lois_before", "lois_after", "los_at_date")
        ),
    ],
)
async def test_what_is_asked_wrongly_is_refused_and_not_looked_up(world, form, words):
    assert refusal(await world.ask(f"{COURSES}?{form}")) == (400, words)
    assert refusal(await world.post(COURSES, form)) == (400, words)
    assert world.kept.asked == []


@pytest.mark.parametrize("value", ["a b", "é", "x" * 65, "\x00"])
async def test_what_has_not_the_form_of_an_id_is_unknown_without_being_looked_up(world, value):
    asked = f"{COURSES}?{HERE}&los_id={quote(value)}"

    assert found(await world.ask(asked)) == ()
    assert world.kept.asked == []
    assert found(await world.ask(f"{asked}&los_id=CR/map")) == (MAPPING,)


@pytest.mark.parametrize(
    ("since", "ids"),
    [
        ("", EVERY_ID),
        ("&modified_since=2026-02-20T13:00:00%2B01:00", EVERY_ID),
        ("&modified_since=2026-02-20T12:00:01Z", []),
    ],
)
async def test_all_courses_are_listed_or_those_changed_since(world, since, ids):
    for answer in (
        await world.ask(f"{LIST}?{HERE}{since}"),
        await world.post(LIST, f"{HERE}{since}"),
    ):
        assert answer.status_code == 200
        assert list(course_replication.read_response(answer.content)) == ids


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("", "hei_id: is required"),
        (f"{HERE}&{HERE}", "hei_id: may be given once, not 2 times"),
        ("hei_id=unheard.example", "hei_id: not an HEI of this endpoint"),
        (
            f"{HERE}&modified_since=2026-02-20",
            "modified_since: must be a date and time with a zone",
        ),
        (
            f"{HERE}&modified_since=2026-02-20T12:00:00Z&modified_since=2026-02-20T12:00:00Z",
            "modified_since: may be given once, not 2 times",
        ),
    ],
)
async def test_a_list_that_is_asked_for_wrongly_is_refused(world, form, words):
    assert refusal(await world.ask(f"{LIST}?{form}")) == (400, words)
    assert world.kept.asked == []


async def test_courses_can_only_be_read(world):
    for target in (COURSES, LIST):
        for method in ("PUT", "DELETE"):
            assert (await world.ask(target, method=method)).status_code == 405
