"""What `erasmus-app ewp get iias` says of an agreement and of its hash."""

import msgspec
import pytest
from unit.ewp.messages.test_iias import NEWER, OLDER, STUDIES, sample, with_spec

from erasmus_app.cli.ewp_agreements import hashes_of, rows_of_agreement
from erasmus_app.cli.ewp_calls import flat
from ewp.client import Reply
from ewp.messages import iia_conditions as conditions


def said(iia):
    return [(name, value) for name, value in rows_of_agreement(iia) if value]


def test_an_agreement_of_version_7_is_told_row_by_row_without_its_contacts():
    assert said(NEWER) == [
        ("first: HEI", "lindental.example"),
        ("first: iia_id", "L/2026/17"),
        ("first: code", "LIN & RIB 17"),
        ("first: unit", "fb4"),
        ("first: signed", "2026-02-03"),
        ("second: HEI", "ribeira.example"),
        ("second: iia_id", "r-0042"),
        ("in effect", "yes"),
        (
            "studies",
            (
                "ribeira.example to lindental.example (fb4), 2026/2027 to 2028/2029, 4 a year, "
                "20.5 months a year in all, blended too, EQF 6 7, ISCED-F 0613, "
                "ISCED-F 0532 maps & surveys, de B1, en C1 in ISCED-F 0613"
            ),
        ),
        ("studies: terms", " Excursions\n  are extra. "),
        ("traineeships", "lindental.example to ribeira.example, 2026/2027, 1 a year"),
        (
            "training",
            (
                "lindental.example to ribeira.example, 2027/2028 to 2028/2029, 2 a year, "
                "10 days a year in all"
            ),
        ),
        ("pdf_file", "f-17"),
    ]


def test_an_agreement_of_version_6_is_told_likewise():
    assert said(OLDER) == [
        ("first: HEI", "clairval.example"),
        ("first: iia_id", "c-9"),
        ("first: code", "CLA 9"),
        ("second: HEI", "ribeira.example"),
        ("second: iia_id", "not known"),
        ("in effect", "no: a draft or a proposal"),
        (
            "studies",
            (
                "ribeira.example to clairval.example, 2026/2027 to 2027/2028, "
                "10 months a year in all, ISCED-F 023"
            ),
        ),
        (
            "teaching",
            "clairval.example to ribeira.example, 2026/2027, 1 a year, 7.25 days a year in all",
        ),
        ("pdf", "9 bytes"),
    ]


def test_what_has_ended_or_is_left_over_from_version_6_is_said():
    code = conditions.IscedFCode(value="0610", v6_value="061")
    spec = msgspec.structs.replace(
        STUDIES,
        mobilities_per_year=conditions.MobilitiesPerYear(value=4, not_yet_defined=True),
        recommended_language_skills=(
            conditions.RecommendedLanguageSkill(language="de", not_yet_defined=True),
        ),
        subject_areas=(conditions.SubjectArea(isced_f_code=code),),
    )
    left_over = with_spec(NEWER, spec)
    ended = msgspec.structs.replace(
        left_over,
        cooperation_conditions=msgspec.structs.replace(
            left_over.cooperation_conditions, terminated_as_a_whole=True
        ),
    )

    rows = dict(said(ended))

    assert rows["terminated"] == "as a whole"
    assert rows["studies"].endswith(
        "4 a year (not yet defined), 20.5 months a year in all, blended too, EQF 6 7, "
        "ISCED-F 0610 (in version 6: 061), de (not yet defined)"
    )


FITS = ("ok", "L/2026/17: the hash fits")
LEFT_OVER = ("<mobilities-per-year>1<", '<mobilities-per-year not-yet-defined="false">1<')


@pytest.mark.parametrize(
    ("name", "changes", "found"),
    [
        ("iias-7-get-response", [], [FITS]),
        ("iias-7-get-response", [LEFT_OVER], [FITS]),
        (
            "iias-6-get-response",
            [],
            [
                ("ok", "c-9: the hash fits"),
                ("warning", "c-9: not yet: it lacks the iia-id of a partner"),
            ],
        ),
        (
            "iias-6-get-response",
            [("conditions-hash", "no-hash")],
            [("warning", "c-9: carries no hash, so nobody can approve it")],
        ),
        (
            "iias-7-get-response",
            [("stable-v7", "stable-v5")],
            [("problem", "cannot be checked: is no iias-get-response of version 6, 7")],
        ),
    ],
)
def test_a_hash_is_checked_over_the_answer_as_it_came(name, changes, found):
    body = sample(name, *changes)
    reply = Reply(hei_id="lindental.example", api="iias", major=7, body=body, signed_by=None)

    assert [(each.level, each.words) for each in hashes_of(reply)] == found


def test_a_hash_that_does_not_fit_is_a_problem_and_the_right_one_is_named():
    body = sample("iias-7-get-response", ("<mobilities-per-year>4<", "<mobilities-per-year>40<"))
    reply = Reply(hei_id="lindental.example", api="iias", major=7, body=body, signed_by=None)

    [found] = hashes_of(reply)

    assert found.level == "problem"
    assert found.words.startswith("L/2026/17: the hash does not fit; what came has ")
    assert found.do == "approve nothing of it; tell them"


def test_a_pdf_is_told_by_its_size():
    assert list(flat({"a": {"pdf": b"%PDF-1.7"}, "b": None})) == [("a.pdf", "8 bytes")]
