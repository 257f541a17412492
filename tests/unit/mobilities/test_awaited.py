"""Of whom an API may still bring news: what follows from the dates that partners gave."""

from datetime import date

import msgspec
import pytest
from factories import (
    AT,
    a_mobility,
    a_nomination,
    an_agreement,
    an_old_nomination,
)

from erasmus_app.ids import AcademicYearId
from erasmus_app.mobilities.awaited import awaited
from erasmus_app.mobilities.models import Api, Mobility, NominationStatus, Reception


def until(mobility: Mobility) -> dict[str, date | None]:
    return {api.value: span[1] for api, span in awaited(mobility).items()}


def test_after_the_end_of_the_stay_each_api_is_awaited_for_a_while_and_a_transcript_longest():
    departed = a_mobility(a_nomination(), Reception(actual_departure=date(2027, 2, 28)))

    assert until(departed) == {
        "omobilities": date(2027, 8, 27),
        "omobility-las": date(2027, 6, 28),
        "imobilities": date(2027, 4, 29),
        "imobility-tors": date(2028, 2, 28),
    }


def test_a_transcript_is_awaited_from_the_beginning_of_the_stay():
    arrived = a_mobility(a_nomination(), Reception(actual_arrival=date(2027, 2, 1)))

    assert {api.value: span[0] for api, span in awaited(arrived).items()} == {
        "omobilities": None,
        "omobility-las": None,
        "imobilities": None,
        "imobility-tors": date(2027, 2, 1),
    }


@pytest.mark.parametrize(
    ("facts", "end"),
    [
        ((an_agreement(planned_end="2027-02"),), date(2027, 2, 28)),
        ((an_agreement(planned_end="2028-02"),), date(2028, 2, 29)),
        ((an_agreement(planned_end="2027-06-14"),), date(2027, 6, 14)),
        ((an_old_nomination(planned_departure=date(2027, 7, 1)),), date(2027, 7, 1)),
        ((a_nomination(),), date(2027, 9, 30)),
        (
            (a_nomination(receiving_academic_year_id=AcademicYearId("2026/2026")),),
            date(2026, 12, 31),
        ),
    ],
    ids=[
        "a month",
        "a leap year's",
        "a day",
        "the nomination's",
        "the year's",
        "a southern year's",
    ],
)
def test_the_end_of_the_stay_is_what_the_closest_to_it_says(facts, end):
    span = awaited(a_mobility(*facts))[Api.IMOBILITIES]

    assert span[1] is not None
    assert (span[1] - end).days == 60


@pytest.mark.parametrize(
    "status",
    [NominationStatus.CANCELLED, NominationStatus.REJECTED, NominationStatus.RECOGNIZED],
)
def test_what_is_over_is_awaited_for_a_month_as_it_may_be_taken_back(status):
    over = a_mobility(a_nomination(status=status))

    assert set(until(over).values()) == {date(AT.year, 12, 2)}


@pytest.mark.parametrize("year", ["", "2026", "next/year", "2026/99999", "9999/9999"])
def test_nonsense_for_a_year_leaves_it_open_or_bounded_by_the_calendar(year):
    odd = a_mobility(a_nomination(receiving_academic_year_id=AcademicYearId(year)))

    assert set(until(odd).values()) == {None}


def test_a_mobility_of_which_nothing_is_visible_is_awaited_without_bounds():
    nothing = msgspec.structs.replace(a_mobility(a_nomination()), nomination=None)

    assert set(awaited(nothing).values()) == {(None, None)}
