"""Colours carried along the motion within a shot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from photochrom.color import Array

F = TypeVar("F")


def carry_colors(
    frames: Iterable[F],
    see: Callable[[F], Array],
    ask: Callable[[F, Array], Array],
) -> Iterator[tuple[F, Array]]:
    """Colour the frames of one shot, in order.

    Args:
        frames: of the shot; a few of them are held at a time.
        see: the lightness of a frame as the network sees it, (h, w) float32, 0..100, of one size.
        ask: the network's colours for a frame and that lightness, (2, h, w).

    Yields:
        Each frame, and its ab (2, h, w) float32.
    """
    for frame in frames:
        yield frame, ask(frame, see(frame))
