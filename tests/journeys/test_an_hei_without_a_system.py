"""Outono has no EWP system: its office's script feeds us; partners read, decide and are told."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import fed
import pytest
from databases import until
from fed import CLAIRVAL, GRADES, LINDENTAL, OM, OUTONO, RIBEIRA, Feed, call
from msgspec.structs import replace
from testbed import Bed, bed_running

from erasmus_app.app import create_app
from erasmus_app.ids import HeiId
from ewp.errors import PartnerRefused, RequestRefused
from ewp.host_services import CnrService
from ewp.messages import imobilities, imobility_tors, omobilities, omobility_las
from sandbox import office
from sandbox.cast import INES

MOBILITIES = """{ me { mobilities {
    state sendingInstitution { heiId } learningAgreement { state }
} } }"""


@pytest.fixture
async def bed(dsn: str, valkey: str, tmp_path: Path) -> AsyncIterator[Bed]:
    async with bed_running(dsn, valkey, tmp_path, prepare=fed.outono) as bed:
        yield bed


async def until_heard(bed: Bed, count: int, hei: HeiId = LINDENTAL):
    """The notices that a partner got, once there are so many; what comes together is one."""
    heard = bed.world.network.heis[hei].heard
    await until(lambda: len(heard) >= count)
    await bed.until_idle()
    return list(heard)


async def got(bed: Bed, api: str, major: int, read, caller: HeiId = LINDENTAL, om: str = OM):
    """What a partner is shown of one mobility."""
    parameters = [("omobility_id", om)]
    if major == 1 or (api, major) in {("omobilities", 2), ("imobility-tors", 2)}:
        parameters.append(
            ("receiving_hei_id" if api.startswith("imob") else "sending_hei_id", OUTONO)
        )
    return read((await call(bed, caller, api, major, "get", parameters)).body)


async def states(bed: Bed, phone) -> list[tuple[str, str | None]]:
    answer = await bed.ask(phone, MOBILITIES)
    return [
        (each["state"], (each["learningAgreement"] or {}).get("state"))
        for each in answer["me"]["mobilities"]
        if each["sendingInstitution"]["heiId"] == OUTONO
    ]


async def test_a_nomination_is_fed_read_approved_and_the_student_is_told(bed: Bed):
    phone, script = await bed.phone("ines"), Feed(bed)

    assert await script.given(fed.nominations(fed.nomination())) == (1, 1, 0)
    assert await until_heard(bed, 1) == [("omobility-cnr", {OUTONO}, (OM,))]
    index = await call(bed, LINDENTAL, "omobilities", 3, "index")
    assert omobilities.read_index_response(index.body) == (OM,)
    assert await got(bed, "omobilities", 3, omobilities.read_get_response) == (fed.nomination(),)
    assert await got(bed, "omobilities", 3, omobilities.read_get_response, CLAIRVAL) == ()

    approve = omobilities.ApproveProposal(omobility_id=OM, proposal_id="out-1")
    body = omobilities.write_update_request(approve)
    await call(bed, LINDENTAL, "omobilities", 3, "update", body=body)
    assert await bed.kinds(phone, 1) == ["nomination_accepted"]
    assert await until_heard(bed, 2) == [("omobility-cnr", {OUTONO}, (OM,))] * 2
    approved = fed.nomination(status=omobilities.StatusV3.APPROVED)
    assert await got(bed, "omobilities", 3, omobilities.read_get_response) == (approved,)
    assert await states(bed, phone) == [("ACCEPTED", "NOT_SHARED")]

    with pytest.raises(PartnerRefused) as refused:
        await call(bed, LINDENTAL, "omobilities", 3, "update", body=body)
    assert refused.value.status == 409
    [decision] = await script.decisions()
    told = {name: decision[name] for name in ("api", "omobility_id", "proposal_id", "operation")}
    assert (told, decision["hei_id"], decision["comment"]) == (
        {
            "api": "omobilities",
            "omobility_id": OM,
            "proposal_id": "out-1",
            "operation": "approve-proposal-v1",
        },
        LINDENTAL,
        None,
    )
    assert omobilities.read_update_request(decision["request"].encode()) == approve
    assert await script.decisions(since=decision["decided_at"]) == [decision]
    assert await script.decisions(since="2099-01-01T00:00:00Z") == []


async def test_a_decision_and_a_document_at_the_same_moment_end_in_the_decision(bed: Bed):
    phone, script = await bed.phone("ines"), Feed(bed)
    document = fed.nominations(fed.nomination())
    await script.given(document)
    approve = omobilities.ApproveProposal(omobility_id=OM, proposal_id="out-1")
    body = omobilities.write_update_request(approve)

    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(script.give(document))
        group.create_task(call(bed, LINDENTAL, "omobilities", 3, "update", body=body))
        group.create_task(script.give(document))

    assert await bed.kinds(phone, 1) == ["nomination_accepted"]
    [shown] = await got(bed, "omobilities", 3, omobilities.read_get_response)
    assert shown.status is omobilities.StatusV3.APPROVED
    await bed.until_idle()
    assert await bed.kinds(phone, 1) == ["nomination_accepted"]


async def test_nobody_asks_over_the_network_for_what_is_fed(bed: Bed):
    await Feed(bed).given(fed.nominations(fed.nomination()))

    async def partners_are_asked() -> bool:
        rows = await bed.app.database.fetch(
            """select payload->>'hei_id' as hei_id from job
               where kind = 'poll' and payload->>'tenant' = $1""",
            OUTONO,
        )
        found = {row["hei_id"] for row in rows}
        assert OUTONO not in found
        return LINDENTAL in found

    await until(partners_are_asked)


async def test_a_script_that_has_not_heard_of_a_decision_does_not_undo_it(bed: Bed):
    phone, script = await bed.phone("ines"), Feed(bed)
    await script.given(fed.nominations(fed.nomination()))
    reject = omobilities.RejectProposal(
        omobility_id=OM, proposal_id="out-1", comment="Between the offices: no place is free."
    )
    await call(
        bed, LINDENTAL, "omobilities", 3, "update", body=omobilities.write_update_request(reject)
    )
    assert await bed.kinds(phone, 1) == ["nomination_refused"]

    assert await script.given(fed.nominations(fed.nomination())) == (1, 0, 0)
    [shown] = await got(bed, "omobilities", 3, omobilities.read_get_response)
    assert shown.status is omobilities.StatusV3.REJECTED
    assert (await script.decisions())[0]["comment"] == reject.comment

    anew = fed.nomination(proposal="out-2", nominee_isced_f_code="0611")
    assert await script.given(fed.nominations(anew)) == (1, 1, 0)
    assert await got(bed, "omobilities", 3, omobilities.read_get_response) == (anew,)
    answer = await bed.http.post(
        f"{bed.address}/graphql",
        json={"query": "{ me { mobilities { state } inbox { nodes { title body } } } }"},
        headers={"authorization": f"Bearer {phone.token}"},
    )
    assert "Between the offices" not in answer.text


async def test_what_the_office_removes_is_gone_at_once_for_everybody(bed: Bed):
    phone, script = await bed.phone("ines"), Feed(bed)
    other = fed.nomination("out-8", receiving=CLAIRVAL)
    await script.given(fed.nominations(fed.nomination(), other))
    await until_heard(bed, 1)

    assert await script.given(fed.nominations(other), complete="true") == (1, 0, 1)
    inbox = (await bed.ask(phone, "{ me { inbox { nodes { kind } } } }"))["me"]["inbox"]["nodes"]
    assert inbox == [{"kind": "nomination_vanished"}]
    assert await until_heard(bed, 2) == [("omobility-cnr", {OUTONO}, (OM,))] * 2
    assert await got(bed, "omobilities", 3, omobilities.read_get_response) == ()
    stored = await bed.app.database.fetchrow(
        "select xml, student_key from own_object where object_id = $1", OM
    )
    assert tuple(stored) == (None, None)

    taken = await script.take_back("omobilities", "out-8")
    assert (taken.status_code, taken.json()) == (200, {"received": 0, "changed": 0, "removed": 1})
    again = await script.take_back("omobilities", "out-8")
    assert (again.status_code, again.json()["removed"]) == (200, 0)
    assert (await script.take_back("omobilities", "unheard")).status_code == 404


async def test_a_learning_agreement_is_fed_signed_changed_and_sent_back(bed: Bed):
    phone, script = await bed.phone("ines"), Feed(bed)
    read = omobility_las.read_get_response
    await script.given(fed.nominations(fed.nomination()))
    assert await script.given(fed.agreements(fed.agreement())) == (1, 1, 0)
    await until_heard(bed, 2)
    assert await got(bed, "omobility-las", 1, read) == (fed.agreement(),)

    async def decide(operation):
        request = omobility_las.UpdateRequest(sending_hei_id=OUTONO, operation=operation)
        body = omobility_las.write_update_request(request)
        await call(bed, LINDENTAL, "omobility-las", 1, "update", body=body)

    await decide(
        omobility_las.ApproveProposal(
            omobility_id=OM, changes_proposal_id="la-1", signature=fed.BY_R
        )
    )
    assert await bed.kinds(phone, 1) == ["agreement_signed_without_credits"]
    await until_heard(bed, 3)
    [signed] = await got(bed, "omobility-las", 1, read)
    assert (signed.changes_proposal, signed.first_version.receiving_hei_signature) == (
        None,
        fed.BY_R,
    )

    change = replace(
        signed, changes_proposal=fed.agreement("la-2", title="Rivers").changes_proposal
    )
    assert await script.given(fed.agreements(change)) == (1, 1, 0)
    await bed.until_told(phone, "change_sent")
    await until_heard(bed, 4)
    await decide(
        omobility_las.CommentProposal(
            omobility_id=OM,
            changes_proposal_id="la-2",
            comment="Rivers is not taught.",
            signature=fed.BY_R,
        )
    )
    await bed.until_told(phone, "change_sent_back")
    assert await got(bed, "omobility-las", 1, read) == (signed,)
    assert await script.given(fed.agreements(change)) == (1, 0, 0)  # the script is behind
    assert await got(bed, "omobility-las", 1, read) == (signed,)
    assert [each["operation"] for each in await script.decisions()] == [
        "approve-proposal-v1",
        "comment-proposal-v1",
    ]
    las = [each for each in await until_heard(bed, 5) if each[0] == "omobility-la-cnr"]
    assert las == [("omobility-la-cnr", {OUTONO}, (OM,))] * 4


async def test_a_first_agreement_that_is_sent_back_vanishes_until_there_is_another(bed: Bed):
    phone, script = await bed.phone("ines"), Feed(bed)
    await script.given(fed.agreements(fed.agreement()))
    operation = omobility_las.CommentProposal(
        omobility_id=OM, changes_proposal_id="la-1", comment="no", signature=fed.BY_R
    )
    request = omobility_las.UpdateRequest(sending_hei_id=OUTONO, operation=operation)
    body = omobility_las.write_update_request(request)
    await call(bed, LINDENTAL, "omobility-las", 1, "update", body=body)

    assert await bed.kinds(phone, 1) == ["agreement_sent_back"]
    assert await got(bed, "omobility-las", 1, omobility_las.read_get_response) == ()
    assert await script.given(fed.agreements(fed.agreement())) == (1, 0, 0)
    assert await got(bed, "omobility-las", 1, omobility_las.read_get_response) == ()
    assert await script.given(fed.agreements(fed.agreement("la-2"))) == (1, 1, 0)
    await bed.until_told(phone, "agreement_sent")


async def test_a_receiving_hei_feeds_arrivals_and_a_transcript(bed: Bed):
    """Of a student whom Clairval has nominated in the old family."""
    there, script, om = bed.world.network.heis[CLAIRVAL], Feed(bed), "CLV/1"
    office.nominate_old(there, INES, OUTONO, om)
    phone = await bed.phone("ines")
    entry = bed.world.network.known().entry(OUTONO, "omobility-cnr", 1)
    await bed.world.network.client().send_cnr(
        bed.world.network.keys[CLAIRVAL], OUTONO, entry, [om], [("sending_hei_id", CLAIRVAL)]
    )
    await bed.until_told(phone, "nominated")
    read = imobilities.read_get_response

    accepted = imobilities.IncomingMobilityV1(
        omobility_id=om, status=imobilities.NominationStatus.VERIFIED, comment="A room is held."
    )
    assert await script.given(imobilities.write_get_response([accepted], major=1)) == (1, 1, 0)
    came = replace(accepted, actual_arrival_date=date(2026, 11, 20))
    assert await script.given(imobilities.write_get_response([came], major=1)) == (1, 1, 0)
    await bed.until_told(phone, "arrival_confirmed")
    assert await got(bed, "imobilities", 1, read, CLAIRVAL, om) == (came,)
    assert await got(bed, "imobilities", 2, read, CLAIRVAL, om) == (
        imobilities.IncomingMobilityV2(omobility_id=om, actual_arrival_date=date(2026, 11, 20)),
    )
    assert await got(bed, "imobilities", 1, read, LINDENTAL, om) == ()

    issuer = bed.world.network.heis[RIBEIRA]
    office.issue_transcript(issuer, INES, CLAIRVAL, om, grades=GRADES)
    transcript = issuer.kept.transcripts[om]
    elsewhere = imobility_tors.write_get_response([transcript], major=2)
    assert (await script.give(elsewhere)).json()["code"] == "not_the_master"
    ours = elsewhere.replace(RIBEIRA.encode(), OUTONO.encode())
    assert await script.given(ours) == (1, 1, 0)
    [shown] = await got(bed, "imobility-tors", 2, imobility_tors.read_get_response, CLAIRVAL, om)
    assert shown.omobility_id == om
    heard = await until_heard(bed, 2, CLAIRVAL)
    assert heard[-1] == ("imobility-tor-cnr", {OUTONO}, (om,))
    assert {each[0] for each in heard[:-1]} == {"imobility-cnr"}


async def test_a_partner_that_is_down_is_told_when_it_is_back(bed: Bed):
    script, network = Feed(bed), bed.world.network
    network.down.add(LINDENTAL)
    await script.given(fed.nominations(fed.nomination()))

    async def tried() -> bool:
        waiting = "select due > requested_at + interval '0.3 s' from job where kind = $1"
        return bool(await bed.app.database.fetchval(waiting, "announce"))

    await until(tried)
    assert list(network.heis[LINDENTAL].heard) == []
    await script.given(fed.nominations(fed.nomination("out-9")))
    network.down.clear()
    assert await until_heard(bed, 1) == [("omobility-cnr", {OUTONO}, (OM, "out-9"))]


async def test_a_notice_outlives_a_restart(dsn: str, valkey: str, tmp_path: Path):
    async with bed_running(dsn, valkey, tmp_path, prepare=fed.outono, worker=False) as bed:
        await Feed(bed).given(fed.nominations(fed.nomination()))
        assert list(bed.world.network.heis[LINDENTAL].heard) == []

        async with bed.working():  # another process, which has only the table of jobs
            heard = await until_heard(bed, 1)
        assert heard == [("omobility-cnr", {OUTONO}, (OM,))]
        assert create_app(bed.app)


async def test_an_hei_with_a_system_may_feed_its_own_changes_and_is_served_by_nobody_else(
    bed: Bed,
):
    phone = await bed.phone("ines")
    await bed.until_polled(1)
    script = Feed(bed, token=fed.OF_RIBEIRA, hei=RIBEIRA)
    nomination = fed.nomination("rib-own", sending=RIBEIRA)

    assert await script.given(fed.nominations(nomination)) == (1, 1, 0)
    assert await bed.kinds(phone, 1) == ["nominated"]
    await bed.until_idle()
    assert list(bed.world.network.heis[LINDENTAL].heard) == []


async def until_nothing_is_to_be_told(bed: Bed) -> None:
    async def nothing() -> bool:
        left = "select count(*) from own_object where announced_revision < revision"
        return int(await bed.app.database.fetchval(left)) == 0

    await until(nothing)


class Refuses:
    """A receiver that turns every notice down."""

    def __init__(self) -> None:
        self.asked = 0

    async def changed(self, *_: object) -> None:
        self.asked += 1
        raise RequestRefused("not today")


async def test_a_notice_that_is_refused_is_not_repeated(bed: Bed):
    receiver = Refuses()
    bed.world.network.instead[LINDENTAL] = (CnrService("omobility-cnr", 2, receiver),)
    await Feed(bed).given(fed.nominations(fed.nomination()))

    await until_nothing_is_to_be_told(bed)
    await bed.until_idle()
    assert receiver.asked == 1
    assert await bed.number("erasmus_jobs", kind="announce", state="dead") == 0


async def test_a_partner_that_is_away_for_a_day_is_given_up(bed: Bed):
    bed.world.network.down.add(LINDENTAL)
    await Feed(bed).given(fed.nominations(fed.nomination()))
    await bed.app.database.execute("update own_object set changed_at = now() - interval '25 h'")

    await bed.app.database.execute("update job set due = now() where kind = 'announce'")
    await until_nothing_is_to_be_told(bed)
    await bed.until_idle()
    assert await bed.number("erasmus_jobs", kind="announce", state="waiting") == 0
    assert list(bed.world.network.heis[LINDENTAL].heard) == []


async def test_a_partner_without_a_receiver_is_not_waited_for(bed: Bed):
    jezioro = HeiId("jezioro.example")
    assert bed.world.network.known().entry(jezioro, "omobility-cnr", 2) is None
    await Feed(bed).given(fed.nominations(fed.nomination(receiving=jezioro)))

    await until_nothing_is_to_be_told(bed)
    await bed.until_idle()
    assert await bed.number("erasmus_jobs", kind="announce", state="waiting") == 0


async def test_many_changes_are_told_in_as_few_notices_as_the_partner_takes(bed: Bed):
    script, ids = Feed(bed), [f"out-{n:02}" for n in range(45)]
    await script.given(fed.nominations(*map(fed.nomination, ids)))

    heard = await until_heard(bed, 3)
    assert [len(told) for _, _, told in heard] == [20, 20, 5]
    assert sorted(each for _, _, told in heard for each in told) == ids
