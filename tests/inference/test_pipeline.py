"""The one flow from a photo to its colours, whatever holds the photo."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from PIL import Image

from photochrom.errors import BadOption, InColor
from photochrom.image.reader import read_photo
from photochrom.inference import pipeline
from photochrom.inference.colorizer import Colorizer
from photochrom.inference.hints import Hint, HintSet
from photochrom.inference.options import ColorizeKeywords, ColorizeOptions
from photochrom.inference.pipeline import Notes, colorize_pages
from pixels import png

PLAIN = ColorizeOptions()
RED = Hint(3, 3, "red")


@pytest.fixture
def toy(make_toy) -> Colorizer:
    return make_toy()


def test_file_and_bytes_and_pixels_give_the_same_colors(toy, scene, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(data := png(scene))
    results = []
    for source in (path, data, scene, Image.fromarray(scene), read_photo(path)):
        (page,) = colorize_pages(source, PLAIN, toy).pages
        results.append(page.pixels)
    assert all(np.array_equal(results[0], other) for other in results)


@pytest.mark.parametrize(
    ("kind", "more", "options", "expected", "notes"),
    [
        ("PNG", 0, {}, "PNG", []), ("JPEG", 0, {}, "JPEG", []),
        ("GIF", 0, {}, "PNG", ["GIF cannot be written, so the result is PNG"]),
        ("GIF", 1, {"kind": "PNG"}, "PNG",
         ["it holds 2 pictures, of which only the first is coloured"]),
    ],
)  # fmt: skip
def test_a_file_keeps_its_format_or_becomes_png(toy, scene, kind, more, options, expected, notes):
    colored = colorize_pages(png(scene, kind, (255 - scene,) * more), PLAIN, toy, **options)
    assert (colored.kind, list(colored.notes)) == (expected, notes)


def test_pixels_fit_no_format_in_particular(toy, scene):
    rgba = Image.fromarray(np.dstack([scene] * 4))
    rgba.format = "JPEG"
    colored = colorize_pages(rgba, PLAIN, toy)
    assert colored.kind is None
    assert next(colored.pages).alpha is not None


def test_what_is_in_color_is_refused_before_it_is_colored(toy, color_scene):
    with pytest.raises(InColor, match="The photo is in colour already"):
        colorize_pages(png(color_scene), PLAIN, toy)
    (page,) = colorize_pages(png(color_scene), ColorizeOptions(recolor=True), toy).pages
    assert not np.array_equal(page.pixels, color_scene)


def test_of_several_pages_those_in_color_stay_as_they_are(toy, scene, color_scene):
    album = png(color_scene, "TIFF", (np.dstack([scene] * 3), color_scene))
    first, second, third = colorize_pages(album, PLAIN, toy).pages
    np.testing.assert_array_equal(first.pixels, color_scene)
    np.testing.assert_array_equal(third.pixels, color_scene)
    assert np.ptp(second.pixels, axis=2).any()
    with pytest.raises(InColor):
        colorize_pages(png(color_scene, "TIFF", (color_scene,)), PLAIN, toy)


def test_hints_are_for_one_page(toy, scene):
    with pytest.raises(BadOption, match="Hints are for one page, and there are 2"):
        colorize_pages(png(scene, "TIFF", (scene,)), ColorizeOptions(hints=[RED]), toy)


def test_hints_of_a_smaller_copy_are_moved(toy, scene):
    height, width = scene.shape
    there = HintSet((Hint(width / 4, height / 4, "red"),), (width / 2, height / 2))
    here = [Hint(width / 2, height / 2, "red")]
    small, same = (
        next(colorize_pages(scene, ColorizeOptions(hints=hints), toy).pages).pixels
        for hints in (there, here)
    )
    np.testing.assert_array_equal(small, same)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"strength": -0.1}, "strength is -0.1: give a number from 0 to 1.5"),
        ({"strength": float("nan")}, "strength is nan"),
        ({"size": 31}, "size is 31: give a number from 32 to 2048"),
        ({"quality": "good"}, "quality is good: take best or fast"),
    ],
)
def test_options_out_of_range_are_refused_at_once(options, words):
    with pytest.raises(BadOption, match=words):
        ColorizeOptions(**options)


def test_every_option_is_a_keyword_of_colorize():
    assert list(ColorizeKeywords.__annotations__) == [
        field.name for field in fields(ColorizeOptions)
    ]


@pytest.mark.parametrize(
    ("options", "looks"), [({}, 1), ({"mark": False}, 0), ({"strength": 0}, 0)]
)
def test_the_file_is_looked_at_once_and_only_where_that_is_told(
    toy, scene, tmp_path, monkeypatch, options, looks
):
    path, seen = tmp_path / "a.tif", []
    path.write_bytes(png(scene, "TIFF", (255 - scene, scene)))
    monkeypatch.setattr(pipeline, "look_at", lambda source: seen.append(source))
    assert len(list(colorize_pages(path, ColorizeOptions(**options), toy).pages)) == 3
    assert seen == [path] * looks


def test_notes_are_said_once():
    notes = Notes()
    notes.add("one.", "two", "one")
    assert list(notes) == ["one", "two"]
    assert notes.sentence("a.jpg") == "a.jpg: one; two."
    assert Notes().sentence("a.jpg") == ""
