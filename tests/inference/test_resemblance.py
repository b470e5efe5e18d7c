"""Which places of a photo are worth asking about."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from photochrom.inference.resemblance import choose_places, compare_cells

NONE = np.zeros((0, 2))
CELLS = np.indices((48, 64))
LARGE, SMALL = (24.0, 18.0, 11.0), (20.0, 50.0, 6.0)
"""Row, column and radius of two discs."""


def disc(row: float, column: float, radius: float) -> np.ndarray:
    return np.hypot(CELLS[0] + 0.5 - row, CELLS[1] + 0.5 - column) < radius


@pytest.fixture
def scene() -> dict[str, np.ndarray]:
    """Two discs that the network knows nothing of, on a ground that it knows."""
    large, small = disc(*LARGE), disc(*SMALL)
    kinds = np.stack([large, small, ~(large | small)]).astype(np.float32)
    lightness = np.float32(30) + 20 * large + 50 * small
    spread = np.where(large | small, 30, 8)
    return {
        "features": kinds, "L": cv2.resize(lightness.astype(np.float32), (256, 192)),
        "spread": spread.astype(np.float32),
    }  # fmt: skip


def test_the_larger_unsure_thing_comes_first_and_what_is_sure_not_at_all(scene):
    places = choose_places(**scene, known=NONE, most=5)
    assert len(places) == 2
    for (y, x, radius), (row, column, size) in zip(places, (LARGE, SMALL), strict=True):
        assert np.hypot(y * 48 - row, x * 64 - column) < size / 2
        assert radius * 48 == pytest.approx(size, rel=0.3)
    assert choose_places(**scene, known=NONE, most=1) == places[:1]


def test_what_has_a_hint_is_asked_about_no_more(scene):
    on_large = np.array([[LARGE[0] / 48, LARGE[1] / 64]])
    ((y, x, _),) = choose_places(**scene, known=on_large, most=5)
    assert disc(*SMALL)[int(y * 48), int(x * 64)]
    both = np.array([on_large[0], [1.0, 1.0], [SMALL[0] / 48, SMALL[1] / 64]])
    assert choose_places(**scene, known=both, most=5) == []


def test_a_photo_that_is_sure_or_unsure_at_its_border_alone_has_no_places(scene):
    sure = scene | {"spread": np.full((48, 64), 9, np.float32)}
    assert choose_places(**sure, known=NONE, most=5) == []
    border = np.full((48, 64), 5, np.float32)
    border[:3] = border[:, :3] = 40
    assert choose_places(**scene | {"spread": border}, known=NONE, most=5) == []


def test_places_keep_apart_and_from_the_border():
    rng = np.random.default_rng(0)
    features = np.stack([cv2.GaussianBlur(p, (0, 0), 1) for p in rng.normal(size=(40, 12, 40))])
    places = choose_places(features, np.full((96, 320), 50, np.float32),
                           np.full((24, 80), 30, np.float32), NONE, 5)  # fmt: skip
    assert len(places) == 5
    at = np.array(places)[:, :2] * (24, 80)
    gaps = np.hypot(*(at[:, None] - at).transpose(2, 0, 1)) + 99 * np.eye(5)
    assert gaps.min() > 0.25 * 24
    assert (np.minimum(at, np.array([24, 80]) - at) > 0.1 * 24).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (300, 2)])
def test_any_shape_is_compared(shape):
    spread = np.full(shape, 30, np.float32)
    known = np.array([[1.0, 1.0]])
    for hints in (NONE, known):
        places = choose_places(np.zeros((0, 1, 1)), np.zeros(shape, np.float32), spread, hints, 5)
        assert len(places) <= 5


def test_equal_cells_resemble_each_other_fully_and_others_less():
    features = np.float32([[[1, 0]], [[0, 1]]])
    alike = compare_cells(features, np.full((4, 8), 50, np.float32), (2, 2))
    np.testing.assert_allclose(alike.diagonal(), 1, atol=1e-5)
    np.testing.assert_allclose(alike, alike.T, atol=1e-6)
    assert alike[0, 1] < alike[0, 2] < 1
