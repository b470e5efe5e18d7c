"""The network's answer, brought to the hints it was given."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photochrom.inference.hint_propagation import propagate_hints

places = st.tuples(st.floats(0, 1), st.floats(0, 1))
ab_values = st.floats(-100, 100)


def flat(height: int, width: int, ab: tuple[float, float] = (5, -5)) -> tuple[np.ndarray, ...]:
    """An answer of one colour, and its lightness."""
    answer = np.stack([np.full((height, width), value, np.float32) for value in ab])
    return answer, np.full((height, width), 50, np.float32)


def spot(y: float, x: float, a: float, b: float) -> np.ndarray:
    return np.array([[y, x, a, b]], np.float32)


def at(ab: np.ndarray, y: float, x: float) -> np.ndarray:
    """Of the pixel that a place lies in."""
    row, column = np.minimum(np.float32([y, x]).astype(int), np.array(ab.shape[1:]) - 1)
    return ab[:, row, column]


def test_without_spots_the_answer_stays_as_it_is():
    ab, L = flat(8, 9)
    assert propagate_hints(ab, L, np.zeros((0, 4), np.float32)) is ab


@given(
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    st.none() | st.integers(0, 99),
    places,
    ab_values,
    ab_values,
)
def test_a_spot_is_met_wherever_it_is_and_whatever_the_picture(size, seed, place, a, b):
    (ab, L), unsure = flat(*size), None
    if seed is not None:
        rng = np.random.default_rng(seed)
        L = rng.uniform(0, 100, size).astype(np.float32)
        ab = rng.uniform(-30, 30, (2, *size)).astype(np.float32)
        unsure = rng.uniform(0, 40, tuple(rng.integers(1, 30, 2)))
    y, x = np.multiply(place, size)
    met = propagate_hints(ab, L, spot(y, x, a, b), unsure)
    assert (met.shape, met.dtype) == ((2, *size), np.float32)
    np.testing.assert_allclose(at(met, y, x), [a, b], atol=5)


@pytest.mark.parametrize("unsure", [None, np.full((7, 5), 12.0), np.zeros((4, 4))])
def test_a_spot_is_met_where_cells_have_many_pixels_and_where_nothing_is_unsure(unsure):
    ab, L = flat(256, 301)
    for y, x in ((0, 0), (256, 301), (3.9, 299.9), (128.5, 150.2)):
        met = propagate_hints(ab, L, spot(y, x, 60, -40), unsure)
        np.testing.assert_allclose(at(met, y, x), [60, -40], atol=5)


def test_a_spot_reaches_less_the_farther_away():
    ab, L = flat(64, 256)
    moved = (propagate_hints(ab, L, spot(32, 8, 65, -5)) - ab)[0, 32, 8:]
    assert (np.diff(moved) <= 1e-3).all()
    assert moved[0] > 55
    assert moved[-1] < moved[0] / 4


@pytest.mark.parametrize("height", [40, 200])
def test_a_spot_stops_at_an_edge_of_lightness(height):
    ab, L = flat(height, 2 * height)
    L[:, :height], L[:, height:] = 25, 75
    middle = height // 2
    moved = (propagate_hints(ab, L, spot(middle, 1.5 * middle, 65, -5)) - ab)[0, middle]
    own, other = moved[middle], moved[height + middle // 2]  # as far from the spot
    assert moved[int(1.5 * middle)] > 55
    assert own > 25
    assert other < own / 2


def test_a_spot_stops_at_an_edge_of_colour():
    ab, L = flat(64, 128)
    ab[1, :, 64:] = 60
    moved = (propagate_hints(ab, L, spot(32, 56, 65, -5)) - ab)[0, 32]
    assert moved[72] < moved[40] / 2


def test_where_the_network_is_sure_a_spot_moves_less():
    ab, L = flat(64, 64)
    unsure = np.full((16, 16), 20.0)
    unsure[:, 8:] = 2
    moved = (propagate_hints(ab, L, spot(32, 20, 65, -5), unsure) - ab)[0, 32]
    assert moved[20] > 55
    assert moved[44] < moved[4] / 3


def test_what_is_less_sure_than_the_hint_goes_to_no_extremes():
    ab, L = flat(64, 64)
    unsure = np.full((16, 16), 30.0)
    unsure[8, 8] = 0
    moved = propagate_hints(ab, L, spot(34, 34, 65, -25), unsure) - ab
    assert (moved[0] >= 0).all()
    assert moved[0].max() <= 60
    assert (moved[1] <= 0).all()
    assert moved[1].min() >= -20


def test_far_spots_are_all_met():
    ab, L = flat(64, 64)
    spots = np.vstack([spot(5, 5, 60, 0), spot(60, 60, -60, 0), spot(5, 60, 0, 60)])
    met = propagate_hints(ab, L, spots)
    np.testing.assert_allclose([at(met, *place) for place in spots[:, :2]], spots[:, 2:], atol=5)


@pytest.mark.parametrize("size", [(32, 32), (256, 256)])
def test_spots_that_contradict_each_other_are_averaged(size):
    ab, L = flat(*size)
    spots = np.vstack([spot(17, 17, 80, 0), spot(17.5, 17.5, -40, 40)])
    met = propagate_hints(ab, L, spots)
    np.testing.assert_allclose(met[:, 17, 17], [20, 20], atol=5)
    assert np.abs(met).max() < 128


def test_a_thousand_spots():
    rng = np.random.default_rng(0)
    L = cv2.resize(rng.uniform(0, 100, (6, 6)), (160, 120)).astype(np.float32)
    truth = np.stack([L - 50, 20 - L / 2])
    spots = np.column_stack([rng.uniform(0, 120, 1000), rng.uniform(0, 160, 1000)])
    spots = np.column_stack([spots, truth[:, *spots.astype(int).T].T])
    met = propagate_hints(np.zeros_like(truth), L, spots)
    assert np.abs(met - truth).mean() < 1


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (2, 3), (5, 64), (67, 33), (31, 257)])
def test_any_size_has_its_spots_met_in_range_and_agreement_changes_nothing(size):
    ab, L = flat(*size)
    spots = np.vstack([spot(0, 0, 127, -128), spot(*size, -128, 127)])
    agreeing = np.vstack([spot(0, 0, 5, -5), spot(*size, 5, -5)])
    for unsure in (None, np.ones((1, 1)), np.ones((9, 4))):
        np.testing.assert_allclose(propagate_hints(ab, L, agreeing, unsure), ab, atol=1e-4)
        met = propagate_hints(ab, L, spots, unsure)
        assert met.shape == (2, *size)
        assert np.isfinite(met).all()
        assert met.min() >= -128
        assert met.max() <= 127


def dye(color: tuple[float, float], ab: np.ndarray):
    """A network that takes any hint for the light of the whole scene."""
    return lambda chosen: np.broadcast_to(np.float32(color)[:, None, None], ab.shape)


@pytest.mark.parametrize(("color", "far"), [((65, -5), 0), ((17, -5), 12)])
def test_what_the_network_makes_of_a_hint_is_let_through_only_if_it_is_likely(color, far):
    ab, L = flat(96, 128)
    L[:, 64:] = 80
    spots, network = spot(48, 20, *color), dye(color, ab)
    met = propagate_hints(ab, L, spots, np.full((6, 8), 16.0), ask=network)
    np.testing.assert_allclose(at(met, 48, 20), color, atol=1)
    np.testing.assert_allclose((met - ab)[0, :, 100:], far, atol=1)


def test_of_likely_and_unlikely_hints_the_network_is_asked_apart():
    ab, L = flat(64, 64)
    asked = []

    def network(chosen):
        asked.append(chosen.tolist())
        return ab

    spots = np.vstack([spot(10, 10, 8, -2), spot(50, 50, 60, 60)])
    propagate_hints(ab, L, spots, ask=network)
    assert asked == [[True, False], [True, True]]


def test_a_hint_stays_with_what_the_network_sees_there():
    ab, L = flat(64, 64)
    features = np.zeros((2, 8, 8), np.float32)
    features[0, :, :4] = features[1, :, 4:] = 1
    moved = (propagate_hints(ab, L, spot(32, 24, 65, -5), features=features) - ab)[0, 32]
    assert moved[40] < moved[8] / 1.5  # as far away


def test_the_reach_of_a_hint_is_its_own():
    ab, L = flat(64, 192)
    moved = [
        (propagate_hints(ab, L, np.array([[32, 96, 65, -5, reach]], np.float32)) - ab)[0, 32]
        for reach in (0.5, 1, 2)
    ]
    for row in moved:
        assert row[96] == pytest.approx(60, abs=2)
    half = [int((row > 30).sum()) for row in moved]  # pixels that move by half of it
    assert half[0] < 0.7 * half[1]
    assert half[1] < 0.7 * half[2]
    beside = np.array([[32, 60, 65, -5, 0.5], [32, 130, 5, -65, 2]], np.float32)
    met = propagate_hints(ab, L, beside)
    np.testing.assert_allclose([at(met, *s[:2]) for s in beside], beside[:, 2:4], atol=2)
