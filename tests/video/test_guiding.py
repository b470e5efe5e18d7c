"""Hints and a reference photo, as what is known of each frame of a shot."""

from __future__ import annotations

import numpy as np
import pytest

from photochrom.color import rgb_to_lab
from photochrom.errors import BadOption
from photochrom.image.photo import Photo
from photochrom.inference.colorizer import Colorizer
from photochrom.video.guiding import MOST, Guide, check_reference, match_reference, show
from photochrom.video.raster import Raster

SIZE = 48, 64


@pytest.fixture
def colorizer(make_model) -> Colorizer:
    return Colorizer(make_model(tells=("features",)))


@pytest.fixture
def colored() -> np.ndarray:
    """A photo (96, 128, 3) of patches, each of its own colour."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (12, 16, 3), np.uint8).repeat(8, axis=0).repeat(8, axis=1)


def frames() -> list[np.ndarray]:
    L = np.random.default_rng(0).uniform(10, 90, (12, 16)).astype(np.float32)
    return [L.repeat(4, axis=0).repeat(4, axis=1)] * 8


def spots(x: float, a: float) -> np.ndarray:
    return np.array([[20, x, a, 0, 1]], np.float32)


def test_a_shot_has_the_hints_of_its_own_frames_and_is_seen_only_if_there_are_some():
    seen = []

    def see() -> list[np.ndarray]:
        seen.append(1)
        return frames()

    guide = Guide({12: spots(30, 50), 25: spots(10, 20)})
    found = guide.follow(range(10, 18), see)
    assert list(found) == list(range(10, 18))
    for known in found.values():
        np.testing.assert_allclose(known, spots(30, 50), atol=0.1)
    assert guide.follow(range(30, 38), see) == {}
    assert len(seen) == 1


def test_a_reference_is_looked_for_in_the_middle_then_elsewhere_and_hints_count_more():
    asked = []

    def match(number: int) -> np.ndarray:
        asked.append(number)
        return np.concatenate([spots(30, 50), spots(50, 40)])[: 2 * (number == 12)]

    guide = Guide({10: spots(31, -60)}, match)
    found = guide.follow(range(10, 18), frames)
    assert asked == [14, 12]
    assert [sorted(known[:, 2]) for known in found.values()] == [[-60, 40]] * 8
    assert guide.unmatched == 0
    assert guide.follow(range(30, 38), frames) == {}
    assert asked[2:] == [34, 32, 36]
    assert guide.unmatched == 1


@pytest.mark.parametrize("rotation", [0, 90])
def test_what_a_frame_shows_of_a_reference_has_its_colour_where_it_is_stored(
    colorizer, colored, rotation
):
    reference = Photo(colored)
    grey = Photo(colored).lightness()  # of the upright frame
    upright = Photo(np.rint(grey * 2.55).astype(np.uint8))
    found = match_reference(colorizer, reference, upright, small=SIZE, rotation=rotation)
    assert 1 <= len(found) <= MOST
    stored = np.rot90(rgb_to_lab(colored / 255.0, axis=-1), -rotation // 90)
    y, x = (found[:, :2] * np.array(stored.shape[:2]) / SIZE).astype(int).T
    off = np.abs(stored[y, x, 1:] - found[:, 2:4]).max(1)
    assert np.median(off) < 3


@pytest.mark.parametrize(("bits", "full_range"), [(8, True), (8, False), (10, False)])
def test_a_frame_is_shown_from_black_to_white_and_upright(bits, full_range):
    raster = Raster(height=2, width=3, bits=bits, full_range=full_range)
    black, white = raster.black_and_white
    luma = np.full((2, 3), black, np.uint8 if bits == 8 else np.uint16)
    luma[0, 2] = white
    luma[1, 0] = white - (white - black) // 2
    photo = show(luma, raster, 90)
    assert photo.pixels.shape == (3, 2)
    assert photo.pixels.dtype == np.uint8
    assert photo.pixels[0, 0] == 255
    assert abs(int(photo.pixels[2, 1]) - 128) <= 1
    assert (photo.pixels == 0).sum() == 4


def test_a_reference_that_tells_nothing_is_refused(colorizer, colored, make_model):
    with pytest.raises(BadOption, match="has no colour: give a photo that has"):
        check_reference(colorizer, Photo(colored[..., 0]))
    with pytest.raises(BadOption, match="features: use a model that does"):
        check_reference(Colorizer(make_model("plain")), Photo(colored))
