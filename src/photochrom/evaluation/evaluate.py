"""Measure colorizers on colour photographs: take their colour away, give it back, compare.

A colorizer is any function from L ``(1, 1, H, W)`` float32, 0..100, to ab ``(1, 2, H, W)``
float32, -128..127. One that paints lightness too answers RGB ``(1, 3, H, W)``, 0..1, instead.
Every table begins with two that look at nothing, ``grey`` and ``constant``: grey alone scores
about 22 dB, so that a figure without them misleads.

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
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import cv2
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from photochrom.color import STUDY_GRID, Array, Pixels, Plane, fit_gamut, lab_to_rgb, rgb_to_lab
from photochrom.errors import BadData, BadModel, BadOption, BadPhoto, kind_and_place
from photochrom.evaluation import metrics
from photochrom.evaluation.metrics import PerceptualMetric, PerceptualScores
from photochrom.evaluation.protocol import (
    HINT_COUNTS,
    MEAN_AB,
    PUBLISHED,
    SIDES,
    Protocol,
    cut,
    lightness,
    reveal,
)
from photochrom.evaluation.results import TRUTH, Counts, Results, Score, hinted_name, histogram

Colorizer = Callable[[Plane], Plane]
HintedColorizer = Callable[[Plane, Plane], Plane]
Answer = TypeVar("Answer")
_Kept = TypeVar("_Kept")


def evaluate(
    photos: Iterable[tuple[str, Pixels]],
    colorizers: Mapping[str, Colorizer],
    *,
    protocol: Protocol = "crop256",
    constant_ab: tuple[float, float] = MEAN_AB,
    hinted: Mapping[str, HintedColorizer] = {},
    hint_counts: Sequence[int] = HINT_COUNTS,
    seed: int = 0,
    perceptual: Sequence[PerceptualMetric] = (),
    models: Mapping[str, Mapping[str, str]] = {},
    sources: Sequence[str] = (),
    total: int | None = None,
    progress: bool = True,
    troubles: list[str] | None = None,
) -> Results:
    """Measure every colorizer on every photo, beside grey and one constant colour.

    Colorizers are called one at a time while nothing else runs, so that their milliseconds are
    their own; decoding apart, the rest is spread over the cores.

    Args:
        photos: name and ``(H, W, 3)`` uint8 sRGB of each; read once, a few held at a time. By
            ``colormf`` the first of a set, :func:`~photochrom.evaluation.protocol.by_name`.
        colorizers: by the name they have in the table.
        protocol: how photos are cut, see :func:`photochrom.evaluation.protocol.cut`.
        constant_ab: what the baseline ``constant`` answers everywhere.
        hinted: colorizers that have a row for each of ``hint_counts``, see :func:`hinted_name`.
        hint_counts: how many hints they are given.
        seed: 0 or more; of the hints' positions.
        perceptual: pretrained networks that compare outputs with the truth.
        models: what each model says of itself, kept with the figures.
        sources: where the photos came from, likewise.
        total: how many photos there are, where known, for the progress bar.
        progress: show one, on standard error.
        troubles: gets a sentence for each photo that cannot be measured, which is left out;
            without it such a photo is an error.

    Raises:
        BadOption: the protocol is unknown, two rows have one name, or a number is below 0.
        BadData: no photos, or no colour in them.
        BadPhoto: a photo cannot be measured, and there is no ``troubles``.
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
    counts = {name: Counts() for name in (TRUTH, *(row.name for row in rows))}
    with ThreadPoolExecutor(cores) as pool:
        while batch := list(islice(queue, cores)):
            tried = _spread(pool, partial(_truth, protocol, most), batch)
            truths = _sorted_out(tried, troubles)
            asked = [(t, row, *_ask(t, row)) for t in truths for row in rows]
            outputs = _spread(pool, _score, asked)
            painted = [(t, outputs[i * len(rows) :][: len(rows)]) for i, t in enumerate(truths)]
            for judged in _sorted_out(
                _spread(pool, partial(_judge, perceptual), painted), troubles
            ):
                scores += _count(*judged, counts)
    if not any(score.truth_colourfulness for score in scores):
        raise BadData("Nothing to compare with: name some photos that have colour.")
    tallies = {name: count.tally(counts[TRUTH]) for name, count in counts.items()}
    return Results(protocol, constant_ab, tuple(scores), tallies, seed, models, tuple(sources))


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
    lightness: Plane  # (1, H, W), as the protocol shows it
    moments: metrics.Moments
    colourfulness: float
    cf: float | None
    spots: Plane  # (most hints, 4)
    smooth: npt.NDArray[np.bool_]  # (H, W)
    steps: metrics.Steps | None
    bins: npt.NDArray[np.int64]  # (H, W), of the study's 676


@dataclass(frozen=True)
class _Output:
    """What became of a photo, and how it compares."""

    score: Score
    rgb: Plane  # (3, H, W), 0..1, in 8-bit steps
    lab: Plane  # (3, H, W)
    within_10: npt.NDArray[np.int64]  # (676,)
    within_20: npt.NDArray[np.int64]


def _sorted_out(tried: Iterable[_Kept | BadPhoto], troubles: list[str] | None) -> list[_Kept]:
    """What came of photos; of those of which nothing did, the reasons are told."""
    kept: list[_Kept] = []
    for one in tried:
        if not isinstance(one, BadPhoto):
            kept.append(one)
        elif troubles is None:
            raise one
        else:
            troubles.append(str(one))
    return kept


def _truth(
    protocol: Protocol, hints: int, name: str, photo: Pixels, seed: Sequence[int]
) -> _Truth | BadPhoto:
    try:
        return _measured(protocol, hints, name, photo, seed)
    except BadPhoto as error:
        return error
    except Exception as error:
        return BadPhoto(f"{name} cannot be measured ({kind_and_place(error)}): please report it.")


def _measured(
    protocol: Protocol, hints: int, name: str, photo: Pixels, seed: Sequence[int]
) -> _Truth:
    if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != np.uint8 or not photo.size:
        raise BadPhoto(f"{name} is {photo.dtype} {photo.shape}: give (H, W, 3) uint8.")
    pixels = cut(photo, protocol)
    rgb = np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32)
    rgb /= 255
    if min(rgb.shape[1:]) < metrics.SSIM_WINDOW:
        raise BadPhoto(f"{name} is under {metrics.SSIM_WINDOW} pixels: measure it in a crop.")
    lab = rgb_to_lab(rgb)
    return _Truth(
        name=name,
        rgb=rgb,
        lab=lab,
        lightness=lightness(pixels, lab, protocol),
        moments=metrics.ssim_moments(rgb),
        colourfulness=metrics.colourfulness(rgb),
        cf=metrics.colourfulness(rgb, absolute=True) if protocol == PUBLISHED else None,
        spots=reveal(lab, hints, seed),
        smooth=(where := metrics.smooth(lab)),
        steps=metrics.steps(lab, where),
        bins=STUDY_GRID.index(lab[1], lab[2]).astype(np.int64),
    )


def _ask(truth: _Truth, row: _Row) -> tuple[Plane, float]:
    """The colorizer's ab ``(2, H, W)``, or its RGB ``(3, H, W)``, and the milliseconds it took."""
    given = [truth.lightness[None]]
    if row.hints is not None:
        given.append(truth.spots[: row.hints])
    # Its own copies, lest a colorizer that writes there spoil the truth.
    given = [array.copy() for array in given]
    began = time.perf_counter()
    try:
        answer = np.asarray(row.ask(*given), np.float32)
    except Exception as error:
        raise BadModel(f"{row.name} failed on {truth.name}: {error}") from error
    milliseconds = 1000 * (time.perf_counter() - began)
    shapes = [(1, channels, *truth.lab.shape[1:]) for channels in (2, 3)]
    if answer.shape not in shapes or not np.isfinite(answer).all():
        raise BadModel(
            f"{row.name} on {truth.name}: answer finite numbers for L, ab (1, 2, H, W) or RGB "
            "(1, 3, H, W)."
        )
    return answer[0], milliseconds


def _score(truth: _Truth, row: _Row, answer: Plane, milliseconds: float) -> _Output:
    if len(answer) == 2:
        answer = lab_to_rgb(fit_gamut(np.concatenate([truth.lightness, answer])))
    rgb = np.round(np.clip(answer, 0, 1) * 255) / np.float32(255)
    lab = rgb_to_lab(rgb)
    score = Score(
        photo=truth.name,
        name=row.name,
        psnr=metrics.psnr(truth.rgb, rgb),
        ssim=metrics.ssim(truth.rgb, rgb, truth.moments),
        delta_e=metrics.ciede2000(truth.lab, lab),
        colourfulness=metrics.colourfulness(rgb),
        truth_colourfulness=truth.colourfulness,
        milliseconds=milliseconds,
        hints=row.hints,
        steps=metrics.steps(lab, truth.smooth),
        truth_steps=truth.steps,
        ab_error=metrics.ab_error(truth.lab, lab),
        cf=None if truth.cf is None else metrics.colourfulness(rgb, absolute=True),
        truth_cf=truth.cf,
    )
    met = (truth.bins[metrics.hits(truth.lab, lab, within)] for within in (10, 20))
    return _Output(score, rgb, lab, *(histogram(bins, STUDY_GRID) for bins in met))


def _judge(
    perceptual: Sequence[PerceptualMetric], truth: _Truth, outputs: Sequence[_Output]
) -> tuple[_Truth, Sequence[_Output], PerceptualScores] | BadPhoto:
    """A photo, what became of it, and what all perceptual metrics together say."""
    rgb = np.stack([truth.rgb, *(output.rgb for output in outputs)])
    figures: list[dict[str, float]] = [{} for _ in outputs]
    features: dict[str, Array] = {}
    for metric in perceptual:
        try:
            verdict = metric(rgb)
        except BadPhoto as error:
            return BadPhoto(f"{truth.name}: {error}")
        features |= verdict.features
        for known, said in zip(figures, verdict.figures, strict=True):
            known.update(said)
    return truth, outputs, PerceptualScores(figures, features)


def _count(
    truth: _Truth, outputs: Sequence[_Output], verdict: PerceptualScores, counts: dict[str, Counts]
) -> list[Score]:
    """Add one photo to the counts of every row; its scores, with the verdict."""

    def features(i: int) -> dict[str, Array]:
        return {name: values[i] for name, values in verdict.features.items()}

    every = histogram(truth.bins, STUDY_GRID)
    counts[TRUTH].add(truth.lab, every, every, features(0))
    for i, output in enumerate(outputs, 1):
        met = output.within_10, output.within_20
        counts[output.score.name].add(output.lab, *met, features(i))
    return [
        replace(output.score, judged=said)
        for output, said in zip(outputs, verdict.figures, strict=True)
    ]


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
