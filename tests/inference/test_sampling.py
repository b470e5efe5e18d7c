"""A version's colours: drawn for regions, and told by a few places in each."""

from __future__ import annotations

import numpy as np
import pytest

from photochrom.inference.resemblance import find_regions
from photochrom.inference.sampling import agree, describe_looks, spread_places

CELLS = np.indices((24, 32))


def test_regions_follow_what_the_network_believes_and_the_same_photo_has_the_same():
    left = CELLS[1] < 16
    p = np.where(left, *np.float32([[0.9, 0.1], [0.1, 0.9]]).reshape(2, 2, 1, 1))
    features = np.stack([left, ~left]).astype(np.float32)
    one, again = (find_regions(features, p, np.full((96, 128), 50, np.float32)) for _ in range(2))
    np.testing.assert_array_equal(one, again)
    assert one.shape == (24, 32)
    assert not set(one[left]) & set(one[~left])
    assert 2 <= one.max() + 1 <= 6


def test_a_region_takes_a_colour_that_all_of_it_may_have():
    """Two halves, each sure of another colour, that agree on a third alone."""
    p = np.array([[0.7, 0.01], [0.01, 0.7], [0.29, 0.29]])
    share = agree(p)
    assert share.sum() == pytest.approx(1)
    assert share.argmax() == 2
    assert share[0] == pytest.approx(share[1])
    certain = agree(np.array([[1.0, 1.0], [0.0, 0.0]]))
    np.testing.assert_allclose(certain, [1, 0], atol=1e-6)


def looks(**given) -> np.ndarray:
    L = np.full(CELLS.shape[1:], 50, np.float32)
    p = np.ones((1, *L.shape), np.float32)
    return describe_looks(**{"p": p, "centres": np.zeros((1, 2)), "L": L} | given)


@pytest.mark.parametrize("most", [1, 2, 3])
def test_places_lie_well_inside_a_region_and_spread_over_it(most):
    ring = np.abs(np.hypot(CELLS[0] - 12, CELLS[1] - 16) - 8) < 2.5
    places = spread_places(looks(), ring, most)
    assert len(places) == most
    for row, column in places:
        assert ring[row - 1 : row + 2, column - 1 : column + 2].sum() >= 8
    gaps = [np.hypot(*np.subtract(a, b)) for i, a in enumerate(places) for b in places[:i]]
    assert min(gaps, default=9) > 8


def test_parts_that_look_unlike_have_a_place_each():
    corner = (CELLS < 9).all(0)
    p = np.stack([corner, ~corner]).astype(np.float32)
    places = spread_places(
        looks(p=p, centres=np.array([[60, 0], [0, 60]])), np.ones((24, 32), bool), 2
    )
    assert sorted(corner[place] for place in places) == [False, True]


def test_a_region_has_no_more_places_than_cells():
    inside = np.zeros((24, 32), bool)
    inside[3, 4:6] = True
    assert sorted(spread_places(looks(), inside, 9)) == [(3, 4), (3, 5)]
