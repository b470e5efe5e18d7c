"""Is a thing of one colour in each version of a photo, and is one of them near to the truth?

    python benchmarks/versions.py --data photos.tar [--held-out 0.03] [--most 24] [--versions 8]
        [--models hintnet new.onnx] [--json docs/figures/versions.json]

Photos are cut as in the protocol crop256, and coloured with the default options. A thing is a
region of nearly one true colour (Felzenszwalb and Huttenlocher 2004, by scikit-image). Told are the
standard deviation of ab within things, for the truth, the automatic answer and the versions; PSNR,
of the versions on the mean and of the best; and the mean ab distance between two versions.
"""

from __future__ import annotations

from itertools import combinations

import common
import numpy as np
from common import load_models, show
from numpy.typing import NDArray
from skimage.segmentation import felzenszwalb

from photochrom import Colorizer, color
from photochrom.evaluation import metrics
from photochrom.evaluation.protocol import crop
from photochrom.inference.chroma_upsampling import to_grey

Pixels = NDArray[np.uint8]
Plane = NDArray[np.float32]


def to_ab(rgb: Pixels) -> Plane:
    """ab (H, W, 2)."""
    return np.asarray(color.rgb_to_lab(rgb.astype(np.float32) / 255, axis=-1)[..., 1:])


def find_things(truth: Pixels) -> NDArray[np.int64]:
    """A number for each thing, (H, W)."""
    return np.asarray(felzenszwalb(truth, scale=200, sigma=0.8, min_size=200))


def vary_within(ab: Plane, things: NDArray[np.int64]) -> float:
    """Variance of ab (H, W, 2) about the mean of the thing that each pixel belongs to."""
    flat, belongs = ab.reshape(-1, 2), things.ravel()
    counts = np.bincount(belongs)
    means = np.stack([np.bincount(belongs, plane) / counts for plane in flat.T], -1)
    return float(((flat - means[belongs]) ** 2).sum(1).mean())


def measure(colorizer: Colorizer, truth: Pixels, k: int) -> dict[str, list[float]]:
    """Of one photo, (variance within things, PSNR, best PSNR, ab apart) by row."""
    L = color.rgb_to_lab(truth.astype(np.float32) / 255, axis=-1)[..., 0]
    grey, things = to_grey(L), find_things(truth)
    automatic = colorizer.colorize(grey)
    drawn = [colorizer.colorize(grey, hints=hints) for hints in colorizer.sample_hints(grey, k)]

    def psnr(rgb: Pixels) -> float:
        return metrics.psnr(*(p.transpose(2, 0, 1) / 255 for p in (truth, rgb)))

    within = [vary_within(to_ab(version), things) for version in drawn]
    right = [psnr(version) for version in drawn]
    pairs = combinations(map(to_ab, drawn), 2)
    apart = [float(np.hypot(*np.moveaxis(a - b, -1, 0)).mean()) for a, b in pairs]
    rows: dict[str, list[float]] = {
        "truth": [vary_within(to_ab(truth), things), np.nan, np.nan, np.nan],
        "automatic": [vary_within(to_ab(automatic), things), psnr(automatic), np.nan, np.nan],
        "versions": [*(float(np.mean(f)) for f in (within, right, [max(right)], apart))],
    }  # fmt: skip
    return rows


def main() -> None:
    """Measure, print, and keep."""
    parser = common.options(__doc__, 24)
    parser.add_argument("--versions", type=int, default=8)
    parser.add_argument("--models", nargs="+", default=["hintnet"])
    given = parser.parse_args()
    photos = [
        crop(photo, "crop256") for _, photo in common.read(given.data, given.held_out, given.most)
    ]
    table: dict[str, dict[str, object]] = {}
    for name, colorizer in load_models(given.models).items():
        found = [measure(colorizer, photo, given.versions) for photo in photos]
        for row in found[0]:
            variance, psnr, best, apart = np.mean([figures[row] for figures in found], axis=0)
            figures = {
                "ab within things": np.sqrt(variance), "PSNR, dB": psnr,
                f"best of {given.versions}, dB": best, "apart, ab": apart,
            }  # fmt: skip
            label = row if row == "truth" else f"{name}, {row}"
            table[label] = {
                head: "–" if np.isnan(figure) else f"{figure:.2f}"
                for head, figure in figures.items()
            }
    show(table, "row", given.json)


if __name__ == "__main__":
    main()
