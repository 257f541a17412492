"""A trainee, from the universities to the phone."""

from journeys.scenes import TODAY, Scene
from testbed import Bed

from ewp.ids import OmobilityId

KINDS = """{ me { mobilities {
    direction state stay { activity attributes name } whoseMove { party step }
    steps { code state canDo } digital { api } learningAgreement { state kind }
} } }"""
ABOUT = {"activity_type": "student-traineeships", "activity_attributes": "long-term"}


async def test_a_trainee_is_asked_for_no_agreement_and_hears_of_no_transcript(bed: Bed):
    phone = await bed.phone("camille")  # incoming, in the family that has traineeships
    scene = Scene(bed, phone, "camille", OmobilityId("clv-trainee"))
    await scene.nominated()
    scene._old(**ABOUT)
    await scene.received("pending")
    await scene.announce()
    await bed.until_told(phone, "nominated")
    await scene.received("verified")
    await scene.announce()
    await bed.until_told(phone, "nomination_accepted")

    [mobility] = (await bed.ask(phone, KINDS))["me"]["mobilities"]
    shared = [(each["code"], each["state"]) for each in mobility["steps"]]
    assert mobility | {"steps": shared} == {
        "direction": "INCOMING",
        "state": "ACCEPTED",
        "stay": {
            "activity": "STUDENT_TRAINEESHIPS",
            "attributes": "LONG_TERM",
            "name": "Traineeship, long-term",
        },
        "whoseMove": {"party": "NOBODY", "step": None},
        "steps": [
            ("NOMINATED", "DONE"),
            ("ACCEPTED", "DONE"),
            ("LA_SENT", "NOT_SHARED"),
            ("LA_SIGNED", "NOT_SHARED"),
            ("ARRIVED", "UPCOMING"),
            ("DEPARTED", "UPCOMING"),
            ("TRANSCRIPT", "NOT_SHARED"),
            ("RECOGNISED", "UPCOMING"),
        ],
        "digital": [{"api": "OMOBILITIES"}, {"api": "IMOBILITIES"}],
        "learningAgreement": {"state": "NOT_SHARED", "kind": None},
    }

    await scene.becomes("live")
    await scene.received("verified", arrival=TODAY, departure=TODAY)
    await scene.announce()
    for kind in ("traineeship_ended", "formalities_done"):  # of two answers, in any order
        await bed.until_told(phone, kind)
    await bed.until_idle()
    told = await bed.kinds(phone, 0)
    assert {"traineeship_begun", "traineeship_ended", "formalities_done"} <= set(told)
    assert not {"arrival_confirmed", "departure_confirmed"} & set(told)
