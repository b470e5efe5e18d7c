"""The model that comes with the package, on the sample photographs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photochrom import Colorizer, Hint
from photochrom.color import fit_gamut, rgb_to_lab
from photochrom.inference.onnx_model import WEIGHTS, list_models

SAMPLES = Path(__file__).parents[2] / "samples"
STUDY = Path(__file__).parents[2] / "models"


@pytest.fixture(scope="module")
def colorizer() -> Colorizer:
    return Colorizer()


def lab(pixels: np.ndarray) -> np.ndarray:
    return rgb_to_lab(pixels.astype(np.float32) / 255, axis=-1)


def test_every_model_has_a_card_and_fits_the_wheel():
    assert "hintnet" in list_models()
    for path in [*WEIGHTS.glob("*.onnx"), *STUDY.glob("*.onnx")]:
        assert path.with_suffix(".md").read_text(encoding="utf-8").startswith(f"# {path.stem}")
        assert path.stat().st_size < 25e6


def test_it_says_what_it_is(colorizer):
    facts = colorizer.model.metadata
    assert facts["name"] == "hintnet"
    for key in ("version", "photochrom", "commit", "data", "licence", "figures", "centres"):
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


# --- hints ------------------------------------------------------------------------------------


def grey(name: str) -> np.ndarray:
    return np.asarray(Image.open(SAMPLES / f"{name}.jpg").convert("L"))


def chroma_at(photo: np.ndarray, x: int, y: int) -> np.ndarray:
    return lab(photo[y : y + 1, x : x + 1])[0, 0, 1:]


SAUCER = (420, 330)


@pytest.mark.parametrize("color", ["#b03a2e", "#2e6da4", "#3f7f3f", "#8a6d3b"])
@pytest.mark.parametrize(
    ("name", "at"), [("coffee", SAUCER), ("coffee", (60, 60)), ("chelsea", (220, 250))]
)
def test_a_hint_is_honoured(colorizer, name, at, color):
    photo = grey(name)
    hint = Hint(at[0] + 0.5, at[1] + 0.5, color)
    lightness = lab(np.repeat(photo[at[1], at[0], None], 3)[None, None])[0, 0, 0]
    wish = fit_gamut(np.array([lightness, *hint.ab], np.float32), axis=0)[1:]
    after = colorizer.colorize(photo, hints=[hint])
    assert np.hypot(*(chroma_at(after, *at) - wish)) < 5


def test_a_hint_reaches_what_belongs_to_it_and_stops_at_its_edge(colorizer):
    """A red saucer: its far side turns red too, the white cup beside it does not."""
    photo = grey("coffee")
    before = lab(colorizer.colorize(photo))
    after = lab(colorizer.colorize(photo, hints=[Hint(*SAUCER, "#b03a2e")]))
    moved = np.hypot(*np.moveaxis(after - before, -1, 0)[1:])
    near, rim, corner = moved[300:360, 400:450], moved[20:30, 200:300], moved[5:40, 5:40]
    assert near.mean() > 15
    assert rim.mean() < near.mean() / 3
    assert corner.mean() < near.mean() / 3


def test_fifty_hints_are_all_met(colorizer):
    rng = np.random.default_rng(0)
    photo = grey("rocket")
    height, width = photo.shape
    true = lab(np.asarray(Image.open(SAMPLES / "rocket.jpg")))
    places = [
        (int(x), int(y))
        for x, y in zip(*rng.integers(0, [[width], [height]], (2, 50)), strict=True)
    ]
    hints = [Hint(x + 0.5, y + 0.5, tuple(map(float, true[y, x, 1:]))) for x, y in places]
    before, after = colorizer.colorize(photo), colorizer.colorize(photo, hints=hints)
    error = [
        [np.hypot(*(chroma_at(photo, x, y) - true[y, x, 1:])) for x, y in places]
        for photo in (before, after)
    ]
    assert np.median(error[1]) < 3
    assert np.mean(error[1]) < np.mean(error[0]) / 2


def test_the_palette_offers_the_sky_blue_and_the_lawn_green(colorizer):
    photo = SAMPLES / "camera.jpg"
    sky, lawn = colorizer.palette(photo, 80, 50), colorizer.palette(photo, 440, 440)
    for swatches in (sky, lawn):
        assert 6 <= len(swatches) <= 9
        assert 0.7 < sum(s.probability for s in swatches) < 1.001  # the rest is rarer colours
    assert any(s.ab[1] < -8 for s in sky[:4])
    assert any(s.ab[0] < -5 and s.ab[1] > 8 for s in lawn[:3])


def test_versions_differ_and_each_is_coherent(colorizer):
    photo = grey("astronaut")
    one, two, again = (
        [colorizer.colorize(photo, hints=hints) for hints in colorizer.sample_hints(photo, 3, seed)]
        for seed in (1, 2, 1)
    )
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    apart = [
        np.hypot(*np.moveaxis(lab(a) - lab(b), -1, 0)[1:]).mean()
        for a, b in ((one[0], one[1]), (one[0], one[2]), (one[1], one[2]), (one[0], two[0]))
    ]
    assert min(apart) > 1
    assert np.mean(apart) > 3
    for version in one:  # patches of unlike colours would be rough where the photo is smooth
        rough = np.abs(np.diff(lab(version)[..., 1:], axis=1)).mean()
        assert rough < 2 * np.abs(np.diff(lab(colorizer.colorize(photo))[..., 1:], axis=1)).mean()


def test_it_is_surer_of_sky_than_of_clothes(colorizer):
    sky = colorizer.uncertainty(SAMPLES / "camera.jpg")[20:80, 20:150].mean()
    shirts = colorizer.uncertainty(SAMPLES / "astronaut.jpg")[380:480, 100:200].mean()
    assert 0 < sky < shirts < np.log2(len(colorizer.model.centres()))


def test_a_reference_of_the_same_gives_back_its_colours(colorizer):
    """One half of a photo in colour tells the other half more than the network knew."""
    whole = np.asarray(Image.open(SAMPLES / "rocket.jpg"))
    middle = whole.shape[1] // 2
    left, right = whole[:, :middle], whole[:, middle:][:, ::-1]
    photo = np.asarray(Image.fromarray(left).convert("L"))
    hints = colorizer.hints_from_reference(photo, right)
    assert len(hints) >= 5
    error = [
        np.hypot(*np.moveaxis(lab(colorizer.colorize(photo, hints=h)) - lab(left), -1, 0)[1:])
        for h in ((), hints)
    ]
    assert error[1].mean() < 0.9 * error[0].mean()
    unlike = colorizer.hints_from_reference(SAMPLES / "chelsea.jpg", SAMPLES / "rocket.jpg")
    assert len(unlike) < len(hints)


def test_a_small_photo_is_coloured_as_a_large_one(colorizer):
    """The network sees things as large as in training, however small the file."""
    large = Image.open(SAMPLES / "rocket.jpg").convert("L")
    small = large.resize((96, 64), Image.Resampling.BOX)
    chroma = [
        np.hypot(*np.moveaxis(lab(colorizer.colorize(np.asarray(photo))), -1, 0)[1:]).mean()
        for photo in (large, small)
    ]
    assert chroma[1] == pytest.approx(chroma[0], rel=0.35)
