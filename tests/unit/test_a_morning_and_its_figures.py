"""What `make bench-load` and `make test-soak` plan beforehand, and how they judge."""

import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "bench"))  # last: it has an `ewp.py`

from morning import OPENED_AFTER, WATCHING, Scale, planned
from soak_table import _still
from watching import line

SCALE = Scale(seconds=60, warm=5, starts=50, changes=10, bursts=4, students=1_000)


def test_each_change_is_another_student_s():
    told = [each for each in planned(SCALE).told if each.change]

    assert len(told) == pytest.approx(10 * 65, rel=0.15)
    assert Counter(each.mobility for each in told).most_common(1)[0][1] == 1


def test_who_taps_a_push_comes_after_its_change_and_who_hears_of_one_before():
    morning = planned(SCALE)
    changed, starts = morning.changed, morning.starts
    after = [e.at - changed[e.student] for e in starts if e.opened]
    before = [changed[e.student] - e.at for e in starts if e.watching]

    assert OPENED_AFTER[0] <= min(after) <= max(after) <= OPENED_AFTER[1]
    assert WATCHING[0] <= min(before) <= max(before) <= WATCHING[1]
    assert len(starts) == pytest.approx(50 * 65, rel=0.1)
    assert sum(e.refresh for e in starts) <= len({e.student for e in starts if e.refresh})


def test_a_morning_is_the_same_for_the_same_seed():
    assert planned(SCALE) == planned(SCALE)
    assert planned(SCALE) != planned(SCALE, seed=9)


def test_more_changes_than_students_are_refused():
    with pytest.raises(ValueError, match="need as many students"):
        planned(Scale(seconds=60, changes=50, students=100))


def test_a_line_has_a_slope_and_knows_how_sure_it_is():
    exact = line([(0, 1), (1, 3), (2, 5)])
    shaky = line([(0, 0), (1, 3), (2, -1), (3, 4)])

    assert exact == (2, 0)
    assert shaky.slope == pytest.approx(0.8)
    assert shaky.least < 0
    assert shaky.most > 0.8


@pytest.mark.parametrize(
    ("counts", "is_still"),
    [([5, 9, 7, 6, 8, 9], True), ([5, 5, 5, 6, 6, 6], True), ([1, 2, 3, 4, 5, 7], False)],
)
def test_what_each_round_leaves_behind_is_a_leak(counts: list[int], is_still: bool):
    assert _still("handles", counts)[3] is is_still
