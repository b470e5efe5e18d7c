"""What a network is asked about the frames of a film."""

from __future__ import annotations

import numpy as np
import pytest

from photochrom import color
from photochrom.errors import BadOption
from photochrom.image.photo import Photo
from photochrom.inference.colorizer import Colorizer
from photochrom.inference.hints import Hint
from photochrom.inference.options import ColorizeOptions
from photochrom.inference.prediction import Predictor
from photochrom.video.asking import Asker
from photochrom.video.raster import Raster

NONE = np.zeros((0, 5), np.float32)


@pytest.fixture
def colorizer(make_model) -> Colorizer:
    return Colorizer(make_model(hints=0.1, tells=("logits", "features"), slope=(0.2, -0.1)))


def raster(luma: np.ndarray, bits: int = 8, *, full_range: bool = True) -> Raster:
    height, width = luma.shape
    return Raster(height=height, width=width, bits=bits, full_range=full_range)


@pytest.mark.parametrize("size", [32, 48, 96])
def test_a_frame_is_seen_and_coloured_as_a_photo_of_its_grey_is(colorizer, scene, size):
    asker = Asker(colorizer, raster(scene), ColorizeOptions(size=size))
    L = asker.see(scene)
    (view,) = Predictor(colorizer.model).views(Photo(scene), size, "fast")
    np.testing.assert_allclose(L, view.small, atol=1e-3)
    assert L.shape == asker.size
    spots = view.spots([Hint(10, 20, (30, -10)), Hint(50.5, 8, "olive", "small")])
    for known in (NONE, spots):
        photo = Predictor(colorizer.model).lines([view], [known], None)
        np.testing.assert_allclose(asker.ask(L, known), photo.ab, atol=0.02)


@pytest.mark.parametrize(("bits", "full_range"), [(8, True), (8, False), (10, False), (12, False)])
def test_lightness_is_that_of_the_codes(colorizer, bits, full_range):
    codes = {8: (16, 235), 10: (64, 940), 12: (256, 3760)}[bits]
    black, white = (0, 255) if full_range else codes
    luma = np.full((40, 60), black, np.uint8 if bits == 8 else np.uint16)
    luma[:, 20:40] = (black + white) // 2
    luma[:, 40:] = white
    asker = Asker(colorizer, raster(luma, bits, full_range=full_range), ColorizeOptions(size=40))
    grey = np.array([0, ((black + white) // 2 - black) / (white - black), 1])
    seen = asker.see(luma)[20, [10, 30, 50]]
    np.testing.assert_allclose(seen, color.grey_to_lightness(grey), atol=1e-3)


def test_spots_are_met_and_without_any_the_network_runs_once(colorizer, scene):
    asker = Asker(colorizer, raster(scene), ColorizeOptions())
    L = asker.see(scene)
    ab = asker.ask(L, np.array([[10.5, 20.5, 40, 30, 1]], np.float32))
    np.testing.assert_allclose(ab[:, 10, 20], [40, 30], atol=3)
    run, times = colorizer.model.run, []
    colorizer.model.run = lambda *args, **kw: times.append(1) or run(*args, **kw)
    asker.ask(L, NONE)
    assert len(times) == 1


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_the_network_is_shown_frames_as_a_player_turns_them(colorizer, scene, rotation):
    asker = Asker(colorizer, raster(scene), ColorizeOptions(), rotation)
    L = asker.see(scene)
    run, seen = colorizer.model.run, []
    colorizer.model.run = lambda L, *args, **kw: seen.append(L[0, 0]) or run(L, *args, **kw)
    ab = asker.ask(L, np.array([[10.5, 20.5, 40, 30, 1]], np.float32))
    for shown in seen:
        np.testing.assert_array_equal(shown, np.rot90(L, rotation // 90))
    np.testing.assert_allclose(ab[:, 10, 20], [40, 30], atol=3)
    assert ab.shape == (2, *L.shape)


def test_the_dial_is_heard_or_refused_before_there_is_a_frame(make_model, scene):
    vivid = Colorizer(make_model(vivid=[1], metadata={"default_vivid": "0.3"}))
    calm, lively = (
        asker.ask(asker.see(scene), NONE)
        for v in (0.0, 1.0)
        for asker in [Asker(vivid, raster(scene), ColorizeOptions(vivid=v))]
    )
    np.testing.assert_allclose(lively - calm, 1, atol=1e-4)
    plain = Colorizer(make_model("plain"))
    with pytest.raises(BadOption, match="vivid"):
        Asker(plain, raster(scene), ColorizeOptions(vivid=0.5))
