"""Why a learning agreement came back: told where the comment comes here, else whom to ask."""

from pathlib import Path

import fed
from databases import in_clear
from fed import LINDENTAL, OM, OUTONO, Feed, call
from journeys.scenes import Scene
from testbed import Bed, bed_running

from ewp.ids import OmobilityId
from ewp.messages import omobility_las

COMMENT = "Not in winter:\r\n - Rivers\u202e\r\nPlease choose Lakes."
READ = "Not in winter:\n- Rivers\nPlease choose Lakes."
AGREEMENT = """{ me { mobilities {
    state whoseMove { party step } steps { code state canDo link }
    learningAgreement { state sentBack {
        what comment text askInstitution { heiId } ask { email } receivingContact { email }
    } }
} } }"""


async def commented(bed: Bed, proposal: str, comment: str) -> None:
    """Let Lindental send a proposal of Outono's back."""
    operation = omobility_las.CommentProposal(
        omobility_id=OM, changes_proposal_id=proposal, comment=comment, signature=fed.BY_R
    )
    request = omobility_las.UpdateRequest(sending_hei_id=OUTONO, operation=operation)
    body = omobility_las.write_update_request(request)
    await call(bed, LINDENTAL, "omobility-las", 1, "update", body=body)


async def test_the_comment_that_reaches_us_is_for_the_student_and_is_in_clear_nowhere(
    dsn: str, valkey: str, tmp_path: Path
):
    async with bed_running(dsn, valkey, tmp_path, prepare=fed.outono) as bed:
        phone, script = await bed.phone("ines"), Feed(bed)
        await script.given(fed.nominations(fed.nomination()))
        await script.given(fed.agreements(fed.agreement()))
        await commented(bed, "la-1", COMMENT)
        assert await bed.kinds(phone, 1) == ["agreement_sent_back"]
        await script.given(fed.agreements(fed.agreement()))  # the script has not heard of it

        [mobility] = (await bed.ask(phone, AGREEMENT))["me"]["mobilities"]
        text = (
            "Lindental University of Technology asks for changes. Read its comment, edit the "
            "agreement in the system of Escola do Outono, and sign again."
        )
        assert mobility["learningAgreement"] == {
            "state": "RETURNED_OR_WITHDRAWN",
            "sentBack": {
                "what": "FIRST_VERSION",
                "comment": READ,
                "text": text,
                "askInstitution": {"heiId": OUTONO},
                "ask": {"email": "office@hei.example"},
                "receivingContact": {"email": "office@hei.example"},
            },
        }
        [step] = [each for each in mobility["steps"] if each["code"] == "LA_SENT"]
        assert step == {
            "code": "LA_SENT",
            "state": "CURRENT",
            "canDo": text,
            "link": "https://learning-agreement.eu",
        }

        said = str([each.raw for each in await bed.pushes(phone, 1)])
        inbox = (await bed.ask(phone, "{ me { inbox { nodes { title body } } } }"))["me"]
        rows = await bed.app.database.fetch(
            """select to_jsonb(m)::text as row from mobility m
               union all select to_jsonb(e)::text from event e
               union all select to_jsonb(d)::text from own_decision d"""
        )
        assert "Lakes" not in said + str(inbox) + "".join(each["row"] for each in rows)
        facts = b"".join(await in_clear(bed.app.database, "mobility.sealed"))
        assert b"Please choose Lakes." in facts

        await script.given(fed.agreements(fed.agreement("la-2")))
        await bed.until_told(phone, "agreement_sent")
        [mobility] = (await bed.ask(phone, AGREEMENT))["me"]["mobilities"]
        assert mobility["learningAgreement"] == {"state": "AWAITING_RECEIVING", "sentBack": None}
        facts = b"".join(await in_clear(bed.app.database, "mobility.sealed"))
        assert b"Lakes" not in facts


async def test_where_the_comment_stays_in_homes_system_the_student_is_told_whom_to_ask(bed: Bed):
    phone = await bed.phone("ines")
    scene = Scene(bed, phone, "ines", OmobilityId("rib-back"))
    await scene.nominated_and_accepted()
    await scene.sent()
    await scene.announce()
    await bed.until_polled()
    await scene.commented()
    await scene.announce()
    await bed.until_told(phone, "agreement_sent_back")

    [mobility] = (await bed.ask(phone, AGREEMENT))["me"]["mobilities"]
    assert (mobility["state"], mobility["whoseMove"]) == (
        "ACCEPTED",
        {"party": "STUDENT", "step": "LA_SENT"},
    )
    assert mobility["learningAgreement"]["sentBack"] == {
        "what": "FIRST_VERSION",
        "comment": None,
        "text": "The agreement was sent back or withdrawn. What Lindental University of "
        "Technology wrote about it, if anything, is in the system of Ribeira University: read it "
        "there or ask there, edit the agreement and sign again.",
        "askInstitution": {"heiId": "ribeira.example"},
        "ask": {"email": "mobilidade@ribeira.example"},
        "receivingContact": {"email": "international@lindental.example"},
    }
