"""The lives of the story's mobilities, from a university's signed XML to a student's phone."""

import pytest
from databases import until
from testbed import Bed, bed_running

from erasmus_app.ids import HeiId, OmobilityId
from erasmus_app.mobilities.models import Api
from erasmus_app.worker.refresh import Refresher

RECORD = """{ me { mobilities {
    direction state
    sendingInstitution { heiId } receivingInstitution { heiId }
    whoseMove { party step institution { heiId } contact { email } }
    nomination { family status decision }
    learningAgreement {
        state studiedCredits { scheme value }
        firstVersion { signatures { signer name } }
    }
} } }"""


@pytest.mark.long
async def test_each_step_of_every_mobility_reaches_the_right_phone_once(bed: Bed):
    phones = {key: await bed.phone(key) for key in ("ines", "camille", "zofia", "jonas", "tiago")}
    expected: dict[str, list[str]] = {key: [] for key in phones}
    while steps := await bed.take():
        for step in steps:
            assert step.expects is not None
            expected[step.student].append(step.expects)
            phone = phones[step.student]
            told = await bed.kinds(phone, len(expected[step.student]))
            assert told == expected[step.student], step.title
        await bed.until_looked()

    await bed.until_polled()
    await bed.until_idle()
    received = {key: await bed.kinds(phone, 0) for key, phone in phones.items()}
    assert received == expected
    assert await bed.number("erasmus_deliveries_total", state="accepted") == 37
    assert sum(map(len, expected.values())) == 37


async def test_an_outgoing_student_sees_where_the_mobility_stands_and_who_signs_next(bed: Bed):
    phone = await bed.phone("ines")
    await bed.take(5)  # nominated and accepted, Camille too; then Inês sends the agreement
    await bed.until_told(phone, "agreement_sent")
    await bed.until_polled(1)  # the nomination comes by a poll of its own

    assert await bed.ask(phone, RECORD) == {
        "me": {
            "mobilities": [
                {
                    "direction": "OUTGOING",
                    "state": "LA_AWAITING_RECEIVING",
                    "sendingInstitution": {"heiId": "ribeira.example"},
                    "receivingInstitution": {"heiId": "lindental.example"},
                    "whoseMove": {
                        "party": "RECEIVING_HEI",
                        "step": "LA_SIGNED",
                        "institution": {"heiId": "lindental.example"},
                        "contact": {"email": "international@lindental.example"},
                    },
                    "nomination": {"family": "NEW", "status": "APPROVED", "decision": "ACCEPTED"},
                    "learningAgreement": {
                        "state": "AWAITING_RECEIVING",
                        "studiedCredits": [{"scheme": "ects", "value": "24.5"}],
                        "firstVersion": None,
                    },
                }
            ]
        }
    }


async def test_an_incoming_student_of_the_old_family_is_accepted_by_the_host_s_own_word(bed: Bed):
    phone = await bed.phone("camille")
    await bed.take(4)
    await bed.until_told(phone, "nomination_accepted")

    [mobility] = (await bed.ask(phone, RECORD))["me"]["mobilities"]
    assert (mobility["direction"], mobility["state"], mobility["nomination"]) == (
        "INCOMING",
        "ACCEPTED",
        {"family": "OLD", "status": "NOMINATION", "decision": "ACCEPTED"},
    )


async def test_the_first_synchronisation_makes_records_and_no_messages(dsn, valkey, tmp_path):
    async with bed_running(dsn, valkey, tmp_path, before=2) as bed:
        phone = await bed.phone("ines")
        [mobility] = (await bed.ask(phone, RECORD))["me"]["mobilities"]
        assert mobility["state"] == "ACCEPTED"
        assert (await bed.ask(phone, "{ me { inbox { nodes { kind } } } }"))["me"] == {
            "inbox": {"nodes": []}
        }

        await bed.take(3)  # two of Camille's, then one of Inês'
        assert await bed.kinds(phone, 1) == ["agreement_sent"]


async def test_a_first_synchronisation_is_not_silent_about_what_a_notification_had_brought(
    dsn, valkey, tmp_path
):
    async with bed_running(dsn, valkey, tmp_path, before=17, worker=False) as bed:
        phone = await bed.phone("zofia")
        refresh = Refresher(bed.app.services, bed.app.records).refresh
        what = (HeiId("ribeira.example"), HeiId("jezioro.example"), Api.OMOBILITY_LAS)
        ids = [OmobilityId("uj-310442-1")]
        await refresh(*what, HeiId("jezioro.example"), ids)  # as a notification's job does
        await bed.take()
        await refresh(*what, HeiId("jezioro.example"), ids, silent=True)  # as the first poll does

        inbox = (await bed.ask(phone, "{ me { inbox { nodes { kind } } } }"))["me"]["inbox"][
            "nodes"
        ]
    assert inbox == [{"kind": "agreement_signed"}, {"kind": "agreement_sent"}]


async def test_a_restart_tells_what_happened_meanwhile_once(dsn, valkey, tmp_path):
    async with bed_running(dsn, valkey, tmp_path) as bed:
        phone = await bed.phone("ines")
        await bed.take()
        await bed.pushes(phone, 1)
    async with bed_running(dsn, valkey, tmp_path, before=1) as bed:
        phone.backend = bed.address
        assert await bed.kinds(phone, 1) == ["nomination_accepted"]
        await bed.until_polled()
        await bed.until_idle()
        assert await bed.kinds(phone, 1) == ["nomination_accepted"]
        inbox = (await bed.ask(phone, "{ me { inbox { nodes { kind } } } }"))["me"]["inbox"][
            "nodes"
        ]
        assert inbox == [{"kind": "nomination_accepted"}, {"kind": "nominated"}]


async def test_a_student_who_signs_in_later_finds_the_record_that_was_there_before(bed: Bed):
    await bed.take(4)

    async def known() -> bool:
        return int(await bed.app.database.fetchval("select count(*) from mobility")) == 2

    await until(known)
    phone = await bed.signed_in("camille")
    [mobility] = (await bed.ask(phone, RECORD))["me"]["mobilities"]
    assert mobility["sendingInstitution"] == {"heiId": "clairval.example"}


async def test_each_student_sees_the_own_mobility_and_no_other(bed: Bed):
    ines, camille = await bed.phone("ines"), await bed.phone("camille")
    await bed.take(4)
    await bed.until_told(ines, "nomination_accepted")
    await bed.until_told(camille, "nomination_accepted")
    [hers] = (await bed.ask(ines, "{ me { mobilities { id } } }"))["me"]["mobilities"]

    found = await bed.ask(camille, "query($id: ID!) { me { mobility(id: $id) { id } } }", **hers)
    assert found == {"me": {"mobility": None}}
    assert await bed.ask(ines, "query($id: ID!) { me { mobility(id: $id) { id } } }", **hers) == {
        "me": {"mobility": hers}
    }
