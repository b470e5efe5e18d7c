"""Names of colours: those of CSS, in words.

One list for what is read, printed and shown: https://www.w3.org/TR/css-color-4/#named-colors, as
Pillow has it.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache

import numpy as np
from PIL import ImageColor

from photochrom.color import Array, rgb_to_lab

_SPACED = """
alice blue, antique white, aquamarine, azure, beige, bisque, black, blanched almond, blue,
blue violet, brown, burly wood, cadet blue, chartreuse, chocolate, coral, cornflower blue, cornsilk,
crimson, cyan, dark blue, dark cyan, dark goldenrod, dark green, dark grey, dark khaki,
dark magenta, dark olive green, dark orange, dark orchid, dark red, dark salmon, dark sea green,
dark slate blue, dark slate grey, dark turquoise, dark violet, deep pink, deep sky blue, dim grey,
dodger blue, firebrick, floral white, forest green, gainsboro, ghost white, gold, goldenrod, green,
green yellow, grey, honeydew, hot pink, indian red, indigo, ivory, khaki, lavender, lavender blush,
lawn green, lemon chiffon, light blue, light coral, light cyan, light goldenrod yellow, light green,
light grey, light pink, light salmon, light sea green, light sky blue, light slate grey,
light steel blue, light yellow, lime, lime green, linen, magenta, maroon, medium aquamarine,
medium blue, medium orchid, medium purple, medium sea green, medium slate blue, medium spring green,
medium turquoise, medium violet red, midnight blue, mint cream, misty rose, moccasin, navajo white,
navy, old lace, olive, olive drab, orange, orange red, orchid, pale goldenrod, pale green,
pale turquoise, pale violet red, papaya whip, peach puff, peru, pink, plum, powder blue, purple,
rebecca purple, red, rosy brown, royal blue, saddle brown, salmon, sandy brown, sea green, seashell,
sienna, silver, sky blue, slate blue, slate grey, snow, spring green, steel blue, tan, teal,
thistle, tomato, turquoise, violet, wheat, white, white smoke, yellow, yellow green
"""
"""Of two spellings or names of one colour, one: grey, cyan and magenta."""
GREY = 8.0
"""Chroma, under which a colour is grey to the eye."""
_LIGHTNESS = 0.75
"""What a difference in L counts against one in a or b."""
_DARK = 16.0
"""L beside which that of a colour counts: a and b are small in the dark, and no less a hue."""


def parse_color(text: str) -> tuple[int, int, int]:
    """Red, green and blue of ``"#7a8b4f"``, or of a CSS name, which may be spaced.

    Raises:
        ValueError, OverflowError: it is neither.
    """
    together = text.replace(" ", "")
    red, green, blue, *_ = ImageColor.getrgb(together if together.isalpha() else text)
    return red, green, blue


@cache
def color_names() -> dict[str, str]:
    """``"#rrggbb"`` by name: "dark olive green"."""
    names = " ".join(_SPACED.split()).split(", ")
    return {name: "#{:02x}{:02x}{:02x}".format(*parse_color(name)) for name in names}


def name_color(lab: Array, taken: Collection[str] = ()) -> str:
    """The name of the colour nearest to Lab ``(3,)``, where hue counts more than lightness.

    Colours of one place differ in hue and strength: a dark tan is brown, and not dim grey.

    Args:
        lab: of the colour.
        taken: names that others have.
    """
    names, known, grey = _known()
    apart = np.square(known - _to_places(lab[None])).sum(1)
    if np.linalg.norm(lab[1:]) >= GREY:
        apart[grey] += 1e6
    nearest = (names[i] for i in apart.argsort(kind="stable").tolist())
    found: str = next(name for name in nearest if name not in taken)
    return found


def _to_places(lab: Array) -> Array:
    """Lab ``(n, 3)`` as names go by it: a and b as at L 50, where they are as strong."""
    strength = (50 + _DARK) / (lab[:, :1] + _DARK)
    return np.column_stack([_LIGHTNESS * lab[:, 0], lab[:, 1:] * strength])


@cache
def _known() -> tuple[list[str], Array, Array]:
    names = list(color_names())
    lab = rgb_to_lab(np.array([parse_color(name) for name in names]) / 255, axis=1)
    return names, _to_places(lab), np.linalg.norm(lab[:, 1:], axis=1) < GREY
