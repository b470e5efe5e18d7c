"""Spots carried along the motion to both ends of their shot."""

from __future__ import annotations

import errno
import io

import cv2
import numpy as np
import pytest

from photochrom.errors import DiskFull
from photochrom.video import tracking
from photochrom.video.tracking import follow_spots, track_spots

SIZE = 96, 128
RED, BLUE = (60, 40, 1), (20, -60, 0.5)


def texture(seed: int, height: int = 160, width: int = 240) -> np.ndarray:
    """L of something with much to hold on to."""
    rng = np.random.default_rng(seed)
    coarse, fine = (rng.uniform(20, 80, (height // k, width // k)) for k in (20, 5))
    planes = [cv2.resize(p, (width, height), interpolation=cv2.INTER_CUBIC) for p in (coarse, fine)]
    return np.clip(np.mean(planes, 0), 0, 100).astype(np.float32)


def grain(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1.5, SIZE).astype(np.float32)


def pan(frames: int, step: tuple[float, float]) -> list[np.ndarray]:
    """A camera that moves over a texture by ``step`` (x, y) a frame."""
    scene = texture(0)
    return [
        cv2.warpAffine(
            scene,
            np.array([[1, 0, -20.0 - step[0] * t], [0, 1, -20.0 - step[1] * t]]),
            SIZE[::-1],
        )
        + grain(t)
        for t in range(frames)
    ]


def pass_by(frames: int, step: float, side: int = 36) -> list[np.ndarray]:
    """A square that moves to the right over a still background, its middle at row 48."""
    still, thing = texture(0)[: SIZE[0], : SIZE[1]], texture(1)[:side, :side] + 15
    pictures = []
    for t in range(frames):
        M = np.array([[1.0, 0, step * t - side], [0, 1, 48 - side / 2]])
        moved = cv2.warpAffine(thing, M, SIZE[::-1])
        mask = cv2.warpAffine(np.ones_like(thing), M, SIZE[::-1])
        pictures.append(still * (1 - mask) + moved * mask + grain(t))
    return pictures


def spots(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32)


def test_a_spot_goes_with_the_picture_to_both_ends():
    at = {20: spots((40.5, 60.5, *RED), (70, 90, *BLUE))}
    found = track_spots(iter(pan(41, (0.7, -0.4))), at)
    assert len(found) == 41
    for t, seen in enumerate(found):
        moved = at[20][:, :2] - np.array([-0.4, 0.7]) * (t - 20)
        np.testing.assert_allclose(seen[:, :2], moved, atol=0.5)
        np.testing.assert_array_equal(seen[:, 2:], at[20][:, 2:])
        assert seen.dtype == np.float32
    np.testing.assert_allclose(found[20], at[20], rtol=1e-5)


def test_a_spot_that_leaves_the_picture_ends_there():
    frames = pan(40, (2, 0))
    found = track_spots(frames, {0: spots((50, 30, *RED))})
    seen = [len(some) for some in found]
    assert 12 <= sum(seen) <= 16  # 30 pixels to the edge
    assert seen == sorted(seen, reverse=True)
    found = track_spots(frames, {39: spots((50, 100, *RED))})
    assert 12 <= sum(map(len, found)) <= 16


def test_a_spot_goes_with_what_moves_and_none_behind_it_does():
    frames, start = pass_by(70, 2.0), 30
    middle = 2 * start - 18
    found = track_spots(frames, {start: spots((48, middle, *RED), (48, 100.5, *BLUE))})
    for t, seen in enumerate(found):
        x = 2 * t - 18  # of the thing's middle
        red = seen[seen[:, 2] == RED[0]]
        blue = seen[seen[:, 2] == BLUE[0]]
        if 20 < x < 108:
            np.testing.assert_allclose(red[0, :2], [48, x], atol=1)
        if x + 18 < 92:
            np.testing.assert_allclose(blue[0, :2], [48, 100.5], atol=0.5)
        assert not (np.abs(blue[:, 1] - x) < 14).any()


def test_of_two_frames_the_nearer_has_its_colour_where_they_meet():
    frames = pan(41, (0.5, 0))
    at = {0: spots((50, 70, *RED), (30, 60, *RED)), 40: spots((50.5, 51, *BLUE))}
    found = track_spots(frames, at)
    for t, seen in enumerate(found):
        near = seen[np.abs(seen[:, 0] - 50) < 5]
        assert len(near) == 1
        assert near[0, 2] == (RED if t <= 20 else BLUE)[0]
        assert len(seen) == 2


def test_a_flash_is_survived_and_a_fade_is_no_end():
    frames = pan(30, (0.5, 0))
    for t in (12, 13):
        frames[t] = np.full(SIZE, 100, np.float32)
    fading = np.linspace(1, 0.35, 10)
    frames[20:] = [frame * share for frame, share in zip(frames[20:], fading, strict=True)]
    found = track_spots(frames, {5: spots((50, 70, *RED), (60, 40, *BLUE))})
    assert [len(some) for some in found] == [2] * 12 + [0] * 2 + [2] * 16
    np.testing.assert_allclose(found[29][:, :2], [[50, 58], [60, 28]], atol=1)


def test_frames_that_come_one_by_one_are_followed_forwards():
    frames = pan(30, (0.5, 0.2))
    at = {10: spots((50, 70, *RED))}
    came = follow_spots(iter(frames), at | {99: spots((1, 1, *BLUE))})
    whole = track_spots(frames, at)
    for t, seen in enumerate(came):
        np.testing.assert_array_equal(seen, whole[t] if t >= 10 else np.zeros((0, 5)))
    assert [s.shape for s in track_spots(frames[:3], {})] == [(0, 5)] * 3


def test_what_does_not_fit_in_memory_is_kept_on_the_disk(monkeypatch):
    frames, at = pan(20, (0.5, 0.2)), {19: spots((50, 70, *RED))}
    held = track_spots(frames, at)
    monkeypatch.setattr(tracking, "_HELD", 5000)
    for one, other in zip(held, track_spots(frames, at), strict=True):
        np.testing.assert_array_equal(one, other)

    class Full(io.BytesIO):
        def write(self, data) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tracking.tempfile, "SpooledTemporaryFile", lambda _: Full())
    with pytest.raises(DiskFull, match="make room"):
        track_spots(frames, at)
