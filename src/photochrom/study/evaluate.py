"""Measure colorizers on colour photographs: take their colour away, give it back, compare.

A colorizer is any function from L ``(1, 1, H, W)`` float32, 0..100, to ab ``(1, 2, H, W)``
float32, -128..127. Every table begins with two that look at nothing, ``grey`` and ``constant``:
grey alone scores about 22 dB, so that a figure without them misleads.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Literal, TypeVar

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image
from rich.console import Console
from rich.progress import track

from photochrom.color import fit_gamut, lab_to_rgb, rgb_to_lab
from photochrom.errors import BadData, BadModel, BadOption, BadPhoto
from photochrom.study import metrics
from photochrom.study.results import Results, Score

Plane = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]
Colorizer = Callable[[Plane], Plane]
Protocol = Literal["crop256", "crop512", "native"]
Answer = TypeVar("Answer")

SIDES: dict[str, int | None] = {"crop256": 256, "crop512": 512, "native": None}
"""Each protocol's square in pixels; ``native`` leaves the photo as it is."""

MEAN_AB = (1.06, 7.37)
"""Mean ab of the 5,800 photos of the study's training set, each photo counting the same."""


def evaluate(
    photos: Iterable[tuple[str, Pixels]],
    colorizers: Mapping[str, Colorizer],
    *,
    protocol: Protocol = "crop256",
    constant_ab: tuple[float, float] = MEAN_AB,
    total: int | None = None,
    progress: bool = True,
) -> Results:
    """Measure every colorizer on every photo, beside grey and one constant colour.

    Colorizers are called one at a time while nothing else runs, so that their milliseconds are
    their own; decoding apart, the rest is spread over the cores.

    Args:
        photos: name and ``(H, W, 3)`` uint8 sRGB of each; read once, a few held at a time.
        colorizers: by the name they have in the table.
        protocol: how photos are cut, see :func:`cut`.
        constant_ab: what the baseline ``constant`` answers everywhere.
        total: how many photos there are, where known, for the progress bar.
        progress: show one, on standard error.

    Raises:
        BadOption: the protocol is unknown, or a colorizer bears a baseline's name.
        BadData: no photos, or no colour in them.
        BadPhoto: a photo cannot be measured.
        BadModel: a colorizer failed on a photo, or answered something other than ab.
    """
    if protocol not in SIDES:
        raise BadOption(f"{protocol} is no protocol: choose one of {', '.join(SIDES)}.")
    baselines = {"grey": _flat(0, 0), "constant": _flat(*constant_ab)}
    if taken := baselines.keys() & colorizers.keys():
        raise BadOption(f"{taken.pop()} is the name of a baseline: rename that colorizer.")
    named = (baselines | dict(colorizers)).items()
    console, cores = Console(stderr=True), os.cpu_count() or 1
    queue = iter(track(photos, "measuring", total, console=console, disable=not progress))
    scores: list[Score] = []
    with ThreadPoolExecutor(cores) as pool:
        while batch := list(islice(queue, cores)):
            truths = _spread(pool, partial(_truth, protocol), batch)
            asked = [(t, name, *_ask(t, name, ask)) for t in truths for name, ask in named]
            scores += _spread(pool, _score, asked)
    if not any(score.truth_colourfulness for score in scores):
        raise BadData("Nothing to compare with: name some photos that have colour.")
    return Results(protocol, constant_ab, tuple(scores))


def cut(photo: Pixels, protocol: Protocol) -> Pixels:
    """The part of a photo that is measured, ``(H, W, 3)`` uint8.

    ``crop256`` and ``crop512``: the short side is brought to that many pixels (Pillow's bicubic),
    also where that is enlarging, and the square in the middle is kept. ``native``: all of it.
    """
    side = SIDES[protocol]
    if side is None:
        return photo
    scale = side / min(photo.shape[:2])
    tall, wide = (round(length * scale) for length in photo.shape[:2])
    image = Image.fromarray(photo).resize((wide, tall), Image.Resampling.BICUBIC)
    left, top = (wide - side) // 2, (tall - side) // 2
    return np.asarray(image.crop((left, top, left + side, top + side)))


@dataclass(frozen=True)
class _Truth:
    """A photo, and all that is computed of it alone, once for all colorizers."""

    name: str
    rgb: Plane  # (3, H, W), 0..1
    lab: Plane  # (3, H, W)
    moments: metrics.Moments
    colourfulness: float


def _truth(protocol: Protocol, name: str, photo: Pixels) -> _Truth:
    if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != np.uint8 or not photo.size:
        raise BadPhoto(f"{name} is {photo.dtype} {photo.shape}: give (H, W, 3) uint8.")
    rgb = np.ascontiguousarray(cut(photo, protocol).transpose(2, 0, 1), np.float32)
    rgb /= 255
    if min(rgb.shape[1:]) < metrics.SSIM_WINDOW:
        raise BadPhoto(f"{name} is under {metrics.SSIM_WINDOW} pixels: measure it in a crop.")
    return _Truth(name, rgb, rgb_to_lab(rgb), metrics.ssim_moments(rgb), metrics.colourfulness(rgb))


def _ask(truth: _Truth, name: str, colorizer: Colorizer) -> tuple[Plane, float]:
    """The colorizer's ab, ``(2, H, W)``, and the milliseconds it took."""
    lightness = truth.lab[None, :1].copy()  # its own, lest a colorizer that writes there spoil it
    began = time.perf_counter()
    try:
        ab = np.asarray(colorizer(lightness), np.float32)
    except Exception as error:
        raise BadModel(f"{name} failed on {truth.name}: {error}") from error
    milliseconds = 1000 * (time.perf_counter() - began)
    if ab.shape != (1, 2, *lightness.shape[2:]) or not np.isfinite(ab).all():
        raise BadModel(f"{name} on {truth.name}: answer finite numbers, ab (1, 2, H, W) for L.")
    return ab[0], milliseconds


def _score(truth: _Truth, name: str, ab: Plane, milliseconds: float) -> Score:
    coloured = lab_to_rgb(fit_gamut(np.concatenate([truth.lab[:1], ab])))
    output = np.round(np.clip(coloured, 0, 1) * 255) / np.float32(255)
    return Score(
        photo=truth.name,
        name=name,
        psnr=metrics.psnr(truth.rgb, output),
        ssim=metrics.ssim(truth.rgb, output, truth.moments),
        delta_e=metrics.ciede2000(truth.lab, rgb_to_lab(output)),
        colourfulness=metrics.colourfulness(output),
        truth_colourfulness=truth.colourfulness,
        milliseconds=milliseconds,
    )


def _flat(a: float, b: float) -> Colorizer:
    ab = np.array([a, b], np.float32).reshape(1, 2, 1, 1)
    return lambda lightness: np.broadcast_to(ab, (1, 2, *lightness.shape[2:]))


def _spread(pool: ThreadPoolExecutor, task: Callable[..., Answer], jobs: Any) -> list[Answer]:
    """``task`` on every job's arguments, over threads that share the cores instead of OpenCV's."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        return list(pool.map(lambda job: task(*job), jobs))
    finally:
        cv2.setNumThreads(threads)
