"""ab in steps that 16 bits hold, so that a file can keep it as it is.

A step is 1/256, and step 0 is -128: ``code = (ab + 128) * 256``. Where the eye tells two colours
apart, they differ by some hundred steps.
"""

from __future__ import annotations

import numpy as np

from photochrom.color import Array

_STEPS = 256.0  # in one of ab
_LOWEST = -128.0


def to_codes(ab: Array) -> Array:
    """The nearest steps, uint16, of ab in -128..127."""
    codes = (np.asarray(ab, np.float32) - np.float32(_LOWEST)) * np.float32(_STEPS)
    return np.asarray(np.rint(np.clip(codes, 0, 65535)), np.uint16)


def from_codes(codes: Array) -> Array:
    """ab, float32, of steps; each number that there is can be told exactly."""
    return codes.astype(np.float32) / np.float32(_STEPS) + np.float32(_LOWEST)


def round_ab(ab: Array) -> Array:
    """ab in whole steps."""
    return from_codes(to_codes(ab))
