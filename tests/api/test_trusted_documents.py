"""Documents that are named by their hashes: by POST and by GET, with others or alone."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from testbed import Bed, bed_running

from erasmus_app.api.trusted import documents_of, hash_of, load_trusted
from erasmus_app.cli.phones import Phone
from erasmus_app.errors import SettingsInvalid

OPERATIONS = """
query Me($id: ID = "", $more: Boolean! = false) {
    me { ...Name mobility(id: $id) { id } unreadMessages @include(if: $more) }
}
mutation Erase { requestErasure { id } }
fragment Name on Student { displayName }
"""
ERASE, ME = documents_of([OPERATIONS]).values()
OTHER = "{ me { id } }"


def written(folder: Path) -> str:
    path = folder / "documents.json"
    path.write_text(json.dumps(documents_of([OPERATIONS])), encoding="utf-8")
    return str(path)


@pytest.fixture
async def bed(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Bed]:
    known = written(tmp_path)
    async with bed_running(dsn, valkey, tmp_path, worker=False, trusted_documents=known) as bed:
        yield bed


async def get(bed: Bed, phone: Phone, headers: dict[str, str], **given: str) -> httpx.Response:
    signed = {"authorization": f"Bearer {phone.token}"}
    address = f"{bed.address}/graphql"
    return await bed.http.get(address, params=given, headers=signed | headers)


async def post(bed: Bed, phone: Phone, **body: Any) -> httpx.Response:
    signed = {"authorization": f"Bearer {phone.token}"}
    return await bed.http.post(f"{bed.address}/graphql", json=body, headers=signed)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["extensions"]["code"]


def test_each_operation_is_a_document_of_its_own_with_the_fragments_that_it_needs():
    assert ERASE == "mutation Erase {\n  requestErasure {\n    id\n  }\n}"
    assert ME.count("fragment Name on Student") == 1
    assert list(documents_of([OPERATIONS])) == [hash_of(ERASE), hash_of(ME)]


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"abc": 1}', json.dumps({hash_of("a"): "b"})], ids=str
)
def test_a_file_that_is_not_right_stops_the_start(tmp_path: Path, content: str):
    path = tmp_path / "documents.json"
    path.write_text(content, encoding="utf-8")

    with pytest.raises(SettingsInvalid, match=r"trusted_documents: .*documents\.json"):
        load_trusted(path)


async def test_a_document_is_named_by_its_hash_in_either_way(bed: Bed):
    phone = await bed.signed_in("ines")
    hashed = hash_of(ME)
    persisted = {"persistedQuery": {"version": 1, "sha256Hash": hashed}}
    expected = {"data": {"me": {"displayName": "Inês Duarte", "mobility": None}}}

    answers = [
        await post(bed, phone, documentId=f"sha256:{hashed}"),
        await post(bed, phone, documentId=hashed, operationName="Me"),
        await post(bed, phone, extensions=persisted),
        await post(bed, phone, extensions=persisted, query=ME),
        await get(bed, phone, {}, documentId=hashed),
        await get(bed, phone, {}, extensions=json.dumps(persisted)),
    ]
    more = await get(bed, phone, {}, documentId=hashed, variables='{"more": true}')

    assert [(each.status_code, each.json()) for each in answers] == [(200, expected)] * 6
    assert more.json()["data"]["me"]["unreadMessages"] == 0


async def test_what_is_not_known_or_not_the_hashs_text_is_refused(bed: Bed):
    phone = await bed.signed_in("ines")

    assert code(await post(bed, phone, documentId="0" * 64)) == (400, "document_unknown")
    assert code(await post(bed, phone, documentId=hash_of(ME), query=OTHER)) == (
        400,
        "document_unknown",
    )
    assert (await post(bed, phone, query=OTHER)).status_code == 200
    assert "data" in (await post(bed, phone, query=OTHER)).json()


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"query": OTHER}, (405, "method_not_allowed")),
        ({}, (405, "method_not_allowed")),
        ({"documentId": hash_of(ERASE)}, (405, "method_not_allowed")),
        ({"documentId": hash_of(ME), "variables": "{"}, (400, "json_malformed")),
        ({"documentId": hash_of(ME), "variables": "[]"}, (400, "request_invalid")),
        ({"documentId": "x" * 17_000}, (414, "request_invalid")),
    ],
    ids=["a text", "nothing", "a change", "no JSON", "no object", "too long"],
)
async def test_by_get_there_is_no_more_than_a_query_that_is_known(
    bed: Bed, given: dict[str, str], refused: tuple[int, str]
):
    phone = await bed.signed_in("ines")

    assert code(await get(bed, phone, {}, **given)) == refused
    wishes = await bed.app.database.fetchval("select count(*) from erasure")
    assert wishes == 0


async def test_a_page_of_another_site_reads_nothing_by_get(bed: Bed):
    phone = await bed.signed_in("ines")
    answer = await get(bed, phone, {"sec-fetch-site": "cross-site"}, documentId=hash_of(ME))

    assert code(answer) == (403, "cross_site")


async def test_what_the_app_has_already_is_not_sent_again(bed: Bed):
    phone, other = await bed.signed_in("ines"), await bed.signed_in("camille")
    known = {"documentId": hash_of(ME)}
    first = await get(bed, phone, {}, **known)
    tag = first.headers["etag"]

    again = await get(bed, phone, {"if-none-match": tag}, **known)
    among = await get(bed, phone, {"if-none-match": f'"x", W/{tag}'}, **known)
    elses = await get(bed, other, {"if-none-match": tag}, **known)
    newer = await get(
        bed, phone, {"accept": "application/graphql-response+json", "if-none-match": tag}, **known
    )

    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert again.headers["cache-control"] == "private, no-cache"
    assert again.headers["vary"] == "Authorization, Cookie, Accept, Accept-Language"
    assert among.status_code == 304
    assert (elses.status_code, elses.json()["data"]["me"]["displayName"]) == (200, "Camille Renard")
    assert newer.status_code == 200


async def test_where_only_trusted_documents_are_answered_no_other_is(dsn, valkey, tmp_path):
    more = {"trusted_documents": written(tmp_path), "trusted_documents_only": "true"}
    async with bed_running(dsn, valkey, tmp_path, worker=False, **more) as bed:
        phone = await bed.signed_in("ines")
        by_text, by_hash = (
            await post(bed, phone, query=ME),
            await post(bed, phone, documentId=hash_of(ME)),
        )
        others = [
            await post(bed, phone, query=each)
            for each in (OTHER, f"{ME} ", "{ __typename }", "{ __schema { types { name } } }")
        ]

    assert by_text.json() == by_hash.json()
    assert [code(each) for each in others] == [(403, "document_not_trusted")] * 4
