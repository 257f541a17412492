"""`/graphql` as a client of any make meets it."""

import json

import httpx
import pytest
from graphql import build_client_schema, get_introspection_query
from testbed import Bed, bed_running

JSON = {"content-type": "application/json"}
NEW = {"accept": "application/graphql-response+json"}
ME = '{"query": "{ me { displayName } }"}'


async def post(bed: Bed, body: str | bytes, **headers: str) -> httpx.Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return await bed.http.post(f"{bed.address}/graphql", content=body, headers=JSON | given)


async def bearer(bed: Bed, key: str = "ines") -> str:
    return f"Bearer {(await bed.signed_in(key)).token}"


def refusal(answer: httpx.Response) -> tuple[int, str, str]:
    [error] = answer.json()["errors"]
    return answer.status_code, error["extensions"]["code"], error["message"]


async def test_a_signed_in_student_is_answered_in_the_media_type_that_was_asked_for(bed: Bed):
    token = await bearer(bed)
    old = await post(bed, ME, authorization=token)
    new = await post(bed, ME, authorization=token, **NEW)

    expected = {"data": {"me": {"displayName": "Inês Duarte"}}}
    assert (old.status_code, old.headers["content-type"], old.json()) == (
        200,
        "application/json; charset=utf-8",
        expected,
    )
    assert (new.status_code, new.headers["content-type"], new.json()) == (
        200,
        "application/graphql-response+json; charset=utf-8",
        expected,
    )
    assert old.headers["cache-control"] == "no-store"


async def test_an_answer_says_which_of_our_languages_was_taken(bed: Bed):
    token = await bearer(bed)
    asked = ("nn-NO", "no", "pt-BR", "sr-Latn-RS", "ja, en;q=0.1", "")
    answers = [await post(bed, ME, authorization=token, accept_language=each) for each in asked]

    taken = [each.headers["content-language"] for each in answers]
    assert taken == ["nn", "nb", "pt", "sr", "en", "en"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer nothing.of.ours"},
        {"authorization": "Basic aWNoOmljaA=="},
        {"cookie": "erasmus-session=guessed"},
    ],
    ids=["nothing", "a token of others", "a password", "a cookie that was guessed"],
)
async def test_nothing_is_readable_without_a_session(bed: Bed, headers: dict[str, str]):
    for query in ("{ me { displayName } }", "{ __schema { types { name } } }"):
        answer = await post(bed, json.dumps({"query": query}), **headers)
        assert refusal(answer)[:2] == (401, "not_signed_in")
        assert "data" not in answer.json()


@pytest.mark.parametrize(
    ("body", "status", "code", "says"),
    [
        ("{", 400, "json_malformed", "not JSON"),
        ("[]", 400, "request_invalid", "Expected `object`"),
        ("{}", 400, "request_invalid", "`query`"),
        ('{"query": 1}', 400, "request_invalid", "$.query"),
        ('{"query": "{ me { displayName } }", "variables": []}', 400, "request_invalid", "$.var"),
        ('{"query": "{ me {"}', 400, "document_invalid", "Syntax Error"),
        ('{"query": "{ you }"}', 400, "request_invalid", "Cannot query field 'you'"),
        ('{"query": "query A { me { id } } query B { me { id } }"}', 400, "doc", "operationName"),
        ('{"query": "query A { me { id } }", "operationName": "B"}', 400, "doc", "operationName"),
        ('{"query": "query($a: ID!) { me { mobility(id: $a) { id } } }"}', 400, "req", "'$a'"),
    ],
)
async def test_a_request_that_is_not_right_is_told_what_is_wrong_with_it(
    bed: Bed, body: str, status: int, code: str, says: str
):
    found = refusal(await post(bed, body, authorization=await bearer(bed), **NEW))

    assert found[0] == status
    assert found[1].startswith(code)
    assert says in found[2]


async def test_clients_of_the_old_media_type_get_200_for_a_document_that_is_not_right(bed: Bed):
    answer = await post(bed, '{"query": "{ you }"}', authorization=await bearer(bed))

    assert answer.status_code == 200
    assert answer.json()["data"] is None


def nested(name: str, depth: int) -> str:
    return "{ " + f"{name} {{ " * depth + "name" + " }" * depth + " }"


TOO_MUCH = {
    "too deep": (nested("me", 14), "deeper than 14"),
    "too long": ("{ " + "a " * 5000 + "}", "tokens"),
    "aliases": ("{ " + " ".join(f"a{n}: me {{ id }}" for n in range(51)) + " }", "50 aliases"),
    "one field again and again": ("{ me { " + "id " * 11 + "} }", "more than 10 times"),
    "directives": ("{ me { id " + "@include(if: true) " * 51 + "} }", "50 directives"),
    "operations": (" ".join(f"query A{n} {{ me {{ id }} }}" for n in range(51)), "50 operations"),
    "fragments that multiply": (
        "{ ...A } fragment A on Query { ...B ...B } fragment B on Query { ...C ...C }"
        " fragment C on Query { ...D ...D } fragment D on Query { ...E ...E }"
        " fragment E on Query { " + "me { id language } " * 10 + "}",
        "more than 500 fields",
    ),
    "work in lists": (
        "{ me { mobilities { "
        + " ".join(
            f"a{n}: receivingInstitution {{ factsheetSource {{ state }} requirements {{ name }}"
            " factsheet { decisionWeeks } practical { source { state } } }"
            for n in range(25)
        )
        + " } } }",
        "it may cost 10270, more than 10000",
    ),
    "variables": (
        "query(" + ", ".join(f"$v{n}: Boolean" for n in range(51)) + ") { me { id } }",
        "more than 50 variables",
    ),
    "a text without end": ('{ me { mobility(id: "' + "x" * 50_000 + '") { id } } }', "50000"),
    "introspection": ("{ __schema { types { name } } }", "introspection is off"),
}


@pytest.mark.parametrize(("query", "says"), TOO_MUCH.values(), ids=TOO_MUCH)
async def test_a_document_that_would_cost_too_much_is_refused_unread(
    bed: Bed, query: str, says: str
):
    answer = await post(bed, json.dumps({"query": query}), authorization=await bearer(bed), **NEW)

    status, code, message = refusal(answer)
    assert (status, code) == (400, "document_invalid")
    assert says in message


async def test_the_query_that_tools_ask_of_a_schema_is_answered_in_development(
    dsn, valkey, tmp_path
):
    query = json.dumps({"query": get_introspection_query(input_value_deprecation=True)})
    lists = "{ __schema { types " + "{ fields { type " * 4 + "{ name }" + " } }" * 4 + " } }"
    deep = "{ __schema " + nested("types", 24) + " }"
    async with bed_running(dsn, valkey, tmp_path, worker=False, explorer="true") as bed:
        token = await bearer(bed)
        answer = await post(bed, query, authorization=token)
        of_lists = await post(bed, json.dumps({"query": lists}), authorization=token, **NEW)
        too_deep = await post(bed, json.dumps({"query": deep}), authorization=token, **NEW)

    assert set(answer.json()) == {"data"}
    assert build_client_schema(answer.json()["data"]).query_type is not None
    assert refusal(of_lists)[:2] == (400, "request_invalid")
    assert "introspection depth" in refusal(of_lists)[2]
    assert "deeper than 24" in refusal(too_deep)[2]


async def test_a_body_over_a_megabyte_is_refused(bed: Bed):
    body = json.dumps({"query": "{ me { id } }" + " " * 1_100_000})

    answer = await post(bed, body, authorization=await bearer(bed))
    assert refusal(answer)[:2] == (413, "body_too_large")


async def test_a_form_of_another_site_is_no_request(bed: Bed):
    answer = await bed.http.post(f"{bed.address}/graphql", data={"query": "{ me { id } }"})

    assert refusal(answer)[:2] == (415, "media_type_not_supported")


async def test_there_is_no_reading_by_get(bed: Bed):
    answer = await bed.http.get(f"{bed.address}/graphql", params={"query": "{ me { id } }"})

    assert refusal(answer)[:2] == (405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


async def test_the_query_page_comes_from_here_alone_and_only_where_it_is_wanted(
    dsn, valkey, tmp_path
):
    async with bed_running(dsn, valkey, tmp_path, worker=False, explorer="true") as bed:
        page = await bed.http.get(f"{bed.address}/graphql", headers={"accept": "text/html"})
        script = await bed.http.get(f"{bed.address}/graphql/assets/graphiql.min.js")
        outside = await bed.http.get(f"{bed.address}/graphql/assets/../explorer.html")

    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "https://" not in page.text
    assert (script.status_code, script.headers["content-type"]) == (
        200,
        "text/javascript; charset=utf-8",
    )
    assert outside.status_code in {404, 405}


async def test_a_device_is_registered_listed_and_removed_and_its_target_is_not_readable(bed: Bed):
    phone = await bed.signed_in("ines")
    register = """mutation($device: DeviceInput!) { registerDevice(device: $device) {
        __typename ... on DeviceRegistered { device { id } } ... on DeviceRefused { reason } } }"""
    good = {"platform": "ANDROID", "target": bed.world.push.register(), "language": "pt"}
    registered = (await bed.ask(phone, register, device=good))["registerDevice"]
    refused = (await bed.ask(phone, register, device=good | {"target": "a b"}))["registerDevice"]

    assert refused == {
        "__typename": "DeviceRefused",
        "reason": "target: may hold printable ASCII only, no spaces",
    }
    listed = (await bed.ask(phone, "{ me { devices { id platform language } } }"))["me"]
    id_ = registered["device"]["id"]
    assert listed == {"devices": [{"id": id_, "platform": "ANDROID", "language": "pt"}]}

    remove = "mutation($id: ID!) { removeDevice(id: $id) }"
    other = await bed.signed_in("camille")
    assert await bed.ask(other, remove, id=id_) == {"removeDevice": False}
    assert await bed.ask(phone, remove, id=id_) == {"removeDevice": True}
    assert await bed.ask(phone, remove, id="no id") == {"removeDevice": False}
    assert (await bed.ask(phone, "{ me { devices { id } } }"))["me"] == {"devices": []}


async def test_what_went_wrong_inside_stays_inside(bed: Bed, capsys: pytest.CaptureFixture[str]):
    token = await bearer(bed)
    await bed.app.database.execute("alter table device rename to elsewhere")
    answer = await post(bed, '{"query": "{ me { devices { id } } }"}', authorization=token)

    assert answer.json()["errors"] == [
        {
            "message": "an error of ours",
            "path": ["me", "devices"],
            "extensions": {
                "code": "internal_error",
                "request_id": answer.headers["x-request-id"],
            },
        }
    ]
    logged = capsys.readouterr().err
    assert "graphql.failed" in logged
    assert "from device" not in logged
