"""Versions of photos, drawn as wholes, beside the dial: likely, colourful, and of one piece?

    python benchmarks/versions.py --data photos.tar [--held-out 0.03] [--most 500]
        [--model hintnet] [--json docs/figures/versions.json]

Photos are cut as in the protocol crop256. A row is a setting of vivid, or eight versions. Told are,
on the mean over photos:

- PSNR of one, of the best of four and of eight, and of the mean colour of eight;
- colourfulness as a share of the truth's;
- the mean ab distance between two versions;
- the variance of ab within regions that the network's features make out, as a share of the
  truth's: over 1 is patchy, under 1 flat;
- FD-lite2 to the true photos, of the versions on the mean of four sets that have one of each photo;
- the seconds that four versions take, drawn and coloured, of so many photos as --timed says.
"""

from __future__ import annotations

import time
from itertools import combinations

import common
import cv2
import numpy as np
from common import show
from numpy.typing import NDArray

from photochrom import Colorizer, color
from photochrom.evaluation import metrics
from photochrom.evaluation.protocol import crop
from photochrom.inference.chroma_upsampling import to_grey
from photochrom.inference.generator import Generator, resize_planes
from photochrom.inference.prediction import Predictor, View
from photochrom.inference.sampling import draw_versions
from photochrom.training.perceptual import lite2

Array = NDArray[np.float32]
VIVIDS = (0.0, 0.25, 0.5, 0.75, 1.0)
VERSIONS, FEW = 8, 4
REGIONS = 12
"""Of a photo."""


class Painter:
    """A model that answers the colours of each row for lightness (H, W)."""

    def __init__(self, model: str) -> None:
        self.colorizer = Colorizer(model)
        self.predictor = Predictor(self.colorizer.model)
        self.generator = Generator()

    def paint(self, L: Array) -> dict[str, list[Array]]:
        """ab (2, H, W), once or several times, by row."""
        rows = {"grey": [np.zeros((2, *L.shape), np.float32)]}
        for vivid in VIVIDS if "vivid" in self.colorizer.model.defaults else ():
            rows[f"vivid {vivid:g}"] = [self.colorizer.predict_ab(L, vivid=vivid)]
        whole = View((L.shape[0], L.shape[1]), L)
        (view,) = self.predictor.views(L, self.generator.size, "fast")
        rngs = [np.random.default_rng([0, i]) for i in range(VERSIONS)]
        drawn = draw_versions(self.predictor, self.generator, view, (), rngs)
        rows["versions"] = [self.colorizer.predict_ab(L, whole.spots(hints)) for hints in drawn]
        self.colorizer.forget()
        return rows

    def find_regions(self, L: Array) -> NDArray[np.int32]:
        """What is one kind of thing to the network, by its features and where they lie, (h, w)."""
        (features,) = self.colorizer.model.run(L[None, None], None, ["features"])
        kinds = resize_planes(features[0], (L.shape[0] // 4, L.shape[1] // 4))
        kinds = kinds - kinds.mean((1, 2), keepdims=True)
        kinds /= np.maximum(np.linalg.norm(kinds, axis=0), 1e-6)
        places = np.indices(kinds.shape[1:]) / min(kinds.shape[1:])
        points = np.concatenate([kinds, places]).reshape(len(kinds) + 2, -1).T.astype(np.float32)
        cv2.setRNGSeed(0)
        stop = cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 20, 1e-2
        empty = np.empty((0, 0), np.int32)
        number = min(REGIONS, len(points))
        _, regions, _ = cv2.kmeans(points, number, empty, stop, 2, cv2.KMEANS_PP_CENTERS)
        return np.asarray(regions.reshape(kinds.shape[1:]))

    def time(self, grey: NDArray[np.uint8]) -> float:
        """Seconds that :data:`FEW` versions of a photo take."""
        began = time.perf_counter()
        for hints in self.colorizer.sample_hints(grey, FEW):
            self.colorizer.colorize(grey, hints=hints)
        self.colorizer.forget()
        return time.perf_counter() - began


def to_rgb(L: Array, ab: Array) -> Array:
    """sRGB (3, H, W) in 0..1, in 8-bit steps."""
    rgb = color.lab_to_rgb(color.fit_gamut(np.concatenate([L[None], ab])))
    return np.asarray(np.round(np.clip(rgb, 0, 1) * 255) / np.float32(255), np.float32)


def vary_within(ab: Array, regions: NDArray[np.int32]) -> float:
    """Variance of ab (2, H, W) about the mean of the region that each cell belongs to."""
    cells = resize_planes(ab, (regions.shape[0], regions.shape[1]))
    flat, belongs = cells.reshape(2, -1), regions.ravel()
    counts = np.bincount(belongs)
    means = np.stack([np.bincount(belongs, plane) / counts for plane in flat])
    return float(((flat - means[:, belongs]) ** 2).sum(0).mean())


def measure(
    L: Array, truth: Array, answers: list[Array], regions: NDArray[np.int32]
) -> list[float]:
    """Figures of one row for one photo; of a photo that has one answer, that is also the best."""
    shown = [to_rgb(L, ab) for ab in answers]
    right = [metrics.psnr(truth, rgb) for rgb in shown]
    apart = [float(np.hypot(*(a - b)).mean()) for a, b in combinations(answers, 2)]
    return [
        float(np.mean(right)),
        max(right[:FEW]),
        max(right),
        metrics.psnr(truth, to_rgb(L, np.mean(answers, 0))),
        float(np.mean([metrics.colorfulness(rgb) for rgb in shown])),
        float(np.mean(apart)) if apart else np.nan,
        float(np.mean([vary_within(ab, regions) for ab in answers])),
    ]


def main() -> None:
    """Measure, print, and keep."""
    parser = common.options(__doc__, 500)
    parser.add_argument("--model", default="hintnet")
    parser.add_argument("--timed", type=int, default=24, help="photos")
    given = parser.parse_args()
    painter, score = Painter(given.model), lite2()
    figures: dict[str, list[list[float]]] = {"truth": []}
    features: dict[str, list[Array]] = {}
    seconds: list[float] = []
    for number, (_, photo) in enumerate(common.read(given.data, given.held_out, given.most)):
        rgb = np.ascontiguousarray(crop(photo, "crop256").transpose(2, 0, 1))
        truth = rgb.astype(np.float32) / np.float32(255)
        L, *true_ab = color.rgb_to_lab(truth)
        regions = painter.find_regions(L)
        figures["truth"].append(measure(L, truth, [np.stack(true_ab)], regions))
        for name, answers in painter.paint(L).items():
            figures.setdefault(name, []).append(measure(L, truth, answers, regions))
            shown = [to_rgb(L, ab) for ab in answers[:FEW]]
            seen = score(np.stack([truth, *shown])).features["FD-lite2"]
            features.setdefault(name, []).append(seen)
        if number < given.timed:
            seconds.append(painter.time(to_grey(L)))
    show(tell(figures, features, seconds), "row", given.json)


def tell(
    figures: dict[str, list[list[float]]], features: dict[str, list[Array]], seconds: list[float]
) -> dict[str, dict[str, object]]:
    """The table."""
    *_, colour, _, varied = np.mean(figures["truth"], 0)
    table: dict[str, dict[str, object]] = {}
    for name, rows in figures.items():
        psnr, best_few, best, mean, colourful, apart, within = np.mean(rows, 0)
        several = not np.isnan(apart)
        distance = ""
        if name in features:
            sets = np.stack(features[name], 1)  # the truths, and a set for each draw
            distance = f"{np.mean([metrics.frechet(sets[0], drawn) for drawn in sets[1:]]):.1f}"
        table[name] = {
            "PSNR, dB": "" if name == "truth" else f"{psnr:.2f}",
            f"best of {FEW}": f"{best_few:.2f}" if several else "",
            f"best of {VERSIONS}": f"{best:.2f}" if several else "",
            f"mean of {VERSIONS}": f"{mean:.2f}" if several else "",
            "colourfulness": f"{colourful / colour:.2f}",
            "apart, ab": f"{apart:.1f}" if several else "",
            "within regions": f"{within / varied:.2f}",
            "FD-lite2": distance,
            f"s for {FEW}": f"{np.median(seconds):.2f}" if several and seconds else "",
        }
    return table


if __name__ == "__main__":
    main()
