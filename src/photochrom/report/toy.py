"""Colour averaging, in a world of three objects.

Red, green and blue things look the same grey in it, so that whoever sees the grey can answer one
colour only. Which one is best depends on the loss alone; here each loss is minimised by descent,
as a network's is, and what comes out is what a network tends to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from photochrom.report.settings import describe_mix

Float = npt.NDArray[np.float64]
RGB = tuple[int, int, int]

OBJECTS: Float = np.eye(3)
"""Red, green and blue, ``(3, 3)`` in 0..1."""
PALETTE: Float = np.stack(np.meshgrid(*[[0, 0.5, 1]] * 3, indexing="ij"), -1).reshape(-1, 3)
"""The classes of the classifier, ``(27, 3)``: three levels of each channel."""
TEMPERATURE = 0.38
"""Of the annealed mean: Zhang et al. 2016 (arXiv 1603.08511), section 2.3."""

WORLDS = ((1 / 3, 1 / 3, 1 / 3), (0.45, 0.35, 0.20), (0.60, 0.25, 0.15))
"""How often each object occurs: alike; none in the majority; the red one in the majority."""
ALPHAS = (1.0, 0.7, 0.5, 0.3, 0.0)


@dataclass(frozen=True)
class ToyPrediction:
    """What is answered to the grey in one way."""

    name: str
    colors: tuple[RGB, ...]
    """0..255: one colour, several that are as good, or several draws."""


def predict_world(
    frequency: Sequence[float], draws: int = 12, seed: int = 0
) -> tuple[ToyPrediction, ...]:
    """Each way to answer, in a world where the objects occur so often."""
    regressed = [
        ToyPrediction(describe_mix(alpha), (_render(regress(frequency, alpha)),))
        for alpha in ALPHAS
    ]
    p = classify(frequency)
    likeliest = PALETTE[p > p.max() - 1e-6][::-1]  # red first, where it is a tie
    drawn = PALETTE[np.random.default_rng(seed).choice(len(p), size=draws, p=p)]
    return (
        *regressed,
        ToyPrediction("classes: the likeliest", tuple(map(_render, likeliest))),
        ToyPrediction("classes: annealed mean", (_render(annealed_mean(p)),)),
        ToyPrediction("classes: drawn", tuple(map(_render, drawn))),
    )


def regress(frequency: Sequence[float], alpha: float, steps: int = 4000) -> Float:
    """The colour that minimises ``alpha * MSE + (1 - alpha) * L1``, ``(3,)`` in 0..1.

    Projected subgradient descent from middle grey with steps 1 / (t + 1): they shrink, so that it
    settles where the loss has a kink, and add up to more than any way it has to go.
    """
    p = np.asarray(frequency)[:, None]
    color = np.full(3, 0.5)
    for t in range(steps):
        apart = color - OBJECTS
        gradient = (p * (2 * alpha * apart + (1 - alpha) * np.sign(apart))).sum(0)
        color = np.clip(color - gradient / (t + 1), 0, 1)
    return color


def classify(frequency: Sequence[float], steps: int = 4000, rate: float = 4.0) -> Float:
    """The distribution over :data:`PALETTE` that minimises cross-entropy, ``(27,)``.

    Gradient descent on logits that begin at 0; the gradient is what is answered minus what is.
    """
    target = np.zeros(len(PALETTE))
    for share, thing in zip(frequency, OBJECTS, strict=True):
        target[np.abs(PALETTE - thing).sum(1).argmin()] += share
    logits = np.zeros(len(PALETTE))
    for _ in range(steps):
        logits -= rate * (_softmax(logits) - target)
    return _softmax(logits)


def annealed_mean(p: Float, temperature: float = TEMPERATURE) -> Float:
    """The mean colour of a distribution made more decided: near 0 the likeliest, at 1 the mean."""
    mean: Float = _softmax(np.log(p) / temperature) @ PALETTE
    return mean


def _softmax(logits: Float) -> Float:
    shares = np.exp(logits - logits.max())
    return np.asarray(shares / shares.sum())


def _render(color: Any) -> RGB:
    r, g, b = (round(255 * float(value)) for value in color)
    return r, g, b
