"""One photo laid over another."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from photochrom.inference.alignment import agreement, find_homography


def texture(seed: int, height: int = 300, width: int = 400) -> np.ndarray:
    """Blots of many sizes, L in 0..100."""
    rng = np.random.default_rng(seed)
    planes = [cv2.GaussianBlur(rng.normal(size=(height, width)), (0, 0), s) * s for s in (2, 5, 12)]
    total = np.sum(planes, axis=0)
    return (50 + 20 * total / total.std()).clip(0, 100).astype(np.float32)


def laid(L: np.ndarray, angle: float, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """A darker, noisy photo of the same, and where it has taken x, y from."""
    turn = cv2.getRotationMatrix2D((200, 150), angle, scale)
    other = cv2.warpAffine(L, turn, (400, 300)) * 0.7 + 5
    return (other + np.random.default_rng(9).normal(0, 1, other.shape)).astype(np.float32), turn


@pytest.mark.parametrize(("angle", "scale"), [(0, 1), (4, 0.8), (-10, 1.2)])
def test_the_same_scene_is_found_turned_scaled_darker_and_with_noise(angle, scale):
    L = texture(0)
    other, turn = laid(L, angle, scale)
    homography = find_homography(L, other)
    for point in ([100, 80], [300, 80], [200, 150], [120, 220], [280, 220]):
        x, y, w = homography @ [*point, 1]
        np.testing.assert_allclose([x / w, y / w], turn @ [*point, 1], atol=1.5)


@pytest.mark.parametrize(
    "other", [texture(1), np.full((300, 400), 50, np.float32), np.zeros((1, 1), np.float32)]
)
def test_other_scenes_and_blank_photos_have_nothing_in_common(other):
    assert find_homography(texture(0), other) is None
    assert find_homography(other, texture(0)) is None


def test_places_agree_whatever_the_light_and_not_where_something_else_is_seen():
    L, inside = texture(0), np.ones((300, 400), bool)
    other = 0.6 * L + 10
    other[:, 250:] = texture(1)[:, 250:]
    alike = agreement(L, other, inside)
    assert alike.max() <= 1 + 1e-4
    assert alike[:, :230].mean() > 0.8
    assert alike[:, 270:].mean() < 0.3
    flat = agreement(np.full((50, 60), 40, np.float32), np.full((50, 60), 70, np.float32),
                     np.ones((50, 60), bool))  # fmt: skip
    np.testing.assert_allclose(flat, 1, atol=1e-3)
