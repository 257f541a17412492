"""What an agreement promises, beside what the transcript shows."""

from datetime import date
from decimal import Decimal

import pytest
from factories import (
    a_course,
    a_mobility,
    a_nomination,
    a_proposal,
    a_result,
    a_transcript,
    a_version,
    an_agreement,
    an_old_nomination,
)
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from erasmus_app.ids import LoiId, LosId
from erasmus_app.mobilities.models import (
    ComponentChange,
    ComponentList,
    CourseResult,
    Credit,
    ResultStatus,
)
from erasmus_app.mobilities.recognition import (
    Line,
    MatchedBy,
    Outcome,
    Recognition,
    compare,
    is_recognised,
    outcome,
    plain,
    recognition,
)

STUDIED, HOME = ComponentList.STUDIED, ComponentList.RECOGNIZED
PASSED, FAILED = ResultStatus.PASSED, ResultStatus.FAILED


def beside(component, *courses):
    """The first line of an agreement with one component."""
    agreement = an_agreement(first=a_version(component))
    [line] = compare(agreement, a_transcript(*courses)).lines
    return line


def test_an_agreement_beside_a_transcript():
    logic = a_course("Logic", "6", los_id=LosId("CR/1"), loi_id=LoiId("CRI/1"))
    sets = a_course("Sets", "5", los_code="MA-2")
    at_home = a_course("Logic", "6", HOME, los_id=LosId("CR/1"))
    models = a_course("Model Theory", "5", HOME, recognition_conditions="an exam")
    seminar = a_course("Online seminar", "2", ComponentList.VIRTUAL)
    passed_logic = a_result("Logik", los_id=LosId("CR/1"), loi_id=LoiId("CRI/1"))
    failed_sets = a_result("Mengen", code="ma 2", status=FAILED)
    sport = a_result("Rowing", ects="1")
    agreement = an_agreement(first=a_version(logic, sets, at_home, models, seminar))

    found = compare(agreement, a_transcript(passed_logic, failed_sets, sport))

    assert found == Recognition(
        lines=(
            Line(component=logic, results=(passed_logic,), matched_by=MatchedBy.LOI_ID),
            Line(component=sets, results=(failed_sets,), matched_by=MatchedBy.LOS_CODE),
            Line(component=at_home, results=(passed_logic,), matched_by=MatchedBy.LOS_ID),
            Line(component=models),
            Line(component=seminar),
        ),
        not_agreed=(sport,),
        studied={"ects": Decimal(13)},
        studied_passed={"ects": Decimal(6)},
        promised={"ects": Decimal(13)},
        automatic={"ects": Decimal(8)},
        promised_passed={"ects": Decimal(6)},
        gained={"ects": Decimal(7)},
    )
    assert [each.is_promise for each in found.lines] == [False, False, True, True, True]
    assert [each.is_automatic for each in found.lines] == [False, False, True, False, True]
    assert [each.status for each in found.lines] == [PASSED, FAILED, PASSED, None, None]


IDS = {"los_id": LosId("CR/1"), "loi_id": LoiId("CRI/1"), "los_code": "L-1"}


@pytest.mark.parametrize(
    ("course", "by"),
    [
        (a_result("Z", loi_id=LoiId("CRI/1"), los_id=LosId("CR/1")), MatchedBy.LOI_ID),
        (a_result("Z", loi_id=LoiId("CRI/2"), los_id=LosId("CR/1")), MatchedBy.LOS_ID),
        (a_result("Z", los_id=LosId("cr/1")), MatchedBy.NOTHING),  # ids are told by case
        (a_result("Z", code="l 1"), MatchedBy.LOS_CODE),
        (a_result("  LOGIC "), MatchedBy.TITLE),
        (a_result("Logik", other_titles=("logic",)), MatchedBy.TITLE),
        (a_result("Logic II"), MatchedBy.NOTHING),
        (a_result(""), MatchedBy.NOTHING),
    ],
)
def test_the_surest_name_counts(course, by):
    component = a_course("Logic", **IDS)
    results = () if by is MatchedBy.NOTHING else (course,)

    assert beside(component, course) == Line(component=component, results=results, matched_by=by)


def test_a_course_that_the_hosts_own_id_says_is_another_is_not_matched_by_its_title():
    line = beside(a_course("Logic", los_id=LosId("CR/1")), a_result("Logic", los_id=LosId("CR/2")))

    assert (line.results, line.matched_by) == ((), MatchedBy.NOTHING)


def test_homes_own_ids_and_codes_are_not_taken_for_the_hosts():
    course = a_result("Rowing", los_id=LosId("CR/1"), code="L-1")
    line = beside(a_course("Logic", table=HOME, los_id=LosId("CR/1"), los_code="L-1"), course)

    assert (line.results, line.matched_by) == ((), MatchedBy.NOTHING)


def test_a_title_at_home_is_matched_whatever_ids_the_two_universities_have():
    course = a_result("Logic", los_id=LosId("CR/9"))
    line = beside(a_course("Logic", table=HOME, los_id=LosId("HOME/1")), course)

    assert (line.results, line.matched_by) == ((course,), MatchedBy.TITLE)


def test_two_attempts_are_both_shown_and_decide_nothing():
    tried, again = a_result(status=FAILED), a_result(grade="12")
    line = beside(a_course(), tried, again)

    assert (line.results, line.is_ambiguous, line.status) == ((tried, again), True, None)


@pytest.mark.parametrize(
    ("ends", "status"),
    [
        ((PASSED, PASSED), PASSED),
        ((FAILED, FAILED), FAILED),
        ((PASSED, FAILED), None),
        ((PASSED,), None),  # of which of the two lines nobody can tell
    ],
)
def test_two_lines_of_one_name_ended_as_all_of_their_courses_did(ends, status):
    agreement = an_agreement(first=a_version(a_course("Project"), a_course("Project", "3")))
    courses = [a_result("Project", status=each) for each in ends]

    lines = compare(agreement, a_transcript(*courses)).lines

    assert [each.status for each in lines] == [status, status]
    assert all(each.is_ambiguous and each.sharing == 2 for each in lines)


@pytest.mark.parametrize(("lines", "courses"), [(1, 6), (6, 1)])
def test_a_name_that_many_share_tells_nothing(lines, courses):
    agreement = an_agreement(first=a_version(*[a_course("Project")] * lines))
    found = compare(agreement, a_transcript(*(a_result("Project") for _ in range(courses))))

    assert {each.matched_by for each in found.lines} == {MatchedBy.NOTHING}
    assert len(found.not_agreed) == courses


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ((a_result("A"), a_result("B")), PASSED),
        ((a_result("A"), a_result("B", status=FAILED)), None),
        ((a_result("A", grade=None, status=None),), None),
    ],
)
def test_a_module_ended_as_all_of_its_parts_did_and_its_parts_were_agreed_with_it(parts, status):
    module = CourseResult(title="Logic", parts=parts)
    found = compare(an_agreement(first=a_version(a_course())), a_transcript(module))

    assert [(each.results, each.status) for each in found.lines] == [((module,), status)]
    assert found.not_agreed == ()


def test_a_part_that_was_agreed_leaves_the_modules_other_parts():
    agreed, other = a_result("Logic"), a_result("Sets")
    module = CourseResult(title="Mathematics", parts=(agreed, other))
    found = compare(an_agreement(first=a_version(a_course())), a_transcript(module))

    assert [each.results for each in found.lines] == [(agreed,)]
    assert found.not_agreed == (other,)


def test_what_is_in_force_counts_and_each_scheme_has_its_own_sum():
    out = a_course("Sets", table=HOME, change=ComponentChange.DELETED)
    hours = a_course("Models", table=HOME, change=ComponentChange.INSERTED)
    hours = replace(hours, credits=(Credit(scheme="Hours", value=Decimal(90)),))
    agreement = an_agreement(
        first=a_version(a_course("Logic", table=HOME), a_course("Sets", table=HOME)),
        approved=a_version(out, hours),
        proposal=a_proposal("c-2", a_course("Ring", change=ComponentChange.INSERTED)),
    )

    found = compare(agreement, a_transcript(a_result("Models")))

    assert [each.component.title for each in found.lines] == ["Logic", "Models"]
    assert found.promised == {"ects": Decimal(6), "hours": Decimal(90)}
    assert found.promised_passed == {"hours": Decimal(90)}


def test_one_of_the_two_alone_is_shown_and_neither_is_nothing():
    course = a_result()
    agreed = an_agreement(first=a_version(a_course("Sets", table=HOME)))

    assert recognition(a_mobility(a_nomination())) is None
    assert recognition(a_mobility(a_transcript(course))) == Recognition(
        lines=(),
        not_agreed=(course,),
        studied={},
        studied_passed={},
        promised={},
        automatic={},
        promised_passed={},
        gained={"ects": Decimal(6)},
    )
    assert recognition(a_mobility(agreed)) == compare(agreed, None)
    assert compare(agreed, None).promised == {"ects": Decimal(6)}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Álgebra  linear", "álgebra linear"),
        ("Data-Bases (advanced)", "data bases advanced"),
        ("Ｌｏｇｉｃ", "logic"),
        ("Lo\u00adgic", "logic"),
        ("Straße", "STRASSE"),
    ],
)
def test_titles_are_compared_without_what_is_beside_the_point(one, other):
    assert plain(one) == plain(other)


def test_titles_that_differ_in_a_sign_that_matters_are_different():
    assert len({plain(each) for each in ("C", "C++", "C#", "Algebra", "Álgebra")}) == 5


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("Positive", Outcome.POSITIVE),
        ("partially  positive", Outcome.PARTIALLY_POSITIVE),
        ("NEGATIVE", Outcome.NEGATIVE),
        ("bestanden", None),
        (None, None),
    ],
)
def test_the_word_for_all_of_it_is_elmos(said, word):
    assert outcome(a_transcript(recognition=said, recognition_decided=date(2027, 9, 1))) is word
    assert outcome(None) is None


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        (an_old_nomination("recognized"), True),
        (an_old_nomination("live"), False),
        (a_nomination("approved"), None),
        (a_transcript(), None),
    ],
)
def test_home_says_of_the_whole_stay_only_in_the_old_family(fact, said):
    assert is_recognised(a_mobility(fact)) is said


NAMES = st.sampled_from(["Logic", "Sets", "sets ", "", "Ring theory"])
SOME_IDS = st.sampled_from([None, LosId("CR/1"), LosId("CR/2")])
LINES = st.builds(
    a_course,
    NAMES,
    table=st.sampled_from(ComponentList),
    los_id=SOME_IDS,
    los_code=st.sampled_from([None, "L-1", "l 1"]),
)
RESULTS = st.recursive(
    st.builds(a_result, NAMES, los_id=SOME_IDS, status=st.sampled_from([None, *ResultStatus])),
    lambda parts: st.builds(
        CourseResult, title=NAMES, parts=st.lists(parts, min_size=1, max_size=3).map(tuple)
    ),
    max_leaves=8,
)


def leaves(course: CourseResult) -> list[CourseResult]:
    return [leaf for part in course.parts for leaf in leaves(part)] if course.parts else [course]


@given(st.lists(LINES, min_size=1, max_size=8), st.lists(RESULTS, min_size=1, max_size=5))
def test_no_course_is_lost_and_nothing_is_passed_that_was_not_promised(lines, results):
    found = compare(an_agreement(first=a_version(*lines)), a_transcript(*results))

    beside = {id(leaf) for line in found.lines for each in line.results for leaf in leaves(each)}
    everything = {id(leaf) for each in results for leaf in leaves(each)}
    assert beside | {id(each) for each in found.not_agreed} == everything
    assert [each.component for each in found.lines] == lines
    for part, whole in (
        (found.studied_passed, found.studied),
        (found.promised_passed, found.promised),
        (found.automatic, found.promised),
    ):
        assert all(value <= whole[scheme] for scheme, value in part.items())
    for each in found.lines:
        assert (each.matched_by is MatchedBy.NOTHING) is (each.results == ())
