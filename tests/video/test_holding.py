"""Colours that are known at spots, held there in every frame."""

from __future__ import annotations

import numpy as np

from photochrom.video.holding import hold_spots

SIZE = 60, 90


def spots(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32)


def test_spots_are_met_wherever_they_are_and_nothing_far_away_changes():
    ab = np.random.default_rng(0).uniform(-20, 20, (2, *SIZE)).astype(np.float32)
    L = np.full(SIZE, 50, np.float32)
    known = spots((0, 0, 60, -40, 1), (30.5, 45.5, -30, 20, 1), (60, 90, 10, 90, 2))
    met = hold_spots(ab, L, known)
    for row, column, spot in ((0, 0, known[0]), (30, 45, known[1]), (59, 89, known[2])):
        np.testing.assert_allclose(met[:, row, column], spot[2:4], atol=0.1)
    np.testing.assert_array_equal(met[:, :20, 60:], ab[:, :20, 60:])
    assert met.dtype == np.float32


def test_a_spot_stops_at_an_edge_of_lightness_and_reaches_as_far_as_it_says():
    ab = np.zeros((2, *SIZE), np.float32)
    L = np.full(SIZE, 20, np.float32)
    L[:, 48:] = 90
    small, normal = (hold_spots(ab, L, spots((30.5, 45.5, 40, 0, f)))[0, 30] for f in (0.5, 1))
    assert normal[43] > 25
    assert normal[49] < 4
    assert small[41] < 0.5 * normal[41]


def test_neighbours_that_contradict_are_averaged_and_no_spots_change_nothing():
    ab, L = np.zeros((2, *SIZE), np.float32), np.full(SIZE, 50, np.float32)
    met = hold_spots(ab, L, spots((30.5, 45.5, 120, 0, 1), (30.5, 45.7, -40, 0, 1)))
    np.testing.assert_allclose(met[:, 30, 45], [40, 0], atol=0.1)
    assert hold_spots(ab, L, np.zeros((0, 5), np.float32)) is ab
