"""Toned photographs are told from photographs in colour."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from photochrom import color
from photochrom.image.photo import Photo
from photochrom.image.reader import read_photo
from photochrom.image.tone import measure_tone

rng = np.random.default_rng(7)
TEXTURE = rng.normal(0, 1, (60, 80)).astype(np.float32)
L = 50 + 45 * np.tanh(cv2.resize(rng.normal(0, 1, (9, 12)).astype(np.float32), (480, 360)))
L = np.clip(L + 5 * cv2.resize(TEXTURE, (480, 360)), 0, 100).astype(np.float32)
N = L / 100
MIDDLE = 4 * N * (1 - N)


def ray(degrees: float) -> np.ndarray:
    return np.array([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))])


def stain(low: float, high: float) -> np.ndarray:
    return cv2.resize(rng.uniform(low, high, (4, 4)).astype(np.float32), (480, 360))


def split() -> np.ndarray:
    lights = 1 / (1 + np.exp(-(N - 0.5) * 10))[..., None]
    return 14 * np.sqrt(MIDDLE)[..., None] * (lights * ray(65) + (1 - lights) * ray(255))


TONINGS = {
    "sepia": lambda: (24 * MIDDLE)[..., None] * ray(70),
    "cyanotype": lambda: (40 * MIDDLE)[..., None] * ray(265),
    "selenium": lambda: (7 * MIDDLE)[..., None] * ray(345),
    "split": split,
    "yellowed paper": lambda: (18 * N * stain(0.75, 1.25))[..., None] * ray(85),
    "faded": lambda: (14 * (0.5 + 0.5 * N))[..., None] * ray(55),
    "cast": lambda: np.broadcast_to([3.0, -2.0], (*L.shape, 2)),
}


def picture(ab: np.ndarray, noise: float = 0, quality: int = 0) -> Photo:
    rgb = np.clip(color.lab_to_rgb(np.dstack([L, ab]).astype(np.float32), axis=-1), 0, 1) * 255
    rgb = np.clip(rgb + rng.normal(0, noise, rgb.shape), 0, 255).astype(np.uint8)
    if not quality:
        return Photo(rgb)
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=quality)
    return read_photo(file.getvalue())


@pytest.mark.parametrize("name", TONINGS)
@pytest.mark.parametrize(("noise", "quality"), [(0, 0), (4, 0), (0, 50), (4, 75)])
def test_toned(name, noise, quality):
    assert measure_tone(picture(TONINGS[name](), noise, quality)) == "toned"


def colours() -> dict[str, np.ndarray]:
    top = np.linspace(1, 0, 360)[:, None, None]
    sky = np.broadcast_to(top * 25 * ray(265) + (1 - top) * 25 * ray(125), (*L.shape, 2))
    dress = np.zeros((*L.shape, 2))
    dress[100:250, 200:300] = 40 * ray(30)
    skin = (15 * MIDDLE)[..., None] * ray(55)
    skin[:, :160] = 12 * ray(250)
    leaves = np.broadcast_to(75 * ray(130), (*L.shape, 2))
    return {"sky and grass": sky, "red dress": dress, "skin and cloth": skin, "leaves": leaves}


@pytest.mark.parametrize("name", colours())
@pytest.mark.parametrize("quality", [0, 50])
def test_in_colour(name, quality):
    assert measure_tone(picture(colours()[name], 2, quality)) == "colour"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey(dtype):
    grey = np.rint(N * np.iinfo(dtype).max).astype(dtype)
    assert measure_tone(Photo(grey)) == "grey"
    assert measure_tone(Photo(np.dstack([grey] * 3))) == "grey"
    assert measure_tone(picture(np.zeros((*L.shape, 2)), noise=2, quality=60)) == "grey"


def test_sixteen_bits_are_judged_alike():
    for ab, expected in ((TONINGS["sepia"](), "toned"), (colours()["red dress"], "colour")):
        pixels = picture(ab).pixels
        assert measure_tone(Photo(pixels.astype(np.uint16) * 257)) == expected


def test_what_is_transparent_does_not_count():
    pixels = picture(TONINGS["sepia"]()).pixels.copy()
    pixels[:, 200:] = [255, 0, 255]
    alpha = np.full(L.shape, 255, np.uint8)
    alpha[:, 200:] = 0
    assert measure_tone(Photo(pixels)) == "colour"
    assert measure_tone(Photo(pixels, alpha)) == "toned"
    assert measure_tone(Photo(pixels, alpha * 0)) == "grey"


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (3, 2)])
def test_small_ones(size):
    red = np.zeros((*size, 3), np.uint8)
    red[..., 0] = 200
    assert measure_tone(Photo(red)) == "colour"
    assert measure_tone(Photo(red * 0 + 90)) == "grey"
