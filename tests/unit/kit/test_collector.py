import gc
import weakref
from collections.abc import Iterator

import pytest

from erasmus_app.kit.collector import hold, settle


class Circle:
    """What only the collector can free."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def settled() -> Iterator[Circle]:
    before, lasting = gc.get_threshold(), Circle()
    hold()
    settle()
    yield lasting
    gc.set_threshold(*before)
    gc.unfreeze()


def test_what_was_loaded_is_not_looked_through_again(settled: Circle):
    assert not any(each is settled for each in gc.get_objects())


def test_what_comes_later_is_still_freed(settled: Circle):
    gone = weakref.ref(Circle())

    gc.collect()

    assert gone() is None
    assert gc.isenabled()
