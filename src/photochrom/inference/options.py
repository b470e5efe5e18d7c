"""How photographs are to be coloured: the one set of options that every way in shares.

Keyword arguments of :func:`photochrom.colorize`, flags of ``photochrom colorize``, fields of the
server's forms and the jobs of a batch all become :class:`ColorizeOptions`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict, get_args

from photochrom.errors import BadOption
from photochrom.image import caption as captions
from photochrom.image.photo import Photo
from photochrom.image.reader import PhotoSource
from photochrom.inference.hints import Hint, HintSet, HintTuple

Quality = Literal["best", "fast"]
Hints = Sequence[Hint | HintTuple] | HintSet | str | os.PathLike[str]
"""Hints, each as such or as its fields in a row, such as ``(420, 330, "olive")``; those of another
size of the photo; or the path of a file of them."""

MAX_STRENGTH = 1.5
"""Beyond it most strong colours stand at the edge of sRGB, and are all the same."""
SIZES = 32, 2048
"""Short sides for the network: one cell of its coarsest features, to what memory bears."""


@dataclass(frozen=True, kw_only=True)
class ColorizeOptions:
    """What is asked for of every photo alike.

    Raises:
        BadOption: a value is out of range.
    """

    size: int | None = None
    """Short side in pixels at which the network sees the photo, 32..2048; by default what the model
    likes best."""
    strength: float = 1.0
    """How much of the colour, 0..1.5: 0 is grey, 1 is what the network says."""
    vivid: float | None = None
    """0 most accurate .. 1 most colourful, for models that have it; by default the model's."""
    quality: Quality = "fast"
    """"fast", or "best" for the mean of six looks at the photo, which take six times as long: as it
    is and mirrored, at three sizes."""
    hints: Hints = ()
    """Colours at points of the photo; where the reference shows another colour at such a point, it
    stands back."""
    reference: PhotoSource | Photo | None = None
    """A colour photo: what is seen in both takes its colour. Where nothing is, the photo is
    coloured without it, and that is noted."""
    chroma_from: PhotoSource | Photo | None = None
    """Another picture of the same photo, in colour: its colours are taken, and no model is asked.
    It may be smaller, cropped, or a little moved."""
    recolor: bool = False
    """Colour what is in colour already, too: its lightness is kept."""
    strip: bool = False
    """Leave out what the file says of the photo, such as who is on it and where it was taken;
    orientation and colour profile are applied all the same."""
    mark: bool = True
    """Note in the result's metadata that it was colorized, and by which model."""
    caption: str | None = None
    """A line that the result shows, in any script, such as :data:`.caption.CAPTION`."""
    caption_place: captions.Place = "below"
    """Where: in a strip "below" the picture, whose own rows stay as they are, or over its lower
    "corner"."""

    def __post_init__(self) -> None:
        check_range("strength", self.strength, 0, MAX_STRENGTH)
        if self.size is not None:
            check_range("size", self.size, *SIZES)
        if self.quality not in get_args(Quality):
            raise BadOption(f"quality is {self.quality}: take best or fast.")
        if self.chroma_from is not None and (others := self._of_the_model()):
            raise BadOption(
                "With chroma-from all colours come from that picture: leave out "
                f"{', '.join(others)}."
            )
        if self.caption_place not in get_args(captions.Place):
            raise BadOption(f"caption-place is {self.caption_place}: take below or corner.")
        if self.caption is not None:
            captions.clean_caption(self.caption)  # before the work, not after it

    def _of_the_model(self) -> list[str]:
        """The options given that tell a model what to do."""
        given = {
            "hints": bool(self.hints),
            "reference": self.reference is not None,
            "size": self.size is not None,
            "vivid": self.vivid is not None,
            "quality": self.quality != "fast",
        }
        return [name for name, is_so in given.items() if is_so]


class ColorizeKeywords(TypedDict, total=False):
    """The fields of :class:`ColorizeOptions` as keyword arguments."""

    size: int | None
    strength: float
    vivid: float | None
    quality: Quality
    hints: Hints
    reference: PhotoSource | Photo | None
    chroma_from: PhotoSource | Photo | None
    recolor: bool
    strip: bool
    mark: bool
    caption: str | None
    caption_place: captions.Place


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Refuse a number outside its range.

    Raises:
        BadOption: it is.
    """
    if not low <= value <= high:
        raise BadOption(f"{name} is {value}: give a number from {low} to {high}.")
