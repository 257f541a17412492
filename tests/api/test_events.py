"""Subscriptions over server-sent events, on real sockets, with two backends on one database."""

from typing import Any

import httpx
import pytest
from subscribers import (
    EVENTS,
    MESSAGES,
    RECORD,
    account_of,
    another_process,
    changed,
    numbers,
    streaming,
    told,
)
from testbed import Bed

NEW_MESSAGES = "subscription { inboxMessage { id } }"


async def refusal(bed: Bed, method: str = "POST", **given: Any) -> tuple[int, str, str]:
    answer = await bed.http.request(method, f"{bed.address}/graphql", **given)
    [error] = answer.json()["errors"]
    return answer.status_code, error["extensions"]["code"], error["message"]


async def test_a_change_that_one_process_makes_is_heard_at_another(bed: Bed):
    phone = await bed.signed_in("ines")
    await changed(bed.app, "ines", 0)
    async with another_process(bed) as (_, elsewhere), streaming(bed, phone, RECORD) as here:
        first = await here.next("recordChanged")
        async with streaming(bed, phone, RECORD, elsewhere, after=first["version"]) as there:
            await changed(bed.app, "ines", 1)
            second = await there.next("recordChanged")

            assert await here.next("recordChanged") == second
            assert await there.is_still()

    assert second["version"] == second["me"]["recordVersion"] != first["version"]
    assert [each["me"]["mobilities"] for each in (first, second)] == [
        [{"state": "NOMINATED"}],
        [{"state": "READY"}],
    ]


async def test_who_has_the_record_hears_nothing_until_it_changes(bed: Bed):
    phone = await bed.signed_in("ines")
    await changed(bed.app, "ines", 0)
    version = (await bed.ask(phone, "{ me { recordVersion } }"))["me"]["recordVersion"]

    async with streaming(bed, phone, RECORD, after=version) as stream:
        await changed(bed.app, "tiago", 0)  # somebody else's
        await changed(bed.app, "ines", 0)  # the same again
        assert await stream.is_still()


async def test_messages_come_in_order_and_after_a_break_go_on_where_they_were(bed: Bed):
    phone = await bed.signed_in("ines")
    account = await account_of(bed, phone)
    await told(bed.app.database, account, 1)
    inbox = (await bed.ask(phone, "{ me { inbox { nodes { id } } } }"))["me"]["inbox"]
    await told(bed.app.database, account, 2)

    async with another_process(bed) as (other, elsewhere):
        async with streaming(
            bed, phone, MESSAGES, elsewhere, after=inbox["nodes"][0]["id"]
        ) as stream:
            await told(bed.app.database, account, 3)
            found = await stream.messages(2)
        await told(bed.app.database, account, 4)  # while nobody was connected
        await told(bed.app.database, account, 5)
        async with streaming(bed, phone, MESSAGES, after=found[-1]["id"]) as stream:
            await told(other.database, account, 6)
            found += await stream.messages(3)
            assert await stream.is_still()

    assert numbers(found) == [2, 3, 4, 5, 6]


async def test_without_a_place_to_go_on_from_only_what_is_new_comes(bed: Bed):
    phone = await bed.signed_in("ines")
    account = await account_of(bed, phone)
    await told(bed.app.database, account, 1)
    async with streaming(bed, phone, MESSAGES) as stream:
        await bed.until_waiting(1)
        await told(bed.app.database, account, 2)
        assert numbers(await stream.messages(1)) == [2]


@pytest.mark.parametrize("whose", ["others", "nobody's", "of another type", "no id"])
async def test_a_message_that_is_not_there_is_an_error_and_the_end(bed: Bed, whose: str):
    phone, other = await bed.signed_in("ines"), await bed.signed_in("tiago")
    await told(bed.app.database, await account_of(bed, other), 1)
    inbox = (await bed.ask(other, "{ me { id inbox { nodes { id } } } }"))["me"]
    after = {
        "others": inbox["inbox"]["nodes"][0]["id"],
        "nobody's": "TWVzc2FnZTowMDAwMDAwMC0wMDAwLTAwMDAtMDAwMC0wMDAwMDAwMDAwMDA",
        "of another type": inbox["id"],
        "no id": "1",
    }[whose]

    async with streaming(bed, phone, MESSAGES, after=after) as stream:
        _, data = await stream.event()
        assert await stream.event() == ("complete", None)

    assert [each["extensions"]["code"] for each in data["errors"]] == ["message_unknown"]
    assert data["errors"][0]["message"] == (
        "There is no such message. Read the inbox, and go on from there."
    )


async def test_queries_and_mutations_come_the_same_way_and_end(bed: Bed):
    phone = await bed.signed_in("ines")
    async with streaming(bed, phone, "{ me { displayName } }") as stream:
        found = [await stream.event() for _ in range(3)]
    async with streaming(bed, phone, "mutation { markRead(ids: []) }") as stream:
        marked = [await stream.event() for _ in range(2)]

    assert found == [
        ("next", {"data": {"me": {"displayName": "Inês Duarte"}}}),
        ("complete", None),
        ("", None),
    ]
    assert marked == [("next", {"data": {"markRead": 0}}), ("complete", None)]
    assert stream.response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert stream.response.headers["cache-control"] == "no-store"


async def test_what_is_refused_is_refused_before_a_stream_begins(bed: Bed):
    token = {"authorization": f"Bearer {(await bed.signed_in('ines')).token}"}
    deep = "{ me " * 15 + "}" * 15
    refused = [
        await refusal(bed, json={"query": NEW_MESSAGES}, headers=EVENTS),
        await refusal(bed, json={"query": deep}, headers=EVENTS | token),
        await refusal(bed, json={"query": "subscription {"}, headers=EVENTS | token),
        await refusal(bed, content=b"{", headers=EVENTS | token),
        await refusal(bed, json={"query": NEW_MESSAGES}, headers=token),
    ]

    assert [each[:2] for each in refused] == [
        (401, "not_signed_in"),
        (400, "document_invalid"),
        (400, "document_invalid"),
        (400, "json_malformed"),
        (400, "stream_needed"),
    ]


async def test_a_client_that_takes_either_gets_a_stream_only_for_what_is_one(bed: Bed):
    """As urql asks for everything."""
    kinds = "application/graphql-response+json, application/json, text/event-stream"
    token = f"Bearer {(await bed.signed_in('ines')).token}"
    headers = EVENTS | {"accept": kinds, "authorization": token}
    found = []
    for query in ("{ me { displayName } }", NEW_MESSAGES):
        async with bed.http.stream(
            "POST", f"{bed.address}/graphql", json={"query": query}, headers=headers
        ) as answer:
            found.append(answer.headers["content-type"])

    assert found == [
        "application/graphql-response+json; charset=utf-8",
        "text/event-stream; charset=utf-8",
    ]


@pytest.mark.parametrize("method", ["PUT", "GET"])
async def test_the_single_connection_mode_says_that_there_is_none(bed: Bed, method: str):
    token = {"authorization": f"Bearer {(await bed.signed_in('ines')).token}"}
    assert await refusal(bed, method, headers=EVENTS | token) == (
        405,
        "method_not_allowed",
        "GraphQL over SSE in distinct connections: POST only; there is no single connection",
    )


async def test_a_session_that_ends_ends_its_streams(bed: Bed):
    phone, laptop = await bed.signed_in("ines"), await bed.signed_in("ines")
    async with (
        another_process(bed) as (_, elsewhere),
        streaming(bed, phone, MESSAGES) as here,
        streaming(bed, phone, MESSAGES, elsewhere) as there,
        streaming(bed, laptop, MESSAGES) as others,
    ):
        await bed.until_waiting(2)
        await bed.ask(laptop, "mutation { endOtherSessions }")
        for stream in (here, there):
            name, data = await stream.event()
            assert (name, data["errors"][0]["extensions"]["code"]) == ("next", "session_over")
            assert [await stream.event(), await stream.event()] == [
                ("complete", None),
                ("", None),
            ]
        assert await others.is_still()


async def test_a_process_that_stops_says_so_and_is_not_held_up(bed: Bed):
    phone = await bed.signed_in("ines")
    async with (
        another_process(bed) as (other, elsewhere),
        streaming(bed, phone, MESSAGES, elsewhere) as stream,
    ):
        other.news.leaving.set()
        name, data = await stream.event()
        assert (name, data["errors"][0]["extensions"]["code"]) == ("next", "going_away")
        # Its end, while the server is there yet: that does not have to cut it off.
        assert [await stream.event(), await stream.event()] == [("complete", None), ("", None)]


async def test_who_leaves_is_not_waited_for(bed: Bed):
    phone = await bed.signed_in("ines")
    async with streaming(bed, phone, MESSAGES), streaming(bed, phone, RECORD):
        await bed.until_waiting(2)
    await bed.until_waiting(0)


async def test_a_session_has_so_many_streams_and_no_more(bed: Bed):
    phone = await bed.signed_in("ines")
    async with httpx.AsyncClient(timeout=20, trust_env=False) as http:
        headers = {**EVENTS, "authorization": f"Bearer {phone.token}"}
        found = []
        for _ in range(11):
            request = http.build_request(
                "POST", f"{bed.address}/graphql", json={"query": NEW_MESSAGES}, headers=headers
            )
            found.append(await http.send(request, stream=True))
        codes = [each.status_code for each in found]
        told = (await found[-1].aread()).decode()
        for each in found:
            await each.aclose()

    assert codes == [200] * 10 + [429]
    assert "too_many_operations" in told


async def planned(bed: Bed) -> tuple[float, list[str]]:
    """How many operations and events plans have answered; why others did not."""
    lines = (await bed.http.get(f"{bed.address}/metrics")).text.splitlines()
    [ran] = [each for each in lines if each.startswith("graphql_planned_total ")]
    return float(ran.split()[1]), [each for each in lines if "graphql_fell_back_total{" in each]


async def test_each_event_is_answered_by_the_plan_of_its_operation(bed: Bed):
    phone = await bed.signed_in("ines")
    async with streaming(bed, phone, RECORD) as stream:
        await stream.next("recordChanged")
        before = await planned(bed)
        for times in range(3):
            await changed(bed.app, "ines", times)
            await stream.next("recordChanged")
        after = await planned(bed)

    assert (after[0] - before[0], after[1]) == (3, before[1])
