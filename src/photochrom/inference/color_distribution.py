"""What can be asked of a distribution over colours: how sure it is, what else it would be.

``p`` is ``(N, Q, h, w)``, the probability of each of Q colours at each place; ``centres`` is
``(Q, 2)``, their ab.
"""

from __future__ import annotations

import cv2
import numpy as np

from photochrom.color import Array, to_uint8

_MOST_BITS = 8.0  # a fixed scale, so that maps of two photos compare: 261 colours, all alike


def softmax(logits: Array, temperature: float = 1.0) -> Array:
    """p of logits ``(N, Q, h, w)``; a temperature under 1 sharpens, over 1 flattens."""
    p = (logits - logits.max(1, keepdims=True)) / np.float32(temperature)
    np.exp(p, out=p)
    p /= p.sum(1, keepdims=True)
    return np.asarray(p)


def entropy(p: Array) -> Array:
    """How unsure p is, in bits: 0 for certain to log2(Q), ``(N, h, w)``."""
    return np.asarray(-(p * np.log2(np.maximum(p, 1e-12))).sum(1))


def spread(p: Array, centres: Array) -> Array:
    """How far the likely colours lie apart: standard deviation in ab, ``(N, h, w)``."""
    moments = np.column_stack([centres, (centres**2).sum(1)])  # (Q, 3): ab, and its length squared
    a, b, squares = np.einsum("qc,nqhw->cnhw", moments, p, optimize=True)
    return np.asarray(np.sqrt(np.maximum(squares - a * a - b * b, 0)))


def render_entropy(bits: Array) -> Array:
    """A map of entropy ``(H, W)`` to be looked at, ``(H, W, 3)`` uint8: black 0, yellow 8 bits."""
    level = to_uint8(bits / _MOST_BITS)
    return cv2.cvtColor(cv2.applyColorMap(level, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
