"""Where shots begin."""

from __future__ import annotations

import cv2
import numpy as np

from photochrom.color import Array
from photochrom.video.shots import LOOK_AHEAD, find_cuts, mark_cuts


def scene(seed: int, many: int, speed: float = 1.0) -> list[Array]:
    """L of a plane of soft blots that moves by that many pixels a frame, (48, 64)."""
    random = np.random.default_rng(seed)
    coarse = random.uniform(10, 90, (16, 40)).astype(np.float32)
    plane = cv2.resize(coarse, (400, 160), interpolation=cv2.INTER_CUBIC)
    return [plane[40:88, 20 + round(speed * t) :][:, :64] for t in range(many)]


def test_a_shot_begins_where_the_picture_changes() -> None:
    film = scene(1, 12) + scene(2, 12) + scene(3, 3) + scene(4, 12)
    assert list(find_cuts(film)) == [0, 12, 24, 27]


def test_it_is_told_a_few_frames_later() -> None:
    film = iter(scene(1, 30))
    marks = mark_cuts(film)
    assert [next(marks) for _ in range(10)] == [True] + 9 * [False]
    assert len(list(film)) == 30 - 10 - LOOK_AHEAD
