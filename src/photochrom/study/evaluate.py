"""Measure colorizers on colour photographs: take their colour away, give it back, compare.

A colorizer is any function from L ``(1, 1, H, W)`` float32, 0..100, to ab ``(1, 2, H, W)``
float32, -128..127. Every table begins with two that look at nothing, ``grey`` and ``constant``:
grey alone scores about 22 dB, so that a figure without them misleads.

A hinted colorizer is also told the true colour of some spots, ``(n, 4)`` float32: y and x in
pixels of that L, the middle of the first pixel at 0.5, and a, b. Each spot is the middle of a
random patch of 6 x 6 pixels and tells its mean ab. Positions depend on the seed and on the
photo's number alone, and more hints are always the fewer and some more, so that every colorizer
and every count are compared on equal terms.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
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
from photochrom.study.results import Results, Score, hinted_name

Plane = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]
Colorizer = Callable[[Plane], Plane]
HintedColorizer = Callable[[Plane, Plane], Plane]
Protocol = Literal["crop256", "crop512", "native"]
Answer = TypeVar("Answer")

SIDES: dict[str, int | None] = {"crop256": 256, "crop512": 512, "native": None}
"""Each protocol's square in pixels; ``native`` leaves the photo as it is."""

MEAN_AB = (1.06, 7.37)
"""Mean ab of the 5,800 photos of the study's training set, each photo counting the same."""

HINT_COUNTS = (0, 1, 2, 5, 10, 20, 50, 100)
HINT_PATCH = 6
"""Side in pixels of the patch that a hint tells the colour of."""


def evaluate(
    photos: Iterable[tuple[str, Pixels]],
    colorizers: Mapping[str, Colorizer],
    *,
    protocol: Protocol = "crop256",
    constant_ab: tuple[float, float] = MEAN_AB,
    hinted: Mapping[str, HintedColorizer] = {},
    hint_counts: Sequence[int] = HINT_COUNTS,
    seed: int = 0,
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
        hinted: colorizers that have a row for each of ``hint_counts``, see :func:`hinted_name`.
        hint_counts: how many hints they are given.
        seed: 0 or more; of the hints' positions.
        total: how many photos there are, where known, for the progress bar.
        progress: show one, on standard error.

    Raises:
        BadOption: the protocol is unknown, two rows have one name, or a number is below 0.
        BadData: no photos, or no colour in them.
        BadPhoto: a photo cannot be measured.
        BadModel: a colorizer failed on a photo, or answered something other than ab.
    """
    if protocol not in SIDES:
        raise BadOption(f"{protocol} is no protocol: choose one of {', '.join(SIDES)}.")
    if min(hint_counts, default=0) < 0 or seed < 0:
        raise BadOption("Hint counts and the seed start at 0.")
    rows = _rows(colorizers, constant_ab, hinted, hint_counts)
    most = max(row.hints or 0 for row in rows)
    console, cores = Console(stderr=True), os.cpu_count() or 1
    bar = track(photos, "measuring", total, console=console, disable=not progress)
    queue = ((name, photo, (seed, number)) for number, (name, photo) in enumerate(bar))
    scores: list[Score] = []
    with ThreadPoolExecutor(cores) as pool:
        while batch := list(islice(queue, cores)):
            truths = _spread(pool, partial(_truth, protocol, most), batch)
            asked = [(t, row, *_ask(t, row)) for t in truths for row in rows]
            scores += _spread(pool, _score, asked)
    if not any(score.truth_colourfulness for score in scores):
        raise BadData("Nothing to compare with: name some photos that have colour.")
    return Results(protocol, constant_ab, tuple(scores), seed)


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


def reveal(lab: Plane, n: int, seed: int | Sequence[int]) -> Plane:
    """The true colours of ``n`` patches at random places of a photo.

    Args:
        lab: ``(3, H, W)``, at least 6 x 6 pixels.
        n: how many; fewer of the same seed are the first of these.
        seed: of the places, which may overlap.

    Returns:
        ``(n, 4)`` float32: y and x of each patch's middle in pixels, and its mean a and b.
    """
    side = HINT_PATCH
    free = np.array(lab.shape[1:]) - side + 1  # places along each axis that lie wholly inside
    corners = (np.random.default_rng(seed).random((n, 2)) * free).astype(int)
    spots = [
        (y + side / 2, x + side / 2, *lab[1:, y : y + side, x : x + side].mean((1, 2)))
        for y, x in corners
    ]
    return np.array(spots, np.float32).reshape(n, 4)


@dataclass(frozen=True)
class _Row:
    """A line of the table: whom to ask, and how many hints to give."""

    name: str
    ask: Callable[..., Plane]
    hints: int | None = None


def _rows(
    colorizers: Mapping[str, Colorizer],
    constant_ab: tuple[float, float],
    hinted: Mapping[str, HintedColorizer],
    hint_counts: Sequence[int],
) -> list[_Row]:
    rows = [_Row("grey", _flat(0, 0)), _Row("constant", _flat(*constant_ab))]
    rows += [_Row(name, ask) for name, ask in colorizers.items()]
    rows += [
        _Row(hinted_name(name, n), ask, n) for name, ask in hinted.items() for n in hint_counts
    ]
    name, times = Counter(row.name for row in rows).most_common(1)[0]
    if times > 1:
        raise BadOption(f"{name} is the name of two rows: rename a colorizer.")
    return rows


@dataclass(frozen=True)
class _Truth:
    """A photo, and all that is computed of it alone, once for all colorizers."""

    name: str
    rgb: Plane  # (3, H, W), 0..1
    lab: Plane  # (3, H, W)
    moments: metrics.Moments
    colourfulness: float
    spots: Plane  # (most hints, 4)


def _truth(protocol: Protocol, hints: int, name: str, photo: Pixels, seed: Sequence[int]) -> _Truth:
    if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != np.uint8 or not photo.size:
        raise BadPhoto(f"{name} is {photo.dtype} {photo.shape}: give (H, W, 3) uint8.")
    rgb = np.ascontiguousarray(cut(photo, protocol).transpose(2, 0, 1), np.float32)
    rgb /= 255
    if min(rgb.shape[1:]) < metrics.SSIM_WINDOW:
        raise BadPhoto(f"{name} is under {metrics.SSIM_WINDOW} pixels: measure it in a crop.")
    lab = rgb_to_lab(rgb)
    return _Truth(
        name=name,
        rgb=rgb,
        lab=lab,
        moments=metrics.ssim_moments(rgb),
        colourfulness=metrics.colourfulness(rgb),
        spots=reveal(lab, hints, seed),
    )


def _ask(truth: _Truth, row: _Row) -> tuple[Plane, float]:
    """The colorizer's ab, ``(2, H, W)``, and the milliseconds it took."""
    given = [truth.lab[None, :1]]
    if row.hints is not None:
        given.append(truth.spots[: row.hints])
    given = [
        array.copy() for array in given
    ]  # its own, lest a colorizer that writes there spoil it
    began = time.perf_counter()
    try:
        ab = np.asarray(row.ask(*given), np.float32)
    except Exception as error:
        raise BadModel(f"{row.name} failed on {truth.name}: {error}") from error
    milliseconds = 1000 * (time.perf_counter() - began)
    if ab.shape != (1, 2, *truth.lab.shape[1:]) or not np.isfinite(ab).all():
        raise BadModel(f"{row.name} on {truth.name}: answer finite numbers, ab (1, 2, H, W) for L.")
    return ab[0], milliseconds


def _score(truth: _Truth, row: _Row, ab: Plane, milliseconds: float) -> Score:
    coloured = lab_to_rgb(fit_gamut(np.concatenate([truth.lab[:1], ab])))
    output = np.round(np.clip(coloured, 0, 1) * 255) / np.float32(255)
    return Score(
        photo=truth.name,
        name=row.name,
        psnr=metrics.psnr(truth.rgb, output),
        ssim=metrics.ssim(truth.rgb, output, truth.moments),
        delta_e=metrics.ciede2000(truth.lab, rgb_to_lab(output)),
        colourfulness=metrics.colourfulness(output),
        truth_colourfulness=truth.colourfulness,
        milliseconds=milliseconds,
        hints=row.hints,
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
