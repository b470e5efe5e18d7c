"""Hints: colours known at points of a photo, and files of them.

A hint file is JSON, with positions in pixels of a photo of that size, upright as one sees it:

    {"size": [1200, 800], "hints": [{"x": 640, "y": 210, "color": "#7a8b4f"}]}

Of a colour only the ab counts: the lightness is that of the photo. ``"color": [a, b]`` gives it
directly; ``"reach": "small"`` or ``"large"`` keeps it closer or lets it go further. If the photo is
larger or smaller than ``size``, but of its shape, positions move with it; without ``size``, or as a
list alone, they are taken as they are.

There is one rule for hints, wherever they come from: :func:`to_hint_set` and :class:`HintSet` hold
it. Two hints are on one point if both x and y are equal; they may only say the same. Other keys
are refused, as one that is misspelt would be missed in silence.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from reprlib import repr as shown
from typing import Any, Literal, get_args

import numpy as np

from photochrom import files
from photochrom.color import rgb_to_lab
from photochrom.errors import BadOption
from photochrom.inference.color_names import parse_color

MOST = 1000
"""Hints a photo may have: each is weighed against all others."""
_MOST_BYTES = 2**22
"""Of a hint file: a thousand hints have a hundredth of it."""
_SHAPE = 0.02
"""How much wider or narrower a photo may be than the one that the hints were made on."""
_FORM = '{"x": 640, "y": 210, "color": "#7a8b4f"}'

Reach = Literal["small", "normal", "large"]
Color = str | tuple[float, float]
HintTuple = tuple[float, float, Color] | tuple[float, float, Color, Reach]
"""The fields of a :class:`Hint` in a row."""


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
    color: Color
    """``"#7a8b4f"``, a CSS name such as ``"olive"`` or ``"dark olive green"``, or a and b."""
    reach: Reach = "normal"
    """How far the colour goes beyond the point: small for a detail, large for a whole thing."""

    def __post_init__(self) -> None:
        for c in (self.x, self.y):
            if not isinstance(c, Real) or isinstance(c, bool) or not abs(c) < 1e12:
                raise BadOption(f"{shown(c)} is no position: give x and y in pixels.")
        if self.reach not in get_args(Reach):
            raise BadOption(f"{shown(self.reach)} is no reach: take small, normal or large.")
        _ = self.ab

    @property
    def ab(self) -> tuple[float, float]:
        """The colour apart from its lightness, -128..127."""
        if isinstance(self.color, str):
            try:
                rgb = np.array(parse_color(self.color), np.uint8)
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
    """Hints that go together, and the photo that they were made on, if it is known.

    Raises:
        BadOption: there are too many, two contradict each other, or the size is none.
    """

    hints: tuple[Hint, ...]
    size: tuple[float, float] | None = None
    """Width and height of that photo."""
    more: tuple[Hint, ...] = ()
    """In pixels of the photo that they are for, whatever the size."""

    def __post_init__(self) -> None:
        if len(self) > MOST:
            raise BadOption(f"{len(self)} hints are more than {MOST}: leave some out.")
        for hints in (self.hints, self.more):
            _check_points(hints)
        _check_size(self.size)

    def __len__(self) -> int:
        return len(self.hints) + len(self.more)

    def scaled_to(self, size: tuple[int, int] | None) -> tuple[Hint, ...]:
        """The hints on the same photo of another width and height.

        Raises:
            BadOption: it has not the same shape, or a hint lies outside.
        """
        _check_inside(self.hints, self.size or size)
        _check_inside(self.more, size)
        if self.size is None or size is None:
            return self._joined(self.hints)
        _check_shape(self.size, size)
        across, down = size[0] / self.size[0], size[1] / self.size[1]
        return self._joined(
            replace(hint, x=min(hint.x * across, size[0]), y=min(hint.y * down, size[1]))
            for hint in self.hints
        )

    def _joined(self, hints: Iterable[Hint]) -> tuple[Hint, ...]:
        joined = (*hints, *self.more)
        if self.more:
            _check_points(joined)
        return joined


def to_hint_set(given: Any) -> HintSet:
    """What a hint file holds, or a list of hints alone, each as JSON has it or as Python does.

    Raises:
        BadOption: they are no hints; the sentence says which of them is wrong, and why.
    """
    if isinstance(given, HintSet):
        return given
    size = None
    if isinstance(given, Mapping):
        check_keys(given, required=("hints",), others=("size",), what="a set of hints")
        given, size = given["hints"], given.get("size")
    if isinstance(given, str | bytes) or not isinstance(given, Sequence):
        raise BadOption(f"{shown(given)} holds no hints: write a list of them, [{_FORM}].")
    if len(given) > MOST:  # before any is looked at
        raise BadOption(f"{len(given)} hints are more than {MOST}: leave some out.")
    found = []
    for number, entry in enumerate(given, 1):
        try:
            found.append(to_hint(entry))
        except BadOption as error:
            raise BadOption(f"hint {number}: {error}") from error
    return HintSet(tuple(found), tuple(size) if isinstance(size, list) else size)


def to_hint(entry: Any) -> Hint:
    """A hint of any form that :func:`to_hint_set` takes; the same errors."""
    if isinstance(entry, Hint):
        return entry
    if isinstance(entry, tuple):
        if not 3 <= len(entry) <= 4:
            raise BadOption(
                f'{shown(entry)} is no hint: give x, y and colour, (640, 210, "olive").'
            )
        return Hint(*entry)
    if not isinstance(entry, Mapping):
        raise BadOption(f"{shown(entry)} is no hint: write it as {_FORM}.")
    check_keys(entry, required=("x", "y", "color"), others=("reach",), what="a hint")
    color = entry["color"]
    color = tuple(color) if isinstance(color, list) else color
    return Hint(entry["x"], entry["y"], color, entry.get("reach", "normal"))


def resolve_hints(given: Any, size: tuple[int, int]) -> tuple[Hint, ...]:
    """Hints, however they are given, on a photo of that width and height.

    Args:
        given: :data:`.options.Hints`: the path of a file, or what :func:`to_hint_set` takes.
        size: width and height of the photo.

    Raises:
        BadOption: they are no hints, or none for this photo.
    """
    if isinstance(given, str | os.PathLike):
        return read_hints(given, size)
    return to_hint_set(given).scaled_to(size)


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
    found = read_hint_set(path)
    try:
        return found.scaled_to(size)
    except BadOption as error:
        raise BadOption(f"{path}: {error}") from error


def read_hint_set(path: str | os.PathLike[str]) -> HintSet:
    """The hints of a file, as it has them; the same errors."""
    content = read_json(path)
    try:
        return to_hint_set(content)
    except BadOption as error:
        raise BadOption(f"{path}: {error}") from error


def read_json(path: str | os.PathLike[str]) -> Any:
    """What a hint file holds, before it is looked at; BadOption if it is no JSON, or not there."""
    try:
        return json.loads(files.read_plain(path, _MOST_BYTES).decode())
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadOption(f"{path} cannot be read as hints ({reason}): give a JSON file.") from error


def write_hints(
    hints: Iterable[Hint], path: str | os.PathLike[str], size: tuple[int, int] | None = None
) -> None:
    """Write a hint file: the whole file, or none and CannotWrite.

    Args:
        hints: to be written.
        path: the file, replaced if it exists.
        size: width and height of their photo, so that they fit it when it is scaled.
    """
    text = json.dumps(hints_to_json(hints, size), indent=1, default=float) + "\n"
    files.write_bytes(Path(path), text.encode())


def hints_to_json(
    hints: Iterable[Hint], size: tuple[int, int] | None = None
) -> dict[str, list[Any]]:
    """What a hint file holds, as JSON has it."""
    entries = [
        {"x": hint.x, "y": hint.y, "color": hint.color}
        | ({} if hint.reach == "normal" else {"reach": hint.reach})
        for hint in hints
    ]
    return ({} if size is None else {"size": list(size)}) | {"hints": entries}


def join_hints(hints: Sequence[Hint], more: Iterable[Hint]) -> tuple[Hint, ...]:
    """Hints and more of them, but for points that have a colour already."""
    taken = {(hint.x, hint.y) for hint in hints}
    return (*hints, *(hint for hint in more if (hint.x, hint.y) not in taken))


# --- the rule ---------------------------------------------------------------------------------


def check_keys(
    entry: Mapping[str, Any], *, required: Sequence[str], others: Sequence[str], what: str
) -> None:
    """Refuse what lacks a key, or has one that would be missed in silence: BadOption."""
    known = (*required, *others)
    listed = " and ".join([", ".join(known[:-1]), known[-1]])
    for key in entry:
        if key not in known:
            raise BadOption(f"{shown(key)} is unknown: {what} has {listed}, and nothing else.")
    for key in required:
        if key not in entry:
            raise BadOption(f"{key} is missing: {what} has {listed}.")


def _check_points(hints: Iterable[Hint]) -> None:
    """Refuse hints of which two say different things of one point."""
    known: dict[tuple[float, float], Hint] = {}
    for hint in hints:
        other = known.setdefault((hint.x, hint.y), hint)
        if other is hint:
            continue
        for what, one, two, same in (
            ("colours", other.color, hint.color, other.ab == hint.ab),
            ("reaches", other.reach, hint.reach, other.reach == hint.reach),
        ):
            if not same:
                raise BadOption(
                    f"x = {hint.x:g}, y = {hint.y:g} has two {what}, {one} and {two}: "
                    "leave one out."
                )


def _check_inside(hints: Iterable[Hint], size: tuple[float, float] | None) -> None:
    """Refuse hints outside a photo; its edge is inside."""
    if size is None:
        return
    width, height = size
    for hint in hints:
        if not (0 <= hint.x <= width and 0 <= hint.y <= height):
            raise BadOption(
                f"the point x = {hint.x:g}, y = {hint.y:g} lies outside the photo, which is "
                f"{width:g} pixels wide and {height:g} high: give x from 0 to {width:g} and y from "
                f"0 to {height:g}."
            )


def _check_size(size: Any) -> None:
    """Refuse what is not the width and height of a photo; None is none."""
    if size is None:
        return
    sides = size if isinstance(size, tuple) else ()
    if len(sides) != 2 or not all(type(side) in (int, float) for side in sides):
        size = list(size) if isinstance(size, tuple) else size
        raise BadOption(
            f"the size is {shown(size)}: give width and height of the photo, as in "
            '"size": [1200, 800].'
        )
    if not all(0 < side < 1e12 for side in sides):
        raise BadOption(
            f"the size is {shown(size[0])} by {shown(size[1])}: give that of the photo."
        )


def _check_shape(made_on: tuple[float, float], photo: tuple[int, int]) -> None:
    """Refuse the hints of a photo that is wider or narrower than this one."""
    one, other = (math.log(width) - math.log(height) for width, height in (made_on, photo))
    # A pixel more or less is what scaling rounds to.
    leeway = max(_SHAPE, 1 / min(*made_on, *photo))
    if abs(one - other) > math.log1p(leeway):
        raise BadOption(
            f"they are for a photo of {made_on[0]:g} by {made_on[1]:g} pixels, but this one has "
            f"{photo[0]} by {photo[1]}: take the hints of a photo of the same shape."
        )
