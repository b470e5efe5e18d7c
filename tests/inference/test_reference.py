"""Where a photo and a reference show the same thing."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from photochrom.inference.reference import LIKENESS, MOST, match


def noise(seed: int, height: int, width: int, channels: int = 48) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(channels, height, width)).astype(np.float32)


def smooth(seed: int, height: int, width: int) -> np.ndarray:
    return np.stack([cv2.GaussianBlur(plane, (0, 0), 1.5) for plane in noise(seed, height, width)])


@pytest.mark.parametrize(("size", "shift"), [((9, 11), (0, 0)), ((16, 20), (3, 5))])
def test_what_has_stayed_or_moved_is_found_place_by_place(size, shift):
    features = smooth(0, *size)
    here, there, like = match(features, np.roll(features, shift, (1, 2)), most=1000)
    assert len(here) == size[0] * size[1]
    np.testing.assert_array_equal((here + np.array(shift)) % size, there)
    np.testing.assert_allclose(like, 1, atol=1e-4)


def test_a_part_is_found_in_the_whole():
    features = smooth(0, 16, 20)
    here, there, like = match(features[:, 4:12, 6:17], features)
    found = (here + np.array([4, 6]) == there).all(1)
    assert len(here) == MOST
    assert found.mean() > 0.9
    assert like[found].mean() > 0.9


def test_different_photos_share_little():
    for seed in range(5):
        here, there, like = match(noise(2 * seed, 12, 12), noise(2 * seed + 1, 12, 12))
        assert len(here) == len(there) == len(like) <= 5


@pytest.mark.parametrize("most", [0, 1, 7])
def test_the_surest_come_first(most):
    features = smooth(0, 12, 12)
    worse = features + 0.1 * noise(1, 12, 12)
    here, there, like = match(features, worse, most=most)
    assert here.shape == there.shape == (most, 2)
    assert (np.diff(like) <= 0).all()
    everything = match(features, worse, most=1000)[2]
    np.testing.assert_array_equal(like, everything[:most])


def test_likeness_is_the_least_that_counts():
    features = smooth(0, 12, 12)
    worse = features + 0.2 * noise(1, 12, 12)
    counts = []
    for least in (-1, LIKENESS, 0.9, 1.01):
        like = match(features, worse, likeness=least, most=1000)[2]
        assert (like >= least).all()
        counts.append(len(like))
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1] == 0


def test_what_is_everywhere_says_nothing():
    features = np.ones((8, 5, 6), np.float32)
    here, there, like = match(features, features)
    assert here.shape == there.shape == (0, 2)
    assert like.shape == (0,)
    same = smooth(0, 9, 9)
    shifted = match(same + 1000, same + 1000, most=1000)
    np.testing.assert_array_equal(shifted[0], shifted[1])


def test_photos_may_have_different_sizes():
    features = smooth(0, 7, 30)
    here, there, _ = match(features, features[:, 2:4, 5:9])
    assert (there < (2, 4)).all()
    assert ((here >= (2, 5)) & (here < (4, 9))).all()
