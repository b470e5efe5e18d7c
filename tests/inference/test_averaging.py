"""Several looks at one photo, and their mean."""

from __future__ import annotations

import numpy as np

from photochrom.inference import averaging


def flat(a: float, b: float, height: int = 6, width: int = 8) -> np.ndarray:
    return np.stack([np.full((height, width), value, np.float32) for value in (a, b)])


def test_the_size_asked_for_comes_first_and_is_all_that_is_fast():
    assert averaging.sizes(192, "best") == [192, 160, 224]
    assert averaging.sizes(192, "fast") == [192]
    assert averaging.sizes(256, "best") == [256, 213, 299]


def test_the_mean_has_the_hue_of_all_and_the_chroma_of_some():
    one, other = flat(30, 0), flat(0, 40)
    ab = averaging.average([one, other], like=[one])
    assert ab.shape == one.shape
    np.testing.assert_allclose(ab, flat(18, 24), atol=1e-4)  # (15, 20), brought to a chroma of 30


def test_answers_of_other_sizes_are_brought_to_that_of_the_first():
    ramp = np.broadcast_to(np.arange(8, dtype=np.float32), (2, 6, 8))
    large = np.repeat(np.repeat(ramp, 2, axis=1), 2, axis=2)
    np.testing.assert_allclose(averaging.average([ramp, large], like=[ramp]), ramp, atol=1e-5)
    small = ramp.reshape(2, 3, 2, 4, 2).mean((2, 4))
    ab = averaging.average([ramp, small], like=[ramp])
    assert ab.shape == ramp.shape
    np.testing.assert_allclose(ab[:, :, 1:-1], ramp[:, :, 1:-1], atol=0.05)


def test_looks_that_agree_on_nothing_stay_pale():
    one, other = flat(30, 0), flat(-28, 0)
    assert np.abs(averaging.average([one, other], like=[one, other])).max() <= 1.5
    grey = flat(0, 0)
    assert not averaging.average([grey, grey], like=[grey]).any()
