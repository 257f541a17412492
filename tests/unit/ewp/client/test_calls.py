"""What goes out: where to, how often, and signed so that a stranger lets it in (guide §2.2, §3)."""

import asyncio

import pytest
from databases import until
from unit.ewp.catalogues import ANONYMOUS, HTTPSIG, TLSCERT
from unit.ewp.client.partner import CALLER, CNR, HEI, KEY, OTHER, PARTNER, calling
from unit.ewp.stranger import FORM

from ewp.client import AT_ONCE
from ewp.errors import ApiNotServed, ReplyInvalid
from ewp.messages.echo import EchoResponse

GET_AND_INDEX = ("get-url", "index-url", "update-url")
VALUES = ["a", "b", "a", "", " ", "żółć ✓", "1+1=2&x;y", "<a>", "%41/~", "'|[]"]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_stranger_hears_what_was_said_and_is_believed(calls, method):
    found = await calls.client().echo(KEY, HEI, VALUES, method=method)

    [heard] = calls.heard()
    assert found == EchoResponse(hei_ids=(HEI,), echoes=tuple(VALUES))
    assert (heard.method, heard.target.partition("?")[0]) == (method, "/api/url")
    assert heard.parameters == [("echo", each) for each in VALUES]
    assert heard.headers["host"] == calls.partner.origin.removeprefix("http://")
    assert heard.headers["want-digest"] == "SHA-256"
    assert heard.headers.get("content-type") == (FORM if method == "POST" else None)
    assert (heard.body == b"") is (method == "GET")


async def test_each_call_has_a_request_id_of_its_own(calls):
    for _ in range(2):
        await calls.client().echo(KEY, HEI, ["a"])

    first, second = calls.heard()
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/a%2Fb;c/~u", "/a%2Fb;c/~u/url?echo=x"),
        ("/a%7eb", "/a%7eb/url?echo=x"),
        ("/a/./b/../c", "/a/c/url?echo=x"),
        ("/a b|c", "/a%20b|c/url?echo=x"),
        ("/ł", "/%C5%82/url?echo=x"),
        ("/ewp?api=echo", "/ewp?api=echo/url&echo=x"),
    ],
)
async def test_what_is_signed_is_what_goes_over_the_wire(calls, path, target):
    calls.know(calls.partner.entry("echo", "2.0.1", path=path))

    await calls.client().echo(KEY, HEI, ["x"], method="GET")
    await calls.client().echo(KEY, HEI, ["x"])

    by_get, by_post = calls.heard()
    assert by_get.target == target
    assert by_post.target == target.removesuffix("echo=x")[:-1]


@pytest.mark.parametrize("endpoint", GET_AND_INDEX)
async def test_an_endpoint_is_taken_by_its_name(calls, endpoint):
    entry = calls.know(calls.partner.entry("omobilities", "3.0.0", urls=GET_AND_INDEX))
    calls.partner.body = b"<any/>"

    reply = await calls.client().call(KEY, HEI, entry, endpoint, parameters=[("a", "b")])

    [heard] = calls.heard()
    assert (heard.method, heard.target, heard.body) == ("POST", f"/api/{endpoint}", b"a=b")
    assert (reply.body, reply.signed_by) == (b"<any/>", PARTNER.key_id)
    assert (reply.hei_id, reply.api, reply.major) == (HEI, "omobilities", 3)


async def test_statistics_are_got(calls):
    entry = calls.know(calls.partner.entry("omobility-las", "1.2.0", urls=("stats-url",)))
    await calls.client().call(KEY, HEI, entry, "stats-url")

    [heard] = calls.heard()
    assert (heard.method, heard.target, heard.body) == ("GET", "/api/stats-url", b"")


async def test_a_document_goes_as_xml(calls):
    entry = calls.know(calls.partner.entry("omobilities", "3.0.0", urls=GET_AND_INDEX))

    await calls.client().call(KEY, HEI, entry, "update-url", body="<ł/>".encode())

    [heard] = calls.heard()
    assert heard.headers["content-type"] == "text/xml; charset=utf-8"
    assert heard.body.decode() == "<ł/>"


@pytest.mark.parametrize(
    ("limits", "chunks"),
    [
        ("<max-omobility-ids>2</max-omobility-ids>", [["a", "b"], ["c", "d"], ["e"]]),
        ("<max-omobility-ids>5</max-omobility-ids>", [["a", "b", "c", "d", "e"]]),
        ("<max-omobility-ids>0</max-omobility-ids>", [["a"], ["b"], ["c"], ["d"], ["e"]]),
        ("", [["a"], ["b"], ["c"], ["d"], ["e"]]),
    ],
)
async def test_ids_go_in_as_many_calls_as_the_limit_wants(calls, limits, chunks):
    ids = ["a", "b", "c", "d", "e", "a"]  # twice the same is asked once
    get = calls.know(calls.partner.entry("imobilities", "2.0.0", urls=["get-url"], limits=limits))
    replies = await calls.client().get_objects(KEY, HEI, get, ids, [("x", "y")])

    asked = [heard.parameters for heard in calls.heard()]
    assert asked == [[("x", "y"), *(("omobility_id", id_) for id_ in each)] for each in chunks]
    assert len(replies) == len(chunks)

    cnr = calls.know(calls.partner.entry("omobility-cnr", "2.0.0", limits=limits))
    calls.partner.body, calls.partner.heard = CNR, []
    await calls.client().send_cnr(KEY, HEI, cnr, ids, [("x", "y")])
    assert [heard.parameters for heard in calls.heard()] == asked


async def test_objects_are_got_where_the_api_has_one_address_only(calls):
    limits = "<max-hei-ids>3</max-hei-ids>"
    entry = calls.know(calls.partner.entry("institutions", "2.2.0", limits=limits))

    await calls.client().get_objects(KEY, HEI, entry, [HEI, OTHER], name="hei_id")

    [heard] = calls.heard()
    assert (heard.target, heard.parameters) == ("/api/url", [("hei_id", HEI), ("hei_id", OTHER)])


async def test_nothing_to_ask_is_no_call(calls):
    entry = calls.know(calls.partner.entry("imobilities", "2.0.0", urls=["get-url"]))

    assert await calls.client().get_objects(KEY, HEI, entry, []) == []
    assert calls.partner.heard == []


async def test_an_answer_to_a_notification_has_to_be_one(calls):
    entry = calls.know(calls.partner.entry("omobility-cnr", "2.0.0"))
    calls.partner.body = b"<html/>"

    with pytest.raises(ReplyInvalid):
        await calls.client().send_cnr(KEY, HEI, entry, ["a"])


@pytest.mark.parametrize("signs", [True, False])
async def test_whoever_lets_everybody_in_is_not_told_who_asks(calls, signs):
    entry = calls.know(
        calls.partner.entry("factsheet", "1.2.0", client=ANONYMOUS + TLSCERT, signs=signs)
    )

    reply = await calls.client().get_objects(KEY, HEI, entry, [HEI], name="hei_id")

    [heard] = calls.partner.heard
    assert "authorization" not in heard.headers
    assert heard.headers["accept-signature"] == "rsa-sha256"
    assert reply[0].signed_by == (PARTNER.key_id if signs else None)


async def test_whoever_takes_both_is_told(calls):
    entry = calls.know(calls.partner.entry("factsheet", "1.2.0", client=ANONYMOUS + HTTPSIG))

    await calls.client().call(KEY, HEI, entry)

    assert len(calls.heard()) == 1


@pytest.mark.parametrize(
    ("changes", "endpoint"),
    [
        ({"client": TLSCERT}, "url"),
        ({}, "get-url"),
        ({"path": "#a"}, "url"),
        ({"path": "@partner.example:99999"}, "url"),
        ({"path": "\u200b.example"}, "url"),
    ],
)
async def test_what_cannot_be_called_is_not(calls, changes, endpoint):
    entry = calls.know(calls.partner.entry("echo", "2.0.1", **changes))

    with pytest.raises(ApiNotServed):
        await calls.client().call(KEY, HEI, entry, endpoint, method="GET", parameters=[("a", "b")])
    assert calls.partner.heard == []


async def test_students_data_take_no_unprotected_way(calls):
    real, calls.partner.origin = calls.partner.origin, "http://partner.example"
    entry = calls.know()
    calls.partner.origin = real

    with pytest.raises(ApiNotServed):
        await calls.client().call(KEY, HEI, entry)


async def test_a_name_and_password_in_an_address_do_not_replace_the_signature(calls):
    calls.partner.origin = calls.partner.origin.replace("http://", "http://user:secret@")
    entry = calls.know()

    with pytest.raises(ApiNotServed) as refused:
        await calls.client().call(KEY, HEI, entry)
    assert "secret" not in str(refused.value)


async def test_who_left_the_catalogue_is_not_called(calls):
    client, entry = calls.client(), calls.know()
    calls.know(calls.partner.entry("echo", "2.0.1", path="/moved"))

    with pytest.raises(ApiNotServed):
        await client.call(KEY, HEI, entry)
    with pytest.raises(ApiNotServed):
        await client.call(KEY, OTHER, calls.catalogue.entry(HEI, "echo", 2))
    with pytest.raises(ApiNotServed):
        await client.echo(KEY, OTHER, [])


async def test_a_partner_is_not_overrun(calls):
    calls.partner.silent = asyncio.Event()
    client = calls.client()

    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(client.echo(KEY, HEI, [str(n)])) for n in range(AT_ONCE + 2)]
        await until(lambda: len(calls.partner.heard) == AT_ONCE)
        calls.partner.silent.set()

    assert [task.result().echoes for task in asked] == [(str(n),) for n in range(AT_ONCE + 2)]
    assert calls.partner.most_under_way == AT_ONCE


async def test_one_slow_partner_holds_up_no_other(calls):
    async with calling() as other:
        calls.partner.silent = asyncio.Event()
        client = calls.client()
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(client.echo(KEY, HEI, []))
            await until(lambda: len(calls.partner.heard) == AT_ONCE)
            calls.catalogue, known = other.catalogue, calls.catalogue
            assert (await client.echo(KEY, HEI, ["a"])).echoes == ("a",)
            calls.catalogue = known
            calls.partner.silent.set()


async def test_it_is_the_callers_key_that_signs(calls):
    await calls.client().echo(KEY, HEI, [])

    assert f'keyId="{CALLER.key_id}"' in calls.partner.heard[0].headers["authorization"]
