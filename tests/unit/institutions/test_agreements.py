"""Copies of agreements: which belong together, where each stands, and where students can go."""

from datetime import UTC, date, datetime

import msgspec
import pytest

from erasmus_app.ids import AcademicYearId, HeiId, IiaId
from erasmus_app.institutions.agreements import (
    AgreementCopy,
    AgreementStatus,
    Cooperation,
    CooperationKind,
    KnownCopy,
    SubjectArea,
    destinations,
    paired,
    year_of,
)

HOME, ABROAD, ELSEWHERE = HeiId("home.example"), HeiId("abroad.example"), HeiId("else.example")
NOW = datetime(2026, 11, 25, tzinfo=UTC)
TODAY = NOW.date()


def year(first: int) -> AcademicYearId:
    return AcademicYearId(f"{first}/{first + 1}")


def row(
    first: int = 2026, last: int = 2028, *codes: str, sending: HeiId = HOME, **more: object
) -> Cooperation:
    return Cooperation(
        kind=more.pop("kind", CooperationKind.STUDIES),  # type: ignore[arg-type]
        sending=sending,
        receiving=ABROAD if sending == HOME else HOME,
        first_year=year(first),
        last_year=year(last),
        subject_areas=tuple(SubjectArea(code=each) for each in codes),
    )


def copy(
    hei: HeiId = HOME, id: str = "h-1", partner: HeiId = ABROAD, named: str | None = None, **more
) -> KnownCopy:
    return KnownCopy(
        tenant=HOME,
        copy=AgreementCopy(
            **{
                "hei_id": hei,
                "iia_id": IiaId(id),
                "partner_id": partner,
                "partner_iia_id": IiaId(named) if named else None,
                "in_effect": True,
                "computed": "a" * 64,
                "cooperations": (row(),),
            }
            | more
        ),
        fetched_at=NOW,
        last_confirmed_at=NOW,
    )


def ids(*copies: KnownCopy) -> list[tuple[str | None, str | None]]:
    return [
        (e.ours.copy.iia_id if e.ours else None, e.theirs.copy.iia_id if e.theirs else None)
        for e in paired(HOME, copies)
    ]


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ("a-1", "h-1", [("h-1", "a-1")]),
        ("a-1", None, [("h-1", "a-1")]),
        (None, "h-1", [("h-1", "a-1")]),
        (None, None, [("h-1", None), (None, "a-1")]),
        ("a-9", "h-1", [("h-1", None), (None, "a-1")]),  # ours says that it belongs to another
    ],
)
def test_copies_belong_together_when_one_names_the_other(
    ours: str | None, theirs: str | None, expected: list[tuple[str | None, str | None]]
):
    found = ids(copy(named=ours), copy(ABROAD, "a-1", HOME, theirs))

    assert found == expected


def test_the_same_id_at_another_university_is_another_copy():
    assert ids(copy(named="x"), copy(ELSEWHERE, "x", HOME)) == [("h-1", None), (None, "x")]


def test_what_two_others_agreed_is_no_agreement_of_ours():
    assert ids(copy(ABROAD, "a-1", ELSEWHERE)) == []


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, AgreementStatus.IN_EFFECT),
        ({"in_effect": False}, AgreementStatus.PROPOSED),
        ({"in_effect": None}, AgreementStatus.UNKNOWN),
        ({"is_terminated": True}, AgreementStatus.TERMINATED),
        ({"cooperations": (row(2024, 2025),)}, AgreementStatus.EXPIRED),
        ({"cooperations": (row(2024, 2025), row(2024, 2026))}, AgreementStatus.IN_EFFECT),
        ({"cooperations": ()}, AgreementStatus.IN_EFFECT),
    ],
)
def test_where_an_agreement_stands(said: dict[str, object], expected: AgreementStatus):
    [found] = paired(HOME, [copy(**said)])

    assert found.status(TODAY) is expected


@pytest.mark.parametrize(
    ("approved", "expected"), [(None, None), ("", False), ("b" * 64, False), ("a" * 64, True)]
)
def test_an_approval_counts_for_the_copy_as_it_is(approved: str | None, expected: bool | None):
    [found] = paired(HOME, [msgspec.structs.replace(copy(), approved=approved)])

    assert found.is_approved_by_partner is expected


@pytest.mark.parametrize(("day", "expected"), [(date(2026, 7, 31), 2025), (date(2026, 8, 1), 2026)])
def test_an_academic_year_begins_in_august(day: date, expected: int):
    assert year_of(day) == year(expected)


def years(*rows: Cooperation, **wanted: object) -> list[str]:
    found = destinations(HOME, paired(HOME, [copy(cooperations=rows)]), TODAY, **wanted)  # type: ignore[arg-type]
    return [each.cooperation.first_year for each in found]


def test_students_go_where_a_row_for_them_holds_now_or_later():
    assert years(
        row(2024, 2025),  # over
        row(2025, 2026),
        row(2030, 2031),
        row(2026, 2026, kind=CooperationKind.TRAINEESHIP),
        row(2027, 2027, kind=CooperationKind.TEACHING),
        row(2028, 2028, sending=ABROAD),
    ) == [year(2025), year(2030), year(2026)]


def test_nobody_goes_by_an_agreement_that_is_not_in_effect():
    proposed = paired(HOME, [copy(in_effect=False)])

    assert list(destinations(HOME, proposed, TODAY)) == []


def test_the_partner_s_copy_stands_in_where_ours_cannot_be_read():
    found = list(destinations(HOME, paired(HOME, [copy(ABROAD, "a-1", HOME)]), TODAY))

    assert [each.agreement.partner for each in found] == [ABROAD]


def test_nobody_goes_by_what_a_partner_alone_says_where_ours_can_be_read():
    known = paired(HOME, [copy(partner=ELSEWHERE), copy(ABROAD, "a-1", HOME)])

    assert [e.agreement.partner for e in destinations(HOME, known, TODAY)] == [ELSEWHERE]


@pytest.mark.parametrize(
    ("wanted", "expected"), [(2025, []), (2026, [2026]), (2028, [2026]), (2029, [])]
)
def test_destinations_of_a_year_are_those_whose_years_have_it(wanted: int, expected: list[int]):
    assert years(row(2026, 2028), year=year(wanted)) == [year(each) for each in expected]


@pytest.mark.parametrize(
    ("codes", "wanted", "expected"),
    [
        (("0613",), "0613", True),
        (("0613",), "06", True),
        (("0613",), "0612", False),
        (("06",), "0613", True),
        (("0610",), "0613", True),  # ICT, not further defined
        (("0600",), "0613", True),
        (("0610",), "0711", False),
        (("1000",), "1013", True),
        (("1000",), "0100", False),
        ((), "0613", True),  # it is not said
        (("0232", "0613"), "0613", True),
    ],
)
def test_a_subject_area_finds_narrower_and_wider_ones(
    codes: tuple[str, ...], wanted: str, expected: bool
):
    assert bool(years(row(2026, 2028, *codes), subject_area=wanted)) is expected


def test_ids_of_destinations_stay_and_differ():
    known = paired(HOME, [copy(cooperations=(row(), row()))])
    first, again = ([each.id for each in destinations(HOME, known, TODAY)] for _ in range(2))

    assert first == again
    assert len(set(first)) == 2
