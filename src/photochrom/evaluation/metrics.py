"""How close an output comes to the original photograph, and how colourful it is.

Pure functions on one photo: RGB is ``(3, H, W)`` in 0..1, Lab is ``(3, H, W)`` with L in 0..100,
both float32 or float64. Arithmetic stays in the type given; every answer is a Python float. Figures
of a whole set of photos come last.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from photochrom.color import Array, Float, Plane

Moments = tuple[Float, Float]


class PerceptualScores(NamedTuple):
    """What a pretrained network says of one photo."""

    figures: Sequence[Mapping[str, float]]
    """Of each output, by name."""
    features: Mapping[str, Array]
    """Pooled features of the truth and each output, ``(1 + n, D)``, by the name of the Fréchet
    distance that is made of them."""


PerceptualMetric = Callable[[Plane], PerceptualScores]
"""A pretrained network: RGB ``(1 + n, 3, H, W)`` in 0..1, the truth and n outputs of it."""

PSNR_CAP = 100.0  # dB; two equal photos would be infinitely alike

# Wang et al. 2004, "Image quality assessment", sections III.B and III.C.
SSIM_WINDOW, SSIM_SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2

SLOPE = 1.0
"""Lab units a pixel: a smooth region changes no faster."""
LEAST = 0.01
"""The share of a photo that has to be smooth for :func:`steps` to be told."""


class Steps(NamedTuple):
    """How colour moves across smooth regions: see :func:`steps`."""

    colors: int
    """Distinct ab values, rounded to whole units."""
    jump: float
    """The largest ab distance between two neighbouring pixels."""


def psnr(truth: Float, output: Float) -> float:
    """Peak signal-to-noise ratio of two RGB photos in dB: 10 log10(1 / MSE), at most 100.

    The cap keeps equal photos (MSE = 0) finite, so that a mean over photos stays one. Two
    8-bit photos that differ in a single step of a single value stay below it up to 51,000 pixels.
    """
    error = float(np.mean(np.square(truth - output), dtype=np.float64))
    return float(10 * np.log10(1 / max(error, 10 ** (-PSNR_CAP / 10))))


def ssim(truth: Float, output: Float, moments: Moments | None = None) -> float:
    """Structural similarity of two RGB photos, at most 1: the mean over pixels and channels.

    Wang et al. 2004, equation 13, Gaussian window of 11 pixels with sigma 1.5, data range 1.
    Windows that reach over the border are left out, as scikit-image does; a photo must
    therefore measure at least 11 x 11 pixels.

    Args:
        truth: ``(3, H, W)`` in 0..1.
        output: the same.
        moments: ``ssim_moments(truth)``, where one truth is compared with many outputs.
    """
    mean_t, var_t = moments or ssim_moments(truth)
    mean_o, var_o = ssim_moments(output)
    x, y = np.asarray(truth, np.float64), np.asarray(output, np.float64)
    product = mean_t * mean_o
    covariance = _window(x * y) - product
    likeness = (2 * product + _C1) * (2 * covariance + _C2)
    likeness /= (mean_t**2 + mean_o**2 + _C1) * (var_t + var_o + _C2)
    return float(likeness.mean())


def ssim_moments(rgb: Float) -> Moments:
    """Mean and variance in the window around every inner pixel, ``(3, H - 10, W - 10)`` float64.

    float64, because a small variance is the difference of two large numbers.
    """
    x = np.asarray(rgb, np.float64)
    mean = _window(x)
    return mean, _window(x * x) - mean**2


def _window(planes: Float) -> Float:
    """The Gaussian-weighted mean around every pixel whose window lies inside the photo."""
    channels, height, width = planes.shape
    if min(height, width) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs at least 11 x 11 pixels, this photo is {width} x {height}.")
    # One tall image instead of three: where the channels touch, the border is cut off anyway.
    tall = planes.reshape(channels * height, width)
    mean = np.asarray(cv2.GaussianBlur(tall, (SSIM_WINDOW,) * 2, SSIM_SIGMA), np.float64)
    rim = SSIM_WINDOW // 2
    return mean.reshape(planes.shape)[:, rim:-rim, rim:-rim]


def ciede2000(truth: Float, output: Float) -> float:
    """Mean CIEDE2000 colour difference of two Lab photos: 0 is equal, about 1 just visible.

    Symmetric. Sharma, Wu and Dalal 2005, "The CIEDE2000 color-difference formula: implementation
    notes, supplementary test data, and mathematical observations", equations 2 to 22, with the
    weights kL = kC = kH = 1.
    """
    (l1, a1, b1), (l2, a2, b2) = truth, output
    # a is stretched near the grey axis, where CIELAB underrates differences (equations 2 to 6).
    stretch = 1.5 - 0.5 * _saturation((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2)
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = _hue(a1, b1), _hue(a2, b2)

    # The difference the short way round, and the hue half way (equations 10 and 14). A grey has
    # no hue, but then c1 * c2 = 0 takes out every term that depends on it.
    turn, hue = h2 - h1, (h1 + h2) / 2
    far = np.abs(turn) > math.pi
    turn = np.where(far, turn - np.copysign(2 * math.pi, turn), turn)
    hue = np.where(far, hue - np.copysign(math.pi, hue - math.pi), hue)

    lightness, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    weight_l = 1 + 0.015 * (lightness - 50) ** 2 / np.sqrt(20 + (lightness - 50) ** 2)
    weight_c = 1 + 0.045 * chroma
    weight_h = 1 + 0.015 * chroma * _hue_weight(hue)
    dl = (l2 - l1) / weight_l
    dc = (c2 - c1) / weight_c
    dh = 2 * np.sqrt(c1 * c2) * np.sin(turn / 2) / weight_h
    squared = dl**2 + dc**2 + dh**2 + _rotation(hue, chroma) * dc * dh
    return float(np.sqrt(np.maximum(squared, 0)).mean(dtype=np.float64))


def _hue(a: Float, b: Float) -> Float:
    """The angle in the ab plane, 0..2 pi (equation 7)."""
    angle = np.arctan2(b, a)
    return np.where(angle < 0, angle + 2 * math.pi, angle)


def _saturation(chroma: Float) -> Float:
    """From 0 at grey to 1 at strong colours (the root in equations 4 and 17)."""
    # As 1 / (1 + (25 / C)^7), a form whose seventh power never overflows; C = 0 is kept from 1 / 0.
    ratio = 25 / np.maximum(chroma, 1e-3)
    ratio2 = ratio * ratio
    root: Float = 1 / np.sqrt(1 + ratio2 * ratio2 * ratio2 * ratio)
    return root


def _hue_weight(hue: Float) -> Float:
    """T of equation 15: how much a hue difference counts at each hue (radians)."""
    weight: Float = (
        1
        - 0.17 * np.cos(hue - math.radians(30))
        + 0.24 * np.cos(2 * hue)
        + 0.32 * np.cos(3 * hue + math.radians(6))
        - 0.20 * np.cos(4 * hue - math.radians(63))
    )
    return weight


def _rotation(hue: Float, chroma: Float) -> Float:
    """R_T of equations 16, 17 and 19: in the blues, hue and chroma differences pull together."""
    angle = np.deg2rad(60 * np.exp(-np.square((np.rad2deg(hue) - 275) / 25)))
    turned: Float = -2 * np.sin(angle) * _saturation(chroma)
    return turned


def ab_error(truth: Float, output: Float) -> float:
    """Measure how far a Lab photo's colour lies from the true one, whatever its lightness.

    The root mean square of the distances in the ab plane, over pixels, in ab units.
    """
    squared = np.square(output[1:] - truth[1:]).sum(0)
    return math.sqrt(float(squared.mean(dtype=np.float64)))


def colorfulness(rgb: Float, *, absolute: bool = False) -> float:
    """How colourful an RGB photo looks: 0 is grey, 15 slightly, 45 quite, 109 extremely so.

    Hasler and Süsstrunk 2003, "Measuring colorfulness in natural images", section 7, defined on
    RGB in 0..255; since the measure scales with its input, 0..1 is scaled at the end.

    Args:
        rgb: ``(3, H, W)`` in 0..1.
        absolute: of the opponent channels take the absolute values, as DDColor's code does
            (basicsr/metrics/colorfulness.py at eed944c), and so the tables of many papers on
            colorization. The two differ where a photo has opposite colours.
    """
    r, g, b = rgb
    opponents = r - g, (r + g) / 2 - b
    if absolute:
        opponents = np.abs(opponents[0]), np.abs(opponents[1])
    spread = math.hypot(*(plane.std(dtype=np.float64) for plane in opponents))
    offset = math.hypot(*(plane.mean(dtype=np.float64) for plane in opponents))
    return 255 * (spread + 0.3 * offset)


def smooth(lab: Float) -> npt.NDArray[np.bool_]:
    """Where a photo changes slowly in lightness and in colour, as skies and walls do, ``(H, W)``.

    Pixels around which, in a square of 9, the photo under a Gaussian of sigma 2 (which takes grain
    and JPEG blocks for what they are) changes by at most :data:`SLOPE` Lab units a pixel.
    """
    slope = np.zeros(lab.shape[1:], np.float64)
    for plane in np.asarray(lab, np.float32):
        soft = cv2.GaussianBlur(plane, (0, 0), 2, borderType=cv2.BORDER_REFLECT_101)
        slope += np.square(cv2.Scharr(soft, cv2.CV_32F, 1, 0, scale=1 / 32))
        slope += np.square(cv2.Scharr(soft, cv2.CV_32F, 0, 1, scale=1 / 32))
    gentle = (slope <= SLOPE**2).astype(np.uint8)
    # Beyond the border nothing is known against a pixel: erode's default.
    return cv2.erode(gentle, np.ones((9, 9), np.uint8)).astype(bool)


def steps(lab: Float, where: npt.NDArray[np.bool_]) -> Steps | None:
    """How visibly colour comes in steps inside ``where``, ``(H, W)``; see :func:`smooth`.

    None where fewer than :data:`LEAST` of the pixels are inside: nothing to see there.
    """
    inside = np.asarray(where, bool)
    if inside.mean() < LEAST:
        return None
    ab = np.asarray(lab, np.float64)[1:]
    whole = np.rint(ab[:, inside]).astype(np.int64)
    colors = len(np.unique(whole[0] * 1024 + whole[1]))
    jump = 0.0
    for here, there in (
        (np.s_[..., :, :-1], np.s_[..., :, 1:]),
        (np.s_[..., :-1, :], np.s_[..., 1:, :]),
    ):
        both = inside[here] & inside[there]
        if both.any():
            apart = np.hypot(*(ab[here] - ab[there])[:, both])
            jump = max(jump, float(apart.max()))
    return Steps(colors, jump)


def hits(truth: Float, output: Float, within: float) -> npt.NDArray[np.bool_]:
    """Which pixels of a Lab photo lie within that ab distance of the true colour, ``(H, W)``."""
    return np.asarray(np.hypot(*(output - truth)[1:]) <= within)


# --- of a whole set of photos ---------------------------------------------------------------


def balanced_accuracy(pixels: npt.ArrayLike, right: npt.ArrayLike) -> float:
    """The share of pixels that are right, each weighing one over the frequency of its true bin.

    So every bin that occurs counts the same, however rare: the mean of the bins' own shares.
    Zhang et al. 2016 (arXiv 1603.08511), section 3.1, call it class-balanced.

    Args:
        pixels: ``(Q,)``, how many pixels truly belong to each bin.
        right: ``(Q,)``, how many of them were met.
    """
    n, met = np.asarray(pixels, np.float64), np.asarray(right, np.float64)
    occurs = n > 0
    return float((met[occurs] / n[occurs]).mean())


def frechet(truths: Float, outputs: Float) -> float:
    """The Fréchet distance between two sets of features, ``(N, D)`` each, taken for Gaussians.

    Heusel et al. 2017 (arXiv 1706.08500), equation 6: ``|m - n|² + tr(A + B - 2 sqrt(A B))``.
    0 for equal sets; it depends on how many photos there are, so compare equal numbers only.
    """
    a, b = np.asarray(truths, np.float64), np.asarray(outputs, np.float64)
    # sqrt(A B) has the trace of sqrt(R B R) with R = sqrt(A), which is symmetric.
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    both = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ second @ root), 0)).sum()
    apart = np.square(a.mean(0) - b.mean(0)).sum()
    return max(0.0, float(apart + np.trace(first) + np.trace(second) - 2 * both))


def bootstrap_interval(
    values: npt.ArrayLike, confidence: float = 0.95, seed: int = 0, resamples: int = 2000
) -> tuple[float, float]:
    """Where the mean of ``values`` lies: the percentile bootstrap of Efron 1979, (low, high).

    Args:
        values: ``(N,)``, one figure per photo; the photos are what is drawn again.
        confidence: the share of resampled means inside the interval.
        seed: the same seed gives the same interval.
        resamples: how many means are drawn.
    """
    sample = np.asarray(values, np.float64)
    draw = np.random.default_rng(seed)
    at_a_time = max(1, 1_000_000 // len(sample))  # bounds the memory
    means = [
        sample[
            draw.integers(len(sample), size=(min(at_a_time, resamples - done), len(sample)))
        ].mean(1)
        for done in range(0, resamples, at_a_time)
    ]
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.concatenate(means), [tail, 1 - tail])
    return float(low), float(high)
