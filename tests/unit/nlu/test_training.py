"""Teaching: by short vectors as by all their products."""

import pytest

np = pytest.importorskip("numpy", reason="numpy is not installed")

from erasmus_nlu.training import Factored, shares, unseen  # noqa: E402 - after numpy is sure


def phrases_of_three_kinds():
    chance = np.random.default_rng(5)
    classes = np.arange(60) % 3
    vectors = chance.normal(size=(60, 8)) + 4 * np.eye(3, 8)[classes]
    return vectors, classes


def test_products_that_are_not_written_out_teach_the_same():
    vectors, classes = phrases_of_three_kinds()

    written = shares(vectors @ vectors.T, classes, 3, 1e-3)

    np.testing.assert_allclose(shares(Factored(vectors, vectors), classes, 3, 1e-3), written, 1e-9)


def test_products_that_are_not_written_out_hold_the_same_phrases_out():
    vectors, classes = phrases_of_three_kinds()
    folds = np.arange(60) // 3 % 5

    written = unseen(vectors @ vectors.T, classes, 3, 1e-3, folds)

    found = unseen(Factored(vectors, vectors), classes, 3, 1e-3, folds)
    np.testing.assert_allclose(found, written, rtol=1e-6)
    assert (found.argmax(axis=1) == classes).mean() > 0.9


def test_half_the_precision_decides_the_same():
    vectors, classes = phrases_of_three_kinds()
    short = vectors.astype(np.float32)

    exact = vectors @ vectors.T @ shares(vectors @ vectors.T, classes, 3, 1e-3)
    found = short @ short.T @ shares(short @ short.T, classes, 3, 1e-3)

    assert found.dtype == np.float32
    np.testing.assert_allclose(found, exact, atol=0.01)
