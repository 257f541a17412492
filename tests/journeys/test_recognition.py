"""From a signed agreement and a signed transcript to what the student compares on the phone."""

from pathlib import Path

from journeys.scenes import Scene
from testbed import Bed

from ewp.ids import OmobilityId

RECOGNITION = """{ me { mobilities { recognition {
    lines {
        component { table title } isPromise isAutomatic matchedBy status explanation
        results { title grade distribution { grade count } }
    }
    notAgreed { title }
    promisedCredits { scheme value } automaticCredits { value }
    promisedPassedCredits { value } studiedCredits { value } studiedPassedCredits { value }
    gainedCredits { scheme value }
    isRecognised outcome outcomeAsSent decidedOn
} } } }"""
SPREAD = [
    {"grade": "18-20", "count": 9},
    {"grade": "14-17", "count": 31},
    {"grade": "10-13", "count": 27},
    {"grade": "0-9", "count": 8},
]
NOTHING = "The transcript shows no course of this id, code or title."


def line(table: str, title: str, grade: str | None, explanation: str) -> dict:
    promise = table == "RECOGNIZED"
    return {
        "component": {"table": table, "title": title},
        "isPromise": promise,
        "isAutomatic": True if promise else None,
        "matchedBy": "LOS_CODE" if grade else "NOTHING",
        "status": "PASSED" if grade else None,
        "explanation": explanation,
        "results": [{"title": title, "grade": grade, "distribution": SPREAD}] if grade else [],
    }


async def test_a_student_sees_line_by_line_what_was_agreed_and_what_came_of_it(bed: Bed):
    phone = await bed.phone("ines")
    scene = Scene(bed, phone, "ines", OmobilityId("rib-compare"))
    await scene.ready()
    await scene.announce()
    await bed.until_polled()
    await bed.until_idle()
    [before] = (await bed.ask(phone, RECOGNITION))["me"]["mobilities"]
    await scene.graded("Partially Positive")
    await scene.announce()
    await bed.until_told(phone, "transcript_issued")
    [after] = (await bed.ask(phone, RECOGNITION))["me"]["mobilities"]

    waiting = {each["explanation"] for each in before["recognition"]["lines"]}
    assert waiting == {"There is no transcript yet."}
    by_code = "Found by the course's code."
    assert after["recognition"] == {
        "lines": [
            line("STUDIED", "Distributed Systems", "16", by_code),
            line("STUDIED", "Human-Computer Interaction", None, NOTHING),
            line("STUDIED", "Language and Society", "18", by_code),
            line("STUDIED", "Statistics in Practice", "12", by_code),
            line("RECOGNIZED", "Elective package, third year", None, NOTHING),
        ],
        "notAgreed": [{"title": "Interface Design Studio"}],
        "promisedCredits": [{"scheme": "ects", "value": "24.5"}],
        "automaticCredits": [{"value": "24.5"}],
        "promisedPassedCredits": [],
        "studiedCredits": [{"value": "24.5"}],
        "studiedPassedCredits": [{"value": "18.5"}],
        "gainedCredits": [{"scheme": "ects", "value": "24.5"}],
        "isRecognised": None,
        "outcome": "PARTIALLY_POSITIVE",
        "outcomeAsSent": "Partially Positive",
        "decidedOn": None,
    }

    [known] = (await bed.ask(phone, "{ me { mobilities { id } } }"))["me"]["mobilities"]
    operation = Path("graphql/operations/mobility.graphql").read_text(encoding="utf-8")
    whole = (await bed.ask(phone, operation, **known))["me"]["mobility"]
    assert whole["recognition"]["outcome"] == "PARTIALLY_POSITIVE"
    assert whole["stay"] == {
        "activity": "STUDENT_STUDIES",
        "attributes": "LONG_TERM",
        "name": "Studies, long-term",
    }
    metrics = (await bed.http.get(f"{bed.address}/metrics")).text
    assert "graphql_fell_back_total{" not in metrics  # the app's own operation is compiled
