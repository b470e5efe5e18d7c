"""The model that comes with the package, on the sample photographs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photochrom import Colorizer
from photochrom.color import rgb_to_lab
from photochrom.colorizer import WEIGHTS, available

SAMPLES = Path(__file__).parents[1] / "samples"


@pytest.fixture(scope="module")
def colorizer() -> Colorizer:
    return Colorizer()


def lab(pixels: np.ndarray) -> np.ndarray:
    return rgb_to_lab(pixels.astype(np.float32) / 255, axis=-1)


def test_every_model_has_a_card_and_fits_the_wheel():
    assert "hintnet" in available()
    for name in available():
        assert (WEIGHTS / f"{name}.md").read_text(encoding="utf-8").startswith(f"# {name}")
        assert (WEIGHTS / f"{name}.onnx").stat().st_size < 25e6


def test_it_says_what_it_is(colorizer):
    facts = colorizer.metadata
    assert facts["name"] == "hintnet"
    for key in ("version", "photochrom", "commit", "data", "licence", "figures"):
        assert facts[key]


def test_sky_is_blue_and_grass_is_green(colorizer):
    grey = np.asarray(Image.open(SAMPLES / "camera.jpg"))
    _, a, b = np.moveaxis(lab(colorizer.colorize(grey)), -1, 0)
    assert b[20:80, 20:150].mean() < -5  # sky
    assert a[400:480, 380:500].mean() < -5  # lawn
    assert b[400:480, 380:500].mean() > 10


@pytest.mark.parametrize("vivid", [0, 0.3, 1])
def test_lightness_is_that_of_the_photo(colorizer, vivid):
    grey = np.asarray(Image.open(SAMPLES / "camera.jpg"))
    lightness = lab(colorizer.colorize(grey, vivid=vivid))[..., 0]
    levels = lab(np.repeat(np.arange(256)[:, None], 3, 1))[:, 0]
    assert np.abs(np.interp(lightness, levels, np.arange(256)) - grey).max() <= 1


def test_more_vivid_is_more_colourful(colorizer):
    grey = np.asarray(Image.open(SAMPLES / "astronaut.jpg").convert("L"))
    chroma = [
        np.hypot(*np.moveaxis(lab(colorizer.colorize(grey, vivid=vivid))[..., 1:], -1, 0)).mean()
        for vivid in (0, 0.3, 0.7, 1)
    ]
    assert chroma == sorted(chroma)
    assert chroma[-1] > 1.5 * chroma[0]


@pytest.mark.parametrize("shape", [(1, 1), (10, 60000), (37, 53)])
def test_any_size(colorizer, shape):
    grey = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    assert colorizer.colorize(grey).shape == (*shape, 3)
