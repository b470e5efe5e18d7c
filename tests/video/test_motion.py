import cv2
import numpy as np
import pytest

from photochrom.video.motion import MotionFinder

SIZE = 96, 128


def texture(seed: int = 0) -> np.ndarray:
    """L of something with edges of many sizes, larger than a frame."""
    rng = np.random.default_rng(seed)
    planes = [
        cv2.resize(rng.random((n, n), np.float32), (256, 256), interpolation=cv2.INTER_CUBIC)
        for n in (8, 24, 64)
    ]
    return np.clip(20 + 60 * sum(planes) / 3, 0, 100).astype(np.float32)


def crop(picture: np.ndarray, y: int, x: int) -> np.ndarray:
    return np.ascontiguousarray(picture[y : y + SIZE[0], x : x + SIZE[1]])


def test_brings_one_frame_onto_the_next_and_back():
    one, other = crop(texture(), 40, 40), crop(texture(), 43, 45)
    here, back = MotionFinder(SIZE).between(one, other)
    inner = np.s_[16:-16, 16:-16]
    assert np.abs(here.bring(one) - other)[inner].mean() < 1
    assert np.abs(back.bring(other) - one)[inner].mean() < 1
    assert here.trust[inner].mean() > 0.9
    assert back.trust[inner].mean() > 0.9


def test_does_not_trust_what_comes_into_the_picture():
    one, other = crop(texture(), 40, 40), crop(texture(), 40, 50)
    here, _ = MotionFinder(SIZE).between(one, other)
    assert here.trust[:, -8:].mean() < 0.3


@pytest.mark.parametrize(("gain", "offset"), [(0.7, 0), (1.3, -5), (1, 15)])
def test_trusts_what_only_the_light_has_changed(gain, offset):
    one = crop(texture(), 40, 40)
    here, _ = MotionFinder(SIZE).between(one, np.clip(gain * one + offset, 0, 100))
    assert here.trust.mean() > 0.9


def test_does_not_trust_another_picture():
    here, _ = MotionFinder(SIZE).between(crop(texture(), 40, 40), crop(texture(7), 40, 40))
    assert here.trust.mean() < 0.35
