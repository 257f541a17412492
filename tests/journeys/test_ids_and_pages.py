"""Global ids and connections, as Relay and other clients take them for granted."""

from typing import Any
from uuid import uuid4

from testbed import Bed

from erasmus_app.ids import global_id

NODE = """query($id: ID!) { node(id: $id) {
    __typename id ... on Student { displayName } ... on Mobility { state } ... on Message { kind }
} }"""
PAGE = """query($first: Int!, $after: ID) { me { inbox(first: $first, after: $after) {
    nodes { id kind } edges { cursor node { id } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
} } }"""
EVERYTHING = "{ me { id mobilities { id } inbox { nodes { id } } } }"


async def test_an_object_is_found_again_by_its_id_alone(bed: Bed):
    phone = await bed.phone("ines")
    await bed.take()
    await bed.until_told(phone, "nominated")
    me = (await bed.ask(phone, EVERYTHING))["me"]
    ids = [me["id"], me["mobilities"][0]["id"], me["inbox"]["nodes"][0]["id"]]

    found = [(await bed.ask(phone, NODE, id=each))["node"] for each in ids]

    assert found == [
        {"__typename": "Student", "id": ids[0], "displayName": "Inês Duarte"},
        {"__typename": "Mobility", "id": ids[1], "state": "NOMINATED"},
        {"__typename": "Message", "id": ids[2], "kind": "nominated"},
    ]


async def test_anothers_id_is_as_unknown_as_one_of_the_wrong_type_or_none(bed: Bed):
    ines, camille = await bed.phone("ines"), await bed.phone("camille")
    await bed.take()
    await bed.until_told(ines, "nominated")
    me = (await bed.ask(ines, EVERYTHING))["me"]
    theirs = [me["id"], me["mobilities"][0]["id"], me["inbox"]["nodes"][0]["id"]]
    strange = [*(global_id(each, uuid4()) for each in ("Mobility", "Device", "Nothing")), "no id"]

    for each in (*theirs, *strange):
        assert await bed.ask(camille, NODE, id=each) == {"node": None}
    mobility = "query($id: ID!) { me { mobility(id: $id) { id } } }"
    for each in (theirs[0], theirs[2]):
        assert await bed.ask(ines, mobility, id=each) == {"me": {"mobility": None}}


async def test_an_inbox_is_read_page_by_page_to_its_end(bed: Bed):
    phone = await bed.phone("ines")
    for kind in ("nominated", "nomination_accepted"):
        await bed.take()
        await bed.until_told(phone, kind)
    pages: list[dict[str, Any]] = []
    after = None
    while True:
        pages.append((await bed.ask(phone, PAGE, first=1, after=after))["me"]["inbox"])
        after = pages[-1]["pageInfo"]["endCursor"]
        if not pages[-1]["pageInfo"]["hasNextPage"]:
            break
    whole = (await bed.ask(phone, PAGE, first=100))["me"]["inbox"]
    behind = (await bed.ask(phone, PAGE, first=5, after=after))["me"]["inbox"]
    none = (await bed.ask(phone, PAGE, first=0))["me"]["inbox"]

    assert len(pages) == 2
    assert [each["nodes"][0] for each in pages] == whole["nodes"]
    assert [each["cursor"] for each in whole["edges"]] == [each["id"] for each in whole["nodes"]]
    assert [each["pageInfo"]["hasPreviousPage"] for each in pages] == [
        number > 0 for number in range(len(pages))
    ]
    assert (behind["nodes"], behind["pageInfo"]) == (
        [],
        {"hasNextPage": False, "hasPreviousPage": True, "startCursor": None, "endCursor": None},
    )
    assert (none["nodes"], none["pageInfo"]["hasNextPage"]) == ([], True)
