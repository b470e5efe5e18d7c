"""Names of colours: all of CSS, in words, and the one that fits."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import ImageColor

from photochrom.color import rgb_to_lab
from photochrom.inference.color_names import color_names, name_color, parse_color


def test_there_is_a_name_for_every_colour_of_css():
    css = {ImageColor.getrgb(value) for value in ImageColor.colormap}
    assert {parse_color(value) for value in color_names().values()} == css
    assert len(color_names()) == len(css)  # and one only
    assert {name.replace(" ", "") for name in color_names()} <= set(ImageColor.colormap)
    assert color_names()["dark olive green"] == "#556b2f"


def test_each_colour_is_called_by_its_own_name_and_the_next_where_it_is_taken():
    for name, value in color_names().items():
        lab = rgb_to_lab(np.array(parse_color(value)) / 255, axis=0)
        assert name_color(lab) == name
        assert name_color(lab, [name]) != name


@pytest.mark.parametrize(
    ("lab", "name"),
    [
        ((50, 2, -2), "grey"), ((8, 6, 9), "sienna"), ((35, 16, 19), "sienna"),
        ((29, -11, 21), "dark olive green"), ((15, 28, 20), "brown"), ((80, 10, 14), "peach puff"),
        ((51, 1, -12), "slate grey"), ((15, 20, -31), "dark slate blue"),
    ],
)  # fmt: skip
def test_a_colour_is_called_by_its_hue_however_dark_it_is(lab, name):
    assert name_color(np.array(lab, float)) == name
