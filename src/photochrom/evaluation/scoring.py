"""The figures of one photo: of what every row makes of it, beside the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photochrom.color import STUDY_GRID, Array, Pixels, Plane, fit_gamut, lab_to_rgb, rgb_to_lab
from photochrom.errors import BadPhoto, kind_and_place
from photochrom.evaluation import metrics
from photochrom.evaluation.protocol import PUBLISHED, Protocol, crop, draw_hints, shown_lightness
from photochrom.evaluation.results import HISTOGRAM, Score
from photochrom.evaluation.rows import Row

Answer = tuple[Row, Plane, float]
"""A row, its ab ``(2, H, W)`` or RGB ``(3, H, W)``, and the milliseconds that it took."""


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
        BadPhoto: it is something else, or too small; or it provokes an error that nobody foresaw.
    """
    if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != np.uint8 or not photo.size:
        raise BadPhoto(f"{name} is {photo.dtype} {photo.shape}: give (H, W, 3) uint8.")
    try:
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
    except BadPhoto:
        raise
    except Exception as error:
        where = kind_and_place(error)
        raise BadPhoto(f"{name} cannot be measured ({where}): please report it.") from error


def score_answers(
    truth: Truth, answers: Sequence[Answer], perceptual: Sequence[metrics.PerceptualMetric]
) -> tuple[list[Score], npt.NDArray[np.int64], Mapping[str, Array]]:
    """Compare every answer with the truth.

    Returns:
        A score for each answer; of the truth and each answer the counts of :data:`TALLIED`,
        ``(1 + n, 5448)``; of the same, features by the name of a Fréchet distance, ``(1 + n, D)``.

    Raises:
        BadPhoto: a perceptual metric cannot be asked about it.
    """
    judged: list[dict[str, float]] = [{} for _ in answers]
    rgbs, scores, counts = [truth.rgb], [], [_count(truth, truth.lab)]
    for (row, answer, milliseconds), figures in zip(answers, judged, strict=True):
        rgb = _paint(truth, answer)
        lab = rgb_to_lab(rgb)
        score = Score(
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
            judged=figures,
            ab_error=metrics.ab_error(truth.lab, lab),
            cf=None if truth.cf is None else metrics.colorfulness(rgb, absolute=True),
            truth_cf=truth.cf,
        )
        scores.append(score)
        counts.append(_count(truth, lab))
        if perceptual:
            rgbs.append(rgb)
    features: dict[str, Array] = {}
    for metric in perceptual:
        try:
            said = metric(np.stack(rgbs))
        except BadPhoto as error:
            raise BadPhoto(f"{truth.name}: {error}") from error
        features |= said.features
        for known, new in zip(judged, said.figures, strict=True):
            known.update(new)
    return scores, np.stack(counts), features


def _paint(truth: Truth, answer: Plane) -> Plane:
    """An answer as RGB ``(3, H, W)`` in 0..1, in 8-bit steps."""
    if len(answer) == 2:
        answer = lab_to_rgb(fit_gamut(np.concatenate([truth.lightness, answer])))
    return np.round(np.clip(answer, 0, 1) * 255) / np.float32(255)


TALLIED = np.cumsum([STUDY_GRID.side**2, STUDY_GRID.side**2, HISTOGRAM.side**2])
"""Where counts end: pixels within ab 10 of the truth by true bin, within 20; by where they lie."""


def _count(truth: Truth, lab: Plane) -> npt.NDArray[np.int64]:
    near = [truth.bins[metrics.hits(truth.lab, lab, within)] for within in (10, 20)]
    cells = [*near, HISTOGRAM.index(*lab[1:]).ravel().astype(np.int64)]
    sizes = np.diff(TALLIED, prepend=0)
    return np.concatenate(
        [np.bincount(found, minlength=size) for found, size in zip(cells, sizes, strict=True)]
    )
