"""The window: found out by trying, halved by setbacks, bounded at both ends."""

from hypothesis import given
from hypothesis import strategies as st

from erasmus_app.worker.window import FIRST, LEAST, Window


def answers(window: Window, number: int, *, takes: float = 0.05, at: float = 100.0) -> None:
    for _ in range(number):
        window.answered(at, at + takes, int(window.size))


def test_it_grows_by_one_for_each_answer_up_to_its_limit():
    window = Window(100)
    answers(window, 10)
    assert window.size == FIRST + 10
    answers(window, 1_000)
    assert window.size == 100


def test_what_was_under_way_together_halves_it_once():
    window = Window(1_000, size=400)
    for _ in range(400):
        window.set_back(began=100.0, now=101.0)
    assert window.size == 200
    window.set_back(began=101.5, now=102.0)
    assert window.size == 100


def test_after_a_setback_it_grows_slowly():
    window = Window(1_000, size=400)
    window.set_back(began=1.0, now=2.0)
    answers(window, 200)
    assert 203 < window.size < 205


def test_it_does_not_grow_while_it_is_not_made_use_of():
    window = Window(1_000)
    for _ in range(100):
        window.answered(1.0, 1.05, under_way=3)
    assert window.size == FIRST


def test_it_does_not_grow_when_answers_take_longer_with_more_under_way():
    window = Window(1_000)
    answers(window, 20)
    answers(window, 200, takes=0.5)
    slowed = window.size
    answers(window, 100, takes=0.5)
    assert window.size == slowed < 150


@given(st.integers(1, 2_000), st.lists(st.tuples(st.booleans(), st.floats(0, 60)), max_size=200))
def test_it_never_leaves_its_bounds(at_most: int, story: list[tuple[bool, float]]):
    window, now = Window(at_most), 0.0
    for good, took in story:
        now += took
        if good:
            window.answered(now - took, now, int(window.size))
        else:
            window.set_back(now - took, now)
        assert min(LEAST, at_most) <= window.size <= at_most
