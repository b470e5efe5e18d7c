import io
from itertools import pairwise

import cv2
import numpy as np
import pytest

from photochrom.video.propagation import Carrier, State, carry_colors

SIZE = 64, 96


def picture(seed: int = 0, low: float = 20, high: float = 80) -> np.ndarray:
    rng = np.random.default_rng(seed)
    small = rng.random((12, 18), np.float32)
    L = cv2.resize(small, SIZE[::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip(low + (high - low) * L, low, high).astype(np.float32)


def grain(L: np.ndarray, number: int, by: float = 1) -> np.ndarray:
    noise = np.random.default_rng([7, number]).normal(0, by, L.shape)
    return np.clip(L + noise, 0, 100).astype(np.float32)


class Network:
    """Answers one colour for all of a frame, with an error of its own each time."""

    def __init__(self, a: float = 20, b: float = 10, error: float = 5) -> None:
        self.a, self.b, self.error, self.asked = a, b, error, 0

    def __call__(self, frame: object, L: np.ndarray) -> np.ndarray:
        self.asked += 1
        rng = np.random.default_rng(self.asked)
        off = rng.normal(0, self.error, (2, 4, 6)).astype(np.float32)
        wrong = np.stack([cv2.resize(o, SIZE[::-1], interpolation=cv2.INTER_CUBIC) for o in off])
        return wrong + np.array([self.a, self.b], np.float32)[:, None, None]


def flicker(colors: list[np.ndarray]) -> float:
    return float(np.mean([np.hypot(*(a - b)).mean() for a, b in pairwise(colors)]))


def carry(frames: list[np.ndarray], ask) -> list[np.ndarray]:
    return [ab for _, ab in carry_colors(frames, lambda frame: frame, ask)]


def test_gives_every_frame_once_in_order():
    frames = [grain(picture(), i) for i in range(17)]
    given = list(carry_colors(frames, lambda frame: frame, Network()))
    assert [id(frame) for frame, _ in given] == [id(frame) for frame in frames]
    assert all(ab.shape == (2, *SIZE) and ab.dtype == np.float32 for _, ab in given)


def test_holds_colors_still_where_the_network_wavers():
    frames = [grain(picture(), i) for i in range(40)]
    network = Network()
    alone = flicker([network(frame, frame) for frame in frames])
    assert flicker(carry(frames, Network())) < alone / 5


def test_a_still_scene_does_not_fade_in_200_frames():
    frames = [grain(picture(), i) for i in range(200)]
    colors = carry(frames, Network(error=0))
    first, last = (np.hypot(*ab).mean() for ab in (colors[0], colors[-1]))
    assert last == pytest.approx(first, rel=0.03)


def test_asks_the_network_at_key_frames_only():
    network = Network()
    carry([picture()] * 81, network)
    assert network.asked == 11


def test_what_enters_has_its_own_color_from_its_first_frame():
    frames, masks = [], []
    thing = picture(3, 60, 95)[:24, :30]
    for i in range(24):
        frame, mask = picture(0, 20, 50), np.zeros(SIZE, bool)
        left = 96 - 5 * max(0, i - 3)
        width = max(0, min(30, 96 - left))
        if width and left >= 0:
            frame[20:44, left : left + width] = thing[:, :width]
            mask[20:44, left : left + width] = True
        frames.append(grain(frame, i))
        masks.append(mask)

    def ask(number: int, L: np.ndarray) -> np.ndarray:
        a = np.where(masks[number], 40, 0).astype(np.float32)
        return np.stack([a, np.where(masks[number], 0, 30).astype(np.float32)])

    given = carry_colors(range(24), lambda number: frames[number], ask)
    colors = [ab for _, ab in given]
    for number in range(6, 20):
        core = cv2.erode(masks[number].astype(np.uint8), np.ones((9, 9))) > 0
        if core.any():
            a, b = (plane[core].mean() for plane in colors[number])
            assert a > 28, number
            assert b < 10, number
        away = cv2.dilate(masks[number].astype(np.uint8), np.ones((13, 13))) == 0
        assert colors[number][1][away].mean() > 24, number


def test_a_flash_leaves_the_colors_as_they_were():
    frames = [grain(picture(), i) for i in range(30)]
    frames[14] = np.clip(frames[14] + 70, 0, 100)

    def ask(number: int, L: np.ndarray) -> np.ndarray:
        return np.full((2, *SIZE), 1 if number == 14 else 20, np.float32)

    colors = [ab for _, ab in carry_colors(range(30), lambda number: frames[number], ask)]
    assert np.mean(colors[17]) == pytest.approx(20, abs=2)


def test_black_has_no_color():
    dark = picture(low=0, high=1.5)
    colors = carry([grain(dark, i, by=0.3).clip(0, 2) for i in range(8)], Network())
    assert max(np.hypot(*ab).mean() for ab in colors) < 8
    black = carry([np.zeros(SIZE, np.float32)] * 8, Network())
    assert np.abs(black).max() == 0


def test_goes_on_from_a_state_that_was_kept():
    frames = [grain(picture(), i) for i in range(24)]
    network = Network()
    carrier = Carrier(lambda frame: frame, network)
    list(carrier.carry(frames[:12]))
    kept = io.BytesIO()
    carrier.state.save(kept)
    expected = [ab for _, ab in carrier.carry(frames[12:])]
    network.asked -= 2
    kept.seek(0)
    again = Carrier(lambda frame: frame, network, State.load(kept))
    colors = [ab for _, ab in again.carry(frames[12:])]
    assert np.allclose(colors, expected, atol=1e-3)


def test_a_state_that_is_not_whole_is_refused():
    with pytest.raises(ValueError, match="whole"):
        State.load(io.BytesIO(b"PK\x03\x04 cut short"))
