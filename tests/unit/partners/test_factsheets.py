"""A partner's factsheet as ours."""

import pytest

from erasmus_app.institutions.models import (
    Accessibility,
    AccessibilityKind,
    AdditionalInformation,
    AdditionalRequirement,
    DocumentKind,
    Factsheet,
    Information,
    Link,
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
        email="io@lindental.example",
        phone="+999123",
        links=(Link(url="https://lindental.example/in", language="en"),),
    )

    found = translated(
        published(
            additional_requirements=(cv,),
            decision_weeks_limit=4,
            tor_weeks_limit=5,
            application_info=info,
            housing_info=info,
            accessibilities=(
                factsheet.Accessibility(
                    type=factsheet.AccessibilityType.SERVICE,
                    name="Readers",
                    description="On request.",
                    information=info,
                ),
                factsheet.Accessibility(name="A lift"),
            ),
            additional_infos=(factsheet.AdditionalInfo(type="Bicycles", info=info),),
        )
    )

    assert found == Factsheet(
        hei_id=LINDENTAL,
        nominations=TermDays(autumn="--04-30", spring="--10-31"),
        applications=TermDays(autumn="--05-31", spring="--11-30"),
        requirements=(
            AdditionalRequirement(
                name="CV",
                details="As a PDF file.",
                links=(Link(url="https://lindental.example/cv"),),
            ),
        ),
        decision_weeks=4,
        transcript_weeks=5,
        application=there,
        housing=there,
        accessibility=(
            Accessibility(
                name="Readers",
                kind=AccessibilityKind.SERVICE,
                description="On request.",
                information=there,
            ),
            Accessibility(name="A lift"),
        ),
        additional=(AdditionalInformation(title="Bicycles", information=there),),
    )


@pytest.mark.parametrize(("weeks", "expected"), [(0, 0), (104, 104), (105, None), (10**9, None)])
def test_weeks_that_nobody_can_mean_are_none(weeks: int, expected: int | None):
    found = translated(published(decision_weeks_limit=weeks, tor_weeks_limit=weeks))

    assert (found.decision_weeks, found.transcript_weeks) == (expected, expected)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Portfolio", DocumentKind.PORTFOLIO),
        ("Other document", DocumentKind.OTHER_DOCUMENT),
        ("portfolio", DocumentKind.OTHER),  # the fixed names are compared exactly
        ("other", DocumentKind.OTHER),
    ],
)
def test_a_paper_is_known_by_its_fixed_name(name: str, expected: DocumentKind):
    [found] = translated(
        published(additional_requirements=(factsheet.AdditionalRequirement(name=name),))
    ).requirements

    assert found.kind is expected


def test_words_that_would_turn_the_screen_are_made_harmless_and_odd_addresses_are_left_out():
    info = factsheet.InformationEntry(
        email="io@lindental.example\u202e",
        phone_number=Phone(other_format="0123\x00 45\u2066"),
        website_urls=(
            Text(value="https://lindental.example/\u202efdp.exe"),
            Text(value="https://lindental.example@evil.example/"),
            Text(value="https://lindental.example/in", lang="EN"),
            Text(value="https://lindental.example/in", lang="en"),
        ),
    )
    found = translated(
        published(
            additional_requirements=(
                factsheet.AdditionalRequirement(name="\u202eCV\x07", details="two\nlines"),
                factsheet.AdditionalRequirement(name="\u200b"),
            ),
            housing_info=info,
        )
    )

    assert found.requirements == (AdditionalRequirement(name="CV", details="two lines"),)
    assert found.housing == Information(
        phone="0123 45", links=(Link(url="https://lindental.example/in", language="en"),)
    )


def test_of_a_thousand_papers_the_first_hundred_are_shown():
    papers = tuple(factsheet.AdditionalRequirement(name=f"paper {n}") for n in range(1000))

    found = translated(published(additional_requirements=papers)).requirements
    assert [each.name for each in found] == [f"paper {n}" for n in range(100)]
