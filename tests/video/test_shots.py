"""Where shots begin."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from photochrom.color import Array
from photochrom.video.shots import LOOK_AHEAD, find_cuts, mark_cuts

BLACK = np.zeros((48, 64), np.float32)


def plane_of(seed: int) -> Array:
    """L of soft blots, (160, 400)."""
    coarse = np.random.default_rng(seed).uniform(10, 90, (16, 40)).astype(np.float32)
    return np.clip(cv2.resize(coarse, (400, 160), interpolation=cv2.INTER_CUBIC), 0, 100)


def scene(seed: int, many: int, speed: float = 1.0) -> list[Array]:
    """A window on such a plane that moves by so many pixels a frame, (48, 64)."""
    return [plane_of(seed)[40:88, 20 + round(speed * t) :][:, :64] for t in range(many)]


def mix(one: Array, other: Array, share: float) -> Array:
    return (1 - share) * one + share * other


def cuts(film: list[Array]) -> list[int]:
    return list(find_cuts(film))


def test_a_shot_begins_where_the_picture_changes_however_short_the_one_before():
    film = scene(1, 12) + scene(2, 12) + scene(3, 3) + scene(4, 2) + scene(5, 12, speed=3)
    assert cuts(film) == [0, 12, 24, 27, 29]


def test_it_is_told_a_few_frames_later():
    film = iter(scene(1, 30))
    marks = mark_cuts(film)
    assert [next(marks) for _ in range(10)] == [True] + 9 * [False]
    assert len(list(film)) == 30 - 10 - LOOK_AHEAD


@pytest.mark.parametrize("many", [0, 1, 3])
def test_a_film_of_a_few_frames_is_one_shot(many):
    assert cuts(scene(1, many)) == [0][:many]


def test_frames_of_any_size_and_shape_are_taken():
    one, other = (cv2.resize(plane_of(seed), (60, 700)) for seed in (1, 2))
    assert cuts([one] * 5 + [other] * 5) == [0, 5]
    assert cuts([plane_of(1)[:1, :1]] * 12) == [0]


def test_motion_is_no_cut():
    shake = np.random.default_rng(0).integers(-4, 5, (30, 2))
    shaken = [plane_of(1)[60 + y : 108 + y, 60 + x : 124 + x] for x, y in shake]
    zoomed = [
        cv2.resize(plane_of(1)[40 : 140 - 2 * t, 40 : 173 - 3 * t], (64, 48)) for t in range(30)
    ]
    entering = scene(1, 30, speed=0)
    for t, frame in enumerate(entering):
        width = max(0, min(40, 3 * t - 20))
        entering[t] = np.hstack([plane_of(2)[:48, 40 - width : 40], frame[:, width:]])
    for film in (shaken, zoomed, entering, scene(1, 30, speed=9)):
        assert cuts(film) == [0]


def test_old_film_flickers_and_has_grain_and_dust_without_cuts():
    random = np.random.default_rng(0)
    film = scene(1, 20) + scene(2, 20)
    for t, frame in enumerate(film):
        worn = frame * random.uniform(0.7, 1.3) + random.normal(0, 2, frame.shape)
        worn = np.roll(worn, random.integers(-1, 2), axis=0)
        x, y = random.integers(0, 60), random.integers(0, 44)
        worn[y : y + 3, x : x + 3] = 100 * (t % 2)
        worn[:, x] = 90
        film[t] = np.clip(worn, 0, 100).astype(np.float32)
    assert cuts(film) == [0, 20]


@pytest.mark.parametrize("light", [0, 100])
@pytest.mark.parametrize("many", [1, 2, 4])
def test_a_flash_is_no_cut(light, many):
    film = scene(1, 24)
    for t in range(many):
        film[10 + t] = mix(film[10 + t], np.full_like(BLACK, light), 1 - 0.25 * t)
    assert cuts(film) == [0]


def test_one_broken_frame_is_no_cut_but_a_cut_after_it_is():
    film = scene(1, 12) + scene(2, 12)
    film[5] = scene(7, 1)[0]
    assert cuts(film) == [0, 12]


@pytest.mark.parametrize("light", [0, 100])
def test_a_fade_and_back_is_no_cut_but_a_new_picture_after_it_is(light):
    void = np.full_like(BLACK, light)
    out = [mix(frame, void, t / 10) for t, frame in enumerate(scene(1, 11, speed=0))]
    back = out[::-1]
    new = [mix(frame, void, t / 10) for t, frame in enumerate(scene(2, 11, speed=0))][::-1]
    before, after = scene(1, 10, speed=0), scene(2, 10, speed=0)
    assert cuts(before + out + [void] * 20 + back + before) == [0]
    first, begin = cuts(before + out + [void] * 20 + new + after)
    assert first == 0
    assert 20 <= begin <= 10 + 11 + 20 + 2
    assert cuts([void] * 10 + new + after) == [0]


@pytest.mark.parametrize("many", [5, 12])
def test_a_dissolve_holds_one_cut(many):
    one, other = scene(1, 30, speed=0), scene(2, 30, speed=0)
    between = [mix(one[0], other[0], (t + 1) / (many + 1)) for t in range(many)]
    first, begin = cuts(one + between + other)
    assert first == 0
    assert 30 <= begin <= 30 + many
