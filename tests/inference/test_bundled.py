"""The model that comes with the package, on the sample photographs."""

from __future__ import annotations

from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photochrom import Colorizer, Hint
from photochrom.color import fit_gamut, grey_to_lightness, rgb_to_lab
from photochrom.inference.model_files import WEIGHTS, list_models
from pixels import ab_at, grey_levels

SAMPLES = Path(__file__).parents[2] / "samples"
STUDY = Path(__file__).parents[2] / "models"
SAUCER = (420, 330)
SAUCER_LEFT, SAUCER_RIGHT = np.s_[160:230, 105:150], np.s_[215:265, 420:455]
"""Rows and columns of the saucer on both sides of its cup, without its shine."""


@pytest.fixture(scope="module")
def colorizer() -> Colorizer:
    return Colorizer()


def grey(name: str) -> np.ndarray:
    return np.asarray(Image.open(SAMPLES / f"{name}.jpg").convert("L"))


def ab(pixels: np.ndarray) -> np.ndarray:
    return rgb_to_lab(pixels.astype(np.float32) / 255, axis=-1)[..., 1:]


def chroma(pixels: np.ndarray, apart_from: np.ndarray | None = None) -> np.ndarray:
    """Of each pixel, or how far its colour is from another's."""
    apart = ab(pixels) - (0 if apart_from is None else ab(apart_from))
    return np.hypot(apart[..., 0], apart[..., 1])


def test_every_model_has_a_card_and_fits_the_wheel():
    assert "hintnet" in list_models()
    for path in [*WEIGHTS.glob("*.onnx"), *STUDY.glob("*.onnx")]:
        card = path.with_suffix(".md").read_text(encoding="utf-8")
        assert "license_name: " in card.split("---")[1]
        assert f"\n# {path.stem}" in card
        assert path.stat().st_size < 25e6


def test_it_says_what_it_is(colorizer):
    facts = colorizer.model.metadata
    assert facts["name"] == "hintnet"
    for key in ("version", "photochrom", "commit", "data", "licence", "figures", "centres"):
        assert facts[key]


def test_sky_is_blue_and_grass_is_green(colorizer):
    a, b = np.moveaxis(ab(colorizer.colorize(grey("camera"))), -1, 0)
    assert b[20:80, 20:150].mean() < -5  # sky
    assert a[400:480, 380:500].mean() < -5  # lawn
    assert b[400:480, 380:500].mean() > 10


def test_more_vivid_is_more_colourful_and_of_the_photos_lightness(colorizer):
    photo, means = grey("astronaut"), []
    for vivid in (0, 0.3, 0.7, 1):
        coloured = colorizer.colorize(photo, vivid=vivid)
        assert np.abs(grey_levels(coloured) - photo).max() <= 1
        means.append(chroma(coloured).mean())
    assert means == sorted(means)
    assert means[-1] > 1.5 * means[0]


@pytest.mark.parametrize("shape", [(1, 1), (10, 60000), (37, 53)])
def test_any_size(colorizer, shape):
    photo = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    assert colorizer.colorize(photo).shape == (*shape, 3)


def test_a_small_photo_is_coloured_as_a_large_one(colorizer):
    """The network sees things as large as in training, however small the file."""
    large = Image.fromarray(grey("rocket"))
    small = large.resize((96, 64), Image.Resampling.BOX)
    one, other = (chroma(colorizer.colorize(np.asarray(photo))).mean() for photo in (large, small))
    assert other == pytest.approx(one, rel=0.35)


@pytest.mark.parametrize("color", ["#b03a2e", "#2e6da4", "#3f7f3f", "#8a6d3b"])
@pytest.mark.parametrize(
    ("name", "at"), [("coffee", SAUCER), ("coffee", (60, 60)), ("chelsea", (220, 250))]
)
def test_a_hint_is_honoured(colorizer, name, at, color):
    photo, hint = grey(name), Hint(at[0] + 0.5, at[1] + 0.5, color)
    lightness = grey_to_lightness(photo[at[1], at[0]] / np.array(255.0))
    wish = fit_gamut(np.array([lightness, *hint.ab], np.float32), axis=0)[1:]
    assert np.hypot(*(ab_at(colorizer.colorize(photo, hints=[hint]), *at) - wish)) < 5


def test_a_hint_reaches_what_belongs_to_it_and_stops_at_its_edge(colorizer):
    """A red saucer: its far side turns red too, the white cup beside it does not."""
    photo = grey("coffee")
    red = colorizer.colorize(photo, hints=[Hint(*SAUCER, "#b03a2e")])
    moved = chroma(red, colorizer.colorize(photo))
    near, rim, corner = moved[300:360, 400:450], moved[20:30, 200:300], moved[5:40, 5:40]
    assert near.mean() > 15
    assert rim.mean() < near.mean() / 3
    assert corner.mean() < near.mean() / 3


def test_fifty_hints_are_all_met(colorizer):
    photo, truth = grey("rocket"), np.asarray(Image.open(SAMPLES / "rocket.jpg"))
    x, y = np.random.default_rng(0).integers(0, [[photo.shape[1]], [photo.shape[0]]], (2, 50))
    hints = [
        Hint(x + 0.5, y + 0.5, tuple(map(float, ab_at(truth, x, y))))
        for x, y in zip(x.tolist(), y.tolist(), strict=True)
    ]
    before, after = (
        chroma(colorizer.colorize(photo, hints=given), truth)[y, x] for given in ((), hints)
    )
    assert np.median(after) < 3
    assert np.mean(after) < np.mean(before) / 2


def test_the_palette_offers_the_sky_blue_and_the_lawn_green(colorizer):
    photo = SAMPLES / "camera.jpg"
    sky, lawn = colorizer.palette(photo, 80, 50), colorizer.palette(photo, 440, 440)
    first = [[palette.keep, *palette.colors[:3]] for palette in (sky, lawn)]
    assert any(s.ab[1] < -8 for s in first[0])
    assert any(s.ab[0] < -5 and s.ab[1] > 8 for s in first[1])


def test_a_face_is_offered_skin_and_no_old_place_begins_with_grey(colorizer):
    face = colorizer.palette(SAMPLES / "astronaut.jpg", 220, 120)
    offered = np.array([s.ab for s in (face.keep, *face.colors[:5])])
    assert np.linalg.norm(offered - [13.7, 16.9], axis=1).min() < 10
    for x, y in product((100, 256, 400), repeat=2):
        found = colorizer.palette(SAMPLES / "camera.jpg", x, y)
        assert len(found.colors) < 2 or np.hypot(*found.colors[0].ab) > 8


def test_versions_differ_and_each_is_coherent(colorizer):
    photo = grey("astronaut")
    one, two, again = (
        [colorizer.colorize(photo, hints=hints) for hints in colorizer.sample_hints(photo, 3, seed)]
        for seed in (1, 2, 1)
    )
    np.testing.assert_array_equal(one, again)
    apart = [chroma(a, b).mean() for a, b in [*combinations(one, 2), (one[0], two[0])]]
    assert min(apart) > 1
    assert np.mean(apart) > 3
    # Patches of unlike colours would be rough where the photo is smooth.
    rough = [np.abs(np.diff(ab(v), axis=1)).mean() for v in (colorizer.colorize(photo), *one)]
    assert max(rough) < 2 * rough[0]


def test_a_saucer_has_one_colour_in_each_version(colorizer):
    photo = grey("coffee")
    hints = colorizer.sample_hints(photo, 8, seed=1)
    assert all(len(version) <= 32 for version in hints)
    versions = [ab(colorizer.colorize(photo, hints=version)) for version in hints]
    sides = [
        [version[rows, columns].mean((0, 1)) for version in versions]
        for rows, columns in (SAUCER_LEFT, SAUCER_RIGHT)
    ]
    assert np.hypot(*np.subtract(*sides).T).max() < 12
    assert np.std(sides[0], axis=0).max() > 3  # and not the same in all


def test_it_is_surer_of_sky_than_of_clothes(colorizer):
    sky = colorizer.uncertainty(SAMPLES / "camera.jpg")[20:80, 20:150].mean()
    shirts = colorizer.uncertainty(SAMPLES / "astronaut.jpg")[380:480, 100:200].mean()
    assert 0 < sky < shirts < np.log2(len(colorizer.model.centres()))


def test_the_suit_is_what_to_check_first_and_a_hint_on_it_ends_that(colorizer):
    photo = SAMPLES / "astronaut.jpg"
    places = colorizer.unsure_places(photo)
    assert 3 <= len(places) <= 5
    first = places[0]
    assert 60 < first.x < 360
    assert 220 < first.y < 480
    assert 20 < first.radius < 200
    hint = Hint(first.x, first.y, "#d9822b")
    assert all(
        np.hypot(place.x - first.x, place.y - first.y) > 100
        for place in colorizer.unsure_places(photo, hints=[hint])
    )


def test_a_reference_of_the_same_gives_back_its_colours(colorizer):
    """One half of a photo in colour tells the other half more than the network knew."""
    whole = np.asarray(Image.open(SAMPLES / "rocket.jpg"))
    middle = whole.shape[1] // 2
    left, right = whole[:, :middle], whole[:, middle:][:, ::-1]
    photo = np.asarray(Image.fromarray(left).convert("L"))
    hints = colorizer.hints_from_reference(photo, right)
    assert len(hints) >= 5
    without, borrowed = (
        chroma(colorizer.colorize(photo, hints=given), left).mean() for given in ((), hints)
    )
    assert borrowed < 0.9 * without
    assert not colorizer.hints_from_reference(SAMPLES / "chelsea.jpg", SAMPLES / "rocket.jpg")


@pytest.mark.parametrize("turned", [False, True])
def test_a_photo_of_the_same_scene_gives_back_its_colours_place_by_place(colorizer, turned):
    truth = np.asarray(Image.open(SAMPLES / "coffee.jpg"))
    reference = Image.fromarray(truth)
    if turned:
        reference = reference.rotate(4, Image.Resampling.BILINEAR).crop((60, 40, 560, 370))
        reference = reference.resize((400, 264)).point(lambda level: level * 0.85)
    photo = grey("coffee")
    hints = colorizer.hints_from_reference(photo, np.asarray(reference))
    assert 200 < len(hints) <= 1000
    without, borrowed = (
        np.square(chroma(colorizer.colorize(photo, hints=given), truth)).mean()
        for given in ((), hints)
    )
    assert 10 * np.log10(without / borrowed) > (3 if turned else 6)
