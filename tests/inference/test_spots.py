"""Spots: where hints lie in what a network sees, and the planes it takes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from photochrom.inference.hints import Hint
from photochrom.inference.spots import scale_spots, to_pixels, to_planes, to_spots

ab_values = st.floats(-127, 127, allow_nan=False)


def test_spots_lie_where_the_hints_do():
    given = [Hint(30, 5, (1, 2)), Hint(0, 20, (3, 4), "small"), Hint(60, 0, (5, 6), "large")]
    found = to_spots(given, (20, 60), (10, 20))
    assert found.dtype == np.float32
    assert found.tolist() == [[2.5, 10, 1, 2, 1], [10, 0, 3, 4, 0.5], [0, 20, 5, 6, 2]]
    assert to_spots([], (20, 60), (10, 20)).shape == (0, 5)


def test_spots_move_to_a_picture_of_another_size():
    five = np.array([[2.5, 10, 1, 2, 0.5]])
    assert scale_spots(five, 2, 3).tolist() == [[5, 30, 1, 2, 0.5]]
    assert scale_spots(five[:, :4], 2, 3).tolist() == [[5, 30, 1, 2]]


def test_the_edge_of_the_photo_is_inside():
    corners = [Hint(x, y, "red") for x in (0, 60) for y in (0, 20)]
    found = to_spots(corners, (20, 60), (10, 20))
    assert to_pixels(found, (10, 20)).tolist() == [[0, 0], [9, 0], [0, 19], [9, 19]]


@given(st.integers(1, 300), st.integers(1, 300), st.floats(0, 1), st.floats(0, 1))
def test_every_position_lies_in_a_pixel(height, width, down, across):
    spot = np.array([[height * down, width * across, 0, 0]], np.float32)
    ((row, column),) = to_pixels(spot, (height, width))
    assert 0 <= row < height
    assert 0 <= column < width
    assert row <= spot[0, 0] <= row + 1
    assert column <= spot[0, 1] <= column + 1


def by_hand(spots: np.ndarray, size: tuple[int, int], patch: int) -> np.ndarray:
    """Each pixel asks all spots."""
    shown, where = np.zeros((3, *size), np.float32), to_pixels(spots, size)
    for place in np.ndindex(*size):
        gaps = where - place
        reached = np.flatnonzero(np.abs(gaps).max(1, initial=0) <= patch // 2)
        if len(reached):
            nearest = reached[np.hypot(*gaps[reached].T).argmin()]
            shown[:, *place] = *spots[nearest, 2:], 1
    return shown


@given(st.data(), st.integers(1, 12), st.integers(1, 12), st.sampled_from([1, 3, 5, 9]))
def test_planes_agree_with_asking_every_pixel(data, height, width, patch):
    spot = st.tuples(st.floats(0, height, width=32), st.floats(0, width, width=32), ab_values)
    rows = data.draw(st.lists(spot, max_size=6))
    spots = np.array([(*row, -row[-1]) for row in rows], np.float32).reshape(-1, 4)
    shown = to_planes(spots, (height, width), patch)
    assert shown.dtype == np.float32
    np.testing.assert_array_equal(shown, by_hand(spots, (height, width), patch))


def test_a_spot_fills_a_square_that_the_edges_cut():
    shown = to_planes(np.array([[0.5, 6.5, 10, -20]]), (4, 8))
    assert (shown[2, :3, 4:] == 1).all()
    assert shown[2].sum() == 3 * 4
    assert set(np.unique(shown[2])) == {0, 1}
    assert (shown[:2, :3, 4:] == np.reshape([10, -20], (2, 1, 1))).all()
    reaching = to_planes(np.array([[0.5, 6.5, 10, -20, 0.5]]), (4, 8))
    np.testing.assert_array_equal(reaching, shown)
