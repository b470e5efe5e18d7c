"""Names of colours: those of CSS, in words.

One list for what is read, printed and shown: https://www.w3.org/TR/css-color-4/#named-colors, as
Pillow has it.
"""

from __future__ import annotations

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
_LIGHTNESS = 0.5
"""What a difference in L counts against one in a or b."""


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


def name_color(lab: Array) -> str:
    """The name of the colour nearest to Lab ``(3,)``, where lightness counts less than hue.

    Colours of one place differ in hue and strength: a dark tan is tan, and not dim grey.
    """
    names, known = _known()
    apart = (known - lab) * np.array([_LIGHTNESS, 1, 1])
    return names[int(np.square(apart).sum(1).argmin())]


@cache
def _known() -> tuple[list[str], Array]:
    names = list(color_names())
    rgb = np.array([parse_color(name) for name in names]) / 255
    return names, rgb_to_lab(rgb, axis=1)
