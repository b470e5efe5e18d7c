"""Where shots begin, found by lightness alone: old film has no other.

Two frames belong together if what is in one is also in the other, wherever it moved: the one is
brought onto the other along the motion, and local correlation tells whether they agree. It does
not see exposure, which flickers in old film, and so neither fades nor flashes. A cut is a change
that is large in itself and against the changes around it, after which the picture does not come
back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import islice, pairwise
from typing import NamedTuple

import cv2
import numpy as np

from photochrom.color import Array

LOOK_AHEAD = 8
"""Frames after a frame that are seen before it is told whether a shot begins there."""
_LOOK_BACK = 6
_LONG_SIDE = 64
_FLASH = 5
"""Frames that a flash may last; less than :data:`LOOK_AHEAD`."""
_CHANGED = 0.3
_PER_USUAL = 0.6
_VOID = 1.5


def find_cuts(lightness: Iterable[Array]) -> Iterator[int]:
    """The number of the first frame of each shot, 0 among them, as soon as it is known.

    Fades and flashes are not cuts, nor is what moves, shakes or flickers. After a fade to black a
    new picture begins a new shot, at the end of the black.

    Args:
        lightness: of each frame, (h, w) float32, 0..100, all of one size; 64 pixels are enough for
            the longer side, and larger frames are shrunk to that.
    """
    return (number for number, begins in enumerate(mark_cuts(lightness)) if begins)


def mark_cuts(lightness: Iterable[Array]) -> Iterator[bool]:
    """For each frame whether a shot begins there, once :data:`LOOK_AHEAD` more have been seen.

    Args:
        lightness: as for :func:`find_cuts`.
    """
    views = _view(lightness)
    ahead = deque(islice(views, LOOK_AHEAD))
    past: deque[_View] = deque(maxlen=_LOOK_BACK)
    shown: deque[_View] = deque(maxlen=_LOOK_BACK)  # of this shot, without what is void
    away = 0  # frames until a picture is back that a flash hides
    while ahead or past:
        ahead.extend(islice(views, 1))
        if not ahead:
            return
        now = ahead.popleft()
        begins = not past
        if past and away <= 0 and not (now.void or (past[-1].void and ahead and ahead[0].void)):
            usual = _usual_change(past, ahead)
            if past[-1].void or now.change > _CHANGED + _PER_USUAL * usual:
                away = _time_away(shown, [now, *ahead], usual, past[-1].void)
                begins = not away and bool(shown)
                if begins and past[-1].void:
                    away = 1 + _time_faint([now, *ahead])
        if begins:
            shown.clear()
        if not now.void and not (past and past[-1].void and ahead and ahead[0].void):
            shown.append(now)
        past.append(now)
        away -= 1
        yield begins


class _View(NamedTuple):
    """A frame as it is compared."""

    picture: Array
    """(h, w) float32, 0..100, small."""
    detail: Array
    """The same less what is smooth, by its local contrast: much the same at any exposure."""
    contrast: float
    """Standard deviation of L nearby, of the quarter of places where it is largest."""
    void: bool
    """Whether there is nothing to be seen: black, or white."""
    change: float
    """Against the frame before, 0..1: see :func:`_compare`."""


def _view(lightness: Iterable[Array]) -> Iterator[_View]:
    before: _View | None = None
    for L in lightness:
        scale = _LONG_SIDE / max(L.shape)
        size = tuple(max(16, round(n * scale)) for n in L.shape[::-1])
        small = cv2.resize(np.asarray(L, np.float32), size, interpolation=cv2.INTER_AREA)
        picture = cv2.GaussianBlur(small, (3, 3), 0)
        rest = picture - cv2.blur(picture, (17, 17))
        contrast = np.sqrt(np.maximum(cv2.blur(rest * rest, (17, 17)), 0))
        detail = rest / np.sqrt(contrast * contrast + 4)
        usual_contrast = float(np.percentile(contrast, 60))
        grey = 25 < cv2.mean(picture)[0] < 75
        void = usual_contrast < (0.5 if grey else _VOID)
        view = _View(picture, detail, usual_contrast, void, 0.0)
        if before is not None and not (void and before.void):
            view = view._replace(change=_compare(before, view))
        yield view
        before = view


def _usual_change(past: Sequence[_View], coming: Sequence[_View]) -> float:
    """The change from frame to frame around here."""
    around = [
        now.change
        for before, now in (*pairwise(past), *pairwise(coming))
        if not (before.void or now.void)
    ]
    return float(np.percentile(around, 40)) if around else 0.0


def _time_away(shown: Sequence[_View], coming: Sequence[_View], usual: float, void: bool) -> int:
    """How many frames come until the picture shown is seen again; 0: it does not come back.

    Args:
        shown: the last frames that showed it.
        coming: the first of which differs.
        usual: change from frame to frame.
        void: whether it went into black or white before.
    """
    if not shown:
        return 0
    bound = _CHANGED + _PER_USUAL * usual
    now = coming[0]
    if void:
        for many, view in enumerate(coming, 1):
            if any(_compare(before, view) < bound for before in (shown[0], shown[-1])):
                return many + 1
        return 0
    bound = min(bound, (usual + now.change) / 2)
    if any(_compare(before, now) < bound for before in list(shown)[:-1]):
        return 1
    for many, view in enumerate(coming[1 : _FLASH + 1], 1):
        if not view.void and _compare(shown[-1], view) < bound:
            hidden = coming[:many]
            if many == 1 or all(_is_flash(shown[-1], v, bound) for v in hidden):
                return many + 1
            return 0
    return 0


def _is_flash(before: _View, view: _View, bound: float) -> bool:
    level = float(view.picture.mean())
    return view.void or level > 80 or level < 10 or _compare(before, view, both=True) < bound + 0.1


def _time_faint(coming: Sequence[_View]) -> int:
    return max((n for n, view in enumerate(coming[:5], 1) if view.contrast < 4), default=0)


def _compare(one: _View, other: _View, both: bool = False) -> float:
    """How much two frames differ, 0 (the same but for motion and exposure) to about 1 (nothing).

    Args:
        one: a frame.
        other: one of the same size.
        both: count only what is seen in both of them, as a flash hides the rest.
    """
    height, width = one.picture.shape
    shift, _ = cv2.phaseCorrelate(other.detail, one.detail, _window(height, width))
    start = np.full((height, width, 2), np.nan_to_num(shift), np.float32)
    flow = _flow().calc(_codes(other.detail), _codes(one.detail), start)
    x, y = np.moveaxis(flow + _grid(height, width), 2, 0).astype(np.float32)
    moved = cv2.remap(one.picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    a, b = moved, other.picture
    mean_a, mean_b = _mean(a), _mean(b)
    var_a = np.maximum(_mean(a * a) - mean_a * mean_a, 0)
    var_b = np.maximum(_mean(b * b) - mean_b * mean_b, 0)
    agree = (_mean(a * b) - mean_a * mean_b) / np.sqrt((var_a + 0.5) * (var_b + 0.5))
    seen = (np.minimum if both else np.maximum)(var_a, var_b)
    weight = seen / (seen + 9)
    total = float(weight.sum())
    if total < 1:
        return 0.0
    return 1 - float((agree * weight).sum()) / total


def _mean(plane: Array) -> Array:
    return cv2.blur(plane, (9, 9))


def _codes(detail: Array) -> Array:
    return np.asarray(np.clip(128 + 48 * detail, 0, 255), np.uint8)


@cache
def _flow() -> cv2.DISOpticalFlow:
    return cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)


@cache
def _grid(height: int, width: int) -> Array:
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=2)


@cache
def _window(height: int, width: int) -> Array:
    return np.asarray(cv2.createHanningWindow((width, height), cv2.CV_32F))
