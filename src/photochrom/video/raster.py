"""What a frame is here: the film's own lightness, as it is stored, and how to read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from photochrom import color
from photochrom.color import Array


@dataclass(frozen=True, kw_only=True)
class Raster:
    """How the luma of a film is stored; the same for all of its frames."""

    height: int
    """Rows of a frame, as stored: a rotation is only told to the player."""
    width: int
    bits: int
    """Of a sample: 8, 10 or 12."""
    full_range: bool
    """Whether luma goes from 0 to the top, instead of 16 to 235 (of 8 bits)."""

    @property
    def black_and_white(self) -> tuple[int, int]:
        """The codes of black and of white."""
        if self.full_range:
            return 0, (1 << self.bits) - 1
        return 16 << (self.bits - 8), 235 << (self.bits - 8)

    def lightness(self) -> Array:
        """L of every code there is, (2 ** bits,) float32, 0..100; grey is taken for sRGB's."""
        black, white = self.black_and_white
        codes = np.arange(1 << self.bits, dtype=np.float64)
        grey = np.clip((codes - black) / (white - black), 0, 1)
        return np.asarray(color.grey_to_lightness(grey), np.float32)


class Frame(NamedTuple):
    """A frame of a film."""

    pts: int
    """When it is shown, in units of the film's time base."""
    luma: Array
    """(H, W) uint8, or uint16 where a sample has more than 8 bits: the film's own codes."""
