"""Colours carried along the motion within a shot, so that they hold still.

The network is asked at key frames. What it says there joins what has been carried there along the
motion: a running mean of up to :data:`_MOST` answers, in which each pixel counts how many it has,
those made in the dark or in glaring light as fewer. Where the motion cannot be trusted the count
is lost, so what is new in the picture takes what the network says of it, and nobody else's colour.
The frames between two key frames take the colours of both, brought to them forth and back, by count
and nearness.

A mean of answers that differ is paler than they are, and late where they grow: it is made as
colourful, over the whole frame, as the latest are. Near black colour fades out, as noise would
flash there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import BinaryIO, Generic, NamedTuple, TypeVar
from zipfile import BadZipFile

import cv2
import numpy as np

from photochrom.color import Array
from photochrom.video.motion import Motion, MotionFinder

F = TypeVar("F")

VERSION = 1
"""Of the method: results of another do not go together."""
_APART = 8
"""Frames from one key frame to the next at most."""
_MOST = 8.0
"""Answers that a colour is the mean of, as far as the next one counts: light and view change."""
_LOST = 0.5
"""Of all counts: with fewer left, a frame becomes a key frame."""
_WHOLE = 0.85
"""Of all counts: with more left, a frame is none of a flash."""
_FLASH = 3
"""Frames after which what was before a break is forgotten."""
_LEAST_GAIN, _MOST_GAIN = 0.67, 1.5
"""Of chroma: answers that agree on nothing are not made to, as in :mod:`.inference.averaging`."""
_FAINT = 0.02
"""Counts that a pixel has at least, so that one nobody trusts takes something."""
_BLACK, _DARK = 0.0, 4.0
"""L at which there is no colour, and from which there is all of it."""
_DIM = 12.0
"""L from which an answer counts as one."""
_BLEAK = 12.0
"""L below white, likewise: a flash washes out what is seen."""
_LEAST_COUNT = 0.02
"""Of an answer where nothing is seen."""


@dataclass(frozen=True, eq=False)
class State:
    """What is carried on from a frame."""

    lightness: Array
    """(h, w) float32, of that frame."""
    planes: Array
    """(h, w, 3) float32: a, b, and how many answers they are the mean of."""
    chroma: float
    """The mean that they should have, over the frame."""

    @property
    def counts(self) -> Array:
        """How many answers, (h, w)."""
        return self.planes[..., 2]

    @cached_property
    def gain(self) -> float:
        """What ab is multiplied by for that."""
        have = float((np.hypot(self.planes[..., 0], self.planes[..., 1]) * self.fade).mean())
        return min(max(self.chroma / max(have, 1e-6), _LEAST_GAIN), _MOST_GAIN)

    @cached_property
    def fade(self) -> Array:
        """How much colour its light allows, (h, w), 0..1."""
        smooth = cv2.blur(self.lightness, (5, 5))  # or grain would be colour that comes and goes
        share = np.clip((smooth - _BLACK) / (_DARK - _BLACK), 0, 1)
        return np.asarray(share * share * (3 - 2 * share))

    def save(self, file: BinaryIO) -> None:
        """Write it, for :meth:`load`."""
        np.savez(file, lightness=self.lightness, planes=self.planes, chroma=self.chroma)

    @classmethod
    def load(cls, file: str | os.PathLike[str] | BinaryIO) -> State:
        """Read what :meth:`save` has written.

        Raises:
            OSError, ValueError: it cannot be read, or is something else.
        """
        try:
            with np.load(file, allow_pickle=False) as kept:
                return cls(kept["lightness"], kept["planes"], float(kept["chroma"]))
        except (KeyError, EOFError, TypeError, BadZipFile) as error:
            raise ValueError(f"it is not whole ({error})") from error


class _Step(NamedTuple, Generic[F]):
    """A frame that waits for the next key frame."""

    frame: F
    state: State
    """With what has been carried here from before."""
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
        """Colour frames; at most nine are held at a time.

        Yields:
            Each frame, and its ab (2, h, w) float32.
        """
        waiting: list[_Step[F]] = []
        for frame in frames:
            lightness = self._see(frame)
            if self.state is None:
                self.state = self._answer(frame, lightness)
                yield frame, _finish(self.state, self.state.gain)
                continue
            step = self._go_on(frame, lightness, waiting)
            waiting.append(step)
            lost = bool(step.state.counts.sum() < _LOST * self.state.counts.sum())
            if lost or len(waiting) == _APART:
                yield from self._settle(waiting, lost=lost)
                waiting = []
        if waiting:
            yield from self._settle(waiting, lost=False)

    def _answer(self, frame: F, lightness: Array) -> State:
        """What the network says of a frame."""
        a, b = self._ask(frame, lightness).astype(np.float32)
        light = np.minimum(lightness / np.float32(_DIM), (100 - lightness) / np.float32(_BLEAK))
        counts = np.clip(light, _LEAST_COUNT, 1)
        return State(lightness, np.stack([a, b, counts], -1), float(np.hypot(a, b).mean()))

    def _go_on(self, frame: F, lightness: Array, waiting: list[_Step[F]]) -> _Step[F]:
        """Carry on to a frame from the one before, or from before a break, whichever is more."""
        assert self.state is not None
        finder = self._finder = self._finder or MotionFinder(lightness.shape)
        state, back = _carry(finder, waiting[-1].state if waiting else self.state, lightness)
        if self._before is not None and not waiting:
            self._since += 1
            older, _ = _carry(finder, self._before, lightness)
            if older.counts.sum() > state.counts.sum():  # it was a flash
                state, self.state, self._before = older, self._before, None
            elif self._since == _FLASH:
                self._before = None
        return _Step(frame, state, back)

    def _settle(self, steps: list[_Step[F]], *, lost: bool) -> list[tuple[F, Array]]:
        """Make the last of some frames a key frame, and give those before what both sides tell."""
        assert self.state is not None
        first, end = self.state, steps[-1]
        state = _join(end.state, self._answer(end.frame, end.state.lightness), lost=lost)
        if lost:
            whole = _WHOLE * first.counts.sum()
            sound = [step.state for step in steps[:-1] if step.state.counts.sum() > whole]
            self._before, self._since = [first, *sound][-1], 0
        self.state = state
        done, planes = [(end.frame, _finish(state, state.gain))], state.planes
        for number in range(len(steps) - 1, 0, -1):
            later, step = steps[number], steps[number - 1]
            planes = later.back.bring(planes)
            planes[..., 2] *= later.back.trust
            near = number / len(steps)  # 0 at the last key frame, 1 at this one
            weight = near * (planes[..., 2:] + _FAINT)
            other = (1 - near) * (step.state.planes[..., 2:] + _FAINT)
            mixed = (weight * planes + other * step.state.planes) / (weight + other)
            gain = near * state.gain + (1 - near) * first.gain
            done.append((step.frame, _finish(replace(step.state, planes=mixed), gain)))
        return done[::-1]


def _carry(finder: MotionFinder, last: State, lightness: Array) -> tuple[State, Motion]:
    """What a frame takes over from another; and the motion back."""
    here, back = finder.between(last.lightness, lightness)
    planes = here.bring(last.planes)
    planes[..., 2] *= here.trust
    return State(lightness, planes, last.chroma), back


def _join(carried: State, fresh: State, *, lost: bool) -> State:
    """What has been carried to a key frame, with what the network says there."""
    old, new = carried.planes[..., 2:], fresh.planes[..., 2:]
    planes = carried.planes + new / (old + new) * (fresh.planes - carried.planes)
    planes[..., 2:] = np.minimum(old + new, _MOST)
    known = float(np.minimum(old, 1).mean())
    share = 1.0 if lost else float(new.mean()) / (float(new.mean()) + known)
    chroma = carried.chroma + share * (fresh.chroma - carried.chroma)
    return State(fresh.lightness, planes, chroma)


def _finish(state: State, gain: float) -> Array:
    """The ab (2, h, w) of a frame."""
    fade = np.float32(gain) * state.fade
    return np.stack([state.planes[..., 0] * fade, state.planes[..., 1] * fade])


def carry_colors(
    frames: Iterable[F],
    see: Callable[[F], Array],
    ask: Callable[[F, Array], Array],
) -> Iterator[tuple[F, Array]]:
    """Colour the frames of one shot, from its first; as :class:`Carrier` does."""
    return Carrier(see, ask).carry(frames)
