"""Test-time averaging: one photo seen at several sizes and mirrored, and the mean of the answers.

What a network gets wrong by chance differs from look to look, and averages out. So does some of
its colour, where looks disagree; that much is given back, or the gain would be mere timidity.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from photochrom.color import Array

_SCALES = 1, 5 / 6, 7 / 6
"""Of the size that is asked for. Further apart, hintnet 3 gained less or lost."""
_MOST_GAIN = 1.5
"""Of chroma: looks that agree on nothing are not made to."""


def sizes(size: int, quality: str) -> list[int]:
    """Short sides at which a photo is to be seen, the usual one first; for "best" or "fast"."""
    return [round(scale * size) for scale in (_SCALES if quality == "best" else _SCALES[:1])]


def average(answers: Sequence[Array], like: Sequence[Array]) -> Array:
    """The mean of several ab, as colourful as some.

    Args:
        answers: ``(2, h, w)`` float32, of any sizes.
        like: of one size, which the mean gets, and so does it their chroma on the whole.
    """
    height, width = like[0].shape[1:]
    total = np.zeros((2, height, width), np.float32)
    for ab in answers:
        for plane, seen in zip(total, ab, strict=True):
            way = cv2.INTER_AREA if seen.shape[0] > height else cv2.INTER_LINEAR
            plane += cv2.resize(seen, (width, height), interpolation=way)
    total /= len(answers)
    wanted, have = (np.mean([np.hypot(*ab).mean() for ab in some]) for some in (like, [total]))
    return total * np.float32(min(wanted / max(have, 1e-6), _MOST_GAIN))
