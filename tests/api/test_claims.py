"""Claiming a mobility that no student identifier leads to: the honest, and who tries it on."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from api.test_roles import with_an_office
from databases import until
from testbed import Bed, bed_running
from unit.store.samples import ESI, HOME, OTHER_ESI, a_nomination, an_answer, take_in

from erasmus_app.cli.phones import Phone
from erasmus_app.identity.claiming import MOST_CLAIMS, MOST_MAILS, MOST_TRIES
from erasmus_app.mobilities.models import StudentData
from erasmus_app.store.claims import MAIL, ClaimTable
from erasmus_app.store.jobs import JobQueue
from erasmus_app.worker.claim import ClaimMailer
from erasmus_app.worker.loop import Worker
from sandbox.login_people import PEOPLE

BY_KEY = {each.key: each for each in PEOPLE}
BEATRIZ = BY_KEY["beatriz"]  # her university sends no ESI
ADDRESS = "bea@post.example"  # not the one of her login
CLAIM = """mutation($om: String!, $hei: String!) {
    claimMobility(sendingHei: $hei, omobilityId: $om) {
    ... on MobilityClaim { id state evidence isContradicted } ... on ClaimNotTaken { code } } }"""
CONFIRM = "mutation($id: ID!, $code: String!) { confirmClaim(id: $id, code: $code) }"
MINE = "{ me { claims { id state evidence isContradicted } mobilities { id } } }"
OFFICE = """query($hei: String!) { office(heiId: $hei) { claims { claim { id state }
    claimantName claimantEmail claimantHomes { heiId } studentName } } }"""
DECIDE = "mutation($id: ID!, $yes: Boolean!) { decideClaim(id: $id, accept: $yes) { state } }"


@pytest.fixture
async def bed(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Bed]:
    """A backend with an office, and a worker that mails and asks no partner."""
    async with bed_running(dsn, valkey, tmp_path, worker=False, prepare=with_an_office) as bed:
        app, stop = bed.app, asyncio.Event()
        worker = Worker(
            queue=JobQueue(app.database),
            handlers={MAIL: ClaimMailer(app.services, ClaimTable(app.database))},
            limits={},
            concurrency=4,
            lease=timedelta(seconds=30),
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(worker.run(stop))
            yield bed
            stop.set()


async def papers(
    bed: Bed,
    om: str = "om-1",
    esi: str | None = ESI,
    email: str | None = ADDRESS,
    minutes: int = 0,
) -> None:
    """Let a nomination be known; the student's names are Beatriz's."""
    student = StudentData(given_names="Beatriz", family_name="Fontes", esi=esi, email=email)
    answer = an_answer(a_nomination(student=student), omobility_id=om, minutes=minutes)
    await take_in(bed.app.records, answer)


async def claim(bed: Bed, phone: Phone, om: str = "om-1", hei: str = HOME) -> dict[str, Any]:
    return (await bed.ask(phone, CLAIM, om=om, hei=hei))["claimMobility"]


async def confirm(bed: Bed, phone: Phone, id: str, code: str) -> bool:
    return (await bed.ask(phone, CONFIRM, id=id, code=code))["confirmClaim"]


async def mailed(bed: Bed, count: int = 1) -> str:
    """Return the code of the latest mail."""
    mails = await bed.world.mail.wait(count)
    [code] = re.findall(r"^ {4}(\d{8})$", mails[count - 1].get_content(), re.MULTILINE)
    return code


async def mine(bed: Bed, phone: Phone) -> dict[str, Any]:
    return (await bed.ask(phone, MINE))["me"]


async def until_looked_at(bed: Bed) -> None:
    async def done() -> bool:
        left = await bed.app.database.fetchval("select count(*) from job where kind = 'mail-claim'")
        return int(left) == 0

    await until(done)


async def test_a_student_proves_a_claim_by_the_code_in_the_mail_to_the_papers_address(bed: Bed):
    await papers(bed)
    phone = await bed.signed_in("beatriz", language="de")
    begun = await claim(bed, phone)
    code = await mailed(bed)
    [mail] = bed.world.mail.received
    before = (await mine(bed, phone))["mobilities"]
    proved = [await confirm(bed, phone, begun["id"], f"{code[:4]} {code[4:]}") for _ in range(2)]
    found = await mine(bed, phone)

    assert (mail["to"], before, proved) == (ADDRESS, [], [True, False])
    assert [(each["state"], each["evidence"]) for each in found["claims"]] == [("GRANTED", "EMAIL")]
    assert len(found["mobilities"]) == 1
    content = mail.get_content()
    for secret in ("Beatriz", "Fontes", "om-1", "ribeira", ESI):
        assert secret not in content


async def test_nobody_can_tell_whether_there_is_such_a_mobility(bed: Bed):
    await papers(bed)
    await papers(bed, "om-bare", OTHER_ESI, None)
    phone = await bed.signed_in("beatriz")
    found = [await claim(bed, phone, om) for om in ("om-1", "om-unheard", "om-bare")]
    await until_looked_at(bed)
    rows = (await mine(bed, phone))["claims"]

    assert {tuple(each | {"id": ""}) for each in found} == {tuple(found[0])}
    assert {str(each | {"id": ""}) for each in found} == {str(found[0] | {"id": ""})}
    assert {str(each | {"id": ""}) for each in rows} == {str(found[0] | {"id": ""})}
    assert [await confirm(bed, phone, each["id"], "00000000") for each in found] == [False] * 3
    assert len(bed.world.mail.received) == 1


async def test_the_same_name_opens_nothing(bed: Bed):
    await papers(bed, email=None)
    phone = await bed.signed_in("beatriz")  # the papers have exactly her name
    await claim(bed, phone)
    await until_looked_at(bed)

    assert (await mine(bed, phone))["mobilities"] == []
    assert bed.world.mail.received == []


async def test_a_code_is_tried_a_few_times_and_not_at_once_more_often(bed: Bed):
    await papers(bed)
    phone = await bed.signed_in("beatriz")
    begun = await claim(bed, phone)
    code = await mailed(bed)
    wrong = f"{(int(code) + 1) % 10**8:08}"
    tries = await asyncio.gather(
        *(confirm(bed, phone, begun["id"], wrong) for _ in range(MOST_TRIES))
    )

    assert not any(tries)
    assert not await confirm(bed, phone, begun["id"], code)


async def test_a_code_is_good_for_ten_minutes_and_for_its_own_claim_and_account(bed: Bed):
    await papers(bed)
    phone, other = await bed.signed_in("beatriz"), await bed.signed_in("marta")
    begun, elses = await claim(bed, phone), await claim(bed, other, "om-unheard")
    code = await mailed(bed)

    assert not await confirm(bed, other, begun["id"], code)
    assert not await confirm(bed, other, elses["id"], code)
    assert not await confirm(bed, phone, "unheard", code)
    await bed.app.database.execute("update mobility_claim set code_until = now()")
    assert not await confirm(bed, phone, begun["id"], code)


async def test_papers_that_have_another_address_by_now_are_not_opened(bed: Bed):
    await papers(bed)
    phone = await bed.signed_in("beatriz")
    begun = await claim(bed, phone)
    code = await mailed(bed)
    await papers(bed, email="right@post.example", minutes=1)

    assert not await confirm(bed, phone, begun["id"], code)


async def test_there_is_a_limit_by_account_and_one_by_mobility(bed: Bed):
    await papers(bed)
    people = ["beatriz", *(f"b{n}" for n in range(MOST_MAILS))]
    bed.world.login.people = (
        *PEOPLE,
        *(msgspec.structs.replace(BEATRIZ, key=each) for each in people[1:]),
    )
    phones = [await bed.signed_in(each) for each in people]
    for each in phones:
        assert (await claim(bed, each))["state"] == "OPEN"  # the last one's looks like the others'
    await until_looked_at(bed)
    answers = [await claim(bed, phones[0], f"om-{n}") for n in range(MOST_CLAIMS)]

    assert len(bed.world.mail.received) == MOST_MAILS
    assert [each.get("code") for each in answers] == [None] * (MOST_CLAIMS - 1) + ["claim_limit"]


@pytest.mark.parametrize(
    ("who", "hei", "om", "code"),
    [
        ("guest", HOME, "om-1", "claim_guest"),
        ("beatriz", "no domain", "om-1", "claim_invalid"),
        ("beatriz", HOME, "", "claim_invalid"),
        ("beatriz", HOME, "a\nb", "claim_invalid"),
        ("beatriz", HOME, "a" * 256, "claim_invalid"),
    ],
)
async def test_what_cannot_be_claimed_is_not_taken(
    bed: Bed, who: str, hei: str, om: str, code: str
):
    assert await claim(bed, await bed.signed_in(who), om, hei) == {"code": code}


async def test_no_code_is_mailed_where_an_identifier_speaks_against_it(bed: Bed):
    [esi] = BY_KEY["ines"].unique_codes
    await bed.signed_in("ines")
    await papers(bed, "om-hers", esi)  # Inês sees it
    await papers(bed, "om-other", OTHER_ESI)
    await claim(bed, await bed.signed_in("beatriz"), "om-hers")
    await claim(bed, await bed.signed_in("tiago"), "om-other")  # he has another one himself
    await until_looked_at(bed)

    assert bed.world.mail.received == []


@pytest.mark.parametrize("address", ["a@b.example, c@d.example", "x\r\nBcc: e@f.example", "none"])
async def test_an_address_that_is_not_one_plain_one_gets_no_mail(bed: Bed, address: str):
    await papers(bed, email=address)
    await claim(bed, await bed.signed_in("beatriz"))
    await until_looked_at(bed)

    assert bed.world.mail.received == []


async def test_a_mail_that_is_not_taken_at_first_is_sent_again(bed: Bed, monkeypatch: Any):
    monkeypatch.setattr("erasmus_app.worker.claim.AGAIN_SECONDS", 0.2)
    bed.world.mail.refusals += [451, 421]
    await papers(bed)
    phone = await bed.signed_in("beatriz")
    begun = await claim(bed, phone)

    assert await confirm(bed, phone, begun["id"], await mailed(bed))


async def test_a_coordinator_decides_for_the_own_university_and_nobody_else(bed: Bed):
    await papers(bed, email=None)
    phone, marta = await bed.signed_in("beatriz"), await bed.signed_in("marta")
    begun = await claim(bed, phone)
    own = await claim(bed, marta)
    waiting = (await bed.ask(marta, OFFICE, hei=HOME))["office"]["claims"]
    for who in (phone, await bed.signed_in("emil")):
        assert (await bed.ask(who, OFFICE, hei=HOME))["office"] is None
        assert (await bed.ask(who, DECIDE, id=begun["id"], yes=True))["decideClaim"] is None
    assert (await bed.ask(marta, OFFICE, hei="lindental.example"))["office"] is None
    assert (await bed.ask(marta, DECIDE, id=own["id"], yes=True))["decideClaim"] is None
    unheard = await claim(bed, phone, "om-unheard")
    assert (await bed.ask(marta, DECIDE, id=unheard["id"], yes=True))["decideClaim"] is None
    done = (await bed.ask(marta, DECIDE, id=begun["id"], yes=True))["decideClaim"]

    assert waiting[0] == {
        "claim": {"id": begun["id"], "state": "OPEN"},
        "claimantName": BEATRIZ.name,
        "claimantEmail": BEATRIZ.email,
        "claimantHomes": [{"heiId": HOME}],
        "studentName": "Beatriz Fontes",
    }
    assert done == {"state": "GRANTED"}
    assert len((await mine(bed, phone))["mobilities"]) == 1
    seen = (
        await bed.ask(phone, "{ me { accessLog { nodes { actor heiId api purpose outcome } } } }")
    )["me"]
    assert seen["accessLog"]["nodes"] == 2 * [  # as who claims, and as the student of the papers
        {
            "actor": "STAFF",
            "heiId": HOME,
            "api": "office.claims",
            "purpose": "deciding",
            "outcome": "SHOWN",
        }
    ]


async def test_an_identifier_that_turns_up_later_flags_what_was_granted(bed: Bed):
    await papers(bed, esi=None)
    phone, marta = await bed.signed_in("beatriz"), await bed.signed_in("marta")
    begun = await claim(bed, phone)
    await confirm(bed, phone, begun["id"], await mailed(bed))
    calm = (await mine(bed, phone))["claims"][0]["isContradicted"]
    await papers(bed, minutes=1)  # the papers name a student by now
    still = (await mine(bed, phone))["claims"][0]["isContradicted"]
    now = msgspec.structs.replace(BEATRIZ, unique_codes=(OTHER_ESI,))
    bed.world.login.people = (now,)
    phone = await bed.signed_in("beatriz")  # her university sends one, and it is another
    flagged = (await mine(bed, phone))["claims"][0]["isContradicted"]
    [waiting] = (await bed.ask(marta, OFFICE, hei=HOME))["office"]["claims"]
    done = (await bed.ask(marta, DECIDE, id=begun["id"], yes=False))["decideClaim"]

    assert (calm, still, flagged) == (False, False, True)
    assert (waiting["claim"]["id"], done) == (begun["id"], {"state": "REFUSED"})
    assert (await mine(bed, phone))["mobilities"] == []


async def test_an_old_claim_is_mailed_no_code(bed: Bed):
    found = await bed.app.services.claiming.store.begin(
        (
            await bed.app.database.fetchval(
                "insert into account default values returning account_id"
            )
        ),
        HOME,
        "om-1",
        bed.app.services.clock() - timedelta(hours=1),
    )
    assert found is not None
    await papers(bed)
    await until_looked_at(bed)

    assert bed.world.mail.received == []
