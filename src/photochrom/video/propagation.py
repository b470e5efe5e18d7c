"""Colours carried along the motion within a shot, so that they hold still.

The network is asked at key frames. What it says there joins what has been carried there along the
motion: a running mean of up to :data:`_MOST` answers, in which each pixel counts how many it has.
Where the motion cannot be trusted the count is lost, so what is new in the picture takes what the
network says of it, and nobody else's colour. The frames between two key frames take the colours of
both, brought to them forth and back, by count and nearness.

A mean of answers that differ is paler than they are: so much is given back, of the whole frame.
Near black colour fades out, as noise would flash there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import cv2
import numpy as np

from photochrom.color import Array
from photochrom.video.motion import Motion, MotionFinder

F = TypeVar("F")

VERSION = 1
"""Of the method: results of another do not go together."""
_APART = 6
"""Frames from one key frame to the next at most."""
_MOST = 8.0
"""Answers that a colour is the mean of, as far as the next one counts: light and view change."""
_LOST = 0.5
"""Of all counts: with fewer left, a frame becomes a key frame."""
_FLASH = 3
"""Frames after which what was before a break is forgotten."""
_MOST_GAIN = 1.5
"""As in :mod:`.inference.averaging`."""
_FAINT = 0.02
"""Counts that a pixel has at least, so that one nobody trusts takes something."""
_BLACK, _DARK = 1.0, 10.0
"""L at which there is no colour, and from which there is all of it."""


@dataclass(frozen=True, eq=False)
class State:
    """What is carried on from a frame."""

    lightness: Array
    """(h, w) float32, of that frame."""
    planes: Array
    """(h, w, 4) float32: a, b, the chroma that they should have, and how many answers they are the
    mean of."""


class _Step(NamedTuple, Generic[F]):
    """A frame that waits for the next key frame."""

    frame: F
    lightness: Array
    planes: Array
    """What has been carried here from before."""
    back: Motion
    """Brings what lies on this frame to the one before."""


class Carrier(Generic[F]):
    """Colours frames of one shot, in order.

    Args:
        see: the lightness of a frame as the network sees it, (h, w) float32, 0..100, of one size.
        ask: the network's colours for a frame and that lightness, (2, h, w).
        state: where to go on from, if the shot began earlier.
    """

    def __init__(
        self,
        see: Callable[[F], Array],
        ask: Callable[[F, Array], Array],
        state: State | None = None,
    ) -> None:
        self._see, self._ask = see, ask
        self.state = state
        """What the last frame is left with."""
        self._before: State | None = None
        self._since = 0
        self._finder: MotionFinder | None = None

    def carry(self, frames: Iterable[F]) -> Iterator[tuple[F, Array]]:
        """Colour frames; at most seven are held at a time.

        Yields:
            Each frame, and its ab (2, h, w) float32.
        """
        waiting: list[_Step[F]] = []
        for frame in frames:
            lightness = self._see(frame)
            if self.state is None:
                planes = self._answer(frame, lightness)
                self.state = State(lightness, planes)
                yield frame, _finish(planes, lightness)
                continue
            step = self._go_on(frame, lightness, waiting)
            waiting.append(step)
            lost = step.planes[..., 3].sum() < _LOST * self.state.planes[..., 3].sum()
            if lost or len(waiting) == _APART:
                yield from self._settle(waiting, lost=bool(lost))
                waiting = []
        if waiting:
            yield from self._settle(waiting, lost=False)

    def _answer(self, frame: F, lightness: Array) -> Array:
        a, b = self._ask(frame, lightness).astype(np.float32)
        return np.stack([a, b, np.hypot(a, b), np.ones_like(a)], -1)

    def _go_on(self, frame: F, lightness: Array, waiting: list[_Step[F]]) -> _Step[F]:
        """Carry on to a frame from the one before, or from before a break, whichever is more."""
        assert self.state is not None
        finder = self._finder = self._finder or MotionFinder(lightness.shape)
        last = State(waiting[-1].lightness, waiting[-1].planes) if waiting else self.state
        planes, back = _carry(finder, last, lightness)
        if self._before is not None and not waiting:
            self._since += 1
            older, _ = _carry(finder, self._before, lightness)
            if older[..., 3].sum() > planes[..., 3].sum():  # it was a flash
                planes, self._before = older, None
            elif self._since == _FLASH:
                self._before = None
        return _Step(frame, lightness, planes, back)

    def _settle(self, steps: list[_Step[F]], *, lost: bool) -> list[tuple[F, Array]]:
        """Make the last of some frames a key frame, and give those before what both sides tell."""
        assert self.state is not None
        end = steps[-1]
        fresh, carried = self._answer(end.frame, end.lightness), end.planes
        count = carried[..., 3:]
        planes = fresh + count / (count + 1) * (carried - fresh)
        planes[..., 3:] = np.minimum(count + 1, _MOST)
        if lost:
            before = steps[-2] if len(steps) > 1 else self.state
            self._before, self._since = State(before.lightness, before.planes), 0
        self.state = State(end.lightness, planes)
        done = [(end.frame, _finish(planes, end.lightness))]
        for number in range(len(steps) - 1, 0, -1):
            later, step = steps[number], steps[number - 1]
            planes = later.back.bring(planes)
            planes[..., 3] *= later.back.trust
            near = number / len(steps)  # 0 at the last key frame, 1 at this one
            weight = near * (planes[..., 3:] + _FAINT)
            other = (1 - near) * (step.planes[..., 3:] + _FAINT)
            mixed = (weight * planes + other * step.planes) / (weight + other)
            done.append((step.frame, _finish(mixed, step.lightness)))
        return done[::-1]


def _carry(finder: MotionFinder, last: State, lightness: Array) -> tuple[Array, Motion]:
    """What a frame takes over from another; and the motion back."""
    here, back = finder.between(last.lightness, lightness)
    planes = here.bring(last.planes)
    planes[..., 3] *= here.trust
    return planes, back


def _finish(planes: Array, lightness: Array) -> Array:
    """The ab (2, h, w) of a frame."""
    a, b, chroma, _ = cv2.split(planes)
    have = float(cv2.magnitude(a, b).mean())
    gain = min(float(chroma.mean()) / max(have, 1e-6), _MOST_GAIN)
    share = np.clip((lightness - _BLACK) / (_DARK - _BLACK), 0, 1)
    fade = np.float32(gain) * share * share * (3 - 2 * share)
    return np.stack([a * fade, b * fade])


def carry_colors(
    frames: Iterable[F],
    see: Callable[[F], Array],
    ask: Callable[[F, Array], Array],
) -> Iterator[tuple[F, Array]]:
    """Colour the frames of one shot, from its first; as :class:`Carrier` does."""
    return Carrier(see, ask).carry(frames)
