"""An address with too many refused tokens is not listened to; one without any always is."""

import pytest

from erasmus_app.mobilities.feed_limits import RefusedBefore


@pytest.mark.parametrize(
    ("of_address", "of_hei", "is_too_much"),
    [
        (0, 0, False),
        (19, 199, False),
        (20, 20, True),
        (20, 0, True),  # none of them for an HEI that is covered
        (0, 200, False),  # strangers close their own addresses only
        (0, 1_000_000, False),
        (1, 200, True),
    ],
)
def test_an_hei_that_many_try_gives_each_address_one_try(of_address, of_hei, is_too_much):
    before = RefusedBefore(of_address=of_address, of_hei=of_hei)

    assert before.is_too_much is is_too_much
