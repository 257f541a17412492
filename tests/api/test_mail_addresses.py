"""Giving an address over HTTP: the honest, and who tries it on. And stopping mails."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from databases import until
from testbed import Bed, bed_running

from erasmus_app.cli.phones import Phone
from erasmus_app.errors import AddressRefused
from erasmus_app.ids import AccountId
from erasmus_app.notifications.mail_addresses import (
    CODE_LIFETIME,
    MOST_ASKED,
    MOST_CODES,
    MOST_TRIES,
    WINDOW,
    plain_address,
)
from erasmus_app.store.jobs import JobQueue
from erasmus_app.store.mail_addresses import MAIL_CODE, MailAddressTable
from erasmus_app.worker.loop import Worker
from erasmus_app.worker.mails import CodeMailer

ADDRESS = "ines@post.example"
ASK = """mutation ($address: String!) { setMailAddress(address: $address) {
  ... on MailAddress { address state } ... on MailAddressNotTaken { code } } }"""
CONFIRM = """mutation ($code: String!) { confirmMailAddress(code: $code) {
  ... on MailAddress { address state } ... on MailAddressNotTaken { code } } }"""
REMOVE = "mutation { removeMailAddress }"
MINE = "{ me { mailAddresses { address state } } }"
WRONG = {"code": "mail_code_wrong"}


@pytest.fixture
async def bed(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Bed]:
    """A backend with a worker that mails codes and does nothing else."""
    async with bed_running(dsn, valkey, tmp_path, worker=False) as bed:
        app, stop = bed.app, asyncio.Event()
        worker = Worker(
            queue=JobQueue(app.database),
            handlers={MAIL_CODE: CodeMailer(app.services, MailAddressTable(app.database))},
            limits={},
            concurrency=4,
            lease=timedelta(seconds=30),
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(worker.run(stop))
            yield bed
            stop.set()


async def ask(bed: Bed, phone: Phone, address: str = ADDRESS) -> dict[str, Any]:
    return (await bed.ask(phone, ASK, address=address))["setMailAddress"]


async def confirm(bed: Bed, phone: Phone, code: str) -> dict[str, Any]:
    return (await bed.ask(phone, CONFIRM, code=code))["confirmMailAddress"]


async def mine(bed: Bed, phone: Phone) -> list[tuple[str | None, str]]:
    found = (await bed.ask(phone, MINE))["me"]["mailAddresses"]
    return [(each["address"], each["state"]) for each in found]


async def code_of(bed: Bed, count: int = 1) -> str:
    """The code of the latest of so many mails."""
    mails = await bed.world.mail.wait(count)
    [code] = re.findall(r"\b\d{8}\b", mails[count - 1].get_body(("plain",)).get_content())
    return code


async def until_looked_at(bed: Bed) -> None:
    async def done() -> bool:
        left = await bed.app.database.fetchval("select count(*) from job where kind = 'mail-code'")
        return int(left) == 0

    await until(done)


async def pass_time(bed: Bed, time: timedelta) -> None:
    """Let everything have happened earlier."""
    await bed.app.database.execute(
        """update mail_address set asked_at = asked_at - $1::interval, mailed_at = mailed_at - $1,
               code_until = code_until - $1""",
        time,
    )


async def test_an_address_is_its_student_s_once_the_code_came_back(bed: Bed):
    phone = await bed.signed_in("ines")
    asked = await ask(bed, phone, f"  {ADDRESS.replace('post', 'POST')} ")
    code = await code_of(bed)
    before = await mine(bed, phone)
    said = [await confirm(bed, phone, f"{code[:4]} {code[4:]}") for _ in range(2)]

    assert asked == {"address": ADDRESS, "state": "WAITING"}
    assert before == [(ADDRESS, "WAITING")]
    assert said == [{"address": ADDRESS, "state": "CONFIRMED"}, WRONG]
    assert await mine(bed, phone) == [(ADDRESS, "CONFIRMED")]
    [mail] = bed.world.mail.received
    assert (mail["to"], mail["list-unsubscribe"]) == (ADDRESS, None)


async def test_the_old_address_stays_until_the_new_one_is_confirmed(bed: Bed):
    phone = await bed.signed_in("ines")
    await ask(bed, phone)
    await confirm(bed, phone, await code_of(bed))
    await ask(bed, phone, "new@post.example")
    both = await mine(bed, phone)
    await confirm(bed, phone, await code_of(bed, 2))

    assert both == [(ADDRESS, "CONFIRMED"), ("new@post.example", "WAITING")]
    assert await mine(bed, phone) == [("new@post.example", "CONFIRMED")]
    assert await bed.ask(phone, REMOVE) == {"removeMailAddress": True}
    assert await bed.ask(phone, REMOVE) == {"removeMailAddress": False}
    assert await mine(bed, phone) == []
    held = await bed.app.database.fetchval(
        "select count(*) from mail_address where address is not null or code_key is not null"
    )
    assert held == 0


async def test_a_code_is_guessed_five_times_and_lasts_half_an_hour(bed: Bed):
    phone = await bed.signed_in("ines")
    await ask(bed, phone)
    code = await code_of(bed)
    wrong = f"{(int(code) + 1) % 10**8:08}"
    assert [await confirm(bed, phone, wrong) for _ in range(MOST_TRIES)] == [WRONG] * MOST_TRIES
    assert await confirm(bed, phone, code) == WRONG

    await ask(bed, phone)
    late = await code_of(bed, 2)
    await pass_time(bed, CODE_LIFETIME)
    assert await confirm(bed, phone, late) == WRONG
    assert await mine(bed, phone) == []


async def test_another_s_code_confirms_nothing(bed: Bed):
    ines, tiago = await bed.signed_in("ines"), await bed.signed_in("tiago")
    await ask(bed, ines)
    code = await code_of(bed)
    await ask(bed, tiago, "tiago@post.example")
    await code_of(bed, 2)

    assert await confirm(bed, tiago, code) == WRONG
    assert await confirm(bed, ines, code) == {"address": ADDRESS, "state": "CONFIRMED"}


async def test_nobody_s_mailbox_is_filled_and_nobody_learns_who_else_asked(bed: Bed):
    ines, tiago = await bed.signed_in("ines"), await bed.signed_in("tiago")
    for n in range(MOST_CODES):
        await ask(bed, ines)
        await code_of(bed, n + 1)
    assert await ask(bed, tiago, ADDRESS.upper().replace("POST.EXAMPLE", "post.example")) == {
        "address": "INES@post.example",
        "state": "WAITING",
    }
    await until_looked_at(bed)
    assert len(bed.world.mail.received) == MOST_CODES

    answers = [await ask(bed, ines, f"a{n}@post.example") for n in range(MOST_ASKED)]
    assert [each.get("code") for each in answers] == [None] * 2 + ["mail_limit"] * 3
    await bed.ask(ines, REMOVE)  # which gives no new tries
    assert await ask(bed, ines) == {"code": "mail_limit"}
    await pass_time(bed, WINDOW)
    assert (await ask(bed, ines))["state"] == "WAITING"


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "ines",
            "@post.example",
            "ines@",
            "ines@post",
            "a@b@post.example",
            "a b@post.example",
        ),
        *("a@post..example", "a@.example", "a@-x.example", "a@10.0.0.1", "a@[10.0.0.1]"),
        *("ines@post.example\r\nBcc: b@post.example", "ines@post.example>", '"a"@post.example'),
        *("I <ines@post.example>", "inés@post.example", "a..b@post.example", ".a@post.example"),
        *("a@post.example,b@post.example", f"{'a' * 65}@post.example", f"a@{'b' * 250}.example"),
    ],
)
def test_what_is_no_plain_address_is_none(text: str):
    assert plain_address(text) is None


def test_an_address_keeps_its_case_before_the_at_and_not_after():
    assert plain_address(" Inês@x.example ") is None
    assert plain_address(" Ines.O'Neil+app@Post.EXAMPLE ") == "Ines.O'Neil+app@post.example"


async def test_what_cannot_be_is_refused_in_the_schema_s_words(bed: Bed):
    phone = await bed.signed_in("ines")
    assert await ask(bed, phone, "ines@post.example\r\nBcc: x@post.example") == {
        "code": "mail_address_invalid"
    }
    service = bed.app.services.mail_addresses
    off = replace(service, is_on=False)
    with pytest.raises(AddressRefused) as refused:
        await off.ask(AccountId(uuid4()), ADDRESS)
    assert (service.is_on, refused.value.code) == (True, "mail_off")


async def test_the_address_lies_sealed_and_the_code_as_a_hash(bed: Bed):
    phone = await bed.signed_in("ines")
    await ask(bed, phone)
    code = await code_of(bed)
    row = await bed.app.database.fetchrow("select m.*, m::text as whole from mail_address m")

    for secret in (ADDRESS, "post.example", code):
        assert secret not in row["whole"]
        assert secret.encode() not in bytes(row["address"])


async def test_who_looks_at_the_page_stops_nothing_and_a_made_up_address_is_none(bed: Bed):
    phone = await bed.signed_in("ines")
    await ask(bed, phone)
    await confirm(bed, phone, await code_of(bed))
    table = MailAddressTable(bed.app.database)
    address = await bed.app.database.fetchval("select address_id from mail_address")
    token = table.token(address)
    url = f"{bed.address}/mail/stop/"
    other = table.token(uuid4())
    forged = [token[:-4] + "AAAA", other[:21] + token[21:], token[:-1], "x", "%00", "é"]

    for each in forged:
        for method in ("GET", "POST"):
            answer = await bed.http.request(method, url + each)
            assert answer.status_code == 404, (method, each)
    page = await bed.http.get(url + token)
    head = await bed.http.request("HEAD", url + token)
    assert (page.status_code, head.status_code) == (200, 405)
    assert await mine(bed, phone) == [(ADDRESS, "CONFIRMED")]
    assert "script" not in page.text
    assert ADDRESS not in page.text
    assert "form-action 'self'" in page.headers["content-security-policy"]
    assert (page.headers["referrer-policy"], page.headers["cache-control"]) == (
        "no-referrer",
        "no-store",
    )

    form = {"List-Unsubscribe": "One-Click"}
    once = await bed.http.post(url + token, files={n: (None, v) for n, v in form.items()})
    assert once.status_code == 200
    assert await mine(bed, phone) == [(ADDRESS, "STOPPED")]
    gone = await bed.http.post(url + other, data=form)  # of an address that was removed since
    assert gone.status_code == 200
