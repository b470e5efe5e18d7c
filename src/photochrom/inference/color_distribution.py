"""What can be asked of a distribution over colours: how sure it is, what else it would be.

``p`` is ``(N, Q, h, w)``, the probability of each of Q colours at each place; ``centres`` is
``(Q, 2)``, their ab.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from photochrom.color import Array, fit_gamut, lab_to_rgb, to_uint8

_APART = 14.0  # ab, under which two colours of a palette are one to the eye
_MOST_BITS = 6.0  # a fixed scale, so that maps of two photos compare; few places reach it


@dataclass(frozen=True)
class Swatch:
    """A colour that a point may have."""

    color: str
    """``"#rrggbb"`` at the point's own lightness: ready for a :class:`.hints.Hint`."""
    ab: tuple[float, float]
    probability: float


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


def distinct_colors(p: Array, centres: Array, most: int) -> tuple[Array, Array]:
    """The likeliest colours that the eye tells apart.

    Args:
        p: ``(Q,)``, at one place.
        centres: ``(Q, 2)``.
        most: how many.

    Returns:
        ab ``(m, 2)`` and probabilities ``(m,)``, the likeliest first. Each of the Q counts towards
        the nearest of all that can be told apart, which stands at the mean of what it stands for;
        of these come the first, so that to ask for more of them changes none.
    """
    gaps = np.linalg.norm(centres[:, None] - centres, axis=-1)  # (Q, Q)
    chosen: list[int] = []
    for q in np.argsort(-p, kind="stable"):
        if (gaps[q, chosen] >= _APART).all():
            chosen.append(q)
    belongs = np.eye(len(chosen))[gaps[:, chosen].argmin(1)] * p[:, None]  # (Q, m)
    shares = belongs.sum(0)
    ab = belongs.T @ centres / np.maximum(shares, 1e-12)[:, None]
    order = np.argsort(-shares, kind="stable")[:most]
    return ab[order].astype(np.float32), shares[order].astype(np.float32)


def to_swatches(p: Array, centres: Array, L: float, most: int) -> tuple[Swatch, ...]:
    """:func:`distinct_colors` of ``p`` (Q,) as they are seen at lightness ``L``."""
    ab, shares = distinct_colors(p, centres, most)
    lab = fit_gamut(np.column_stack([np.full(len(ab), L), ab]).astype(np.float32), axis=1)
    rgb = to_uint8(lab_to_rgb(lab, axis=1))
    return tuple(
        Swatch("#{:02x}{:02x}{:02x}".format(*c), (float(a), float(b)), float(share))
        for c, (_, a, b), share in zip(rgb, lab, shares, strict=True)
    )


def render_entropy(bits: Array) -> Array:
    """A map of entropy ``(H, W)`` to be looked at, ``(H, W, 3)`` uint8: black 0, yellow 6 bits."""
    level = to_uint8(bits / _MOST_BITS)
    return cv2.cvtColor(cv2.applyColorMap(level, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
