"""What a distribution over colours tells."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from photochrom.inference import color_distribution

CENTRES = np.float32([(a, b) for a in range(-60, 61, 12) for b in range(-60, 61, 12)])  # (121, 2)
logits = arrays.arrays(np.float32, (2, 9, 3, 4), elements=st.floats(-200, 200, width=32))


def peaked(seed: int, *shape: int) -> np.ndarray:
    """Distributions over CENTRES with a few likely colours each, ``(Q, *shape)``."""
    p = np.random.default_rng(seed).gamma(0.1, size=(len(CENTRES), *shape)) + 1e-9
    return (p / p.sum(0)).astype(np.float32)


@given(logits, st.floats(0.05, 20))
def test_probabilities_sum_to_one(given, temperature):
    p = color_distribution.softmax(given, temperature)
    assert p.dtype == np.float32
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-5)


def test_probabilities_forget_a_number_for_each_place():
    given = np.random.default_rng(0).normal(size=(1, 5, 2, 2)).astype(np.float32)
    p = color_distribution.softmax(given)
    np.testing.assert_allclose(p[0, 1] / p[0, 0], np.exp(given[0, 1] - given[0, 0]), rtol=1e-5)
    np.testing.assert_allclose(color_distribution.softmax(given + 1e3), p, rtol=1e-3)


def test_temperature_sharpens_and_flattens():
    given = np.log([[0.6, 0.3, 0.1]]).reshape(1, 3, 1, 1)
    cold, warm = (color_distribution.softmax(given, t).ravel() for t in (0.5, 2))
    np.testing.assert_allclose(cold, np.array([36, 9, 1]) / 46, rtol=1e-6)
    np.testing.assert_allclose(warm, np.sqrt([6, 3, 1]) / np.sqrt([6, 3, 1]).sum(), rtol=1e-6)


@pytest.mark.parametrize(
    ("p", "bits"),
    [([0.25, 0.25, 0.5], 1.5), *(([1 / n] * n, np.log2(n)) for n in (1, 2, 7, 313)),
     *(([0] * (n - 1) + [1], 0) for n in (1, 2, 7, 313))],
    ids=str,
)  # fmt: skip
def test_entropy_is_in_bits(p, bits):
    given = np.broadcast_to(np.reshape(p, (1, -1, 1, 1)), (1, len(p), 2, 3)).astype(np.float32)
    found = color_distribution.entropy(given)
    np.testing.assert_allclose(found, np.full((1, 2, 3), bits), atol=1e-4 if bits else 0)


def test_spread_is_the_standard_deviation():
    p = peaked(0, 3, 4)
    found = color_distribution.spread(p[None], CENTRES)
    assert found.shape == (1, 3, 4)
    for row, column in np.ndindex(3, 4):
        here = p[:, row, column].astype(float)
        variance = sum(np.cov(CENTRES[:, axis], aweights=here, ddof=0) for axis in (0, 1))
        assert found[0, row, column] == pytest.approx(np.sqrt(variance), abs=1e-2)
    certain = np.zeros((1, len(CENTRES), 1, 1), np.float32)
    certain[0, 7] = 1
    assert color_distribution.spread(certain, CENTRES).item() == pytest.approx(0, abs=0.05)


def test_a_map_goes_from_black_to_yellow():
    shown = color_distribution.render_entropy(np.array([[0, 1, 2, 4, 6, 7, 8, 9]], np.float32))
    assert (shown.shape, shown.dtype) == ((1, 8, 3), np.uint8)
    brightness = shown[0].astype(int).sum(1)
    assert (np.diff(brightness[:7]) > 0).all()
    assert shown[0, 0].max() < 10
    red, green, blue = shown[0, 6].astype(int)
    assert min(red, green) > 200 > blue
    assert (shown[0, 6] == shown[0, 7]).all()
