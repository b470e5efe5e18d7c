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
from itertools import islice, repeat
from typing import Any, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from photochrom.color import Array, Pixels, Plane
from photochrom.errors import BadData, BadModel, BadOption, BadPhoto
from photochrom.evaluation import metrics
from photochrom.evaluation.metrics import PerceptualMetric
from photochrom.evaluation.protocol import HINT_COUNTS, MEAN_AB, SIDES, Protocol
from photochrom.evaluation.results import Results, Score, Tally
from photochrom.evaluation.rows import CONSTANT, GREY, TRUTH, Row
from photochrom.evaluation.scoring import TALLIED, Answer, Truth, prepare_truth, score_answers

Colorizer = Callable[[Plane], Plane]
HintedColorizer = Callable[[Plane, Plane], Plane]
_T = TypeVar("_T")


@dataclass(frozen=True)
class EvaluateOptions:
    """How photos are cut, and what colorizers are compared with.

    Raises:
        BadOption: the protocol is unknown, or a number is below 0.
    """

    protocol: Protocol = "crop256"
    """See :func:`photochrom.evaluation.protocol.crop`."""
    constant_ab: tuple[float, float] = MEAN_AB
    """What the baseline ``constant`` answers everywhere."""
    hint_counts: Sequence[int] = HINT_COUNTS
    """How many hints hinted colorizers are given, a row for each."""
    seed: int = 0
    """0 or more; of the hints' positions."""
    perceptual: Sequence[PerceptualMetric] = ()
    """Pretrained networks that compare outputs with the truth."""

    def __post_init__(self) -> None:
        if self.protocol not in SIDES:
            raise BadOption(f"{self.protocol} is no protocol: choose one of {', '.join(SIDES)}.")
        if min(self.hint_counts, default=0) < 0 or self.seed < 0:
            raise BadOption("Hint counts and the seed start at 0.")


def evaluate(
    photos: Iterable[tuple[str, Pixels]],
    colorizers: Mapping[Row, Colorizer],
    hinted: Mapping[Row, HintedColorizer] | None = None,
    options: EvaluateOptions | None = None,
    troubles: list[str] | None = None,
) -> Results:
    """Measure every colorizer on every photo, beside grey and one constant colour.

    Colorizers are called one at a time while nothing else runs, so that their milliseconds are
    their own; decoding apart, the rest is spread over the cores.

    Args:
        photos: name and ``(H, W, 3)`` uint8 sRGB of each; read once, a few held at a time. By
            ``colormf`` the first of a set, :func:`~photochrom.evaluation.protocol.file_order`.
        colorizers: by their rows in the tables.
        hinted: colorizers that have a row for each of ``hint_counts``, by the row without hints.
        options: how they are measured; by default as :class:`EvaluateOptions` says.
        troubles: gets a sentence for each photo that cannot be measured, which is left out;
            without it such a photo is an error.

    Raises:
        BadOption: two rows have one name.
        BadData: no photos, or no colour in them.
        BadPhoto: a photo cannot be measured, and there is no ``troubles``.
        BadModel: a colorizer failed on a photo, or answered something other than ab.
    """
    options = options or EvaluateOptions()
    asked = _list_asked(colorizers, hinted or {}, options)
    most = max(row.hints or 0 for row in asked)
    cores = os.cpu_count() or 1
    queue = enumerate(photos)
    scores: list[Score] = []
    counts = np.zeros((1 + len(asked), TALLIED[-1]), np.int64)
    features: dict[str, list[Array]] = {}
    with ThreadPoolExecutor(cores) as pool:
        while batch := list(islice(queue, cores)):
            jobs = [(*photo, options.protocol, most, (options.seed, n)) for n, photo in batch]
            truths = _spread(pool, prepare_truth, jobs, troubles)
            answers = [[_ask(truth, *one) for one in asked.items()] for truth in truths]
            answered = zip(truths, answers, repeat(options.perceptual))
            for of_photo, counted, vectors in _spread(pool, score_answers, answered, troubles):
                scores += of_photo
                counts += counted
                for name, values in vectors.items():
                    features.setdefault(name, []).append(values)
    if not any(score.truth_colorfulness for score in scores):
        raise BadData("Nothing to compare with: name some photos that have colour.")
    tallies = _sum_up([TRUTH, *asked], counts, features)
    return Results(options.protocol, options.constant_ab, tuple(scores), tallies, options.seed)


def _list_asked(
    colorizers: Mapping[Row, Colorizer],
    hinted: Mapping[Row, HintedColorizer],
    options: EvaluateOptions,
) -> dict[Row, Callable[..., Plane]]:
    """Whom to ask for each row of the table."""
    asked: list[tuple[Row, Callable[..., Plane]]] = [
        (GREY, _flat(0, 0)),
        (CONSTANT, _flat(*options.constant_ab)),
        *colorizers.items(),
        *((replace(row, hints=n), ask) for row, ask in hinted.items() for n in options.hint_counts),
    ]
    name, times = Counter([str(TRUTH), *(str(row) for row, _ in asked)]).most_common(1)[0]
    if times > 1:
        raise BadOption(f"{name} is the name of two rows: rename a colorizer.")
    return dict(asked)


def _flat(a: float, b: float) -> Colorizer:
    ab = np.array([a, b], np.float32).reshape(1, 2, 1, 1)
    return lambda lightness: np.broadcast_to(ab, (1, 2, *lightness.shape[2:]))


def _spread(
    pool: ThreadPoolExecutor,
    task: Callable[..., _T],
    jobs: Iterable[tuple[Any, ...]],
    troubles: list[str] | None,
) -> list[_T]:
    """``task`` on every job's arguments, over threads that share the cores instead of OpenCV's."""

    def attempt(job: tuple[Any, ...]) -> _T | BadPhoto:
        try:
            return task(*job)
        except BadPhoto as error:
            return error

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        tried = list(pool.map(attempt, jobs))
    finally:
        cv2.setNumThreads(threads)
    failed = [one for one in tried if isinstance(one, BadPhoto)]
    if failed and troubles is None:
        raise failed[0]
    if troubles is not None:
        troubles += map(str, failed)
    return [one for one in tried if not isinstance(one, BadPhoto)]


def _ask(truth: Truth, row: Row, colorizer: Callable[..., Plane]) -> Answer:
    """The row, its ab ``(2, H, W)`` or RGB ``(3, H, W)``, and the milliseconds that took."""
    given = [truth.lightness[None]]
    if row.hints is not None:
        given.append(truth.hints[: row.hints])
    # Its own copies, lest a colorizer that writes there spoil the truth.
    given = [array.copy() for array in given]
    began = time.perf_counter()
    try:
        answer = np.asarray(colorizer(*given), np.float32)
    except Exception as error:
        raise BadModel(f"{row} failed on {truth.name}: {error}") from error
    milliseconds = 1000 * (time.perf_counter() - began)
    shapes = [(1, channels, *truth.lab.shape[1:]) for channels in (2, 3)]
    if answer.shape not in shapes or not np.isfinite(answer).all():
        raise BadModel(
            f"{row} on {truth.name}: answer finite numbers for L, ab (1, 2, H, W) or RGB "
            "(1, 3, H, W)."
        )
    return row, answer[0], milliseconds


def _sum_up(
    rows: Sequence[Row], counts: npt.NDArray[np.int64], features: Mapping[str, Sequence[Array]]
) -> dict[Row, Tally]:
    """The tallies of the truth and every row, in the order of the counts and features."""
    tallies = {}
    for i, (row, counted) in enumerate(zip(rows, counts, strict=True)):
        within_10, within_20, histogram = (
            tuple(part.tolist()) for part in np.split(counted, TALLIED[:-1])
        )
        frechet = {
            name: metrics.frechet(*(np.stack([v[j] for v in vectors]) for j in (0, i)))
            for name, vectors in features.items()
            if row != TRUTH and len(vectors) > 1
        }
        tallies[row] = Tally(within_10, within_20, histogram, frechet)
    return tallies
