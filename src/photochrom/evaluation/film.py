"""How still the colours of a film hold.

Pure functions on the frames of one clip, which are gone through once, so that a film of any length
can be judged.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from photochrom.color import Array

DISTANCES = 1, 2, 4
"""In frames, between the histograms that :func:`color_consistency` holds against each other."""
DOUBT = 50.0
"""How soon a place counts as hidden in the next frame, by the squared difference of grey in 0..1:
Lai et al. 2018, "Learning Blind Video Temporal Consistency", equation 2."""


class NextFrame(NamedTuple):
    """Where the places of a frame are in the next one."""

    places: Array
    """(H, W, 2) float32, x and y there, in pixels."""
    visible: Array
    """(H, W) float32, 0..1: how far that place shows the same."""


def color_consistency(frames: Iterable[npt.NDArray[np.uint8]]) -> float:
    """Colour distribution consistency, CDC (TCVC, arXiv 2110.04562): the less, the stiller.

    For each channel, frames t and t + d are compared by the Jensen-Shannon divergence of their
    histograms of 256 bins, in nats. Its mean over t is averaged over d = 1, 2, 4 and the channels.
    Grey frames do not have 0: what moves in them changes histograms, too.

    Args:
        frames: (H, W, 3), in order.

    Raises:
        ValueError: there are fewer than 5.
    """
    bins = [[np.bincount(channel.ravel(), minlength=256) for channel in f.T] for f in frames]
    if len(bins) <= max(DISTANCES):
        raise ValueError(f"{len(bins)} frames: 5 or more can be compared.")
    shares = np.asarray(bins, np.float64)
    shares /= shares.sum(-1, keepdims=True)
    return float(np.mean([_divergence(shares[:-d], shares[d:]).mean() for d in DISTANCES]))


def _divergence(p: Array, q: Array) -> Array:
    """Jensen-Shannon divergence along the last axis, in nats: 0 .. ln 2."""
    middle = (p + q) / 2

    def relative(x: Array) -> Array:
        ratio = np.divide(x, middle, out=np.ones_like(x), where=x > 0)
        return np.asarray((x * np.log(ratio)).sum(-1))

    return (relative(p) + relative(q)) / 2


def find_next(grey: Array, following: Array) -> NextFrame:
    """Find a frame's places in the next one, by the optical flow of Farnebäck 2003.

    Args:
        grey: (H, W), 0..1.
        following: the frame after it, likewise.
    """
    height, width = grey.shape
    now, then = (np.rint(255 * f).astype(np.uint8) for f in (grey, following))
    flow = cv2.calcOpticalFlowFarneback(now, then, np.empty(0), 0.5, 5, 15, 3, 7, 1.5, 0)
    places = flow + np.dstack(np.meshgrid(np.arange(width), np.arange(height)))
    places = places.astype(np.float32)
    inside = ((places >= 0) & (places <= (width - 1, height - 1))).all(-1)
    seen = _bring(following.astype(np.float32), places)
    visible = inside * np.exp(-DOUBT * np.square(grey - seen))
    return NextFrame(places, visible.astype(np.float32))


def chroma_flicker(ab: Iterable[Array], grey: Iterable[Array], cuts: Container[int] = ()) -> float:
    """By how much colours change that should not, in ab units: the chroma warping error.

    Each place p of frame t is found again in frame t + 1, by the motion of the grey alone
    (:func:`find_next`), and the colours of both are held against each other. With p' for the place
    found and I for grey in 0..1, the mean over the frame is weighted by how surely it is the same:

        v(p) = exp(-50 (I_t(p) - I_t+1(p'))²), 0 where p' lies outside of the frame
        flicker = mean over t of [Σ v(p) |ab_t(p) - ab_t+1(p')| / Σ v(p)]

    Args:
        ab: (2, H, W), a frame's colours.
        grey: (H, W), 0..1, the same frames.
        cuts: numbers of frames that begin a shot, from 0; they are not held against those before.

    Raises:
        ValueError: there are fewer than two frames, or cuts between all of them.
    """
    errors = []
    pairs = pairwise(zip(ab, grey, strict=True))
    for number, ((ab_now, now), (ab_then, then)) in enumerate(pairs, 1):
        if number in cuts:
            continue
        places, visible = find_next(now, then)
        apart = np.hypot(*(a - _bring(b, places) for a, b in zip(ab_now, ab_then, strict=True)))
        errors.append((visible * apart).sum(dtype=np.float64) / max(float(visible.sum()), 1e-9))
    if not errors:
        raise ValueError("No two frames of one shot follow each other.")
    return float(np.mean(errors))


def mean_chroma(ab: Iterable[Array]) -> float:
    """Mean distance from grey over all pixels of all frames (2, H, W), in ab units.

    ValueError if there is none.
    """
    chroma = [float(np.hypot(a, b).mean(dtype=np.float64)) for a, b in ab]
    if not chroma:
        raise ValueError("There are no frames.")
    return float(np.mean(chroma))


def _bring(plane: Array, places: Array) -> Array:
    """A plane (H, W) as it is at those places."""
    x, y = np.ascontiguousarray(places[..., 0]), np.ascontiguousarray(places[..., 1])
    found = cv2.remap(plane, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found)
