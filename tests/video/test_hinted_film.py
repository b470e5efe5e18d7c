"""A hint on something that moves, in the colours of a film by the bundled model."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from photochrom.inference.colorizer import Colorizer
from photochrom.inference.options import ColorizeOptions
from photochrom.video.asking import Asker
from photochrom.video.holding import hold_spots
from photochrom.video.propagation import carry_colors
from photochrom.video.raster import Raster
from photochrom.video.tracking import track_spots

SAMPLES = Path(__file__).parents[2] / "samples"
MANY, SIZE, RADIUS = 201, (192, 288), 28
WISH = 40, 30


def read_grey(name: str, height: int) -> np.ndarray:
    grey = cv2.imread(str(SAMPLES / name), cv2.IMREAD_GRAYSCALE)
    width = round(grey.shape[1] * height / grey.shape[0])
    return cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)


def move(number: int, middle: tuple[float, float]) -> np.ndarray:
    """Where the thing is: it circles, turns, and comes near."""
    turn = 2 * np.pi * number / (MANY - 1)
    M = cv2.getRotationMatrix2D(middle, 15 * np.sin(2 * turn), 1 + 0.15 * np.sin(turn))
    M[:, 2] += 144 + 90 * np.sin(turn) - middle[0], 96 + 34 * np.sin(2 * turn) - middle[1]
    return M


@pytest.mark.slow
def test_a_hint_keeps_its_colour_for_a_hundred_frames_both_ways_and_changes_nothing_else():
    ground, thing = read_grey("coffee.jpg", SIZE[0]), read_grey("chelsea.jpg", 115)
    middle = thing.shape[1] / 2, thing.shape[0] / 2
    round_mask = np.zeros(thing.shape, np.float32)
    cv2.circle(round_mask, (int(middle[0]), int(middle[1])), RADIUS, 1.0, -1, cv2.LINE_AA)
    frames, masks = [], []
    for number in range(MANY):
        M = move(number, middle)
        mask = cv2.warpAffine(round_mask, M, SIZE[::-1])
        moved = cv2.warpAffine(thing, M, SIZE[::-1])
        grain = np.random.default_rng(number).normal(0, 4, SIZE)
        mixed = ground[:, : SIZE[1]] * (1 - mask) + moved * mask + grain
        frames.append(np.rint(np.clip(mixed, 0, 255)).astype(np.uint8))
        masks.append(cv2.dilate(mask, np.ones((9, 9))) > 0.01)
    raster = Raster(height=SIZE[0], width=SIZE[1], bits=8, full_range=True)
    asker = Asker(Colorizer(), raster, ColorizeOptions(size=192))
    lightness = list(map(asker.see, frames))
    places = [move(number, middle) @ (*middle, 1) for number in range(MANY)]  # x, y
    x, y = places[100]
    spots = track_spots(lightness, {100: np.array([[y, x, *WISH, 1]], np.float32)})

    def color(known: list[np.ndarray]) -> list[np.ndarray]:
        carried = carry_colors(
            range(MANY), lightness.__getitem__, lambda number, L: asker.ask(L, known[number])
        )
        return [hold_spots(ab, lightness[n], known[n]) for n, ab in carried]

    hinted, plain = color(spots), color([np.zeros((0, 5), np.float32)] * MANY)
    off = [
        np.hypot(*(ab[:, int(y), int(x)] - WISH)) for ab, (x, y) in zip(hinted, places, strict=True)
    ]
    beyond = [
        np.hypot(*(one - other))[~mask].mean()
        for one, other, mask in zip(hinted, plain, masks, strict=True)
    ]
    assert np.mean(np.array(off) <= 5) >= 0.95
    assert np.mean(beyond) < 2  # ab, where the wish is 50 from grey
