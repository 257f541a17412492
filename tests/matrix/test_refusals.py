"""How a refusal looks: to who asked, and in the log."""

from pathlib import Path
from typing import Any

from graphql import GraphQLInputObjectType, get_named_type
from matrix.asking import House, answer, given_for, house
from matrix.misled import misled_house
from matrix.people import nobodys_id
from matrix.walk import Query, Walk

from erasmus_app.api.schema import schema

DEVICES = Query(
    "query", "Student.devices", ("me", "devices"), "{ me { devices { id } } }", {}, set()
)


def refusals(here: House) -> list[dict[str, Any]]:
    return [dict(each) for each in here.logs if each["event"] == "access.refused"]


def request_ids(answered: tuple[int, dict[str, Any]]) -> list[str]:
    return [each["extensions"]["request_id"] for each in answered[1]["errors"]]


async def test_a_refusal_has_a_stable_code_and_is_an_event_with_ids_alone(
    dsn: str, valkey: str, tmp_path: Path
):
    async with misled_house(dsn, valkey, tmp_path) as (here, made):
        owner, other, _ = here.students
        made.act_for("Student.devices", owner)

        refused = await answer(here.bed, other, DEVICES)
        nobody = await answer(here.bed, None, DEVICES)
        logged = refusals(here)

    assert refused == (
        200,
        {
            "data": {"me": None},
            "errors": [
                {
                    "message": "That is not yours to have.",
                    "locations": [{"line": 1, "column": 8}],
                    "path": ["me", "devices", 0],
                    "extensions": {"code": "forbidden", "request_id": request_ids(refused)[0]},
                }
            ],
        },
    )
    assert nobody[0] == 401
    assert nobody[1]["errors"][0]["extensions"]["code"] == "not_signed_in"
    assert len({*request_ids(refused), *request_ids(nobody)}) == 2
    assert logged == [
        {
            "event": "access.refused",
            "log_level": "warning",
            "what": "Device",
            "rule": "OWNER",
            "code": "forbidden",
            "account_id": other.account,
        },
        {
            "event": "access.refused",
            "log_level": "info",
            "what": "/graphql",
            "code": "not_signed_in",
        },
    ]


async def test_an_id_that_is_anothers_and_one_that_nothing_has_are_answered_alike(
    dsn: str, valkey: str, tmp_path: Path
):
    async with house(dsn, valkey, tmp_path) as here:
        owner, other, _ = here.students
        text = "query($id: ID!) { me { mobility(id: $id) { id } } }"
        answers = [
            await answer(
                here.bed,
                other,
                Query("query", "Student.mobility", ("me", "mobility"), text, {"id": each}, set()),
            )
            for each in (
                owner.given("mobility")[0],
                nobodys_id("mobility"),
                "no id at all",
                "' or 1=1 --",
            )
        ]

    assert answers == [(200, {"data": {"me": {"mobility": None}}})] * 4


async def test_what_an_input_does_not_declare_cannot_be_set(dsn: str, valkey: str, tmp_path: Path):
    given = given_for(lambda kind: [nobodys_id(kind)], "fid-of-nobody")
    tried = 0
    async with house(dsn, valkey, tmp_path) as here:
        owner, other, _ = here.students
        for query in Walk(schema._schema).whole(given):
            kind, name = query.where.split(".")
            for argument, found in schema._schema.type_map[kind].fields[name].args.items():
                if not isinstance(get_named_type(found.type), GraphQLInputObjectType):
                    continue
                variable = next(each for each in query.variables if each.startswith(argument))
                more = {"accountId": str(owner.account), "whose": str(owner.account)}
                for each, value in more.items():
                    query.variables[variable] = query.variables[variable] | {each: value}
                    _, body = await answer(here.bed, other, query)
                    assert body["data"] is None
                    assert "not to include unknown field" in body["errors"][0]["message"]
                    del query.variables[variable][each]
                    tried += 1

    assert tried >= 2
