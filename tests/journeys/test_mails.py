"""What nobody has seen in the app comes by mail: once, and only to who wants it there."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from databases import until
from journeys.scenes import Scene
from testbed import Bed, bed_running

from erasmus_app.cli.phones import Phone
from ewp.ids import OmobilityId

ADDRESS = "ines@post.example"
ASK = """mutation ($address: String!) { setMailAddress(address: $address) {
  ... on MailAddress { address state } ... on MailAddressNotTaken { code } } }"""
CONFIRM = """mutation ($code: String!) { confirmMailAddress(code: $code) {
  ... on MailAddress { address state } ... on MailAddressNotTaken { code } } }"""
MINE = "{ me { mailAddresses { address state } } }"
INBOX = "{ me { inbox(first: 50) { nodes { id kind } } devices { id } } }"
READ = "mutation ($ids: [ID!]!) { markRead(ids: $ids) }"
OPENED = """mutation ($device: ID!, $opened: [ID!]) {
  confirmPushes(device: $device, received: $opened, opened: $opened) }"""
RECEIVED = """mutation ($device: ID!, $received: [ID!]) {
  confirmPushes(device: $device, received: $received) }"""
SOON = "1.5"  # seconds: the twenty-four hours of these tests


@pytest.fixture
async def bed(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Bed]:
    async with bed_running(
        dsn, valkey, tmp_path, mail_after_seconds=SOON, mail_urgent_after_seconds=SOON
    ) as bed:
        yield bed


@pytest.fixture
async def patient(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Bed]:
    """A backend that waits as long as it does by default."""
    async with bed_running(dsn, valkey, tmp_path) as bed:
        yield bed


async def with_address(bed: Bed, phone: Phone, address: str = ADDRESS) -> None:
    before = len(bed.world.mail.received)
    asked = (await bed.ask(phone, ASK, address=address))["setMailAddress"]
    assert asked == {"address": address, "state": "WAITING"}
    mails = await bed.world.mail.wait(before + 1)
    content = mails[-1].get_body(("plain",)).get_content()
    [code] = re.findall(r"\b\d{8}\b", content)
    said = (await bed.ask(phone, CONFIRM, code=code))["confirmMailAddress"]
    assert said == {"address": address, "state": "CONFIRMED"}
    bed.world.mail.received.clear()
    bed.world.mail.wire.clear()


async def accepted(bed: Bed, phone: Phone, id: str = "om-mail") -> Scene:
    """A student who is told that she is accepted, which makes it her move."""
    scene = Scene(bed, phone, "ines", OmobilityId(id))
    await scene.nominated_and_accepted()
    await scene.announce()
    await until(lambda: told(bed, phone, "nomination_accepted"))
    return scene


async def told(bed: Bed, phone: Phone, kind: str) -> bool:
    return kind in {each["kind"] for each in (await inbox(bed, phone))["inbox"]["nodes"]}


async def inbox(bed: Bed, phone: Phone) -> dict[str, Any]:
    return (await bed.ask(phone, INBOX))["me"]


async def fates(bed: Bed) -> list[tuple[Any, ...]]:
    rows = await bed.app.database.fetch(
        """select kind, state, mail_delivery.last_error from mail_delivery
           join inbox_entry using (account_id, inbox_entry_id) order by created_at, kind"""
    )
    return [tuple(row) for row in rows]


async def fate(bed: Bed, kind: str = "nomination_accepted") -> list[tuple[Any, ...]]:
    return [each[1:] for each in await fates(bed) if each[0] == kind]


async def until_settled(bed: Bed) -> None:
    async def settled() -> bool:
        found = await fates(bed)
        return bool(found) and all(state != "pending" for _, state, _ in found)

    await until(settled)


async def test_what_is_not_seen_in_time_comes_as_one_mail_and_what_was_not_wanted_does_not(
    bed: Bed,
):
    phone = await bed.phone("ines", language="de")
    await with_address(bed, phone)
    await accepted(bed, phone)
    [mail] = await bed.world.mail.wait(1)
    await until_settled(bed)

    assert (mail["to"], mail["subject"]) == (ADDRESS, "Du bist angenommen")
    assert "Die Gasthochschule hat deine Nominierung angenommen." in mail.get_body(
        ("plain",)
    ).get_content().replace("\n", " ")
    assert await fate(bed) == [("sent", None)]
    assert await fate(bed, "nominated") in ([], [("dropped", "not_wanted")])
    assert len(bed.world.mail.received) == 1


async def test_a_push_that_only_came_is_not_seen_and_one_that_was_opened_is(bed: Bed):
    phone = await bed.phone("ines")
    await with_address(bed, phone)
    await accepted(bed, phone)
    me = await inbox(bed, phone)
    [device], entries = me["devices"], [each["id"] for each in me["inbox"]["nodes"]]
    await bed.ask(phone, RECEIVED, device=device["id"], received=entries)
    await bed.world.mail.wait(1)
    bed.world.mail.received.clear()

    await bed.app.database.execute(
        "update mail_delivery set state = 'pending', mail_id = null, planned_at = now()"
    )
    await bed.ask(phone, OPENED, device=device["id"], opened=entries)
    await bed.app.database.execute(
        """insert into job (kind, payload) select 'mail',
           jsonb_build_object('account_id', account_id) from mail_delivery limit 1"""
    )
    await until_settled(bed)
    assert await fate(bed) == [("dropped", "seen")]
    assert bed.world.mail.received == []


async def test_what_was_read_in_the_inbox_is_not_mailed(patient: Bed):
    bed = patient
    phone = await bed.phone("ines")
    await with_address(bed, phone)
    await accepted(bed, phone)
    me = await inbox(bed, phone)
    await bed.ask(phone, READ, ids=[each["id"] for each in me["inbox"]["nodes"]])
    await bed.app.database.execute(
        "update mail_delivery set planned_at = planned_at - interval '2 days'"
    )
    await bed.until_idle()
    await bed.app.database.execute("update job set due = now() where kind = 'mail'")
    await until_settled(bed)

    assert await fate(bed) == [("dropped", "seen")]
    assert bed.world.mail.received == []


async def test_without_a_device_it_comes_at_once_and_with_one_it_waits(patient: Bed):
    bed = patient
    phone = await bed.signed_in("ines")
    await with_address(bed, phone)
    scene = await accepted(bed, phone)
    await bed.world.mail.wait(1)

    bed.world.mail.received.clear()

    phone.fid = bed.world.push.register()
    await phone.register(bed.http)
    await scene.corrected(email="ines@new.example")
    await scene.announce()
    await until(lambda: told(bed, phone, "personal_data_changed"))
    await bed.until_idle()
    assert bed.world.mail.received == []
    assert await fate(bed, "personal_data_changed") == [("pending", None)]

    [device] = (await inbox(bed, phone))["devices"]  # the app says good-bye: nothing is left to see
    await bed.ask(phone, "mutation ($id: ID!) { removeDevice(id: $id) }", id=device["id"])
    await bed.world.mail.wait(1)
    await until_settled(bed)
    assert await fate(bed, "personal_data_changed") == [("sent", None)]


async def test_a_mail_is_stopped_from_itself_and_started_in_the_app(bed: Bed):
    phone = await bed.phone("ines")
    await with_address(bed, phone)
    scene = await accepted(bed, phone)
    [mail] = await bed.world.mail.wait(1)
    url = mail["list-unsubscribe"].strip("<>")
    path = f"{bed.address}/{url.split('/', 3)[3]}"

    page = await bed.http.get(path, headers={"Accept-Language": "pt"})
    assert page.status_code == 200, (path, page.text)
    assert 'lang="pt"' in page.text
    assert (await bed.ask(phone, MINE))["me"]["mailAddresses"][0]["state"] == "CONFIRMED"
    assert mail["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    done = [await bed.http.post(path, data={"List-Unsubscribe": "One-Click"}) for _ in range(2)]
    assert [each.status_code for each in done] == [200, 200]
    assert (await bed.ask(phone, MINE))["me"]["mailAddresses"] == [
        {"address": ADDRESS, "state": "STOPPED"}
    ]

    await scene.sent()
    await scene.announce()
    await until(lambda: told(bed, phone, "agreement_sent"))
    await bed.until_idle()
    assert len(bed.world.mail.received) == 1
    again = (await bed.ask(phone, ASK, address=ADDRESS))["setMailAddress"]
    assert again == {"address": ADDRESS, "state": "CONFIRMED"}


async def test_an_address_that_there_is_no_more_is_forgotten_and_the_student_sees_it(bed: Bed):
    phone = await bed.phone("ines")
    await with_address(bed, phone)
    bed.world.mail.answers["RCPT"] = ["550 5.1.1 <ines@post.example> is nobody"]
    await accepted(bed, phone)
    await until_settled(bed)

    assert bed.world.mail.received == []
    assert ("failed", "recipient_550_5.1.1") in await fate(bed)
    assert (await bed.ask(phone, MINE))["me"]["mailAddresses"] == [
        {"address": None, "state": "GONE"}
    ]
    held = await bed.app.database.fetch("select address from mail_address")
    assert [row["address"] for row in held] == [None]


async def test_several_that_are_due_are_one_mail_and_what_is_put_off_comes_with_the_same_id(
    bed: Bed,
):
    phone = await bed.phone("ines")
    await with_address(bed, phone)
    bed.world.mail.answers["CONTENT"] = ["451 4.3.0 try later"]
    scene = await accepted(bed, phone)
    await scene.sent()
    await scene.announce()
    await until(lambda: told(bed, phone, "agreement_sent"))
    await until(lambda: tried(bed))
    first = await bed.app.database.fetchval("select max(mail_id::text) from mail_delivery")
    await bed.app.database.execute("update job set due = now() where kind = 'mail'")
    mails = await bed.world.mail.wait(1)
    await until_settled(bed)

    assert first is not None
    assert mails[0]["message-id"].startswith(f"<{first}@")
    assert {each[1:] for each in await fates(bed)} <= {
        ("sent", None),
        ("dropped", "not_wanted"),
        ("sent", "content_451_4.3.0"),
        ("dropped", "overtaken"),
    }


async def tried(bed: Bed) -> bool:
    found = await bed.app.database.fetchval(
        "select count(*) from mail_delivery where last_error = 'content_451_4.3.0'"
    )
    return int(found) > 0
