"""Hints: colours known at points of a photo, in files and in the planes a network takes.

A hint file is JSON, with positions in pixels of a photo of that size, upright as one sees it:

    {"size": [1200, 800], "hints": [{"x": 640, "y": 210, "color": "#7a8b4f"}]}

Of a colour only the ab counts: the lightness is that of the photo. ``"color": [a, b]`` gives it
directly. Where the photo is larger or smaller than ``size``, positions move with it, if it has the
same shape; without ``size`` they are taken as they are. Other keys are refused, as one that is
misspelt would be missed in silence.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from reprlib import repr as shown
from typing import Any, Literal, get_args

import numpy as np
from PIL import ImageColor

from photochrom import files
from photochrom.color import Array, rgb_to_lab
from photochrom.errors import BadOption

PATCH = 5
"""Side of the square that stands for a hint in the network's planes; it trained with 1..9."""
MOST = 1000
"""Hints a photo may have: each is weighed against all others."""
_MOST_BYTES = 2**22
"""Of a hint file: a thousand hints have a hundredth of it."""
_SHAPE = 0.02
"""How much wider or narrower a photo may be than the one that the hints were made on."""
_FORM = 'write {"hints": [{"x": 640, "y": 210, "color": "#7a8b4f"}]}'

Reach = Literal["small", "normal", "large"]
REACHES: dict[Reach, float] = {"small": 0.5, "normal": 1.0, "large": 2.0}
"""How far each lets a hint's colour go, in units of how far it goes by itself."""


@dataclass(frozen=True)
class Hint:
    """A colour at a point of a photo.

    Raises:
        BadOption: the position is not a number, the colour is none, or the reach is none.
    """

    x: float
    """Pixels from the left; the middle of the first pixel is 0.5."""
    y: float
    """Pixels from the top."""
    color: str | tuple[float, float]
    """``"#7a8b4f"``, a CSS name such as ``"olive"``, or a and b."""
    reach: Reach = "normal"
    """How far the colour goes beyond the point: small for a detail, large for a whole thing."""

    def __post_init__(self) -> None:
        if not all(isinstance(c, int | float) and abs(c) < 1e12 for c in (self.x, self.y)):
            raise BadOption(f"A hint is at ({self.x}, {self.y}): give numbers of pixels.")
        if self.reach not in get_args(Reach):
            raise BadOption(f"{shown(self.reach)} is no reach: take small, normal or large.")
        _ = self.ab

    @property
    def ab(self) -> tuple[float, float]:
        """The colour apart from its lightness, -128..127."""
        if isinstance(self.color, str):
            try:
                rgb = np.array(ImageColor.getrgb(self.color)[:3], np.uint8)
            except (ValueError, OverflowError) as error:
                raise BadOption(
                    f"{shown(self.color)} is no colour: write it as '#7a8b4f' or a name such as "
                    "'olive'."
                ) from error
            _, a, b = rgb_to_lab(rgb / 255, axis=0).tolist()
            return a, b
        try:
            a, b = (float(c) for c in self.color)
        except (TypeError, ValueError, OverflowError):
            a = b = math.nan
        if not (abs(a) <= 128 and abs(b) <= 128):
            raise BadOption(f"{shown(self.color)} is no colour: give a and b, from -128 to 127.")
        return a, b


@dataclass(frozen=True)
class HintSet:
    """Hints, and the width and height of the photo that they were made on, if it is known."""

    hints: tuple[Hint, ...]
    size: tuple[float, float] | None = None

    def scaled_to(self, size: tuple[int, int] | None) -> tuple[Hint, ...]:
        """The hints on the same photo of another width and height.

        Raises:
            BadOption: it has not the same shape, or two hints contradict each other.
        """
        check_hints(self.hints)
        across, down = _scale(self.size, size)
        return tuple(replace(hint, x=hint.x * across, y=hint.y * down) for hint in self.hints)


def resolve_hints(
    hints: Sequence[Hint] | HintSet | str | os.PathLike[str], size: tuple[int, int]
) -> tuple[Hint, ...]:
    """Hints, however they are given, on a photo of that width and height; the same errors."""
    if isinstance(hints, str | os.PathLike):
        return read_hints(hints, size)
    if not isinstance(hints, HintSet):
        hints = HintSet(tuple(hints))
    return hints.scaled_to(size)


def read_hints(
    path: str | os.PathLike[str], size: tuple[int, int] | None = None
) -> tuple[Hint, ...]:
    """The hints of a file.

    Args:
        path: JSON, see the module.
        size: width and height of the photo they are for, to which positions are brought.

    Raises:
        BadOption: no such file, or it holds no hints.
    """
    try:
        content = json.loads(files.read_plain(path, _MOST_BYTES).decode())
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadOption(f"{path} cannot be read as hints ({reason}): give a JSON file.") from error
    try:
        return parse_hints(content, size)
    except BadOption as error:
        raise BadOption(f"{path}: {error}") from error


def parse_hints(content: Any, size: tuple[int, int] | None = None) -> tuple[Hint, ...]:
    """The hints of a file's content; the same errors."""
    return parse_set(content).scaled_to(size)


def parse_set(content: Any) -> HintSet:
    """The hints of a file's content, as it has them; the same errors, save those of its size."""
    try:
        _check_keys(content, ("size", "hints"))
        entries = content["hints"]
        check_count(entries)
        for entry in entries:
            _check_keys(entry, ("x", "y", "color", "reach"))
        found = [
            Hint(
                e["x"],
                e["y"],
                c if isinstance(c := e["color"], str) else tuple(c),
                e.get("reach", "normal"),
            )
            for e in entries
        ]
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadOption(f"these are no hints: {_FORM}.") from error
    return HintSet(tuple(found), content.get("size"))


def check_count(hints: Collection[Any]) -> None:
    """Refuse more hints than a photo may have.

    Raises:
        BadOption: there are more.
    """
    if len(hints) > MOST:
        raise BadOption(f"{len(hints)} hints are more than {MOST}: leave some out.")


def check_hints(hints: Iterable[Hint]) -> None:
    """Refuse hints of which two give one point different colours.

    Raises:
        BadOption: there are such.
    """
    known: dict[tuple[float, float], Hint] = {}
    for hint in hints:
        other = known.setdefault((hint.x, hint.y), hint)
        if other.ab != hint.ab:
            raise BadOption(
                f"x = {hint.x:g}, y = {hint.y:g} has two colours, {other.color} and {hint.color}: "
                "leave one out."
            )


def join_hints(hints: Sequence[Hint], more: Iterable[Hint]) -> tuple[Hint, ...]:
    """Hints and more of them, but for points that have a colour already."""
    taken = {(hint.x, hint.y) for hint in hints}
    return (*hints, *(hint for hint in more if (hint.x, hint.y) not in taken))


def _check_keys(entry: dict[str, Any], known: Sequence[str]) -> None:
    for key in entry.keys() - known:
        raise BadOption(f"nobody knows what {shown(key)} is: {_FORM}.")


def _scale(made_on: Any, photo: tuple[int, int] | None) -> tuple[float, float]:
    """How much larger a photo is than the one that hints were made on, across and down."""
    if made_on is None:
        return 1.0, 1.0
    sides = made_on if isinstance(made_on, list | tuple) else []
    if len(sides) != 2 or not all(type(side) in (int, float) for side in sides):
        raise BadOption(
            f"the size is {shown(made_on)}: give width and height of the photo, as in "
            '"size": [1200, 800].'
        )
    try:
        width, height = map(float, sides)
    except OverflowError:
        width = height = math.inf
    if not (0 < width < math.inf and 0 < height < math.inf):
        raise BadOption(f"the size is {width:g} by {height:g}: give that of the photo.")
    if photo is None:
        return 1.0, 1.0
    across, down = photo[0] / width, photo[1] / height
    shapes = math.log(photo[0]) - math.log(photo[1]), math.log(width) - math.log(height)
    # A pixel more or less is what scaling rounds to.
    leeway = max(_SHAPE, 1 / min(width, height, *photo))
    if abs(shapes[0] - shapes[1]) > math.log1p(leeway):
        raise BadOption(
            f"they are for a photo of {width:g} by {height:g} pixels, but this one has "
            f"{photo[0]} by {photo[1]}: take the hints of a photo of the same shape."
        )
    return across, down


def write_hints(
    hints: Iterable[Hint], path: str | os.PathLike[str], size: tuple[int, int] | None = None
) -> None:
    """Write a hint file: the whole file, or none and CannotWrite.

    Args:
        hints: to be written.
        path: the file, replaced if it exists.
        size: width and height of their photo, so that they fit it when it is scaled.
    """
    entries = [
        {"x": hint.x, "y": hint.y, "color": hint.color}
        | ({} if hint.reach == "normal" else {"reach": hint.reach})
        for hint in hints
    ]
    content = ({} if size is None else {"size": list(size)}) | {"hints": entries}
    text = json.dumps(content, indent=1) + "\n"
    files.write_bytes(Path(path), text.encode())


def to_spots(hints: Sequence[Hint], photo: tuple[int, int], small: tuple[int, int]) -> Array:
    """Where hints on a photo lie in a smaller picture of it.

    Args:
        hints: on the photo.
        photo: its height and width.
        small: height and width of the smaller picture.

    Returns:
        ``(n, 5)`` float32: y and x in pixels of the smaller picture, a, b, and the reach as a
        factor, of :data:`REACHES`. What takes spots takes them without the last, too: it is 1.

    Raises:
        BadOption: a hint lies outside the photo, or there are too many.
    """
    height, width = photo
    check_count(hints)
    for hint in hints:
        if not (0 <= hint.x <= width and 0 <= hint.y <= height):
            raise BadOption(
                f"The point x = {hint.x:g}, y = {hint.y:g} lies outside the photo, which is "
                f"{width} pixels wide and {height} high: give x from 0 to {width} and y from 0 to "
                f"{height}."
            )
    down, across = small[0] / height, small[1] / width
    rows = [(hint.y * down, hint.x * across, *hint.ab, REACHES[hint.reach]) for hint in hints]
    return np.array(rows, np.float32).reshape(-1, 5)


def scale_spots(spots: Array, down: float, across: float) -> Array:
    """Spots ``(n, 4)`` or ``(n, 5)`` in a picture that is so many times as high and as wide."""
    scaled = spots.astype(np.float32)
    scaled[:, :2] *= np.array([down, across], np.float32)
    return scaled


def to_planes(spots: Array, size: tuple[int, int], patch: int = PATCH) -> Array:
    """The planes a network takes, ``(3, H, W)`` float32: a, b and a mask of 0 or 1.

    Args:
        spots: ``(n, 4)`` or ``(n, 5)``, as of :func:`to_spots`. Where patches overlap each pixel
            shows the nearest.
        size: H and W.
        patch: side of the square that each spot fills, odd.
    """
    shown = np.zeros((3, *size), np.float32)
    nearest = np.full(size, np.inf)
    for spot in spots:
        (y, x), reach = to_pixels(spot[None], size)[0], patch // 2
        square = np.s_[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
        rows, columns = (np.arange(length)[part] for length, part in zip(size, square, strict=True))
        distance = np.hypot(rows[:, None] - y, columns - x)
        closer = distance < nearest[square]
        nearest[square][closer] = distance[closer]
        shown[:, *square][:, closer] = np.array([*spot[2:4], 1], np.float32)[:, None]
    return shown


def to_pixels(spots: Array, size: tuple[int, int]) -> Array:
    """Row and column of the pixel that each spot lies in, ``(n, 2)`` int64; the edge belongs to
    the last.
    """
    last = np.array(size) - 1
    return np.asarray(np.minimum(np.floor(spots[:, :2]).astype(np.int64), last))
