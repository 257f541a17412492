"""A partner's factsheet as ours."""

import pytest

from erasmus_app.institutions.models import (
    AdditionalRequirement,
    Factsheet,
    Information,
    TermDays,
)
from erasmus_app.partners.factsheets import translated
from ewp.ids import HeiId
from ewp.messages import factsheet
from ewp.messages.common import Phone, Text

LINDENTAL = HeiId("lindental.example")


def published(**given: object) -> factsheet.Factsheet:
    known: dict[str, object] = {
        "hei_id": LINDENTAL,
        "calendar": factsheet.Calendar(
            student_nominations=factsheet.CalendarEntry(
                autumn_term="--04-30", spring_term="--10-31"
            ),
            student_applications=factsheet.CalendarEntry(
                autumn_term="--05-31", spring_term="--11-30"
            ),
        ),
    }
    return factsheet.Factsheet(**known | given)  # type: ignore[arg-type]


def test_what_students_need_is_taken_over():
    info = factsheet.InformationEntry(
        email="io@lindental.example",
        phone_number=Phone(e164="+999123"),
        website_urls=(Text(value="https://lindental.example/in", lang="en"),),
    )
    cv = factsheet.AdditionalRequirement(
        name="CV",
        details="As a PDF file.",
        information_websites=(Text(value="https://lindental.example/cv"),),
    )
    there = Information(
        email="io@lindental.example", phone="+999123", websites=("https://lindental.example/in",)
    )

    found = translated(
        published(
            additional_requirements=(cv,),
            decision_weeks_limit=4,
            tor_weeks_limit=5,
            application_info=info,
            housing_info=info,
        )
    )

    assert found == Factsheet(
        hei_id=LINDENTAL,
        nominations=TermDays(autumn="--04-30", spring="--10-31"),
        applications=TermDays(autumn="--05-31", spring="--11-30"),
        requirements=(
            AdditionalRequirement(
                name="CV", details="As a PDF file.", websites=("https://lindental.example/cv",)
            ),
        ),
        decision_weeks=4,
        transcript_weeks=5,
        application=there,
        housing=there,
    )


@pytest.mark.parametrize(("weeks", "expected"), [(0, 0), (104, 104), (105, None), (10**9, None)])
def test_weeks_that_nobody_can_mean_are_none(weeks: int, expected: int | None):
    found = translated(published(decision_weeks_limit=weeks, tor_weeks_limit=weeks))

    assert (found.decision_weeks, found.transcript_weeks) == (expected, expected)
