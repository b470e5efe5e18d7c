"""The figures of one photo: of what every row makes of it, beside the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photochrom.color import STUDY_GRID, Array, Pixels, Plane, fit_gamut, lab_to_rgb, rgb_to_lab
from photochrom.errors import BadPhoto
from photochrom.evaluation import metrics
from photochrom.evaluation.protocol import PUBLISHED, Protocol, crop, draw_hints, shown_lightness
from photochrom.evaluation.results import HISTOGRAM, Score
from photochrom.evaluation.rows import Row

Answer = tuple[Row, Plane, float]
"""A row, its ab ``(2, H, W)`` or RGB ``(3, H, W)``, and the milliseconds that it took."""
Counts = list[npt.NDArray[np.int64]]
"""Pixels within ab 10 of the truth and within 20, by true bin; and by where they lie."""


@dataclass(frozen=True)
class Truth:
    """A photo, and all that is computed of it alone, once for all colorizers."""

    name: str
    rgb: Plane  # (3, H, W), 0..1
    lab: Plane  # (3, H, W)
    lightness: Plane  # (1, H, W), as the protocol shows it
    moments: metrics.Moments
    colorfulness: float
    cf: float | None
    hints: Plane  # (most hints, 4)
    smooth: npt.NDArray[np.bool_]  # (H, W)
    steps: metrics.Steps | None
    bins: npt.NDArray[np.int64]  # (H, W), of the study's 676


def prepare_truth(
    name: str, photo: Pixels, protocol: Protocol, hints: int, seed: Sequence[int]
) -> Truth:
    """Cut a photo ``(H, W, 3)`` uint8 as the protocol says, and measure it alone.

    Raises:
        BadPhoto: it is something else, or too small.
    """
    if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != np.uint8 or not photo.size:
        raise BadPhoto(f"{name} is {photo.dtype} {photo.shape}: give (H, W, 3) uint8.")
    pixels = crop(photo, protocol)
    rgb = np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32)
    rgb /= 255
    if min(rgb.shape[1:]) < metrics.SSIM_WINDOW:
        raise BadPhoto(f"{name} is under {metrics.SSIM_WINDOW} pixels: measure it in a crop.")
    lab = rgb_to_lab(rgb)
    smooth = metrics.smooth(lab)
    return Truth(
        name=name,
        rgb=rgb,
        lab=lab,
        lightness=shown_lightness(pixels, lab, protocol),
        moments=metrics.ssim_moments(rgb),
        colorfulness=metrics.colorfulness(rgb),
        cf=metrics.colorfulness(rgb, absolute=True) if protocol == PUBLISHED else None,
        hints=draw_hints(lab, hints, seed),
        smooth=smooth,
        steps=metrics.steps(lab, smooth),
        bins=STUDY_GRID.index(lab[1], lab[2]).astype(np.int64),
    )


def score_answers(
    perceptual: Sequence[metrics.PerceptualMetric],
    truth: Truth,
    answers: Sequence[Answer],
) -> tuple[list[Score], list[tuple[Counts, Mapping[str, Array]]]] | BadPhoto:
    """A score for every row, and what is added up of the truth and every row."""
    rgbs = [truth.rgb, *(_paint(truth, answer) for _, answer, _ in answers)]
    figures: list[dict[str, float]] = [{} for _ in answers]
    features: list[dict[str, Array]] = [{} for _ in rgbs]
    for metric in perceptual:
        try:
            said = metric(np.stack(rgbs))
        except BadPhoto as error:
            return BadPhoto(f"{truth.name}: {error}")
        for known, new in zip(figures, said.figures, strict=True):
            known.update(new)
        for name, vectors in said.features.items():
            for of_output, vector in zip(features, vectors, strict=True):
                of_output[name] = vector
    labs = [truth.lab, *map(rgb_to_lab, rgbs[1:])]
    scores = [
        _score(truth, row, rgb, lab, milliseconds, judged)
        for (row, _, milliseconds), rgb, lab, judged in zip(
            answers, rgbs[1:], labs[1:], figures, strict=True
        )
    ]
    return scores, [(_count(truth, lab), f) for lab, f in zip(labs, features, strict=True)]


def _paint(truth: Truth, answer: Plane) -> Plane:
    """An answer as RGB ``(3, H, W)`` in 0..1, in 8-bit steps."""
    if len(answer) == 2:
        answer = lab_to_rgb(fit_gamut(np.concatenate([truth.lightness, answer])))
    return np.round(np.clip(answer, 0, 1) * 255) / np.float32(255)


def _score(
    truth: Truth,
    row: Row,
    rgb: Plane,
    lab: Plane,
    milliseconds: float,
    judged: Mapping[str, float],
) -> Score:
    return Score(
        photo=truth.name,
        row=row,
        psnr=metrics.psnr(truth.rgb, rgb),
        ssim=metrics.ssim(truth.rgb, rgb, truth.moments),
        delta_e=metrics.ciede2000(truth.lab, lab),
        colorfulness=metrics.colorfulness(rgb),
        truth_colorfulness=truth.colorfulness,
        milliseconds=milliseconds,
        steps=metrics.steps(lab, truth.smooth),
        truth_steps=truth.steps,
        judged=judged,
        ab_error=metrics.ab_error(truth.lab, lab),
        cf=None if truth.cf is None else metrics.colorfulness(rgb, absolute=True),
        truth_cf=truth.cf,
    )


def _count(truth: Truth, lab: Plane) -> Counts:
    within_10, within_20 = (truth.bins[metrics.hits(truth.lab, lab, far)] for far in (10, 20))
    cells = (within_10, STUDY_GRID), (within_20, STUDY_GRID), (HISTOGRAM.index(*lab[1:]), HISTOGRAM)
    return [
        np.bincount(found.ravel().astype(np.int64), minlength=grid.side**2) for found, grid in cells
    ]
