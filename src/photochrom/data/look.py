"""A look at a photo, small and once: what decides whether it belongs into a set."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from photochrom.color import Array, Pixels
from photochrom.data.decode import decode_small
from photochrom.image.photo import Photo
from photochrom.image.tone import measure_tone

SIDE = 256
"""Long side of the copy that is looked at, pixels."""
VERSION = 1
"""Of how photos are looked at; a look of another version is not used."""
MIRROR = 0x5555555555555555
"""Where the hashes of a photo and of its mirror image differ: the odd columns."""
_HASHED = 32  # side of the grey square that is hashed
_STEP = 10  # levels between neighbours that make an edge
_SHARP = 0.8  # share of a line that an edge takes up
_PLAIN = 3.0  # levels by which a plain line strays, JPEG's ringing included


@dataclass(frozen=True)
class Look:
    """What was seen."""

    trouble: str = ""
    """Why it cannot be read; then nothing else is known."""
    width: int = 0
    height: int = 0
    saturation: float = 0.0
    """Mean S of HSV, 0..255."""
    tone: str = ""
    """As :func:`photochrom.image.tone.measure_tone` tells."""
    chroma: float = 0.0
    """Mean distance from grey in ab."""
    frame: float = 0.0
    """Share of the photo that is a plain border."""
    gutter: float = 0.0
    """How sharply the best plain line across the photo, which is no border, parts it; 0..1."""
    graphic: float = 0.0
    """Share of the photo in a few flat colours far apart; 0 where they are fewer than three."""
    hash: int = 0
    """64 bits that near-duplicates have nearly in common: signs of its lowest frequencies."""


def look(data: bytes) -> Look:
    """Look at an encoded photo.

    Raises:
        BadPhoto: it cannot be decoded.
    """
    pixels, width, height = decode_small(data, SIDE)
    hsv = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)
    lab = cv2.cvtColor(pixels[::2, ::2].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return Look(
        width=width,
        height=height,
        saturation=round(float(hsv[..., 1].mean()), 2),
        tone=measure_tone(Photo(pixels)),
        chroma=round(float(np.hypot(lab[..., 1], lab[..., 2]).mean()), 2),
        frame=round(measure_frame(pixels), 4),
        gutter=round(measure_gutter(pixels), 3),
        graphic=round(measure_graphic(pixels), 3),
        hash=hash_frequencies(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)),
    )


# --- what is seen -----------------------------------------------------------------------------


def measure_frame(pixels: Pixels) -> float:
    """Share of a small photo that is a border: plain lines that end in a straight edge."""
    h, w = pixels.shape[:2]
    turned = pixels.astype(np.int16)
    top, bottom = _bar(turned), _bar(turned[::-1])
    left, right = _bar(turned.swapaxes(0, 1)), _bar(turned.swapaxes(0, 1)[::-1])
    inside = max(0, h - top - bottom) * max(0, w - left - right)
    return float(1 - inside / (h * w))


def _bar(lines: npt.NDArray[np.int16]) -> int:
    """How many of the first lines are a bar."""
    colour, plain = lines[0].mean(0), 0
    while plain < len(lines) and np.abs(lines[plain] - colour).mean() <= _PLAIN:
        plain += 1
    if not 2 <= plain < len(lines) - 2:
        return 0
    return plain if _edge(lines[plain - 1], lines[plain + 1]) > _SHARP else 0


def _edge(line: npt.NDArray[np.int16], other: npt.NDArray[np.int16]) -> float:
    """Share of a line that differs from another; two apart, as an edge may lie within a line."""
    return float((np.abs(line - other).max(-1) > _STEP).mean())


def measure_gutter(pixels: Pixels) -> float:
    """How sharply a plain line across a small photo parts it, 0..1; for collages and captions."""
    turned = pixels.astype(np.int16)
    return max(_find_gutter(turned), _find_gutter(turned.swapaxes(0, 1)))


def _find_gutter(lines: npt.NDArray[np.int16]) -> float:
    n, best = len(lines), 0.0
    few = lines[:, :: max(1, lines.shape[1] // 64)]  # most lines are seen not to be plain by these
    spread = np.abs(few - few.mean(1, keepdims=True)).mean((1, 2))
    plain = np.flatnonzero(spread <= _PLAIN)
    for run in np.split(plain, np.flatnonzero(np.diff(plain) > 1) + 1):
        if not len(run) or run[0] < n * 0.05 or run[-1] >= n * 0.95 or len(run) > n * 0.15:
            continue  # a border, or a stretch of sky
        before = _edge(lines[run[0] - 2], lines[run[0]])
        after = _edge(lines[run[-1] + 2], lines[run[-1]])
        best = max(best, min(before, after))
    return best


def measure_graphic(pixels: Pixels) -> float:
    """Share of a small photo in flat colours that are far apart; 0 where they are fewer than three.

    Sky and walls are flat as well, but of shades that lie close together.
    """
    levels = (pixels[::2, ::2].reshape(-1, 3) >> 2).astype(np.int32)  # 6 bits a channel
    names, counts = np.unique(levels @ np.array([1 << 12, 1 << 6, 1]), return_counts=True)
    most = np.argsort(-counts, kind="stable")[:32]
    apart: list[npt.NDArray[np.int64]] = []
    share = 0.0
    for name, count in zip(names[most], counts[most], strict=True):
        colour = np.array([name >> 12, name >> 6 & 63, name & 63])
        if count < 0.02 * len(levels):
            break
        if all(np.abs(colour - other).max() > 8 for other in apart):
            apart.append(colour)
            share += count / len(levels)
    return float(share) if len(apart) >= 3 else 0.0


def hash_frequencies(grey: Array) -> int:
    """Signs of the lowest frequencies (a DCT hash), in 64 bits.

    Zauner 2010, section 3.2, but for signs in place of the side of the median: so a mirror image
    has the same but for the bits of :data:`MIRROR`.
    """
    small = cv2.resize(grey, (_HASHED, _HASHED), interpolation=cv2.INTER_AREA)
    waves = cv2.dct(small.astype(np.float32))
    block = waves[:8, :8].copy()
    block[0, 0] = waves[8, 0]  # in place of the mean, which has no sign
    return int.from_bytes(np.packbits(block > 0).tobytes(), "big")
