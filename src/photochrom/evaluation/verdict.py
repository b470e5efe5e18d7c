"""What a pretrained network, which the study does not know, says of coloured photos."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from photochrom.color import Array


class Verdict(NamedTuple):
    """What a judge says of one photo."""

    figures: Sequence[Mapping[str, float]]
    """Of each output, by name."""
    features: Mapping[str, Array]
    """Pooled features of the truth and each output, ``(1 + n, D)``, by the name of the Fréchet
    distance that is made of them."""


Judge = Callable[[npt.NDArray[np.float32]], Verdict]
"""A pretrained network's eye: RGB ``(1 + n, 3, H, W)`` in 0..1, the truth and n outputs of it."""
