"""Palettes: what is offered, in which order, how strong, and by what name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photochrom.color import rgb_to_lab
from photochrom.inference.color_names import parse_color
from photochrom.inference.palette import THINGS, Palette, make_palette, rarity

CENTRES = np.stack(np.meshgrid(*[np.arange(-60, 61, 10)] * 2, indexing="ij"), -1).reshape(-1, 2)
CENTRES = CENTRES.astype(np.float32)
FAR = np.array([50.0, 50.0])


def at(*parts: tuple[float, float, float]) -> np.ndarray:
    """p with so much at the centre a, b."""
    p = np.full(len(CENTRES), 1e-9)
    for share, a, b in parts:
        p[np.linalg.norm(CENTRES - [a, b], axis=1).argmin()] += share
    return p / p.sum()


def palette(p: np.ndarray, L: float = 55, present: np.ndarray = FAR, **options: float) -> Palette:
    return make_palette(p, CENTRES, L, present, **({"vivid": 0, "most": 9} | options))


def hues(found: Palette) -> np.ndarray:
    return np.array([swatch.ab for swatch in found.colors])


@given(st.integers(0, 10_000), st.floats(3, 97), st.floats(0, 1), st.integers(1, 12))
def test_colours_are_apart_named_apart_and_the_first_are_those_of_a_longer_palette(
    seed, L, vivid, most
):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(len(CENTRES), 0.05))
    present = rng.normal(0, 20, 2)
    found = palette(p, L, present, vivid=vivid, most=most)
    longest = palette(p, L, present, vivid=vivid, most=64)
    assert (found.keep, found.colors) == (longest.keep, longest.colors[:most])
    swatches = (longest.keep, *longest.colors)
    ab = np.array([swatch.ab for swatch in swatches])
    gaps = np.linalg.norm(ab[:, None] - ab, axis=-1)[~np.eye(len(ab), dtype=bool)]
    assert gaps.min(initial=99) > 9  # 10, but for what fitting into sRGB takes
    assert len({swatch.name for swatch in swatches}) == len(swatches)
    assert sum(swatch.probability for swatch in swatches) == pytest.approx(1, abs=1e-6)
    for swatch in swatches:
        lab = rgb_to_lab(np.array(parse_color(swatch.color)) / 255, axis=0)
        np.testing.assert_allclose(lab, [L, *swatch.ab], atol=2)


def test_the_present_colour_is_kept_and_not_offered_again():
    found = palette(at((0.6, 30, 20), (0.4, -40, 10)), present=np.array([28.0, 24.0]))
    np.testing.assert_allclose(found.keep.ab, [28, 24], atol=0.1)
    assert found.keep.probability == pytest.approx(0.6, abs=1e-3)
    np.testing.assert_allclose(hues(found)[0], [-40, 10], atol=0.1)


def test_what_looks_alike_is_one_colour_and_two_tones_of_a_hue_are_two():
    found = palette(at((0.3, 20, -20), (0.3, 20, -30), (0.4, 40, -50)))
    np.testing.assert_allclose(hues(found)[:2], [[20, -25], [40, -50]], atol=0.5)
    assert [swatch.probability for swatch in found.colors[:2]] == pytest.approx([0.6, 0.4])


@pytest.mark.parametrize(("grey", "place"), [(0.6, 8), (0.9, 0), (0.01, 8)])
def test_grey_comes_first_only_where_it_is_clearly_the_likeliest(grey, place):
    rest = [(40, 40), (-30, 30), (20, -40), (40, -20), (-30, 0), (30, 0)]
    found = palette(at((grey, 0, 0), *(((1 - grey) / 6, *ab) for ab in rest)))
    assert np.linalg.norm(hues(found), axis=1).argmin() == place


def test_the_dial_brings_strong_colours_forward():
    p = at((0.6, -10, -10), (0.4, 40, 40))
    dull, vivid = (palette(p, present=np.array([-40, 40]), vivid=v) for v in (0, 1))
    np.testing.assert_allclose(hues(dull)[0], [-10, -10], atol=0.5)
    np.testing.assert_allclose(hues(vivid)[0], [40, 40], atol=0.5)


def test_rare_colours_weigh_more_the_stronger_they_are():
    chroma = np.linalg.norm(CENTRES, axis=1)
    weights = rarity(CENTRES)
    assert (np.diff(weights[np.argsort(chroma)]) >= -1e-9).all()
    common = np.exp(-chroma / 10)
    assert (weights * common).sum() / common.sum() == pytest.approx(1)


@pytest.mark.parametrize("thing", THINGS)
def test_a_place_that_looks_like_a_known_thing_is_offered_its_colour(thing):
    color, low, high = THINGS[thing]
    L = (low + high) / 2
    ab = (
        rgb_to_lab(np.array(parse_color(color)) / 255, axis=0)[1:]
        if isinstance(color, str)
        else (np.array(color))
    )
    others = [(-40, 40), (40, -40), (-40, 0), (50, 50)]
    p = at((0.4, *ab), *((0.15, *other) for other in others))
    offered = hues(palette(p, L, np.array([60.0, -60.0])))
    assert np.linalg.norm(offered[:5] - ab, axis=1).min() < 0.1
    elsewhere = hues(palette(p, 99, np.array([60.0, -60.0])))
    assert np.linalg.norm(elsewhere - ab, axis=1).min() > 0.1  # no leaf is as bright
