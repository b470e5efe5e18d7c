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

# The numbers here were chosen on films made of photos of the training set: pans, zooms, shakes,
# things that enter, flashes, fades, flicker, dust, grain and jitter.

LOOK_AHEAD = 8
"""Frames after a frame that are seen before it is told whether a shot begins there."""
_LOOK_BACK = 6
"""Frames before it among which the picture is looked for."""
_LONG_SIDE = 64
"""Pixels at which frames are compared."""
_CHANGED = 0.3
"""Change of a cut where nothing else changes."""
_PER_USUAL = 0.6
"""How much more it has to be for each 1 of change from frame to frame."""
_FLASH = 5
"""Frames that a flash may last; less than :data:`LOOK_AHEAD`."""
_BRIGHT, _DARK = 80, 10
"""L of a frame that may be a flash, whatever is still to be seen in it."""
_VOID = 1.5
"""Contrast, in L, below which a dark or bright frame shows nothing,"""
_FLAT = 0.5
"""and any other."""
_FAINT = 4
"""Contrast below which a frame that comes out of black is not yet what it will be."""
_UNLIKE, _MIXED = 0.3, 0.8
"""Correlation of the ends of a dissolve at most, and share of what a frame of it shows that is a
sum of the two at least."""


def find_cuts(lightness: Iterable[Array]) -> Iterator[int]:
    """The number of the first frame of each shot, 0 among them, as soon as it is known.

    Fades and flashes are not cuts, nor is what moves, shakes or flickers. After a fade to black a
    new picture begins a new shot, at the end of the black. In a dissolve the new shot begins about
    the middle, if the dissolve is noticed, which it is where little moves.

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
    watcher = _Watcher()
    while True:
        ahead.extend(islice(views, 1))
        if not ahead:
            return
        yield watcher.begins_shot(ahead.popleft(), ahead)


class _View(NamedTuple):
    """A frame as it is compared."""

    picture: Array
    """(h, w) float32, 0..100, small."""
    detail: Array
    """The same less what is smooth, by its local contrast: much the same at any exposure."""
    contrast: float
    """Usual standard deviation of L nearby."""
    void: bool
    """Whether there is nothing to be seen: black, or white."""
    change: float
    """Against the frame before, 0..1: see :func:`_compare`."""


class _Watcher:
    """Watches frames in order, and tells where shots begin."""

    def __init__(self) -> None:
        self._past: deque[_View] = deque(maxlen=_LOOK_BACK)
        self._shown: deque[_View] = deque(maxlen=LOOK_AHEAD)
        """The last frames of this shot in which there is something to be seen."""
        self._wait = 0
        """Frames until a picture is back that a flash hides, or is as clear as it will be."""

    def begins_shot(self, now: _View, ahead: Sequence[_View]) -> bool:
        """Whether a shot begins with a frame; the next call is for the next one.

        Args:
            now: the frame.
            ahead: those after it.
        """
        first = not self._past
        out_of_void = not first and self._past[-1].void
        speck = out_of_void and bool(ahead) and ahead[0].void  # dust on black
        hidden = now.void or speck
        self._wait -= 1
        begins = first or (not hidden and self._wait < 0 and self._is_new(now, ahead, out_of_void))
        if begins:
            self._shown.clear()
        if not hidden:
            self._shown.append(now)
        self._past.append(now)
        return begins

    def _is_new(self, now: _View, ahead: Sequence[_View], out_of_void: bool) -> bool:
        if not self._shown:
            return False
        usual = _find_usual_change(self._past, ahead)
        bound = _CHANGED + _PER_USUAL * usual
        if out_of_void:
            self._wait = _wait_after_void(self._shown, [now, *ahead], bound)
            if not self._wait:
                self._wait = _wait_until_clear([now, *ahead])
                return True
        elif now.change > bound:
            bound = min(bound, (usual + now.change) / 2)
            self._wait = _wait_after_flash(self._shown, [now, *ahead], bound)
            return not self._wait
        elif len(self._shown) == LOOK_AHEAD == len(ahead):
            calm = all(view.change <= bound and not view.void for view in ahead)
            return calm and _is_dissolved(self._shown[0], now, ahead[-1], bound)
        return False


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
        usual = float(np.percentile(contrast, 60))  # of one with dust here and there, too
        grey = 25 < cv2.mean(picture)[0] < 75
        view = _View(picture, detail, usual, usual < (_FLAT if grey else _VOID), 0.0)
        if before is not None and not (view.void and before.void):
            view = view._replace(change=_compare(before, view))
        yield view
        before = view


def _find_usual_change(past: Iterable[_View], coming: Iterable[_View]) -> float:
    """The change from frame to frame around here, without cuts; it is large where things rush."""
    around = [
        now.change
        for before, now in (*pairwise(past), *pairwise(coming))
        if not (before.void or now.void)
    ]
    return float(np.percentile(around, 40)) if around else 0.0


def _wait_after_void(shown: Sequence[_View], coming: Sequence[_View], bound: float) -> int:
    """Frames until the picture shown before black or white is back; 0: it does not come back."""
    for many, view in enumerate(coming, 1):
        if any(_compare(before, view) < bound for before in (shown[0], shown[-1])):
            return many
    return 0


def _wait_until_clear(coming: Sequence[_View]) -> int:
    """Frames until a picture that comes out of black has its contrast; a few at most."""
    return max((n for n, view in enumerate(coming[:5]) if view.contrast < _FAINT), default=0)


def _wait_after_flash(shown: Sequence[_View], coming: Sequence[_View], bound: float) -> int:
    """Frames until the picture shown is back after a flash; 0: it is none, or does not come back.

    Args:
        shown: the last frames that showed it.
        coming: the first of which differs, as it is the first of a flash, or the first after one.
        bound: of the difference of frames that show the same.
    """
    now, before = coming[0], shown[-1]
    if any(_compare(other, now) < bound for other in list(shown)[-_LOOK_BACK:-1]):
        return 1
    for many, view in enumerate(coming[1 : _FLASH + 1], 1):
        if not view.void and _compare(before, view) < bound:
            flash = many == 1 or all(_may_be_flash(before, v, bound) for v in coming[:many])
            return many if flash else 0
    return 0


def _may_be_flash(before: _View, view: _View, bound: float) -> bool:
    """Whether what is still to be seen in a frame is what was seen before."""
    return (
        view.void
        or not _DARK < float(view.picture.mean()) < _BRIGHT
        or _compare(before, view, both=True) < bound + 0.1
    )


def _is_dissolved(one: _View, now: _View, other: _View, bound: float) -> bool:
    """Whether a frame is more than half of the way from one picture to another that fades in."""
    planes = [view.picture - view.picture.mean() for view in (one, other, now)]
    a, b, mix = (plane.ravel() for plane in planes)
    aa, bb, ab, both = float(a @ a), float(b @ b), float(a @ b), float(mix @ mix)
    apart = aa * bb - ab * ab
    if ab > _UNLIKE * np.sqrt(aa * bb) or apart <= 0:
        return False
    of_one, of_other = float(a @ mix), float(b @ mix)
    share = (of_one * bb - of_other * ab) / apart, (of_other * aa - of_one * ab) / apart
    explained = share[0] * of_one + share[1] * of_other
    return (
        0.25 < share[0] < share[1] < 0.75
        and explained > _MIXED * both
        and _compare(one, other) > bound + 0.1
    )


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
